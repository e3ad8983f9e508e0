//! Every two faults of configuration that can be in one world: both are established.
//!
//! Mending one of two changes nothing that anybody can see, and the way to trust a report is lost with it. So
//! pairs are made from a table, not picked: kinds of one place (two routes of one table) exclude each other,
//! all others meet.

use peerscope_laboratory::scenario::Scenario;

/// Where on its way a packet meets a fault, in the order of the way: of two the first one drops.
type Place = u8;

/// Faults of one place. Two of them cannot be in one world.
struct Slot {
    place: Place,
    /// The subnet or end that the faults are put at; empty where they need none.
    at: &'static str,
    /// What drops: gate, its role and the direction of the packets.
    drops: (&'static str, &'static str, &'static str),
    /// The role of the component, and the direction of the cause, empty where it has none.
    component: &'static str,
    direction: &'static str,
    /// Kinds and their codes.
    kinds: &'static [(&'static str, &'static str)],
}

const ROUTES: &[(&str, &str)] = &[
    ("route-missing", "NO_ROUTE_TO_DESTINATION"),
    ("route-missing-for-own-block", "NO_ROUTE_TO_DESTINATION"),
    ("route-in-main-table-only", "NO_ROUTE_TO_DESTINATION"),
    ("route-blackhole", "BAD_STATE_ROUTE"),
    ("route-to-other-peering", "BAD_STATE_ROUTE"),
    ("more-specific-route", "MORE_SPECIFIC_ROUTE"),
    ("higher-priority-route", "HIGHER_PRIORITY_ROUTE"),
];
const GROUPS: &[(&str, &str)] = &[
    ("group-without-rule", "ENI_SG_RULES_MISMATCH"),
    ("group-wrong-port", "ENI_SG_RULES_MISMATCH"),
    ("group-wrong-protocol", "ENI_SG_RULES_MISMATCH"),
    ("group-wrong-dyno-block", "ENI_SG_RULES_MISMATCH"),
    ("group-empty", "SG_HAS_NO_RULES"),
];
const REQUESTS_DENIED: &[(&str, &str)] = &[("network-acl-deny-lower-number", "SUBNET_ACL_RESTRICTION")];
const REPLIES_DENIED: &[(&str, &str)] = &[
    ("network-acl-no-return-ports", "SUBNET_ACL_RESTRICTION"),
    ("network-acl-deny-replies", "SUBNET_ACL_RESTRICTION"),
];
const PEERINGS: &[(&str, &str)] = &[
    ("peering-pending", "PEERING_PENDING_ACCEPTANCE"),
    ("peering-expired", "PEERING_NOT_ACTIVE"),
    ("peering-rejected", "PEERING_NOT_ACTIVE"),
    ("peering-deleted", "PEERING_NOT_ACTIVE"),
];

/// With a peering that is not active, what its routes lead to is a consequence; that there are none is not.
const BESIDE_A_PEERING: [&str; 2] = ["route-missing", "route-missing-for-own-block"];

fn slots(base: &str) -> Vec<Slot> {
    let slot = |place, at, drops, component, direction, kinds| Slot {
        place,
        at,
        drops,
        component,
        direction,
        kinds,
    };
    let source_table = "source.subnet.route_table";
    let target_table = "target.subnet.route_table";
    let (source_acl, target_acl) = ("source.subnet.network_acl", "target.subnet.network_acl");
    let at_source = || {
        [
            slot(
                0,
                "source.subnet",
                ("security-group-egress", "source", "forward"),
                "source",
                "forward",
                GROUPS,
            ),
            slot(
                1,
                "source.subnet",
                ("network-acl-egress", "source.subnet", "forward"),
                source_acl,
                "forward",
                REQUESTS_DENIED,
            ),
            slot(2, "source.subnet", ("route", source_table, "forward"), source_table, "forward", ROUTES),
            slot(3, "", ("route", source_table, "forward"), "peering", "", PEERINGS),
            slot(
                8,
                "source.subnet",
                ("network-acl-ingress", "source.subnet", "return"),
                source_acl,
                "return",
                REPLIES_DENIED,
            ),
        ]
    };
    let at_target = || {
        [
            slot(
                4,
                "target.subnet",
                ("network-acl-ingress", "target.subnet", "forward"),
                target_acl,
                "forward",
                REQUESTS_DENIED,
            ),
            slot(
                5,
                "target.subnet",
                ("security-group-ingress", "target", "forward"),
                "target",
                "forward",
                GROUPS,
            ),
            slot(
                6,
                "target.subnet",
                ("network-acl-egress", "target.subnet", "return"),
                target_acl,
                "return",
                REPLIES_DENIED,
            ),
            slot(7, "target.subnet", ("route", target_table, "return"), target_table, "return", ROUTES),
        ]
    };
    match base {
        "dyno-to-vpc" => {
            let peering = slot(3, "", ("route", "space", "forward"), "peering", "", PEERINGS);
            at_target().into_iter().chain([peering]).collect()
        }
        "vpc-to-dyno" => at_source().into(),
        _ => at_source().into_iter().chain(at_target()).collect(),
    }
}

/// A scenario for each pair of kinds. Between two VPCs, where there are twice as many places, each pair of
/// places is met by one pair of its kinds.
pub(crate) fn all() -> Result<Vec<(String, Scenario)>, Box<dyn std::error::Error>> {
    let mut scenarios = Vec::new();
    for base in ["dyno-to-vpc", "vpc-to-dyno", "vpc-to-vpc"] {
        let slots = slots(base);
        for (index, one) in slots.iter().enumerate() {
            for other in &slots[index + 1..] {
                let pairs =
                    one.kinds.iter().flat_map(|kind| other.kinds.iter().map(move |more| (kind, more)));
                let pairs: Vec<_> = pairs.filter(|(kind, more)| can_meet(kind.0, more.0)).collect();
                let one_of_many = if base == "vpc-to-vpc" { pairs.len() } else { 1 };
                // Which of the kinds is taken moves from one pair of places to the next.
                let skipped = usize::from(one.place * 3 + other.place) % one_of_many.max(1);
                for ((kind, code), (more, its_code)) in
                    pairs.into_iter().skip(skipped).step_by(one_of_many.max(1))
                {
                    let name = format!("{kind}+{more}-{}-{}", one.place, other.place);
                    let text = text(base, [(one, kind, code), (other, more, its_code)]);
                    scenarios.push((format!("{base}/{name}"), Scenario::parse(&name, &text)?));
                }
            }
        }
    }
    Ok(scenarios)
}

fn can_meet(one: &str, other: &str) -> bool {
    let with_peering = |kind: &str, route: &str| {
        kind.starts_with("peering-") && ROUTES.iter().any(|(known, _)| *known == route)
    };
    let route = if with_peering(one, other) {
        other
    } else if with_peering(other, one) {
        one
    } else {
        return true;
    };
    BESIDE_A_PEERING.contains(&route)
}

fn text(base: &str, pair: [(&Slot, &str, &str); 2]) -> String {
    let mut text =
        format!("base = {base:?}\nvary = [\"addresses\", \"association\", \"rule-order\", \"decoys\"]\n");
    for (slot, kind, _) in &pair {
        text += &format!("[[fault]]\nkind = {kind:?}\n");
        if !slot.at.is_empty() {
            text += &format!("at = {:?}\n", slot.at);
        }
    }
    let first = if pair[0].0.place < pair[1].0.place { pair[0].0 } else { pair[1].0 };
    let (gate, at, direction) = first.drops;
    text += &format!(
        "[kernel]\ndrops = [{{ source_port = 40001, direction = {direction:?}, gate = {gate:?}, at = {at:?} }}]\n"
    );
    let [(one, _, code), (other, _, more)] = pair;
    let direction = |slot: &Slot, before: &str| match slot.direction {
        "" => String::new(),
        direction => format!("{before}direction = {direction:?}"),
    };
    text += &format!(
        "[expect]\nverdict = \"blocked\"\ncause = {code:?}\ncomponent = {:?}\n{}\n\
         also = [{{ cause = {more:?}, component = {:?}{} }}]\n",
        one.component,
        direction(one, ""),
        other.component,
        direction(other, ", "),
    );
    text
}
