//! What to do next where the evidence leaves several causes: of all that a person can do, what is expected to
//! tell most in the time that it takes.
//!
//! Each act has an outcome for each cause, and those with one outcome it does not tell apart. What it tells is
//! the information of the outcomes under the confidences of the causes (Shannon 1948), in bits.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::case::{Case, Question};
use super::choice::{Permitted, Weighing};
use super::information::surprise;
use super::seen::Seen;
use crate::cause::CauseCode;
use crate::reach::Direction;
use crate::report::{CauseReport, CauseStatus, NextProbe};
use crate::topology::{ComponentType, Topology};

/// What a person needs besides, to read of the act and to do it, in minutes.
const BESIDE: f64 = 3.0;
/// Less than this many bits is not worth anybody's time.
const LEAST: f64 = 0.05;

/// What reads the configuration of a VPC; each writes to standard output.
const READING: [&str; 7] = [
    "aws ec2 describe-vpcs",
    "aws ec2 describe-subnets",
    "aws ec2 describe-route-tables",
    "aws ec2 describe-security-groups",
    "aws ec2 describe-network-acls",
    "aws ec2 describe-vpc-peering-connections",
    "aws ec2 describe-network-interfaces",
];
/// Counts the connections that found a full queue.
const OVERFLOWS: &str = "nstat -az TcpExtListenOverflows";

/// Something that a person can do.
struct Act {
    what: &'static str,
    how: String,
    /// The commands in it.
    commands: Vec<String>,
    /// How long it takes, in minutes.
    minutes: f64,
    /// What it is expected to tell, in bits.
    bits: f64,
}

/// What would tell the causes apart, or what a silent service might be asked.
pub(super) fn next_probe(
    case: &Case,
    question: &Question,
    causes: &[CauseReport],
    seen: &Seen<'_>,
) -> Option<NextProbe> {
    if !seen.mute.is_empty() && causes.is_empty() {
        return Some(ask_in_its_own_words(case, question));
    }
    let candidates: Vec<&CauseReport> =
        causes.iter().filter(|cause| cause.status == CauseStatus::Candidate).collect();
    let mut tells_apart: Vec<CauseCode> = candidates.iter().map(|cause| cause.code).collect();
    tells_apart.dedup();
    if tells_apart.len() < 2 {
        return None;
    }
    let worth = |act: &Act| act.bits / (act.minutes + BESIDE);
    let acts = match tells_apart.contains(&CauseCode::ApplicationSilent) {
        true => acts_once_connected(case, question, &candidates),
        false => acts(case, question, &candidates, seen),
    };
    let acts = acts.into_iter().filter(|act| act.bits >= LEAST);
    let best = acts.max_by(|one, other| worth(one).total_cmp(&worth(other)))?;
    Some(NextProbe { what: best.what.into(), how: best.how, commands: best.commands, tells_apart })
}

fn acts(case: &Case, question: &Question, causes: &[&CauseReport], seen: &Seen<'_>) -> Vec<Act> {
    let target = case.target_of(question.address);
    let from_here = format!("peerscope why {target}");
    let is_known = case.topology.as_ref().is_some_and(has_documents);
    let mut acts = Vec::from([
        Act {
            what: "probe the same port from a host in the target's subnet",
            how: format!(
                "on another host of that subnet, whose way there passes neither peering nor network ACL: {from_here}"
            ),
            commands: Vec::from([from_here.clone()]),
            minutes: 5.0,
            bits: information(causes, |cause| is_of_the_target(cause.code)),
        },
        Act {
            what: "watch on the target itself whether the packets arrive",
            how: format!("on {}: {}; and from here: {from_here}", question.address, capture(case)),
            commands: Vec::from([capture(case), from_here.clone()]),
            minutes: 8.0,
            bits: information(causes, arrives),
        },
    ]);
    if !is_known {
        acts.push(Act {
            what: "read the configuration of the target's VPC",
            how: format!(
                "save what these write, in the account of that VPC, as JSON files in one folder: {}; and give the folder by --snapshot",
                READING.join(", ")
            ),
            commands: READING.map(String::from).to_vec(),
            minutes: 8.0,
            bits: information(causes, documented),
        });
    }
    let lacking = lacking(causes);
    if is_known && !lacking.is_empty() {
        let commands: Vec<String> = lacking.iter().map(|(_, command)| (*command).to_string()).collect();
        acts.push(Act {
            what: "read what the snapshot lacks",
            how: format!(
                "save what this writes, in the account of the VPC, as a JSON file beside the others: {}",
                commands.join(", ")
            ),
            commands,
            minutes: 3.0,
            bits: information(causes, |cause| {
                let component_type = cause.component.component_type;
                lacking.iter().any(|(lacks, _)| *lacks == component_type).then_some(component_type)
            }),
        });
    }
    if let Some(port) = case.target.port {
        acts.push(look_at_queue(question, port, causes));
    }
    let may_explore = case.probing && !case.is_udp() && !seen.deciding.is_empty();
    // What was asked already and left something untold ran out of time.
    if may_explore && (case.explore || question.answer.is_some()) {
        let exploring_too = format!("peerscope why --explore {target}");
        let (what, how) = match case.explore {
            true => {
                ("ask those that the deadline left no time for", "with more time, the connects that are left")
            }
            false => (
                "ask other ports of the host, and its neighbours",
                "a few connects more, to what the snapshot lets through",
            ),
        };
        acts.push(Act {
            what,
            how: format!("{exploring_too}: {how}"),
            commands: Vec::from([exploring_too]),
            minutes: 0.1,
            bits: exploring(case, question, seen),
        });
    }
    acts
}

/// What candidates lie at of which nobody knows which it is, and the command that tells.
fn lacking(causes: &[&CauseReport]) -> Vec<(ComponentType, &'static str)> {
    let read = [
        (ComponentType::NetworkAcl, "aws ec2 describe-network-acls"),
        (ComponentType::RouteTable, "aws ec2 describe-route-tables"),
        (ComponentType::VpcPeeringConnection, "aws ec2 describe-vpc-peering-connections"),
        (ComponentType::NetworkInterface, "aws ec2 describe-network-interfaces"),
        (ComponentType::SecurityGroup, "aws ec2 describe-security-groups"),
    ];
    let is_lacking = |component_type: ComponentType| {
        let components = causes.iter().map(|cause| &cause.component);
        let mut of_type = components.filter(|one| one.component_type == component_type).peekable();
        // A peering that is missing has no id, though it is known which would be meant.
        of_type.peek().is_some() && of_type.all(|one| one.id.is_none())
    };
    read.into_iter().filter(|(component_type, _)| is_lacking(*component_type)).collect()
}

/// What a person can do where connections are taken and nothing more is heard.
fn acts_once_connected(case: &Case, question: &Question, causes: &[&CauseReport]) -> Vec<Act> {
    let (address, port) = (question.address, case.target.port.unwrap_or_default());
    let from_here = format!("peerscope why {}", case.target.input);
    let mut acts = Vec::from([
        Act {
            what: "probe the same port from a host in the target's subnet",
            how: format!("on another host of that subnet: {from_here}"),
            commands: Vec::from([from_here.clone()]),
            minutes: 5.0,
            // What lies on the path does not lie there.
            bits: information(causes, |cause| {
                matches!(cause.code, CauseCode::PathMtuBlackhole | CauseCode::PacketLoss)
            }),
        },
        Act {
            what: "watch on the target itself what is sent and what is acknowledged",
            how: format!("on {address}: {}; and from here: {from_here}", capture(case)),
            commands: Vec::from([capture(case), from_here]),
            minutes: 8.0,
            bits: information(causes, |cause| match cause.code {
                // Data arrives and is acknowledged, and nothing is sent; or sent, again and again; or arrives, and
                // is not acknowledged; or some of it is seen twice.
                CauseCode::ApplicationSilent => 0,
                CauseCode::PathMtuBlackhole => 1,
                CauseCode::HostFirewall | CauseCode::HostOverloaded => 2,
                _ => 3,
            }),
        },
        look_at_queue(question, port, causes),
    ]);
    if case.probing && case.echo && !case.thorough {
        let thorough = format!("peerscope why --thorough {}", case.target.input);
        acts.push(Act {
            what: "ask which sizes of packets pass",
            how: format!("{thorough}: ICMP echoes of several sizes, and a sweep"),
            commands: Vec::from([thorough]),
            minutes: 0.5,
            bits: information(causes, |cause| cause.code == CauseCode::PathMtuBlackhole),
        });
    }
    acts
}

/// A queue that is full is seen on the host alone, and there at once.
fn look_at_queue(question: &Question, port: u16, causes: &[&CauseReport]) -> Act {
    let queue = format!("ss -ltn 'sport = :{port}'");
    Act {
        what: "look on the target at the queue of connections that wait to be taken",
        how: format!(
            "on {}: {queue}: Recv-Q above Send-Q is a queue that is full; and {OVERFLOWS}",
            question.address
        ),
        commands: Vec::from([queue, OVERFLOWS.into()]),
        minutes: 3.0,
        bits: information(causes, |cause| cause.code == CauseCode::HostOverloaded),
    }
}

/// What an act tells whose outcome for each cause is this.
fn information<T: PartialEq>(causes: &[&CauseReport], outcome: impl Fn(&CauseReport) -> T) -> f64 {
    let whole: f64 = causes.iter().map(|cause| cause.confidence).sum();
    let mut shares: Vec<(T, f64)> = Vec::new();
    for cause in causes {
        let outcome = outcome(cause);
        match shares.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, share)) => *share += cause.confidence,
            None => shares.push((outcome, cause.confidence)),
        }
    }
    shares.iter().map(|(_, share)| surprise(share / whole)).sum()
}

/// What the best of the further connects tells that were not made.
fn exploring(case: &Case, question: &Question, seen: &Seen<'_>) -> f64 {
    let weighing = Weighing::of_seen(case, question, seen);
    let is_made = |one: &Permitted| seen.beside.explored().any(|observation| one.is_of(observation));
    let left = Permitted::others(case, question).into_iter().filter(|one| !is_made(one));
    left.map(|one| weighing.information(&[&one.clue])).fold(0.0, f64::max)
}

/// Whether it lies at the target, so that a host beside it meets it too.
fn is_of_the_target(code: CauseCode) -> bool {
    use CauseCode::{
        EniSgRulesMismatch, HostFirewall, HostOverloaded, HostSilent, SgHasNoRules, UnknownDestination,
        UnknownPeeredSgs,
    };
    matches!(
        code,
        EniSgRulesMismatch
            | HostFirewall
            | HostOverloaded
            | HostSilent
            | SgHasNoRules
            | UnknownDestination
            | UnknownPeeredSgs
    )
}

/// What is seen on the target.
#[derive(PartialEq)]
enum OnTheTarget {
    Nothing,
    ThePackets,
    /// There is not even a host to look from.
    NoHost,
}

fn arrives(cause: &CauseReport) -> OnTheTarget {
    match (cause.code, cause.direction) {
        (CauseCode::HostSilent | CauseCode::UnknownDestination, _) => OnTheTarget::NoHost,
        (CauseCode::HostFirewall | CauseCode::HostOverloaded, _) | (_, Some(Direction::Return)) => {
            OnTheTarget::ThePackets
        }
        _ => OnTheTarget::Nothing,
    }
}

/// What documents show: each setting by itself, and of what no document shows that it is none of them.
fn documented(cause: &CauseReport) -> Option<CauseCode> {
    match cause.code {
        CauseCode::HostSilent
        | CauseCode::HostFirewall
        | CauseCode::HostOverloaded
        | CauseCode::PacketLoss
        | CauseCode::ConfigurationDisagrees => None,
        code => Some(code),
    }
}

fn capture(case: &Case) -> String {
    match case.target.port {
        Some(port) => format!("tcpdump -n {} port {port}", case.target.protocol),
        None => "tcpdump -n icmp or icmp6".to_string(),
    }
}

/// What would tell more where datagrams got no answer.
fn ask_in_its_own_words(case: &Case, question: &Question) -> NextProbe {
    let capture = capture(case);
    NextProbe {
        what: "ask the service in its own protocol, or watch for the datagrams where they are to arrive"
            .into(),
        how: format!(
            "on the target: {capture}; and send a request of the service's own protocol to {} from here",
            question.address
        ),
        commands: Vec::from([capture]),
        tells_apart: Vec::new(),
    }
}

fn has_documents(topology: &Topology) -> bool {
    topology.vpcs().any(|(_, vpc)| vpc.documented)
}
