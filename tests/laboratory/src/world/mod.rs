//! Random worlds: documents of a space and of the VPCs around it, in which everything works.
//!
//! A diagnosis that is right for one example may be right by luck. Worlds differ in everything that a
//! diagnosis must not depend on, and are the same in what it must find; faults are put into them
//! afterwards ([`crate::fault`]). A seed gives the same world on every machine.

mod draw;
mod dual_stack;
mod filtering;
mod generate;
mod hosts;
pub(crate) mod make;
mod noise;
mod protocols;
mod role;
mod routing;
mod scramble;
pub(crate) mod site;
mod space;
mod temptation;
pub(crate) mod unconcerned;
mod write;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::{iter, mem};

use peerscope_document::Snapshot;
use peerscope_document::aws::NetworkInterface;
use peerscope_document::id::NetworkInterfaceId;
use serde::{Deserialize, Serialize};

pub use draw::Vary;
pub use role::{Role, UnknownRole};
pub use write::{Layout, PrefixListForm, Style};

pub(crate) use draw::Lot;
pub(crate) use generate::{merge, own_peering};
pub(crate) use routing::block_routes;

use crate::twin::estate::{Estate, addresses_of};
use crate::twin::{Condition, Host};
use draw::Draw;
use site::{RemoteBlocks, Site};

/// What kind of world: who asks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// A dyno of a space connects to an interface of the customer's VPC.
    DynoToVpc,
    /// An interface of the customer's VPC connects to a dyno.
    VpcToDyno,
    /// An interface of one of the customer's VPCs connects to one of another, of the same account and
    /// Region or not; no space is there.
    VpcToVpc,
}

/// What the target host does with a connection that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A server accepts it, and says nothing in it.
    Listening,
    /// A server accepts it, and answers in the world's scheme.
    Answering,
    /// A server accepts it, and closes it at once.
    Closing,
    /// A server that hangs: it takes none, and its queue is full.
    Full,
    /// A server that does not keep up: its queue is full most of the time, and it takes one now and then.
    Draining,
    /// Nothing listens: the host's kernel answers with a reset.
    Closed,
}

/// What is spoken to the target once connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// PostgreSQL's question whether TLS is offered, and that it is not.
    Postgres,
    /// Redis's PING and PONG.
    Redis,
}

impl Scheme {
    /// As a URL begins with it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    /// What a client says first.
    #[must_use]
    pub fn question(self) -> &'static [u8] {
        match self {
            Self::Postgres => &[0, 0, 0, 8, 4, 210, 22, 47],
            Self::Redis => b"PING\r\n",
        }
    }

    /// What a server says to it.
    #[must_use]
    pub fn answer(self) -> &'static [u8] {
        match self {
            Self::Postgres => b"N",
            Self::Redis => b"+PONG\r\n",
        }
    }
}

/// A world: documents, and what is where in them.
pub struct World {
    /// The documents, with whatever faults were put into them.
    pub snapshot: Snapshot,
    /// What the target host does.
    pub service: Service,
    /// What is spoken to it; none where connections alone are asked about.
    pub scheme: Option<Scheme>,
    /// What hosts do to packets beside that, and no document shows.
    pub conditions: Vec<(Host, Condition)>,
    /// The customer's VPC, of two the target's. What is said of a world's place is said of this one.
    pub(crate) site: Site,
    /// The address that is asked in the place of the target's own.
    pub(crate) asked: Option<IpAddr>,
    /// Of two VPCs the source's.
    pub(crate) other: Option<Site>,
    pub(crate) seed: u64,
    base: Base,
    /// Whether the flow is IPv6.
    is_version_six: bool,
    double: NetworkInterfaceId,
}

impl World {
    /// The healthy world of this seed. What `vary` does not name is alike in all worlds of the base.
    #[must_use]
    pub fn generate(base: Base, vary: &[Vary], seed: u64) -> Self {
        let mut draw = Draw::new(seed, vary);
        let (mut site, mut other) = match base {
            Base::DynoToVpc | Base::VpcToDyno => (Site::draw(base, &mut draw), None),
            Base::VpcToVpc => {
                let [target, source] = Site::draw_two(&mut draw, vary);
                (target, Some(source))
            }
        };
        let mut generated = generate::generate(&site, other.as_ref(), &mut draw);
        let has_version_six = vary.contains(&Vary::Ipv6);
        if has_version_six {
            let lot = &mut Lot::new(seed ^ 0x6666);
            dual_stack::add(&mut generated.snapshot, &mut site, other.as_mut(), lot);
        }
        if vary.contains(&Vary::Temptations) {
            let lot = &mut Lot::new(seed ^ 0x7e57);
            for site in iter::once(&site).chain(&other) {
                temptation::add(&mut generated.snapshot, site, lot);
            }
        }
        let double = generated.double.double;
        Self {
            snapshot: generated.snapshot,
            service: Service::Listening,
            scheme: None,
            conditions: Vec::new(),
            asked: None,
            is_version_six: has_version_six && other.is_some(),
            site,
            other,
            seed,
            base,
            double,
        }
    }

    /// Who asks whom.
    #[must_use]
    pub fn base(&self) -> Base {
        self.base
    }

    /// The seed that it was drawn with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The host that connections come from.
    #[must_use]
    pub fn source(&self) -> Host {
        self.end(true)
    }

    /// The host that connections go to.
    #[must_use]
    pub fn target(&self) -> Host {
        self.end(false)
    }

    fn end(&self, asks: bool) -> Host {
        match self.site_that(asks) {
            Some(site) => Host::Interface(site.interface.clone()),
            None => self.dyno(),
        }
    }

    /// The customer's VPC whose interface asks, or is asked.
    pub(crate) fn site_that(&self, asks: bool) -> Option<&Site> {
        iter::once(&self.site).chain(&self.other).find(|site| site.asks == asks)
    }

    /// Where connections go to.
    #[must_use]
    pub fn target_address(&self) -> SocketAddr {
        SocketAddr::new(self.asked.unwrap_or_else(|| self.address_of(false)), self.site.port)
    }

    /// The target as a URL: `tcp://10.100.2.20:5432`.
    #[must_use]
    pub fn target_url(&self) -> String {
        format!("{}://{}", self.scheme.map_or("tcp", Scheme::name), self.target_address())
    }

    fn address_of(&self, asks: bool) -> IpAddr {
        match self.site_that(asks) {
            Some(site) => {
                let six = self.version_six_of(site).filter(|_| self.is_version_six);
                six.unwrap_or(IpAddr::V4(site.address))
            }
            None => self.dynos()[0],
        }
    }

    /// The IPv6 address of the customer's interface, where the world has any.
    #[must_use]
    pub fn version_six_address(&self) -> Option<IpAddr> {
        self.version_six_of(&self.site)
    }

    fn version_six_of(&self, site: &Site) -> Option<IpAddr> {
        let estate = Estate::new(&self.snapshot);
        let interface = estate.interfaces.get(&site.interface)?;
        addresses_of(interface).into_iter().find(IpAddr::is_ipv6)
    }

    /// Another host of the customer's VPC, in another subnet, which the interface's groups let in to the
    /// world's port: where requests come from that no peering is in the way of.
    #[must_use]
    pub fn neighbour(&self) -> Option<Host> {
        let estate = Estate::new(&self.snapshot);
        let own = estate.interfaces.get(&self.site.interface)?;
        let is_one = |it: &&&NetworkInterface| {
            it.vpc_id == own.vpc_id
                && it.subnet_id != own.subnet_id
                && it.groups.iter().any(|group| group.group_name.as_deref() == Some("app"))
        };
        let neighbour = estate.interfaces.values().find(is_one)?;
        Some(Host::Interface(neighbour.network_interface_id.clone()))
    }

    /// The address that connections come from.
    #[must_use]
    pub fn source_address(&self) -> IpAddr {
        self.address_of(true)
    }

    /// One dyno in each dyno block of the space; the first is the one in use. None where no space is.
    #[must_use]
    pub fn dynos(&self) -> Vec<IpAddr> {
        if self.site.space().is_none() {
            return Vec::new();
        }
        self.site.remote.hosts.iter().copied().map(IpAddr::V4).collect()
    }

    /// What lies at the other side, in the flow's version of IP.
    pub(crate) fn remote(&self) -> RemoteBlocks {
        self.site.remote.blocks(self.is_version_six)
    }

    /// Does something to the world with the two ends of the customer's exchanged, where there are two.
    pub(crate) fn turned<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let exchange =
            |world: &mut Self| world.other.iter_mut().for_each(|other| mem::swap(&mut world.site, other));
        exchange(self);
        let outcome = work(self);
        exchange(self);
        outcome
    }

    /// The interface of the unconcerned VPC that has the address of this world's interface, or of its
    /// dyno.
    #[must_use]
    pub fn double(&self) -> Host {
        Host::Interface(self.double.clone())
    }

    fn dyno(&self) -> Host {
        Host::Dyno(IpAddr::V4(self.site.remote.hosts[0]))
    }

    /// The customer's interface.
    pub(crate) fn interface(&self) -> Host {
        Host::Interface(self.site.interface.clone())
    }
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "World {{ seed: {}, {:?}, {} -> {} }}",
            self.seed,
            self.base,
            self.source_address(),
            self.target_address()
        )
    }
}
