//! `peerscope analyze`: what the configuration alone does to a path.

use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::topology::Topology;

use crate::case::{LINUX_EPHEMERAL, case, documented_addresses, known, source, vantage};
use crate::cli::AnalyzeArgs;
use crate::clock;
use crate::dyno::Dyno;
use crate::exit::{Failure, Status};
use crate::target::TargetUrl;
use crate::text::{Style, show};

/// Analyses.
pub(crate) fn run(arguments: &AnalyzeArgs, style: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let target = TargetUrl::parse(&arguments.to).map_err(Failure::usage)?;
    if arguments.case.snapshot.is_empty() {
        return Err(Failure::usage("analyze: expected --snapshot PATH, the documents to analyse"));
    }
    let known = known(&arguments.case, at)?;
    let topology = known.topology.as_ref();
    let addresses = documented_addresses(&target, topology)?.ok_or_else(|| {
        Failure::usage(format!(
            "TARGET: the snapshot knows no host {}; analyze asks no DNS, so give its address",
            target.host
        ))
    })?;
    let has_space = topology.and_then(Topology::space).is_some();
    let from = match (&arguments.case.from, has_space) {
        (Some(from), _) => from.as_str(),
        (None, true) => "space",
        (None, false) => {
            return Err(Failure::usage(
                "analyze: expected --from SOURCE, since the snapshot holds no Heroku space",
            ));
        }
    };
    let (first, last) = LINUX_EPHEMERAL;
    let linux = PortRange::new(first, last).unwrap_or(PortRange::ALL);
    let dyno = Dyno::here();
    let source = source(from, topology, dyno.as_ref(), arguments.case.source_ports.unwrap_or(linux))?;
    let vantage = vantage(dyno.as_ref(), topology, dyno.as_ref().and_then(|dyno| dyno.private_address), None);
    let case = case(&target, addresses, source, vantage, known, false, Duration::from_secs(10));
    let diagnosis = Machine::new(case, 0).report(started.elapsed(), at);
    show(&diagnosis, arguments.case.format, style)?;
    Ok(Status::from(diagnosis.verdict))
}
