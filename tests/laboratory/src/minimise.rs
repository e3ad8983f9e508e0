//! Making a counterexample small: what is left of it when nothing more can be left out.

use std::collections::BTreeSet;

use peerscope_document::Snapshot;
use peerscope_document::aws::{NetworkInterface, Subnet};
use serde_json::Value;

use crate::twin::estate::Estate;

/// The fewest of `items`, in their order, for which `still` holds, found by leaving out halves, quarters and so
/// on down to single ones, until none can go (after Zeller's delta debugging). `still` must hold for all of
/// them, and is not asked that. What comes back is minimal in that no single item can be left out, not in that
/// there is no smaller selection.
///
/// # Errors
/// What `still` fails with.
pub fn fewest<T: Clone, E>(items: &[T], mut still: impl FnMut(&[T]) -> Result<bool, E>) -> Result<Vec<T>, E> {
    let mut fewest = items.to_vec();
    let mut size = fewest.len().div_ceil(2);
    while size > 0 && !fewest.is_empty() {
        let before = fewest.len();
        let mut first = 0;
        while first < fewest.len() {
            let end = (first + size).min(fewest.len());
            let (head, tail) = (fewest.get(..first), fewest.get(end..));
            let fewer = [head.unwrap_or_default(), tail.unwrap_or_default()].concat();
            if still(&fewer)? {
                fewest = fewer;
            } else {
                first = end;
            }
        }
        // What had to stay may be free to go now that others have gone.
        size = match size {
            1 if fewest.len() < before => 1,
            1 => 0,
            more => more.div_ceil(2),
        };
    }
    Ok(fewest)
}

/// The lists of documents of which single elements can be left out.
const LISTS: [&str; 25] = [
    "aws",
    "Vpcs",
    "Subnets",
    "RouteTables",
    "Routes",
    "Associations",
    "NetworkAcls",
    "Entries",
    "SecurityGroups",
    "IpPermissions",
    "IpPermissionsEgress",
    "IpRanges",
    "Ipv6Ranges",
    "PrefixListIds",
    "UserIdGroupPairs",
    "PrefixLists",
    "NetworkInterfaces",
    "Groups",
    "Reservations",
    "VpcPeeringConnections",
    "Tags",
    "TagSet",
    "peerings",
    "apps",
    "formation",
];

/// A place in JSON: the key or the index of each step.
type Place = Vec<Step>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Index(usize),
}

/// The fewest documents for which `still` holds, as [`fewest`] has it: of the lists of a snapshot, and of those
/// inside its documents, nothing can be left out. What is left is still an estate: whatever a document names is
/// there, and each subnet has its table and its ACL, so that nothing is found but what could be there too.
///
/// # Errors
/// What `still` fails with.
pub fn fewest_documents<E>(
    snapshot: &Snapshot,
    mut still: impl FnMut(&Snapshot) -> Result<bool, E>,
) -> Result<Snapshot, E> {
    // A snapshot that cannot be written and read again stays what it is.
    let Ok(whole) = serde_json::to_value(snapshot) else { return Ok(snapshot.clone()) };
    let mut places = Vec::new();
    list(&whole, &mut Vec::new(), &mut places);
    // What holds much goes first.
    places.sort_by_key(Vec::len);
    let with = |places: &[Place]| -> Option<Snapshot> {
        let kept: BTreeSet<&Place> = places.iter().collect();
        serde_json::from_value(part(&whole, &mut Vec::new(), &kept)).ok()
    };
    let kept = fewest(&places, |places| match with(places).filter(is_whole) {
        Some(fewer) => still(&fewer),
        None => Ok(false),
    })?;
    Ok(with(&kept).unwrap_or_else(|| snapshot.clone()))
}

/// Whether an interface's subnet, VPC and groups are all there, what serves the subnet, and the peerings that
/// rules name.
fn is_whole(snapshot: &Snapshot) -> bool {
    let estate = Estate::new(snapshot);
    let is_served = |subnet: &Subnet| {
        estate.vpcs.contains_key(&subnet.vpc_id)
            && estate.route_table_of(subnet).is_some()
            && estate.network_acl_of(subnet).is_some()
    };
    let is_in_place = |interface: &NetworkInterface| {
        let subnet = interface.subnet_id.as_ref().and_then(|id| estate.subnets.get(id));
        subnet.is_some_and(|subnet| Some(&subnet.vpc_id) == interface.vpc_id.as_ref())
            && interface.groups.iter().all(|it| estate.security_groups.contains_key(&it.group_id))
    };
    let permissions = estate.security_groups.values();
    let permissions = permissions.flat_map(|it| it.ip_permissions.iter().chain(&it.ip_permissions_egress));
    let pairs = permissions.flat_map(|it| &it.user_id_group_pairs);
    let mut named = pairs.filter_map(|pair| pair.vpc_peering_connection_id.as_ref());
    named.all(|id| estate.peerings.contains_key(id))
        && estate.subnets.values().all(|subnet| is_served(subnet))
        && estate.interfaces.values().all(|interface| is_in_place(interface))
}

/// Adds the places of everything that can be left out.
fn list(value: &Value, here: &mut Place, places: &mut Vec<Place>) {
    let step = |step: Step, value: &Value, counts: bool, here: &mut Place, places: &mut Vec<Place>| {
        here.push(step);
        if counts {
            places.push(here.clone());
        }
        list(value, here, places);
        here.pop();
    };
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                step(Step::Key(key.clone()), member, false, here, places);
            }
        }
        Value::Array(elements) => {
            let counts = is_list(here);
            for (index, element) in elements.iter().enumerate() {
                step(Step::Index(index), element, counts, here, places);
            }
        }
        _ => {}
    }
}

/// What is left of a value when of everything that can be left out only this is kept.
fn part(value: &Value, here: &mut Place, kept: &BTreeSet<&Place>) -> Value {
    let inside = |step: Step, value: &Value, here: &mut Place| {
        here.push(step);
        let is_kept = matches!(here.last(), Some(Step::Key(_))) || kept.contains(&*here);
        let value = part(value, here, kept);
        here.pop();
        (is_kept, value)
    };
    match value {
        Value::Object(members) => {
            let members = members.iter();
            members.map(|(key, it)| (key.clone(), inside(Step::Key(key.clone()), it, here).1)).collect()
        }
        Value::Array(elements) => {
            let can_go = is_list(here);
            let elements = elements.iter().enumerate();
            let elements = elements.map(|(index, it)| inside(Step::Index(index), it, here));
            elements.filter(|(is_kept, _)| *is_kept || !can_go).map(|(_, element)| element).collect()
        }
        other => other.clone(),
    }
}

fn is_list(place: &Place) -> bool {
    matches!(place.last(), Some(Step::Key(key)) if LISTS.contains(&key.as_str()))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::world::{Base, Vary, World};

    fn fewest_of(items: &[u32], still: impl Fn(&[u32]) -> bool) -> Vec<u32> {
        let Ok(fewest) = fewest(items, |some| Ok::<_, Infallible>(still(some)));
        fewest
    }

    #[test]
    fn what_is_needed_together_stays_and_in_its_order() {
        let all: Vec<u32> = (0..100).collect();
        for needed in [&[][..], &[0], &[99], &[3, 4], &[0, 50, 99], &[7, 20, 21, 64, 98]] {
            let left = fewest_of(&all, |some| needed.iter().all(|it| some.contains(it)));
            assert_eq!(left, needed);
        }
    }

    #[test]
    fn what_is_needed_only_beside_another_goes_with_it() {
        // 8 is needed while 90 is there, which comes later.
        let holds = |some: &[u32]| some.contains(&5) && (some.contains(&8) || !some.contains(&90));
        assert_eq!(fewest_of(&(0..100).collect::<Vec<_>>(), holds), [5]);
    }

    #[test]
    fn nothing_can_be_left_out_of_what_comes_back() {
        let holds = |some: &[u32]| some.iter().sum::<u32>() >= 100 && some.len().is_multiple_of(2);
        let left = fewest_of(&(0..40).collect::<Vec<_>>(), holds);
        assert!(holds(&left));
        for index in 0..left.len() {
            let mut fewer = left.clone();
            fewer.remove(index);
            assert!(!holds(&fewer), "{left:?} without its {index}th");
        }
    }

    #[test]
    fn a_failure_ends_it() {
        assert_eq!(fewest(&[1, 2, 3], |_| Err("twin")), Err("twin"));
    }

    #[test]
    fn of_nothing_nothing_is_left_out() {
        assert_eq!(fewest(&[] as &[u32], |_| Err("never asked")), Ok(Vec::new()));
    }

    /// A made-up fault: it takes one entry of an ACL, and an interface with one group.
    #[test]
    fn of_documents_what_matters_stays_and_nothing_else() {
        let world = World::generate(Base::VpcToVpc, &Vary::ALL, 7);
        let interfaces = |snapshot: &Snapshot| -> Vec<_> {
            let all = snapshot.aws.iter().flat_map(|it| it.documents.network_interfaces.clone());
            all.flatten().filter(|it| it.description.as_deref() == Some("")).collect()
        };
        let denies = |snapshot: &Snapshot| {
            let acls = snapshot.aws.iter().flat_map(|it| it.documents.network_acls.iter().flatten());
            acls.flat_map(|acl| &acl.entries).filter(|it| it.rule_number == 32767 && it.egress).count()
        };
        let holds = |snapshot: &Snapshot| {
            denies(snapshot) >= 1 && interfaces(snapshot).iter().any(|it| !it.groups.is_empty())
        };
        assert!(denies(&world.snapshot) > 1 && interfaces(&world.snapshot).len() > 1);
        let Ok(fewest) = fewest_documents(&world.snapshot, |some| Ok::<_, Infallible>(holds(some)));
        assert!(holds(&fewest) && is_whole(&fewest) && is_whole(&world.snapshot));
        let whole = serde_json::to_value(&fewest).unwrap();
        let mut places = Vec::new();
        list(&whole, &mut Vec::new(), &mut places);
        for left_out in &places {
            let kept: BTreeSet<&Place> = places.iter().filter(|it| *it != left_out).collect();
            let fewer: Snapshot = serde_json::from_value(part(&whole, &mut Vec::new(), &kept)).unwrap();
            assert!(!(holds(&fewer) && is_whole(&fewer)), "{left_out:?} can be left out");
        }
        let count = |key: &str| {
            let inside = |place: &&Place| place.get(place.len() - 2) == Some(&Step::Key(key.to_owned()));
            places.iter().filter(inside).count()
        };
        let kinds = ["Vpcs", "Subnets", "RouteTables", "NetworkInterfaces", "Groups", "Entries", "Routes"];
        assert_eq!(kinds.map(count), [1, 1, 1, 1, 1, 1, 0]);
    }
}
