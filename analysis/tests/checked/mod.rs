//! A world of the laboratory, checked for its own target.

use jiff::Timestamp;
use peerscope_analysis::check::{Check, CheckCase, CheckTarget, check};
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;
use peerscope_laboratory::world::World;

/// By these documents, which may say of the world what it is not.
pub(crate) fn checked(world: &World, documents: &Snapshot) -> Check {
    let address = world.target_address();
    let target = CheckTarget {
        input: format!("tcp://{address}"),
        name: None,
        addresses: vec![(address.ip(), None)],
        protocol: 6,
        ports: PortRange::single(address.port()),
    };
    check(&CheckCase {
        version: String::new(),
        at: Timestamp::UNIX_EPOCH,
        documents,
        topology: &Topology::from(documents),
        snapshot: None,
        targets: vec![target],
        source_ports: PortRange::new(32_768, 60_999).expect("a range"),
        gaps: Vec::new(),
    })
}
