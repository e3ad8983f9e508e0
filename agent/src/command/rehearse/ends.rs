//! Who can connect, and who answers on what.
//!
//! A twin has a host for each dyno block and each interface that the documents describe whole. What is no host
//! (a NAT gateway's interface has no group), does not run or has rules that nobody knows is left out and said.

mod ports;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::flow::AddressRange;
use peerscope_analysis::report::Gap;
use peerscope_analysis::topology::{NetworkId, NetworkInterface, Space, Topology};
use peerscope_document::aws::InstanceStateName;
use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, VpcId};
use peerscope_laboratory::Host;

use super::cast::{AnsweredPorts, Question, Receiver, Sender, scope};
use crate::exit::Failure;
use crate::target::{Host as Named, TargetUrl};

pub(super) use ports::Outbound;
use ports::{MOST_PORTS, opened};

/// The most dynos of one block: nothing but a rule for a single address tells them apart.
const DYNOS_OF_A_BLOCK: usize = 4;

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
        senders.extend(dynos(space, from.map(|from| from.ranges.as_slice()), DYNOS_OF_A_BLOCK));
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

/// Dynos at the addresses that the topology lists, at most `most` of a block; where it lists none of a block, one is
/// made up. `wanted` are the addresses that were asked for; absent: all.
fn dynos(space: &Space, wanted: Option<&[AddressRange]>, most: usize) -> Vec<Sender> {
    let mut senders: Vec<Sender> = Vec::new();
    for block in dyno_blocks(space) {
        let whole = AddressRange::from(block);
        let ranges: Vec<AddressRange> = match wanted {
            None => vec![whole],
            Some(wanted) => wanted.iter().filter_map(|range| range.intersection(whole)).collect(),
        };
        for range in ranges {
            let listed =
                space.dynos.iter().map(|dyno| dyno.address).filter(|address| range.contains(*address));
            let mut addresses: Vec<IpAddr> = listed.take(most).collect();
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

/// The blocks that dynos live in; the whole space where it says none.
fn dyno_blocks(space: &Space) -> Vec<IpNet> {
    if space.dyno_blocks.is_empty() { space.cidr.into_iter().collect() } else { space.dyno_blocks.clone() }
}

/// A dyno of each block as someone who answers. One is enough: a dyno's address changes at every restart, so nobody
/// writes rules for single ones.
fn called_dynos(space: &Space, wanted: Option<&TargetUrl>) -> Vec<Receiver> {
    let wanted = match wanted.map(|target| (&target.host, target.port)) {
        None => None,
        Some((Named::Address(address), port)) => Some((AddressRange::from(*address), port)),
        Some((Named::AwsId(_) | Named::Name(_), _)) => return Vec::new(),
    };
    let range = wanted.map(|(range, _)| range);
    let ports = || match wanted.and_then(|(_, port)| port) {
        Some(port) => AnsweredPorts::These(vec![port]),
        None => AnsweredPorts::LetOut,
    };
    let dynos = dynos(space, range.as_ref().map(std::slice::from_ref), 1);
    let receiver = |dyno: Sender| {
        let Sender { host, network, addresses, block, name, subnet } = dyno;
        Receiver { host, network, addresses, ports: ports(), block, name, subnet }
    };
    dynos.into_iter().map(receiver).collect()
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
            host: Host::Interface(id.clone()),
            network: NetworkId::Vpc(vpc),
            addresses,
            ports: AnsweredPorts::These(ports),
            block: None,
            name: interface.ownership.name.clone(),
            subnet: interface.subnet.clone(),
        });
    }
    receivers.extend(topology.space().into_iter().flat_map(|space| called_dynos(space, wanted)));
    if let Some(target) = wanted.filter(|_| !is_known && receivers.is_empty()) {
        return Err(Failure::usage(format!(
            "--to {}: expected an interface of the snapshot, in a VPC that it describes, or a dyno's address",
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
