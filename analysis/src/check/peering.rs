//! Rules about the peering itself: that there is one, with whom, in what state, and what Heroku lists beside it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::Timestamp;
use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::heroku::PeeringType;
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use super::situation::Situation;
use super::space::{missing_info, missing_peerings};
use super::{Results, made};
use crate::diagnose::fix;
use crate::repair::{creation, peering_plans, quoted, request_of_peering};
use crate::report::{Fix, Tool};
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId, Peering, PeeringSide};

/// How many peerings of customers a space has at the most (the article; more by a ticket).
const QUOTA: usize = 5;

pub(super) fn check(situation: &Situation<'_>, results: &mut Results<'_>) {
    for vpc in &situation.vpcs {
        region(situation, vpc, results);
        exists(situation, vpc, results);
        has_its_cidr(situation, vpc, results);
    }
    asked_of(situation, results);
    own_list(situation, results);
}

/// Whether a peering of this state can come to life no more.
pub(super) fn is_dead(status: &PeeringStatusCode) -> bool {
    matches!(
        status,
        PeeringStatusCode::Failed
            | PeeringStatusCode::Expired
            | PeeringStatusCode::Rejected
            | PeeringStatusCode::Deleting
            | PeeringStatusCode::Deleted
    )
}

fn region(situation: &Situation<'_>, vpc: &VpcId, results: &mut Results<'_>) {
    let rule = RuleId::RegionIsNamed;
    let about = [ComponentId::Vpc(vpc.clone()), ComponentId::Space];
    let own = situation.topology.vpc(vpc).and_then(|vpc| vpc.ownership.region.clone());
    let theirs = situation.space.and_then(|space| space.region.clone());
    let (Some(own), Some(theirs)) = (own, theirs) else {
        let what = if situation.space.and_then(|space| space.region.as_ref()).is_none() {
            missing_info()
        } else {
            format!("the Region of {vpc} is not in the snapshot")
        };
        return results.not_checked_of(rule, what, &about);
    };
    if own == theirs {
        return results.pass(rule, format!("{vpc} and the space are both in {own}."), &about);
    }
    let there = NetworkId::Vpc(vpc.clone());
    let joined = situation.topology.intended_peering(&NetworkId::Space, &there);
    if joined.is_some_and(|(_, peering)| peering.is_active()) {
        let message = format!(
            "{vpc} is in {own} and the space in {theirs}; the peering between the Regions is active. Groups cannot refer to groups across it."
        );
        return results.pass(rule, message, &about);
    }
    let message = format!(
        "{vpc} is in {own} and the space in {theirs}: the request has to name it (--peer-region {theirs}), which Heroku's article leaves out."
    );
    results.violation(rule, message, &about, request(situation, vpc));
}

/// That there is a peering, and in what state.
fn exists(situation: &Situation<'_>, vpc: &VpcId, results: &mut Results<'_>) {
    let topology = situation.topology;
    let there = NetworkId::Vpc(vpc.clone());
    let about = [ComponentId::Vpc(vpc.clone())];
    let states = [
        RuleId::PeeringIsAccepted,
        RuleId::PeeringIsProvisioned,
        RuleId::PeeringIsAlive,
        RuleId::StatusesAgree,
    ];
    let Some((id, peering)) = topology.intended_peering(&NetworkId::Space, &there) else {
        let listed = topology.lists_peerings_of(&NetworkId::Space) || topology.lists_peerings_of(&there);
        if situation.space.is_none() || !listed {
            let reason = format!("neither Heroku's list of peerings nor AWS's for {vpc} is in the snapshot");
            results.not_checked_of(RuleId::PeeringExists, reason, &about);
        } else {
            let message = format!("{vpc} has no peering with the space.");
            results.violation(RuleId::PeeringExists, message, &about, request(situation, vpc));
        }
        for rule in states {
            results.not_checked_of(
                rule,
                format!("{vpc} has no peering with the space that is known"),
                &about,
            );
        }
        return;
    };
    let about = [ComponentId::VpcPeeringConnection(id.clone())];
    results.pass(RuleId::PeeringExists, format!("{id} joins {vpc} with the space."), &about);
    state(situation, id, peering, results);
    agreement(id, peering, results);
}

fn state(
    situation: &Situation<'_>,
    id: &VpcPeeringConnectionId,
    peering: &Peering,
    results: &mut Results<'_>,
) {
    let about = [ComponentId::VpcPeeringConnection(id.clone())];
    let Some(status) = &peering.status else {
        for rule in [RuleId::PeeringIsAccepted, RuleId::PeeringIsProvisioned, RuleId::PeeringIsAlive] {
            results.not_checked_of(rule, format!("no document gives the state of {id}"), &about);
        }
        return;
    };
    let plans = || peering_plans(situation.topology, id, peering);
    let mending =
        || -> Vec<Fix> { plans().iter().filter_map(|plan| made(situation.topology, plan)).collect() };
    let is =
        |wanted: bool, rule: RuleId, otherwise: (String, Vec<Fix>), results: &mut Results<'_>| match wanted {
            true => results.pass(rule, format!("{id} is {status}."), &about),
            false => results.violation(rule, otherwise.0, &about, otherwise.1),
        };
    let pending = *status == PeeringStatusCode::PendingAcceptance;
    let words = || {
        let left = peering.expires.as_deref().and_then(|expires| time_left(expires, situation.case.at));
        format!("{id} waits to be accepted{}.", left.map(|left| format!("; {left}")).unwrap_or_default())
    };
    let otherwise = if pending { (words(), mending()) } else { Default::default() };
    is(!pending, RuleId::PeeringIsAccepted, otherwise, results);
    let coming = matches!(status, PeeringStatusCode::InitiatingRequest | PeeringStatusCode::Provisioning);
    let look = fix(
        Some(situation.topology),
        &ComponentId::Space,
        Tool::Heroku,
        format!("heroku spaces:peerings {}", quoted(situation.space_name())),
        "Shows the state again: a request shows after 1 to 3 minutes, and an accepted one is active after up to 20."
            .to_string(),
    );
    let otherwise = if coming {
        (format!("{id} is {status} still: wait."), Vec::from([look]))
    } else {
        Default::default()
    };
    is(!coming, RuleId::PeeringIsProvisioned, otherwise, results);
    let dead = is_dead(status);
    let otherwise = if dead {
        let why = match peering.status_message.as_deref().filter(|message| !message.is_empty()) {
            Some(message) => format!(" ({message})"),
            None => String::new(),
        };
        let first = match status {
            PeeringStatusCode::Failed => {
                " With overlapping networks every request fails: see HPS-CIDR-03 to 07."
            }
            _ => "",
        };
        let mut fixes = mending();
        if fixes.is_empty() {
            let by_hand = "No new request can succeed between these networks: another VPC, or another space.";
            fixes.push(fix(
                Some(situation.topology),
                &about[0],
                Tool::Manual,
                String::new(),
                by_hand.to_string(),
            ));
        }
        (format!("{id} is {status}{why} and cannot be revived.{first}"), fixes)
    } else {
        Default::default()
    };
    is(!dead, RuleId::PeeringIsAlive, otherwise, results);
}

fn agreement(id: &VpcPeeringConnectionId, peering: &Peering, results: &mut Results<'_>) {
    let rule = RuleId::StatusesAgree;
    let about = [ComponentId::VpcPeeringConnection(id.clone())];
    match (&peering.heroku_status, &peering.status, peering.seen_by_aws) {
        (Some(heroku), Some(aws), true) if heroku == aws => {
            results.pass(rule, format!("Heroku and AWS both say that {id} is {aws}."), &about);
        }
        (Some(heroku), Some(aws), true) => {
            let message = format!("{id} is {aws} by AWS and {heroku} by Heroku; AWS's word counts.");
            results.violation(rule, message, &about, Vec::new());
        }
        (None, _, true) => {
            results.not_checked_of(rule, format!("Heroku's word on {id} is not in the snapshot"), &about)
        }
        _ => results.not_checked_of(rule, format!("AWS's word on {id} is not in the snapshot"), &about),
    }
}

/// That Heroku's entry names the VPC's primary CIDR.
fn has_its_cidr(situation: &Situation<'_>, vpc: &VpcId, results: &mut Results<'_>) {
    let rule = RuleId::PeeringHasVpcsCidr;
    let about = [ComponentId::Vpc(vpc.clone())];
    let Some(peerings) = &situation.heroku.peerings else {
        return results.not_checked_of(rule, missing_peerings(), &about);
    };
    let there = NetworkId::Vpc(vpc.clone());
    let intended = situation.topology.intended_peering(&NetworkId::Space, &there).map(|(id, _)| id);
    let entry = peerings.iter().find(|entry| entry.pcx_id.is_some() && entry.pcx_id.as_ref() == intended);
    let primary = situation.topology.vpc(vpc).filter(|vpc| vpc.documented).and_then(|vpc| vpc.primary);
    let (Some(entry), Some(primary)) = (entry, primary) else {
        let what = match primary {
            Some(_) => format!("Heroku lists no peering with {vpc}"),
            None => format!("the primary CIDR of {vpc} is not in the snapshot"),
        };
        return results.not_checked_of(rule, what, &about);
    };
    let blocks: Vec<ipnet::IpNet> =
        entry.cidr_blocks.iter().chain(&entry.cidr_block).map(|cidr| cidr.network()).collect();
    if blocks.is_empty() {
        return results.not_checked_of(rule, format!("Heroku's entry for {vpc} gives no block"), &about);
    }
    let words: Vec<String> = blocks.iter().map(ToString::to_string).collect();
    let words = words.join(", ");
    if blocks.contains(&primary) {
        return results.pass(
            rule,
            format!("Heroku's entry for {vpc} has {primary}, its primary CIDR."),
            &about,
        );
    }
    let message = format!("Heroku's entry for {vpc} has {words}, and the VPC's primary CIDR is {primary}.");
    results.violation(rule, message, &about, request(situation, vpc));
}

/// That a request is for the space's own VPC: a wrong id makes a request that nobody at Heroku sees.
fn asked_of(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::RequestIsForSpace;
    let Some(space) = situation.space.filter(|space| space.vpc.is_some() && space.account.is_some()) else {
        return results.not_checked(rule, missing_info());
    };
    let mut looked_at = false;
    let own = situation.topology.vpcs().filter(|(id, vpc)| vpc.documented && Some(*id) != space.vpc.as_ref());
    let own: Vec<&VpcId> = own.map(|(id, _)| id).collect();
    for (id, peering) in situation.topology.peerings().filter(|(_, peering)| peering.seen_by_aws) {
        // Between VPCs of the customer's nothing was asked of Heroku.
        let is_own = |side: &PeeringSide| side.vpc.as_ref().is_some_and(|vpc| own.contains(&vpc));
        let side = match (is_own(&peering.requester), is_own(&peering.accepter)) {
            (true, false) => &peering.accepter,
            (false, true) => &peering.requester,
            _ => continue,
        };
        let vpc = side.vpc.as_ref().map(|vpc| (space.vpc.as_ref() == Some(vpc), vpc.to_string()));
        let account = side
            .account
            .as_ref()
            .map(|account| (space.account.as_ref() == Some(account), account.to_string()));
        let region = side
            .region
            .as_ref()
            .zip(space.region.as_ref())
            .map(|(region, own)| (region == own, region.to_string()));
        let fields = [("VPC", vpc), ("account", account), ("Region", region)];
        let known = || {
            fields
                .iter()
                .filter_map(|(name, field)| field.as_ref().map(|(same, value)| (*name, *same, value)))
        };
        // A request that agrees with the space in VPC or account was meant for it; another is none of its business.
        if !known().any(|(name, same, _)| same && name != "Region") {
            continue;
        }
        looked_at = true;
        let about = [ComponentId::VpcPeeringConnection(id.clone())];
        let wrong: Vec<String> =
            known().filter(|(_, same, _)| !same).map(|(name, _, value)| format!("{name} {value}")).collect();
        if wrong.is_empty() {
            results.pass(rule, format!("{id} was asked of the space's own VPC."), &about);
            continue;
        }
        let right = [
            space.vpc.as_ref().map(ToString::to_string),
            space.account.as_ref().map(|account| format!("account {account}")),
            space.region.as_ref().map(ToString::to_string),
        ];
        let right: Vec<String> = right.into_iter().flatten().collect();
        let message = format!(
            "{id} was asked of {}; the space is {}. Nobody at Heroku sees such a request.",
            wrong.join(" and "),
            right.join(", ")
        );
        let vpc = if is_own(&peering.requester) {
            peering.requester.vpc.as_ref()
        } else {
            peering.accepter.vpc.as_ref()
        };
        let fixes = vpc.map(|vpc| request(situation, vpc)).unwrap_or_default();
        results.violation(rule, message, &about, fixes);
    }
    if looked_at {
        return;
    }
    match situation.topology.peerings().any(|(_, peering)| peering.seen_by_aws) {
        true => results.pass(rule, "No request in AWS's list is for the space or nearly so.".to_string(), &[]),
        false => results.not_checked(
            rule,
            "AWS's list of peerings is not in the snapshot, or empty (aws ec2 describe-vpc-peering-connections)".to_string(),
        ),
    }
}

/// What Heroku lists: whose each peering is, and how many there are.
fn own_list(situation: &Situation<'_>, results: &mut Results<'_>) {
    let Some(peerings) = &situation.heroku.peerings else {
        for rule in
            [RuleId::PeeringIsCustomers, RuleId::HerokusPeeringsAreLeftAlone, RuleId::PeeringQuotaHasRoom]
        {
            results.not_checked(rule, missing_peerings());
        }
        return;
    };
    let mut customers = 0;
    let mut herokus = 0;
    for entry in peerings {
        let is_herokus = !matches!(
            entry.peering_type,
            None | Some(PeeringType::CustomerManaged | PeeringType::Unknown | PeeringType::Other(_))
        );
        let counts = matches!(
            entry.status,
            Some(
                PeeringStatusCode::Active
                    | PeeringStatusCode::PendingAcceptance
                    | PeeringStatusCode::Provisioning
                    | PeeringStatusCode::InitiatingRequest
            )
        );
        let own_vpc = entry.aws_vpc_id.as_ref().filter(|vpc| situation.vpcs.contains(vpc));
        if is_herokus && own_vpc.is_none() {
            herokus += 1;
            continue;
        }
        customers += usize::from(counts);
        let (Some(id), true) = (&entry.pcx_id, entry.status == Some(PeeringStatusCode::Active)) else {
            continue;
        };
        let about = [ComponentId::VpcPeeringConnection(id.clone())];
        match &entry.peering_type {
            Some(PeeringType::CustomerManaged) => {
                results.pass(RuleId::PeeringIsCustomers, format!("{id} is customer-managed."), &about);
            }
            Some(PeeringType::Unknown) | None => {
                let message = format!("{id} is active and of no type yet, as seen in Heroku's own examples.");
                results.pass(RuleId::PeeringIsCustomers, message, &about);
            }
            Some(other) => {
                let message =
                    format!("{id} is active and, by Heroku, {other}: it should be customer-managed.");
                results.violation(RuleId::PeeringIsCustomers, message, &about, Vec::new());
            }
        }
    }
    let message = match herokus {
        0 => "Heroku lists no peering of its own.".to_string(),
        1 => "Heroku lists one peering of its own, which is left alone.".to_string(),
        count => format!("Heroku lists {count} peerings of its own, which are left alone."),
    };
    results.pass(RuleId::HerokusPeeringsAreLeftAlone, message, &[ComponentId::Space]);
    let message =
        format!("The space has {customers} of at most {QUOTA} peerings of customers, pending ones included.");
    match customers < QUOTA {
        true => results.pass(RuleId::PeeringQuotaHasRoom, message, &[ComponentId::Space]),
        false => {
            let by_hand = fix(
                Some(situation.topology),
                &ComponentId::Space,
                Tool::Manual,
                String::new(),
                "Ask Heroku's support for more, or destroy one that is not used.".to_string(),
            );
            results.violation(
                RuleId::PeeringQuotaHasRoom,
                message,
                &[ComponentId::Space],
                Vec::from([by_hand]),
            );
        }
    }
}

/// The request for a peering with the space, and its acceptance.
fn request(situation: &Situation<'_>, vpc: &VpcId) -> Vec<Fix> {
    let topology = situation.topology;
    let there = NetworkId::Vpc(vpc.clone());
    if let Some(edits) = creation(topology, &NetworkId::Space, &there) {
        return made(topology, &edits).into_iter().collect();
    }
    let command = request_of_peering(topology, &NetworkId::Space, &there).unwrap_or_else(|| {
        format!("aws ec2 create-vpc-peering-connection --vpc-id {} --peer-vpc-id VPC --peer-owner-id ACCOUNT --peer-region REGION", quoted(vpc))
    });
    let words = format!(
        "Asks for a peering; the other side's ids are those of heroku spaces:peering:info {}.",
        quoted(situation.space_name())
    );
    Vec::from([fix(Some(topology), &ComponentId::Vpc(vpc.clone()), Tool::Aws, command, words)])
}

/// How long a request lasts still, in words; `None` where the time cannot be read.
fn time_left(expires: &str, now: Timestamp) -> Option<String> {
    let expires: Timestamp = expires.parse().ok()?;
    let seconds = expires.duration_since(now).as_secs();
    Some(match seconds {
        ..=0 => format!("its time was over at {expires}"),
        1..7_200 => format!("it expires in {} minutes, at {expires}", seconds / 60),
        7_200..172_800 => format!("it expires in {} hours, at {expires}", seconds / 3_600),
        _ => format!("it expires in {} days, at {expires}", seconds / 86_400),
    })
}
