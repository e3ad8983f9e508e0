//! Rules whose peer is another group: the interfaces that have it, in the same VPC or across an active
//! peering of the same Region.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{PeeringStatusCode, UserIdGroupPair};
use peerscope_document::id::{SecurityGroupId, VpcId};

use crate::cause::CauseCode;
use crate::topology::{NetworkId, Topology};

/// The group that a reference names. One of another account may be written `account/sg-…`.
pub(crate) fn referenced_group(pair: &UserIdGroupPair) -> Option<SecurityGroupId> {
    let id = pair.group_id.as_ref()?.as_str();
    Some(SecurityGroupId::from(id.rsplit_once('/').map_or(id, |(_, group)| group)))
}

/// Why a reference holds no more: the peering that it goes through is not active, or gone. AWS keeps such
/// a rule, and it matches nothing.
pub(crate) fn staleness(topology: &Topology, own: Option<&VpcId>, pair: &UserIdGroupPair) -> Option<String> {
    let said = pair.peering_status.as_deref().filter(|status| !status.is_empty());
    let Some(id) = &pair.vpc_peering_connection_id else {
        let status = said.filter(|status| !status.eq_ignore_ascii_case("active"))?;
        return Some(format!("its peering is {status}"));
    };
    let ends = own.into_iter().chain(&pair.vpc_id).cloned().map(NetworkId::Vpc);
    let is_listed = ends.into_iter().any(|end| topology.lists_peerings_of(&end));
    match (topology.peering(id), said) {
        (Some(peering), _) => match &peering.status {
            Some(status) if known(status) && *status != PeeringStatusCode::Active => {
                return Some(format!("{id} is {status}"));
            }
            _ => {}
        },
        (None, None) if is_listed => return Some(format!("{id} is gone")),
        (None, _) => {}
    }
    let status = said.filter(|status| !status.eq_ignore_ascii_case("active"))?;
    Some(format!("{id} is {status}"))
}

fn known(status: &PeeringStatusCode) -> bool {
    !matches!(status, PeeringStatusCode::Other(_))
}

/// Why a reference from one VPC to the groups of another holds for nobody, where both Regions are known.
pub(crate) fn other_region(topology: &Topology, own: &VpcId, peer: &VpcId) -> Option<String> {
    let region = |vpc: &VpcId| topology.vpc(vpc).and_then(|vpc| vpc.ownership.region.clone());
    let (own, theirs) = (region(own)?, region(peer)?);
    (own != theirs).then(|| format!("{peer} is in {theirs}, and a reference holds inside one Region alone"))
}

/// What a reference comes to.
pub(super) enum Referenced {
    /// These addresses, in the VPC of the other end.
    Addresses(Vec<IpNet>),
    /// The documents do not tell who has the group.
    Unknown(CauseCode),
}

/// The addresses that a reference stands for among those of `peer`: the same addresses in another network
/// are other machines. What counts is which groups an interface has, not where the groups were made.
pub(super) fn referenced(
    topology: &Topology,
    own: Option<&VpcId>,
    peer: &VpcId,
    pair: &UserIdGroupPair,
) -> Referenced {
    let nobody = Referenced::Addresses(Vec::new());
    let Some(group) = referenced_group(pair) else { return nobody };
    if staleness(topology, own, pair).is_some()
        || own.is_some_and(|own| other_region(topology, own, peer).is_some())
    {
        return nobody;
    }
    if !topology.knows_interfaces_of(peer) {
        let made_in = topology.security_group(&group).and_then(|group| group.vpc.as_ref());
        let users = topology.interfaces_of_security_group(&group);
        let used_in = users.iter().find_map(|id| topology.interface(id)?.vpc.as_ref());
        let is_theirs = pair.vpc_id.as_ref().or(made_in).or(used_in).is_none_or(|vpc| vpc == peer);
        let code =
            if own == Some(peer) { CauseCode::EniSgRulesMismatch } else { CauseCode::UnknownPeeredSgs };
        return if is_theirs { Referenced::Unknown(code) } else { nobody };
    }
    let members = topology.interfaces_of_security_group(&group).iter();
    let members = members.filter_map(|id| topology.interface(id));
    let members = members.filter(|interface| interface.vpc.as_ref() == Some(peer));
    Referenced::Addresses(
        members.flat_map(|interface| interface.addresses.iter().copied().map(IpNet::from)).collect(),
    )
}

/// A reference in words: `sg-app of vpc-app`.
pub(super) fn reference_words(pair: &UserIdGroupPair) -> String {
    let group = pair.group_id.as_ref().map(ToString::to_string).unwrap_or_default();
    match &pair.vpc_id {
        Some(vpc) => format!("{group} of {vpc}"),
        None => group,
    }
}
