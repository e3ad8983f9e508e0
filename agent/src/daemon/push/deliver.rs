//! Sends what waits, one after the other, again and again until the receiver takes it or will not have it.

use std::time::{Duration, Instant};

use super::super::client::Failed;
use super::super::log::Log;
use super::queue::{Item, Queue};

/// The first wait after a request that failed; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How long is sent on once all is to end.
const ENDING: Duration = Duration::from_millis(3000);
/// The wait between two requests then.
const ENDING_WAIT: Duration = Duration::from_millis(200);
/// How often it is logged that something fails.
const LOGGED: Duration = Duration::from_secs(60);

/// Delivers until nothing more comes and all is sent, or the time is over. `send` says how many of what it was given the
/// receiver would not have.
pub(super) fn deliver<T: Clone>(
    queue: &Queue<T>,
    most: usize,
    event: &str,
    log: &Log,
    mut send: impl FnMut(&[Item<T>], Duration) -> Result<u64, Failed>,
) {
    let mut wait = FIRST_WAIT;
    let mut seldom = Seldom::default();
    while let Some(items) = queue.oldest(most) {
        let left = queue.closed_for().map_or(REQUEST, |closed| ENDING.saturating_sub(closed));
        if left.is_zero() {
            let pending = queue.counts().pending().to_string();
            log.warn(
                &format!("{event}_ended"),
                &[("lost", &pending), ("error", "the receiver did not take it in time")],
            );
            return;
        }
        match send(&items, left) {
            Ok(rejected) => {
                queue.sent(&items, rejected);
                wait = FIRST_WAIT;
                if rejected > 0 {
                    seldom.say(log, &format!("{event}_rejected"), "the receiver would not have all of it");
                }
            }
            Err(Failed::Rejected(why)) => {
                queue.rejected(&items);
                seldom.say(log, &format!("{event}_rejected"), &why);
            }
            Err(Failed::Again(why, asked)) => {
                queue.failed();
                seldom.say(log, &format!("{event}_failed"), &why);
                let jittered = wait.mul_f64(0.75 + fastrand::f64() / 2.0);
                let nap = asked.map_or(jittered, |asked| asked.min(LONGEST_ASKED));
                wait = (wait * 2).min(LONGEST_WAIT);
                if queue.closed_for().is_some() {
                    std::thread::sleep(ENDING_WAIT);
                } else {
                    queue.pause(nap);
                }
            }
        }
    }
}

/// Says the same thing seldom.
#[derive(Default)]
struct Seldom {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    fn say(&mut self, log: &Log, event: &str, why: &str) {
        if self.said.is_some_and(|said| said.elapsed() < LOGGED) {
            self.unsaid += 1;
            return;
        }
        let unsaid = self.unsaid.to_string();
        log.warn(event, &[("error", why), ("more", &unsaid)]);
        (self.said, self.unsaid) = (Some(Instant::now()), 0);
    }
}
