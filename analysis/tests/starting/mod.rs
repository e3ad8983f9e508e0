//! What a diagnosis starts from, in one place: a case has many fields, and a test is about one of them.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use peerscope_analysis::diagnose::{Case, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::Target;
use peerscope_analysis::topology::{NetworkId, Topology};

/// The calls of these blocks, which are in this network, to tcp 5432 of an address, on the
/// configuration alone.
pub(crate) fn case(topology: Option<Topology>, network: NetworkId, source: &[&str], target: &str) -> Case {
    let range = |block: &&str| {
        AddressRange::from(block.parse::<IpNet>().unwrap_or_else(|_| panic!("{block} is no block")))
    };
    let target = Target {
        input: format!("tcp://{target}:5432"),
        protocol: "tcp",
        host: target.into(),
        addresses: target.parse::<IpAddr>().into_iter().collect(),
        port: Some(5432),
    };
    let source = SourceSpec {
        input: source.join(" "),
        ranges: source.iter().map(range).collect(),
        network: Some(network),
        source_ports: PortRange::new(32768, 60999).unwrap_or(PortRange::ALL),
    };
    Case {
        version: "0".into(),
        deadline: Duration::from_secs(10),
        ..Case::of_documents(target, 6, source, topology)
    }
}
