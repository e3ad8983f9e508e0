//! `peerscope run`: watches paths for months.
//!
//! Five things go on side by side, and none waits for another: `prober.rs` sends each path's probes at their times,
//! `diagnosing.rs` asks why where one changes, `snapshots.rs` reads again and again what is configured, `server.rs`
//! says what is known, and `push` sends it to who cannot ask. They meet on the `board.rs` alone. How often one host is asked is counted over all of them
//! together, by the one pace that their engines share.

mod access;
mod answer;
mod api;
mod aside;
mod attention;
mod blackbox;
mod blocks;
mod board;
mod canary;
mod client;
pub(crate) mod configuration;
mod configured;
mod content;
mod diagnosing;
mod discovery;
mod history;
mod log;
mod metrics;
mod names;
mod parameters;
mod prober;
mod push;
mod recent;
mod reload;
mod result;
mod routes;
mod schedule;
mod server;
mod snapshots;
mod stop;
#[cfg(test)]
mod stub;
mod url;
mod watched;
mod web;

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use peerscope_probes::Pace;

use self::board::Board;
use self::canary::Canaries;
use self::diagnosing::Diagnosing;
use self::history::History;
use self::log::Log;
use self::names::Names;
use self::push::VerdictLog;
use self::recent::Happening;
use self::reload::{Reload, Tell};
use self::routes::Daemon;
use self::stop::Stop;
use crate::clock;
use crate::dyno::Dyno;
use crate::exit::{Failure, Status};

/// How many diagnoses go on at a time.
const DIAGNOSES: usize = 4;
/// How long everything may take to end.
const ENDING: Duration = Duration::from_millis(4000);
/// How long after that the history may take to be written: the last second's alone is left.
const FLUSHING: Duration = Duration::from_millis(800);
/// How soon a signal is heeded.
const NAP: Duration = Duration::from_millis(50);

/// What everything that goes on shares.
struct Shared {
    board: Arc<Board>,
    names: Names,
    pace: Pace,
    log: Log,
    verdicts: VerdictLog,
    canaries: Canaries,
    /// Held by the one diagnosing thread that looks for something to do.
    finding: Mutex<()>,
    stop: Stop,
}

/// Runs until a signal ends it.
///
/// # Errors
/// Where the configuration is wrong, the address cannot be listened on, or the system gives no engine.
pub(crate) fn run(file: &Path) -> Result<Status, Failure> {
    let document = configuration::read(file).map_err(Failure::Input)?;
    let listener = server::listen(document.listen.0)?;
    let signals = signals()?;
    let dyno = Dyno::here();
    let source = document.source.as_ref().map(|source| source.name.clone());
    let source = source.unwrap_or_else(|| own_name(dyno.as_ref()));
    let log = Log::new(document.log_format);
    let history = Arc::new(History::open(document.history.as_deref(), &document.history_retention, log)?);
    let shared = Arc::new(Shared {
        board: Arc::new(Board::new(Instant::now(), dyno, source, Arc::clone(&history))),
        names: Names::default(),
        pace: Pace::default(),
        log,
        verdicts: VerdictLog::new(&document),
        canaries: Canaries::default(),
        finding: Mutex::default(),
        stop: Stop::default(),
    });
    let push = push::work(&document, &shared.board.pushed, &shared.verdicts)?;
    let probing = blackbox::Endpoint::new(&shared, &document.probe_endpoint)?;
    shared.board.watch(&document.paths);
    let (listening, paths) = (document.listen.0.to_string(), document.paths.len().to_string());
    let fields = [("version", env!("CARGO_PKG_VERSION")), ("listen", &listening), ("paths", &paths)];
    shared.log.info("started", &fields);
    shared.board.happened(clock::now(), Happening::Started, &fields[..1]);
    let writing = Arc::clone(&history);
    thread::spawn(move || writing.run());
    let (snapshot, discovered) = (document.snapshot.clone(), document.discovery.clone());
    let (tell_snapshots, told_snapshots) = channel();
    let (tell_discovery, told_discovery) = channel();
    let tell = Tell { snapshots: tell_snapshots.clone(), discovery: tell_discovery.clone() };
    let reload = Reload::new(file.to_path_buf(), Arc::clone(&shared.board), shared.log, document, tell);
    let reload = Arc::new(reload);
    let mut working = vec![
        go(&shared, |shared| {
            prober::run(&shared.board, &shared.names, shared.pace.clone(), &shared.log, &shared.stop)
        }),
        go(&shared, |shared| {
            shared.names.run(&shared.board, &shared.stop);
            Ok(())
        }),
        go(&shared, move |shared| {
            snapshots::run(shared, &snapshot, &tell_snapshots, &told_snapshots);
            Ok(())
        }),
        go(&shared, |shared| {
            blocks::run(shared);
            Ok(())
        }),
        go(&shared, |shared| {
            shared.canaries.run(shared);
            Ok(())
        }),
    ];
    working.push(go(&shared, move |shared| {
        discovery::run(shared, &discovered, &tell_discovery, &told_discovery);
        Ok(())
    }));
    working.extend(push.into_iter().map(|work| go(&shared, work)));
    let looking = Arc::clone(&reload);
    working.push(go(&shared, move |shared| {
        looking.on_change(&shared.stop);
        Ok(())
    }));
    let daemon = Daemon { board: Arc::clone(&shared.board), reload: Arc::clone(&reload), probing };
    working.push(go(&shared, move |shared| server::run(listener, daemon, &shared.stop)));
    for _ in 0..DIAGNOSES {
        working.push(go(&shared, |shared| {
            Diagnosing::of(shared).run();
            Ok(())
        }));
    }
    heed(&signals, &reload, &shared);
    let ended = finish(working);
    // What the others told last is told now.
    shared.board.happened(clock::now(), Happening::Stopped, &[]);
    if !history.close(FLUSHING) {
        shared.log.warn("history_not_flushed", &[]);
    }
    ended
}

/// Something that goes on by itself. Where it ends, in whatever way, everything does.
fn go(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<(), Failure> + Send + 'static,
) -> JoinHandle<Result<(), Failure>> {
    struct Ends<'a>(&'a Stop);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.ask();
        }
    }
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let _ends = Ends(&shared.stop);
        work(&shared)
    })
}

/// Waits for what goes on to end, but no longer than whoever sent the signal waits for this process: a lookup or a
/// reading that somebody else holds up is left.
fn finish(working: Vec<JoinHandle<Result<(), Failure>>>) -> Result<Status, Failure> {
    let begun = Instant::now();
    let mut failure = None;
    for thread in working {
        while !thread.is_finished() && begun.elapsed() < ENDING {
            thread::sleep(Duration::from_millis(10));
        }
        if thread.is_finished() {
            let ended = thread.join();
            let ended =
                ended.unwrap_or_else(|_| Err(Failure::Internal("a thread ended in a panic".to_string())));
            failure = failure.or(ended.err());
        }
    }
    failure.map_or(Ok(Status::Good), Err)
}

/// The signals that are waited for, kept from every thread that starts after.
fn signals() -> Result<SigSet, Failure> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().map_err(|error| Failure::Internal(format!("signals: {error}")))?;
    Ok(signals)
}

/// Waits for signals, and does what they say, until all is to end.
fn heed(signals: &SigSet, reload: &Reload, shared: &Shared) {
    let Ok(signals) = SignalFd::with_flags(signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC) else {
        shared.stop.ask();
        return;
    };
    while !shared.stop.sleep(NAP) {
        let Ok(Some(told)) = signals.read_signal() else { continue };
        match i32::try_from(told.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()) {
            Some(Signal::SIGHUP) => _ = reload.now(),
            Some(signal) => {
                shared.log.info("stopping", &[("signal", signal.as_str())]);
                shared.stop.ask();
            }
            None => {}
        }
    }
}

/// What this daemon is called where nothing says so.
fn own_name(dyno: Option<&Dyno>) -> String {
    let host = || nix::unistd::gethostname().ok()?.into_string().ok();
    dyno.and_then(|dyno| dyno.name.clone()).or_else(host).unwrap_or_else(|| "peerscope".to_string())
}
