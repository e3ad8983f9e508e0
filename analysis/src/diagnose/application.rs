//! What the application makes of a connection: whether it answers in the protocol that was named, and what it is
//! where it does not.
//!
//! A completed connect proves routes, groups and ACLs, and nothing of what an application needs next. What the
//! other side says or does is the best evidence there is: its own words are established, and so is its silence
//! where its system acknowledged what it was sent. Silence that the path may cause as well is a group of
//! candidates ([`stall`]). Certificates are judged in [`certificate`].

mod certificate;
mod refusal;
mod stall;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{
    HandshakeEnd, HandshakeStep, Observation, ProtocolAnswer, RecognisedProtocol, Spoken, TlsFacts,
};

use super::case::{Case, Question};
use super::handshake::{CONNECTS, sentence};
use super::path_mtu::PathMtu;
use super::seen::Seen;
use super::{loss, observed, show};
use crate::cause::CauseCode;
use crate::flow::{FlowBox, Flows};
use crate::report::{Basis, CauseReport, CauseStatus, Evidence, Finding, HypothesisReport, Severity, Tool};

/// The confidence in what the other side itself said or did.
const OWN_WORDS: f64 = 0.99;
/// Within so long a SYN is answered again by a system that has not taken the connection: Linux does so after a second,
/// and no system is known that waits longer than 1.5 s for the first time.
const ANSWERED_AGAIN: Duration = Duration::from_millis(1_600);

/// What came of the handshakes of one address.
#[derive(Default)]
pub(super) struct Application {
    /// Why an application fails once it is connected; empty where it would not.
    pub(super) causes: Vec<CauseReport>,
    /// What was weighed where one was silent.
    pub(super) hypotheses: Vec<HypothesisReport>,
    /// What is worth knowing beside.
    pub(super) findings: Vec<Finding>,
}

/// How one handshake is judged.
enum Judgement {
    /// An application gets what it needs to log in.
    Well,
    /// It does, and something is worth knowing: of which code, how bad, and what.
    Noted(CauseCode, Severity, String),
    /// It fails, for a reason that is known.
    Fails(Failure),
    /// Nothing was heard.
    Stalls(stall::Stall),
}

/// Why an application fails.
struct Failure {
    code: CauseCode,
    confidence: f64,
    /// What follows "takes connections on port 5432, ".
    summary: String,
    /// What a person runs, where there is something to run, and why.
    mending: (String, String),
}

/// What a service said that speaks the protocol, in a clause; none where none did.
pub(super) fn said(spoken: &[(&Observation, &Spoken)]) -> Option<String> {
    let answered = spoken
        .iter()
        .find(|(_, one)| matches!(one.reply.end, Some(HandshakeEnd::Answered { .. })))
        .map(|(_, one)| one);
    answered.and_then(|one| sentence(&one.handshake, &one.reply))
}

/// Who was silent once connected, in a clause; none where nobody was.
pub(super) fn unsaid(spoken: &[(&Observation, &Spoken)]) -> Option<String> {
    spoken.iter().find_map(|(_, one)| match &one.reply.end {
        Some(HandshakeEnd::Silent { step, waited, .. }) => Some(format!(
            "once connected it is silent: {} was waited for {}",
            step.words(),
            observed::seconds(*waited)
        )),
        _ => None,
    })
}

/// Judges what was said once connected. `loses` is whether packets were lost beside that no setting accounts for;
/// `path_mtu` is what is known of the sizes that pass.
pub(super) fn judge(
    case: &Case,
    question: &Question,
    seen: &Seen<'_>,
    loses: bool,
    path_mtu: &PathMtu,
) -> Application {
    let mut application = Application::default();
    let judged: Vec<(&Observation, &Spoken, Judgement)> = seen
        .spoken
        .iter()
        .filter(|(_, one)| one.reply.end.is_some())
        .map(|(observation, one)| (*observation, *one, judgement(case, observation, one)))
        .collect();
    let fails = |judgement: &Judgement| matches!(judgement, Judgement::Fails(_) | Judgement::Stalls(_));
    let all_fail = judged.iter().all(|(.., judgement)| fails(judgement));
    for (observation, one, judgement) in judged {
        // Where every handshake fared ill, it is taken to hold for all that was asked.
        let flows = match all_fail {
            true => question.asked.clone(),
            false => Flows::from(FlowBox::from(observed::flow(observation, case.protocol))),
        };
        let words = sentence(&one.handshake, &one.reply).unwrap_or_default();
        let causes = match judgement {
            Judgement::Well => Vec::new(),
            Judgement::Noted(code, severity, message) => {
                let owner = show::owner(case, question, question.address);
                let finding = Finding {
                    rule: code.name().to_string(),
                    severity,
                    message,
                    components: Vec::from([show::component(case.topology.as_ref(), &owner)]),
                };
                if !application.findings.contains(&finding) {
                    application.findings.push(finding);
                }
                continue;
            }
            Judgement::Fails(failure) => {
                Vec::from([established(case, question, observation, &flows, &words, failure)])
            }
            // Loss that is certain accounts for it; that nothing came says no more.
            Judgement::Stalls(_) if loss::is_certain(&seen.deciding) => continue,
            // Known for itself, and all that such a silence needs.
            Judgement::Stalls(stall) if stall.is_large && path_mtu.large_pass == Some(false) => continue,
            Judgement::Stalls(stall) => {
                let stall = stall::Stall {
                    loses,
                    large_pass: path_mtu.large_pass == Some(true),
                    at_every_size: path_mtu.at_every_size,
                    ..stall
                };
                let weighed = stall::causes(case, question, &stall, &flows, &words);
                application.hypotheses = weighed.hypotheses;
                weighed.causes
            }
        };
        for mut cause in causes {
            cause.evidence.push(passes_both_ways(seen));
            // Several places that saw the same are one cause.
            match application.causes.iter().any(|known| known.code == cause.code) {
                true => {}
                false => application.causes.push(cause),
            }
        }
    }
    application
}

/// That packets cross is known from the connects themselves.
fn passes_both_ways(seen: &Seen<'_>) -> Evidence {
    Evidence {
        kind: Basis::Probes,
        text: format!(
            "{}: route, security group and network ACL let connections through, both ways",
            seen.words
        ),
        supports: true,
    }
}

fn judgement(case: &Case, observation: &Observation, one: &Spoken) -> Judgement {
    let Spoken { handshake, reply, .. } = one;
    let Some(end) = &reply.end else { return Judgement::Well };
    let request = &observation.request;
    let words = sentence(handshake, reply).unwrap_or_default();
    let fails = |code, mending| {
        let summary = words.strip_prefix(CONNECTS).unwrap_or(&words).to_string();
        Judgement::Fails(Failure { code, confidence: OWN_WORDS, summary, mending })
    };
    let look = || (listeners(request.port), look_at_service(observation));
    match end {
        HandshakeEnd::Answered { answer } => answered(case, observation, one, answer),
        HandshakeEnd::Refused { code, words } => {
            let code = code.as_ref().map(|code| code.as_str()).unwrap_or_default();
            let known = refusal::known(handshake.protocol, code, words.as_str());
            let cause = known.map_or(CauseCode::ApplicationError, |known| known.cause);
            fails(cause, known.map_or_else(look, refusal::Known::mending))
        }
        HandshakeEnd::TlsFailed { .. } if reply.tls.as_ref().is_some_and(|tls| tls.asks_for_certificate) => {
            Judgement::Noted(
                CauseCode::TlsFailed,
                Severity::Info,
                format!(
                    "{} asks its clients for a certificate; none was sent, and it {}.",
                    request.address,
                    words.strip_prefix("connects, and ").unwrap_or(&words)
                ),
            )
        }
        HandshakeEnd::TlsFailed { problem } => {
            Judgement::Fails(certificate::not_established(handshake, observation, problem, &words))
        }
        HandshakeEnd::AnotherProtocol { recognised, .. } => {
            let is_about_tls = handshake.tls || *recognised == Some(RecognisedProtocol::Tls);
            if is_about_tls {
                fails(CauseCode::TlsFailed, certificate::another_scheme(handshake, request.port))
            } else {
                fails(
                    CauseCode::ApplicationError,
                    (
                        listeners(request.port),
                        format!(
                            "On {}: shows what listens on port {}. Correct the port or the scheme, or start the service that is meant.",
                            request.address, request.port
                        ),
                    ),
                )
            }
        }
        HandshakeEnd::Closed { step: HandshakeStep::Tls, received: 0, .. } => {
            fails(CauseCode::TlsFailed, certificate::another_scheme(handshake, request.port))
        }
        HandshakeEnd::Closed { received: 0, .. } => fails(CauseCode::ApplicationSilent, look()),
        HandshakeEnd::Closed { .. } => fails(CauseCode::ApplicationError, look()),
        HandshakeEnd::Silent { step, received, unacknowledged, waited } => Judgement::Stalls(stall::Stall {
            is_acknowledged: unacknowledged.map(|count| count == 0),
            is_answered_again: observation
                .tcp
                .filter(|_| *waited >= ANSWERED_AGAIN)
                .map(|tcp| tcp.repeated_answers > 0),
            is_partial: *received > 0,
            is_large: *step == HandshakeStep::Tls,
            at_every_size: None,
            has_spoken: *step == HandshakeStep::Tls && !handshake.tls,
            loses: false,
            large_pass: false,
            protocol: handshake.protocol,
            port: request.port,
        }),
        _ => Judgement::Well,
    }
}

/// A service that speaks the protocol: what an application may still stop at.
fn answered(case: &Case, observation: &Observation, one: &Spoken, answer: &ProtocolAnswer) -> Judgement {
    let doubted = |tls: &TlsFacts| certificate::judgement(case, observation, &one.handshake, tls);
    if let Some(judgement) = one.reply.tls.as_ref().and_then(doubted) {
        return judgement;
    }
    match answer {
        // A balancer's or gateway's own words (RFC 9110, sections 15.6.3 to 15.6.5).
        ProtocolAnswer::Http { status: status @ 502..=504 } => Judgement::Noted(
            CauseCode::ApplicationError,
            Severity::Warning,
            format!(
                "{} answers a request for / with status {status}: a gateway or balancer that has no healthy backend says so.",
                observation.request.address
            ),
        ),
        _ => Judgement::Well,
    }
}

fn established(
    case: &Case,
    question: &Question,
    observation: &Observation,
    flows: &Flows,
    words: &str,
    failure: Failure,
) -> CauseReport {
    let Failure { code, confidence, summary, mending: (command, explanation) } = failure;
    let owner = show::owner(case, question, question.address);
    CauseReport {
        status: CauseStatus::Established,
        confidence,
        summary: takes_connections(question, observation.request.port, &summary),
        evidence: Vec::from([Evidence { kind: Basis::Probes, text: words.to_string(), supports: true }]),
        fixes: Vec::from([show::fix(case.topology.as_ref(), &owner, Tool::Manual, command, explanation)]),
        ..show::candidate(case, code, &owner, flows)
    }
}

/// The sentence of a cause: that connections are taken, and what then is wrong.
fn takes_connections(question: &Question, port: u16, summary: &str) -> String {
    format!("{} takes connections on port {port}, {summary}.", question.address)
}

/// What shows who listens on a port, and how many connections wait to be taken.
fn listeners(port: u16) -> String {
    format!("ss -ltnp 'sport = :{port}'")
}

fn look_at_service(observation: &Observation) -> String {
    format!(
        "On {}: shows what listens there, and how many connections wait to be taken (Recv-Q). Look at the service's own log; behind a balancer or proxy, see that a backend is healthy.",
        observation.request.address
    )
}
