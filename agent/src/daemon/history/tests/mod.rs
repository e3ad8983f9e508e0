mod damage;
mod keeping;
mod room;

use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use peerscope_analysis::diagnose::{Machine, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_document::Snapshot;
use serde_json::Value;
use tempfile::TempDir;

use super::super::configuration::LogFormat;
use super::super::configured::Judged;
use super::super::result::ProbeResult;
use super::*;
use crate::case::{Known, case};
use crate::target::TargetUrl;

/// A snapshot as the examples hold it.
pub(super) fn snapshot() -> Snapshot {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    crate::snapshot::load(&[path]).unwrap().snapshot
}

/// A history, and what writes it, turn by turn, without a thread.
struct Kept {
    history: History,
    writer: Writer,
}

impl Kept {
    fn in_file(folder: &TempDir) -> Self {
        Self::of(Some(&folder.path().join("peerscope.db")))
    }

    fn of(file: Option<&Path>) -> Self {
        let history = History::open(file, &RetentionSection::default(), Log::new(LogFormat::Logfmt));
        let writer = Writer::new();
        Self { history: history.unwrap(), writer }
    }

    /// Writes what is pending.
    fn turn(&mut self) {
        let batch = lock(&self.history.waiting).pending.take();
        self.writer.turn(&self.history, batch);
    }

    fn outcome(&self, path: &str, at: i64, result: ProbeResult, rtt: Option<u64>) {
        let at = Timestamp::from_second(at).unwrap();
        let turn = Turn { last_good: Some(at), first_bad: None };
        self.history.outcome(path, &Last { at, result, rtt: rtt.map(Duration::from_micros) }, turn);
    }

    fn verdict(&self, path: &str, at: i64, verdict: Verdict) {
        self.history.verdict(VerdictChange {
            path: path.to_string(),
            target: "tcp://10.0.0.1:5432".to_string(),
            at: Timestamp::from_second(at).unwrap(),
            before: None,
            verdict,
            diagnosis: Some(Arc::new(diagnosis())),
        });
    }

    fn snapshot(&self, at: i64, documents: Snapshot) {
        self.history.snapshot(Arc::new(Configured {
            topology: Topology::from(&documents),
            documents,
            report: None,
            gaps: Vec::new(),
            at: Timestamp::from_second(at).unwrap(),
            revision: 0,
            judged: Judged::default(),
        }));
    }

    /// What is told of a path from one second to another.
    fn told(&self, path: &str, from: i64, to: i64) -> Value {
        let asked = |at| Timestamp::from_second(at).unwrap();
        let told = self.history.path(path, Window { from: asked(from), to: asked(to) });
        serde_json::to_value(told.unwrap()).unwrap()
    }

    /// How many probes of a path are told of.
    fn probes(&self, path: &str) -> u64 {
        let told = self.told(path, 0, 4_000_000_000);
        let buckets = told["buckets"].as_array().unwrap().iter();
        let results = buckets.flat_map(|bucket| bucket["results"].as_object().unwrap().values());
        results.map(|count| count.as_u64().unwrap()).sum()
    }

    fn count(&self, sql: &str) -> i64 {
        let place = lock(&self.history.connection);
        place.as_ref().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Does at once all that is to be tidied at a time.
    fn tidy(&mut self, limits: Limits, now: i64) {
        let mut place = lock(&self.history.connection);
        for _ in 0..100_000 {
            if !retention::step(place.as_mut().unwrap(), limits, now).unwrap() {
                return;
            }
        }
        panic!("there is no end of tidying");
    }

    fn is_sound(&self) -> bool {
        let place = lock(&self.history.connection);
        let told: String =
            place.as_ref().unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        told == "ok"
    }
}

/// A diagnosis that no packet was sent for.
fn diagnosis() -> Diagnosis {
    let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let source = SourceSpec {
        input: "10.0.0.2".to_string(),
        ranges: vec![AddressRange::from(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)))],
        network: None,
        source_ports: PortRange::ALL,
    };
    let target = TargetUrl::parse("tcp://10.0.0.1:5432").unwrap();
    let vantage = Vantage { kind: VantageKind::Unknown, address: None };
    let second = Duration::from_secs(1);
    let case = case(&target, vec![address].into(), source, vantage, Known::default(), false, second);
    Machine::new(case, 1).report(Duration::ZERO, Timestamp::UNIX_EPOCH)
}

/// The present second.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
