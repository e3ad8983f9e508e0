//! Short ways to write documents.

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::Cidr;
use peerscope_document::aws::{
    AssociationState, CidrBlockAssociation, CidrBlockState, GroupIdentifier, IpPermission, IpProtocol,
    IpRange, Ipv6Range, NetworkAcl, NetworkAclEntry, PeeringStatus, PeeringStatusCode, PeeringVpcInfo,
    PortRange, PrefixListIdentifier, Route, RouteOrigin, RouteState, RouteTable, RouteTableAssociation,
    RuleAction, SecurityGroup, Tag, UserIdGroupPair, VpcPeeringConnection,
};
use peerscope_document::aws::{PeeringCidrBlock, Vpc};
use peerscope_document::id::{
    AccountId, PrefixListId, Region, SecurityGroupId, SubnetId, VpcId, VpcPeeringConnectionId,
};

use super::site::Site;

/// Every address.
pub(crate) fn anywhere() -> Ipv4Net {
    Ipv4Net::default()
}

pub(crate) fn cidr(block: impl Into<IpNet>) -> Cidr {
    Cidr::from(block.into())
}

pub(crate) fn named(name: &str) -> Vec<Tag> {
    vec![Tag { key: "Name".to_owned(), value: name.to_owned() }]
}

pub(crate) fn vpc(id: &VpcId, owner: &AccountId, name: &str, blocks: &[Ipv4Net]) -> Vpc {
    Vpc {
        vpc_id: id.clone(),
        cidr_block: blocks.first().map(|block| cidr(*block)),
        cidr_block_association_set: blocks.iter().map(|block| cidr_association(*block)).collect(),
        ipv6_cidr_block_association_set: Vec::new(),
        owner_id: Some(owner.clone()),
        is_default: false,
        tags: named(name),
    }
}

pub(crate) fn cidr_association(block: Ipv4Net) -> CidrBlockAssociation {
    CidrBlockAssociation {
        cidr_block: cidr(block),
        cidr_block_state: Some(CidrBlockState { state: "associated".to_owned() }),
    }
}

pub(crate) fn local_route(block: Ipv4Net) -> Route {
    Route {
        destination_cidr_block: Some(cidr(block)),
        gateway_id: Some("local".to_owned()),
        state: Some(RouteState::Active),
        origin: Some(RouteOrigin::CreateRouteTable),
        ..Route::default()
    }
}

/// A static route without a target; the caller names one.
pub(crate) fn static_route(block: impl Into<IpNet>) -> Route {
    let (four, six) = by_version(block);
    Route {
        destination_cidr_block: four,
        destination_ipv6_cidr_block: six,
        state: Some(RouteState::Active),
        origin: Some(RouteOrigin::CreateRoute),
        ..Route::default()
    }
}

/// A block for a field of IPv4 or for one of IPv6.
fn by_version(block: impl Into<IpNet>) -> (Option<Cidr>, Option<Cidr>) {
    match block.into() {
        four @ IpNet::V4(_) => (Some(four.into()), None),
        six @ IpNet::V6(_) => (None, Some(six.into())),
    }
}

pub(crate) fn peering_route(block: impl Into<IpNet>, peering: &VpcPeeringConnectionId) -> Route {
    Route { vpc_peering_connection_id: Some(peering.clone()), ..static_route(block) }
}

pub(crate) fn main_association() -> RouteTableAssociation {
    RouteTableAssociation { main: true, association_state: associated(), ..RouteTableAssociation::default() }
}

pub(crate) fn explicit_association(subnet: &SubnetId) -> RouteTableAssociation {
    RouteTableAssociation {
        subnet_id: Some(subnet.clone()),
        association_state: associated(),
        ..RouteTableAssociation::default()
    }
}

fn associated() -> Option<AssociationState> {
    Some(AssociationState { state: "associated".to_owned() })
}

pub(crate) fn route_table(
    id: String,
    vpc: &VpcId,
    owner: &AccountId,
    name: &str,
    block: Ipv4Net,
) -> RouteTable {
    RouteTable {
        route_table_id: id.into(),
        vpc_id: vpc.clone(),
        owner_id: Some(owner.clone()),
        associations: Vec::new(),
        routes: vec![local_route(block)],
        tags: named(name),
    }
}

/// An entry of a network ACL. `ports` is for TCP and UDP alone.
pub(crate) fn entry(
    rule_number: i32,
    egress: bool,
    rule_action: RuleAction,
    protocol: IpProtocol,
    block: impl Into<IpNet>,
    ports: Option<(u16, u16)>,
) -> NetworkAclEntry {
    let (cidr_block, ipv6_cidr_block) = by_version(block);
    NetworkAclEntry {
        rule_number,
        egress,
        rule_action,
        protocol,
        cidr_block,
        ipv6_cidr_block,
        port_range: ports.map(|(from, to)| PortRange { from: Some(from.into()), to: Some(to.into()) }),
        icmp_type_code: None,
    }
}

/// The `*` entries that every ACL ends with.
pub(crate) fn final_denies() -> [NetworkAclEntry; 2] {
    [false, true].map(|egress| entry(32767, egress, RuleAction::Deny, IpProtocol::All, anywhere(), None))
}

/// The ACL that comes with a VPC: it lets everything through.
pub(crate) fn default_acl(id: String, vpc: &VpcId, owner: &AccountId) -> NetworkAcl {
    let allow =
        [false, true].map(|egress| entry(100, egress, RuleAction::Allow, IpProtocol::All, anywhere(), None));
    NetworkAcl {
        network_acl_id: id.into(),
        vpc_id: vpc.clone(),
        is_default: true,
        owner_id: Some(owner.clone()),
        associations: Vec::new(),
        entries: allow.into_iter().chain(final_denies()).collect(),
        tags: Vec::new(),
    }
}

/// A permission without peers; the caller names some.
pub(crate) fn permission(ip_protocol: IpProtocol, ports: Option<(u16, u16)>) -> IpPermission {
    IpPermission {
        ip_protocol,
        from_port: ports.map(|(from, _)| from.into()),
        to_port: ports.map(|(_, to)| to.into()),
        ip_ranges: Vec::new(),
        ipv6_ranges: Vec::new(),
        prefix_list_ids: Vec::new(),
        user_id_group_pairs: Vec::new(),
    }
}

pub(crate) fn from_blocks<B: Into<IpNet> + Copy>(permission: IpPermission, blocks: &[B]) -> IpPermission {
    let (four, six): (Vec<_>, Vec<_>) = blocks.iter().map(|block| by_version(*block)).unzip();
    let four = four.into_iter().flatten();
    let six = six.into_iter().flatten();
    IpPermission {
        ip_ranges: four.map(|cidr_ip| IpRange { cidr_ip, description: None }).collect(),
        ipv6_ranges: six.map(|cidr_ipv6| Ipv6Range { cidr_ipv6, description: None }).collect(),
        ..permission
    }
}

pub(crate) fn from_prefix_list(permission: IpPermission, list: &PrefixListId) -> IpPermission {
    let list = PrefixListIdentifier { prefix_list_id: list.clone(), description: None };
    IpPermission { prefix_list_ids: vec![list], ..permission }
}

pub(crate) fn from_group(
    permission: IpPermission,
    group: &SecurityGroupId,
    owner: &AccountId,
) -> IpPermission {
    let pair = UserIdGroupPair {
        group_id: Some(group.clone()),
        user_id: Some(owner.clone()),
        vpc_id: None,
        vpc_peering_connection_id: None,
        peering_status: None,
        description: None,
    };
    IpPermission { user_id_group_pairs: vec![pair], ..permission }
}

/// A reference to a group of another VPC, through the peering with it.
pub(crate) fn from_peered_group(
    permission: IpPermission,
    group: &SecurityGroupId,
    site: &Site,
) -> IpPermission {
    let pair = UserIdGroupPair {
        group_id: Some(group.clone()),
        user_id: Some(site.remote.owner.clone()),
        vpc_id: Some(site.remote.vpc.clone()),
        vpc_peering_connection_id: Some(site.peering.clone()),
        peering_status: Some("active".to_owned()),
        description: None,
    };
    IpPermission { user_id_group_pairs: vec![pair], ..permission }
}

/// What a new group lets out: everything.
pub(crate) fn everything_out() -> Vec<IpPermission> {
    vec![from_blocks(permission(IpProtocol::All, None), &[anywhere()])]
}

pub(crate) fn group(id: &SecurityGroupId, vpc: &VpcId, owner: &AccountId, name: &str) -> SecurityGroup {
    SecurityGroup {
        group_id: id.clone(),
        group_name: name.to_owned(),
        vpc_id: Some(vpc.clone()),
        owner_id: Some(owner.clone()),
        ip_permissions: Vec::new(),
        ip_permissions_egress: everything_out(),
        tags: Vec::new(),
    }
}

pub(crate) fn group_identifier(group: &SecurityGroup) -> GroupIdentifier {
    GroupIdentifier { group_id: group.group_id.clone(), group_name: Some(group.group_name.clone()) }
}

/// One side of a peering.
pub(crate) fn peering_side(
    vpc: &VpcId,
    owner: &AccountId,
    region: &Region,
    blocks: &[Ipv4Net],
) -> PeeringVpcInfo {
    PeeringVpcInfo {
        vpc_id: Some(vpc.clone()),
        owner_id: Some(owner.clone()),
        region: Some(region.clone()),
        cidr_block: blocks.first().map(|block| cidr(*block)),
        cidr_block_set: blocks.iter().map(|block| PeeringCidrBlock { cidr_block: cidr(*block) }).collect(),
        ipv6_cidr_block_set: Vec::new(),
        peering_options: None,
    }
}

pub(crate) fn peering(
    id: &VpcPeeringConnectionId,
    code: PeeringStatusCode,
    sides: [PeeringVpcInfo; 2],
    name: &str,
) -> VpcPeeringConnection {
    let [requester, accepter] = sides;
    VpcPeeringConnection {
        vpc_peering_connection_id: id.clone(),
        status: Some(peering_status(code)),
        requester_vpc_info: Some(requester),
        accepter_vpc_info: Some(accepter),
        expiration_time: None,
        tags: named(name),
    }
}

/// A state with AWS's words for it.
pub(crate) fn peering_status(code: PeeringStatusCode) -> PeeringStatus {
    let message = match code {
        PeeringStatusCode::Active => "Active",
        PeeringStatusCode::PendingAcceptance => "Pending Acceptance",
        PeeringStatusCode::Expired => "Expired",
        PeeringStatusCode::Rejected => "Rejected",
        PeeringStatusCode::Deleted => "Deleted",
        PeeringStatusCode::Failed => "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range",
        _ => "",
    };
    PeeringStatus { code: Some(code), message: (!message.is_empty()).then(|| message.to_owned()) }
}
