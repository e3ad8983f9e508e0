//! What is wrong with TLS, and for whom.
//!
//! A certificate stops no packet and no probe. Whom it stops depends on what the clients of a protocol do: those of
//! HTTPS check everything by the system's roots; those of Redis and Kafka are mostly given a root of their own, which
//! this machine does not know; those of PostgreSQL check nothing unless they are told to.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use jiff::Timestamp;
use peerscope_vocabulary::{
    ApplicationProtocol, CertificateDoubt, Handshake, Observation, ServerText, TlsFacts, TlsProblem,
};

use super::{Failure, Judgement, OWN_WORDS};
use crate::cause::CauseCode;
use crate::diagnose::case::Case;
use crate::report::Severity;

/// The confidence where this machine's roots do not vouch: an application may be given others.
const BY_OWN_ROOTS: f64 = 0.9;
/// How many names of a certificate a sentence holds.
const NAMES_SHOWN: usize = 4;

/// Alerts that say what to do, by their number (RFC 8446, section 6.2).
const ALERTS: &[(u8, &str)] = &[
    (40, "no version or cipher suits both sides, or it demands a certificate of its clients"),
    (42, "it demands a certificate of its clients"),
    (70, "it speaks none of the versions 1.2 and 1.3"),
    (80, "it has an error of its own: see its log"),
    (112, "it has no certificate for this name"),
    (116, "it demands a certificate of its clients"),
];

/// What clients of a protocol check of a certificate, unless they are told otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checks {
    /// Nothing.
    Nothing,
    /// Its validity: whose roots and names they go by is their own matter.
    Validity,
    /// All of it, by the system's roots.
    Everything,
}

fn checks(protocol: ApplicationProtocol) -> Checks {
    match protocol {
        ApplicationProtocol::Http | ApplicationProtocol::Tls => Checks::Everything,
        ApplicationProtocol::Redis | ApplicationProtocol::Kafka => Checks::Validity,
        _ => Checks::Nothing,
    }
}

/// What a doubt about the certificate comes to; none where there is no doubt.
pub(super) fn judgement(
    case: &Case,
    observation: &Observation,
    handshake: &Handshake,
    tls: &TlsFacts,
) -> Option<Judgement> {
    let doubt = tls.doubt.as_ref()?;
    let host = &handshake.host;
    // An address of an AWS id was named by nobody, so no certificate has to hold it.
    let is_named = *host == case.target.host;
    let checks = checks(handshake.protocol);
    let refused = match doubt {
        CertificateDoubt::Expired | CertificateDoubt::NotYetValid => checks != Checks::Nothing,
        CertificateDoubt::AnotherName => checks == Checks::Everything && is_named,
        CertificateDoubt::NoRoots => false,
        _ => checks == Checks::Everything,
    };
    let what = words(host, tls, doubt);
    if !refused {
        return Some(Judgement::Noted(
            CauseCode::TlsFailed,
            Severity::Warning,
            format!(
                "The certificate of {} {what}: a client that checks it by this machine's roots, and by the name {host}, refuses it.",
                observation.request.address
            ),
        ));
    }
    let confidence = match doubt {
        CertificateDoubt::UnknownIssuer => BY_OWN_ROOTS,
        _ => OWN_WORDS,
    };
    Some(Judgement::Fails(Failure {
        code: CauseCode::TlsFailed,
        confidence,
        summary: format!("and clients that check its certificate refuse it: it {what}"),
        mending: (shown_by(handshake, observation), mending(host, tls, doubt)),
    }))
}

/// The doubt, after "its certificate", with what the certificate says.
fn words(host: &str, tls: &TlsFacts, doubt: &CertificateDoubt) -> String {
    let certificate = tls.certificate.as_ref();
    let time = |seconds: i64| Timestamp::from_second(seconds).map(|time| format!(" ({time})"));
    match (doubt, certificate) {
        (CertificateDoubt::Expired, Some(own)) => {
            format!("{}{}", doubt.words(), time(own.not_after).unwrap_or_default())
        }
        (CertificateDoubt::NotYetValid, Some(own)) => {
            format!("{}{}", doubt.words(), time(own.not_before).unwrap_or_default())
        }
        (CertificateDoubt::AnotherName, Some(own)) if !own.names.is_empty() => {
            let names: Vec<&str> = own.names.iter().take(NAMES_SHOWN).map(ServerText::as_str).collect();
            let more = if own.names.len() > NAMES_SHOWN { " and others" } else { "" };
            format!("is for {}{more}, not for {host}", names.join(", "))
        }
        (CertificateDoubt::AnotherName, _) => format!("is not for {host}"),
        _ => doubt.words().to_string(),
    }
}

fn mending(host: &str, tls: &TlsFacts, doubt: &CertificateDoubt) -> String {
    match doubt {
        CertificateDoubt::Expired => {
            "Shows its validity. Renew the certificate, and have the service read it again.".to_string()
        }
        CertificateDoubt::NotYetValid => {
            "Shows its validity. See that the clocks of both machines are right (timedatectl), or have a certificate issued that is valid now."
                .to_string()
        }
        CertificateDoubt::AnotherName => format!(
            "Shows its names. Connect by one of them, or have a certificate issued that holds {host}."
        ),
        CertificateDoubt::UnknownIssuer => {
            let between = match tls.certificates {
                1 => " The server sends its own certificate alone: where its issuer is not a root, have it send those between too.",
                _ => "",
            };
            format!(
                "Shows who issued it. Give the client the issuer's root (SSL_CERT_FILE, which peerscope reads too), or have a certificate issued by one that it knows.{between}"
            )
        }
        _ => "Shows the certificate. Replace it.".to_string(),
    }
}

/// The command that shows a certificate.
fn shown_by(handshake: &Handshake, observation: &Observation) -> String {
    let port = observation.request.port;
    let to = match observation.request.address {
        IpAddr::V6(address) => format!("[{address}]:{port}"),
        address => format!("{address}:{port}"),
    };
    let host = handshake.host.as_str();
    // Saved evidence may hold anything, and a person pastes this.
    let is_name = !host.is_empty()
        && host.parse::<IpAddr>().is_err()
        && host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
        && !host.starts_with('-');
    let name = if is_name { format!(" -servername {host}") } else { String::new() };
    format!(
        "openssl s_client -connect {to}{name} </dev/null | openssl x509 -noout -dates -issuer -ext subjectAltName"
    )
}

/// TLS that is not established.
pub(super) fn not_established(
    handshake: &Handshake,
    observation: &Observation,
    problem: &TlsProblem,
    words: &str,
) -> Failure {
    let known = match problem {
        TlsProblem::Alert { code, .. } => ALERTS.iter().find(|(number, _)| number == code),
        _ => None,
    };
    let known = known.map(|(_, meaning)| format!(": {meaning}")).unwrap_or_default();
    let summary = words.strip_prefix(super::CONNECTS).unwrap_or(words);
    let command = shown_by(handshake, observation);
    let command = command.split(" | ").next().unwrap_or_default().to_string();
    Failure {
        code: CauseCode::TlsFailed,
        confidence: OWN_WORDS,
        summary: format!("{summary}{known}"),
        mending: (
            command,
            "Shows how far its handshake gets. Have both sides speak TLS 1.2 or 1.3, see that the service has a certificate for this name, and give the client a certificate where it demands one.".to_string(),
        ),
    }
}

/// What to do where one side expects TLS and the other does not.
pub(super) fn another_scheme(handshake: &Handshake, port: u16) -> (String, String) {
    let advice = match handshake.tls {
        true => format!(
            "Port {port} speaks no TLS: name the port that does, use the scheme without it, or have the service speak it."
        ),
        false => format!("Port {port} expects TLS: use the scheme with it."),
    };
    (String::new(), advice)
}
