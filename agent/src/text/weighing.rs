//! `--verbose`: everything that was thought of, how likely it was, and what made it fall.

use peerscope_analysis::report::{Diagnosis, HypothesisReport};

use super::diagnosis::{list, section};
use super::words::{name, way};
use super::{Style, layout::wrapped};
use crate::escape::escape;

/// Writes what was weighed; empty where nothing had to be.
pub(crate) fn weighing(diagnosis: &Diagnosis, style: &Style) -> String {
    let (fallen, left): (Vec<&HypothesisReport>, Vec<&HypothesisReport>) =
        diagnosis.hypotheses.iter().partition(|one| one.fell);
    let mut text = String::new();
    section(&mut text, &list("Weighed", left.into_iter().map(hypothesis), style));
    section(&mut text, &list("Fell", fallen.into_iter().map(hypothesis), style));
    if text.is_empty() {
        let nothing = "Nothing had to be weighed: what was seen and what is configured leave no choice.";
        section(&mut text, &wrapped(nothing, style.width, "", ""));
    }
    text
}

/// One thing that was thought of, in a line.
fn hypothesis(one: &HypothesisReport) -> String {
    let way = way(one.direction).map(|way| format!(", {way}")).unwrap_or_default();
    let share = match one.fell {
        true => percent(one.prior),
        false => format!("{} → {}", percent(one.prior), percent(one.confidence)),
    };
    let because =
        if one.because.is_empty() { String::new() } else { format!(": {}", one.because.join("; ")) };
    format!("{share}  {} {}{way}{}", one.code, name(&one.component), escape(&because))
}

fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 { "<1 %".to_string() } else { format!("{:.0} %", share * 100.0) }
}
