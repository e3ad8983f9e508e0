//! What is counted over many worlds, and its table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Verdict};

use super::Truth;
use crate::accuracy_measured::{CONFIDENT, Told, Worlds, write_share};

/// So many kinds of misses are shown.
const SHOWN: usize = 12;

/// What was said of one world, and what is so.
pub(crate) struct Judged {
    pub(crate) name: String,
    /// How many things are wrong at once. What is true and cannot be known for certain may be more than one truth.
    pub(crate) faults: usize,
    pub(crate) truths: Vec<Truth>,
    /// Codes that may be said beside: consequences.
    pub(crate) tolerated: Vec<String>,
    /// What the probes cannot tell apart: each by itself, or several things that explain them only together.
    pub(crate) class: BTreeSet<Vec<String>>,
    pub(crate) report: Diagnosis,
    pub(crate) took: Duration,
}

impl Judged {
    fn is_truth(&self, cause: &CauseReport) -> bool {
        self.truths.iter().any(|truth| truth.is_said_by(cause))
    }

    fn is_so(&self, cause: &CauseReport) -> bool {
        self.is_truth(cause) || self.tolerated.iter().any(|code| code == cause.code.name())
    }

    /// Whether every truth is named, by causes that count.
    fn names_all(&self, counts: impl Fn(&CauseReport) -> bool) -> bool {
        let said =
            |truth: &Truth| self.report.causes.iter().any(|cause| counts(cause) && truth.is_said_by(cause));
        self.truths.iter().all(said)
    }

    fn is_within(&self) -> bool {
        self.names_all(|_| true)
    }

    /// Whether any truth is named.
    fn names_one(&self) -> bool {
        self.report.causes.iter().any(|cause| self.is_truth(cause))
    }

    /// Whether nothing but one cause gives what was seen.
    fn is_plain(&self) -> bool {
        self.faults < 2 && self.class.len() == 1 && self.class.iter().all(|codes| codes.len() == 1)
    }

    /// Whether no single cause gives what was seen.
    fn is_of_several(&self) -> bool {
        !self.class.is_empty() && self.class.iter().all(|codes| codes.len() > 1)
    }

    fn is_first(&self) -> bool {
        self.report.causes.first().is_some_and(|cause| self.is_so(cause))
    }

    fn is_established(&self) -> bool {
        self.names_all(|cause| cause.status == CauseStatus::Established)
    }

    fn accuses(&self) -> bool {
        let innocent = |cause: &CauseReport| cause.status == CauseStatus::Established && !self.is_so(cause);
        self.report.causes.iter().any(innocent)
    }

    fn is_confidently_wrong(&self) -> bool {
        self.report.causes.iter().any(|cause| cause.confidence > CONFIDENT && !self.is_so(cause))
    }

    fn said(&self) -> String {
        let one = |cause: &CauseReport| {
            let sure = if cause.status == CauseStatus::Established { "!" } else { "" };
            format!("{sure}{} {:.2}", cause.code, cause.confidence)
        };
        self.report.causes.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

impl Told for Judged {
    /// Of every cause but those that may be said beside, being neither so nor innocent.
    fn statements(&self) -> Vec<(f64, bool)> {
        let is_tolerated = |cause: &CauseReport| self.tolerated.iter().any(|code| code == cause.code.name());
        let told = self.report.causes.iter().filter(|cause| self.is_truth(cause) || !is_tolerated(cause));
        told.map(|cause| (cause.confidence, self.is_truth(cause))).collect()
    }

    fn of_truths(&self) -> Vec<f64> {
        let of_truth = |truth: &Truth| {
            let said = self.report.causes.iter().filter(|cause| truth.is_said_by(cause));
            said.map(|cause| cause.confidence).sum::<f64>().min(1.0)
        };
        self.truths.iter().map(of_truth).collect()
    }
}

impl Worlds<Judged> {
    /// The share of worlds in which every truth is named.
    pub(crate) fn within(&self) -> f64 {
        self.share(Judged::is_within)
    }

    /// The share of worlds in which at least one truth is named.
    pub(crate) fn within_one(&self) -> f64 {
        self.share(Judged::names_one)
    }

    /// The share of worlds in which every truth is established.
    pub(crate) fn established(&self) -> f64 {
        self.share(Judged::is_established)
    }

    /// In how many worlds somebody innocent is established.
    pub(crate) fn accusing(&self) -> usize {
        self.count(Judged::accuses)
    }

    /// The share of worlds in which something has a confidence over 0.8 and nothing that is named is so.
    pub(crate) fn confidently_beside_it(&self) -> f64 {
        self.share(|world| world.is_confidently_wrong() && !world.names_one())
    }

    /// The share of worlds in which something that is not so has a confidence over 0.8.
    pub(crate) fn confidently_wrong(&self) -> f64 {
        self.share(Judged::is_confidently_wrong)
    }

    /// In how many worlds nothing but one cause gives what was seen, and it is not the first, or not established.
    pub(crate) fn plain_and_missed(&self) -> usize {
        self.count(|world| world.is_plain() && !(world.is_first() && world.is_established()))
    }

    /// In how many worlds it is said to work.
    pub(crate) fn reachable(&self) -> usize {
        self.count(|world| world.report.verdict == Verdict::Reachable)
    }
}

impl fmt::Display for Worlds<Judged> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.len();
        writeln!(out, "\n{}: n = {count}, seeds from {}", self.name, self.first_seed)?;
        let plain = self.count(Judged::is_plain);
        let several = self.count(|world| world.faults > 1);
        let only_several = self.count(Judged::is_of_several);
        let shares: [(&str, f64, usize); 7] = [
            ("every truth among the causes that are named", self.within(), count),
            (
                "of several: at least one truth among them",
                self.count(|world| world.faults > 1 && world.names_one()) as f64 / several.max(1) as f64,
                several,
            ),
            (
                "what only several explain: every truth named",
                self.count(|world| world.is_of_several() && world.is_within()) as f64
                    / only_several.max(1) as f64,
                only_several,
            ),
            ("a truth is the first", self.share(Judged::is_first), count),
            ("every truth established", self.established(), count),
            (
                "of one possible cause: first and established",
                1.0 - self.plain_and_missed() as f64 / plain.max(1) as f64,
                plain,
            ),
            ("nobody innocent established", 1.0 - self.accusing() as f64 / count.max(1) as f64, count),
        ];
        for (what, share, of) in shares.into_iter().filter(|(.., of)| *of > 0) {
            write_share(out, what, share, of)?;
        }
        writeln!(out, "  {:46} {:6.2} %", "confidently wrong (over 0.8)", self.confidently_wrong() * 100.0)?;
        if several > 0 {
            let wrong = self.confidently_beside_it() * 100.0;
            writeln!(out, "  {:46} {wrong:6.2} %", "the same, and no truth among them")?;
        }
        if self.worlds.iter().any(|world| !world.truths.is_empty()) {
            writeln!(out, "  {:46} {:8.4}", "logarithmic loss, a truth", self.log_loss())?;
            self.write_calibration(out)?;
        }
        let mut took: Vec<Duration> = self.worlds.iter().map(|world| world.took).collect();
        took.sort_unstable();
        let at = |percent: usize| took.get((count * percent / 100).min(count.saturating_sub(1))).copied();
        if let (Some(median), Some(late)) = (at(50), at(95)) {
            writeln!(out, "  time to the report: median {median:.1?}, 95th percentile {late:.1?}")?;
        }
        let mut confusion: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
        for world in &self.worlds {
            let truths: Vec<&str> = world.truths.iter().map(|truth| truth.code.as_str()).collect();
            let first = world.report.causes.first().map_or("nothing", |cause| cause.code.name());
            let truth = if truths.is_empty() { "nothing".to_string() } else { truths.join(" + ") };
            *confusion.entry(truth).or_default().entry(first).or_default() += 1;
        }
        if confusion.len() < 40 {
            writeln!(out, "  truth, and what was named first:")?;
            for (truth, named) in confusion {
                let named: Vec<String> =
                    named.iter().map(|(code, count)| format!("{code} {count}")).collect();
                writeln!(out, "    {truth:28} {}", named.join(", "))?;
            }
        }
        let missed = |world: &&Judged| {
            let is_within = if world.faults > 1 { world.names_one() } else { world.is_within() };
            !is_within || world.accuses() || world.is_confidently_wrong()
        };
        let mut misses: BTreeMap<String, usize> = BTreeMap::new();
        for world in self.worlds.iter().filter(missed) {
            *misses.entry(format!("{}: {}", world.name, world.said())).or_default() += 1;
        }
        let kinds = misses.len();
        for (miss, count) in misses.into_iter().take(SHOWN) {
            writeln!(out, "  missed {count} x {miss}")?;
        }
        if kinds > SHOWN {
            writeln!(out, "  and {} more kinds of misses", kinds - SHOWN)?;
        }
        Ok(())
    }
}
