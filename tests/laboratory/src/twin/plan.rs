//! What a snapshot's twin consists of, worked out before anything is made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::Snapshot;
use peerscope_document::aws::{NetworkInterface, Subnet};
use peerscope_document::id::{NetworkInterfaceId, VpcPeeringConnectionId};

use super::estate::{Estate, Network, addresses_of};
use super::gate::Gate;
use super::router::{Attached, AttachedTo, Wires, space_router, vpc_router};

/// A host of a twin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A network interface of the documents. Each has a namespace of its own, also where several belong
    /// to one instance.
    Interface(NetworkInterfaceId),
    /// A dyno of the space, by its address.
    Dyno(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(id) => id.fmt(formatter),
            Self::Dyno(address) => write!(formatter, "dyno {address}"),
        }
    }
}

/// Short names for the kernel, kept from one plan of a twin to the next so that what stays is not rebuilt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    hosts: BTreeMap<Host, usize>,
    wires: BTreeMap<VpcPeeringConnectionId, usize>,
    routers: BTreeMap<Network, usize>,
}

impl Names {
    /// The host's port at its router, and its namespace within the twin's prefix.
    pub(crate) fn host(&mut self, host: &Host) -> String {
        let next = self.hosts.len();
        format!("h{}", self.hosts.entry(host.clone()).or_insert(next))
    }

    /// The wire's port at both its routers.
    pub(crate) fn wire(&mut self, peering: &VpcPeeringConnectionId) -> String {
        let next = self.wires.len();
        format!("p{}", self.wires.entry(peering.clone()).or_insert(next))
    }

    /// The router's namespace within the twin's prefix.
    pub(crate) fn router(&mut self, network: &Network) -> String {
        let next = self.routers.len();
        format!("r{}", self.routers.entry(network.clone()).or_insert(next))
    }
}

/// Everything that is to be.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) hosts: BTreeMap<Host, PlannedHost>,
    pub(crate) wires: BTreeMap<VpcPeeringConnectionId, PlannedWire>,
    pub(crate) routers: BTreeMap<String, PlannedRouter>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedHost {
    /// Namespace and port.
    pub(crate) name: String,
    /// The router's namespace.
    pub(crate) router: String,
    pub(crate) addresses: Vec<IpAddr>,
    /// Whether it has a namespace. Else what is sent to it is lost.
    pub(crate) is_real: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedWire {
    pub(crate) name: String,
    /// The routers' namespaces.
    pub(crate) routers: [String; 2],
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PlannedRouter {
    pub(crate) tables: Vec<PlannedTable>,
    pub(crate) ruleset: String,
    /// By the names of their counters.
    pub(crate) gates: Vec<(String, Gate)>,
}

/// A kernel route table and the ports whose packets it routes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PlannedTable {
    pub(crate) from: Vec<String>,
    /// Destination and port.
    pub(crate) routes: BTreeMap<IpNet, String>,
}

impl PlannedTable {
    /// Whether it leads anywhere by IPv6: most twins do not, and need no second set of rules.
    pub(crate) fn has_version_six(&self) -> bool {
        self.routes.keys().any(|block| block.addr().is_ipv6() && block.prefix_len() > 0)
    }
}

impl Plan {
    /// Plans the twin of a snapshot, with these dynos beside those that its topology lists. Where `needed`
    /// names hosts, only those are real, and networks that none of them is joined with are left out.
    pub(crate) fn new(
        snapshot: &Snapshot,
        dynos: &[IpAddr],
        needed: Option<&BTreeSet<Host>>,
        names: &mut Names,
    ) -> Self {
        let estate = Estate::new(snapshot);
        let mut attached = AttachedTo::new();
        let mut plan = Self::default();
        let mut planned =
            Planning { estate: &estate, names, plan: &mut plan, attached: &mut attached, needed };
        planned.hosts(dynos);
        let wires = planned.wires();
        for vpc in estate.vpcs.keys() {
            let network = Network::Vpc(vpc.clone());
            let router = vpc_router(&estate, vpc, &attached, &wires);
            plan.routers.insert(names.router(&network), router);
        }
        if attached.contains_key(&Network::Space) {
            plan.routers.insert(names.router(&Network::Space), space_router(&estate, &attached, &wires));
        }
        if needed.is_some() {
            plan.leave_out_the_unconcerned();
        }
        plan
    }

    /// Keeps the networks of real hosts, and what wires join them with.
    fn leave_out_the_unconcerned(&mut self) {
        let real = self.hosts.values().filter(|host| host.is_real).map(|host| host.router.clone());
        let mut kept: BTreeSet<String> = real.collect();
        loop {
            let joined = self.wires.values().filter(|wire| wire.routers.iter().any(|it| kept.contains(it)));
            let more: BTreeSet<String> = joined.flat_map(|wire| wire.routers.clone()).collect();
            if more.is_subset(&kept) {
                break;
            }
            kept.extend(more);
        }
        self.routers.retain(|name, _| kept.contains(name));
        self.hosts.retain(|_, host| kept.contains(&host.router));
        self.wires.retain(|_, wire| wire.routers.iter().all(|it| kept.contains(it)));
    }
}

struct Planning<'a, 'p> {
    estate: &'p Estate<'a>,
    names: &'p mut Names,
    plan: &'p mut Plan,
    attached: &'p mut AttachedTo<'a>,
    needed: Option<&'p BTreeSet<Host>>,
}

impl<'a> Planning<'a, '_> {
    fn hosts(&mut self, dynos: &[IpAddr]) {
        for (id, interface) in &self.estate.interfaces {
            let subnet = interface.subnet_id.as_ref().and_then(|id| self.estate.subnets.get(id).copied());
            let vpc = interface.vpc_id.as_ref().or(subnet.map(|subnet| &subnet.vpc_id));
            let Some(vpc) = vpc.filter(|vpc| self.estate.vpcs.contains_key(*vpc)) else { continue };
            let network = Network::Vpc(vpc.clone());
            self.host(Host::Interface(id.clone()), network, addresses_of(interface), Some(interface), subnet);
        }
        let listed = self.estate.listed_dynos().into_iter().map(IpAddr::V4);
        let all: BTreeSet<IpAddr> = dynos.iter().copied().chain(listed).collect();
        for address in all {
            self.host(Host::Dyno(address), Network::Space, vec![address], None, None);
        }
    }

    fn host(
        &mut self,
        host: Host,
        network: Network,
        addresses: Vec<IpAddr>,
        interface: Option<&'a NetworkInterface>,
        subnet: Option<&'a Subnet>,
    ) {
        if addresses.is_empty() {
            return;
        }
        let port = self.names.host(&host);
        let router = self.names.router(&network);
        let is_real = self.needed.is_none_or(|needed| needed.contains(&host));
        let planned = PlannedHost { name: port.clone(), router, addresses: addresses.clone(), is_real };
        self.plan.hosts.insert(host, planned);
        self.attached.entry(network).or_default().push(Attached { port, addresses, interface, subnet });
    }

    /// Wires between networks that have routers, with their port names.
    fn wires(&mut self) -> Wires {
        let mut wires = Wires::new();
        for (id, ends) in self.estate.wires() {
            let has_router = |end: &Network| *end != Network::Space || self.attached.contains_key(end);
            if !ends.iter().all(has_router) {
                continue;
            }
            let name = self.names.wire(&id);
            let routers = [self.names.router(&ends[0]), self.names.router(&ends[1])];
            self.plan.wires.insert(id.clone(), PlannedWire { name: name.clone(), routers });
            wires.insert(id, (name, ends));
        }
        wires
    }
}
