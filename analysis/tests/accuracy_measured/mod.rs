//! Many judged worlds, whatever they were judged by, and how true the probabilities are that were told of them.
//!
//! With documents and without, a world is one diagnosis held against what is so; shares, their bounds and the
//! calibration are counted here, what is counted of one kind alone beside that kind.

use std::fmt;

/// The bins of the calibration error, of equal numbers of statements.
const BINS: usize = 10;
/// What a cause that is not named is taken to have: the logarithm of nothing tells nothing.
const UNNAMED: f64 = 0.001;
/// Over this a cause that is not so is confidently wrong.
pub(crate) const CONFIDENT: f64 = 0.8;

/// One world, with what was said of it and what is so.
pub(crate) trait Told {
    /// Each probability that was told, and whether it was so.
    fn statements(&self) -> Vec<(f64, bool)>;
    /// The probability that was told of each thing that is so; 0 of what was not named.
    fn of_truths(&self) -> Vec<f64>;
}

/// All worlds of one kind.
pub(crate) struct Worlds<T> {
    pub(crate) name: &'static str,
    pub(crate) first_seed: u64,
    pub(crate) worlds: Vec<T>,
}

impl<T> Worlds<T> {
    pub(crate) fn new(name: &'static str, first_seed: u64) -> Self {
        Self { name, first_seed, worlds: Vec::new() }
    }

    pub(crate) fn add(&mut self, world: T) {
        self.worlds.push(world);
    }

    /// How many worlds there are.
    pub(crate) fn len(&self) -> usize {
        self.worlds.len()
    }

    /// In how many of them something holds.
    pub(crate) fn count(&self, holds: impl Fn(&T) -> bool) -> usize {
        self.worlds.iter().filter(|world| holds(world)).count()
    }

    /// In what share of them something holds.
    pub(crate) fn share(&self, holds: impl Fn(&T) -> bool) -> f64 {
        self.count(holds) as f64 / self.len().max(1) as f64
    }
}

impl<T: Told> Worlds<T> {
    /// The logarithmic loss of what was told, a truth.
    pub(crate) fn log_loss(&self) -> f64 {
        let losses: Vec<f64> = self.worlds.iter().flat_map(Told::of_truths).map(loss).collect();
        losses.iter().sum::<f64>() / losses.len().max(1) as f64
    }

    /// Statements by confidence, in bins of equal numbers: what was said, and how often it was so.
    fn bins(&self) -> Vec<(f64, f64)> {
        let mut statements: Vec<(f64, bool)> = self.worlds.iter().flat_map(Told::statements).collect();
        statements.sort_by(|one, other| one.0.total_cmp(&other.0));
        let size = statements.len().div_ceil(BINS).max(1);
        let mean = |bin: &[(f64, bool)]| {
            let count = bin.len() as f64;
            let said = bin.iter().map(|(said, _)| said).sum::<f64>() / count;
            (said, bin.iter().filter(|(_, so)| *so).count() as f64 / count)
        };
        statements.chunks(size).map(mean).collect()
    }

    /// The expected calibration error.
    pub(crate) fn calibration_error(&self) -> f64 {
        let bins = self.bins();
        bins.iter().map(|(said, so)| (said - so).abs()).sum::<f64>() / bins.len().max(1) as f64
    }

    /// Writes the calibration error and its bins.
    pub(crate) fn write_calibration(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "  {:46} {:8.4}", "expected calibration error", self.calibration_error())?;
        writeln!(out, "  said → was so, in {BINS} bins of equal numbers:")?;
        let bins = self.bins();
        let bins = bins.iter().map(|(said, so)| format!("{said:.3} → {so:.3}")).collect::<Vec<_>>();
        for line in bins.chunks(5) {
            writeln!(out, "    {}", line.join("   "))?;
        }
        Ok(())
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
        let (low, name, count) = (side - 6.0, self.name, self.len());
        svg += &format!(
            "<text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">said</text>\n\
             <text x=\"{middle}\" y=\"18\" text-anchor=\"middle\">was so: {name}, n = {count}</text>\n</svg>\n"
        );
        svg
    }
}

/// The logarithmic loss of one probability that was told of what is so.
pub(crate) fn loss(confidence: f64) -> f64 {
    -confidence.max(UNNAMED).ln()
}

/// Writes a share and the lower bound of it.
pub(crate) fn write_share(out: &mut fmt::Formatter<'_>, what: &str, share: f64, count: usize) -> fmt::Result {
    let bound = lower_bound(share, count);
    writeln!(out, "  {what:46} {:6.2} %  (at least {:.2} %, n = {count})", share * 100.0, bound * 100.0)
}

/// The lower end of the 95 % confidence interval of a share (Wilson 1927).
pub(crate) fn lower_bound(share: f64, count: usize) -> f64 {
    let (z, n) = (1.96_f64, count.max(1) as f64);
    let middle = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    (middle - spread) / (1.0 + z * z / n)
}

#[test]
fn a_share_of_all_is_bounded_by_how_many_there_are() {
    assert!((lower_bound(1.0, 1000) - 0.9962).abs() < 1e-3);
    assert!((lower_bound(0.5, 100) - 0.4038).abs() < 1e-3);
}
