//! Causes that lie in a name: it has no address here, or a public one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::case::{Case, Lookup, Question};
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::report::{Affects, Basis, CauseReport, CauseStatus, Evidence, Finding, Fix, Severity, Tool};
use crate::topology::{ComponentId, NetworkId, Topology};

/// The cause, where a name has no address.
pub(super) fn unresolved(case: &Case) -> Option<CauseReport> {
    let Some(Lookup::Failed(reason)) = &case.lookup else { return None };
    let host = &case.target.host;
    let mut cause =
        cause(case, CauseCode::NameNotResolved, format!("The name {host} has no address here: {reason}."));
    cause.evidence.push(Evidence {
        kind: Basis::Probes,
        text: format!("this machine's resolver: {reason}"),
        supports: true,
    });
    let advice = CauseCode::NameNotResolved.cause().fix.to_string();
    cause.fixes.push(show::fix(case.topology.as_ref(), &name(case), Tool::Manual, String::new(), advice));
    Some(cause)
}

/// Whether the question is about an address that a name gave and that is public: packets to it do not
/// take the peering.
pub(super) fn is_public(case: &Case, question: &Question) -> bool {
    let known =
        case.topology.as_ref().is_some_and(|topology| !topology.networks_of(question.address).is_empty());
    case.lookup == Some(Lookup::Answered) && !known && !is_private(question.address)
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
            "aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id {id} --{customers}-peering-connection-options AllowDnsResolutionFromRemoteVpc={value}"
        )
    };
    let component = ComponentId::VpcPeeringConnection(id.clone());
    Fix { undo: with(false), ..show::fix(topology, &component, Tool::Aws, with(true), explanation) }
}

/// Whether an address is for private networks, or for this host or link alone (RFC 1918, 6598, 3927,
/// 4193, 4291).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}
