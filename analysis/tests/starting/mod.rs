//! What a diagnosis starts from, in one place: a case has many fields, and a test is about one of them.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use peerscope_analysis::diagnose::{Case, Priors, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Target, Vantage, VantageKind};
use peerscope_analysis::topology::{NetworkId, Topology};

/// The calls of these blocks, which are in this network, to tcp 5432 of an address, on the
/// configuration alone.
pub(crate) fn case(topology: Option<Topology>, network: NetworkId, source: &[&str], target: &str) -> Case {
    let range = |block: &&str| {
        AddressRange::from(block.parse::<IpNet>().unwrap_or_else(|_| panic!("{block} is no block")))
    };
    Case {
        version: "0".into(),
        target: Target {
            input: format!("tcp://{target}:5432"),
            protocol: "tcp",
            host: target.into(),
            addresses: target.parse::<IpAddr>().into_iter().collect(),
            port: Some(5432),
        },
        lookup: None,
        protocol: 6,
        source: SourceSpec {
            input: source.join(" "),
            ranges: source.iter().map(range).collect(),
            network: Some(network),
            source_ports: PortRange::new(32768, 60999).unwrap_or(PortRange::ALL),
        },
        vantage: Vantage { kind: VantageKind::Unknown, address: None },
        target_networks: Vec::new(),
        topology,
        snapshot: None,
        baseline: None,
        echo: false,
        gaps: Vec::new(),
        probing: false,
        mysql: false,
        handshake: None,
        thorough: false,
        explore: false,
        deadline: Duration::from_secs(10),
        priors: Priors::default(),
    }
}
