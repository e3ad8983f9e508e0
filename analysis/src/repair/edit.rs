//! Single changes to a configuration, and what they do to a topology.

use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::Cidr;
use peerscope_document::aws::{
    IcmpTypeCode, IpPermission, IpProtocol, IpRange, Ipv6Range, NetworkAclEntry, PeeringStatusCode,
    PortRange, Route, RouteOrigin, RouteState, RuleAction,
};
use peerscope_document::id::{NetworkAclId, RouteTableId, SecurityGroupId, VpcId, VpcPeeringConnectionId};

use super::peering::between;
use crate::flow;
use crate::topology::{NetworkId, RouteDestination, Topology};

/// Who accepts a peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Accepter {
    /// Heroku, on the order of the space's owner.
    Space,
    /// The account that owns the VPC.
    Account,
}

impl Accepter {
    /// Who accepts for a network.
    #[must_use]
    pub fn of(network: Option<&NetworkId>) -> Self {
        match network {
            Some(NetworkId::Space) => Self::Space,
            _ => Self::Account,
        }
    }
}

/// The ports of a rule to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryPorts {
    /// All, or a protocol without ports.
    All,
    /// These ports.
    Ports(flow::PortRange),
    /// This ICMP type, of any code or this one.
    Icmp(u8, Option<u8>),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// Adds a static route over a peering.
    CreateRoute {
        /// The table.
        table: RouteTableId,
        /// The destination.
        destination: IpNet,
        /// The peering it leads over.
        peering: VpcPeeringConnectionId,
    },
    /// Gives an existing static route another target.
    ReplaceRoute {
        /// The table.
        table: RouteTableId,
        /// The destination, as it stands in the table.
        destination: IpNet,
        /// The peering it is to lead over.
        peering: VpcPeeringConnectionId,
        /// The target it had, for undoing; `None` where that is not a target that can be given again.
        previous: Option<(&'static str, alloc::string::String)>,
    },
    /// Adds a rule to a security group.
    Authorize {
        /// The group.
        group: SecurityGroupId,
        /// Whether the rule is for what comes in.
        ingress: bool,
        /// The protocol.
        protocol: IpProtocol,
        /// The ports.
        ports: EntryPorts,
        /// The block of the other side.
        cidr: IpNet,
    },
    /// Adds an entry that allows to a network ACL.
    AllowInNetworkAcl {
        /// The ACL.
        acl: NetworkAclId,
        /// The number, free until now.
        rule_number: i32,
        /// Whether the entry is for packets that leave the subnet.
        egress: bool,
        /// The protocol.
        protocol: IpProtocol,
        /// The packet's destination ports.
        ports: EntryPorts,
        /// The block of the other side.
        cidr: IpNet,
    },
    /// Accepts a pending peering.
    AcceptPeering {
        /// The peering.
        peering: VpcPeeringConnectionId,
        /// Who has to.
        accepter: Accepter,
    },
    /// Asks for a peering where there is none.
    CreatePeering {
        /// What it goes by until AWS gives it an id: only copies of a topology have a peering of this name.
        peering: VpcPeeringConnectionId,
        /// The VPC that asks: a customer's, since no space does.
        requester: VpcId,
        /// The network that is asked.
        accepter: NetworkId,
    },
    /// Asks for a new peering in place of one that cannot be revived, has it accepted, and points the
    /// old one's routes at it.
    ReplacePeering {
        /// The peering that is past saving.
        peering: VpcPeeringConnectionId,
        /// Who has to accept the new one.
        accepter: Accepter,
        /// The routes that lead over the old one.
        routes: Vec<(RouteTableId, RouteDestination)>,
    },
}

impl Edit {
    /// Makes the change in a topology.
    pub fn apply(&self, topology: &mut Topology) {
        match self {
            Self::CreateRoute { table, destination, peering } => {
                if let Some(table) = topology.route_table_mut(table) {
                    table.routes.push(peering_route(*destination, peering));
                }
            }
            Self::ReplaceRoute { table, destination, peering, .. } => {
                if let Some(table) = topology.route_table_mut(table) {
                    table.routes.retain(|route| destination_of(route) != Some(*destination));
                    table.routes.push(peering_route(*destination, peering));
                }
            }
            Self::Authorize { group, ingress, protocol, ports, cidr } => {
                if let Some(group) = topology.security_group_mut(group) {
                    let rules = if *ingress { &mut group.ingress } else { &mut group.egress };
                    rules.push(permission(*protocol, *ports, *cidr));
                }
            }
            Self::AllowInNetworkAcl { acl, rule_number, egress, protocol, ports, cidr } => {
                if let Some(acl) = topology.network_acl_mut(acl) {
                    acl.entries.push(entry(*rule_number, *egress, *protocol, *ports, *cidr));
                    acl.entries.sort_by_key(|entry| entry.rule_number);
                }
            }
            Self::CreatePeering { peering, requester, accepter } => {
                let made = between(topology, requester, accepter);
                topology.insert_peering(peering.clone(), made);
            }
            Self::AcceptPeering { peering, .. } | Self::ReplacePeering { peering, .. } => {
                if let Some(peering) = topology.peering_mut(peering) {
                    peering.status = Some(PeeringStatusCode::Active);
                }
                topology.revive_routes_over(peering);
            }
        }
    }
}

fn destination_of(route: &Route) -> Option<IpNet> {
    route.destination_cidr_block.or(route.destination_ipv6_cidr_block).map(|cidr| cidr.network())
}

fn peering_route(destination: IpNet, peering: &VpcPeeringConnectionId) -> Route {
    let mut route = Route {
        vpc_peering_connection_id: Some(peering.clone()),
        state: Some(RouteState::Active),
        origin: Some(RouteOrigin::CreateRoute),
        ..Route::default()
    };
    match destination.addr() {
        IpAddr::V4(_) => route.destination_cidr_block = Some(Cidr::from(destination)),
        IpAddr::V6(_) => route.destination_ipv6_cidr_block = Some(Cidr::from(destination)),
    }
    route
}

fn permission(protocol: IpProtocol, ports: EntryPorts, cidr: IpNet) -> IpPermission {
    let (from_port, to_port) = match ports {
        EntryPorts::All => (None, None),
        EntryPorts::Ports(range) => (Some(i32::from(range.first())), Some(i32::from(range.last()))),
        EntryPorts::Icmp(icmp_type, code) => (Some(i32::from(icmp_type)), Some(code.map_or(-1, i32::from))),
    };
    let ipv4 = matches!(cidr, IpNet::V4(_)).then(|| IpRange { cidr_ip: Cidr::from(cidr), description: None });
    let ipv6 =
        matches!(cidr, IpNet::V6(_)).then(|| Ipv6Range { cidr_ipv6: Cidr::from(cidr), description: None });
    IpPermission {
        ip_protocol: protocol,
        from_port,
        to_port,
        ip_ranges: ipv4.into_iter().collect(),
        ipv6_ranges: ipv6.into_iter().collect(),
        prefix_list_ids: Vec::new(),
        user_id_group_pairs: Vec::new(),
    }
}

fn entry(
    rule_number: i32,
    egress: bool,
    protocol: IpProtocol,
    ports: EntryPorts,
    cidr: IpNet,
) -> NetworkAclEntry {
    let port_range = match ports {
        EntryPorts::Ports(range) => {
            Some(PortRange { from: Some(i32::from(range.first())), to: Some(i32::from(range.last())) })
        }
        EntryPorts::All | EntryPorts::Icmp(..) => None,
    };
    let icmp_type_code = match ports {
        EntryPorts::Icmp(icmp_type, code) => Some(IcmpTypeCode {
            icmp_type: Some(i32::from(icmp_type)),
            code: Some(code.map_or(-1, i32::from)),
        }),
        EntryPorts::All | EntryPorts::Ports(_) => None,
    };
    NetworkAclEntry {
        rule_number,
        egress,
        rule_action: RuleAction::Allow,
        protocol,
        cidr_block: matches!(cidr, IpNet::V4(_)).then(|| Cidr::from(cidr)),
        ipv6_cidr_block: matches!(cidr, IpNet::V6(_)).then(|| Cidr::from(cidr)),
        port_range,
        icmp_type_code,
    }
}
