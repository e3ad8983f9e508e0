//! What is wrong beside the path that was asked about.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_document::aws::RouteState;

use super::case::{Case, Question};
use super::{nat_rules, service, show, stale};
use crate::cause::CauseCode;
use crate::flow::cidr_words;
use crate::reach::{Blocker, Direction, reach};
use crate::report::{Finding, Gap, GapKind, Severity};
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId, Topology};

/// Everything beside the causes themselves.
pub(super) fn findings(case: &Case, question: &Question) -> Vec<Finding> {
    let Some(topology) = &case.topology else { return Vec::new() };
    let mut findings = other_dynos(topology, question);
    findings.extend(consequences(topology, question));
    findings.extend(disagreeing_status(topology, question));
    findings.extend(stale::references(topology, question));
    findings.extend(nat_rules::mistaken(topology, question));
    findings.extend(vpn_overlap(topology, question));
    findings.extend(service::findings(case, topology, question));
    findings
}

/// What fails for the space's other dynos: a dyno's address changes at every restart.
fn other_dynos(topology: &Topology, question: &Question) -> Vec<Finding> {
    let Some((source, target)) = &question.networks else { return Vec::new() };
    if *source != NetworkId::Space || question.asked.covers(&question.served) {
        return Vec::new();
    }
    let answer = reach(topology, source, target, &question.served);
    let found = answer.blockers().into_iter().filter_map(|blocker| {
        let theirs = blocker.flows.difference(&question.asked);
        if theirs.is_empty() {
            return None;
        }
        let sources = cidr_words(&blocker.flows.sources());
        let too = !blocker.flows.intersection(&question.asked).is_empty();
        let component = show::component(Some(topology), &blocker.component);
        let message = if too {
            let id = component.id.clone().unwrap_or_default();
            format!("Not this dyno alone: {id} stops all dynos in {sources}.")
        } else {
            let summary = blocker.gate.explain(topology, blocker.parts.first()?).summary;
            format!("Dynos in {sources} will fail, and a dyno's address changes at every restart. {summary}")
        };
        Some(Finding {
            rule: rule_of(&blocker).to_string(),
            severity: Severity::Warning,
            message,
            components: Vec::from([component]),
        })
    });
    found.collect()
}

/// The peering rule that a blocker breaks.
fn rule_of(blocker: &Blocker<'_>) -> &'static str {
    match (blocker.code, blocker.direction) {
        (CauseCode::NoRouteToDestination, _) => RuleId::RouteToDynosExists.name(),
        (CauseCode::BadStateRoute, _) => RuleId::RoutesAreAlive.name(),
        (CauseCode::MoreSpecificRoute | CauseCode::HigherPriorityRoute, _) => {
            RuleId::RouteIsNotShadowed.name()
        }
        (CauseCode::EniSgRulesMismatch | CauseCode::SgHasNoRules, _) => RuleId::GroupsAdmitEveryDyno.name(),
        (CauseCode::SubnetAclRestriction, Some(Direction::Return)) => RuleId::AclLetsRepliesOut.name(),
        (CauseCode::SubnetAclRestriction, _) => RuleId::AclAdmitsDynos.name(),
        (CauseCode::SecondaryCidrUnreachable, _) => RuleId::TargetIsInPrimaryCidr.name(),
        (CauseCode::TransitivePeering, _) => RuleId::TargetIsInPeeredVpc.name(),
        (code, _) => code.name(),
    }
}

/// Routes that are blackholes only because the peering is not active.
fn consequences(topology: &Topology, question: &Question) -> Vec<Finding> {
    let Some((source, target)) = &question.networks else { return Vec::new() };
    let Some((id, peering)) =
        topology.intended_peering(source, target).filter(|(_, peering)| !peering.is_active())
    else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (table, document) in topology.route_tables() {
        let dead = document.routes.iter().filter(|route| {
            route.vpc_peering_connection_id.as_ref() == Some(id) && route.state == Some(RouteState::Blackhole)
        });
        let destinations: Vec<String> = dead
            .filter_map(|route| route.destination_cidr_block.or(route.destination_ipv6_cidr_block))
            .map(|cidr| cidr.to_string())
            .collect();
        if !destinations.is_empty() {
            let status =
                peering.status.as_ref().map_or_else(|| "not active".to_string(), ToString::to_string);
            findings.push(Finding {
                rule: RuleId::RoutesAreAlive.to_string(),
                severity: Severity::Info,
                message: format!(
                    "{table}'s route to {} over {id} is a blackhole because that peering is {status}: a consequence, not a second cause.",
                    destinations.join(", ")
                ),
                components: Vec::from([show::component(Some(topology), &ComponentId::RouteTable(table.clone()))]),
            });
        }
    }
    findings
}

/// A VPC whose addresses the space reaches over a VPN too: which of the two ways Heroku's side takes is not
/// shown to anybody.
fn vpn_overlap(topology: &Topology, question: &Question) -> Option<Finding> {
    let (source, target) = question.networks.as_ref()?;
    let vpc = match (source, target) {
        (NetworkId::Space, NetworkId::Vpc(vpc)) | (NetworkId::Vpc(vpc), NetworkId::Space) => vpc,
        _ => return None,
    };
    let own = topology.blocks_of(&NetworkId::Vpc(vpc.clone()));
    let overlaps = |block: &ipnet::IpNet| own.iter().any(|one| one.contains(block) || block.contains(one));
    let (block, name) = topology.space()?.vpn_blocks.iter().find(|(block, _)| overlaps(block))?;
    Some(Finding {
        rule: RuleId::VpcDoesNotOverlapOtherPeers.to_string(),
        severity: Severity::Warning,
        message: format!(
            "{vpc} overlaps {block}, which the space reaches over its VPN connection {name}: which way its packets take is Heroku's to say."
        ),
        components: Vec::from([show::component(Some(topology), &ComponentId::Vpc(vpc.clone()))]),
    })
}

/// Where Heroku and AWS say different things of the intended peering, AWS's word counts.
fn disagreeing_status(topology: &Topology, question: &Question) -> Option<Finding> {
    let (source, target) = question.networks.as_ref()?;
    let (id, peering) = topology.intended_peering(source, target)?;
    let (aws, heroku) = (peering.status.as_ref()?, peering.heroku_status.as_ref()?);
    (peering.seen_by_aws && aws != heroku).then(|| Finding {
        rule: RuleId::StatusesAgree.to_string(),
        severity: Severity::Warning,
        message: format!("{id} is {aws} by AWS and {heroku} by Heroku; AWS's word counts."),
        components: Vec::from([show::component(
            Some(topology),
            &ComponentId::VpcPeeringConnection(id.clone()),
        )]),
    })
}

/// What could not be seen for this question.
pub(super) fn gaps(case: &Case, question: &Question) -> Vec<Gap> {
    let Some(topology) = &case.topology else {
        return Vec::from([Gap {
            kind: GapKind::Document,
            what: "the configuration of both sides".to_string(),
            reason: "no snapshot was given".to_string(),
            would_tell: "which setting stands in the way, and the command that mends it".to_string(),
        }]);
    };
    let mut gaps: Vec<Gap> = Vec::new();
    let mut add = |gap: Gap| {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    };
    // Without a source of the target's family there is no pair of networks to tell.
    if question.networks.is_none() && !question.asked.is_empty() {
        add(Gap {
            kind: GapKind::Scope,
            what: format!("which networks {} and the source lie in", question.address),
            reason: "no VPC or space of the snapshot, nor a peering of theirs, holds both addresses"
                .to_string(),
            would_tell: "what the configuration does to these packets".to_string(),
        });
    }
    for unknown in question.answer.iter().flat_map(crate::reach::Answer::unknowns) {
        for part in &unknown.parts {
            if let Some(omission) = unknown.gate.explain(topology, part).omission {
                add(Gap {
                    kind: GapKind::Document,
                    what: omission.what,
                    reason: omission.reason,
                    would_tell: omission.would_tell,
                });
            }
        }
    }
    if let Some(gap) = service::gap(case, topology) {
        add(gap);
    }
    for omission in topology.omissions() {
        add(Gap {
            kind: GapKind::Document,
            what: omission.what.clone(),
            reason: omission.reason.clone(),
            would_tell: omission.would_tell.clone(),
        });
    }
    let crosses_space =
        |networks: &(NetworkId, NetworkId)| networks.0 == NetworkId::Space || networks.1 == NetworkId::Space;
    if question.networks.as_ref().is_some_and(crosses_space) {
        if topology.space().is_some_and(|space| !space.dyno_blocks_listed) {
            add(Gap {
                kind: GapKind::Document,
                what: "the space's dyno blocks".to_string(),
                reason: "peering-info lists no dyno_cidr_blocks".to_string(),
                would_tell: "which sources rules and routes have to cover".to_string(),
            });
        }
        add(Gap {
            kind: GapKind::Scope,
            what: "Heroku's own routes, security groups and network ACLs".to_string(),
            reason: "Heroku shows them to nobody; they are assumed to let these packets through".to_string(),
            would_tell: "whether the space's own side is open".to_string(),
        });
    }
    gaps
}
