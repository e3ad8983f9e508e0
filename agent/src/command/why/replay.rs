//! Evidence that was saved elsewhere, diagnosed here: no packet is sent.

use peerscope_analysis::diagnose::{Machine, SourceSpec};

use crate::case::{Known, Resolved, baseline, case, known, priors};
use crate::cli::WhyArgs;
use crate::evidence::Evidence;
use crate::exit::{Failure, Status};
use crate::target::TargetUrl;
use crate::text::Style;

/// Diagnoses saved evidence. The report is of the time of the evidence, so that it is the same on
/// whichever machine and day.
pub(super) fn run(arguments: &WhyArgs, style: &Style) -> Result<Status, Failure> {
    let evidence = Evidence::load(&arguments.replay)?;
    let target = TargetUrl::parse(&evidence.target).map_err(Failure::usage)?;
    let mut known = if arguments.case.snapshot.is_empty() {
        evidence.snapshot.map_or_else(Known::default, |snapshot| Known::from_saved(snapshot, evidence.at))
    } else {
        known(&arguments.case, evidence.at)?
    };
    known.baseline = baseline(&arguments.baseline)?;
    known.priors = priors(arguments.priors.as_deref())?;
    for gap in evidence.gaps {
        if !known.gaps.contains(&gap) {
            known.gaps.push(gap);
        }
    }
    let resolved = Resolved { addresses: evidence.addresses, lookup: evidence.lookup };
    let source = SourceSpec::from(&evidence.source);
    let case = case(&target, resolved, source, evidence.vantage, known, false, arguments.deadline);
    let machine = Machine::replay(case, evidence.observations, evidence.spoken);
    let diagnosis = machine.report(evidence.elapsed, evidence.at);
    super::show_all(&diagnosis, arguments, style)?;
    Ok(Status::from(diagnosis.verdict))
}
