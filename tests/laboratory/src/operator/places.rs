//! Where resources are in a snapshot: every copy of them, and the Region they are in.
//!
//! A resource may be listed by several collections, since a VPC that is shared shows in two accounts and
//! a folder may hold one answer twice. Services have it once, so every copy changes with it.

use peerscope_document::Snapshot;
use peerscope_document::aws::{
    AwsDocuments, NetworkAcl, RouteTable, SecurityGroup, Vpc, VpcPeeringConnection,
};
use peerscope_document::id::{Region, VpcId};

use super::error::Refusal;
use super::options::Options;

pub(super) fn documents(snapshot: &Snapshot) -> impl Iterator<Item = &AwsDocuments> {
    snapshot.aws.iter().map(|collection| &collection.documents)
}

fn documents_mut(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut AwsDocuments> {
    snapshot.aws.iter_mut().map(|collection| &mut collection.documents)
}

pub(super) fn vpc<'s>(snapshot: &'s Snapshot, id: &str) -> Option<&'s Vpc> {
    documents(snapshot).flat_map(|it| it.vpcs.iter().flatten()).find(|it| it.vpc_id.as_str() == id)
}

pub(super) fn route_table<'s>(snapshot: &'s Snapshot, id: &str) -> Result<&'s RouteTable, Refusal> {
    let mut tables = documents(snapshot).flat_map(|it| it.route_tables.iter().flatten());
    tables
        .find(|it| it.route_table_id.as_str() == id)
        .ok_or_else(|| absent("InvalidRouteTableID.NotFound", "routeTable", id))
}

pub(super) fn security_group<'s>(snapshot: &'s Snapshot, id: &str) -> Result<&'s SecurityGroup, Refusal> {
    let mut groups = documents(snapshot).flat_map(|it| it.security_groups.iter().flatten());
    groups
        .find(|it| it.group_id.as_str() == id)
        .ok_or_else(|| absent("InvalidGroup.NotFound", "security group", id))
}

pub(super) fn network_acl<'s>(snapshot: &'s Snapshot, id: &str) -> Result<&'s NetworkAcl, Refusal> {
    let mut acls = documents(snapshot).flat_map(|it| it.network_acls.iter().flatten());
    acls.find(|it| it.network_acl_id.as_str() == id)
        .ok_or_else(|| absent("InvalidNetworkAclID.NotFound", "networkAcl", id))
}

pub(super) fn absent(code: &'static str, kind: &str, id: &str) -> Refusal {
    Refusal::service(code, format!("The {kind} ID '{id}' does not exist"))
}

pub(super) fn route_tables_mut(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut RouteTable> {
    documents_mut(snapshot).flat_map(|it| it.route_tables.iter_mut().flatten())
}

pub(super) fn security_groups_mut(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut SecurityGroup> {
    documents_mut(snapshot).flat_map(|it| it.security_groups.iter_mut().flatten())
}

pub(super) fn network_acls_mut(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut NetworkAcl> {
    documents_mut(snapshot).flat_map(|it| it.network_acls.iter_mut().flatten())
}

pub(super) fn peerings_mut(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut VpcPeeringConnection> {
    documents_mut(snapshot).flat_map(|it| it.vpc_peering_connections.iter_mut().flatten())
}

/// Changes a part of a resource in all its copies. The first stands for what the service has; the others,
/// which may have been taken at another time, become what it would answer now.
pub(super) fn change<'s, T: 's, P: Clone + 's>(
    copies: impl Iterator<Item = &'s mut T>,
    part: impl Fn(&mut T) -> &mut P,
    work: impl FnOnce(&mut P) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut work = Some(work);
    let mut answer: Option<P> = None;
    for copy in copies {
        let part = part(copy);
        if let Some(work) = work.take() {
            let mut changed = part.clone();
            work(&mut changed)?;
            answer = Some(changed);
        }
        if let Some(answer) = &answer {
            *part = answer.clone();
        }
    }
    Ok(())
}

/// The Region of a VPC, where the documents tell it: by an availability zone, a peering, or the place that
/// the collection came from.
pub(super) fn region_of(snapshot: &Snapshot, vpc: &VpcId) -> Option<Region> {
    let subnets = documents(snapshot).flat_map(|it| it.subnets.iter().flatten());
    let by_subnet = subnets
        .filter(|it| it.vpc_id == *vpc)
        .find_map(|it| region_of_zone(it.availability_zone.as_deref()?));
    let by_interface = || {
        let interfaces = documents(snapshot).flat_map(|it| it.network_interfaces.iter().flatten());
        interfaces
            .filter(|it| it.vpc_id.as_ref() == Some(vpc))
            .find_map(|it| region_of_zone(it.availability_zone.as_deref()?))
    };
    let by_peering = || {
        let peerings = documents(snapshot).flat_map(|it| it.vpc_peering_connections.iter().flatten());
        let mut sides = peerings.flat_map(|it| [&it.requester_vpc_info, &it.accepter_vpc_info]).flatten();
        sides.find(|side| side.vpc_id.as_ref() == Some(vpc) && side.region.is_some())?.region.clone()
    };
    let by_heroku = || {
        let info = snapshot.heroku.peering_info.as_ref()?;
        (info.vpc_id.as_ref() == Some(vpc)).then(|| info.aws_region.clone())?
    };
    let by_place = || {
        let holds = |documents: &AwsDocuments| documents.vpcs.iter().flatten().any(|it| it.vpc_id == *vpc);
        snapshot.aws.iter().find(|it| holds(&it.documents))?.region.clone()
    };
    by_subnet.or_else(by_interface).or_else(by_peering).or_else(by_heroku).or_else(by_place)
}

/// `us-east-1a` is in `us-east-1`, the local zone `us-west-2-lax-1a` in `us-west-2`: a Region's name ends
/// with its first number.
fn region_of_zone(zone: &str) -> Option<Region> {
    let number = zone.find(|character: char| character.is_ascii_digit())?;
    let digits = zone[number..].find(|character: char| !character.is_ascii_digit());
    let end = digits.map_or(zone.len(), |digits| number + digits);
    Some(Region::from(&zone[..end]))
}

/// A service that is asked in the wrong Region does not know the resource. Without `--region` the user's
/// own default counts, which nobody here knows.
pub(super) fn check_region(
    snapshot: &Snapshot,
    options: &Options<'_>,
    vpc: Option<&VpcId>,
    code: &'static str,
    id: &str,
) -> Result<(), Refusal> {
    let asked = options.get("--region");
    let (Some(asked), Some(region)) = (asked, vpc.and_then(|vpc| region_of(snapshot, vpc))) else {
        return Ok(());
    };
    if asked == region.as_str() {
        return Ok(());
    }
    Err(Refusal::service(code, format!("The ID '{id}' does not exist in {asked}: it is in {region}")))
}

#[cfg(test)]
mod tests {
    use super::region_of_zone;

    #[test]
    fn a_zone_tells_its_region() {
        for (zone, region) in [
            ("us-east-1a", Some("us-east-1")),
            ("us-west-2-lax-1a", Some("us-west-2")),
            ("us-gov-west-1b", Some("us-gov-west-1")),
            ("ap-southeast-10c", Some("ap-southeast-10")),
            ("nowhere", None),
        ] {
            assert_eq!(region_of_zone(zone).as_ref().map(|region| region.as_str()), region, "{zone}");
        }
    }
}
