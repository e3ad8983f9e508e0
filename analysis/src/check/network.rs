//! Rules about address plans: the VPC's blocks against the space's, and against everything else that the space
//! reaches.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::id::VpcId;

use super::Results;
use super::situation::{Situation, overlap};
use super::space::{missing_info, missing_peerings};
use crate::diagnose::{fix, free_block};
use crate::repair::quoted;
use crate::report::{Fix, Severity, Tool};
use crate::rule::RuleId;
use crate::topology::{ComponentId, Vpc};

/// Docker's own network, which every space uses inside.
const DOCKER: IpNet = block([172, 17, 0, 0], 16);
/// The networks of a space that was created without any of its own.
const DEFAULTS: [IpNet; 3] = [block([10, 0, 0, 0], 16), block([10, 1, 0, 0], 16), DOCKER];
/// The private networks of RFC 1918.
const PRIVATE: [IpNet; 3] =
    [block([10, 0, 0, 0], 8), block([172, 16, 0, 0], 12), block([192, 168, 0, 0], 16)];

const fn block([a, b, c, d]: [u8; 4], length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

pub(super) fn check(situation: &Situation<'_>, results: &mut Results<'_>) {
    let mut stands_in_the_way = false;
    for id in &situation.vpcs {
        let about = [ComponentId::Vpc(id.clone())];
        let Some(vpc) = situation.topology.vpc(id).filter(|vpc| vpc.documented) else {
            undocumented(situation, id, results);
            continue;
        };
        primary(situation, id, vpc, results);
        stands_in_the_way |= against_space(situation, id, vpc, results);
        let docker = first_overlap(&vpc.cidrs, [DOCKER].iter());
        match docker {
            Some((own, _)) => results.violation(
                RuleId::VpcDoesNotOverlapDocker,
                format!(
                    "{id}'s {own} overlaps {DOCKER}, which every space uses inside: a peering would fail."
                ),
                &about,
                another_vpc(situation, id),
            ),
            None => results.pass(
                RuleId::VpcDoesNotOverlapDocker,
                format!("{id} ({}) leaves {DOCKER} alone.", words(&vpc.cidrs)),
                &about,
            ),
        }
        other_peers(situation, id, vpc, results);
    }
    immutable(situation, stands_in_the_way, results);
}

fn undocumented(situation: &Situation<'_>, id: &VpcId, results: &mut Results<'_>) {
    for rule in [
        RuleId::VpcHasPrimaryCidr,
        RuleId::PrimaryCidrIsPrivate,
        RuleId::VpcDoesNotOverlapSpace,
        RuleId::VpcDoesNotOverlapUnavailable,
        RuleId::VpcDoesNotOverlapDocker,
        RuleId::VpcDoesNotOverlapDefaults,
        RuleId::VpcDoesNotOverlapOtherPeers,
    ] {
        let cidrs = situation.topology.vpc(id).map(|vpc| vpc.cidrs.as_slice()).unwrap_or_default();
        let known =
            if cidrs.is_empty() { String::new() } else { format!(" (its peering names {})", words(cidrs)) };
        results.not_checked_of(
            rule,
            format!("the snapshot lacks {id} itself{known}: aws ec2 describe-vpcs in its account"),
            &[ComponentId::Vpc(id.clone())],
        );
    }
}

fn primary(situation: &Situation<'_>, id: &VpcId, vpc: &Vpc, results: &mut Results<'_>) {
    let about = [ComponentId::Vpc(id.clone())];
    let primary = vpc.primary.filter(|primary| matches!(primary, IpNet::V4(_)));
    let Some(primary) = primary else {
        let message = format!("{id} has no primary IPv4 CIDR, and a peering joins no other.");
        results.violation(RuleId::VpcHasPrimaryCidr, message, &about, another_vpc(situation, id));
        return results.not_checked_of(
            RuleId::PrimaryCidrIsPrivate,
            format!("{id} has no primary IPv4 CIDR"),
            &about,
        );
    };
    results.pass(RuleId::VpcHasPrimaryCidr, format!("{id}'s primary CIDR is {primary}."), &about);
    if PRIVATE.iter().any(|private| private.contains(&primary)) {
        let message = format!("{id}'s primary CIDR, {primary}, is a private one.");
        return results.pass(RuleId::PrimaryCidrIsPrivate, message, &about);
    }
    let message = format!(
        "{id}'s primary CIDR, {primary}, is not private: Heroku peers with 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 alone, and it cannot be changed."
    );
    results.violation(RuleId::PrimaryCidrIsPrivate, message, &about, another_vpc(situation, id));
}

/// Whether the VPC overlaps the space or what the space keeps for itself.
fn against_space(situation: &Situation<'_>, id: &VpcId, vpc: &Vpc, results: &mut Results<'_>) -> bool {
    let about = [ComponentId::Vpc(id.clone()), ComponentId::Space];
    let space = situation.space;
    let mut found = false;
    let cidr = space.and_then(|space| space.cidr);
    match cidr {
        None => {
            results.not_checked_of(RuleId::VpcDoesNotOverlapSpace, missing_info(), &about);
            defaults(situation, id, vpc, results);
        }
        Some(cidr) => {
            match first_overlap(&vpc.cidrs, [cidr].iter()) {
                Some((own, _)) => {
                    found = true;
                    let message =
                        format!("{id}'s {own} overlaps {cidr}, the space's network: they cannot be peered.");
                    let fixes = another_space(situation, id, "--cidr");
                    results.violation(RuleId::VpcDoesNotOverlapSpace, message, &about, fixes);
                }
                None => results.pass(
                    RuleId::VpcDoesNotOverlapSpace,
                    format!("{id} ({}) does not overlap {cidr}, the space's network.", words(&vpc.cidrs)),
                    &about,
                ),
            }
            results.pass(
                RuleId::VpcDoesNotOverlapDefaults,
                format!("The space's real network, {cidr}, is known: nothing had to be assumed."),
                &about,
            );
        }
    }
    let listed =
        situation.heroku.peering_info.as_ref().is_some_and(|info| info.unavailable_cidr_blocks.is_some());
    let mut kept: Vec<IpNet> = space.map(|space| space.unavailable_blocks.clone()).unwrap_or_default();
    kept.extend(space.and_then(|space| space.data_cidr));
    // Heroku lists its own networks among them at times.
    kept.retain(|block| Some(*block) != cidr && *block != DOCKER);
    kept.sort_unstable();
    kept.dedup();
    match first_overlap(&vpc.cidrs, kept.iter()) {
        Some((own, other)) => {
            found = true;
            let message = format!(
                "{id}'s {own} overlaps {other}, which the space keeps for itself: they cannot be peered."
            );
            let fixes = another_space(situation, id, "--data-cidr");
            results.violation(RuleId::VpcDoesNotOverlapUnavailable, message, &about, fixes);
        }
        None if !listed && kept.is_empty() => {
            results.not_checked_of(RuleId::VpcDoesNotOverlapUnavailable, missing_info(), &about);
        }
        None => results.pass(
            RuleId::VpcDoesNotOverlapUnavailable,
            match kept.is_empty() {
                true => format!("The space keeps nothing for itself that {id} could overlap."),
                false => format!("{id} ({}) leaves {} alone.", words(&vpc.cidrs), words(&kept)),
            },
            &about,
        ),
    }
    found
}

/// Against what a space has where nobody chose otherwise.
fn defaults(situation: &Situation<'_>, id: &VpcId, vpc: &Vpc, results: &mut Results<'_>) {
    let about = [ComponentId::Vpc(id.clone())];
    let rule = RuleId::VpcDoesNotOverlapDefaults;
    match first_overlap(&vpc.cidrs, DEFAULTS.iter()) {
        Some((own, other)) => {
            let ask = fix(
                Some(situation.topology),
                &ComponentId::Space,
                Tool::Heroku,
                format!("heroku spaces:peering:info {}", quoted(situation.space_name())),
                "Shows the networks that the space really has.".to_string(),
            );
            let message = format!(
                "{id}'s {own} overlaps {other} (assumed default: Heroku's own list is not in the snapshot)."
            );
            results.violation(rule, message, &about, Vec::from([ask]));
        }
        None => results.pass(
            rule,
            format!("{id} ({}) overlaps none of {} (assumed defaults).", words(&vpc.cidrs), words(&DEFAULTS)),
            &about,
        ),
    }
}

/// Against the space's other peers, and what it reaches over VPNs.
fn other_peers(situation: &Situation<'_>, id: &VpcId, vpc: &Vpc, results: &mut Results<'_>) {
    let rule = RuleId::VpcDoesNotOverlapOtherPeers;
    let about = [ComponentId::Vpc(id.clone())];
    let mut others: Vec<(IpNet, String)> = Vec::new();
    for peering in situation.heroku.peerings.iter().flatten() {
        let own = situation.topology.peerings().any(|(known, peering_of)| {
            Some(known) == peering.pcx_id.as_ref()
                && [&peering_of.requester, &peering_of.accepter]
                    .iter()
                    .any(|side| side.vpc.as_ref() == Some(id))
        });
        let is_dead = peering.status.as_ref().is_some_and(super::peering::is_dead);
        if own || is_dead || peering.aws_vpc_id.as_ref() == Some(id) {
            continue;
        }
        let name = match (&peering.aws_vpc_id, &peering.pcx_id) {
            (Some(vpc), _) => format!("the peering with {vpc}"),
            (None, Some(pcx)) => format!("the peering {pcx}"),
            (None, None) => "a peering of Heroku's own".to_string(),
        };
        let blocks = peering.cidr_blocks.iter().chain(&peering.cidr_block);
        others.extend(blocks.map(|cidr| (cidr.network(), name.clone())));
    }
    let vpns = situation.space.map(|space| space.vpn_blocks.as_slice()).unwrap_or_default();
    others.extend(vpns.iter().map(|(block, name)| (*block, format!("the VPN connection {name}"))));
    let found = others.iter().find_map(|(block, name)| {
        first_overlap(&vpc.cidrs, [*block].iter()).map(|(own, other)| (own, other, name))
    });
    match found {
        Some((own, other, name)) => {
            let message = format!(
                "{id}'s {own} overlaps {other} of {name}: which way the space's packets take is Heroku's to say."
            );
            results.violation(rule, message, &about, another_vpc(situation, id));
        }
        None if situation.heroku.peerings.is_none() => {
            results.not_checked_of(rule, missing_peerings(), &about)
        }
        None => {
            let unread = match situation.heroku.vpn_connections {
                Some(_) => "",
                None => " Its VPN connections are not in the snapshot.",
            };
            results.pass(
                rule,
                format!("{id} ({}) overlaps no other peer of the space.{unread}", words(&vpc.cidrs)),
                &about,
            );
        }
    }
}

/// The networks of a space are for good: a note beside the overlap itself.
fn immutable(situation: &Situation<'_>, stands_in_the_way: bool, results: &mut Results<'_>) {
    let rule = RuleId::SpaceCidrIsForGood;
    let Some(cidr) = situation.space.and_then(|space| space.cidr) else {
        return results.not_checked(rule, missing_info());
    };
    let about = [ComponentId::Space];
    if stands_in_the_way {
        let message = format!(
            "The space's networks ({cidr} among them) overlap a VPC's and cannot be changed: another VPC, or another space."
        );
        return results.lesser(rule, Severity::Info, message, &about, Vec::new());
    }
    results.pass(rule, format!("The space's network, {cidr}, cannot be changed and need not be."), &about);
}

/// The first pair of blocks that share addresses.
fn first_overlap<'a>(own: &[IpNet], mut others: impl Iterator<Item = &'a IpNet>) -> Option<(IpNet, IpNet)> {
    others.find_map(|other| own.iter().find(|own| overlap(own, other)).map(|own| (*own, *other)))
}

fn words(blocks: &[IpNet]) -> String {
    let words: Vec<String> = blocks.iter().map(IpNet::to_string).collect();
    words.join(", ")
}

fn another_vpc(situation: &Situation<'_>, id: &VpcId) -> Vec<Fix> {
    let words = format!(
        "The primary CIDR of a VPC cannot be changed. Peer another VPC that keeps to the rules, with a proxy for what is in {id}, or move the target there."
    );
    Vec::from([fix(
        Some(situation.topology),
        &ComponentId::Vpc(id.clone()),
        Tool::Manual,
        String::new(),
        words,
    )])
}

fn another_space(situation: &Situation<'_>, id: &VpcId, option: &str) -> Vec<Fix> {
    let free =
        free_block(situation.topology).map_or_else(|| "10.N.0.0/16".to_string(), |block| block.to_string());
    let mut fixes = Vec::from([fix(
        Some(situation.topology),
        &ComponentId::Space,
        Tool::Heroku,
        format!("heroku spaces:create --space NAME --team TEAM --generation cedar {option} {free}"),
        format!(
            "A new space with a network that {id} does not use, to which the apps move: a space's networks cannot be changed."
        ),
    )]);
    fixes.extend(another_vpc(situation, id));
    fixes
}
