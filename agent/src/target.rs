//! TARGET and SOURCE as people write them.
//!
//! A URL from an application's configuration holds a password and a database name. Neither is needed,
//! so both are dropped where the text is read, and nothing after this module ever sees them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns_target::DnsTarget;
use peerscope_analysis::diagnose::MYSQL_PORTS;
use peerscope_vocabulary::{ApplicationProtocol, Handshake};

use crate::escape::escape;

/// What is to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetUrl {
    /// The scheme.
    pub(crate) scheme: Scheme,
    /// The host.
    pub(crate) host: Host,
    /// The port; none for ICMP.
    pub(crate) port: Option<u16>,
}

/// A host as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// An address.
    Address(IpAddr),
    /// `i-…` or `eni-…`.
    AwsId(String),
    /// A name.
    Name(String),
}

/// What is spoken to the target. One entry a scheme: names, transport, default port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Tcp,
    Udp,
    Icmp,
    Http,
    Https,
    Tls,
    Postgres,
    Mysql,
    Redis,
    Rediss,
    Kafka,
    KafkaTls,
}

/// The names of the schemes, with the port that each stands for.
const SCHEMES: &[(&str, Scheme, Option<u16>)] = &[
    ("tcp", Scheme::Tcp, None),
    ("udp", Scheme::Udp, None),
    ("icmp", Scheme::Icmp, None),
    ("http", Scheme::Http, Some(80)),
    ("https", Scheme::Https, Some(443)),
    ("tls", Scheme::Tls, Some(443)),
    ("postgres", Scheme::Postgres, Some(5432)),
    ("postgresql", Scheme::Postgres, Some(5432)),
    ("mysql", Scheme::Mysql, Some(3306)),
    ("mysql2", Scheme::Mysql, Some(3306)),
    ("redis", Scheme::Redis, Some(6379)),
    ("rediss", Scheme::Rediss, Some(6379)),
    ("kafka", Scheme::Kafka, Some(9092)),
    // As Heroku writes KAFKA_URL.
    ("kafka+ssl", Scheme::KafkaTls, Some(9096)),
];

impl Scheme {
    /// The name that the scheme is shown by.
    pub(crate) fn name(self) -> &'static str {
        SCHEMES.iter().find(|(_, scheme, _)| *scheme == self).map_or("tcp", |(name, ..)| name)
    }

    /// The port where none is named.
    pub(crate) fn default_port(self) -> Option<u16> {
        SCHEMES.iter().find(|(_, scheme, _)| *scheme == self).and_then(|(.., port)| *port)
    }

    /// The transport's word in JSON.
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            _ => "tcp",
        }
    }

    /// The transport's IP protocol number.
    pub(crate) fn protocol_number(self, ipv6: bool) -> u8 {
        match (self, ipv6) {
            (Self::Udp, _) => 17,
            (Self::Icmp, false) => 1,
            (Self::Icmp, true) => 58,
            _ => 6,
        }
    }
}

/// A TARGET that cannot be read: what was expected, without any part that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetError(String);

impl fmt::Display for TargetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TARGET: {}", self.0)
    }
}

impl std::error::Error for TargetError {}

impl TargetError {
    /// What was expected in place of what was written, which is not repeated.
    pub(crate) fn expected(what: &str) -> Self {
        Self(format!("expected {what}"))
    }

    /// What is wrong, where it is said beside where the text stands.
    pub(crate) fn problem(self) -> String {
        self.0
    }
}

impl TargetUrl {
    /// Reads a TARGET.
    ///
    /// # Errors
    /// One line that says what was expected. Of what was written it repeats scheme, host and port only.
    pub(crate) fn parse(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if DnsTarget::parse(text).is_some() {
            return Err(Self::dns());
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(named_scheme(scheme)?), rest),
            None => (None, text),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A password may hold an @: the last one ends the credentials.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = host_and_port(authority, scheme.is_some())?;
        let (scheme, default_port) = match (scheme, &port) {
            (Some((scheme, default_port)), _) => (scheme, default_port),
            (None, Some(_)) => (Scheme::Tcp, None),
            (None, None) => (Scheme::Icmp, None),
        };
        let port = match (scheme, port.or(default_port)) {
            (Scheme::Icmp, Some(_)) if port.is_some() => {
                return Err(TargetError("expected icmp://HOST without a port".to_string()));
            }
            (Scheme::Icmp, _) => None,
            (_, Some(port)) => Some(port),
            (_, None) => {
                let name = scheme.name();
                return Err(TargetError(format!("expected a port, as in {name}://HOST:5432")));
            }
        };
        Ok(Self { scheme, host, port })
    }

    fn dns() -> TargetError {
        TargetError::expected(
            "what is to be reached, as in tcp://NAME:5432; the DNS itself is asked by `peerscope probe dns:NAME`",
        )
    }

    /// What is spoken once connected, where the scheme names it: to where a credential would be needed.
    pub(crate) fn handshake(&self) -> Option<Handshake> {
        let (protocol, tls) = match self.scheme {
            Scheme::Postgres => (ApplicationProtocol::Postgresql, false),
            Scheme::Mysql => (ApplicationProtocol::Mysql, false),
            Scheme::Redis => (ApplicationProtocol::Redis, false),
            Scheme::Rediss => (ApplicationProtocol::Redis, true),
            Scheme::Http => (ApplicationProtocol::Http, false),
            Scheme::Https => (ApplicationProtocol::Http, true),
            Scheme::Kafka => (ApplicationProtocol::Kafka, false),
            Scheme::KafkaTls => (ApplicationProtocol::Kafka, true),
            Scheme::Tls => (ApplicationProtocol::Tls, true),
            Scheme::Tcp | Scheme::Udp | Scheme::Icmp => return None,
        };
        Some(Handshake { protocol, tls, host: self.host.to_string(), login: true })
    }

    /// What was written, less credentials, path and query.
    pub(crate) fn shown(&self) -> String {
        let host = match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
            other => other.to_string(),
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.scheme.name())
    }

    /// Whether MySQL is meant, to which at most three connects are made.
    pub(crate) fn is_mysql(&self) -> bool {
        self.scheme == Scheme::Mysql || self.port.is_some_and(|port| MYSQL_PORTS.contains(&port))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::AwsId(text) | Self::Name(text) => formatter.write_str(text),
        }
    }
}

fn named_scheme(name: &str) -> Result<(Scheme, Option<u16>), TargetError> {
    let name = name.to_ascii_lowercase();
    let found = SCHEMES.iter().find(|(known, ..)| *known == name);
    found.map(|(_, scheme, port)| (*scheme, *port)).ok_or_else(|| {
        let known: Vec<&str> = SCHEMES.iter().map(|(known, ..)| *known).collect();
        let name: String = escape(&name).chars().take(24).collect();
        TargetError(format!("unknown scheme {name:?}, expected one of {}", known.join(", ")))
    })
}

/// Splits `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn host_and_port(authority: &str, has_scheme: bool) -> Result<(Host, Option<u16>), TargetError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else {
            return Err(TargetError("expected ] after the IPv6 address".to_string()));
        };
        let Ok(address) = address.parse::<Ipv6Addr>() else {
            return Err(TargetError("expected an IPv6 address between [ and ]".to_string()));
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if rest.is_empty() => None,
            None => return Err(TargetError("expected :PORT after the ]".to_string())),
        };
        return Ok((Host::Address(IpAddr::V6(address)), port));
    }
    if let (Ok(address), false) = (authority.parse::<Ipv6Addr>(), has_scheme) {
        return Ok((Host::Address(IpAddr::V6(address)), None));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (authority, None),
    };
    Ok((parse_host(host)?, port))
}

fn parse_port(text: &str) -> Result<u16, TargetError> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(TargetError("expected a port from 1 to 65535 after the last colon".to_string())),
    }
}

/// Reads a host: an address, an AWS id, or a name of letters, digits, hyphens, underscores and dots.
fn parse_host(text: &str) -> Result<Host, TargetError> {
    if text.is_empty() {
        return Err(TargetError("expected a host, as in tcp://10.100.2.20:5432".to_string()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    if is_aws_id(text) {
        return Ok(Host::AwsId(text.to_string()));
    }
    let is_name_character = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let numeric = text.chars().all(|character| character.is_ascii_digit() || character == '.');
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let well_formed = labels.clone().all(|label| (1..=63).contains(&label.len()));
    if numeric || !well_formed || text.len() > 253 || !text.chars().all(is_name_character) {
        let shown: String = escape(text).chars().take(48).collect();
        return Err(TargetError(format!(
            "{shown:?} is no host; expected an IPv4 address, an IPv6 address in brackets, a name, i-… or eni-…"
        )));
    }
    Ok(Host::Name(text.to_string()))
}

/// Whether the text is the id of an instance or a network interface.
pub(crate) fn is_aws_id(text: &str) -> bool {
    let rest = text.strip_prefix("i-").or_else(|| text.strip_prefix("eni-"));
    rest.is_some_and(|rest| rest.len() >= 4 && rest.chars().all(|character| character.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_with_their_default_ports_and_without_secrets() {
        for (text, shown) in [
            ("tcp://10.100.2.20:5432", "tcp://10.100.2.20:5432"),
            ("10.100.2.20:5432", "tcp://10.100.2.20:5432"),
            ("10.100.2.20", "icmp://10.100.2.20"),
            ("2001:db8::1", "icmp://[2001:db8::1]"),
            ("icmp://[2001:db8::1]", "icmp://[2001:db8::1]"),
            ("[2001:db8::1]:80", "tcp://[2001:db8::1]:80"),
            ("postgres://u:p@ss@db.example/orders?sslmode=require", "postgres://db.example:5432"),
            ("postgresql://db.example", "postgres://db.example:5432"),
            ("mysql2://u:p@10.0.0.1/x", "mysql://10.0.0.1:3306"),
            ("rediss://:secret@10.0.0.1:6380", "rediss://10.0.0.1:6380"),
            ("kafka://10.0.0.1", "kafka://10.0.0.1:9092"),
            ("kafka+ssl://broker.internal", "kafka+ssl://broker.internal:9096"),
            ("https://db.example/path", "https://db.example:443"),
            ("tcp://eni-0db3f00d:22", "tcp://eni-0db3f00d:22"),
            ("udp://10.0.0.2:53", "udp://10.0.0.2:53"),
        ] {
            assert_eq!(TargetUrl::parse(text).map(|target| target.shown()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_said_in_one_line_without_its_secrets() {
        for (text, expected) in [
            ("tcp://10.0.0.1", "TARGET: expected a port, as in tcp://HOST:5432"),
            ("tcp://10.0.0.1:0", "TARGET: expected a port from 1 to 65535 after the last colon"),
            ("tcp://10.0.0.1:65536", "TARGET: expected a port from 1 to 65535 after the last colon"),
            ("icmp://10.0.0.1:80", "TARGET: expected icmp://HOST without a port"),
            ("tcp://:80", "TARGET: expected a host, as in tcp://10.100.2.20:5432"),
            ("tcp://[::1:80", "TARGET: expected ] after the IPv6 address"),
        ] {
            assert_eq!(
                TargetUrl::parse(text).map_err(|error| error.to_string()),
                Err(expected.to_string()),
                "{text}"
            );
        }
        for text in
            ["ftp://user:hunter2@host:1", "tcp://user:hunter2@ho st:1", "tcp://user:hunter2@300.1.1.1:1"]
        {
            let error = TargetUrl::parse(text).map_err(|error| error.to_string()).unwrap_err();
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }
}
