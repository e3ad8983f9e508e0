//! What became of the probes, counted: for each target and in all.

use std::collections::BTreeMap;
use std::time::Duration;

use peerscope_analysis::diagnose::server_sentence;
use peerscope_analysis::report::{HandshakeReport, ObservationReport};
use peerscope_probes::StrayKind;
use peerscope_vocabulary::{DnsObservation, DnsSaid, Observation, Outcome};
use serde::Serialize;

/// What came of one address of one target.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Probes that left this host.
    pub(super) sent: u64,
    /// Those that the target answered in time.
    pub(super) received: u64,
    /// Answers after the timeout.
    pub(super) late: u64,
    /// Answers that came once more.
    pub(super) duplicates: u64,
    /// How often each outcome was seen, by its word.
    pub(super) results: BTreeMap<&'static str, u64>,
    /// Why the last probe that was not answered was not.
    pub(super) reason: Option<String>,
    /// Whether probes were held back because the target is a MySQL.
    pub(super) is_limited: bool,
    /// What a DNS server said last, to each question of a lookup.
    pub(super) lookup: Vec<DnsObservation>,
    /// What came of the last handshake, and the same in a sentence.
    pub(super) handshake: Option<(HandshakeReport, Option<String>)>,
    /// The answers' round trips, by the number of the probe.
    round_trips: Vec<(u32, Duration)>,
    by_kernel: usize,
}

impl Tally {
    /// Takes in an observation, with what is said of it. Where a protocol was named, answered is what answers in it.
    pub(super) fn add(&mut self, observation: &Observation, report: ObservationReport) {
        let is_answer = observation.is_answer() && observation.outcome != Outcome::ApplicationError;
        self.count(observation, is_answer, report.reason.clone());
        if let Some(handshake) = report.handshake.filter(|handshake| handshake.end.is_some()) {
            self.handshake = Some((handshake, report.reason));
        }
    }

    fn count(&mut self, observation: &Observation, is_answer: bool, reason: Option<String>) {
        *self.results.entry(observation.outcome.word()).or_default() += 1;
        if !matches!(observation.outcome, Outcome::LocalError { .. }) {
            self.sent += 1;
        }
        if !is_answer {
            self.reason = reason;
            return;
        }
        self.received += 1;
        self.by_kernel += usize::from(observation.rtt.is_some());
        let wall = observation.finished_at.saturating_sub(observation.sent_at);
        self.round_trips.push((observation.request.id.0, observation.rtt.unwrap_or(wall)));
    }

    /// Takes in what a DNS server said to the questions of one lookup, which are one probe. Answered is what has
    /// an address of any kind that was asked for: a closed port or "no such name" helps nobody who asks for one.
    pub(super) fn add_lookup(&mut self, lookup: Vec<DnsObservation>) {
        let no_address = |one: &&DnsObservation| matches!(one.reply.said, Some(DnsSaid::NoAddress { .. }));
        let is_answered = |one: &&DnsObservation| one.observation.outcome == Outcome::Answered;
        let telling = lookup.iter().find(is_answered);
        let telling = telling.or_else(|| lookup.iter().find(|one| !no_address(one))).or(lookup.first());
        let Some(telling) = telling else { return };
        let reason = server_sentence(&lookup.iter().collect::<Vec<_>>());
        self.count(&telling.observation, is_answered(&telling), Some(reason));
        self.lookup = lookup;
    }

    /// Takes in an answer that nobody waited for.
    pub(super) fn add_stray(&mut self, kind: StrayKind) {
        match kind {
            StrayKind::Late => self.late += 1,
            StrayKind::Duplicate => self.duplicates += 1,
        }
    }

    /// The round trips in figures; none where nothing was answered.
    pub(super) fn round_trip(&self) -> Option<RoundTrip> {
        let mut in_order = self.round_trips.clone();
        in_order.sort_unstable();
        let steps = in_order.windows(2).map(|pair| match pair {
            [(_, before), (_, after)] => before.abs_diff(*after),
            _ => Duration::ZERO,
        });
        let sum: Duration = steps.sum();
        let mut sorted: Vec<Duration> = in_order.iter().map(|(_, time)| *time).collect();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let clock = match self.by_kernel {
            0 => "wall",
            count if count == sorted.len() => "kernel",
            _ => "mixed",
        };
        Some(RoundTrip {
            min: min.as_secs_f64(),
            median: median(&sorted).as_secs_f64(),
            p95: rank(&sorted, 95).as_secs_f64(),
            p99: rank(&sorted, 99).as_secs_f64(),
            max: max.as_secs_f64(),
            jitter: sum.as_secs_f64() / (sorted.len() - 1).max(1) as f64,
            clock,
        })
    }
}

/// Round-trip times, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct RoundTrip {
    pub(super) min: f64,
    /// Of an even number the mean of the two in the middle.
    pub(super) median: f64,
    /// By nearest rank.
    pub(super) p95: f64,
    /// By nearest rank.
    pub(super) p99: f64,
    pub(super) max: f64,
    /// The mean difference between one answer and the next, in the order in which they were asked for.
    pub(super) jitter: f64,
    /// Whose clock measured: the kernel's, this program's where the kernel gave none, or both.
    pub(super) clock: &'static str,
}

fn median(sorted: &[Duration]) -> Duration {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|below| sorted.get(below)).copied().unwrap_or_default();
    (lower + upper) / 2
}

/// The smallest value that so many per cent of all do not exceed.
fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).or(sorted.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(milliseconds: &[u64]) -> Tally {
        let round_trips = (0..).zip(milliseconds.iter().map(|time| Duration::from_millis(*time))).collect();
        Tally { round_trips, by_kernel: milliseconds.len(), ..Tally::default() }
    }

    #[test]
    fn figures_are_those_of_the_book() {
        assert_eq!(tally(&[]).round_trip(), None);
        let one = tally(&[7]).round_trip().unwrap();
        assert_eq!(
            (one.min, one.median, one.p95, one.p99, one.max, one.jitter),
            (0.007, 0.007, 0.007, 0.007, 0.007, 0.0)
        );
        let times: Vec<u64> = (1..=100).rev().collect();
        let many = tally(&times).round_trip().unwrap();
        assert_eq!((many.min, many.median, many.p95, many.p99, many.max), (0.001, 0.0505, 0.095, 0.099, 0.1));
        assert!((many.jitter - 0.001).abs() < 1e-9, "{many:?}");
        assert_eq!(many.clock, "kernel");
    }

    #[test]
    fn jitter_follows_the_order_of_asking() {
        let mut shuffled = tally(&[]);
        for (id, time) in [(2, 10), (0, 10), (3, 30), (1, 30)] {
            shuffled.round_trips.push((id, Duration::from_millis(time)));
        }
        let jitter = shuffled.round_trip().unwrap().jitter;
        assert!((jitter - 0.02).abs() < 1e-9, "{jitter}");
    }
}
