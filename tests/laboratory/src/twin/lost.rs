//! Whose packets were lost: what every gate keeps of the flows that it drops.
//!
//! Counters tell how many packets a gate dropped, not whose. Where many flows are under way at once each is
//! told by its ends, which the router writes down in a set of its own for every protocol and version of IP.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::Value;

use super::ruleset::{LOST, TABLE, marked};
use super::{Direction, Gate, Twin};
use crate::error::LaboratoryError;
use crate::tool::run;

/// The protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowProtocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// ICMP's echo, or ICMPv6's.
    Echo,
}

/// A flow of which a gate dropped a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostFlow {
    /// Its protocol.
    pub protocol: FlowProtocol,
    /// Who began it. An echo's identifier stands in the port's place.
    pub source: SocketAddr,
    /// Whom they called. An echo has no port here, but 0.
    pub target: SocketAddr,
    /// Where the packet was dropped.
    pub gate: Gate,
    /// Which way it was going.
    pub direction: Direction,
}

/// A set of lost flows.
struct LostSet {
    name: &'static str,
    protocol: FlowProtocol,
    /// `ip` or `ip6`, as nftables has it.
    version: &'static str,
}

const SETS: [LostSet; 6] = [
    LostSet { name: "lost-tcp", protocol: FlowProtocol::Tcp, version: "ip" },
    LostSet { name: "lost-tcp6", protocol: FlowProtocol::Tcp, version: "ip6" },
    LostSet { name: "lost-udp", protocol: FlowProtocol::Udp, version: "ip" },
    LostSet { name: "lost-udp6", protocol: FlowProtocol::Udp, version: "ip6" },
    LostSet { name: "lost-echo", protocol: FlowProtocol::Echo, version: "ip" },
    LostSet { name: "lost-echo6", protocol: FlowProtocol::Echo, version: "ip6" },
];

impl LostSet {
    /// What tells one flow from another, of which the first is the mark of the gate and the direction.
    fn key(&self) -> String {
        let version = self.version;
        match self.protocol {
            FlowProtocol::Tcp => format!("{version} saddr . tcp sport . {version} daddr . tcp dport"),
            FlowProtocol::Udp => format!("{version} saddr . udp sport . {version} daddr . udp dport"),
            FlowProtocol::Echo => format!("{version} saddr . {} id . {version} daddr", self.icmp()),
        }
    }

    fn icmp(&self) -> &'static str {
        if self.version == "ip" { "icmp" } else { "icmpv6" }
    }

    /// Which packets are kept.
    fn concerned(&self) -> String {
        let family = if self.version == "ip" { "ipv4" } else { "ipv6" };
        let protocol = match self.protocol {
            FlowProtocol::Tcp => "meta l4proto tcp".to_owned(),
            FlowProtocol::Udp => "meta l4proto udp".to_owned(),
            // An error is no flow of its own.
            FlowProtocol::Echo => format!("{} type {{ echo-request, echo-reply }}", self.icmp()),
        };
        format!("meta nfproto {family} {protocol}")
    }

    /// An element: the mark, and the packet's ends.
    fn flow(&self, element: &Value, gates: &[(String, Gate)]) -> Option<LostFlow> {
        let (mark, ends) = match (self.protocol, element.get("concat")?.as_array()?.as_slice()) {
            (FlowProtocol::Echo, [mark, from, identifier, to]) => {
                let identifier = u16::try_from(identifier.as_u64()?).ok()?;
                (mark, [(address(from)?, identifier), (address(to)?, 0)])
            }
            (_, [mark, from, from_port, to, to_port]) => {
                let port = |port: &Value| u16::try_from(port.as_u64()?).ok();
                (mark, [(address(from)?, port(from_port)?), (address(to)?, port(to_port)?)])
            }
            _ => return None,
        };
        let (gate, direction) = marked(mark.as_u64()?)?;
        let [from, to] = ends;
        let (source, target) = match (self.protocol, direction) {
            (_, Direction::Forward) => (from, to),
            (FlowProtocol::Echo, Direction::Return) => ((to.0, from.1), (from.0, 0)),
            (_, Direction::Return) => (to, from),
        };
        let gate = gates.get(gate)?.1.clone();
        let (source, target) = (SocketAddr::from(source), SocketAddr::from(target));
        Some(LostFlow { protocol: self.protocol, source, target, gate, direction })
    }
}

fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

/// The sets, and the chain that all that is dropped ends in.
pub(crate) fn definitions() -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for set in &SETS {
        let _ = writeln!(
            text,
            " set {} {{\n  typeof meta mark . {}\n  flags dynamic\n  size 65535\n }}",
            set.name,
            set.key()
        );
    }
    let _ = writeln!(text, " chain {LOST} {{");
    // Where a set is full its rule ends there; the packet is lost all the same.
    for set in &SETS {
        let _ = writeln!(text, "  {} add @{} {{ meta mark . {} }}", set.concerned(), set.name, set.key());
    }
    text.push_str("  drop\n }\n");
    text
}

/// What makes a router forget whose packets it lost.
pub(crate) fn forgetting() -> String {
    SETS.iter().map(|set| format!("flush set inet {TABLE} {}\n", set.name)).collect()
}

impl Twin<'_> {
    /// Whose packets every gate has dropped since the twin was built or rebuilt: the first 65,535 flows of each
    /// router, protocol and version of IP.
    ///
    /// # Errors
    /// [`LaboratoryError`] where `nft` fails.
    pub fn lost_flows(&self) -> Result<Vec<LostFlow>, LaboratoryError> {
        let nft = &self.enclosure.tools.nft;
        let arguments = ["-n", "-j", "list", "sets", "table", "inet", TABLE];
        let mut all = Vec::new();
        for (name, router) in &self.plan.routers {
            let text = self.namespace(name).within(|| run(nft, &arguments, ""))?;
            let listing: Listing = serde_json::from_str(&text).map_err(|error| LaboratoryError::Answer {
                command: "nft -j list sets".to_owned(),
                expected: error.to_string(),
            })?;
            for listed in listing.nftables.into_iter().filter_map(|it| it.set) {
                let Some(set) = SETS.iter().find(|set| set.name == listed.name) else { continue };
                all.extend(listed.elem.iter().filter_map(|element| set.flow(element, &router.gates)));
            }
        }
        Ok(all)
    }
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    set: Option<ListedSet>,
}

#[derive(Deserialize)]
struct ListedSet {
    name: String,
    #[serde(default)]
    elem: Vec<Value>,
}
