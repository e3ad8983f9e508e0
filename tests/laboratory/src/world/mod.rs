//! Random worlds: documents of a space and of the VPCs around it, in which everything works.
//!
//! A diagnosis that is right for one example may be right by luck. Worlds differ in everything that a
//! diagnosis must not depend on, and are the same in what it must find; faults are put into them
//! afterwards ([`crate::fault`]). A seed gives the same world on every machine.

mod draw;
mod filtering;
mod generate;
mod hosts;
pub(crate) mod make;
mod noise;
mod role;
mod routing;
pub(crate) mod site;
mod space;
mod unconcerned;
mod write;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::Ipv4Net;
use peerscope_document::Snapshot;
use peerscope_document::id::NetworkInterfaceId;
use serde::{Deserialize, Serialize};

pub use draw::Vary;
pub use role::{Role, UnknownRole};
pub use write::{Layout, PrefixListForm, Style};

pub(crate) use draw::Lot;
pub(crate) use generate::space_peering;
pub(crate) use routing::block_routes;

use crate::twin::Host;
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
        let generated = generate::generate(&site, &mut draw);
        let double = generated.double.double;
        Self { snapshot: generated.snapshot, service: Service::Listening, site, seed, double }
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

    fn interface(&self) -> Host {
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
