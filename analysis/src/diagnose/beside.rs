//! What packets beside those towards the named port tell: an ICMP echo to the same host, and, where it was
//! asked to explore, other ports of it and its neighbours.
//!
//! They decide nothing of the named port. But a host that answers anything lives, and routes and peerings
//! carry its packets; what a neighbour answers crossed whatever the two share.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind};

use super::case::{Case, Question, StandingConnection};
use super::explore::{Nearness, nearness};
use super::hypothesis::{Chances, Clue};
use super::observed::{self, Shows, length, passes, seconds, shows};
use crate::cause::CauseCode;
use crate::flow::{FlowBox, Flows, PortRange, ProtocolRange};
use crate::reach::reach;

/// What was seen beside the named port.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside<'a> {
    echo: Option<&'a Observation>,
    explored: Vec<(&'a Observation, Nearness)>,
    standing: Vec<StandingConnection>,
}

impl<'a> Beside<'a> {
    /// What observations from the source tell beside those of the named port.
    pub(super) fn of(case: &Case, question: &Question, observations: &[&'a Observation]) -> Self {
        let standing = case.standing.iter().filter(|one| one.address == question.address);
        let standing = standing.cloned().collect();
        let Some(port) = case.target.port else {
            return Self { echo: None, explored: explored(case, question, observations, None), standing };
        };
        let is_echo = |one: &&&Observation| {
            one.request.kind == ProbeKind::IcmpEcho && one.request.address == question.address
        };
        let told = |one: &&&Observation| matches!(one.outcome, Outcome::Echo | Outcome::Timeout);
        let echo = observations.iter().filter(is_echo).find(told).copied();
        Self { echo, explored: explored(case, question, observations, Some(port)), standing }
    }

    /// The connects to others than the named port that were made.
    pub(super) fn explored(&self) -> impl Iterator<Item = &'a Observation> + '_ {
        self.explored.iter().map(|(one, _)| *one)
    }

    /// Whether the target's host answered anything.
    pub(super) fn host_answered(&self) -> bool {
        self.echo.is_some_and(|echo| echo.outcome == Outcome::Echo)
            || self.answered(|nearness| nearness == Nearness::Host)
            || self.stands().is_some()
    }

    /// A connection to the host that still gets its packets through.
    fn stands(&self) -> Option<&StandingConnection> {
        self.standing.iter().find(|standing| standing.is_acknowledged)
    }

    fn answered(&self, near: impl Fn(Nearness) -> bool) -> bool {
        self.explored.iter().any(|(one, nearness)| passes(one) && near(*nearness))
            || (self.stands().is_some() && near(Nearness::Host))
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
                self.host_answered() || self.answered(Nearness::shares_route_table)
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

    /// What was answered, in a clause; none where nothing was.
    pub(super) fn answer_words(&self) -> Option<String> {
        let echo = self.echo.filter(|echo| echo.outcome == Outcome::Echo).map(echo_words);
        let explored = || self.explored.iter().find(|(one, _)| passes(one));
        echo.or_else(|| {
            explored().map(|(one, near)| {
                format!("{} {}", place_words(one.request.address, one.request.port, *near), answers(one))
            })
        })
        .or_else(|| self.stands().map(standing_words))
    }

    /// What it tells of the causes of a silence.
    pub(super) fn clues(&self, case: &Case, question: &Question) -> Vec<Clue> {
        let standing = self.standing.iter().map(|standing| standing_clue(case, standing));
        self.told(case, question).into_iter().map(|(_, clue)| clue).chain(standing).collect()
    }

    /// Each probe with what it tells.
    pub(super) fn told(&self, case: &Case, question: &Question) -> Vec<(&'a Observation, Clue)> {
        let is_answered = |echo: &Observation| echo.outcome == Outcome::Echo;
        let echo =
            self.echo.map(|echo| (echo, echo_clue(case, question, is_answered(echo), echo_words(echo))));
        let documented = case.topology.is_some() && question.networks.is_some();
        let other = |(one, near): &(&'a Observation, Nearness)| {
            let asked = (one.request.address, one.request.port);
            let clue = connect_clue(case, question, asked, passes(one), explored_words(one, *near, case));
            let is_shut = documented && is_shut(case, question, one);
            let expected = if is_shut { Chances::THOUGH_SHUT } else { clue.expected };
            (*one, Clue { expected, ..clue })
        };
        echo.into_iter().chain(self.explored.iter().map(other)).collect()
    }
}

/// What an echo to the target tells that was answered, or was not; `text` says so.
pub(super) fn echo_clue(case: &Case, question: &Question, answered: bool, text: String) -> Clue {
    let expected = echo_expected(case, question);
    Clue { near: Nearness::Host, same_port: false, answered, expected, is_standing: false, text }
}

/// What a connection tells that stood before, and goes on or not.
fn standing_clue(case: &Case, standing: &StandingConnection) -> Clue {
    Clue {
        near: Nearness::Host,
        same_port: Some(standing.port) == case.target.port,
        answered: standing.is_acknowledged,
        expected: Chances::STANDING,
        is_standing: true,
        text: standing_words(standing),
    }
}

fn standing_words(standing: &StandingConnection) -> String {
    let StandingConnection { port, stood, .. } = standing;
    let stood = length(*stood);
    match standing.is_acknowledged {
        true => format!(
            "a connection to port {port} of the same host, {stood} older than the first bad probe, goes on"
        ),
        false => format!(
            "a connection to port {port} of the same host, {stood} older than the first bad probe, is silent too"
        ),
    }
}

/// What a connect to another port of the target, or to another address, tells that was answered, or was not.
pub(super) fn connect_clue(
    case: &Case,
    question: &Question,
    (address, port): (IpAddr, u16),
    answered: bool,
    text: String,
) -> Clue {
    let near = nearness(case, question, address);
    let documented = case.topology.is_some() && question.networks.is_some();
    let same_port = Some(port) == case.target.port;
    let expected = near.chance(documented);
    Clue { near, same_port, answered, expected, is_standing: false, text }
}

/// How likely an echo is answered where nothing beside stops it: whether groups and ACLs admit one may be
/// known.
fn echo_expected(case: &Case, question: &Question) -> f64 {
    let known = case.topology.as_ref().zip(question.networks.as_ref());
    let Some((topology, (source, target))) = known else { return Chances::ECHO_ANYWHERE };
    let echo = |flows: &FlowBox| FlowBox {
        protocol: ProtocolRange::single(if question.address.is_ipv4() { 1 } else { 58 }),
        source_ports: PortRange::ALL,
        ports: PortRange::echo_request(flows.destination.family()),
        ..*flows
    };
    let asked: Flows = question.asked.boxes().iter().map(echo).collect();
    let opening = reach(topology, source, target, &asked).opening();
    match (opening.blocked.is_empty(), opening.unknown.is_empty()) {
        (true, true) => Chances::ECHO_WHERE_ADMITTED,
        (false, _) => Chances::THOUGH_SHUT,
        (true, false) => Chances::ECHO_ANYWHERE,
    }
}

/// Whether the documents stop a probe: where it was made before they were read, nobody chose it by them.
fn is_shut(case: &Case, question: &Question, one: &Observation) -> bool {
    let known = case.topology.as_ref().zip(question.networks.as_ref());
    let asked = Flows::from(FlowBox::from(observed::flow(one, case.protocol)));
    known.is_some_and(|(topology, (source, target))| {
        !reach(topology, source, target, &asked).opening().blocked.is_empty()
    })
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

/// Where a connect beside the named port went.
pub(super) fn place_words(address: IpAddr, port: u16, nearness: Nearness) -> String {
    match nearness {
        Nearness::Host => format!("the same host, on port {port},"),
        Nearness::Subnet => format!("{address} in the same subnet, on port {port},"),
        Nearness::RouteTable => {
            format!("{address} in another subnet with the same route table, on port {port},")
        }
        Nearness::NetworkAcl { and_route_table } => {
            let shared = if and_route_table { "route table and network ACL" } else { "network ACL" };
            format!("{address} in another subnet with the same {shared}, on port {port},")
        }
        Nearness::Network => format!("{address} in another subnet of the VPC, on port {port},"),
        Nearness::Adjacent => format!("{address}, the address beside it, on port {port},"),
    }
}

fn explored_words(one: &Observation, nearness: Nearness, case: &Case) -> String {
    let what = place_words(one.request.address, one.request.port, nearness);
    match (shows(one), &case.topology) {
        (Shows::Silence, Some(_)) => {
            format!("{what} is silent too, although the snapshot lets packets through")
        }
        (Shows::Silence, None) => format!("{what} is silent too"),
        _ => format!("{what} {}", answers(one)),
    }
}

fn answers(one: &Observation) -> &'static str {
    match shows(one) {
        Shows::Connected => "takes connections",
        _ => "answers and refuses: packets pass both ways",
    }
}
