//! Who can connect, and who answers on what.
//!
//! A twin has a host for each dyno block and each interface that the documents describe whole. What is no host
//! (a NAT gateway's interface has no group), does not run or has rules that nobody knows is left out and said.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::diagnose::SourceSpec;
use peerscope_analysis::flow::AddressRange;
use peerscope_analysis::report::Gap;
use peerscope_analysis::topology::{NetworkId, NetworkInterface, Space, Topology};
use peerscope_document::aws::{InstanceStateName, IpProtocol};
use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, VpcId};
use peerscope_laboratory::Host;

use super::cast::{Question, Receiver, Sender, scope};
use crate::exit::Failure;
use crate::target::{Host as Named, TargetUrl};

/// The most dynos of one block: nothing but a rule for a single address tells them apart.
const DYNOS_OF_A_BLOCK: usize = 4;
/// The most ports of one interface.
const MOST_PORTS: usize = 12;

/// Why interfaces were left out, and how many.
#[derive(Default)]
pub(super) struct LeftOut {
    stopped: usize,
    undescribed: usize,
    ungrouped: usize,
}

impl LeftOut {
    /// Whether an interface is a host of the twin; counts it where it is not.
    fn admits(
        &mut self,
        topology: &Topology,
        groups: &BTreeSet<SecurityGroupId>,
        one: &NetworkInterface,
    ) -> bool {
        let instance = one.instance.as_ref().and_then(|id| topology.instance(id));
        let state = instance.and_then(|instance| instance.state.as_ref());
        let count = if state.is_some_and(|state| *state != InstanceStateName::Running) {
            &mut self.stopped
        } else if one.security_groups.is_empty() {
            &mut self.ungrouped
        } else if one.security_groups.iter().any(|group| !groups.contains(group)) {
            &mut self.undescribed
        } else {
            return true;
        };
        *count += 1;
        false
    }

    fn gaps(&self, role: &str) -> Vec<Gap> {
        [
            (self.stopped, "of instances that do not run", "nothing is sent or answered there"),
            (self.ungrouped, "without any security group, such as a NAT gateway's", "they are no hosts"),
            (
                self.undescribed,
                "with a group that no document of describe-security-groups gives",
                "the twin would not know its rules",
            ),
        ]
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, which, reason)| {
            scope(
                format!("{number} interfaces {which}, as {role}"),
                reason.to_string(),
                "the fate of their flows",
            )
        })
        .collect()
    }
}

/// Everybody who can connect, of those that were asked for. `groups` are those that a document describes whole.
pub(super) fn senders(
    question: &Question,
    topology: &Topology,
    groups: &BTreeSet<SecurityGroupId>,
    gaps: &mut Vec<Gap>,
) -> Vec<Sender> {
    let from = question.from.as_ref();
    let is_in = |network: &NetworkId| {
        from.and_then(|from| from.network.as_ref()).is_none_or(|wanted| wanted == network)
    };
    let mut senders = Vec::new();
    if let Some(space) = topology.space().filter(|_| is_in(&NetworkId::Space)) {
        senders.extend(dynos(space, from));
    }
    let mut left_out = LeftOut::default();
    for (id, interface) in topology.interfaces() {
        let Some(vpc) = interface.vpc.clone().filter(|vpc| is_documented(topology, vpc)) else { continue };
        let network = NetworkId::Vpc(vpc);
        let wanted = |address: &IpAddr| {
            from.is_none_or(|from| from.ranges.iter().any(|range| range.contains(*address)))
        };
        let addresses = one_of_each_family(interface.addresses.iter().copied().filter(wanted));
        if addresses.is_empty() || !is_in(&network) {
            continue;
        }
        if !left_out.admits(topology, groups, interface) {
            continue;
        }
        senders.push(Sender {
            host: Host::Interface(id.clone()),
            network,
            addresses,
            block: None,
            name: interface.ownership.name.clone(),
            subnet: interface.subnet.clone(),
        });
    }
    gaps.extend(left_out.gaps("senders"));
    senders
}

/// Dynos at the addresses that the topology lists; where it lists none of a block, one is made up.
fn dynos(space: &Space, from: Option<&SourceSpec>) -> Vec<Sender> {
    let blocks: Vec<IpNet> = if space.dyno_blocks.is_empty() {
        space.cidr.into_iter().collect()
    } else {
        space.dyno_blocks.clone()
    };
    let mut senders: Vec<Sender> = Vec::new();
    for block in blocks {
        let whole = AddressRange::from(block);
        let ranges: Vec<AddressRange> = match from {
            None => vec![whole],
            Some(from) => from.ranges.iter().filter_map(|range| range.intersection(whole)).collect(),
        };
        for range in ranges {
            let listed =
                space.dynos.iter().map(|dyno| dyno.address).filter(|address| range.contains(*address));
            let mut addresses: Vec<IpAddr> = listed.take(DYNOS_OF_A_BLOCK).collect();
            if addresses.is_empty() {
                addresses.extend(somewhere_in(range));
            }
            for address in addresses {
                let host = Host::Dyno(address);
                if senders.iter().all(|known| known.host != host) {
                    let block = Some(block).filter(|_| !range.is_single());
                    let addresses = vec![address];
                    let network = NetworkId::Space;
                    senders.push(Sender { host, network, addresses, block, name: None, subnet: None });
                }
            }
        }
    }
    senders
}

/// An address that a host could have: past those that AWS keeps of a subnet, where there is room.
fn somewhere_in(range: AddressRange) -> Option<IpAddr> {
    const KEPT: usize = 4;
    if range.is_single() {
        return Some(range.first());
    }
    let block = *range.cidrs().first()?;
    block.hosts().nth(KEPT).or_else(|| block.hosts().next())
}

/// Everybody who answers, of those that were asked for.
///
/// # Errors
/// Where nobody is who was to answer.
pub(super) fn receivers(
    question: &Question,
    topologies: &[&Topology],
    groups: &BTreeSet<SecurityGroupId>,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<Receiver>, Failure> {
    let Some(topology) = topologies.first() else { return Ok(Vec::new()) };
    let wanted = question.to.as_ref();
    let (mut receivers, mut left_out, mut closed, mut cut) = (Vec::new(), LeftOut::default(), 0, 0);
    let mut is_known = false;
    for (id, interface) in topology.interfaces() {
        let addresses = match wanted {
            None => one_of_each_family(interface.addresses.iter().copied()),
            Some(target) => addressed(target, id, interface),
        };
        let vpc = interface.vpc.clone().filter(|vpc| is_documented(topology, vpc));
        let (Some(vpc), false) = (vpc, addresses.is_empty()) else { continue };
        is_known = true;
        if !left_out.admits(topology, groups, interface) {
            continue;
        }
        let ports = match wanted.and_then(|target| target.port) {
            Some(port) => vec![port],
            None => {
                let mut ports = opened(topologies, id);
                cut += usize::from(ports.len() > MOST_PORTS);
                ports.truncate(MOST_PORTS);
                ports.sort_unstable();
                ports
            }
        };
        if ports.is_empty() {
            closed += 1;
            continue;
        }
        receivers.push(Receiver {
            interface: id.clone(),
            network: NetworkId::Vpc(vpc),
            addresses,
            ports,
            name: interface.ownership.name.clone(),
            subnet: interface.subnet.clone(),
        });
    }
    if let Some(target) = wanted.filter(|_| !is_known) {
        return Err(Failure::usage(format!(
            "--to {}: expected an interface of the snapshot, in a VPC that it describes",
            target.shown()
        )));
    }
    gaps.extend(left_out.gaps("receivers"));
    let mut told = |number: usize, what: &str, reason: &str, would_tell: &str| {
        if number > 0 {
            gaps.push(scope(format!("{number} interfaces{what}"), reason.to_string(), would_tell));
        }
    };
    told(closed, "", "no group of theirs opens a TCP port", "that nothing reaches them");
    let reason =
        "their groups open so many ports that the first of them, and the ends of ranges, stand for all";
    told(cut, "' further ports", reason, "their fate: name one by --to tcp://HOST:PORT");
    Ok(receivers)
}

/// The addresses of an interface that a target means.
fn addressed(target: &TargetUrl, id: &NetworkInterfaceId, interface: &NetworkInterface) -> Vec<IpAddr> {
    let all = interface.addresses.iter().copied();
    match &target.host {
        Named::Address(wanted) => all.filter(|address| address == wanted).collect(),
        Named::AwsId(wanted) => {
            let is_instance = interface.instance.as_ref().is_some_and(|instance| instance.as_str() == wanted);
            if id.as_str() == wanted || is_instance { one_of_each_family(all) } else { Vec::new() }
        }
        Named::Name(wanted) => match interface.ownership.name.as_ref() {
            Some(name) if name == wanted => one_of_each_family(all),
            _ => Vec::new(),
        },
    }
}

/// The TCP ports that any group of an interface opens, before or after the edit: single ones first, then the
/// ends of ranges.
fn opened(topologies: &[&Topology], id: &NetworkInterfaceId) -> Vec<u16> {
    let (mut single, mut ends): (Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new());
    for topology in topologies {
        let groups = topology.interface(id).into_iter().flat_map(|interface| &interface.security_groups);
        let groups = groups.filter_map(|group| topology.security_group(group));
        for permission in groups.flat_map(|group| &group.ingress) {
            if !matches!(permission.ip_protocol, IpProtocol::All | IpProtocol::TCP) {
                continue;
            }
            let is_all = permission.ip_protocol == IpProtocol::All;
            let end = |value: Option<i32>, all: u16| match value.filter(|value| *value >= 0 && !is_all) {
                Some(value) => u16::try_from(value).unwrap_or(all),
                None => all,
            };
            let (first, last) = (end(permission.from_port, 0).max(1), end(permission.to_port, u16::MAX));
            match first == last {
                true => single.push(first),
                false if first < last => ends.extend([first, last]),
                false => {}
            }
        }
    }
    let mut seen = BTreeSet::new();
    single.into_iter().chain(ends).filter(|port| seen.insert(*port)).collect()
}

fn one_of_each_family(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut kept: Vec<IpAddr> = Vec::new();
    for address in addresses {
        if kept.iter().all(|known| known.is_ipv4() != address.is_ipv4()) {
            kept.push(address);
        }
    }
    kept
}

fn is_documented(topology: &Topology, vpc: &VpcId) -> bool {
    topology.vpc(vpc).is_some_and(|vpc| vpc.documented)
}
