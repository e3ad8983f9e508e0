//! What came of an application's handshake, in a sentence.

use alloc::format;
use alloc::string::{String, ToString};

use jiff::Timestamp;
use peerscope_vocabulary::{
    ApplicationProtocol, Carried, ClosedBy, Handshake, HandshakeEnd, HandshakeObservation, HandshakeReply,
    HandshakeStep, ProtocolAnswer, RecognisedProtocol, ServerText, TlsFacts, TlsProblem,
};

use super::observed::seconds;
use super::segments;
use super::words::observation_report;
use crate::report::{CarriedReport, HandshakeReport, ObservationReport, TlsReport};

/// How the sentence of one begins that did not speak the protocol.
pub(super) const CONNECTS: &str = "connects, ";

/// MySQL's errors in place of a greeting that a person has to do something about, by their number.
const MYSQL_REFUSALS: &[(&str, &str)] = &[
    ("1040", "too many connections"),
    (
        "1129",
        "this host is blocked after too many connection errors; `FLUSH HOSTS` on the server lets it in again",
    ),
    ("1130", "no account may connect from this host"),
    ("1203", "the account has too many connections"),
];

/// An application's handshake, as reports show it. `at` is the calendar time of the start of the run.
#[must_use]
pub fn handshake_report(one: &HandshakeObservation, at: Timestamp) -> ObservationReport {
    let mut report = observation_report(&one.observation, at);
    let (end, step) = match &one.reply.end {
        None => (None, None),
        Some(HandshakeEnd::Answered { .. }) => (Some("answered"), None),
        Some(HandshakeEnd::Refused { .. }) => (Some("refused"), None),
        Some(HandshakeEnd::AnotherProtocol { .. }) => (Some("another-protocol"), None),
        Some(HandshakeEnd::TlsFailed { .. }) => (Some("tls-failed"), Some(HandshakeStep::Tls)),
        Some(HandshakeEnd::Silent { step, .. }) => (Some("silent"), Some(*step)),
        Some(HandshakeEnd::Closed { step, .. }) => (Some("closed"), Some(*step)),
        Some(_) => (Some("other"), None),
    };
    let (answer, code, words) = match &one.reply.end {
        Some(HandshakeEnd::Answered { answer }) => (Some(answer.clone()), None, None),
        Some(HandshakeEnd::Refused { code, words }) => {
            (None, code.as_ref().map(ServerText::to_string), Some(words.to_string()))
        }
        Some(HandshakeEnd::TlsFailed { problem }) => match problem {
            TlsProblem::Alert { code, name } => (None, Some(code.to_string()), Some(name.to_string())),
            TlsProblem::Incompatible { words } | TlsProblem::Broken { words } => {
                (None, None, Some(words.to_string()))
            }
            _ => (None, None, None),
        },
        _ => (None, None, None),
    };
    report.handshake = Some(HandshakeReport {
        protocol: one.handshake.protocol,
        end,
        step,
        answer,
        code,
        words,
        unacknowledged_bytes: match &one.reply.end {
            Some(HandshakeEnd::Silent { unacknowledged, .. }) => *unacknowledged,
            _ => None,
        },
        carried: one
            .reply
            .carried
            .as_deref()
            .filter(|_| segments::is_of_segments(&one.observation.request))
            .map(carried_report),
        tls: one.reply.tls.as_ref().map(tls_report),
        seconds: one.reply.took.as_secs_f64(),
    });
    report.reason = sentence(&one.handshake, &one.reply).or(report.reason);
    report
}

fn carried_report(carried: &Carried) -> CarriedReport {
    CarriedReport {
        said_bytes: carried.said,
        unacknowledged_bytes: carried.unacknowledged,
        resent: carried.resent,
        largest_packet_bytes: carried.largest,
        largest_received_bytes: carried.largest_received,
        received_bytes: carried.received,
        out_of_order: carried.out_of_order,
    }
}

/// What was spoken: `PostgreSQL`, `HTTP over TLS`.
fn protocol_words(handshake: &Handshake) -> String {
    match (handshake.protocol, handshake.tls) {
        (ApplicationProtocol::Tls, _) | (_, false) => handshake.protocol.name().to_string(),
        (protocol, true) => format!("{} over TLS", protocol.name()),
    }
}

/// What the other side did once connected, without a full stop; none where it was not connected to. Unless it spoke
/// the protocol, it begins with [`CONNECTS`].
pub(super) fn sentence(handshake: &Handshake, reply: &HandshakeReply) -> Option<String> {
    let protocol = protocol_words(handshake);
    Some(match reply.end.as_ref()? {
        HandshakeEnd::Answered { answer } => answered(answer, reply.tls.as_ref()),
        HandshakeEnd::TlsFailed { problem } => match problem {
            TlsProblem::Alert { code, name } => {
                format!("connects, and ends the TLS handshake by its alert {code} ({name})")
            }
            TlsProblem::Incompatible { words } | TlsProblem::Broken { words } => {
                format!("connects, and TLS is not established: {words}")
            }
            _ => return None,
        },
        HandshakeEnd::Refused { code, words } => {
            let code = code.as_ref().map(ServerText::as_str);
            let known = MYSQL_REFUSALS.iter().find(|(number, _)| Some(*number) == code);
            let known = known.map(|(_, meaning)| format!(" ({meaning})")).unwrap_or_default();
            let code = match code {
                Some(code) if !words.as_str().starts_with(code) => format!("error {code}, "),
                _ => String::new(),
            };
            let said = match words.as_str() {
                "" => code.trim_end_matches(", ").to_string(),
                words => format!("{code}\"{words}\""),
            };
            format!("speaks {protocol} and refuses: {said}{known}")
        }
        HandshakeEnd::AnotherProtocol { recognised, first } => {
            let whose = recognised.map(RecognisedProtocol::name);
            let whose = whose.map(|name| format!(" but {name}")).unwrap_or_default();
            let shown: String = first.bytes().escape_ascii().to_string();
            format!("connects, and speaks no {protocol}{whose}: its first bytes are \"{shown}\"")
        }
        HandshakeEnd::Silent { step, waited, received, unacknowledged } => format!(
            "connects, and is then silent: {} was waited for {}{}{}",
            step.words(),
            seconds(*waited),
            part(*received),
            acknowledged(*unacknowledged)
        ),
        HandshakeEnd::Closed { step, by, received } => {
            let how = match by {
                ClosedBy::Fin => "closes the connection",
                ClosedBy::Reset => "resets the connection",
            };
            format!("connects, and {how} in place of {}{}", step.words(), part(*received))
        }
        _ => return None,
    })
}

/// The version as its makers count: MariaDB before 11 puts a 5.5.5 in front, for old replicas.
fn mysql_version(version: &ServerText) -> &str {
    let version = version.as_str();
    match version.strip_prefix("5.5.5-") {
        Some(own) if own.contains("MariaDB") => own,
        _ => version,
    }
}

fn tls_report(facts: &TlsFacts) -> TlsReport {
    let certificate = facts.certificate.as_ref();
    let time = |seconds: i64| Timestamp::from_second(seconds).ok();
    TlsReport {
        version: facts.version,
        certificates: facts.certificates,
        names: certificate
            .map(|own| own.names.iter().map(ServerText::to_string).collect())
            .unwrap_or_default(),
        not_before: certificate.and_then(|own| time(own.not_before)),
        not_after: certificate.and_then(|own| time(own.not_after)),
        doubt: facts.doubt.clone(),
        asks_for_certificate: facts.asks_for_certificate,
    }
}

fn part(received: u32) -> String {
    match received {
        0 => String::new(),
        count => format!(", after {count} bytes of it"),
    }
}

/// Whether what was said arrived, where that is known.
fn acknowledged(unacknowledged: Option<u32>) -> String {
    match unacknowledged {
        None => String::new(),
        Some(0) => "; its system acknowledged all that it was sent".to_string(),
        Some(count) => format!("; {count} bytes that it was sent were not acknowledged"),
    }
}

fn answered(answer: &ProtocolAnswer, tls: Option<&TlsFacts>) -> String {
    let by = tls.map(|tls| format!(" over {}", tls.version.name())).unwrap_or_default();
    let doubt = tls.and_then(|tls| tls.doubt.as_ref());
    let doubt = doubt.map(|doubt| format!("; its certificate {}", doubt.words())).unwrap_or_default();
    let asks = tls.is_some_and(|tls| tls.asks_for_certificate);
    let asks = if asks { "; it asks for a certificate of the client" } else { "" };
    format!("{}{by}{doubt}{asks}", in_words(answer))
}

fn in_words(answer: &ProtocolAnswer) -> String {
    match answer {
        ProtocolAnswer::Tls => "speaks TLS".to_string(),
        ProtocolAnswer::Postgresql { offers_tls: true } => "speaks PostgreSQL".to_string(),
        ProtocolAnswer::Postgresql { offers_tls: false } => "speaks PostgreSQL and offers no TLS".to_string(),
        ProtocolAnswer::Mysql { version, denied: Some(_), .. } => {
            format!("speaks MySQL, version {}, and asks for a login", mysql_version(version))
        }
        ProtocolAnswer::Mysql { version, login: false, .. } => {
            format!("speaks MySQL, version {}", mysql_version(version))
        }
        ProtocolAnswer::Mysql { version, denied: None, .. } => {
            let version = mysql_version(version);
            format!("speaks MySQL, version {version}, and lets anybody in without a name or password")
        }
        ProtocolAnswer::Redis { needs_password: false } => {
            "speaks Redis and asks for no password".to_string()
        }
        ProtocolAnswer::Redis { needs_password: true } => "speaks Redis and asks for a password".to_string(),
        ProtocolAnswer::Http { status } => format!("answers with status {status}, by HTTP"),
        ProtocolAnswer::Kafka { apis } => {
            format!("speaks Kafka, and knows {apis} kinds of request before a login")
        }
        _ => "answers in its protocol".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use peerscope_vocabulary::{
        CertificateDoubt, Greeting, Observation, Outcome, ProbeId, ProbeKind, ProbeRequest, TlsVersion,
    };

    use super::*;

    fn said(protocol: ApplicationProtocol, end: HandshakeEnd) -> ObservationReport {
        let request = ProbeRequest {
            greeting_wait: Duration::from_secs(1),
            ..ProbeRequest::plain(
                ProbeId(1),
                ProbeKind::Handshake,
                [10, 100, 2, 20].into(),
                5432,
                Duration::from_secs(1),
            )
        };
        let observation = Observation::bare(request, Outcome::ApplicationError);
        let reply =
            HandshakeReply { end: Some(end), tls: None, took: Duration::from_millis(1500), carried: None };
        let one = HandshakeObservation {
            handshake: Handshake { protocol, tls: false, host: "db.internal".to_string(), login: true },
            observation,
            reply,
        };
        handshake_report(&one, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_tls_showed_follows_the_answer() {
        let facts = TlsFacts {
            version: TlsVersion::Tls13,
            certificates: 1,
            certificate: None,
            doubt: Some(CertificateDoubt::UnknownIssuer),
            asks_for_certificate: true,
        };
        assert_eq!(
            answered(&ProtocolAnswer::Postgresql { offers_tls: true }, Some(&facts)),
            "speaks PostgreSQL over TLS 1.3; its certificate has an issuer that this system does not know; it asks for a certificate of the client"
        );
    }

    #[test]
    fn each_end_has_its_sentence() {
        let text = |text: &str| ServerText::new(text.as_bytes());
        let step = HandshakeStep::TlsOffer;
        for (protocol, end, sentence) in [
            (
                ApplicationProtocol::Postgresql,
                HandshakeEnd::Silent {
                    step,
                    waited: Duration::from_millis(1500),
                    received: 0,
                    unacknowledged: Some(0),
                },
                "connects, and is then silent: its answer to whether it offers TLS was waited for 1.5 s; its system acknowledged all that it was sent",
            ),
            (
                ApplicationProtocol::Mysql,
                HandshakeEnd::Closed { step: HandshakeStep::Greeting, by: ClosedBy::Reset, received: 3 },
                "connects, and resets the connection in place of its greeting, after 3 bytes of it",
            ),
            (
                ApplicationProtocol::Mysql,
                HandshakeEnd::Refused { code: Some(text("1040")), words: text("Too many connections") },
                "speaks MySQL and refuses: error 1040, \"Too many connections\" (too many connections)",
            ),
            (
                ApplicationProtocol::Redis,
                HandshakeEnd::Refused { code: Some(text("LOADING")), words: text("LOADING the dataset") },
                "speaks Redis and refuses: \"LOADING the dataset\"",
            ),
            (
                ApplicationProtocol::Kafka,
                HandshakeEnd::Refused { code: Some(text("35")), words: text("") },
                "speaks Kafka and refuses: error 35",
            ),
            (
                ApplicationProtocol::Redis,
                HandshakeEnd::AnotherProtocol {
                    recognised: Some(RecognisedProtocol::Http),
                    first: Greeting::new(b"HTTP/1.1\x1b"),
                },
                "connects, and speaks no Redis but HTTP: its first bytes are \"HTTP/1.1\\x1b\"",
            ),
            (
                ApplicationProtocol::Mysql,
                HandshakeEnd::Answered {
                    answer: ProtocolAnswer::Mysql { version: text("8.4.3"), denied: Some(1045), login: true },
                },
                "speaks MySQL, version 8.4.3, and asks for a login",
            ),
            (
                ApplicationProtocol::Mysql,
                HandshakeEnd::Answered {
                    answer: ProtocolAnswer::Mysql {
                        version: text("5.5.5-10.11.19-MariaDB"),
                        denied: None,
                        login: true,
                    },
                },
                "speaks MySQL, version 10.11.19-MariaDB, and lets anybody in without a name or password",
            ),
        ] {
            let report = said(protocol, end);
            assert_eq!(report.reason.as_deref(), Some(sentence));
            assert_eq!(report.result, "app_error");
        }
    }
}
