//! What of a snapshot the twin cannot play, in words: a rehearsal that is silent about it would be believed.

use std::collections::{BTreeMap, BTreeSet};

use peerscope_analysis::report::Gap;
use peerscope_document::Snapshot;
use peerscope_document::aws::Route;
use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId};
use peerscope_laboratory::Host;

use super::cast::scope;

/// The gaps of the twin of a snapshot.
pub(super) fn limits(snapshot: &Snapshot) -> Vec<Gap> {
    let documents = || snapshot.aws.iter().map(|collection| &collection.documents);
    let mut gaps = vec![
        scope(
            "UDP, ICMP, and packets larger than 1,500 bytes".to_string(),
            "the rehearsal connects by TCP".to_string(),
            "whether rules about those let packets through: ask `peerscope analyze --to udp://…`",
        ),
        scope(
            "what listens, and what the hosts themselves filter".to_string(),
            "in the twin every host answers on every port that is tried, and Heroku's side filters nothing"
                .to_string(),
            "whether the real ones answer: ask `peerscope why`",
        ),
    ];
    let mut elsewhere: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for table in documents().flat_map(|documents| documents.route_tables.iter().flatten()) {
        for kind in table.routes.iter().filter_map(foreign) {
            elsewhere.entry(kind).or_default().insert(table.route_table_id.to_string());
        }
    }
    for (kind, tables) in elsewhere {
        let some: Vec<&str> = tables.iter().take(3).map(String::as_str).collect();
        let more = if tables.len() > some.len() { ", …" } else { "" };
        gaps.push(scope(
            format!("routes to {kind} ({}{more})", some.join(", ")),
            "the twin has VPCs, the space and their peerings: what takes such a route is lost there"
                .to_string(),
            "where those packets go",
        ));
    }
    if !documents().any(|documents| documents.network_acls.is_some()) {
        gaps.push(scope(
            "network ACLs".to_string(),
            "no document of describe-network-acls is there; in the twin they drop nothing".to_string(),
            "what they drop",
        ));
    }
    gaps
}

/// The groups that a document describes whole, as the twin needs them.
pub(super) fn described_groups(snapshot: &Snapshot) -> BTreeSet<SecurityGroupId> {
    let documents = snapshot.aws.iter().map(|collection| &collection.documents);
    let groups = documents.flat_map(|documents| documents.security_groups.iter().flatten());
    groups.map(|group| group.group_id.clone()).collect()
}

/// What a route leads to, where the twin does not have it.
fn foreign(route: &Route) -> Option<&'static str> {
    let gateway = route.gateway_id.as_deref().unwrap_or_default();
    [
        (route.transit_gateway_id.is_some(), "transit gateways"),
        (route.nat_gateway_id.is_some(), "NAT gateways"),
        (route.egress_only_internet_gateway_id.is_some(), "egress-only internet gateways"),
        (route.instance_id.is_some() || route.network_interface_id.is_some(), "appliances"),
        (route.local_gateway_id.is_some() || route.carrier_gateway_id.is_some(), "local or carrier gateways"),
        (route.core_network_arn.is_some(), "a Cloud WAN core network"),
        (gateway.starts_with("igw-"), "internet gateways"),
        (gateway.starts_with("vgw-"), "VPN gateways"),
        (gateway.starts_with("vpce-"), "VPC endpoints"),
    ]
    .into_iter()
    .find_map(|(is, kind)| is.then_some(kind))
}

/// The documents with nobody in them but `hosts`, for a twin of no more than it needs. Who is neither end of a
/// flow has no part in its fate.
pub(super) fn with_only(snapshot: &Snapshot, hosts: &BTreeSet<Host>) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let is_kept = |id: &NetworkInterfaceId| hosts.contains(&Host::Interface(id.clone()));
    for documents in snapshot.aws.iter_mut().map(|collection| &mut collection.documents) {
        if let Some(interfaces) = &mut documents.network_interfaces {
            interfaces.retain(|interface| is_kept(&interface.network_interface_id));
        }
        for instance in documents.reservations.iter_mut().flatten().flat_map(|one| &mut one.instances) {
            instance.network_interfaces.retain(|interface| is_kept(&interface.network_interface_id));
        }
    }
    // The dynos are given by their addresses.
    snapshot.heroku.topology = None;
    snapshot
}
