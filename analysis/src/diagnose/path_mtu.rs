//! Whether packets of full size pass, and who is to blame where they do not.
//!
//! An echo's answer is as large as the echo, so it tells that large packets are lost and not on which way. A connection
//! tells: where what was said in it was acknowledged and a large answer does not come, it is the way back; where a
//! large packet of this side is not acknowledged, it is the way there. Connections outrank echoes: they are what is
//! asked about, and some firewalls drop large echoes alone.

mod carried;

use alloc::format;
use alloc::string::{String, ToString};
use core::net::IpAddr;

use peerscope_vocabulary::{HandshakeEnd, HandshakeStep, ProbeKind};

use super::case::{Case, Question};
use super::seen::Seen;
use super::segments::{Carries, Segments};
use super::show;
use super::sizes::{Passes, Sizes};
use crate::cause::CauseCode;
use crate::reach::Direction;
use crate::report::{Basis, CauseReport, CauseStatus, Evidence, Gap, GapKind, Tool};
use crate::topology::{ComponentId, ComponentType};

/// The confidence in a loss that echoes alone show, time and again: some firewalls drop large echoes and let all else
/// of their size pass.
const BY_ECHOES: f64 = 0.9;
/// The same where a connection stalled as such a path has it stall.
const BY_ECHOES_AND_STALL: f64 = 0.99;

/// What came of the echoes of several sizes.
#[derive(Default)]
pub(super) struct PathMtu {
    /// That large packets are lost in silence.
    pub(super) cause: Option<CauseReport>,
    /// What follows "is reachable": which sizes pass.
    pub(super) words: Option<String>,
    /// What was to be known and is not.
    pub(super) gap: Option<Gap>,
    /// Whether large packets were seen to pass, or to be lost; none where neither was.
    pub(super) large_pass: Option<bool>,
    /// Where conversations stall whatever the size of their packets: the smallest that was tried.
    pub(super) at_every_size: Option<u32>,
}

/// Judges which sizes pass. `loses` is whether packets of any size are lost: then silence says nothing of size.
pub(super) fn judge(case: &Case, question: &Question, seen: &Seen<'_>, loses: bool) -> PathMtu {
    if !case.thorough && seen.whole.is_empty() && seen.padded.is_empty() {
        return PathMtu::default();
    }
    let of = |kind: ProbeKind| {
        let mut whole = seen.whole.iter().copied().filter(move |one| one.request.kind == kind).peekable();
        whole.peek().is_some().then(|| Sizes::of(whole).passes())
    };
    let echoes = of(ProbeKind::IcmpEcho);
    if let Some(datagrams) = of(ProbeKind::Udp) {
        return by_datagrams(question.address, datagrams);
    }
    match Segments::of(seen.padded.iter().copied()).carries() {
        Carries::Stalls(_) | Carries::AtEverySize(_) if loses => {
            by_echoes(case, question, seen, echoes, loses)
        }
        Carries::Stalls(stalled) => PathMtu {
            cause: Some(carried::cause(case, question, seen, stalled, echoes)),
            large_pass: Some(false),
            ..PathMtu::default()
        },
        Carries::Whole { there, back, is_told } => {
            let sizes = carried::Whole { there, back, is_told };
            carried::whole(
                case,
                question,
                seen,
                sizes,
                by_echoes(case, question, seen, echoes, loses),
                echoes,
            )
        }
        Carries::AtEverySize(smallest) => {
            PathMtu { at_every_size: Some(smallest), ..by_echoes(case, question, seen, echoes, loses) }
        }
        Carries::Unasked | Carries::Unclear => by_echoes(case, question, seen, echoes, loses),
    }
}

/// What datagrams tell of the way there, where echoes told nothing: how large the answers are only the service knows, and
/// why it leaves a large one unanswered.
fn by_datagrams(address: IpAddr, passes: Passes) -> PathMtu {
    let back = "how large the answers to datagrams are only the service knows";
    let told = |words: String| PathMtu {
        words: Some(words),
        gap: Some(gap(address, &format!("datagrams show the way there alone: {back}"))),
        ..PathMtu::default()
    };
    match passes {
        Passes::Whole(length) => told(format!("; datagrams of {length} bytes arrive whole")),
        Passes::Told { fits, by } => told(format!(
            "; datagrams of {fits} bytes arrive whole, larger ones are sent back by {}",
            teller(by)
        )),
        Passes::LostAbove { fits, lost, .. } => PathMtu {
            gap: Some(gap(
                address,
                &format!(
                    "datagrams of {fits} bytes are answered and of {lost} bytes are not, which may be the path or the service, which need not answer what it does not understand"
                ),
            )),
            ..PathMtu::default()
        },
        Passes::Nothing | Passes::Unclear => PathMtu {
            gap: Some(gap(address, "no echo was answered, and of datagrams only empty ones were")),
            ..PathMtu::default()
        },
    }
}

fn teller(by: Option<IpAddr>) -> String {
    by.map_or_else(|| "who says so".to_string(), |by| format!("{by}, which says so"))
}

/// What echoes alone tell.
fn by_echoes(
    case: &Case,
    question: &Question,
    seen: &Seen<'_>,
    echoes: Option<Passes>,
    loses: bool,
) -> PathMtu {
    let address = question.address;
    let unknown = |reason: &str| PathMtu { gap: Some(gap(address, reason)), ..PathMtu::default() };
    let Some(echoes) = echoes else {
        let answered = seen.deciding.iter().any(|one| super::observed::passes(one));
        let reason = match case.handshake {
            Some(_) => {
                "this process may not send ICMP echo requests, and the application could not be asked at length"
            }
            None => {
                "this process may not send ICMP echo requests, which are what is made large; a target whose scheme names its protocol (https://, tls://, postgres://, redis://, kafka://) is asked at length in it"
            }
        };
        return match answered && case.probing && !case.echo {
            true => unknown(reason),
            false => PathMtu::default(),
        };
    };
    match echoes {
        Passes::Whole(length) => PathMtu {
            words: Some(format!("; packets of {length} bytes pass whole")),
            large_pass: Some(true),
            ..PathMtu::default()
        },
        Passes::Told { fits, by } => PathMtu {
            words: Some(format!(
                "; packets of {fits} bytes pass whole, larger ones are sent back by {}",
                teller(by)
            )),
            large_pass: Some(true),
            ..PathMtu::default()
        },
        Passes::LostAbove { .. } if loses => {
            unknown("packets are lost beside, so that silence says nothing of their size")
        }
        Passes::LostAbove { fits, lost, tried, silent } => {
            let lost = Lost { fits, lost, tried, silent };
            PathMtu {
                cause: Some(cause(case, question, seen, lost)),
                large_pass: Some(false),
                ..PathMtu::default()
            }
        }
        Passes::Nothing => unknown("a small echo got no answer, so that a large one would have told nothing"),
        Passes::Unclear => unknown("what came back of the echoes had no pattern in it, or time ran out"),
    }
}

/// Packets that are lost in silence.
#[derive(Clone, Copy)]
struct Lost {
    fits: u32,
    lost: u32,
    tried: u32,
    silent: usize,
}

fn cause(case: &Case, question: &Question, seen: &Seen<'_>, sizes: Lost) -> CauseReport {
    let Lost { fits, lost, tried, .. } = sizes;
    let stall = stall(seen, lost);
    let direction = stall.as_ref().map(|(direction, _)| *direction);
    let way = match direction {
        Some(Direction::Forward) => THERE,
        Some(Direction::Return) => BACK,
        None => "on the way there or back",
    };
    let mut cause = blackhole(case, question, (fits, lost), way);
    cause.confidence = if stall.is_some() { BY_ECHOES_AND_STALL } else { BY_ECHOES };
    cause.direction = direction;
    cause.evidence.push(evidence(echoes_words(sizes)));
    cause.evidence.push(evidence(sends_words(tried)));
    match stall {
        Some((_, words)) => cause.evidence.push(evidence(words)),
        None => cause.evidence.push(Evidence {
            kind: Basis::Probes,
            text: "an echo's answer is as large as the echo, so neither way is accused; a firewall that drops large echoes alone looks the same. A transfer over a connection tells: bytes that are not acknowledged are lost on the way there, an answer that stops on the way back".to_string(),
            supports: false,
        }),
    }
    cause
}

/// The ways, in words.
const THERE: &str = "on the way there";
const BACK: &str = "on the way back";

fn evidence(text: String) -> Evidence {
    Evidence { kind: Basis::Probes, text, supports: true }
}

fn echoes_words(Lost { fits, lost, tried, silent }: Lost) -> String {
    format!(
        "echoes of up to {fits} bytes that may not be divided were answered, and {silent} of {lost} to {tried} bytes were not, nor did anybody say that they are too large"
    )
}

fn sends_words(tried: u32) -> String {
    format!(
        "this machine sends packets of up to {tried} bytes on this path, and so will an application's connection"
    )
}

/// The cause, without its evidence: packets of `lost` bytes are lost, those of `fits` are not.
fn blackhole(case: &Case, question: &Question, (fits, lost): (u32, u32), way: &str) -> CauseReport {
    let address = question.address;
    let path = ComponentId::Unknown(ComponentType::Path);
    let mut cause = show::candidate(case, CauseCode::PathMtuBlackhole, &path, &question.asked);
    cause.status = CauseStatus::Established;
    cause.summary = format!(
        "Packets of {lost} bytes and more to or from {address} are lost {way}, those of {fits} bytes pass: a link takes smaller ones only, and the ICMP message that says so does not arrive."
    );
    let (ip, version) = if address.is_ipv4() { ("ip", "") } else { ("ip -6", "6") };
    let segment = fits.saturating_sub(if address.is_ipv4() { 40 } else { 60 });
    cause.fixes.push(show::fix(
        case.topology.as_ref(),
        &path,
        Tool::Manual,
        format!("{ip} route change ROUTE mtu {fits} advmss {segment}"),
        format!(
            "On this machine or the target, with ROUTE as `{ip} route get` shows it on that side: packets of both ways then fit. Better, have the tunnel or firewall on the way let ICMP{version} {} through, or lower the MSS of what passes it.",
            if address.is_ipv4() { "fragmentation needed (type 3 code 4)" } else { "packet too big (type 2)" }
        ),
    ));
    cause
}

/// The way on which a connection shows that large packets are lost, and how it does; none where none shows it.
fn stall(seen: &Seen<'_>, lost: u32) -> Option<(Direction, String)> {
    seen.spoken.iter().find_map(|(observation, one)| match &one.reply.end {
        // As many bytes as a lost packet holds, by the headers of TCP with its usual options.
        Some(HandshakeEnd::Silent { unacknowledged: Some(count), .. }) if *count > 0 => {
            let headers = if observation.request.address.is_ipv4() { 52 } else { 72 };
            (count + headers >= lost).then(|| {
                let text = format!(
                    "of what was said in a connection {count} bytes, a packet as large as those that are lost, were not acknowledged: it is lost on the way there"
                );
                (Direction::Forward, text)
            })
        }
        Some(HandshakeEnd::Silent { step: HandshakeStep::Tls, unacknowledged: Some(0), .. }) => {
            let text = "in a connection all that was said was acknowledged, and the large answer, a server's certificates, did not come: it is lost on the way back";
            Some((Direction::Return, text.to_string()))
        }
        _ => None,
    })
}

fn gap(address: IpAddr, reason: &str) -> Gap {
    Gap {
        kind: GapKind::Probe,
        what: format!("whether packets of full size pass to and from {address}"),
        reason: reason.to_string(),
        would_tell: "whether connections stall once they carry much (PATH_MTU_BLACKHOLE)".to_string(),
    }
}
