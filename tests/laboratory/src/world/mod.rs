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
mod role;
mod routing;
pub(crate) mod site;
mod space;
pub(crate) mod unconcerned;
mod write;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::Ipv4Net;
use peerscope_document::Snapshot;
use peerscope_document::aws::NetworkInterface;
use peerscope_document::id::NetworkInterfaceId;
use serde::{Deserialize, Serialize};

pub use draw::Vary;
pub use role::{Role, UnknownRole};
pub use write::{Layout, PrefixListForm, Style};

pub(crate) use draw::Lot;
pub(crate) use generate::{merge, space_peering};
pub(crate) use routing::block_routes;

use crate::twin::estate::{Estate, addresses_of};
use crate::twin::{Condition, Host};
use draw::Draw;
use site::Site;

/// What kind of world: who asks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// A dyno of a space connects to an interface of the customer's VPC.
    DynoToVpc,
    /// An interface of the customer's VPC connects to a dyno.
    VpcToDyno,
}

/// What the target host does with a connection that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A server accepts it.
    Listening,
    /// Nothing listens: the host's kernel answers with a reset.
    Closed,
}

/// A world: documents, and what is where in them.
pub struct World {
    /// The documents, with whatever faults were put into them.
    pub snapshot: Snapshot,
    /// What the target host does.
    pub service: Service,
    /// What hosts do to packets beside that, and no document shows.
    pub conditions: Vec<(Host, Condition)>,
    pub(crate) site: Site,
    pub(crate) seed: u64,
    double: NetworkInterfaceId,
}

impl World {
    /// The healthy world of this seed. What `vary` does not name is alike in all worlds of the base.
    #[must_use]
    pub fn generate(base: Base, vary: &[Vary], seed: u64) -> Self {
        let mut draw = Draw::new(seed, vary);
        let site = Site::draw(base, &mut draw);
        let mut generated = generate::generate(&site, &mut draw);
        if vary.contains(&Vary::Ipv6) {
            dual_stack::add(&mut generated.snapshot, &site, &mut Lot::new(seed ^ 0x6666));
        }
        let double = generated.double.double;
        Self {
            snapshot: generated.snapshot,
            service: Service::Listening,
            conditions: Vec::new(),
            site,
            seed,
            double,
        }
    }

    /// Who asks whom.
    #[must_use]
    pub fn base(&self) -> Base {
        self.site.base
    }

    /// The seed that it was drawn with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The host that connections come from.
    #[must_use]
    pub fn source(&self) -> Host {
        match self.site.base {
            Base::DynoToVpc => self.dyno(),
            Base::VpcToDyno => self.interface(),
        }
    }

    /// The host that connections go to.
    #[must_use]
    pub fn target(&self) -> Host {
        match self.site.base {
            Base::DynoToVpc => self.interface(),
            Base::VpcToDyno => self.dyno(),
        }
    }

    /// Where connections go to.
    #[must_use]
    pub fn target_address(&self) -> SocketAddr {
        let address = match self.site.base {
            Base::DynoToVpc => self.site.address.into(),
            Base::VpcToDyno => self.dynos()[0],
        };
        SocketAddr::new(address, self.site.port)
    }

    /// The IPv6 address of the customer's interface, where the world has any.
    #[must_use]
    pub fn version_six_address(&self) -> Option<IpAddr> {
        let estate = Estate::new(&self.snapshot);
        let interface = estate.interfaces.get(&self.site.interface)?;
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
        match self.site.base {
            Base::DynoToVpc => self.dynos()[0],
            Base::VpcToDyno => self.site.address.into(),
        }
    }

    /// One dyno in each dyno block of the space; the first is the one in use.
    #[must_use]
    pub fn dynos(&self) -> Vec<IpAddr> {
        self.site.space.dynos.iter().copied().map(IpAddr::V4).collect()
    }

    /// The dyno blocks, in the order of [`World::dynos`].
    #[must_use]
    pub fn dyno_blocks(&self) -> &[Ipv4Net] {
        &self.site.space.dyno_blocks
    }

    /// Everything of the space that is to be routed, the dyno blocks among it.
    #[must_use]
    pub fn space_blocks(&self) -> &[Ipv4Net] {
        &self.site.space.all_blocks
    }

    /// The interface of the unconcerned VPC that has the address of this world's interface, or of its
    /// dyno.
    #[must_use]
    pub fn double(&self) -> Host {
        Host::Interface(self.double.clone())
    }

    fn dyno(&self) -> Host {
        Host::Dyno(IpAddr::V4(self.site.space.dynos[0]))
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
            self.site.base,
            self.source_address(),
            self.target_address()
        )
    }
}
