//! What the names of targets stand for, looked up beside the probing: a name server that is slow delays no probe.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::board::Board;
use super::stop::Stop;
use crate::case::documented_addresses;
use crate::resolve::{addresses, usable};
use crate::target::{Host, TargetUrl};

/// How often a name is looked up: a change of it, such as a database's that moved, shows within this time.
const EVERY: Duration = Duration::from_secs(15);
/// How long one lookup may take.
const LONGEST: Duration = Duration::from_secs(5);
/// The longest sleep: so soon a new name is looked up.
const NAP: Duration = Duration::from_millis(200);

/// What a name stands for, or why nothing is known of it.
pub(super) type Looked = Result<Vec<IpAddr>, String>;

/// What the names stand for.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<String, (Instant, Looked)>>);

impl Names {
    /// The addresses of a host; none before it was looked up for the first time.
    pub(super) fn addresses(&self, host: &Host) -> Option<Looked> {
        match host {
            Host::Address(address) => Some(Ok(vec![*address])),
            host => self.lock().get(&host.to_string()).map(|(_, looked)| looked.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, Looked)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks names up until all is to end.
    pub(super) fn run(&self, board: &Board, stop: &Stop) {
        loop {
            let targets: HashMap<String, TargetUrl> = board
                .paths()
                .iter()
                .map(|path| &path.section.target.0)
                .filter(|target| !matches!(target.host, Host::Address(_)))
                .map(|target| (target.host.to_string(), target.clone()))
                .collect();
            self.lock().retain(|name, _| targets.contains_key(name));
            for (name, target) in targets {
                let is_fresh = self.lock().get(&name).is_some_and(|(at, _)| at.elapsed() < EVERY);
                if is_fresh {
                    continue;
                }
                let looked = look_up(&target, board);
                self.lock().insert(name, (Instant::now(), looked));
                if stop.is_asked() {
                    return;
                }
            }
            if stop.sleep(NAP) {
                return;
            }
        }
    }
}

fn look_up(target: &TargetUrl, board: &Board) -> Looked {
    let found = match &target.host {
        // What an application connects to is what the DNS says, not what a tag is called.
        Host::Name(name) => addresses(name, LONGEST)?,
        _ => {
            let configured = board.configured();
            let topology = configured.as_ref().map(|configured| &configured.topology);
            documented_addresses(target, topology)?.unwrap_or_default()
        }
    };
    Ok(usable(found))
}
