//! Metrics in the log, a line for each path, in the convention that Heroku's log drains make metrics of (l2met):
//! `count#` adds up, `measure#` is one of many, `sample#` is what holds now.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use super::super::board::Board;
use super::super::result::ProbeResult;
use super::super::stop::Stop;
use super::super::watched::{Status, Watched};

/// The longest source that a drain takes, in characters.
const LONGEST_SOURCE: usize = 255;

/// Writes a line for each path, at each interval until all is to end, and once more then.
pub(super) fn run(board: &Board, interval: Duration, stop: &Stop) {
    let mut before: HashMap<u64, Counted> = HashMap::new();
    let mut is_over = false;
    while !is_over {
        is_over = stop.sleep(interval);
        let mut counted = HashMap::new();
        let mut lines = String::new();
        for path in board.paths() {
            let status = path.status().clone();
            let now = Counted::of(&status);
            let since = before.remove(&path.number).unwrap_or_default();
            if let Some(line) = line(&board.source, &path, &status, &since, &now) {
                lines += &line;
                lines.push('\n');
            }
            counted.insert(path.number, now);
        }
        before = counted;
        // Whoever reads the log may be gone; that ends nothing.
        _ = std::io::stdout().lock().write_all(lines.as_bytes());
    }
}

/// What was counted of a path until some time.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counted {
    results: HashMap<ProbeResult, u64>,
    answered: u64,
    round_trips: f64,
}

impl Counted {
    fn of(status: &Status) -> Self {
        Self {
            results: status.results.iter().map(|(result, probes)| (*result, *probes)).collect(),
            answered: status.round_trips.iter().sum(),
            round_trips: status.round_trips_sum,
        }
    }
}

/// The line of a path; none where it was not probed.
fn line(source: &str, path: &Watched, status: &Status, since: &Counted, now: &Counted) -> Option<String> {
    let last = status.last?;
    let probes = |result: &ProbeResult| {
        let of = |counted: &Counted| counted.results.get(result).copied().unwrap_or_default();
        of(now).saturating_sub(of(since))
    };
    let all: u64 = ProbeResult::ALL.iter().map(probes).sum();
    let mut line = format!("count#peerscope.probes={all}");
    for result in ProbeResult::ALL {
        if probes(&result) > 0 {
            _ = write!(line, " count#peerscope.probes.{}={}", result.word(), probes(&result));
        }
    }
    let answered = now.answered.saturating_sub(since.answered);
    if answered > 0 {
        #[expect(clippy::cast_precision_loss, reason = "the probes of one interval are few")]
        let mean = (now.round_trips - since.round_trips) / answered as f64;
        _ = write!(line, " measure#peerscope.rtt={:.3}ms", mean * 1000.0);
    }
    _ = write!(line, " sample#peerscope.up={}", u8::from(last.result.is_up()));
    _ = write!(line, " source={}", source_of(&format!("{source}.{}", path.section.name.0)));
    Some(line)
}

/// A source as drains take it: letters, digits and a few marks, so that nothing in it can be another field.
fn source_of(text: &str) -> String {
    let kept = |character: char| character.is_ascii_alphanumeric() || ".:-_".contains(character);
    text.chars().take(LONGEST_SOURCE).map(|character| if kept(character) { character } else { '_' }).collect()
}

#[cfg(test)]
mod tests {

    use super::super::super::configuration;
    use super::super::super::watched::Last;
    use super::*;
    use crate::clock;

    #[test]
    fn a_line_counts_what_came_since_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("peerscope.yml");
        std::fs::write(&file, "paths: [{name: 'orders db=1', target: 10.0.0.1:80}]\n").unwrap();
        let board = Board::without_past("worker.1");
        board.watch(&configuration::read(&file).unwrap().paths);
        let path = board.path("orders db=1").unwrap();
        let probe = |result, milliseconds: Option<u64>| {
            let last = Last { at: clock::now(), result, rtt: milliseconds.map(Duration::from_millis) };
            path.probed(board.now(), last);
        };
        let none = Counted::default();
        assert_eq!(line("s", &path, &path.status(), &none, &none), None);
        probe(ProbeResult::Connected, Some(2));
        probe(ProbeResult::Connected, Some(4));
        let status = path.status().clone();
        let first = Counted::of(&status);
        assert_eq!(
            line("worker.1", &path, &status, &none, &first).unwrap(),
            "count#peerscope.probes=2 count#peerscope.probes.connected=2 measure#peerscope.rtt=3.000ms \
             sample#peerscope.up=1 source=worker.1.orders_db_1"
        );
        probe(ProbeResult::Timeout, None);
        let status = path.status().clone();
        assert_eq!(
            line("worker.1", &path, &status, &first, &Counted::of(&status)).unwrap(),
            "count#peerscope.probes=1 count#peerscope.probes.timeout=1 sample#peerscope.up=0 \
             source=worker.1.orders_db_1"
        );
    }
}
