//! VPN connections of a space: the one way from and to it beside a peering. Heroku names the networks that
//! the space reaches over them; what lies behind is not modelled.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Decision, Explanation, Gate, Part, beside};
use crate::cause::CauseCode;
use crate::flow::{Flows, cidr_words};
use crate::reach::{Direction, Ways};
use crate::topology::{ComponentId, Omission, Topology};

/// The VPN connections of the space, for what no peering carries.
#[derive(Debug)]
pub struct SpaceVpn {
    ways: Ways,
}

impl SpaceVpn {
    /// The ways between a space and a VPC.
    #[must_use]
    pub fn new(ways: Ways) -> Self {
        Self { ways }
    }
}

impl Gate for SpaceVpn {
    fn component(&self) -> ComponentId {
        ComponentId::Space
    }

    fn direction(&self) -> Option<Direction> {
        None
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let over_vpn = self.ways.elsewhere(topology, flows);
        let rest = flows.difference(&over_vpn);
        beside(rest, flows, Decision::Unknown(CauseCode::UnsupportedComponent))
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let Some(end) = self.ways.vpn_end() else { return Explanation::default() };
        let addresses = end.cidrs(&part.flows);
        let shown = cidr_words(&addresses);
        let space = topology.space();
        let meant = space.iter().flat_map(|space| &space.vpn_blocks);
        let meant = meant.filter(|(block, _)| addresses.iter().any(|address| block.contains(address)));
        let blocks: Vec<String> = meant.clone().map(|(block, _)| block.to_string()).collect();
        let names: Vec<&str> = meant.map(|(_, name)| name.as_str()).collect();
        let (blocks, names) = (blocks.join(", "), names.join(", "));
        Explanation {
            rule: "not modelled".to_string(),
            summary: format!(
                "The space reaches {shown} over its VPN connection {names}, not over a peering; what lies behind it is not known."
            ),
            evidence: Vec::from([format!("Heroku lists {blocks} as routable over VPN connection {names}")]),
            related: Vec::new(),
            omission: Some(Omission {
                what: format!("what lies behind the space's VPN connection {names}"),
                reason: "VPN connections are not modelled".to_string(),
                would_tell: format!("whether packets between the space and {shown} get through"),
            }),
        }
    }
}
