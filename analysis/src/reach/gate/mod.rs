//! Gates: the things that packets must pass.
//!
//! A gate owns all that is to be known of its kind: what it admits, which rule decided, what a blocked
//! part means in AWS's words, and which edits would open it. A new kind of AWS component is one new
//! file here and its place in `intend`.

mod address_owner;
mod address_plan;
mod assumed;
mod carrier;
mod fault;
mod host_state;
mod network_acl;
mod peering;
mod reference;
mod route;
mod rule;
mod security_group;
mod space_side;
mod space_vpn;
mod undocumented;
mod unknown_sender;
mod vpc_cidr;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

pub use address_owner::AddressOwner;
pub use address_plan::AddressPlan;
pub use assumed::{Assumed, Tracked};
pub use carrier::CarrierGate;
pub use fault::Fault;
pub use host_state::HostState;
pub use network_acl::NetworkAclGate;
pub(crate) use network_acl::entry_words;
pub use peering::PeeringGate;
pub(super) use peering::between;
pub(crate) use reference::{other_region, staleness};
pub use route::RouteGate;
pub(crate) use route::route_words;
pub use security_group::SecurityGroupGate;
pub(crate) use security_group::permission_words;
pub use space_side::{DataService, SpaceGeneration};
pub use space_vpn::SpaceVpn;
pub use undocumented::Undocumented;
pub use unknown_sender::UnknownSender;
pub use vpc_cidr::VpcCidr;

use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::Site;
use crate::repair::Edit;
use crate::topology::{ComponentId, Topology};

/// Which way the packets that a gate judges travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the initiator to the target.
    Forward,
    /// The replies.
    Return,
}

/// What a gate does to a part of the flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Lets them through.
    Admitted,
    /// Is taken to let them through, being invisible (Heroku's side).
    Assumed,
    /// Stops them, but only because something else does: mending that opens this too. No cause.
    Consequence,
    /// Stops them.
    Blocked(CauseCode),
    /// The documents do not tell; the code is what it would be if it stops them.
    Unknown(CauseCode),
}

/// What decided: meaningful to the gate that gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// Nothing matched, or there is nothing to match.
    Nothing,
    /// The packets take another way: the gate is nothing to them.
    Elsewhere,
    /// The rule, entry or route with this index.
    Rule(usize),
    /// The permission with this index of the group with this index.
    GroupRule(usize, usize),
}

/// A part of the flows that one thing decided about.
#[derive(Clone, Debug)]
pub struct Part {
    /// The flows.
    pub flows: Flows,
    /// What happens to them.
    pub decision: Decision,
    /// What decided.
    pub witness: Witness,
}

/// The parts of a gate that decides one way about all flows but those that take another way.
fn beside(elsewhere: Flows, flows: &Flows, decision: Decision) -> Vec<Part> {
    let rest = flows.difference(&elsewhere);
    let elsewhere = Part { flows: elsewhere, decision: Decision::Admitted, witness: Witness::Elsewhere };
    let rest = Part { flows: rest, decision, witness: Witness::Nothing };
    Vec::from([elsewhere, rest]).into_iter().filter(|part| !part.flows.is_empty()).collect()
}

/// A decision in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What decided, short, as a label of a hop: `in #100 allow tcp 5432 from 10.0.128.0/20`.
    pub rule: String,
    /// One sentence that names the component and what is wrong with it, or what it lets through.
    pub summary: String,
    /// Facts of the configuration that a reader can check.
    pub evidence: Vec<String>,
    /// Other components that take part in the decision.
    pub related: Vec<ComponentId>,
    /// What is not known, and what would tell it, where the decision is `Unknown`.
    pub omission: Option<crate::topology::Omission>,
}

/// What a gate's decision depends on, beside the flows: gates of equal ends decide alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judges {
    /// The source's site, and the network of the target.
    Source,
    /// The networks of both, and the route tables of their subnets.
    Crossing,
    /// The target's subnet, and the network of the source.
    Target,
    /// The target's interface.
    Interface,
}

/// One thing that packets must pass.
pub trait Gate: fmt::Debug {
    /// The component that decides here.
    fn component(&self) -> ComponentId;

    /// The component that a part's decision lies in: most gates are one component for all.
    fn component_of(&self, part: &Part) -> ComponentId {
        let _ = part;
        self.component()
    }

    /// Which way the judged packets travel; `None` where the gate is the same both ways.
    fn direction(&self) -> Option<Direction>;

    /// Whether packets meet something here even where it lets them through: a hop of the path. Else it
    /// is a condition, worth showing only where it is not met, or beside the way that the packets take.
    fn is_hop(&self, part: &Part) -> bool {
        part.witness != Witness::Elsewhere
    }

    /// What its decision depends on.
    fn judges(&self) -> Judges {
        Judges::Crossing
    }

    /// Whether the security groups of an interface decide here: interfaces of one subnet that run differ
    /// in nothing else.
    fn is_of_groups(&self) -> bool {
        false
    }

    /// What may be wrong with this gate where it stops packets and no document shows it. The shares sum to 1 for
    /// each setting that the gate stands for; empty where nothing can be.
    fn faults(&self) -> Vec<Fault> {
        Vec::new()
    }

    /// Splits flows into disjoint parts that together are all of `flows`.
    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part>;

    /// Puts one part's decision into words.
    fn explain(&self, topology: &Topology, part: &Part) -> Explanation;

    /// The plans that would each let `flows` through this gate, in no particular order; empty where no
    /// configuration can.
    fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        let _ = (topology, flows);
        Vec::new()
    }

    /// The ends of which all gates of the component have the same repairs, so that one of them is asked;
    /// `None` where each has its own.
    fn repaired_alike(&self) -> Option<(Site, Site)> {
        None
    }
}
