//! What was thought of beside the causes that are named, and what became of it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{CauseReport, Component};
use crate::cause::CauseCode;
use crate::reach::Direction;

/// One thing that could have been the cause.
#[derive(Clone, Debug, Serialize)]
pub struct HypothesisReport {
    /// Its code.
    pub code: CauseCode,
    /// Where it would lie.
    pub component: Component,
    /// Which way the packets travel that it would stop.
    pub direction: Option<Direction>,
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

impl HypothesisReport {
    /// What was thought of as this cause.
    pub(crate) fn of(cause: &CauseReport, prior: f64, fell: bool, because: Vec<String>) -> Self {
        Self {
            code: cause.code,
            component: cause.component.clone(),
            direction: cause.direction,
            alternatives: cause.alternatives.clone(),
            prior,
            confidence: cause.confidence,
            fell,
            because,
        }
    }
}
