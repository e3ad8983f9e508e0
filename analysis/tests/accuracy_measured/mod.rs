//! The measures of a diagnosis's probabilities, and their table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use peerscope_analysis::cause::CauseCode;

/// The bins of the calibration error, of equal numbers of statements.
const BINS: usize = 10;
/// What a cause that is not named is taken to have: the logarithm of nothing tells nothing.
const UNNAMED: f64 = 0.001;

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

/// All worlds of one kind.
pub(crate) struct Table {
    name: &'static str,
    first_seed: u64,
    worlds: Vec<Judged>,
}

impl Table {
    pub(crate) fn new(name: &'static str, first_seed: u64) -> Self {
        Self { name, first_seed, worlds: Vec::new() }
    }

    pub(crate) fn add(&mut self, world: Judged) {
        self.worlds.push(world);
    }

    fn share(&self, holds: impl Fn(&Judged) -> bool) -> f64 {
        self.worlds.iter().filter(|world| holds(world)).count() as f64 / self.worlds.len().max(1) as f64
    }

    /// How often the truth is named at all.
    pub(crate) fn within_set(&self) -> f64 {
        self.share(|world| world.said.iter().any(|(code, _)| *code == world.truth))
    }

    /// In how many worlds something is named that was refuted.
    pub(crate) fn wider_than_the_class(&self) -> usize {
        let wider = |world: &&Judged| world.said.iter().any(|(code, _)| !world.class.contains(code));
        self.worlds.iter().filter(wider).count()
    }

    /// By how much the logarithmic loss is above the best possible, as a share of it.
    pub(crate) fn excess_log_loss(&self) -> f64 {
        let loss = |confidence: f64| -confidence.max(UNNAMED).ln();
        let mine: f64 = self.worlds.iter().map(|world| loss(of_truth(world))).sum();
        let best: f64 = self.worlds.iter().map(|world| loss(world.best_of_truth)).sum();
        mine / best - 1.0
    }

    /// Statements by confidence, in bins of equal numbers: what was said, and how often it was so.
    fn bins(&self) -> Vec<(f64, f64)> {
        let mut statements: Vec<(f64, bool)> = Vec::new();
        for world in &self.worlds {
            statements.extend(world.said.iter().map(|(code, said)| (*said, *code == world.truth)));
        }
        statements.sort_by(|one, other| one.0.total_cmp(&other.0));
        let size = statements.len().div_ceil(BINS).max(1);
        let mean = |bin: &[(f64, bool)]| {
            let count = bin.len() as f64;
            let said = bin.iter().map(|(said, _)| said).sum::<f64>() / count;
            (said, bin.iter().filter(|(_, so)| *so).count() as f64 / count)
        };
        statements.chunks(size).map(mean).collect()
    }

    /// The reliability plot, as an SVG: each bin of what was said, and how often it was so.
    pub(crate) fn plot(&self) -> String {
        const SIZE: f64 = 360.0;
        const EDGE: f64 = 44.0;
        let bins = self.bins();
        let most = bins.iter().fold(0.0_f64, |most, (said, so)| most.max(*said).max(*so));
        // The next tenth, so that the scale is round.
        let scale = (most * 10.0).ceil().max(1.0) / 10.0;
        let x = |share: f64| EDGE + share / scale * SIZE;
        let y = |share: f64| EDGE + SIZE - share / scale * SIZE;
        let side = SIZE + 2.0 * EDGE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\n\
             <path d=\"M{0:.1} {1:.1}L{2:.1} {3:.1}\" stroke=\"#999\" fill=\"none\"/>\n\
             <path d=\"M{0:.1} {3:.1}V{1:.1}H{2:.1}\" stroke=\"#333\" fill=\"none\"/>\n",
            x(0.0),
            y(0.0),
            x(scale),
            y(scale)
        );
        for tenth in 0..=(scale * 10.0).round() as u32 {
            let share = f64::from(tenth) / 10.0;
            svg += &format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{share:.1}</text>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{share:.1}</text>\n",
                x(share),
                y(0.0) + 18.0,
                x(0.0) - 8.0,
                y(share) + 4.0
            );
        }
        for (said, so) in bins {
            svg += &format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#06c\"/>\n", x(said), y(so));
        }
        let middle = side / 2.0;
        let (low, name, count) = (side - 6.0, self.name, self.worlds.len());
        svg += &format!(
            "<text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">said</text>\n\
             <text x=\"{middle}\" y=\"18\" text-anchor=\"middle\">was so: {name}, n = {count}</text>\n</svg>\n"
        );
        svg
    }

    /// The expected calibration error.
    pub(crate) fn calibration_error(&self) -> f64 {
        let bins = self.bins();
        bins.iter().map(|(said, so)| (said - so).abs()).sum::<f64>() / bins.len().max(1) as f64
    }
}

fn of_truth(world: &Judged) -> f64 {
    world.said.iter().filter(|(code, _)| *code == world.truth).map(|(_, said)| said).sum()
}

/// The lower end of the 95 % confidence interval of a share (Wilson 1927).
pub(crate) fn lower_bound(share: f64, count: usize) -> f64 {
    let (z, n) = (1.96_f64, count.max(1) as f64);
    let middle = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    (middle - spread) / (1.0 + z * z / n)
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.worlds.len();
        let last = self.first_seed + count as u64 - 1;
        writeln!(out, "\n{}: n = {count}, seeds {} to {last}", self.name, self.first_seed)?;
        let share = |out: &mut fmt::Formatter<'_>, what: &str, share: f64| {
            let bound = lower_bound(share, count);
            writeln!(out, "  {what:46} {:6.2} %  (at least {:.2} %)", share * 100.0, bound * 100.0)
        };
        share(out, "truth among the causes that are named", self.within_set())?;
        let first = self.share(|world| world.said.first().map(|(code, _)| *code) == Some(world.truth));
        share(out, "truth is the first", first)?;
        let wrong =
            self.share(|world| world.said.iter().any(|(code, said)| *said > 0.8 && *code != world.truth));
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
        writeln!(out, "  {:46} {:8.4}", "expected calibration error", self.calibration_error())?;
        writeln!(out, "  said → was so, in {BINS} bins of equal numbers:")?;
        let bins = self.bins();
        let bins = bins.iter().map(|(said, so)| format!("{said:.3} → {so:.3}")).collect::<Vec<_>>();
        for line in bins.chunks(5) {
            writeln!(out, "    {}", line.join("   "))?;
        }
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

#[test]
fn a_share_of_all_is_bounded_by_how_many_there_are() {
    assert!((lower_bound(1.0, 1000) - 0.9962).abs() < 1e-3);
    assert!((lower_bound(0.5, 100) - 0.4038).abs() < 1e-3);
}
