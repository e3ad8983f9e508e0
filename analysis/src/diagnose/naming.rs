//! Causes that lie in a name: it has no address here, or a public one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_vocabulary::{DnsObservation, DnsSaid};

use super::case::{Case, Question};
use super::lookup::{
    Lookup, Resolution, groups, is_odd, is_sound, lookup_sentence, resolution, server_sentence,
};
use super::scope::AddressScope;
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::repair::quoted;
use crate::report::{Affects, Basis, CauseReport, CauseStatus, Evidence, Finding, Fix, Severity, Tool};
use crate::topology::{ComponentId, NetworkId, Topology};

/// The cause, where a name has no address.
pub(super) fn unresolved(case: &Case) -> Option<CauseReport> {
    let lookup = case.lookup.as_ref()?;
    let reason = lookup.failure.as_ref()?;
    let host = &case.target.host;
    let summary = format!("The name {host} has no address here: {}.", lookup_sentence(lookup));
    let mut cause = cause(case, CauseCode::NameNotResolved, summary);
    cause.evidence.extend(said(lookup));
    cause.evidence.push(Evidence {
        kind: Basis::Probes,
        text: format!("this machine's resolver: {reason}"),
        supports: true,
    });
    // That no server knows is another fault than that the name has no address.
    let is_broken = !lookup.servers.is_empty() && resolution(&lookup.servers) == Resolution::Unknown;
    let advice = match is_broken {
        true => {
            "Mend the name server, or name another one in this machine's /etc/resolv.conf; until then use the address itself (`--resolve ADDRESS` tells whether that works)."
        }
        false => CauseCode::NameNotResolved.cause().fix,
    };
    let advice = advice.to_string();
    cause.fixes.push(show::fix(case.topology.as_ref(), &name(case), Tool::Manual, String::new(), advice));
    Some(cause)
}

/// What each server said, as evidence; a server that gives addresses speaks against it that there are none.
fn said(lookup: &Lookup) -> Vec<Evidence> {
    let has_addresses = lookup.failure.is_none();
    let evidence = |group: Vec<&DnsObservation>| {
        let gives = group.iter().any(|one| matches!(one.reply.said, Some(DnsSaid::Addresses { .. })));
        Evidence { kind: Basis::Probes, text: server_sentence(&group), supports: has_addresses || !gives }
    };
    groups(&lookup.servers).into_iter().map(evidence).collect()
}

/// Servers that do not do what they should although the name has addresses: every lookup waits for them,
/// or gets what nobody expects.
pub(super) fn odd_servers(case: &Case) -> Vec<Finding> {
    let Some(lookup) = case.lookup.as_ref().filter(|lookup| lookup.failure.is_none()) else {
        return Vec::new();
    };
    let odd = |group: &Vec<&DnsObservation>| group.iter().any(|one| is_odd(one) || !is_sound(one));
    let finding = |group: Vec<&DnsObservation>| Finding {
        rule: "DNS_SERVER".to_string(),
        severity: Severity::Warning,
        message: format!("{}.", capitalised(&server_sentence(&group))),
        components: Vec::from([show::component(case.topology.as_ref(), &name(case))]),
    };
    groups(&lookup.servers).into_iter().filter(odd).map(finding).collect()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// Whether the question is about an address that a name gave and that is public: packets to it do not
/// take the peering.
pub(super) fn is_public(case: &Case, question: &Question) -> bool {
    let known =
        case.topology.as_ref().is_some_and(|topology| !topology.networks_of(question.address).is_empty());
    let is_found = case.lookup.as_ref().is_some_and(|lookup| lookup.failure.is_none());
    is_found && !known && AddressScope::of(question.address) == AddressScope::Public
}

/// The cause, where a public address does not answer.
pub(super) fn public(case: &Case, question: &Question, observed: &str) -> CauseReport {
    let (host, address) = (&case.target.host, question.address);
    let mut cause = cause(
        case,
        CauseCode::ResolvesToPublicAddress,
        format!(
            "{host} stands for the public address {address} here: packets leave over the internet, not over the peering."
        ),
    );
    cause.affects = Affects::from(&question.asked);
    let facts = [
        format!("this machine's resolver gives {host} the address {address}, which is public"),
        observed.to_string(),
    ];
    let facts = facts.into_iter().filter(|text| !text.is_empty());
    cause.evidence.extend(facts.map(|text| Evidence { kind: Basis::Probes, text, supports: true }));
    cause.evidence.extend(case.lookup.iter().flat_map(said));
    cause.fixes.push(allow_resolution(case));
    cause
}

/// The same where it does answer: worth knowing, no cause.
pub(super) fn public_finding(case: &Case, question: &Question) -> Finding {
    Finding {
        rule: CauseCode::ResolvesToPublicAddress.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "{} stands for the public address {} here: it is reached over the internet, not over the peering.",
            case.target.host, question.address
        ),
        components: Vec::from([show::component(case.topology.as_ref(), &name(case))]),
    }
}

fn name(case: &Case) -> ComponentId {
    ComponentId::DnsName(case.target.host.clone())
}

fn cause(case: &Case, code: CauseCode, summary: String) -> CauseReport {
    const CONFIDENCE: f64 = 0.95;
    CauseReport {
        status: CauseStatus::Established,
        confidence: CONFIDENCE,
        summary,
        ..show::candidate(case, code, &name(case), &Flows::none())
    }
}

/// Allows names of the VPC to resolve to private addresses in the space: the option of the VPC's side of
/// the one peering that is active (facts: "VPC peering DNS").
fn allow_resolution(case: &Case) -> Fix {
    let explanation = "Lets the VPC's public hostnames resolve to private addresses across the peering; both VPCs need DNS hostnames and DNS support. Or make the target not publicly accessible.".to_string();
    let topology = case.topology.as_ref();
    let active = topology
        .into_iter()
        .flat_map(Topology::peerings)
        .filter(|(_, peering)| peering.is_active() && peering.sides(&NetworkId::Space).is_some());
    let mut active: Vec<_> = active.collect();
    let Some((id, peering)) = active.pop().filter(|_| active.is_empty()) else {
        return show::fix(topology, &name(case), Tool::Aws, String::new(), explanation);
    };
    let customers =
        if peering.requester.network == Some(NetworkId::Space) { "accepter" } else { "requester" };
    let with = |value: bool| {
        format!(
            "aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id {} --{customers}-peering-connection-options AllowDnsResolutionFromRemoteVpc={value}",
            quoted(id)
        )
    };
    let component = ComponentId::VpcPeeringConnection(id.clone());
    Fix { undo: with(false), ..show::fix(topology, &component, Tool::Aws, with(true), explanation) }
}
