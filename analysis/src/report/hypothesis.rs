//! What was thought of beside the causes that are named, and what became of it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{CauseReport, Component};
use crate::cause::CauseCode;
use crate::reach::Direction;

/// One thing that could have been the cause, or two together: all that would be wrong.
#[derive(Clone, Debug, Serialize)]
pub struct HypothesisReport {
    /// Its code.
    pub code: CauseCode,
    /// Where it would lie.
    pub component: Component,
    /// Which way the packets travel that it would stop.
    pub direction: Option<Direction>,
    /// What else would be wrong at the same time, where this is two things together.
    pub together_with: Vec<AlsoWrong>,
    /// The group of which one is taken to hold.
    pub alternatives: Option<String>,
    /// How likely it was, 0 to 1, before what was seen beside the failure itself.
    pub prior: f64,
    /// How likely it is by all that was seen, 0 to 1.
    pub confidence: f64,
    /// Whether it was given up: no cause names it any more.
    pub fell: bool,
    /// What made it more likely, or less, in clauses.
    pub because: Vec<String>,
}

/// One thing that is wrong beside another.
#[derive(Clone, Debug, Serialize)]
pub struct AlsoWrong {
    /// Its code.
    pub code: CauseCode,
    /// Where it would lie.
    pub component: Component,
    /// Which way the packets travel that it would stop.
    pub direction: Option<Direction>,
}

impl HypothesisReport {
    /// What was thought of as this cause.
    pub(crate) fn of(cause: &CauseReport, prior: f64, fell: bool, because: Vec<String>) -> Self {
        Self {
            code: cause.code,
            component: cause.component.clone(),
            direction: cause.direction,
            together_with: Vec::new(),
            alternatives: cause.alternatives.clone(),
            prior,
            confidence: cause.confidence,
            fell,
            because,
        }
    }

    /// Both together, as likely as that.
    pub(crate) fn with(&self, other: &Self, prior: f64, confidence: f64) -> Self {
        let (code, component, direction) = (other.code, other.component.clone(), other.direction);
        let mut both = Self { prior, confidence, ..self.clone() };
        both.together_with.push(AlsoWrong { code, component, direction });
        let more = other.because.iter().filter(|one| !self.because.contains(one)).cloned();
        both.because.extend(more);
        both
    }
}
