//! How long a check of every rule takes, against the size of the organisation: `make bench`. Most of it is the proof of
//! the fixes of thousands of targets, hardly two of which share their groups.

use divan::Bencher;
use jiff::Timestamp;
use peerscope_analysis::check::{Check, CheckCase, RuleStatus, check};
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;
use peerscope_organisation::{Size, organisation};

fn main() {
    divan::main();
}

const SIZES: [usize; 3] = [100, 1_000, 10_000];

fn checked(documents: &Snapshot, topology: &Topology) -> Check {
    check(&CheckCase {
        version: String::new(),
        at: Timestamp::UNIX_EPOCH,
        documents,
        topology,
        snapshot: None,
        targets: Vec::new(),
        source_ports: PortRange::new(32768, 60999).unwrap_or(PortRange::ALL),
        gaps: Vec::new(),
    })
}

/// Every rule, of every interface that a group opens to the space.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn every_rule(bencher: Bencher<'_, '_>, interfaces: usize) {
    let documents = organisation(&Size::of_interfaces(interfaces), 1);
    let topology = Topology::from(&documents);
    let results = checked(&documents, &topology).results;
    assert!(results.iter().any(|one| one.status == RuleStatus::Violation && !one.fixes.is_empty()));
    bencher.bench(|| checked(&documents, &topology));
}
