//! Security groups: the union of all groups of an interface; what no rule lets through is dropped.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{IpPermission, UserIdGroupPair};
use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, VpcId};

use super::reference::{Referenced, reference_words, referenced};
use super::rule::{RulePorts, Rules, matching, protocol_words};
use super::{Decision, Direction, Explanation, Fault, Gate, Judges, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange, cidr_words, range_words};
use crate::reach::Site;
use crate::reach::site::End;
use crate::repair::{Edit, security_group_plans};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, Topology};

/// The groups of an interface, for flows that it is called by (ingress) or initiates (egress). Replies
/// are tracked and need no rule.
#[derive(Debug)]
pub struct SecurityGroupGate {
    interface: Option<NetworkInterfaceId>,
    /// Its groups.
    groups: Vec<SecurityGroupId>,
    /// The VPC that it is in.
    own: Option<VpcId>,
    /// The network of the other end: only its interfaces can be meant by a reference.
    peer_network: NetworkId,
    ingress: bool,
}

/// What a rule's peer comes to.
enum Peers<'a> {
    /// These blocks.
    Blocks(&'a [IpNet]),
    /// The documents do not tell.
    Unknown(CauseCode),
}

impl SecurityGroupGate {
    /// The groups of the site's interface; `peer` is where the other end is.
    #[must_use]
    pub fn new(topology: &Topology, site: &Site, peer: &Site, ingress: bool) -> Self {
        let interface = site.interface.as_ref().and_then(|id| topology.interface(id));
        let own = match &site.network {
            NetworkId::Vpc(vpc) => Some(vpc.clone()),
            NetworkId::Space | NetworkId::SpaceData => None,
        };
        Self {
            interface: site.interface.clone(),
            groups: interface.map(|interface| interface.security_groups.clone()).unwrap_or_default(),
            own,
            peer_network: peer.network.clone(),
            ingress,
        }
    }

    /// Groups by themselves, for any interfaces of this VPC that are called from the other network
    /// (ingress), or call it.
    pub(crate) fn of_groups(
        groups: &[SecurityGroupId],
        vpc: &VpcId,
        peer_network: &NetworkId,
        ingress: bool,
    ) -> Self {
        Self {
            interface: None,
            groups: groups.to_vec(),
            own: Some(vpc.clone()),
            peer_network: peer_network.clone(),
            ingress,
        }
    }

    /// What each rule matches of `flows`, whatever the others do: what may be let through comes last.
    pub(crate) fn rules(&self, topology: &Topology, flows: &Flows) -> Vec<(Decision, Witness, FlowBox)> {
        self.gathered(topology, flows).into_boxes()
    }

    /// What the groups let through for certain, whichever of their rules does.
    pub(crate) fn admitted(&self, topology: &Topology, flows: &Flows) -> Flows {
        let rules = self.gathered(topology, flows).into_boxes().into_iter();
        rules.filter(|(decision, ..)| *decision == Decision::Admitted).map(|(.., one)| one).collect()
    }

    /// Whether a rule means the interfaces of a group, so that more decides than the rule itself.
    pub(crate) fn refers_to_groups(&self, topology: &Topology) -> bool {
        let permissions = self.groups.iter().filter_map(|group| self.permissions(topology, group)).flatten();
        permissions.into_iter().any(|permission| !permission.user_id_group_pairs.is_empty())
    }

    /// The ports that any rule of the groups opens to anybody, for one protocol; ICMP's types and codes as
    /// [`PortRange::icmp`] has them.
    pub(crate) fn opened(&self, topology: &Topology, protocol: u8) -> Vec<PortRange> {
        let permissions = self.groups.iter().filter_map(|group| self.permissions(topology, group)).flatten();
        let opened = permissions.filter_map(|permission| {
            let concerns = ProtocolRange::from(permission.ip_protocol).contains(protocol);
            permission_ports(permission).range().filter(|_| concerns)
        });
        PortRange::merged(opened.collect())
    }

    fn permissions<'a>(&self, topology: &'a Topology, group: &SecurityGroupId) -> Option<&'a [IpPermission]> {
        topology.security_group(group)?.permissions(self.ingress)
    }

    fn peer(&self) -> End {
        if self.ingress { End::Source } else { End::Destination }
    }

    fn side(&self) -> &'static str {
        if self.ingress { "inbound" } else { "outbound" }
    }

    /// Visits what a rule's peers come to: single blocks, lists, references.
    fn each_peers(&self, topology: &Topology, permission: &IpPermission, mut visit: impl FnMut(Peers<'_>)) {
        let ipv4 = permission.ip_ranges.iter().map(|range| range.cidr_ip.network());
        let ipv6 = permission.ipv6_ranges.iter().map(|range| range.cidr_ipv6.network());
        ipv4.chain(ipv6).for_each(|block| visit(Peers::Blocks(&[block])));
        for list in &permission.prefix_list_ids {
            let blocks = topology.prefix_list(&list.prefix_list_id).and_then(|list| list.blocks.as_deref());
            visit(blocks.map_or(Peers::Unknown(CauseCode::EniSgRulesMismatch), Peers::Blocks));
        }
        for pair in &permission.user_id_group_pairs {
            match self.referenced(topology, pair) {
                Referenced::Addresses(blocks) => visit(Peers::Blocks(&blocks)),
                Referenced::Unknown(code) => visit(Peers::Unknown(code)),
            }
        }
    }

    /// The addresses that a reference to a group stands for, in the network of the other end alone.
    fn referenced(&self, topology: &Topology, pair: &UserIdGroupPair) -> Referenced {
        let NetworkId::Vpc(peer) = &self.peer_network else {
            // Heroku's groups are visible to nobody, so no reference can mean a dyno.
            return Referenced::Addresses(Vec::new());
        };
        referenced(topology, self.own.as_ref(), peer, pair)
    }

    /// The rules, each with what it matches of `flows`.
    fn gathered(&self, topology: &Topology, flows: &Flows) -> Rules {
        let mut rules = Rules::default();
        // What a rule of unknown content may let through, if nothing else does: it comes last.
        let mut perhaps = Rules::default();
        let mut concerned: Vec<FlowBox> = Vec::new();
        for (group_index, group) in self.groups.iter().enumerate() {
            let Some(permissions) = self.permissions(topology, group) else {
                let unknown = Decision::Unknown(CauseCode::EniSgRulesMismatch);
                let witness = Witness::GroupRule(group_index, usize::MAX);
                perhaps.add(unknown, witness, flows.boxes().iter().copied());
                continue;
            };
            for (index, permission) in permissions.iter().enumerate() {
                let (protocol, ports) = (permission.ip_protocol, permission_ports(permission));
                // Most rules are about other ports: who is meant by them need not be found out.
                let of_ports = |one: &FlowBox| {
                    let anybody = AddressRange::all(self.peer().addresses(one).family());
                    matching(one, self.peer(), anybody, protocol, ports, Direction::Forward)
                };
                concerned.clear();
                concerned.extend(flows.boxes().iter().filter_map(of_ports));
                if concerned.is_empty() {
                    continue;
                }
                let witness = Witness::GroupRule(group_index, index);
                self.each_peers(topology, permission, |peers| match peers {
                    Peers::Blocks(blocks) => {
                        let blocks = blocks.iter().map(|block| AddressRange::from(*block));
                        let boxes = blocks.flat_map(|block| {
                            concerned.iter().filter_map(move |one| self.peer().restrict(one, block))
                        });
                        rules.add(Decision::Admitted, witness.clone(), boxes);
                    }
                    Peers::Unknown(code) => {
                        perhaps.add(Decision::Unknown(code), witness.clone(), concerned.iter().copied());
                    }
                });
            }
        }
        rules.append(perhaps);
        rules
    }

    /// Whether all groups are known and none has any rule in this direction.
    fn has_no_rules(&self, topology: &Topology) -> bool {
        let groups = &self.groups;
        !groups.is_empty()
            && groups.iter().all(|group| self.permissions(topology, group).is_some_and(<[_]>::is_empty))
    }
}

/// A rule in words: `tcp 5432 from 10.0.128.0/20`.
pub(crate) fn permission_words(permission: &IpPermission, ingress: bool) -> String {
    let mut peers: Vec<String> = permission.ip_ranges.iter().map(|range| range.cidr_ip.to_string()).collect();
    peers.extend(permission.ipv6_ranges.iter().map(|range| range.cidr_ipv6.to_string()));
    peers.extend(permission.prefix_list_ids.iter().map(|list| list.prefix_list_id.to_string()));
    peers.extend(
        permission.user_id_group_pairs.iter().filter_map(|pair| Some(pair.group_id.as_ref()?.to_string())),
    );
    const SHOWN: usize = 4;
    let more = peers.len().saturating_sub(SHOWN);
    peers.truncate(SHOWN);
    let mut peers = if peers.is_empty() { "nobody".to_string() } else { peers.join(", ") };
    if more > 0 {
        peers.push_str(&format!(" and {more} more"));
    }
    let towards = if ingress { "from" } else { "to" };
    format!(
        "{}{} {towards} {peers}",
        protocol_words(permission.ip_protocol),
        permission_ports(permission).words()
    )
}

fn permission_ports(permission: &IpPermission) -> RulePorts {
    RulePorts::new(permission.ip_protocol, permission.from_port, permission.to_port)
}

impl Gate for SecurityGroupGate {
    fn component(&self) -> ComponentId {
        match &self.interface {
            Some(id) => ComponentId::NetworkInterface(id.clone()),
            None => ComponentId::Unknown(ComponentType::NetworkInterface),
        }
    }

    fn component_of(&self, part: &Part) -> ComponentId {
        match (part.decision, &part.witness) {
            // Who is meant by a group's rule is a question to the group, not to the interface.
            (Decision::Unknown(CauseCode::UnknownPeeredSgs), Witness::GroupRule(index, _)) => {
                let group = self.groups.get(*index).cloned();
                group.map_or_else(|| self.component(), ComponentId::SecurityGroup)
            }
            _ => self.component(),
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn judges(&self) -> Judges {
        if self.ingress { Judges::Interface } else { Judges::Source }
    }

    fn is_of_groups(&self) -> bool {
        true
    }

    fn faults(&self) -> Vec<Fault> {
        fault::at(&self.component(), self.direction(), &fault::OF_GROUPS)
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        // A set may be in very many pieces: rules are tried against what is around them.
        let (mut parts, rest) = self.gathered(topology, &flows.hull()).decide(flows);
        if !rest.is_empty() {
            let empty = self.has_no_rules(topology);
            let code = if empty { CauseCode::SgHasNoRules } else { CauseCode::EniSgRulesMismatch };
            parts.push(Part { flows: rest, decision: Decision::Blocked(code), witness: Witness::Nothing });
        }
        parts
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let groups = &self.groups;
        let names = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let interface = self.component().id().unwrap_or_default();
        let related: Vec<ComponentId> = groups.iter().cloned().map(ComponentId::SecurityGroup).collect();
        let decider = match part.witness {
            Witness::GroupRule(group, index) => groups.get(group).map(|id| (id, index)),
            _ => None,
        };
        let permission = decider.and_then(|(id, index)| self.permissions(topology, id)?.get(index));
        let rule = match (decider, permission) {
            (Some((id, _)), Some(permission)) => {
                format!("{id} {}", permission_words(permission, self.ingress))
            }
            (Some((id, _)), None) => format!("{id} unknown"),
            (None, _) => format!("no {} rule", self.side()),
        };
        match part.decision {
            Decision::Admitted | Decision::Assumed | Decision::Consequence => {
                Explanation { rule, related, ..Explanation::default() }
            }
            Decision::Unknown(CauseCode::UnknownPeeredSgs) => {
                let pairs = permission.iter().flat_map(|one| &one.user_id_group_pairs);
                let named = pairs.map(reference_words).collect::<Vec<_>>().join(", ");
                let group = decider.map(|(id, _)| id.to_string()).unwrap_or_default();
                let others = cidr_words(&self.peer().cidrs(&part.flows));
                let reference = self.interface.iter().cloned().map(ComponentId::NetworkInterface);
                Explanation {
                    rule,
                    summary: format!(
                        "{group} refers to {named}, and whether {others} has that security group is not known."
                    ),
                    evidence: vec![format!(
                        "{group} allows {}: {}",
                        self.side(),
                        permission.map(|one| permission_words(one, self.ingress)).unwrap_or_default()
                    )],
                    related: reference.collect(),
                    omission: Some(Omission {
                        what: format!(
                            "the network interfaces of {} and their security groups",
                            self.peer_network
                        ),
                        reason: "the snapshot does not hold them".to_string(),
                        would_tell: format!(
                            "whether a rule of {group} that refers to {named} means {others}"
                        ),
                    }),
                }
            }
            Decision::Unknown(_) => {
                let what = match (permission, decider) {
                    (Some(permission), _) if permission.prefix_list_ids.is_empty() => format!(
                        "the network interfaces that a rule refers to ({})",
                        permission_words(permission, self.ingress)
                    ),
                    (Some(permission), _) => format!(
                        "the entries of the prefix list in {}",
                        permission_words(permission, self.ingress)
                    ),
                    (None, Some((id, _))) => format!("the rules of security group {id}"),
                    (None, None) => "the security groups".to_string(),
                };
                Explanation {
                    rule,
                    summary: format!(
                        "Whether the security groups of {interface} let this through is not known."
                    ),
                    evidence: Vec::new(),
                    related,
                    omission: Some(Omission {
                        what,
                        reason: "the snapshot does not hold them".to_string(),
                        would_tell: format!("whether {interface} takes these packets"),
                    }),
                }
            }
            Decision::Blocked(code) => {
                let flow = part.flows.sample();
                let sources = cidr_words(&self.peer().cidrs(&part.flows));
                let wanted = flow.map(|flow| {
                    format!("{} {}", protocol_number_words(flow.protocol), port_words(&part.flows))
                });
                let wanted = wanted.unwrap_or_default();
                let summary = if code == CauseCode::SgHasNoRules {
                    format!("No security group of {interface} ({names}) has any {} rule.", self.side())
                } else {
                    let towards = if self.ingress { "from" } else { "to" };
                    format!(
                        "No {} rule of {names} on {interface} allows {wanted} {towards} {sources}.",
                        self.side()
                    )
                };
                let mut evidence = Vec::new();
                for group in groups {
                    const SHOWN: usize = 6;
                    let Some(permissions) = self.permissions(topology, group) else { continue };
                    let mut words: Vec<String> = permissions
                        .iter()
                        .take(SHOWN)
                        .map(|one| permission_words(one, self.ingress))
                        .collect();
                    if permissions.len() > SHOWN {
                        words.push(format!("and {} more", permissions.len() - SHOWN));
                    }
                    let words = if words.is_empty() { "nothing".to_string() } else { words.join("; ") };
                    evidence.push(format!("{group} allows {}: {words}", self.side()));
                }
                Explanation { rule, summary, evidence, related, omission: None }
            }
        }
    }

    fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        let blocked = self.admit(topology, flows);
        let blocked = blocked.iter().filter(|part| matches!(part.decision, Decision::Blocked(_)));
        let blocked = Flows::union_of(blocked.map(|part| &part.flows));
        let known = self.groups.iter().filter(|id| topology.security_group(id).is_some());
        security_group_plans(known, self.ingress, self.peer(), &blocked)
    }
}

fn protocol_number_words(number: u8) -> String {
    protocol_words(peerscope_document::aws::IpProtocol::Number(number))
}

fn port_words(flows: &Flows) -> String {
    match flows.sample().map(|flow| (flow.protocol, flow.port >> 8)) {
        Some((1 | 58, icmp_type)) => format!("type {icmp_type}"),
        _ => range_words(&flows.ports()),
    }
}
