//! AWS's quotas that a repair can run into: what a component may hold, and what it would hold.
//!
//! An account can have a quota raised, and no document of the snapshot tells whether it has, so nothing
//! here is certain: a plan that keeps within the usual figures goes before one that does not.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{IpPermission, PeeringStatusCode, Route, RouteOrigin};
use peerscope_document::id::PrefixListId;

use super::command;
use super::edit::Edit;
use crate::flow::Family;
use crate::topology::{ComponentId, NetworkId, Peering, Topology};

/// A quota.
#[derive(Debug)]
struct Quota {
    /// What is counted.
    counted: &'static str,
    /// What an account may have that never asked for more.
    usual: usize,
    /// What it is raised to at most; `None` where nobody says.
    most: Option<usize>,
    /// Whose it is.
    of: &'static str,
}

/// "Amazon VPC quotas", Amazon VPC User Guide: entries of both families together, a direction; the final
/// denies (32767 and 32768) count.
const ENTRIES: Quota = Quota { counted: "entries", usual: 20, most: Some(40), of: "AWS" };
/// The same: rules a direction and family; what an interface's groups have together is at most 1000.
const RULES: Quota = Quota { counted: "rules", usual: 60, most: Some(1000), of: "AWS" };
/// The same: routes that were not propagated, a family.
const ROUTES: Quota = Quota { counted: "routes", usual: 500, most: Some(1000), of: "AWS" };
/// "Amazon Virtual Private Cloud endpoints and quotas", AWS General Reference: active ones of one VPC.
const PEERINGS: Quota = Quota { counted: "active peerings", usual: 50, most: Some(125), of: "AWS" };
/// "Private Space Peering", Heroku Dev Center: a space's with customers' VPCs; more by a support ticket.
const PEERINGS_OF_SPACE: Quota = Quota { counted: "peerings", usual: 5, most: None, of: "Heroku" };

/// Whether so many rules are more than AWS lets any group hold.
pub(super) fn is_beyond_any_group(rules: usize) -> bool {
    RULES.most.is_some_and(|most| rules > most)
}

/// Whether so many entries are more than AWS lets any network ACL hold in one direction.
pub(super) fn is_beyond_any_acl(entries: usize) -> bool {
    ENTRIES.most.is_some_and(|most| entries > most)
}

/// What is counted by itself: of one component, one direction, one family, where the quota tells them
/// apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shelf {
    component: ComponentId,
    /// Whether for what comes in; `None` for routes and peerings.
    ingress: Option<bool>,
    /// `None` where both count together.
    family: Option<Family>,
}

/// How full something is after a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Whether it would hold more than AWS usually lets it.
    pub exceeds: bool,
    /// What to say of it.
    pub words: String,
}

/// Everything that `edits` fill to more than nine tenths of its quota. `before` and `after` are the
/// topology without and with them.
#[must_use]
pub fn fills(before: &Topology, after: &Topology, edits: &[Edit]) -> Vec<Fill> {
    let shelves: BTreeSet<Shelf> = edits.iter().flat_map(|edit| shelves(after, edit)).collect();
    shelves.iter().filter_map(|shelf| fill(before, after, shelf)).collect()
}

fn fill(before: &Topology, after: &Topology, shelf: &Shelf) -> Option<Fill> {
    let quota = match shelf.component {
        ComponentId::NetworkAcl(_) => &ENTRIES,
        ComponentId::SecurityGroup(_) => &RULES,
        ComponentId::Vpc(_) => &PEERINGS,
        ComponentId::Space => &PEERINGS_OF_SPACE,
        _ => &ROUTES,
    };
    let (held, holds) = (shelf.count(before), shelf.count(after));
    if holds <= held {
        return None;
    }
    // What holds more than is usual already has had its quota raised.
    let limit = if held > quota.usual { quota.most? } else { quota.usual };
    if holds * 10 <= limit * 9 {
        return None;
    }
    let id = shelf.component.id().unwrap_or_else(|| "the space".to_string());
    let what = shelf.words(quota.counted);
    let Quota { of, .. } = quota;
    let raised = match quota.most {
        Some(most) => format!("the account's quota was raised (to {most} at most)"),
        None => "its support raised that".to_string(),
    };
    let raises = quota.most.map(|most| format!(", which it raises to {most} at most")).unwrap_or_default();
    let (exceeds, words) = match (holds > limit, limit == quota.usual) {
        (true, true) => (
            true,
            format!(
                "{id} would hold {holds} {what}, and {of} allows {limit} unless {raised}: it may refuse this"
            ),
        ),
        (true, false) => {
            (true, format!("{id} would hold {holds} {what}, and {of} raises that quota to {limit} at most"))
        }
        (false, true) => {
            (false, format!("{id} then holds {holds} of {limit} {what}, {of}'s usual quota{raises}"))
        }
        (false, false) => {
            (false, format!("{id} then holds {holds} {what}, of the {limit} that {of} allows at most"))
        }
    };
    Some(Fill { exceeds, words })
}

/// Where the edit adds something.
fn shelves(after: &Topology, edit: &Edit) -> Vec<Shelf> {
    let component = command::component(after, edit);
    match edit {
        Edit::CreateRoute { destination, .. } => {
            Vec::from([Shelf { component, ingress: None, family: Some(family(*destination)) }])
        }
        Edit::Authorize { ingress, cidr, .. } => {
            Vec::from([Shelf { component, ingress: Some(*ingress), family: Some(family(*cidr)) }])
        }
        Edit::AllowInNetworkAcl { egress, .. } => {
            Vec::from([Shelf { component, ingress: Some(!*egress), family: None }])
        }
        Edit::CreatePeering { peering, .. }
        | Edit::AcceptPeering { peering, .. }
        | Edit::ReplacePeering { peering, .. } => {
            let sides = after.peering(peering).map(|one| [&one.requester, &one.accepter]);
            let networks = sides.into_iter().flatten().filter_map(|side| side.network.as_ref());
            networks.filter_map(shelf_of_peerings).collect()
        }
        Edit::ReplaceRoute { .. } => Vec::new(),
    }
}

fn shelf_of_peerings(network: &NetworkId) -> Option<Shelf> {
    let component = match network {
        NetworkId::Vpc(id) => ComponentId::Vpc(id.clone()),
        NetworkId::Space => ComponentId::Space,
        NetworkId::SpaceData => return None,
    };
    Some(Shelf { component, ingress: None, family: None })
}

/// A network's peerings that its quota counts: those of a VPC that are active; those of a space that may
/// become so too, but for Heroku's own.
fn peerings(topology: &Topology, network: &NetworkId) -> usize {
    let counts = |peering: &Peering| match network {
        NetworkId::Space => {
            let is_alive = matches!(
                peering.status,
                Some(
                    PeeringStatusCode::Active
                        | PeeringStatusCode::Provisioning
                        | PeeringStatusCode::PendingAcceptance
                )
            );
            is_alive && !peering.is_for_data
        }
        NetworkId::Vpc(_) | NetworkId::SpaceData => peering.is_active(),
    };
    topology.peerings().filter(|(_, one)| one.sides(network).is_some() && counts(one)).count()
}

impl Shelf {
    fn count(&self, topology: &Topology) -> usize {
        let ingress = self.ingress.unwrap_or(true);
        match &self.component {
            ComponentId::NetworkAcl(id) => {
                let entries = topology.network_acl(id).map_or(&[][..], |acl| &acl.entries);
                entries.iter().filter(|entry| entry.egress != ingress).count()
            }
            ComponentId::SecurityGroup(id) => {
                let rules = topology.security_group(id).and_then(|group| group.permissions(ingress));
                rules.unwrap_or_default().iter().map(|rule| self.rules(topology, rule)).sum()
            }
            ComponentId::RouteTable(id) => {
                let routes = topology.route_table(id).map_or(&[][..], |table| &table.routes);
                routes.iter().map(|route| self.routes(topology, route)).sum()
            }
            ComponentId::Vpc(id) => peerings(topology, &NetworkId::Vpc(id.clone())),
            ComponentId::Space => peerings(topology, &NetworkId::Space),
            _ => 0,
        }
    }

    /// What one permission counts for: each block, each reference, and each entry of a prefix list.
    fn rules(&self, topology: &Topology, rule: &IpPermission) -> usize {
        let blocks = match self.family {
            Some(Family::V6) => rule.ipv6_ranges.len(),
            _ => rule.ip_ranges.len(),
        };
        let lists = rule.prefix_list_ids.iter().map(|list| entries_of(topology, &list.prefix_list_id));
        blocks + rule.user_id_group_pairs.len() + lists.sum::<usize>()
    }

    fn routes(&self, topology: &Topology, route: &Route) -> usize {
        if route.origin == Some(RouteOrigin::EnableVgwRoutePropagation) {
            return 0;
        }
        if let Some(list) = &route.destination_prefix_list_id {
            return entries_of(topology, list);
        }
        let is_v6 = route.destination_ipv6_cidr_block.is_some();
        usize::from(is_v6 == (self.family == Some(Family::V6)))
    }

    /// `inbound entries`, `outbound IPv6 rules`, `IPv4 routes`.
    fn words(&self, counted: &str) -> String {
        let way = match self.ingress {
            Some(true) => "inbound ",
            Some(false) => "outbound ",
            None => "",
        };
        let family = match self.family {
            Some(Family::V4) => "IPv4 ",
            Some(Family::V6) => "IPv6 ",
            None => "",
        };
        format!("{way}{family}{counted}")
    }
}

/// A list counts with all its entries; one of unknown content with one at least.
fn entries_of(topology: &Topology, list: &PrefixListId) -> usize {
    let blocks = topology.prefix_list(list).and_then(|list| list.blocks.as_ref());
    blocks.map_or(1, Vec::len)
}

fn family(cidr: IpNet) -> Family {
    match cidr {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    }
}
