//! Heroku's Platform API objects of a Private Space, which are also the output of
//! `heroku spaces:… --json`.
//!
//! All of them are marked "prototype" in Heroku's schema, so every field is optional. Fields that hold
//! secrets (a VPN tunnel's pre-shared key) do not exist here and so can never be kept or shown.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Cidr;
use crate::aws::PeeringStatusCode;
use crate::id::{AccountId, Region, VpcId, VpcPeeringConnectionId};
use crate::tolerant::{null_as_default, open_enum};

/// What the Platform API said of one space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HerokuDocuments {
    /// `GET /spaces/{id}`
    pub space: Option<Space>,
    /// `GET /spaces/{id}/peering-info`
    pub peering_info: Option<PeeringInfo>,
    /// `GET /spaces/{id}/peerings`
    pub peerings: Option<Vec<Peering>>,
    /// `GET /spaces/{id}/topology`
    pub topology: Option<SpaceTopology>,
    /// `GET /spaces/{id}/nat`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<SpaceNat>,
    /// `GET /spaces/{id}/vpn-connections`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_connections: Option<Vec<VpnConnection>>,
    /// `GET /apps/{id}` of the apps in the topology.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apps: Option<Vec<App>>,
    /// `GET /regions/{name}` of the space's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<HerokuRegion>,
}

/// A Private Space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, which every command takes in place of the UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `allocating`, `allocated`, `deleting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The space's network, a /16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<Cidr>,
    /// The network of Heroku's data services, which no peering reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_cidr: Option<Cidr>,
    /// Cedar, or Fir, which cannot be peered. Absent means Cedar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Heroku's region, by its name or, in an expanded answer, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<HerokuRegion>,
    /// The team that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<NamedReference>,
    /// Whether it is a Shield space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shield: Option<bool>,
    /// Its NAT, which `heroku spaces:info --json` adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_ips: Option<SpaceNat>,
}

/// A generation: a word in one variant of the API, an object in the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a generation's name or an object with its name")]
pub enum Generation {
    /// `"cedar"`
    Word(String),
    /// `{"name": "cedar", …}`
    Object(NamedReference),
}

impl Generation {
    /// `cedar`, `fir`, or a newer one.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Object(reference) => reference.name.as_deref().unwrap_or_default(),
        }
    }
}

/// A reference to another object by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedReference {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A region of Heroku's: its own name for a Region of its provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HerokuRegion {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Heroku's name, such as `virginia`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose Region it is. Absent where another object only refers to the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<RegionProvider>,
}

impl HerokuRegion {
    /// The AWS Region, where this says it.
    #[must_use]
    pub fn aws_region(&self) -> Option<&Region> {
        self.provider.as_ref()?.region.as_ref()
    }
}

/// The provider below a region of Heroku's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionProvider {
    /// `amazon-web-services`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The provider's name, such as `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// An app, as far as it matters who can call it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, which every command takes in place of the UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its web dynos are called over the space's own networks alone, and not by the public router. Written
    /// even where it is not known, since an app is recognised by it.
    #[serde(default)]
    pub internal_routing: Option<bool>,
    /// Its domains, in answers that have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub domains: Vec<String>,
}

/// What a customer needs to know in order to peer with a space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeeringInfo {
    /// Heroku's account for the space.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unmasked")]
    pub aws_account_id: Option<AccountId>,
    /// The AWS Region of the space.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unmasked")]
    pub aws_region: Option<Region>,
    /// The space's VPC.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unmasked")]
    pub vpc_id: Option<VpcId>,
    /// The space's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_cidr: Option<Cidr>,
    /// The subnets that dynos live in; absent in some answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dyno_cidr_blocks: Option<Vec<Cidr>>,
    /// Everything to route: the dynos' subnets and those of the space's balancers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space_cidr_blocks: Option<Vec<Cidr>>,
    /// Blocks that a peered VPC must not overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_cidr_blocks: Option<Vec<Cidr>>,
}

/// A peering as Heroku lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peering {
    /// The peering's id; masked for Heroku's own, and written so, since a peering is recognised by it.
    #[serde(default, serialize_with = "masked", deserialize_with = "unmasked")]
    pub pcx_id: Option<VpcPeeringConnectionId>,
    /// Whose it is.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub peering_type: Option<PeeringType>,
    /// The peer's blocks.
    #[serde(default, deserialize_with = "null_as_default")]
    pub cidr_blocks: Vec<Cidr>,
    /// The peer's block, in older answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Cidr>,
    /// Its state, in AWS's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<PeeringStatusCode>,
    /// The peer's VPC; masked for Heroku's own.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unmasked")]
    pub aws_vpc_id: Option<VpcId>,
    /// The peer's Region; masked for Heroku's own.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unmasked")]
    pub aws_region: Option<Region>,
    /// The peer's account (the schema's text says otherwise); masked for Heroku's own.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unmasked")]
    pub aws_account_id: Option<AccountId>,
    /// When a request that nobody accepts ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

open_enum! {
    /// Whose a peering of a space is. Only customers' own can be changed by them.
    pub enum PeeringType {
        /// The customer's.
        CustomerManaged = "customer-managed",
        /// Heroku's own.
        HerokuManaged = "heroku-managed",
        /// Not classified yet; seen on active customers' peerings too.
        Unknown = "unknown",
        /// Heroku's data services.
        HerokuPostgresql = "heroku-postgresql",
        /// Heroku's data services.
        HerokuRedis = "heroku-redis",
        /// Heroku's data services.
        HerokuKafka = "heroku-kafka",
        /// Heroku's data services.
        HerokuCassandra = "heroku-cassandra",
        /// Heroku's data services.
        Slowdb = "slowdb",
    }
}

/// Which dynos run where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpaceTopology {
    /// The shape's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The apps of the space.
    #[serde(default, deserialize_with = "null_as_default")]
    pub apps: Vec<TopologyApp>,
}

/// An app of a space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopologyApp {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its domains.
    #[serde(default, deserialize_with = "null_as_default")]
    pub domains: Vec<String>,
    /// Its processes; `formations` in the CLI's own type.
    #[serde(default, alias = "formations", deserialize_with = "null_as_default")]
    pub formation: Vec<TopologyFormation>,
}

/// A process type of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopologyFormation {
    /// `web`, `worker` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_type: Option<String>,
    /// Its dynos.
    #[serde(default, deserialize_with = "null_as_default")]
    pub dynos: Vec<TopologyDyno>,
}

/// A dyno.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopologyDyno {
    /// Its number in its formation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Its address, which changes at every restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<Ipv4Addr>,
    /// Its name inside the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

/// The addresses that a space calls the internet from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceNat {
    /// `disabled`, `updating`, `enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The addresses, which are public and stable.
    #[serde(default, deserialize_with = "null_as_default")]
    pub sources: Vec<Ipv4Addr>,
}

/// A VPN connection of a space. Its tunnels have secrets, and nothing of them is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnConnection {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The networks that the space reaches over it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub routable_cidrs: Vec<Cidr>,
    /// `pending`, `provisioning`, `active`, `deprovisioning`, `failed` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl VpnConnection {
    /// Whether the space may send anything over it: it is neither gone nor failed.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(self.status.as_deref(), Some("failed" | "deprovisioning" | "deleting" | "deleted"))
    }
}

/// What Heroku writes in place of an id of its own.
const MASK: &str = "******";

/// Writes what is absent as Heroku's mask.
fn masked<S: Serializer>(id: &Option<VpcPeeringConnectionId>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_ref().map_or(MASK, VpcPeeringConnectionId::as_str))
}

/// Reads Heroku's mask (`******`) as absent.
fn unmasked<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty() && !text.chars().all(|character| character == '*')).map(T::from))
}
