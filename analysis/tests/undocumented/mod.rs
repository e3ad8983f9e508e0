//! What is counted over worlds of which no document tells, and its table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use peerscope_analysis::cause::CauseCode;

use crate::accuracy_measured::{CONFIDENT, Told, Worlds, loss, write_share};

/// What was said of one world, and what is so.
pub(crate) struct Judged {
    pub(crate) truth: CauseCode,
    /// Each cause that was named, with its confidence.
    pub(crate) said: Vec<(CauseCode, f64)>,
    /// The confidence that the truth deserved, by all that was seen.
    pub(crate) best_of_truth: f64,
    /// The causes that what was seen does not refute.
    pub(crate) class: BTreeSet<CauseCode>,
}

impl Judged {
    fn of_truth(&self) -> f64 {
        self.said.iter().filter(|(code, _)| *code == self.truth).map(|(_, said)| said).sum()
    }

    fn is_confidently_wrong(&self) -> bool {
        self.said.iter().any(|(code, said)| *said > CONFIDENT && *code != self.truth)
    }
}

impl Told for Judged {
    fn statements(&self) -> Vec<(f64, bool)> {
        self.said.iter().map(|(code, said)| (*said, *code == self.truth)).collect()
    }

    fn of_truths(&self) -> Vec<f64> {
        Vec::from([self.of_truth()])
    }
}

impl Worlds<Judged> {
    /// How often the truth is named at all.
    pub(crate) fn within_set(&self) -> f64 {
        self.share(|world| world.said.iter().any(|(code, _)| *code == world.truth))
    }

    /// In how many worlds something is named that was refuted.
    pub(crate) fn wider_than_the_class(&self) -> usize {
        self.count(|world| world.said.iter().any(|(code, _)| !world.class.contains(code)))
    }

    /// By how much the logarithmic loss is above the best possible, as a share of it.
    pub(crate) fn excess_log_loss(&self) -> f64 {
        let best: f64 = self.worlds.iter().map(|world| loss(world.best_of_truth)).sum();
        self.log_loss() * self.len() as f64 / best - 1.0
    }
}

impl fmt::Display for Worlds<Judged> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.len();
        let last = self.first_seed + count as u64 - 1;
        writeln!(out, "\n{}: n = {count}, seeds {} to {last}", self.name, self.first_seed)?;
        write_share(out, "truth among the causes that are named", self.within_set(), count)?;
        let first = self.share(|world| world.said.first().map(|(code, _)| *code) == Some(world.truth));
        write_share(out, "truth is the first", first, count)?;
        let wrong = self.share(Judged::is_confidently_wrong);
        writeln!(out, "  {:46} {:6.2} %", "confidently wrong (over 0.8)", wrong * 100.0)?;
        writeln!(
            out,
            "  {:46} {:6}",
            "worlds where something refuted is named",
            self.wider_than_the_class()
        )?;
        writeln!(
            out,
            "  {:46} {:6.2} %",
            "logarithmic loss above the best possible",
            self.excess_log_loss() * 100.0
        )?;
        self.write_calibration(out)?;
        writeln!(out, "  truth, and what was named first:")?;
        let mut confusion: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for world in &self.worlds {
            let first = world.said.first().map_or("nothing", |(code, _)| code.name());
            *confusion.entry(world.truth.name()).or_default().entry(first).or_default() += 1;
        }
        for (truth, named) in confusion {
            let named: Vec<String> = named.iter().map(|(code, count)| format!("{code} {count}")).collect();
            writeln!(out, "    {truth:24} {}", named.join(", "))?;
        }
        Ok(())
    }
}
