//! Which ports are tried: those that the groups of the VPC's end name, whichever end that is.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::Gap;
use peerscope_analysis::topology::{SecurityGroup, Topology};
use peerscope_document::aws::{IpPermission, IpProtocol};
use peerscope_document::id::NetworkInterfaceId;
use peerscope_laboratory::Host;

use super::super::cast::{Sender, scope};
use super::dyno_blocks;

/// The most ports of one interface.
pub(super) const MOST_PORTS: usize = 12;
/// The lowest port that a dyno can listen on: its processes have no privileges.
const LOWEST_OF_A_DYNO: u16 = 1024;

/// The TCP ports that any group of an interface opens, before or after the edit: single ones first, then the
/// ends of ranges.
pub(super) fn opened(topologies: &[&Topology], id: &NetworkInterfaceId) -> Vec<u16> {
    let permissions = topologies.iter().flat_map(|topology| groups(topology, id)).flat_map(|it| &it.ingress);
    named(permissions, 1)
}

/// The ports on which interfaces may call dynos, before or after the edit, as far as their own groups decide it. On
/// a dyno's side nobody knows any.
pub(in super::super) struct Outbound<'t> {
    topologies: Vec<&'t Topology>,
    by_sender: BTreeMap<Host, Vec<u16>>,
    cut: usize,
}

impl<'t> Outbound<'t> {
    pub(in super::super) fn new(topologies: &[&'t Topology]) -> Self {
        Self { topologies: topologies.to_vec(), by_sender: BTreeMap::new(), cut: 0 }
    }

    /// The ports that a sender's groups let out towards any dyno block: a block that they forgot is tried too.
    pub(in super::super) fn ports(&mut self, sender: &Sender) -> &[u16] {
        let Self { topologies, by_sender, cut } = self;
        by_sender.entry(sender.host.clone()).or_insert_with(|| {
            let Host::Interface(id) = &sender.host else { return Vec::new() };
            let permissions = topologies.iter().flat_map(|topology| {
                let blocks = topology.space().map(dyno_blocks).unwrap_or_default();
                let permissions = groups(topology, id).flat_map(|group| &group.egress);
                permissions.filter(move |permission| may_reach(permission, &blocks))
            });
            let mut ports = named(permissions, LOWEST_OF_A_DYNO);
            *cut += usize::from(ports.len() > MOST_PORTS);
            ports.truncate(MOST_PORTS);
            ports.sort_unstable();
            ports
        })
    }

    /// What was not tried for want of a port, or of patience.
    pub(in super::super) fn gaps(&self) -> Vec<Gap> {
        let silent = self.by_sender.values().filter(|ports| ports.is_empty()).count();
        let mut gaps = Vec::new();
        if silent > 0 {
            gaps.push(scope(
                format!("calls of {silent} interfaces to dynos"),
                format!("no group of theirs lets TCP out to the space, to a port from {LOWEST_OF_A_DYNO} on"),
                "that they reach no dyno: name a port by --to tcp://ADDRESS:PORT",
            ));
        }
        if self.cut > 0 {
            gaps.push(scope(
                format!("further ports on which {} interfaces may call dynos", self.cut),
                "their groups let out so many that the first of them, and the ends of ranges, stand for all"
                    .to_string(),
                "their fate: name one by --to tcp://ADDRESS:PORT",
            ));
        }
        gaps
    }
}

fn groups<'t>(topology: &'t Topology, id: &NetworkInterfaceId) -> impl Iterator<Item = &'t SecurityGroup> {
    let groups = topology.interface(id).into_iter().flat_map(|interface| &interface.security_groups);
    groups.filter_map(|group| topology.security_group(group))
}

/// Whether a rule's other end may lie in any of the blocks. What a prefix list holds is left to the packets.
fn may_reach(permission: &IpPermission, blocks: &[IpNet]) -> bool {
    let four = permission.ip_ranges.iter().map(|range| range.cidr_ip);
    let mut all = four.chain(permission.ipv6_ranges.iter().map(|range| range.cidr_ipv6));
    !permission.prefix_list_ids.is_empty()
        || all.any(|cidr| {
            let range = AddressRange::from(cidr.network());
            blocks.iter().any(|block| range.intersection(AddressRange::from(*block)).is_some())
        })
}

/// The TCP ports from `lowest` on that rules name: single ones first, then the ends of ranges.
fn named<'p>(permissions: impl Iterator<Item = &'p IpPermission>, lowest: u16) -> Vec<u16> {
    let (mut single, mut ends): (Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new());
    for permission in permissions {
        if !matches!(permission.ip_protocol, IpProtocol::All | IpProtocol::TCP) {
            continue;
        }
        let is_all = permission.ip_protocol == IpProtocol::All;
        let end = |value: Option<i32>, all: u16| match value.filter(|value| *value >= 0 && !is_all) {
            Some(value) => u16::try_from(value).unwrap_or(all),
            None => all,
        };
        let range = (end(permission.from_port, 0), end(permission.to_port, u16::MAX));
        let Some(range) = PortRange::new(range.0.max(lowest), range.1) else { continue };
        match range.first() == range.last() {
            true => single.push(range.first()),
            false => ends.extend([range.first(), range.last()]),
        }
    }
    let mut seen = BTreeSet::new();
    single.into_iter().chain(ends).filter(|port| seen.insert(*port)).collect()
}
