//! What packets beside those towards the named port tell: an ICMP echo to the same host, and, where it was
//! asked to explore, other ports of it and its neighbours.
//!
//! They decide nothing of the named port. But a host that answers anything lives, and routes and peerings
//! carry its packets; what a neighbour answers crossed whatever the two share.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind};

use super::case::{Case, Question};
use super::explore::{Nearness, nearness};
use super::observed::{Shows, passes, seconds, shows};
use crate::cause::CauseCode;
use crate::report::{Basis, CauseReport, Evidence};

/// How much more likely a host is silent altogether whose echo is silent too: groups that admit no ICMP
/// make it silent as well, so it is no proof.
const SILENT_TOO: f64 = 1.5;
/// How much less likely then only the port is.
const NOT_THE_PORT_ALONE: f64 = 0.6;
/// How much less likely a network ACL of the subnet is where a neighbour in it answers: only entries for
/// some ports tell the two apart.
const NEIGHBOUR_ANSWERS: f64 = 0.2;
/// How much less likely the host itself is where a neighbour is silent too that the snapshot lets through.
const NEIGHBOUR_SILENT: f64 = 0.3;

/// What was seen beside the named port.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside<'a> {
    echo: Option<&'a Observation>,
    explored: Vec<(&'a Observation, Nearness)>,
}

impl<'a> Beside<'a> {
    /// What observations from the source tell beside those of the named port.
    pub(super) fn of(case: &Case, question: &Question, observations: &[&'a Observation]) -> Self {
        let Some(port) = case.target.port else {
            return Self { echo: None, explored: explored(case, question, observations, None) };
        };
        let is_echo = |one: &&&Observation| {
            one.request.kind == ProbeKind::IcmpEcho && one.request.address == question.address
        };
        let told = |one: &&&Observation| matches!(one.outcome, Outcome::Echo | Outcome::Timeout);
        let echo = observations.iter().filter(is_echo).find(told).copied();
        Self { echo, explored: explored(case, question, observations, Some(port)) }
    }

    /// Whether the target's host answered anything.
    fn host_answered(&self) -> bool {
        self.echo.is_some_and(|echo| echo.outcome == Outcome::Echo)
            || self.answered(|nearness| nearness == Nearness::Host)
    }

    fn answered(&self, near: impl Fn(Nearness) -> bool) -> bool {
        self.explored.iter().any(|(one, nearness)| passes(one) && near(*nearness))
    }

    /// Whether something silent was to be expected to answer, and nothing near answered.
    fn neighbours_are_silent(&self) -> bool {
        let neighbours = || self.explored.iter().filter(|(_, nearness)| nearness.is_documented());
        let mut silent = neighbours().filter(|(one, _)| shows(one) == Shows::Silence);
        silent.next().is_some() && !neighbours().any(|(one, _)| passes(one))
    }

    /// What it proves wrong, protocol or no: routes, peerings and hosts carry any packet alike.
    pub(super) fn disproves(&self, code: CauseCode) -> bool {
        use CauseCode::{
            BadStateRoute, HigherPriorityRoute, HostSilent, MoreSpecificRoute, NoRouteToDestination,
            PeeringMissing, PeeringNotActive, PeeringPendingAcceptance, SecondaryCidrUnreachable,
            TransitivePeering, UnknownDestination,
        };
        match code {
            HostSilent | UnknownDestination => self.host_answered(),
            BadStateRoute | HigherPriorityRoute | MoreSpecificRoute | NoRouteToDestination => {
                self.host_answered() || self.answered(Nearness::shares_routes)
            }
            SecondaryCidrUnreachable | TransitivePeering => {
                self.host_answered() || self.answered(|nearness| nearness == Nearness::Subnet)
            }
            // Whatever is near the target lies beyond the same peering.
            PeeringMissing | PeeringNotActive | PeeringPendingAcceptance => {
                self.host_answered() || self.answered(|_| true)
            }
            _ => false,
        }
    }

    /// Weighs candidates anew, and adds what was seen to each.
    pub(super) fn weigh(&self, candidates: &mut Vec<CauseReport>) {
        if self.echo.is_none() && self.explored.is_empty() {
            return;
        }
        candidates.retain(|cause| !self.disproves(cause.code));
        let neighbour_answers =
            self.answered(|nearness| matches!(nearness, Nearness::Subnet | Nearness::Adjacent));
        for cause in candidates.iter_mut() {
            let of_host = matches!(cause.code, CauseCode::HostSilent | CauseCode::HostFirewall);
            if cause.code == CauseCode::SubnetAclRestriction && neighbour_answers {
                cause.confidence *= NEIGHBOUR_ANSWERS;
            }
            if of_host && self.neighbours_are_silent() {
                cause.confidence *= NEIGHBOUR_SILENT;
            }
            if let Some(echo) = self.echo {
                let supports = match (cause.code, echo.outcome == Outcome::Echo) {
                    (CauseCode::HostSilent, false) => {
                        cause.confidence *= SILENT_TOO;
                        true
                    }
                    (CauseCode::HostFirewall, false) => {
                        cause.confidence *= NOT_THE_PORT_ALONE;
                        false
                    }
                    (_, answered) => answered,
                };
                cause.evidence.push(Evidence { kind: Basis::Probes, text: echo_words(echo), supports });
            }
            let told = self.explored.iter().filter_map(|(one, nearness)| {
                let answered = passes(one);
                // A neighbour's fate speaks for what is of the host alone exactly where it differs.
                let supports = answered == (of_host || *nearness != Nearness::Host);
                let known = answered || nearness.is_documented();
                known.then(|| Evidence {
                    kind: Basis::Probes,
                    text: explored_words(one, *nearness),
                    supports,
                })
            });
            cause.evidence.extend(told);
        }
        let whole: f64 = candidates.iter().map(|cause| cause.confidence).sum();
        for cause in candidates.iter_mut().filter(|_| whole > 0.0) {
            cause.confidence /= whole;
        }
        candidates.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    }
}

/// The connects to other ports and other addresses than the named ones.
fn explored<'a>(
    case: &Case,
    question: &Question,
    observations: &[&'a Observation],
    port: Option<u16>,
) -> Vec<(&'a Observation, Nearness)> {
    let other = |one: &&&Observation| {
        let request = &one.request;
        request.kind == ProbeKind::TcpConnect
            && (request.address != question.address || Some(request.port) != port)
            && !(case.target.addresses.contains(&request.address) && Some(request.port) == port)
    };
    let told = |one: &&&Observation| passes(one) || shows(one) == Shows::Silence;
    let others = observations.iter().filter(other).filter(told);
    others.map(|one| (*one, nearness(case, question, one.request.address))).collect()
}

fn echo_words(echo: &Observation) -> String {
    let time = echo.rtt.map(|rtt| format!(" in {}", seconds(rtt))).unwrap_or_default();
    if echo.outcome == Outcome::Echo {
        format!("the same host answered an ICMP echo{time}")
    } else {
        "an ICMP echo to the same host got no answer either".to_string()
    }
}

fn explored_words(one: &Observation, nearness: Nearness) -> String {
    let (address, port) = (one.request.address, one.request.port);
    let what = match nearness {
        Nearness::Host => format!("the same host, on port {port},"),
        Nearness::Subnet => format!("{address} in the same subnet, on port {port},"),
        Nearness::RouteTable => {
            format!("{address} in another subnet with the same route table, on port {port},")
        }
        Nearness::Network => format!("{address} in another subnet of the VPC, on port {port},"),
        Nearness::Adjacent => format!("{address}, the address beside it, on port {port},"),
    };
    match shows(one) {
        Shows::Connected => format!("{what} takes connections"),
        Shows::Silence => format!("{what} is silent too, although the snapshot lets packets through"),
        _ => format!("{what} answers and refuses: packets pass both ways"),
    }
}
