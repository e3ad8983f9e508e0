//! What is counted over many worlds, and its table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Verdict};

use super::Truth;
use crate::accuracy_measured::lower_bound;

/// Over this a cause that is not so is confidently wrong.
const CONFIDENT: f64 = 0.8;
/// So many kinds of misses are shown.
const SHOWN: usize = 12;

/// What was said of one world, and what is so.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) truths: Vec<Truth>,
    /// Codes that may be said beside: consequences.
    pub(crate) tolerated: Vec<String>,
    /// What the probes cannot tell apart.
    pub(crate) class: BTreeSet<String>,
    pub(crate) report: Diagnosis,
    pub(crate) took: Duration,
}

impl Judged {
    fn is_so(&self, cause: &CauseReport) -> bool {
        self.truths.iter().any(|truth| truth.is_said_by(cause))
            || self.tolerated.iter().any(|code| code == cause.code.name())
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

/// All worlds of one kind.
pub(crate) struct Measured {
    name: &'static str,
    first_seed: u64,
    worlds: Vec<Judged>,
}

impl Measured {
    pub(crate) fn new(name: &'static str, first_seed: u64) -> Self {
        Self { name, first_seed, worlds: Vec::new() }
    }

    pub(crate) fn add(&mut self, world: Judged) {
        self.worlds.push(world);
    }

    fn count(&self, holds: impl Fn(&Judged) -> bool) -> usize {
        self.worlds.iter().filter(|world| holds(world)).count()
    }

    fn share(&self, holds: impl Fn(&Judged) -> bool) -> f64 {
        self.count(holds) as f64 / self.worlds.len().max(1) as f64
    }

    /// The share of worlds in which every truth is named.
    pub(crate) fn within(&self) -> f64 {
        self.share(Judged::is_within)
    }

    /// The share of worlds in which every truth is established.
    pub(crate) fn established(&self) -> f64 {
        self.share(Judged::is_established)
    }

    /// In how many worlds somebody innocent is established.
    pub(crate) fn accusing(&self) -> usize {
        self.count(Judged::accuses)
    }

    /// The share of worlds in which something that is not so has a confidence over 0.8.
    pub(crate) fn confidently_wrong(&self) -> f64 {
        self.share(Judged::is_confidently_wrong)
    }

    /// In how many worlds nothing but one cause gives what was seen, and it is not the first, or not established.
    pub(crate) fn plain_and_missed(&self) -> usize {
        self.count(|world| world.class.len() == 1 && !(world.is_first() && world.is_established()))
    }

    /// In how many worlds it is said to work.
    pub(crate) fn reachable(&self) -> usize {
        self.count(|world| world.report.verdict == Verdict::Reachable)
    }

    /// How many worlds there are.
    pub(crate) fn worlds(&self) -> usize {
        self.worlds.len()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.worlds.len();
        writeln!(out, "\n{}: n = {count}, seeds from {}", self.name, self.first_seed)?;
        let plain = self.count(|world| world.class.len() == 1);
        let shares: [(&str, f64, usize); 5] = [
            ("every truth among the causes that are named", self.within(), count),
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
            let bound = lower_bound(share, of);
            writeln!(
                out,
                "  {what:46} {:6.2} %  (at least {:.2} %, n = {of})",
                share * 100.0,
                bound * 100.0
            )?;
        }
        writeln!(out, "  {:46} {:6.2} %", "confidently wrong (over 0.8)", self.confidently_wrong() * 100.0)?;
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
        let missed = |world: &&Judged| !world.is_within() || world.accuses() || world.is_confidently_wrong();
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
