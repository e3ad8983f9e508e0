//! What was, on one axis of time: round trips and failed probes, verdicts, changes of what is configured. Lately each
//! probe is known; further back the history has what the probes of a few minutes came to together.
//!
//! What is bad differs from what is good by its shape as well as by its colour, and all of it follows in words.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::plot::{Axis, HEIGHT, bar, ceiling, drawing, of_probes, of_rolled};
use super::stretch::Stretch;
use super::view::{State, View};
use super::words;
use crate::daemon::board::Board;
use crate::daemon::history::{self, Bucket};
use crate::daemon::recent::{Change, Event, Happening};
use crate::daemon::watched::Last;
use crate::page::{self, Markup, sentence};
use crate::text::words::age_words;

/// How many probes are listed.
const LISTED: usize = 20;

/// What is known of the past of a path, each list oldest first.
pub(super) struct Past {
    stretch: Stretch,
    axis: Option<Axis>,
    seen: Seen,
    changes: Vec<Change>,
    events: Vec<Event>,
    /// What is wrong with this account of it.
    unknown: Option<String>,
}

/// What its probes came to.
enum Seen {
    /// One by one.
    Each(Vec<Last>),
    /// Together, by so many seconds.
    Rolled(Vec<Bucket>, i64),
}

impl Past {
    /// What was within a stretch of time.
    pub(super) fn of(board: &Board, view: &View, stretch: Stretch, now: Timestamp) -> Self {
        match stretch.window(now) {
            None => Self::lately(board, view, now),
            Some(window) => match board.history.path(view.name(), window) {
                Ok(told) => Self::told(stretch, Axis { from: window.from, to: now }, told),
                Err(error) => Self {
                    stretch,
                    axis: None,
                    seen: Seen::Each(Vec::new()),
                    changes: Vec::new(),
                    events: Vec::new(),
                    unknown: Some(format!("The history cannot be read now: {error}.")),
                },
            },
        }
    }

    /// What is kept in memory.
    fn lately(board: &Board, view: &View, now: Timestamp) -> Self {
        let recent = view.path.recent();
        let probes: Vec<Last> = recent.probes().copied().collect();
        let mut changes: Vec<Change> = recent.changes().cloned().collect();
        drop(recent);
        // What held before this daemon started goes on.
        if changes.is_empty()
            && let Some((at, verdict)) = view.since.zip(view.state.verdict())
        {
            changes.push(Change { at, verdict, summary: None, code: None });
        }
        let axis = probes.first().map(|first| Axis { from: first.at.min(now), to: now });
        let events = board.events();
        Self { stretch: Stretch::Lately, axis, seen: Seen::Each(probes), changes, events, unknown: None }
    }

    /// What the history told.
    fn told(stretch: Stretch, axis: Axis, told: history::PathHistory) -> Self {
        let change = |change: history::Change| {
            let verdict = history::verdict(&change.verdict)?;
            Some(Change { at: change.at, verdict, summary: change.summary, code: change.code })
        };
        let event =
            |event: history::Event| Happening::named(&event.event).map(|what| Event { at: event.at, what });
        Self {
            stretch,
            axis: Some(axis),
            seen: Seen::Rolled(told.buckets, told.bucket_seconds),
            changes: told.before.into_iter().chain(told.verdicts).filter_map(change).collect(),
            events: told.events.into_iter().filter_map(event).collect(),
            unknown: told
                .truncated
                .then(|| "More happened than is shown here: these are the last.".to_string()),
        }
    }

    /// As a picture and in words.
    pub(super) fn drawn(&self) -> Vec<Markup> {
        let mut parts = Vec::new();
        if let Some(unknown) = &self.unknown {
            parts.push(Markup::element("p", &[], [Markup::words(unknown)]));
        }
        match self.axis.filter(|_| !self.seen.is_empty() || !self.changes.is_empty()) {
            Some(axis) => {
                parts.push(self.figure(axis));
                parts.push(Markup::element("p", &[], [Markup::words(&self.summary(axis))]));
            }
            None if self.stretch != Stretch::Lately && self.unknown.is_none() => {
                parts.push(Markup::element("p", &[], [Markup::words("Nothing is known of this time.")]));
            }
            None => {}
        }
        parts.push(self.listed());
        parts
    }

    fn figure(&self, axis: Axis) -> Markup {
        let top = ceiling(self.seen.longest().unwrap_or_default());
        let lane = |words: &str| Markup::element("p", &[("class", "lane")], [Markup::words(words)]);
        let mut parts = Vec::new();
        if !self.seen.is_empty() {
            let content = match &self.seen {
                Seen::Each(probes) => of_probes(axis, top, probes),
                Seen::Rolled(buckets, _) => of_rolled(axis, top, buckets),
            };
            parts.push(lane(&self.legend(top)));
            parts.push(drawing("trips", HEIGHT, "Round trips and failed probes", content));
        }
        let verdicts = self.verdicts(axis);
        if !verdicts.is_empty() {
            parts.push(lane("Verdict: a line is reachable, a block is not"));
            parts.push(drawing("verdicts", 20.0, "Verdicts", verdicts));
        }
        let events: Vec<Markup> = self
            .events
            .iter()
            .filter_map(|event| axis.x(event.at))
            .map(|x| bar("event", x, 0.0, 16.0))
            .collect();
        if !events.is_empty() {
            parts.push(lane("Changes of the configuration, and starts of this daemon: a bar each"));
            parts.push(drawing("events", 16.0, "Changes of the configuration", events));
        }
        let [from, middle, to] = [0.0, 0.5, 1.0].map(|part| self.stretch.moment(axis.at(part)));
        let times = [from, middle, format!("{to} UTC")]
            .map(|words| Markup::element("span", &[], [Markup::words(&words)]));
        parts.push(Markup::element("p", &[("class", "axis")], times));
        Markup::element(
            "figure",
            &[("class", "past"), ("aria-label", "What was, on one axis of time")],
            super::lines(parts),
        )
    }

    /// What the marks of the round trips mean.
    fn legend(&self, top: Duration) -> String {
        let is_failed = self.seen.results().keys().any(|(_, is_up)| !is_up);
        let has_trip = self.seen.longest().is_some();
        let trips = format!("Round trips from 0 to {}", words::round_trip(top));
        match (&self.seen, has_trip) {
            (Seen::Each(_), false) => "Probes: a bar is one that failed".to_string(),
            (Seen::Each(_), true) => {
                let failed = if is_failed { ", a bar one that failed" } else { "" };
                format!("{trips}: a dot is a probe that was answered{failed}")
            }
            (Seen::Rolled(_, seconds), false) => {
                format!("Probes: a bar is how many of those of {} failed", age_words(*seconds))
            }
            (Seen::Rolled(_, seconds), true) => {
                let failed = if is_failed { ", a bar how many of its probes failed" } else { "" };
                let of = age_words(*seconds);
                format!("{trips}: a dot is the mean of {of}, its line the shortest to the longest{failed}")
            }
        }
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
    fn summary(&self, axis: Axis) -> String {
        let results = self.seen.results();
        let all: u64 = results.values().sum();
        let failed: Vec<String> = results
            .iter()
            .filter(|((_, is_up), _)| !is_up)
            .map(|((word, _), count)| format!("{count} {word}"))
            .collect();
        let lost: u64 = results.iter().filter(|((_, is_up), _)| !is_up).map(|(_, count)| count).sum();
        let mut said = match (self.stretch, all) {
            (Stretch::Lately, 1) => format!("The last probe, 1 since {}", words::time_words(axis.from)),
            (Stretch::Lately, _) => format!("The last probes, {all} since {}", words::time_words(axis.from)),
            (_, 0) => return "No probe of this time is known.".to_string(),
            (_, 1) => format!("1 probe since {}", words::time_words(axis.from)),
            (_, _) => format!("{all} probes since {}", words::time_words(axis.from)),
        };
        said.push_str(&format!(": {} answered", all - lost));
        if lost > 0 {
            said.push_str(&format!(", {lost} failed ({})", failed.join(", ")));
        }
        said.push('.');
        if let Some((middle, word)) = self.seen.middle()
            && let Some(longest) = self.seen.longest()
        {
            said.push_str(&format!(
                " Round trips: {} {word}, {} at the longest.",
                words::round_trip(middle),
                words::round_trip(longest)
            ));
        }
        said
    }

    /// Verdicts and changes, newest first.
    fn listed(&self) -> Markup {
        let changes = self.changes.iter().map(|change| (change.at, verdict(change)));
        let events = self.events.iter().map(|event| {
            let what = match event.what {
                Happening::Started | Happening::Stopped => "daemon",
                _ => "configuration",
            };
            let what = Markup::element("strong", &[], [Markup::words(what)]);
            (event.at, vec![what, Markup::words(&format!(": {}", event.what.words()))])
        });
        let mut all: Vec<(Timestamp, Vec<Markup>)> = changes.chain(events).collect();
        if all.is_empty() {
            let words = "No verdict was reached, and nothing that is configured has changed.";
            return Markup::element("p", &[], [Markup::words(words)]);
        }
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let items = all.into_iter().map(|(at, said)| {
            let head = [words::time(at), Markup::words(" ")];
            Markup::element("li", &[], head.into_iter().chain(said))
        });
        Markup::element("ul", &[("class", "told")], items)
    }
}

impl Seen {
    fn is_empty(&self) -> bool {
        match self {
            Self::Each(probes) => probes.is_empty(),
            Self::Rolled(buckets, _) => buckets.is_empty(),
        }
    }

    /// How many probes came to what, and whether that is good.
    fn results(&self) -> BTreeMap<(&'static str, bool), u64> {
        let mut results = BTreeMap::new();
        match self {
            Self::Each(probes) => {
                for probe in probes {
                    *results.entry((probe.result.word(), probe.result.is_up())).or_default() += 1;
                }
            }
            Self::Rolled(buckets, _) => {
                for (result, count) in buckets.iter().flat_map(|bucket| &bucket.results) {
                    *results.entry((result.word(), result.is_up())).or_default() += count;
                }
            }
        }
        results
    }

    fn longest(&self) -> Option<Duration> {
        match self {
            Self::Each(probes) => probes.iter().filter_map(|probe| probe.rtt).max(),
            Self::Rolled(buckets, _) => {
                let longest = buckets.iter().filter_map(|bucket| Some(bucket.round_trips.as_ref()?.max));
                longest.max_by(f64::total_cmp).and_then(|longest| Duration::try_from_secs_f64(longest).ok())
            }
        }
    }

    /// A round trip in the middle, and in what sense.
    fn middle(&self) -> Option<(Duration, &'static str)> {
        match self {
            Self::Each(probes) => {
                let mut trips: Vec<Duration> = probes.iter().filter_map(|probe| probe.rtt).collect();
                trips.sort_unstable();
                trips.get(trips.len() / 2).map(|median| (*median, "in the median"))
            }
            Self::Rolled(buckets, _) => {
                let trips = || buckets.iter().filter_map(|bucket| bucket.round_trips.as_ref());
                let count: u64 = trips().map(|trips| trips.count).sum();
                let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
                let mean = trips().map(|trips| trips.sum).sum::<f64>() / f64::from(count);
                Duration::try_from_secs_f64(mean).ok().map(|mean| (mean, "on average"))
            }
        }
    }
}

/// The last probes one by one.
pub(super) fn last_probes(view: &View) -> Vec<Markup> {
    let recent = view.path.recent();
    let probes: Vec<Last> = recent.probes().rev().take(LISTED).copied().collect();
    drop(recent);
    if probes.is_empty() {
        return vec![Markup::element("p", &[], [Markup::words("No probe has ended yet.")])];
    }
    let head = ["Time (UTC)", "Result", "Round trip"]
        .map(|words| Markup::element("th", &[("scope", "col")], [Markup::words(words)]));
    let rows = probes.iter().map(|probe| {
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

fn verdict(change: &Change) -> Vec<Markup> {
    let state = State::from(change.verdict);
    let word = format!("{} {}", state.mark(), state.word());
    let mut said = vec![Markup::element("strong", &[("class", state.class())], [Markup::words(&word)])];
    if let Some(summary) = &change.summary {
        said.push(Markup::words(": "));
        said.extend(sentence(summary));
    }
    said.extend(change.code.iter().flat_map(|code| [Markup::words(" "), page::name(code)]));
    said
}
