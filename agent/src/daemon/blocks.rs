//! What the configuration lets each of the space's dyno blocks reach. The daemon asks from one place alone; a dyno's
//! address changes at every restart, and where it is in another block tomorrow another route or rule decides.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{Diagnosis, Vantage, VantageKind, Verdict};

use super::Shared;
use super::board::Board;
use super::configured::Configured;
use super::watched::Watched;
use crate::case::{case, linux_source_ports, source};
use crate::clock;

/// How soon something new is worked out.
const NAP: Duration = Duration::from_millis(500);

/// What the configuration lets the dyno blocks reach of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Of which revision of what is configured.
    revision: u64,
    /// The addresses of the target.
    addresses: Vec<IpAddr>,
    /// Each block, what holds for it, and the code of the first thing that stops it.
    pub(crate) verdicts: Vec<(IpNet, Verdict, Option<&'static str>)>,
}

/// Works it out, anew where anything has changed, until all is to end.
pub(super) fn run(shared: &Shared) {
    let Shared { board, names, stop, .. } = shared;
    while !stop.sleep(NAP) {
        let Some(configured) = board.configured() else { continue };
        for path in board.paths() {
            if stop.is_asked() {
                return;
            }
            let addresses = names.addresses(&path.section.target.0.host).and_then(Result::ok);
            let addresses = addresses.unwrap_or_default();
            let is_known = path
                .blocks()
                .is_some_and(|known| known.revision == configured.revision && known.addresses == addresses);
            if !is_known {
                let verdicts = worked_out(board, &path, &addresses, &configured);
                path.take_blocks(Blocks { revision: configured.revision, addresses, verdicts });
            }
        }
    }
}

fn worked_out(
    board: &Board,
    path: &Watched,
    addresses: &[IpAddr],
    configured: &Configured,
) -> Vec<(IpNet, Verdict, Option<&'static str>)> {
    let space = source("space", Some(&configured.topology), board.dyno.as_ref(), linux_source_ports());
    let Some(space) = space.ok().filter(|_| !addresses.is_empty()) else { return Vec::new() };
    let blocks = configured.topology.space().into_iter().flat_map(|space| &space.dyno_blocks);
    let at = clock::now();
    let nowhere = Vantage { kind: VantageKind::Unknown, address: None };
    let (target, resolved) = (&path.section.target.0, addresses.to_vec().into());
    let case = case(target, resolved, space, nowhere, configured.known(at), false, Duration::ZERO);
    let diagnosis = Machine::new(case, 0).report(Duration::ZERO, at);
    blocks.map(|block| of_block(&diagnosis, *block)).collect()
}

/// What a diagnosis of the whole space says of one block of it.
fn of_block(diagnosis: &Diagnosis, block: IpNet) -> (IpNet, Verdict, Option<&'static str>) {
    let meets = |one: &IpNet| one.contains(&block) || block.contains(one);
    let parts: Vec<_> =
        diagnosis.partition.iter().filter(|part| part.flows.sources.iter().any(meets)).collect();
    let code = parts.iter().flat_map(|part| &part.blockers).map(|blocker| blocker.code.name()).next();
    let verdict = match parts.split_first() {
        // Where no document tells apart, what holds of all holds of each.
        None => diagnosis.verdict,
        Some((first, rest)) if rest.iter().all(|part| part.verdict == first.verdict) => first.verdict,
        Some(_) if parts.iter().any(|part| part.verdict == Verdict::Undetermined) => Verdict::Undetermined,
        Some(_) => Verdict::Impaired,
    };
    (block, verdict, code.filter(|_| verdict != Verdict::Reachable))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::command::analyze::diagnosis_for_test;

    #[test]
    fn each_block_has_what_holds_for_it() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
        let loaded = crate::snapshot::load(&[example]).unwrap();
        let diagnosis = diagnosis_for_test(&loaded, "space", "tcp://10.100.2.20:5432").unwrap();
        let of = |block: &str| of_block(&diagnosis, block.parse().unwrap());
        let (_, verdict, code) = of("10.0.144.0/20");
        assert_eq!(verdict, Verdict::Blocked);
        assert!(code.is_some());
        let all: Vec<_> = diagnosis.source.cidrs.iter().map(|block| of_block(&diagnosis, *block)).collect();
        assert_eq!(all.len(), 2);
        // Unlike verdicts within one block are neither of them.
        let mut mixed = diagnosis.clone();
        let mut part = mixed.partition[0].clone();
        part.verdict = Verdict::Reachable;
        mixed.partition.push(part);
        let block = mixed.partition[0].flows.sources[0];
        assert_eq!(of_block(&mixed, block).1, Verdict::Impaired);
    }
}
