//! Rules about where a target is: in the primary CIDR, in the peered VPC itself, in the space, or public.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::heroku::App;
use peerscope_document::id::VpcId;

use super::Results;
use super::judged::Judged;
use super::route::nothing_judged;
use super::situation::Situation;
use super::space::missing_info;
use crate::diagnose::{AddressScope, fix};
use crate::repair::{quoted, region_option};
use crate::report::{Fix, Tool};
use crate::rule::RuleId;
use crate::topology::{ComponentId, Leads, NetworkId, Outside};

/// The domain of every app, over which it is called from the internet.
const APP_DOMAIN: &str = ".herokuapp.com";

pub(super) fn check(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    place(situation, judged, results);
    data_service(situation, results);
    app(situation, results);
    dyno(situation, results);
    public(situation, results);
}

/// That a target in a VPC is where a peering leads.
fn place(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    for rule in [RuleId::TargetIsInPrimaryCidr, RuleId::TargetIsInPeeredVpc] {
        let mut seen: BTreeSet<(IpAddr, RuleId)> = BTreeSet::new();
        for one in judged.iter().filter(|one| !one.is_in_space) {
            if !seen.insert((one.place.address, rule)) {
                continue;
            }
            let about: Vec<ComponentId> =
                one.interface.iter().cloned().chain([ComponentId::Vpc(one.vpc.clone())]).collect();
            if let Some(broken) = one.breaks(rule).next() {
                results.broken(rule, broken, broken.message.clone(), &about);
                continue;
            }
            if let Some((_, reason)) = one.leaves_open(rule).next() {
                results.not_checked_of(rule, reason.to_string(), &about);
                continue;
            }
            let (address, vpc) = (one.place.address, &one.vpc);
            let known = situation.topology.vpc(vpc).filter(|vpc| vpc.documented).and_then(|vpc| vpc.primary);
            match (rule, known) {
                (RuleId::TargetIsInPrimaryCidr, Some(primary)) if primary.contains(&address) => {
                    results.pass(
                        rule,
                        format!("{address} is in {primary}, the primary CIDR of {vpc}."),
                        &about,
                    );
                }
                (RuleId::TargetIsInPrimaryCidr, _) => {
                    let reason = format!(
                        "which of {vpc}'s CIDRs is the primary one, and holds {address}, is not in the snapshot"
                    );
                    results.not_checked_of(rule, reason, &about);
                }
                _ => results.pass(rule, format!("{address} is in {vpc} itself."), &about),
            }
        }
        if seen.is_empty() {
            results.not_checked(rule, nothing_judged(situation));
        }
    }
}

/// Heroku's data services, called from a VPC.
fn data_service(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::TargetIsNoDataService;
    let Some(space) = situation.space.filter(|space| !space.data_blocks.is_empty()) else {
        let reason = "the space's data network is not in the snapshot (heroku spaces:info SPACE --json)";
        return results.not_checked(rule, reason.to_string());
    };
    let is_data = |address: IpAddr| space.data_blocks.iter().any(|block| block.contains(&address));
    let mut found = false;
    for place in &situation.places {
        let elsewhere = matches!(place.network, Some(NetworkId::Vpc(_) | NetworkId::Space));
        if !is_data(place.address) || elsewhere {
            continue;
        }
        found = true;
        let fixes = [
            (
                "heroku data:privatelink:create DATABASE --aws-account-id ACCOUNT_ID:root --app APP",
                "PrivateLink, within one Region: then an interface endpoint in the VPC for the service that it shows.",
            ),
            (
                "heroku data:mtls:create DATABASE --app APP",
                "Mutual TLS over the internet, from any Region: allow the VPC's public addresses.",
            ),
        ];
        let fixes = fixes.map(|(command, words)| {
            fix(
                Some(situation.topology),
                &ComponentId::Space,
                Tool::Heroku,
                command.to_string(),
                words.to_string(),
            )
        });
        let message =
            format!("{} is one of Heroku's data services: no peering reaches them from a VPC.", place.input);
        results.violation(rule, message, &[ComponentId::Space], fixes.into());
    }
    if !found {
        let blocks: Vec<String> = space.data_blocks.iter().map(ToString::to_string).collect();
        results.pass(
            rule,
            format!("No target is in {}, the network of Heroku's data services.", blocks.join(", ")),
            &[ComponentId::Space],
        );
    }
}

/// An app that is called by its domain.
fn app(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::AppIsRoutedInternally;
    let names = situation.case.targets.iter().filter_map(|target| target.name.as_deref());
    let apps: Vec<&str> = names.filter(|name| name.to_ascii_lowercase().ends_with(APP_DOMAIN)).collect();
    for name in &apps {
        let about = [ComponentId::DnsName((*name).to_string())];
        match internal_routing(situation, name) {
            Some(true) => {
                results.pass(rule, format!("The app of {name} has internal routing."), &about);
            }
            Some(false) => {
                let command = format!(
                    "heroku apps:create --internal-routing --space {}",
                    quoted(situation.space_name())
                );
                let words = "A new app with internal routing, which no app gets afterwards: its router is reached over the peering.";
                let fix = fix(
                    Some(situation.topology),
                    &ComponentId::Space,
                    Tool::Heroku,
                    command,
                    words.to_string(),
                );
                let message = format!(
                    "The app of {name} has no internal routing: from the VPC it is called over the internet, not over the peering."
                );
                results.violation(rule, message, &about, Vec::from([fix]));
            }
            None => {
                let reason = format!("whether the app of {name} has internal routing is not in the snapshot");
                results.not_checked_of(rule, reason, &about);
            }
        }
    }
    if apps.is_empty() {
        results.pass(rule, format!("No target is a name under {}.", &APP_DOMAIN[1..]), &[]);
    }
}

/// Whether the app with this domain has internal routing; none where no document tells.
fn internal_routing(situation: &Situation<'_>, domain: &str) -> Option<bool> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(domain);
    let listed = situation.heroku.topology.iter().flat_map(|topology| &topology.apps);
    let id =
        listed.filter(|app| app.domains.iter().any(|known| is_it(known))).find_map(|app| app.id.as_ref());
    let own_name = |app: &App| app.name.as_ref().is_some_and(|name| is_it(&format!("{name}{APP_DOMAIN}")));
    let mut apps = situation.heroku.apps.iter().flatten();
    let app = apps.find(|app| {
        app.domains.iter().any(|known| is_it(known))
            || own_name(app)
            || (id.is_some() && app.id.as_ref() == id)
    });
    app?.internal_routing
}

/// A target that is a dyno.
fn dyno(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::DynoAddressIsKnown;
    let mut found = false;
    for place in situation.in_space() {
        let Some(space) = situation.space else { continue };
        let is_dynos = space.dyno_blocks.iter().any(|block| block.contains(&place.address));
        if !is_dynos {
            continue;
        }
        found = true;
        let about = [ComponentId::Host(place.address)];
        let whose = match space.dynos.iter().find(|dyno| dyno.address == place.address) {
            Some(dyno) => {
                dyno.name.clone().map(|name| format!(" It was {name}'s when the snapshot was taken."))
            }
            None if situation.heroku.topology.is_some() => {
                Some(" No dyno had it when the snapshot was taken.".to_string())
            }
            None => None,
        };
        let fix = fix(
            Some(situation.topology),
            &ComponentId::Space,
            Tool::Heroku,
            format!("heroku spaces:topology {}", quoted(situation.space_name())),
            "Shows the dynos' addresses of now.".to_string(),
        );
        let message = format!(
            "{} is in a dyno's block: a dyno's address changes at every restart, and no public name follows it.{}",
            place.input,
            whose.unwrap_or_default()
        );
        results.violation(rule, message, &about, Vec::from([fix]));
    }
    match (found, situation.space) {
        (true, _) => {}
        (false, None) => results.not_checked(rule, missing_info()),
        (false, Some(_)) => results.pass(rule, "No target is a dyno.".to_string(), &[]),
    }
}

/// A target that is public, and so called over the NAT.
fn public(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::TargetIsNotPublic;
    if situation.places.is_empty() {
        return results.not_checked(rule, nothing_judged(situation));
    }
    let mut found = named_public(situation, results);
    let mut seen: BTreeSet<IpAddr> = BTreeSet::new();
    for place in situation.places.iter().filter(|place| place.network.is_none()) {
        if AddressScope::of(place.address) != AddressScope::Public || !seen.insert(place.address) {
            continue;
        }
        found = true;
        let nat: Vec<String> =
            situation.space.iter().flat_map(|space| &space.nat_sources).map(ToString::to_string).collect();
        let from = match nat.is_empty() {
            true => String::new(),
            false => format!(" It is called from {}.", nat.join(", ")),
        };
        let message = format!(
            "{} ({}) is public: dynos call it over the space's NAT, not over the peering.{from}",
            place.input, place.address
        );
        results.violation(rule, message, &[ComponentId::Host(place.address)], Vec::new());
    }
    if !found {
        results.pass(rule, "No target is a public address.".to_string(), &[]);
    }
}

/// Targets that are given by the name of a database or a load balancer, which may lead to a public address for who asks
/// in the space; whether any does, or may.
fn named_public(situation: &Situation<'_>, results: &mut Results<'_>) -> bool {
    let rule = RuleId::TargetIsNotPublic;
    let mut found = false;
    for target in &situation.case.targets {
        let Some(name) = &target.name else { continue };
        let Some((service, _)) = situation.topology.service_named(name) else { continue };
        let about = [service.component.clone()];
        match service.leads(situation.topology, &NetworkId::Space) {
            // One that leads inside is no public address, as every other target.
            Leads::Inside(_) => {}
            Leads::Outside(why) => {
                found = true;
                let message = format!(
                    "{name} stands for a public address in the space: {why}. Dynos call it over the space's NAT, not over the peering."
                );
                let mends = lead_inside(situation, &why).into_iter().collect();
                results.violation(rule, message, &about, mends);
            }
            Leads::Unknown(what) => {
                found = true;
                results.not_checked_of(
                    rule,
                    format!("to which address {name} leads in the space: {what}"),
                    &about,
                );
            }
        }
    }
    found
}

/// What makes a name lead inside that does not, where something does.
fn lead_inside(situation: &Situation<'_>, why: &Outside) -> Option<Fix> {
    let region = |component: &ComponentId| region_option(&situation.topology.ownership(component));
    let attribute = |vpc: &VpcId, option: &str, words: &str| {
        let component = ComponentId::Vpc(vpc.clone());
        let (id, region) = (quoted(vpc), region(&component));
        let command = |value: bool| {
            format!("aws ec2 modify-vpc-attribute --vpc-id {id} --{option} '{{\"Value\":{value}}}'{region}")
        };
        (component, command(true), command(false), words.to_string())
    };
    let (component, command, undo, words) = match why {
        Outside::NotAllowed { peering, is_requester, .. } => {
            let component = ComponentId::VpcPeeringConnection(peering.clone());
            let (id, region) = (quoted(peering), region(&component));
            let side = if *is_requester { "requester" } else { "accepter" };
            let command = |value: bool| {
                format!(
                    "aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id {id} --{side}-peering-connection-options AllowDnsResolutionFromRemoteVpc={value}{region}"
                )
            };
            let words = "Lets the VPC's public names lead to private addresses for who asks in the space; both VPCs need DNS support and DNS hostnames. Or make the database not publicly accessible.";
            (component, command(true), command(false), words.to_string())
        }
        Outside::SupportOff(vpc) => attribute(
            vpc,
            "enable-dns-support",
            "Lets the VPC's own DNS answer, which resolution across the peering needs.",
        ),
        Outside::HostnamesOff(vpc) => attribute(
            vpc,
            "enable-dns-hostnames",
            "Gives the VPC's hosts public names that lead to private addresses, which resolution across the peering needs.",
        ),
        // A load balancer's scheme cannot be changed, and a peering is another rule's.
        Outside::InternetFacing | Outside::NoPeering(..) => return None,
    };
    Some(Fix { undo, ..fix(Some(situation.topology), &component, Tool::Aws, command, words) })
}
