//! Diagnoses the paths that need it, beside the probing: however long one takes, no probe of another path waits for it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::{Baseline, Case, Machine};
use peerscope_analysis::report::{Diagnosis, Verdict};
use peerscope_probes::{EngineOptions, Pace};

use super::Shared;
use super::board::Board;
use super::canary::Canaries;
use super::log::Log;
use super::metrics::word;
use super::names::Names;
use super::push::VerdictLog;
use super::stop::Stop;
use super::watched::Watched;
use crate::case::{Known, Resolved, case, vantage};
use crate::clock;
use crate::drive::drive_with;
use crate::exit::Failure;
use crate::resolve::{Limits, look_up};
use crate::standpoint::{local_address, no_echo, own_ports, this_machine};
use crate::target::Host;

/// How long a diagnosis may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest sleep.
const NAP: Duration = Duration::from_millis(50);

/// What is to be done next.
enum Work {
    /// By packets.
    Diagnose(Arc<Watched>),
    /// By what is configured alone.
    Analyse(Arc<Watched>),
}

/// The code of the most probable cause, and the id of its component; nothing where there is none.
fn first_cause(diagnosis: &Diagnosis) -> (&str, &str) {
    let cause = diagnosis.causes.first();
    let component = cause.and_then(|cause| cause.component.id.as_deref());
    (cause.map_or("", |cause| cause.code.name()), component.unwrap_or_default())
}

/// Whether what is configured stops some or all of a path.
pub(super) fn is_cut(analysis: &Diagnosis) -> bool {
    matches!(analysis.verdict, Verdict::Blocked | Verdict::Impaired)
}

/// What diagnoses share.
#[derive(Clone, Copy)]
pub(super) struct Diagnosing<'a> {
    pub(super) board: &'a Board,
    pub(super) names: &'a Names,
    pub(super) pace: &'a Pace,
    pub(super) log: &'a Log,
    pub(super) verdicts: &'a VerdictLog,
    pub(super) canaries: &'a Canaries,
    finding: &'a Mutex<()>,
    pub(super) stop: &'a Stop,
}

impl<'a> Diagnosing<'a> {
    /// With what everything shares.
    pub(super) fn of(shared: &'a Shared) -> Self {
        let Shared { board, names, pace, log, verdicts, canaries, finding, stop } = shared;
        Self { board, names, pace, log, verdicts, canaries, finding, stop }
    }

    /// Diagnoses until all is to end. Several threads may.
    pub(super) fn run(self) {
        while let Some(work) = self.next() {
            match work {
                Work::Diagnose(path) => self.diagnose(&path),
                Work::Analyse(path) => self.analyse(&path),
            }
        }
    }

    /// Waits for something to be done; none where all is to end. Of those that have nothing to do one looks, for all of
    /// them: a look goes over every path.
    fn next(self) -> Option<Work> {
        let _looking = self.finding.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stop.is_asked() {
            let now = self.board.now();
            let due = self.board.paths().into_iter().find(|path| path.status().attention.begin(now));
            if let Some(work) = due.map(Work::Diagnose).or_else(|| self.unanalysed()) {
                return Some(work);
            }
            self.stop.sleep(NAP);
        }
        None
    }

    /// A path that what is configured was not asked about since it changed. An address that is not known yet leaves
    /// nothing to be asked.
    fn unanalysed(self) -> Option<Work> {
        let revision = self.board.configured()?.revision;
        let has_address = |path: &Watched| {
            let addresses = self.names.addresses(&path.section.target.0.host);
            addresses.and_then(Result::ok).is_some_and(|addresses| !addresses.is_empty())
        };
        let take = |path: &Arc<Watched>| {
            let mut status = path.status();
            let is_new = status.analysed != Some(revision) && has_address(path);
            if is_new {
                status.analysed = Some(revision);
            }
            is_new
        };
        self.board.paths().into_iter().find(take).map(Work::Analyse)
    }

    /// Asks what is configured alone, before any probe fails: where it cuts a path that works, somebody is about to
    /// learn of it.
    fn analyse(self, path: &Watched) {
        let Ok(analysis) = self.diagnosed(path, false) else { return };
        let analysis = Arc::new(analysis);
        let mut status = path.status();
        let was_cut = status.analysis.as_ref().is_some_and(|before| is_cut(before));
        status.analysis = Some(Arc::clone(&analysis));
        let works = status.verdict == Some(Verdict::Reachable);
        drop(status);
        if works && is_cut(&analysis) && !was_cut {
            let (cause, component) = first_cause(&analysis);
            self.log.warn(
                "about_to_be_cut",
                &[
                    ("path", &path.section.name.0),
                    ("verdict", &word(&analysis.verdict)),
                    ("cause", cause),
                    ("component", component),
                    ("summary", &analysis.summary),
                ],
            );
        }
    }

    fn diagnose(self, path: &Watched) {
        let began = Instant::now();
        let outcome = self.diagnosed(path, true);
        let (now, at) = (self.board.now(), clock::now());
        match outcome {
            Ok(diagnosis) => {
                let took = began.elapsed();
                let diagnosis = Arc::new(diagnosis);
                let before = path.diagnosed(now, at, &diagnosis, took);
                if let Some(before) = before {
                    self.tell(path, before, &diagnosis);
                    self.verdicts.tell(&path.section.name.0, before, &diagnosis, at);
                }
            }
            Err(failure) => {
                let text = failure.to_string();
                self.log.warn("diagnosis_failed", &[("path", &path.section.name.0), ("error", &text)]);
                path.status().attention.diagnosed(now, false);
            }
        }
    }

    fn tell(self, path: &Watched, before: Option<Verdict>, diagnosis: &Diagnosis) {
        let name = &path.section.name.0;
        let (code, component) = first_cause(diagnosis);
        let verdict = word(&diagnosis.verdict);
        let before = before.map_or_else(|| "unknown".to_string(), |before| word(&before));
        let fields = [
            ("path", name.as_str()),
            ("before", before.as_str()),
            ("verdict", verdict.as_str()),
            ("cause", code),
            ("component", component),
            ("summary", diagnosis.summary.as_str()),
        ];
        match diagnosis.verdict {
            Verdict::Reachable => self.log.info("verdict_changed", &fields),
            _ => self.log.warn("verdict_changed", &fields),
        }
    }

    /// Diagnoses a path, with packets or by what is configured alone.
    ///
    /// # Errors
    /// Where the name server configuration cannot be made sense of, or the system gives no engine.
    pub(super) fn diagnosed(self, path: &Watched, probing: bool) -> Result<Diagnosis, Failure> {
        let (at, started) = (clock::now(), Instant::now());
        let case = self.case(path, probing, at, started)?;
        let mut machine = Machine::new(case, fastrand::u64(..));
        // It answers while the packets are under way.
        let has_canary = probing && path.section.canary.is_some();
        if has_canary {
            self.canaries.ask(path.number);
        }
        let later = started.saturating_duration_since(self.board.started);
        let options = EngineOptions { pace: self.pace.later_by(later), ..EngineOptions::default() };
        drive_with(&mut machine, started, options, &|| !self.stop.is_asked())?;
        if has_canary {
            let first_bad = path.status().turn.first_bad;
            machine.stand(self.canaries.heard(path.number, first_bad).into_iter().collect());
        }
        Ok(machine.report(started.elapsed(), at))
    }

    /// What was configured when a path that is bad was good last, where anything was read since.
    fn baseline(self, path: &Watched) -> Option<Baseline> {
        let turn = path.status().turn;
        let (last_good, first_bad) = turn.last_good.zip(turn.first_bad)?;
        self.board.configured().filter(|configured| configured.at > last_good)?;
        let topology = self.board.history.configured_at(last_good)?;
        let good_until = Duration::try_from(first_bad.duration_since(last_good)).ok();
        Some(Baseline { topology, good_until })
    }

    fn case(
        self,
        path: &Watched,
        probing: bool,
        at: jiff::Timestamp,
        started: Instant,
    ) -> Result<Case, Failure> {
        let target = &path.section.target.0;
        let dyno = self.board.dyno.as_ref();
        let mut known =
            self.board.configured().map_or_else(Known::default, |configured| configured.known(at));
        let resolved = match &target.host {
            Host::Name(name) if probing => {
                let found = look_up(name, Limits::within(DEADLINE), started)?;
                Resolved { addresses: found.addresses, lookup: Some(found.lookup) }
            }
            host => self.names.addresses(host).and_then(Result::ok).unwrap_or_default().into(),
        };
        known.baseline = self.baseline(path);
        let first: Option<IpAddr> = resolved.addresses.first().copied();
        let here = first.and_then(|address| local_address(dyno, address));
        let vantage = vantage(dyno, known.topology.as_ref(), here, first);
        let source = this_machine(dyno, &resolved.addresses, own_ports());
        if probing {
            known.gaps.extend(no_echo(target));
        }
        Ok(case(target, resolved, source, vantage, known, probing, DEADLINE))
    }
}
