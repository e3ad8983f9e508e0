//! `create-vpc-peering-connection`, `accept-vpc-peering-connection` and `delete-vpc-peering-connection`.

use ipnet::IpNet;
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    PeeringCidrBlock, PeeringIpv6CidrBlock, PeeringStatus, PeeringStatusCode, PeeringVpcInfo,
    VpcPeeringConnection,
};
use peerscope_document::heroku::{Peering, PeeringType};
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use super::Printed;
use super::connection::{Connection, Side, set_status, space_vpc, transition};
use super::error::Refusal;
use super::options::{Form, Options};
use super::places::{absent, check_region, documents, peerings_mut, region_of, vpc};
use crate::twin::estate::Estate;
use crate::world::make::peering_status;

const CREATE_FORM: Form = Form::of(&[&[
    "--region",
    "--vpc-id",
    "--peer-vpc-id",
    "--peer-owner-id",
    "--peer-region",
    "--query",
    "--output",
]]);
const FORM: Form = Form::of(&[&["--region", "--vpc-peering-connection-id"]]);
/// What a script needs of the answer.
const QUERY: &str = "VpcPeeringConnection.VpcPeeringConnectionId";

pub(super) fn create(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&CREATE_FORM, arguments)?;
    if let Some(query) = options.get("--query").filter(|query| *query != QUERY) {
        return Err(Refusal::usage(format!("the query {query} is not played")));
    }
    if let Some(output) = options.get("--output").filter(|output| !["json", "text"].contains(output)) {
        return Err(Refusal::usage(format!("the output {output} is not played")));
    }
    let id = options.required("--vpc-id")?;
    if vpc(snapshot, id).is_none() {
        return Err(absent("InvalidVpcID.NotFound", "vpc", id));
    }
    let asking = VpcId::from(id);
    check_region(snapshot, &options, Some(&asking), "InvalidVpcID.NotFound", id)?;
    let peer = options.get("--peer-vpc-id").ok_or_else(|| Refusal::missing("peerVpcId is required"))?;
    let (requester, accepter) = (side(snapshot, &asking)?, side(snapshot, &VpcId::from(peer))?);
    for known in documents(snapshot).flat_map(|it| it.vpc_peering_connections.iter().flatten()) {
        let ends = [&known.requester_vpc_info, &known.accepter_vpc_info]
            .map(|side| side.as_ref().and_then(|side| side.vpc_id.as_ref()));
        let joins = ends.contains(&requester.vpc_id.as_ref()) && ends.contains(&accepter.vpc_id.as_ref());
        let other = known.vpc_peering_connection_id.as_str();
        if joins && Connection::find(snapshot, other)?.is_alive() {
            let message = format!("{other} between {asking} and {peer} exists already");
            return Err(Refusal::service("VpcPeeringConnectionAlreadyExists", message));
        }
    }
    let status = answer(&options, &requester, &accepter)?;
    let id = new_id(snapshot);
    enter(snapshot, &id, status, requester, accepter);
    let is_word = options.has("--query") && options.get("--output") == Some("text");
    Ok(is_word.then(|| id.to_string()))
}

/// What becomes of a request at once. A peer that is not where the request says it is, like one whose
/// blocks overlap, makes no error but a connection that failed.
fn answer(
    options: &Options<'_>,
    requester: &PeeringVpcInfo,
    accepter: &PeeringVpcInfo,
) -> Result<PeeringStatus, Refusal> {
    let owner = options.get("--peer-owner-id").or(requester.owner_id.as_ref().map(|it| it.as_str()));
    let region = options.get("--peer-region").or(requester.region.as_ref().map(|it| it.as_str()));
    let differs = |said: Option<&str>, known: Option<&str>| matches!((said, known), (Some(one), Some(other)) if one != other);
    let is_elsewhere = differs(owner, accepter.owner_id.as_ref().map(|it| it.as_str()))
        || differs(region, accepter.region.as_ref().map(|it| it.as_str()));
    if is_elsewhere && !options.has("--peer-owner-id") && !options.has("--peer-region") {
        let id = accepter.vpc_id.as_ref().map(VpcId::as_str).unwrap_or_default();
        return Err(absent("InvalidVpcID.NotFound", "vpc", id));
    }
    let blocks = blocks(accepter);
    let overlaps = |one: &IpNet| blocks.iter().any(|other| one.contains(other) || other.contains(one));
    if is_elsewhere || self::blocks(requester).iter().any(overlaps) {
        let message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";
        return Ok(PeeringStatus {
            code: Some(PeeringStatusCode::Failed),
            message: Some(message.to_owned()),
        });
    }
    Ok(peering_status(PeeringStatusCode::PendingAcceptance))
}

/// Writes the new connection down where each side would see it.
fn enter(
    snapshot: &mut Snapshot,
    id: &VpcPeeringConnectionId,
    status: PeeringStatus,
    requester: PeeringVpcInfo,
    accepter: PeeringVpcInfo,
) {
    let is_pending = status.code == Some(PeeringStatusCode::PendingAcceptance);
    if is_pending && space_vpc(snapshot).is_some() && space_vpc(snapshot) == accepter.vpc_id.as_ref() {
        snapshot.heroku.peerings.get_or_insert_default().push(Peering {
            pcx_id: Some(id.clone()),
            peering_type: Some(PeeringType::CustomerManaged),
            cidr_blocks: requester.cidr_block_set.iter().map(|it| it.cidr_block).collect(),
            cidr_block: None,
            status: status.code.clone(),
            aws_vpc_id: requester.vpc_id.clone(),
            aws_region: requester.region.clone(),
            aws_account_id: requester.owner_id.clone(),
            expires: None,
        });
    }
    // Nobody sees the blocks of a side that has not accepted.
    let hidden = PeeringVpcInfo {
        cidr_block: None,
        cidr_block_set: Vec::new(),
        ipv6_cidr_block_set: Vec::new(),
        ..accepter
    };
    for documents in snapshot.aws.iter_mut().map(|collection| &mut collection.documents) {
        let ends = [&requester.vpc_id, &hidden.vpc_id];
        let is_of_a_side =
            documents.vpcs.iter().flatten().any(|it| ends.iter().any(|end| end.as_ref() == Some(&it.vpc_id)));
        if is_of_a_side {
            documents.vpc_peering_connections.get_or_insert_default().push(VpcPeeringConnection {
                vpc_peering_connection_id: id.clone(),
                status: Some(status.clone()),
                requester_vpc_info: Some(requester.clone()),
                accepter_vpc_info: Some(hidden.clone()),
                expiration_time: None,
                tags: Vec::new(),
            });
        }
    }
}

pub(super) fn accept(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let id = options.required("--vpc-peering-connection-id")?;
    let connection = Connection::find(snapshot, id)?;
    if connection.is_for_heroku(snapshot) {
        let message = format!("User cannot accept peering {id}: Heroku was asked");
        return Err(Refusal::service("OperationNotPermitted", message));
    }
    let code = "InvalidVpcPeeringConnectionID.NotFound";
    check_region(snapshot, &options, connection.accepter.vpc.as_ref(), code, id)?;
    if connection.status != Some(PeeringStatusCode::PendingAcceptance) {
        return Err(transition(id, connection.status.as_ref(), "active"));
    }
    activate(snapshot, id);
    Ok(None)
}

pub(super) fn delete(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let id = options.required("--vpc-peering-connection-id")?;
    let connection = Connection::find(snapshot, id)?;
    // Either side deletes it, each in its own Region.
    let code = "InvalidVpcPeeringConnectionID.NotFound";
    let mut sides = connection.sides();
    let is_here = |side: &Side| check_region(snapshot, &options, side.vpc.as_ref(), code, id);
    if !sides.any(|side| is_here(side).is_ok()) {
        is_here(&connection.requester)?;
    }
    if !connection.is_alive() {
        return Err(transition(id, connection.status.as_ref(), "deleted"));
    }
    set_status(snapshot, id, &PeeringStatusCode::Deleted);
    // `{"Return": true}`
    Ok(None)
}

/// Makes a connection active: each side sees the other's blocks from now on.
pub(super) fn activate(snapshot: &mut Snapshot, id: &str) {
    let accepter =
        Connection::find(snapshot, id).ok().and_then(|it| side(snapshot, it.accepter.vpc.as_ref()?).ok());
    for peering in peerings_mut(snapshot).filter(|it| it.vpc_peering_connection_id.as_str() == id) {
        let seen = peering.accepter_vpc_info.as_mut().filter(|it| it.cidr_block.is_none());
        if let (Some(seen), Some(accepter)) = (seen, &accepter) {
            seen.cidr_block = accepter.cidr_block;
            seen.cidr_block_set.clone_from(&accepter.cidr_block_set);
            seen.ipv6_cidr_block_set.clone_from(&accepter.ipv6_cidr_block_set);
        }
    }
    set_status(snapshot, id, &PeeringStatusCode::Active);
}

/// A VPC as a side of a peering: a documented one, or the space's.
fn side(snapshot: &Snapshot, id: &VpcId) -> Result<PeeringVpcInfo, Refusal> {
    let (owner_id, blocks) = match (vpc(snapshot, id.as_str()), &snapshot.heroku.peering_info) {
        (Some(vpc), _) => (vpc.owner_id.clone(), Estate::new(snapshot).blocks_of(vpc)),
        (None, Some(info)) if info.vpc_id.as_ref() == Some(id) => {
            let space = snapshot.heroku.space.as_ref().and_then(|space| space.cidr);
            let block = info.vpc_cidr.or(space).map(|block| block.network());
            (info.aws_account_id.clone(), block.into_iter().collect())
        }
        _ => return Err(absent("InvalidVpcID.NotFound", "vpc", id.as_str())),
    };
    let (version_four, version_six): (Vec<IpNet>, Vec<IpNet>) =
        blocks.into_iter().partition(|block| block.addr().is_ipv4());
    let four = |block: &IpNet| PeeringCidrBlock { cidr_block: (*block).into() };
    let six = |block: &IpNet| PeeringIpv6CidrBlock { ipv6_cidr_block: (*block).into() };
    Ok(PeeringVpcInfo {
        vpc_id: Some(id.clone()),
        owner_id,
        region: region_of(snapshot, id),
        cidr_block: version_four.first().map(|block| (*block).into()),
        cidr_block_set: version_four.iter().map(four).collect(),
        ipv6_cidr_block_set: version_six.iter().map(six).collect(),
        peering_options: None,
    })
}

fn blocks(side: &PeeringVpcInfo) -> Vec<IpNet> {
    let version_four = side.cidr_block_set.iter().map(|it| it.cidr_block.network());
    let version_six = side.ipv6_cidr_block_set.iter().map(|it| it.ipv6_cidr_block.network());
    version_four.chain(version_six).collect()
}

/// An id that nothing in the snapshot has: always the same in the same snapshot.
fn new_id(snapshot: &Snapshot) -> VpcPeeringConnectionId {
    let is_used = |id: &VpcPeeringConnectionId| Connection::find(snapshot, id.as_str()).is_ok();
    let mut number = 1_u64;
    loop {
        let id = VpcPeeringConnectionId::from(format!("pcx-{number:017x}"));
        if !is_used(&id) {
            return id;
        }
        number += 1;
    }
}
