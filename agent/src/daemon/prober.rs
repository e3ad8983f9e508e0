//! Sends each path's probes at their times: one thread, one engine, however many paths.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use peerscope_probes::{Engine, EngineOptions, Pace, ProbeEngine};
use peerscope_vocabulary::{Observation, Outcome, ProbeId, ProbeKind, ProbeRequest};

use super::board::Board;
use super::configuration::SHORTEST_OF_MYSQL_UNSPOKEN;
use super::log::Log;
use super::names::Names;
use super::result::ProbeResult;
use super::schedule::Schedule;
use super::stop::Stop;
use super::watched::{Last, Watched};
use crate::clock;
use crate::destination::Destination;
use crate::exit::Failure;

/// The longest sleep: so often it looks whether paths have changed, or all is to end.
const NAP: Duration = Duration::from_millis(100);
/// The share of its interval by which a turn may be late and still be kept: the tenth part.
const GRACE: u32 = 10;

/// How long a connection is held to hear whether a MySQL greets, which it does at once.
const GREETING: Duration = Duration::from_millis(300);
/// How many turns lie between two that listen, where nothing has happened: fewer than a MySQL forgives.
const UNHEARD: usize = 20;

/// Probes until all is to end.
///
/// # Errors
/// Where the system gives no engine or no events.
pub(super) fn run(board: &Board, names: &Names, pace: Pace, log: &Log, stop: &Stop) -> Result<(), Failure> {
    let internal = |error: peerscope_probes::ProbeError| Failure::Internal(error.to_string());
    let options = EngineOptions { pace, ..EngineOptions::default() };
    let mut prober = Prober {
        board,
        names,
        log,
        engine: ProbeEngine::with(options).map_err(internal)?,
        schedule: Schedule::default(),
        paths: HashMap::new(),
        under_way: HashMap::new(),
        next_id: 0,
        skipped: 0,
    };
    let mut observations = Vec::new();
    let mut looked = None;
    while !stop.is_asked() {
        let now = board.now();
        if looked.is_none_or(|looked| now >= looked + NAP) {
            prober.look();
            looked = Some(now);
        }
        prober.submit(now);
        prober.engine.poll(board.now(), &mut observations);
        for observation in observations.drain(..) {
            prober.take(&observation);
        }
        let wake = prober.engine.wake_at().into_iter().chain(prober.schedule.next_at()).min();
        let now = board.now();
        let nap = wake.map_or(NAP, |wake| wake.saturating_sub(now)).min(NAP);
        prober.engine.wait(nap).map_err(internal)?;
    }
    Ok(())
}

struct Prober<'a> {
    board: &'a Board,
    names: &'a Names,
    log: &'a Log,
    engine: ProbeEngine,
    schedule: Schedule,
    paths: HashMap<u64, Probed>,
    under_way: HashMap<ProbeId, Arc<Watched>>,
    next_id: u32,
    /// Turns that came while the last probe was still under way, and were not made up for.
    skipped: u64,
}

/// A path, and how often it was asked.
struct Probed {
    path: Arc<Watched>,
    /// The number of its turns: each address of a name has its own.
    turns: usize,
    is_under_way: bool,
    /// Whether it is to be heard next who is there.
    is_to_be_heard: bool,
    /// When a turn came while the last probe was under way.
    owed: Option<Duration>,
}

impl Prober<'_> {
    /// Takes the paths that are new, and leaves those that are gone.
    fn look(&mut self) {
        let now = self.board.now();
        let paths = self.board.paths();
        if paths.len() == self.paths.len() && paths.iter().all(|path| self.paths.contains_key(&path.number)) {
            return;
        }
        let mut kept = HashMap::with_capacity(paths.len());
        for path in paths {
            let probed = self.paths.remove(&path.number).unwrap_or_else(|| {
                self.schedule.add(path.number, &path.section.name.0, path.section.interval.0, now);
                Probed {
                    path: Arc::clone(&path),
                    turns: 0,
                    is_under_way: false,
                    is_to_be_heard: true,
                    owed: None,
                }
            });
            kept.insert(path.number, probed);
        }
        for gone in self.paths.keys() {
            self.schedule.remove(*gone);
        }
        self.paths = kept;
    }

    /// Hands over what is due.
    fn submit(&mut self, now: Duration) {
        while let Some(number) = self.schedule.next(now) {
            let Some(probed) = self.paths.get_mut(&number) else { continue };
            if !probed.is_under_way {
                self.probe(number, now);
            } else if probed.owed.replace(now).is_some() {
                self.skipped += 1;
            }
        }
        self.board.missed.store(self.schedule.missed() + self.skipped, Ordering::Relaxed);
    }

    /// Hands a path's probe over.
    fn probe(&mut self, number: u64, now: Duration) {
        let address = match self.address(number) {
            Ok(Some(address)) => address,
            // It has not been looked up yet.
            Ok(None) => return,
            Err(()) => {
                self.note(number, ProbeResult::DnsError, None);
                return;
            }
        };
        self.next_id = self.next_id.wrapping_add(1);
        let id = ProbeId(self.next_id);
        let Some(probed) = self.paths.get_mut(&number) else { return };
        let section = &probed.path.section;
        let request = Destination::of(&section.target.0, address).request(id, section.timeout.0);
        let is_taken = match section.target.0.handshake() {
            Some(handshake) => {
                let request = ProbeRequest { greeting_wait: section.timeout.0, ..request };
                self.engine.speak(now, request, handshake)
            }
            None => {
                let is_heard = request.kind == ProbeKind::TcpConnect
                    && (probed.is_to_be_heard || probed.turns.is_multiple_of(UNHEARD));
                let greeting_wait = if is_heard { GREETING.min(section.timeout.0) } else { Duration::ZERO };
                self.engine.submit(now, &[ProbeRequest { greeting_wait, ..request }]) == 1
            }
        };
        if is_taken {
            probed.is_under_way = true;
            probed.turns = probed.turns.wrapping_add(1);
            self.under_way.insert(id, Arc::clone(&probed.path));
        } else {
            self.note(number, ProbeResult::LocalError, None);
        }
    }

    /// A path's probe is over. Where its next turn came a moment before, it has it now: silence ends with the timeout,
    /// which may be as long as the interval, and is counted from when the probe was sent. Where it came long before (a
    /// handshake may take the timeout twice, and a host that many paths lead to is not asked oftener than it may be),
    /// that turn was not kept.
    fn ended(&mut self, number: u64) {
        let now = self.board.now();
        let Some(probed) = self.paths.get_mut(&number) else { return };
        probed.is_under_way = false;
        let Some(owed) = probed.owed.take() else { return };
        if now <= owed + probed.path.section.interval.0 / GRACE {
            self.probe(number, now);
        } else {
            self.skipped += 1;
        }
    }

    /// The address whose turn it is; an error where the name has none.
    fn address(&self, number: u64) -> Result<Option<IpAddr>, ()> {
        let Some(probed) = self.paths.get(&number) else { return Ok(None) };
        match self.names.addresses(&probed.path.section.target.0.host) {
            None => Ok(None),
            Some(Ok(addresses)) if !addresses.is_empty() => {
                Ok(addresses.get(probed.turns % addresses.len()).copied())
            }
            Some(_) => Err(()),
        }
    }

    fn take(&mut self, observation: &Observation) {
        let spoken = self.engine.spoken(observation);
        let is_spoken = spoken.is_some();
        let outcome = spoken.map_or(observation.outcome, |spoken| spoken.observation.outcome);
        let Some(path) = self.under_way.remove(&observation.id()) else { return };
        self.note(path.number, outcome.into(), observation.rtt);
        self.hear(&path, observation, is_spoken);
        self.ended(path.number);
    }

    /// Who connects to a MySQL and leaves before a login counts against this host, which it shuts out after 100 of those.
    /// Where one greets that nobody has named, it is asked as seldom as one that is.
    fn hear(&mut self, path: &Watched, observation: &Observation, is_spoken: bool) {
        let Some(probed) = self.paths.get_mut(&path.number) else { return };
        // Another host may be there once something has happened.
        probed.is_to_be_heard = observation.outcome != Outcome::Connected;
        let is_mysql = observation.greeting.is_some_and(|greeting| greeting.is_mysql());
        if is_spoken || !is_mysql || path.section.interval.0 >= SHORTEST_OF_MYSQL_UNSPOKEN {
            return;
        }
        let was_known = std::mem::replace(&mut path.status().is_mysql, true);
        if !was_known {
            self.schedule.change(path.number, SHORTEST_OF_MYSQL_UNSPOKEN, self.board.now());
            probed.owed = None;
            let target = path.section.target.0.shown();
            let why = "it shuts this host out after 100 connections without a login; mysql:// may be asked every 60 s";
            self.log.warn(
                "mysql_found",
                &[
                    ("path", &path.section.name.0),
                    ("target", &target),
                    ("asked_every", "3600 s"),
                    ("why", why),
                ],
            );
        }
    }

    fn note(&mut self, number: u64, result: ProbeResult, rtt: Option<Duration>) {
        let Some(probed) = self.paths.get(&number) else { return };
        let last = Last { at: clock::now(), result, rtt };
        probed.path.probed(self.board.now(), last);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;

    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::daemon::configuration::{LogFormat, PathSection};

    /// What the probing of these paths comes to in a while: how often each was probed, and the turns that were missed.
    fn probed(sections: &[PathSection], within: Duration) -> (Vec<u64>, u64) {
        let (board, log, stop) = (Board::without_past("here"), Log::new(LogFormat::Json), Stop::default());
        board.watch(sections);
        thread::scope(|scope| {
            scope.spawn(|| run(&board, &Names::default(), Pace::default(), &log, &stop).unwrap());
            thread::sleep(within);
            stop.ask();
        });
        let count = |path: &Arc<Watched>| path.status().results.values().sum();
        (board.paths().iter().map(count).collect(), board.missed.load(Ordering::Relaxed))
    }

    fn path(name: &str, target: SocketAddr, milliseconds: u32) -> PathSection {
        let often = format!("{milliseconds}ms");
        let section = serde_json::json!({ "name": name, "target": format!("tcp://{target}"), "interval": often, "timeout": often });
        serde_json::from_value(section).unwrap()
    }

    #[test]
    fn a_mysql_that_nobody_has_named_is_asked_once_and_then_by_the_hour() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for taken in listener.incoming().map_while(Result::ok) {
                let mut taken = taken;
                // The beginning of MySQL's greeting: a length, a number, protocol 10, and a version.
                _ = std::io::Write::write_all(&mut taken, b"\x4a\0\0\0\x0a8.0.36\0");
                thread::sleep(Duration::from_millis(500));
            }
        });
        let (counts, missed) = probed(&[path("found", address, 200)], Duration::from_secs(3));
        // One more may have been due while the first one listened.
        assert!((1..=2).contains(&counts[0]), "{counts:?}");
        assert_eq!(missed, 0);
    }

    #[test]
    fn silence_that_lasts_as_long_as_the_interval_costs_no_turn() {
        // A listener whose queue is full lets every further SYN fall.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let full = TcpListener::from(socket);
        let address = full.local_addr().unwrap();
        let _waiting = TcpStream::connect(address).unwrap();
        let (counts, missed) = probed(&[path("silent", address, 500)], Duration::from_millis(5250));
        // Of ten turns the last is under way at the end; each begins a little later than it might.
        assert!((8..=10).contains(&counts[0]), "{counts:?}");
        assert!(missed <= 1, "{missed}");
    }

    #[test]
    fn turns_that_a_host_cannot_be_asked_at_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || listener.incoming().for_each(drop));
        let paths: Vec<PathSection> =
            (0..20).map(|number| path(&format!("path-{number}"), address, 500)).collect();
        let (counts, missed) = probed(&paths, Duration::from_secs(3));
        // Ten a second, of forty that are due.
        let made: u64 = counts.iter().sum();
        assert!((20..=36).contains(&made), "{counts:?}");
        assert!(missed >= 50, "{missed}");
    }
}
