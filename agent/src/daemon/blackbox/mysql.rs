//! A MySQL shuts out a host that connects 100 times and leaves before a login, and notes each login that it denies. Paths are
//! held to that (`shortest_interval`), and so is whoever asks here: a MySQL is asked as paths ask it, and no oftener; in
//! between, what was found is told once more, with its age.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use peerscope_vocabulary::{Outcome, ProbeId};

use super::super::configuration::shortest_interval;
use super::reach::Allowed;
use super::wire::Wire;
use super::{Probe, Stopped};
use crate::destination::Destination;
use crate::target::TargetUrl;

/// For how long an answer is told once more. Where it may not be asked for longer, nothing is told.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// How often it is looked whether somebody else's question is answered.
const NAP: Duration = Duration::from_millis(20);

/// What is told why it was not asked.
pub(super) const UNFIT: &str = "is a MySQL's, which shuts this host out after connections without a login: it is asked by a \
                                tcp module without tls and query_response alone";

/// What was found of each that was asked.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<SocketAddr, Known>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Somebody is asking.
    UnderWay,
    /// A connection was made then, or may have been; another may be made so much later.
    Asked { at: Duration, interval: Duration, is_good: bool },
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Whoever asks now's.
    Own,
    /// Somebody else's, who is asking.
    Others,
    /// Nobody's: this was found so long ago.
    Found { age: Duration, is_good: bool },
    /// Nobody's, for so long.
    TooSoon(Duration),
}

impl Memory {
    fn turn(&self, now: Duration, at: SocketAddr) -> Turn {
        let mut known = self.lock();
        // What may be asked again needs not be known.
        known.retain(|_, known| match known {
            Known::UnderWay => true,
            Known::Asked { at, interval, .. } => now < at.saturating_add(*interval),
        });
        match known.get(&at) {
            None => {
                known.insert(at, Known::UnderWay);
                Turn::Own
            }
            Some(Known::UnderWay) => Turn::Others,
            Some(&Known::Asked { at, interval, is_good }) => match now.saturating_sub(at) {
                age if age < TOLD_AGAIN => Turn::Found { age, is_good },
                age => Turn::TooSoon(interval.saturating_sub(age)),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn, which ends with this value: in whatever way, others do not wait for ever.
struct Asking<'a> {
    memory: &'a Memory,
    at: SocketAddr,
    asked: Option<Known>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        match self.asked {
            Some(asked) => _ = self.memory.lock().insert(self.at, asked),
            // Nobody listened: nobody counts it.
            None => _ = self.memory.lock().remove(&self.at),
        }
    }
}

/// Asks one, or tells what was found lately. A module that wants a connection alone has it where one was made, whatever was
/// said then.
pub(super) fn ask(
    probe: &mut Probe<'_>,
    target: &TargetUrl,
    address: Allowed,
    port: u16,
) -> Result<(), Stopped> {
    let memory = probe.mysqls;
    let at = address.with_port(port);
    let mut asking = loop {
        match memory.turn(probe.reach.now(), at) {
            Turn::Own => break Asking { memory, at, asked: None },
            Turn::Others if probe.reach.left() > NAP => std::thread::sleep(NAP),
            Turn::Others => {
                let line = format!("{at} is being asked by others, and the time is over");
                return Err(Stopped::Refused(StatusCode::SERVICE_UNAVAILABLE, line));
            }
            Turn::Found { age, is_good } => {
                probe.page.put(AGE.0, AGE.1, age.as_secs_f64());
                probe.say(&format!("a MySQL is asked no oftener: this was found {} s ago", age.as_secs()));
                return if is_good { Ok(()) } else { Err(Stopped::Failed) };
            }
            Turn::TooSoon(left) => {
                let line = format!("{at} {UNFIT}, and this port again in {} s", left.as_secs());
                return Err(Stopped::Refused(StatusCode::TOO_MANY_REQUESTS, line));
            }
        }
    };
    probe.page.put(AGE.0, AGE.1, 0.0);
    let (at, interval) = (probe.reach.now(), shortest_interval(target));
    let made = converse(probe, target, address, port);
    // What may have been made counts.
    let is_good = made == Made::Yes;
    asking.asked = (made != Made::No).then_some(Known::Asked { at, interval, is_good });
    if is_good { Ok(()) } else { Err(Stopped::Failed) }
}

const AGE: (&str, &str) = (
    "peerscope_probe_answer_age_seconds",
    "How long ago a MySQL gave this answer, which is told again since it may not be asked oftener.",
);

/// Whether a connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Yes,
    No,
    Perhaps,
}

fn converse(probe: &mut Probe<'_>, target: &TargetUrl, address: Allowed, port: u16) -> Made {
    let source = probe.module.tcp.addresses().from;
    let Some(handshake) = target.handshake() else {
        let Ok(entrance) = probe.enter_mysql(address, port) else { return Made::No };
        return match Wire::connect(entrance, source, probe.reach.deadline()) {
            Ok(wire) => {
                wire.end();
                Made::Yes
            }
            Err(error) => {
                probe.say(&format!("connecting: {error}"));
                Made::No
            }
        };
    };
    // For the connection, the greeting, and the answer to the login.
    let part = probe.reach.left() / 3;
    let mut request = Destination::of(target, address.address()).request(ProbeId(1), part);
    (request.source, request.greeting_wait) = (source, part);
    let observed = probe.observe(|engine, now| _ = engine.speak(now, request, handshake));
    let (mut engine, observation) = match observed {
        Ok((engine, Some(observation))) => (engine, observation),
        Ok((_, None)) => {
            probe.say("no answer in time");
            return Made::Perhaps;
        }
        Err(why) => {
            probe.say(&why);
            return Made::No;
        }
    };
    let spoken = engine.spoken(&observation);
    let outcome = spoken.as_ref().map_or(observation.outcome, |spoken| spoken.observation.outcome);
    if let Some(end) = spoken.and_then(|spoken| spoken.reply.end) {
        probe.say(&format!("the conversation ended: {end:?}"));
    }
    match outcome {
        Outcome::Connected | Outcome::ApplicationError | Outcome::Reset => Made::Yes,
        other => {
            probe.say(&format!("connecting: {other:?}"));
            Made::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_for_a_while_and_then_nothing_until_it_may_be_asked_again() {
        let memory = Memory::default();
        let at = SocketAddr::from(([10, 0, 0, 1], 33060));
        let seconds = Duration::from_secs;
        assert_eq!(memory.turn(seconds(0), at), Turn::Own);
        assert_eq!(memory.turn(seconds(1), at), Turn::Others);
        drop(Asking { memory: &memory, at, asked: None });
        assert_eq!(memory.turn(seconds(2), at), Turn::Own, "nobody was there");
        let asked = Known::Asked { at: seconds(2), interval: seconds(3600), is_good: true };
        drop(Asking { memory: &memory, at, asked: Some(asked) });
        assert_eq!(memory.turn(seconds(61), at), Turn::Found { age: seconds(59), is_good: true });
        assert_eq!(memory.turn(seconds(62), at), Turn::TooSoon(seconds(3540)));
        assert_eq!(memory.turn(seconds(3602), at), Turn::Own);
        assert_eq!(memory.turn(seconds(62), SocketAddr::from(([10, 0, 0, 2], 33060))), Turn::Own);
    }
}
