//! What conversations that say more than a packet holds tell of the path: which sizes pass, and on which way they do
//! not.

use alloc::format;
use alloc::string::{String, ToString};

use peerscope_vocabulary::{ApplicationProtocol, Handshake};

use super::{BACK, Lost, PathMtu, THERE, blackhole, echoes_words, evidence, gap, sends_words};
use crate::diagnose::case::{Case, Question};
use crate::diagnose::seen::Seen;
use crate::diagnose::segments::{Stalled, Way};
use crate::diagnose::sizes::Passes;
use crate::reach::Direction;
use crate::report::{Basis, CauseReport, Evidence};

/// The confidence in a loss that connections show: they stall at large sizes and not at smaller ones.
const BY_CONNECTIONS: f64 = 0.97;
/// The same where echoes show it too.
const BY_BOTH: f64 = 0.99;
/// The confidence that what echoes lost is lost on the way back, since connections carry as much on the way there.
const BY_ELIMINATION: f64 = 0.85;

/// Sizes that a connection carried.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) there: u32,
    pub(super) back: Option<u32>,
    pub(super) is_told: bool,
}

/// What was made long, in words.
fn carrier(seen: &Seen<'_>) -> &'static str {
    match seen.padded.first().map(|(_, one)| &one.handshake) {
        Some(Handshake { protocol: ApplicationProtocol::Redis, tls: false, .. }) => {
            "a PING with a message, which comes back"
        }
        Some(Handshake { protocol: ApplicationProtocol::Http, tls: false, .. }) => {
            "a request with headers of no meaning"
        }
        Some(Handshake { protocol: ApplicationProtocol::Kafka, tls: false, .. }) => {
            "ApiVersions with a field of no meaning"
        }
        _ => "TLS's first message with a key of no meaning",
    }
}

/// The cause of conversations that stall for the size of their packets.
pub(super) fn cause(
    case: &Case,
    question: &Question,
    seen: &Seen<'_>,
    stalled: Stalled,
    echoes: Option<Passes>,
) -> CauseReport {
    let Stalled { way, fits, lost, tried, count, resent, beyond } = stalled;
    let (direction, words) = match way {
        Way::There | Way::ThereAlone => (Some(Direction::Forward), THERE),
        Way::Back => (Some(Direction::Return), BACK),
        Way::Both => (None, "on the way there and on the way back"),
    };
    let by_echoes = match echoes {
        Some(Passes::LostAbove { fits, lost, tried, silent }) => Some(Lost { fits, lost, tried, silent }),
        _ => None,
    };
    // The edge that echoes found was not sought again.
    let found = by_echoes.filter(|echoes| (fits + 1..lost).contains(&echoes.lost));
    let edge = found.map_or(lost, |echoes| echoes.lost);
    let mut cause = blackhole(case, question, (fits, edge), words);
    cause.direction = direction;
    cause.confidence = if by_echoes.is_some() { BY_BOTH } else { BY_CONNECTIONS };
    let carrier = carrier(seen);
    let conversations = match count {
        1 => "a conversation that began".to_string(),
        count => format!("{count} conversations that began"),
    };
    let sizes = if lost == tried { format!("{lost}") } else { format!("{lost} to {tried}") };
    cause.evidence.push(evidence(format!(
        "{conversations} with {carrier} stalled with packets of {sizes} bytes; the same request was answered where both ends keep to packets of {fits} bytes"
    )));
    let mut push = |text: String| cause.evidence.push(evidence(text));
    if way != Way::Back {
        push(format!(
            "its packets of full size were not acknowledged, sent again {resent} times: they are lost {THERE}"
        ));
    }
    match way {
        Way::Back => push(format!(
            "all that was said was acknowledged, packets of full size included, and the answer did not come: it is lost {BACK}"
        )),
        Way::Both => push(format!(
            "said in small packets it was acknowledged, and the large answer did not come: it is lost {BACK} too"
        )),
        Way::ThereAlone => push(format!(
            "said in small packets it was answered, by packets of more than {fits} bytes: the way back takes them"
        )),
        Way::There => {}
    }
    if beyond {
        push(
            "a later, smaller piece of the answer came without what belongs before it: the application did answer"
                .to_string(),
        );
    }
    if let Some(lost) = by_echoes {
        push(echoes_words(lost));
    }
    push(sends_words(tried));
    cause
}

/// What it comes to where conversations carried packets of full size; `known` is what echoes alone come to.
pub(super) fn whole(
    case: &Case,
    question: &Question,
    seen: &Seen<'_>,
    sizes: Whole,
    known: PathMtu,
    echoes: Option<Passes>,
) -> PathMtu {
    let Whole { there, back, is_told } = sizes;
    let is_back_whole = back.is_some_and(|back| back >= there);
    if let Some(Passes::LostAbove { fits, lost, tried, silent }) = echoes
        && there >= lost
    {
        let echoes = Lost { fits, lost, tried, silent };
        return if known.cause.is_none() || back.is_some_and(|back| back >= lost) {
            PathMtu {
                words: Some(format!(
                    "; in a connection packets of {there} bytes pass there and back, though echoes of {lost} bytes and more are dropped"
                )),
                large_pass: Some(true),
                ..PathMtu::default()
            }
        } else {
            by_elimination(case, question, seen, sizes, echoes)
        };
    }
    if known.cause.is_some() {
        return known;
    }
    let told = if is_told { ", larger ones are sent back with a word" } else { "" };
    let ways = if is_back_whole { "there and back" } else { "on the way there" };
    let words = format!("; in a connection packets of {there} bytes pass {ways}{told}");
    let reason = match back {
        Some(back) => format!("the largest packet of an answer that came had {back} bytes"),
        None => "no answer that came takes a packet of full size".to_string(),
    };
    PathMtu {
        gap: match &known.large_pass {
            Some(true) => None,
            _ if is_back_whole => None,
            _ => Some(gap(question.address, &format!("they do {THERE}; of the way back {reason}"))),
        },
        words: Some(match known.words {
            Some(by_echoes) => format!("{by_echoes}{words}"),
            None => words,
        }),
        large_pass: Some(true).filter(|_| is_back_whole).or(known.large_pass),
        ..PathMtu::default()
    }
}

/// Echoes of a size are lost, and connections carry as much on the way there.
fn by_elimination(case: &Case, question: &Question, seen: &Seen<'_>, sizes: Whole, echoes: Lost) -> PathMtu {
    let mut cause = blackhole(case, question, (echoes.fits, echoes.lost), BACK);
    cause.direction = Some(Direction::Return);
    cause.confidence = BY_ELIMINATION;
    cause.evidence.push(evidence(echoes_words(echoes)));
    cause.evidence.push(evidence(format!(
        "{} was acknowledged in packets of {} bytes, so that the way there takes them",
        carrier(seen),
        sizes.there
    )));
    cause.evidence.push(Evidence {
        kind: Basis::Probes,
        text: "no answer that came takes a packet of full size; a firewall that drops large echoes alone looks the same".to_string(),
        supports: false,
    });
    PathMtu { cause: Some(cause), large_pass: Some(false), ..PathMtu::default() }
}
