//! Which VPCs of a Region are read: those that are asked for, and those that a peering joins to them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use peerscope_document::aws::{PeeringStatusCode, PeeringVpcInfo, Vpc, VpcPeeringConnection};
use peerscope_document::id::{AccountId, Region, VpcId};

/// How many values a filter takes (EC2 API reference, "Filter").
const FILTER_VALUES: usize = 200;

/// Which VPCs are read; all of them where nothing was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope(Option<BTreeSet<VpcId>>);

impl Scope {
    /// The scope of a Region.
    pub(super) fn of(asked: &BTreeSet<VpcId>, peerings: &[VpcPeeringConnection]) -> Self {
        if asked.is_empty() {
            return Self(None);
        }
        let joined = peerings.iter().filter(|peering| is_alive(peering)).flat_map(|peering| {
            let (one, other) = sides(peering);
            let ids = [one, other].map(|side| side.and_then(|side| side.vpc_id.clone()));
            let concerns = ids.iter().flatten().any(|id| asked.contains(id));
            ids.into_iter().flatten().filter(move |_| concerns)
        });
        Self(Some(joined.chain(asked.iter().cloned()).collect()))
    }

    /// Whether nothing is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a VPC is read.
    pub(super) fn holds(&self, vpc: &VpcId) -> bool {
        self.0.as_ref().is_none_or(|vpcs| vpcs.contains(vpc))
    }

    /// Whether something of a VPC is read; what is of none is.
    pub(super) fn may_hold(&self, vpc: Option<&VpcId>) -> bool {
        vpc.is_none_or(|vpc| self.holds(vpc))
    }

    /// The same as a filter of AWS's, where it takes so many values; who has no filter sorts out by `holds`.
    pub(super) fn filter(&self, name: &str) -> Option<Vec<Filter>> {
        let vpcs = self.0.as_ref().filter(|vpcs| vpcs.len() <= FILTER_VALUES)?;
        let values = vpcs.iter().map(VpcId::to_string).collect();
        Some(vec![Filter::builder().name(name).set_values(Some(values)).build()])
    }

    /// The VPCs of the Region that are read; where they could not be listed, those that were asked for.
    pub(super) fn vpcs(&self, listed: Option<&[Vpc]>) -> Vec<VpcId> {
        match (listed, &self.0) {
            (Some(listed), _) => {
                listed.iter().map(|vpc| vpc.vpc_id.clone()).filter(|vpc| self.holds(vpc)).collect()
            }
            (None, Some(vpcs)) => vpcs.iter().cloned().collect(),
            (None, None) => Vec::new(),
        }
    }
}

/// The VPCs of the same account in other Regions that live peerings join to what is read here.
pub(super) fn beyond(
    scope: &Scope,
    peerings: &[VpcPeeringConnection],
    account: Option<&AccountId>,
    here: &Region,
) -> BTreeMap<Region, BTreeSet<VpcId>> {
    let mut beyond: BTreeMap<Region, BTreeSet<VpcId>> = BTreeMap::new();
    for peering in peerings.iter().filter(|peering| is_alive(peering)) {
        let (one, other) = sides(peering);
        let (Some(one), Some(other)) = (one, other) else { continue };
        for (own, far) in [(one, other), (other, one)] {
            let is_here = own.region.as_ref().is_none_or(|region| region == here);
            let (Some(region), Some(vpc)) = (&far.region, &far.vpc_id) else { continue };
            let is_ours = account.is_some() && far.owner_id.as_ref() == account;
            if is_here && is_ours && region != here && scope.may_hold(own.vpc_id.as_ref()) {
                beyond.entry(region.clone()).or_default().insert(vpc.clone());
            }
        }
    }
    beyond
}

fn sides(peering: &VpcPeeringConnection) -> (Option<&PeeringVpcInfo>, Option<&PeeringVpcInfo>) {
    (peering.requester_vpc_info.as_ref(), peering.accepter_vpc_info.as_ref())
}

/// Whether a peering is, or may come to be, a way.
fn is_alive(peering: &VpcPeeringConnection) -> bool {
    use PeeringStatusCode::{Deleted, Deleting, Expired, Failed, Rejected};
    let code = peering.status.as_ref().and_then(|status| status.code.as_ref());
    !matches!(code, Some(Deleted | Deleting | Expired | Failed | Rejected))
}

#[cfg(test)]
mod tests {
    use peerscope_document::aws::PeeringStatus;

    use super::*;

    fn peering(status: &str, one: (&str, &str), other: (&str, &str)) -> VpcPeeringConnection {
        let side = |(vpc, region): (&str, &str)| PeeringVpcInfo {
            vpc_id: Some(VpcId::from(vpc)),
            owner_id: Some(AccountId::from("111122223333")),
            region: Some(Region::from(region)),
            ..PeeringVpcInfo::default()
        };
        VpcPeeringConnection {
            vpc_peering_connection_id: "pcx-1".into(),
            status: Some(PeeringStatus { code: Some(status.into()), message: None }),
            requester_vpc_info: Some(side(one)),
            accepter_vpc_info: Some(side(other)),
            expiration_time: None,
            tags: Vec::new(),
        }
    }

    fn asked(vpcs: &[&str]) -> BTreeSet<VpcId> {
        vpcs.iter().map(|vpc| VpcId::from(*vpc)).collect()
    }

    #[test]
    fn what_a_live_peering_joins_to_what_is_asked_for_is_read_too_and_no_more() {
        let peerings = [
            peering("active", ("vpc-a", "us-east-1"), ("vpc-b", "us-east-1")),
            peering("active", ("vpc-b", "us-east-1"), ("vpc-c", "us-east-1")),
            peering("deleted", ("vpc-a", "us-east-1"), ("vpc-d", "us-east-1")),
        ];
        let scope = Scope::of(&asked(&["vpc-a"]), &peerings);
        assert_eq!(scope, Scope(Some(asked(&["vpc-a", "vpc-b"]))));
        assert_eq!(Scope::of(&BTreeSet::new(), &peerings), Scope(None));
        assert!(Scope(None).filter("vpc-id").is_none());
        assert_eq!(scope.filter("vpc-id").unwrap()[0].values().len(), 2);
    }

    #[test]
    fn a_peering_to_another_region_of_the_account_leads_there() {
        let peerings = [
            peering("active", ("vpc-a", "us-east-1"), ("vpc-b", "eu-west-1")),
            peering("expired", ("vpc-a", "us-east-1"), ("vpc-c", "eu-west-1")),
            peering("active", ("vpc-x", "us-east-1"), ("vpc-d", "eu-west-1")),
        ];
        let scope = Scope(Some(asked(&["vpc-a"])));
        let (account, here) = (AccountId::from("111122223333"), Region::from("us-east-1"));
        let led = beyond(&scope, &peerings, Some(&account), &here);
        assert_eq!(led, BTreeMap::from([(Region::from("eu-west-1"), asked(&["vpc-b"]))]));
        assert!(beyond(&scope, &peerings, Some(&AccountId::from("444455556666")), &here).is_empty());
        assert!(beyond(&scope, &peerings, None, &here).is_empty());
    }
}
