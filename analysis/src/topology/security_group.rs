//! Security groups, from whichever of the two documents tells of them.
//!
//! `describe-security-groups` gives a group whole. `describe-security-group-rules` gives the rules of
//! the groups that it was asked about: what it does not list may have no rule, or not have been asked
//! about, so a group that is in neither document stays unknown.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_document::aws::{
    self, IpPermission, IpProtocol, IpRange, Ipv6Range, PrefixListIdentifier, SecurityGroupRule,
    UserIdGroupPair,
};
use peerscope_document::id::{SecurityGroupId, VpcId};

use super::{Omission, Ownership, Shared, tags};

/// A security group.
#[derive(Clone, Debug)]
pub struct SecurityGroup {
    /// The VPC it was created in.
    pub vpc: Option<VpcId>,
    /// What may come in, as far as it is known.
    pub ingress: Vec<IpPermission>,
    /// What may go out, as far as it is known.
    pub egress: Vec<IpPermission>,
    /// Whether `ingress` is all that may come in.
    pub ingress_known: bool,
    /// Whether `egress` is all that may go out.
    pub egress_known: bool,
    /// Owner and place.
    pub ownership: Ownership,
}

impl SecurityGroup {
    /// The rules of one direction; `None` where no document tells them.
    #[must_use]
    pub fn permissions(&self, ingress: bool) -> Option<&[IpPermission]> {
        let (permissions, known) =
            if ingress { (&self.ingress, self.ingress_known) } else { (&self.egress, self.egress_known) };
        known.then_some(permissions.as_slice())
    }

    pub(super) fn from_document(document: &aws::SecurityGroup) -> Self {
        let name = Some(&document.group_name).filter(|name| !name.is_empty());
        Self {
            vpc: document.vpc_id.clone(),
            ingress: document.ip_permissions.clone(),
            egress: document.ip_permissions_egress.clone(),
            ingress_known: true,
            egress_known: true,
            ownership: Ownership {
                account: document.owner_id.clone(),
                region: None,
                name: name.cloned().or_else(|| tags::name(&document.tags)),
                managed_by: tags::managed_by(&document.tags),
            },
        }
    }
}

/// The rules of `describe-security-group-rules`, by their groups.
#[derive(Debug, Default)]
pub(super) struct ListedRules {
    groups: BTreeMap<SecurityGroupId, SecurityGroup>,
}

impl ListedRules {
    /// Adds one list of rules. A list in which one direction does not occur at all may have been
    /// filtered by it, so it tells nothing of that direction.
    pub(super) fn add(&mut self, rules: &[SecurityGroupRule]) {
        let ingress_known = rules.iter().any(|rule| !rule.is_egress);
        let egress_known = rules.iter().any(|rule| rule.is_egress);
        for rule in rules {
            let group = self.groups.entry(rule.group_id.clone()).or_insert_with(unlisted);
            group.ingress_known |= ingress_known;
            group.egress_known |= egress_known;
            group.ownership.account = group.ownership.account.take().or_else(|| rule.group_owner_id.clone());
            add_rule(if rule.is_egress { &mut group.egress } else { &mut group.ingress }, rule);
        }
    }

    /// Puts the groups that only the rules tell of among those that are known whole. Where both tell of
    /// a group its own document counts: it is whole by itself. What disagrees is said.
    pub(super) fn join(
        self,
        groups: &mut BTreeMap<SecurityGroupId, Shared<SecurityGroup>>,
        omissions: &mut Vec<Omission>,
    ) {
        for (id, listed) in self.groups {
            match groups.get(&id) {
                None => {
                    groups.insert(id, listed.into());
                }
                Some(known) if agrees(known, &listed) => {}
                Some(_) => omissions.push(Omission {
                    what: format!("which rules {id} has now"),
                    reason: "describe-security-groups and describe-security-group-rules disagree on it; the former counts"
                        .to_string(),
                    would_tell: "whether a rule was added or removed between the two calls".to_string(),
                }),
            }
        }
    }
}

/// A group of which nothing is known.
fn unlisted() -> SecurityGroup {
    SecurityGroup {
        vpc: None,
        ingress: Vec::new(),
        egress: Vec::new(),
        ingress_known: false,
        egress_known: false,
        ownership: Ownership::default(),
    }
}

/// Adds a rule to those of the same protocol and ports, as `describe-security-groups` puts them together.
fn add_rule(permissions: &mut Vec<IpPermission>, rule: &SecurityGroupRule) {
    let key = (rule.ip_protocol, port(rule.from_port), port(rule.to_port));
    let same = |one: &IpPermission| (one.ip_protocol, one.from_port, one.to_port) == key;
    let index = permissions.iter().position(same).unwrap_or_else(|| {
        permissions.push(IpPermission {
            ip_protocol: key.0,
            from_port: key.1,
            to_port: key.2,
            ip_ranges: Vec::new(),
            ipv6_ranges: Vec::new(),
            prefix_list_ids: Vec::new(),
            user_id_group_pairs: Vec::new(),
        });
        permissions.len() - 1
    });
    let Some(permission) = permissions.get_mut(index) else { return };
    let description = rule.description.clone();
    if let Some(cidr_ip) = rule.cidr_ipv4 {
        add(&mut permission.ip_ranges, IpRange { cidr_ip, description: description.clone() });
    }
    if let Some(cidr_ipv6) = rule.cidr_ipv6 {
        add(&mut permission.ipv6_ranges, Ipv6Range { cidr_ipv6, description: description.clone() });
    }
    if let Some(prefix_list_id) = rule.prefix_list_id.clone() {
        let list = PrefixListIdentifier { prefix_list_id, description: description.clone() };
        add(&mut permission.prefix_list_ids, list);
    }
    if let Some(referenced) = rule.referenced_group_info.clone() {
        add(&mut permission.user_id_group_pairs, UserIdGroupPair { description, ..referenced });
    }
}

fn add<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

/// The rules API writes -1 where the groups' document writes nothing.
fn port(port: Option<i32>) -> Option<i32> {
    port.filter(|port| *port != -1)
}

/// Whether both documents let the same through, as far as the rules are listed.
fn agrees(known: &SecurityGroup, listed: &SecurityGroup) -> bool {
    [true, false].into_iter().all(|ingress| match (known.permissions(ingress), listed.permissions(ingress)) {
        (Some(known), Some(listed)) => peers(known) == peers(listed),
        _ => true,
    })
}

/// Every peer of every rule as one line, sorted: the order and the grouping of rules mean nothing.
fn peers(permissions: &[IpPermission]) -> Vec<String> {
    let mut lines = Vec::new();
    for permission in permissions {
        let (from, to) = match permission.ip_protocol {
            IpProtocol::All => (None, None),
            _ => (port(permission.from_port), port(permission.to_port)),
        };
        let rule = format!("{} {from:?} {to:?}", permission.ip_protocol);
        let blocks = permission.ip_ranges.iter().map(|range| range.cidr_ip.network().to_string());
        let ipv6 = permission.ipv6_ranges.iter().map(|range| range.cidr_ipv6.network().to_string());
        let lists = permission.prefix_list_ids.iter().map(|list| list.prefix_list_id.to_string());
        let groups = permission.user_id_group_pairs.iter();
        let groups = groups.map(|pair| pair.group_id.as_ref().map(ToString::to_string).unwrap_or_default());
        lines.extend(blocks.chain(ipv6).chain(lists).chain(groups).map(|peer| format!("{rule} {peer}")));
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}
