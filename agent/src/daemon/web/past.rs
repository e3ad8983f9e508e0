//! What was, on one axis of time: round trips and failed probes, verdicts, changes of what is configured.
//!
//! The drawings have no words: they are stretched to whatever width there is, and words must not be. What is bad differs
//! from what is good by its shape as well as by its colour, and all of it follows in words.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::view::State;
use super::words;
use crate::daemon::board::{Board, Last, Watched};
use crate::daemon::recent::{Change, Event};
use crate::page::{self, Markup, sentence};

/// The length of the axis, in the drawings' units.
const LENGTH: f64 = 1000.0;
/// How high round trips are drawn.
const HEIGHT: f64 = 100.0;
/// How many probes are listed.
const LISTED: usize = 20;

/// What is known of the past of a path, each list oldest first.
pub(super) struct Past {
    pub(super) probes: Vec<Last>,
    pub(super) changes: Vec<Change>,
    pub(super) events: Vec<Event>,
}

impl Past {
    /// What is kept in memory.
    pub(super) fn of(board: &Board, path: &Watched) -> Self {
        let recent = path.recent();
        let (probes, changes) = (recent.probes().copied().collect(), recent.changes().cloned().collect());
        drop(recent);
        Self { probes, changes, events: board.events() }
    }

    /// As a picture and in words.
    pub(super) fn drawn(&self, now: Timestamp) -> Vec<Markup> {
        let mut parts = Vec::new();
        if let Some(first) = self.probes.first() {
            parts.push(self.figure(Axis { from: first.at.min(now), to: now }));
            parts.push(Markup::element("p", &[], [Markup::words(&self.summary(first.at))]));
        }
        parts.push(self.told());
        parts
    }

    fn figure(&self, axis: Axis) -> Markup {
        let longest = self.probes.iter().filter_map(|probe| probe.rtt).max().unwrap_or_default();
        let top = ceiling(longest);
        let lane = |words: String| Markup::element("p", &[("class", "lane")], [Markup::words(&words)]);
        let is_failed = self.probes.iter().any(|probe| !probe.result.is_up());
        let trips =
            format!("Round trips from 0 to {}: a dot is a probe that was answered", words::round_trip(top));
        let said = match (longest.is_zero(), is_failed) {
            (true, _) => "Probes: a bar is one that failed".to_string(),
            (false, true) => format!("{trips}, a bar one that failed"),
            (false, false) => trips,
        };
        let mut parts = vec![lane(said), self.round_trips(axis, top)];
        let verdicts = self.verdicts(axis);
        if !verdicts.is_empty() {
            parts.push(lane("Verdict: a line is reachable, a block is not".to_string()));
            parts.push(drawing("verdicts", 20.0, "Verdicts", verdicts));
        }
        let events: Vec<Markup> = self
            .events
            .iter()
            .filter_map(|event| axis.x(event.at))
            .map(|x| bar("event", x, 0.0, 16.0))
            .collect();
        if !events.is_empty() {
            parts.push(lane("Changes of the configuration: a bar each".to_string()));
            parts.push(drawing("events", 16.0, "Changes of the configuration", events));
        }
        let [from, middle, to] = [0.0, 0.5, 1.0].map(|part| axis.at(part));
        let times = [(from, ""), (middle, ""), (to, " UTC")].map(|(at, zone)| {
            Markup::element("span", &[], [Markup::words(&format!("{}{zone}", words::hour(at)))])
        });
        parts.push(Markup::element("p", &[("class", "axis")], times));
        Markup::element(
            "figure",
            &[("class", "past"), ("aria-label", "What was, on one axis of time")],
            super::lines(parts),
        )
    }

    fn round_trips(&self, axis: Axis, top: Duration) -> Markup {
        let mut dots = String::new();
        let mut bars = Vec::new();
        for probe in &self.probes {
            let Some(x) = axis.x(probe.at) else { continue };
            match probe.rtt {
                _ if !probe.result.is_up() => bars.push(bar("failed", x, 0.0, HEIGHT)),
                Some(rtt) => {
                    let y = HEIGHT * (1.0 - rtt.as_secs_f64() / top.as_secs_f64());
                    dots.push_str(&format!("M{x:.1} {y:.1}h0"));
                }
                None => {}
            }
        }
        let grid = (1..4).map(|quarter| {
            let y = HEIGHT * f64::from(quarter) / 4.0;
            let y = format!("{y:.1}");
            Markup::element(
                "line",
                &[("class", "grid"), ("x1", "0"), ("x2", "1000"), ("y1", &y), ("y2", &y)],
                [],
            )
        });
        let dots = Markup::element("path", &[("class", "dots"), ("d", &dots)], []);
        let content = grid.chain(bars).chain([dots]).collect();
        drawing("trips", HEIGHT, "Round trips and failed probes", content)
    }

    /// What held when.
    fn verdicts(&self, axis: Axis) -> Vec<Markup> {
        let ends = self.changes.iter().skip(1).map(|change| change.at).chain([axis.to]);
        let drawn = self.changes.iter().zip(ends).filter_map(|(change, end)| {
            let (from, to) = (axis.x(change.at.max(axis.from))?, axis.x(end.min(axis.to))?);
            let state = State::from(change.verdict);
            // The worse, the higher.
            let height = match state {
                State::Reachable => 4.0,
                State::Undetermined | State::Unknown => 10.0,
                State::Impaired => 14.0,
                State::Blocked => 20.0,
            };
            let [x, y, width, height] =
                [from, 20.0 - height, (to - from).max(1.0), height].map(|number| format!("{number:.1}"));
            let place =
                [("class", state.class()), ("x", &*x), ("y", &*y), ("width", &*width), ("height", &*height)];
            (end >= axis.from).then(|| Markup::element("rect", &place, []))
        });
        drawn.collect()
    }

    /// The probes in a sentence or two.
    fn summary(&self, since: Timestamp) -> String {
        let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
        for probe in self.probes.iter().filter(|probe| !probe.result.is_up()) {
            *failed.entry(probe.result.word()).or_default() += 1;
        }
        let all = self.probes.len();
        let lost: usize = failed.values().sum();
        let probes = if all == 1 { "The last probe" } else { "The last probes" };
        let mut words =
            format!("{probes}, {all} since {}: {} answered", words::time_words(since), all - lost);
        if lost > 0 {
            let each: Vec<String> = failed.iter().map(|(word, count)| format!("{count} {word}")).collect();
            words.push_str(&format!(", {lost} failed ({})", each.join(", ")));
        }
        words.push('.');
        let mut trips: Vec<Duration> = self.probes.iter().filter_map(|probe| probe.rtt).collect();
        trips.sort_unstable();
        if let (Some(median), Some(longest)) = (trips.get(trips.len() / 2), trips.last()) {
            words.push_str(&format!(
                " Round trips: {} in the median, {} at the longest.",
                words::round_trip(*median),
                words::round_trip(*longest)
            ));
        }
        words
    }

    /// Verdicts and changes, newest first.
    fn told(&self) -> Markup {
        let changes = self.changes.iter().map(|change| (change.at, verdict(change)));
        let events = self.events.iter().map(|event| {
            let what = Markup::element("strong", &[], [Markup::words("configuration")]);
            (event.at, vec![what, Markup::words(&format!(": {}", event.what))])
        });
        let mut all: Vec<(Timestamp, Vec<Markup>)> = changes.chain(events).collect();
        if all.is_empty() {
            let words = "No verdict was reached yet, and nothing that is configured has changed.";
            return Markup::element("p", &[], [Markup::words(words)]);
        }
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let items = all.into_iter().map(|(at, said)| {
            let head = [words::time(at), Markup::words(" ")];
            Markup::element("li", &[], head.into_iter().chain(said))
        });
        Markup::element("ul", &[("class", "told")], items)
    }

    /// The last probes one by one.
    pub(super) fn probes(&self) -> Vec<Markup> {
        if self.probes.is_empty() {
            return vec![Markup::element("p", &[], [Markup::words("No probe has ended yet.")])];
        }
        let head = ["Time (UTC)", "Result", "Round trip"]
            .map(|words| Markup::element("th", &[("scope", "col")], [Markup::words(words)]));
        let rows = self.probes.iter().rev().take(LISTED).map(|probe| {
            let state = if probe.result.is_up() { State::Reachable } else { State::Blocked };
            let result = format!("{} {}", state.mark(), probe.result.word());
            let result = Markup::element("span", &[("class", state.class())], [Markup::words(&result)]);
            let rtt = probe.rtt.map(words::round_trip).unwrap_or_else(|| "none".to_string());
            let cells = [words::time_of_column(probe.at), result, Markup::words(&rtt)];
            Markup::element("tr", &[], cells.into_iter().map(|cell| Markup::element("td", &[], [cell])))
        });
        let head = Markup::element("thead", &[], [Markup::element("tr", &[], head)]);
        let body = Markup::element("tbody", &[], super::lines(rows));
        let table = Markup::element("table", &[("class", "probes")], [head, body]);
        vec![super::wide("The last probes", table)]
    }
}

fn verdict(change: &Change) -> Vec<Markup> {
    let state = State::from(change.verdict);
    let word = format!("{} {}", state.mark(), state.word());
    let mut said = vec![Markup::element("strong", &[("class", state.class())], [Markup::words(&word)])];
    if let Some(summary) = &change.summary {
        said.push(Markup::words(": "));
        said.extend(sentence(summary));
    }
    said.extend(change.code.into_iter().flat_map(|code| [Markup::words(" "), page::name(code)]));
    said
}

/// The time that is drawn.
#[derive(Clone, Copy)]
struct Axis {
    from: Timestamp,
    to: Timestamp,
}

impl Axis {
    fn milliseconds(self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64().max(0.001) * 1000.0
    }

    /// Where a time lies; nothing where it lies outside.
    fn x(self, at: Timestamp) -> Option<f64> {
        let part = at.duration_since(self.from).as_secs_f64() * 1000.0 / self.milliseconds();
        (0.0..=1.0).contains(&part).then_some(part * LENGTH)
    }

    /// The time at a part of it.
    fn at(self, part: f64) -> Timestamp {
        let milliseconds = Duration::from_secs_f64(self.milliseconds() * part / 1000.0);
        self.from.checked_add(milliseconds).unwrap_or(self.to)
    }
}

/// The next of 1, 2, 5, 10, … that is no less.
fn ceiling(longest: Duration) -> Duration {
    let mut top = Duration::from_micros(10);
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if top >= longest {
            break;
        }
        top = top.mul_f64(factor);
    }
    top
}

fn drawing(class: &str, height: f64, title: &str, content: Vec<Markup>) -> Markup {
    let view = format!("0 0 {LENGTH:.0} {height:.0}");
    let attributes = [
        ("class", class),
        ("viewBox", &*view),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", title),
    ];
    Markup::element("svg", &attributes, content)
}

fn bar(class: &str, x: f64, from: f64, to: f64) -> Markup {
    let [x, from, to] = [x, from, to].map(|number| format!("{number:.1}"));
    Markup::element("line", &[("class", class), ("x1", &x), ("x2", &x), ("y1", &from), ("y2", &to)], [])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number_that_holds_all() {
        for (longest, top) in [
            (0, 10),
            (10, 10),
            (11, 20),
            (37, 50),
            (51, 100),
            (900, 1000),
            (1001, 2000),
            (30_000_000, 50_000_000),
        ] {
            assert_eq!(ceiling(Duration::from_micros(longest)), Duration::from_micros(top), "{longest}");
        }
    }

    #[test]
    fn times_lie_where_they_belong() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let axis = Axis { from: at(100), to: at(200) };
        assert_eq!(
            [at(99), at(100), at(150), at(200), at(201)].map(|at| axis.x(at)),
            [None, Some(0.0), Some(500.0), Some(1000.0), None]
        );
        assert_eq!([0.0, 0.5, 1.0].map(|part| axis.at(part)), [at(100), at(150), at(200)]);
        // All at one time is no division by nothing.
        assert_eq!(Axis { from: at(1), to: at(1) }.x(at(1)), Some(0.0));
    }
}
