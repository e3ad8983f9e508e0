//! `--verbose`: everything that was thought of, how likely it was, what was asked to tell it apart and why, and what
//! made it fall.

use peerscope_analysis::report::{AskedReport, Diagnosis, HypothesisReport};

use super::diagnosis::{list, section};
use super::words::both;
use super::{Style, layout::wrapped};
use crate::escape::escape;

/// Writes what was weighed; empty where nothing had to be.
pub(crate) fn weighing(diagnosis: &Diagnosis, style: &Style) -> String {
    let (fallen, left): (Vec<&HypothesisReport>, Vec<&HypothesisReport>) =
        diagnosis.hypotheses.iter().partition(|one| one.fell);
    let mut text = String::new();
    section(&mut text, &list("Weighed", left.into_iter().map(hypothesis), style));
    section(&mut text, &list("Fell", fallen.into_iter().map(hypothesis), style));
    let asked = diagnosis.asked.iter().filter(|one| one.after_seconds.is_some());
    section(&mut text, &list("Asked", asked.map(asked_words), style));
    let spared = diagnosis.asked.iter().filter(|one| one.after_seconds.is_none());
    section(&mut text, &list("Spared", spared.map(spared_words), style));
    if diagnosis.hypotheses.is_empty() {
        let nothing = "Nothing had to be weighed: what was seen and what is configured leave no choice.";
        section(&mut text, &wrapped(nothing, style.width, "", ""));
    }
    text
}

/// When a probe beside the named port was sent, why, and what came of it.
fn asked_words(one: &AskedReport) -> String {
    let codes: Vec<String> = one.fell.iter().map(ToString::to_string).collect();
    let fell = match codes.as_slice() {
        [] => "nothing fell by it".to_string(),
        codes => format!("{} fell", codes.join(", ")),
    };
    let after = one.after_seconds.unwrap_or_default();
    format!("{after:.2} s, {}: {}; {fell}", why(one), escape(&one.text))
}

/// Whom it was not worth asking.
fn spared_words(one: &AskedReport) -> String {
    format!("{} would have told nothing more", escape(&one.text))
}

/// What its answer was expected to tell. An echo goes with every silence, whatever it tells.
fn why(one: &AskedReport) -> String {
    match (one.bits < 0.005, one.port) {
        (true, None) => "as with every silence".to_string(),
        (true, Some(_)) => "to tell nothing new".to_string(),
        (false, _) => format!("to tell {:.2} bits", one.bits),
    }
}

/// One thing that was thought of, in a line.
fn hypothesis(one: &HypothesisReport) -> String {
    let share = match one.fell {
        true => percent(one.prior),
        false => format!("{} → {}", percent(one.prior), percent(one.confidence)),
    };
    let because =
        if one.because.is_empty() { String::new() } else { format!(": {}", one.because.join("; ")) };
    format!("{share}  {}{}", both(one), escape(&because))
}

fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 { "<1 %".to_string() } else { format!("{:.0} %", share * 100.0) }
}
