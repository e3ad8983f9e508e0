//! Rules about the space itself, and notes about what nobody checks.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use peerscope_document::heroku::{Peering, PeeringType};

use super::Results;
use super::situation::Situation;
use crate::repair::quoted;
use crate::report::Tool;
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId};

/// The generation that can be peered, as the API names it.
const CEDAR: &str = "cedar";
/// The state of a space that is ready.
const ALLOCATED: &str = "allocated";

pub(super) fn check(situation: &Situation<'_>, results: &mut Results<'_>) {
    generation(situation, results);
    state(situation, results);
    results.not_checked(
        RuleId::CallerMayCreatePeering,
        "it would take the dry run of a call that makes a peering, and peerscope calls nothing that changes anything"
            .to_string(),
    );
    destroying(situation, results);
    samples(situation, results);
}

fn generation(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::SpaceGenerationIsCedar;
    let Some(space) = &situation.heroku.space else {
        return results.not_checked(rule, missing_space());
    };
    match space.generation.as_ref().map(|generation| generation.name()) {
        None => results.pass(
            rule,
            "Heroku names no generation, as it does for spaces of the Cedar generation.".to_string(),
            &[ComponentId::Space],
        ),
        Some(CEDAR) => {
            results.pass(rule, "The space is of the Cedar generation.".to_string(), &[ComponentId::Space])
        }
        Some(other) => {
            let fix = crate::diagnose::fix(
                Some(situation.topology),
                &ComponentId::Space,
                Tool::Heroku,
                "heroku spaces:create --space NAME --team TEAM --generation cedar".to_string(),
                "A new space of the Cedar generation, to which the apps move.".to_string(),
            );
            let message = format!(
                "Space {} is of the generation {other}, which cannot be peered with a VPC.",
                situation.space_name()
            );
            results.violation(rule, message, &[ComponentId::Space], Vec::from([fix]));
        }
    }
}

fn state(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::SpaceIsAllocated;
    let state = situation.heroku.space.as_ref().map(|space| space.state.as_deref());
    match state {
        None => results.not_checked(rule, missing_space()),
        Some(None) => results.not_checked(rule, "the space's document gives no state".to_string()),
        Some(Some(ALLOCATED)) => {
            results.pass(rule, "The space is allocated.".to_string(), &[ComponentId::Space]);
        }
        Some(Some(other)) => {
            let name = situation.space_name();
            let fix = crate::diagnose::fix(
                Some(situation.topology),
                &ComponentId::Space,
                Tool::Heroku,
                format!("heroku spaces:wait {}", quoted(name)),
                "Waits until the space is allocated.".to_string(),
            );
            results.violation(
                rule,
                format!("Space {name} is {other} still."),
                &[ComponentId::Space],
                Vec::from([fix]),
            );
        }
    }
}

/// How each peering of a customer would be ended, with the routes that would be left.
fn destroying(situation: &Situation<'_>, results: &mut Results<'_>) {
    let name = quoted(situation.space_name());
    for (id, peering) in situation.topology.peerings() {
        if peering.is_for_data || peering.sides(&NetworkId::Space).is_none() {
            continue;
        }
        let routes = situation.topology.routes_over_peering(id);
        let left = match routes.len() {
            0 => "no route leads over it".to_string(),
            1 => "one route that leads over it would be left as a blackhole".to_string(),
            count => format!("{count} routes that lead over it would be left as blackholes"),
        };
        let word = quoted(id);
        let message = format!(
            "To end it: heroku spaces:peerings:destroy {word} --space {name} --confirm {word}; {left}. peerscope ends nothing."
        );
        results.pass(RuleId::DestroyingIsPrinted, message, &[ComponentId::VpcPeeringConnection(id.clone())]);
    }
}

/// Which of the article's inconsistencies occur here: they were read all the same.
fn samples(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::SamplesAreTolerated;
    let Some(peerings) = &situation.heroku.peerings else {
        return results.not_checked(rule, missing_peerings());
    };
    let is_active =
        |peering: &&Peering| peering.status == Some(peerscope_document::aws::PeeringStatusCode::Active);
    let active = || peerings.iter().filter(is_active);
    let unknown = active().any(|peering| peering.peering_type == Some(PeeringType::Unknown));
    let expiring = active().any(|peering| peering.expires.is_some());
    let message = match (unknown, expiring) {
        (true, true) => {
            "An active peering is of type `unknown` and has an expiry, as in Heroku's article: it is active all the same."
        }
        (true, false) => {
            "An active peering is of type `unknown`, as in Heroku's article: it is active all the same."
        }
        (false, true) => "An active peering has an expiry, as in Heroku's article: it does not expire.",
        (false, false) => "None of the inconsistencies of Heroku's article occurs.",
    };
    results.pass(rule, message.to_string(), &[ComponentId::Space]);
}

pub(super) fn missing_space() -> alloc::string::String {
    "the snapshot lacks the space itself (heroku spaces:info SPACE --json)".to_string()
}

pub(super) fn missing_info() -> alloc::string::String {
    "the snapshot lacks the space's networks (heroku spaces:peering:info SPACE --json)".to_string()
}

pub(super) fn missing_peerings() -> alloc::string::String {
    "the snapshot lacks the space's peerings (heroku spaces:peerings SPACE --json)".to_string()
}
