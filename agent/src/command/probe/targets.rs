//! What is to be probed: arguments, a file with a target a line, names resolved.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::{fs, io};

use peerscope_vocabulary::{AddressRecord, Handshake, ProbeKind};

use crate::destination::{Destination, addresses};
use crate::dns_target::DnsTarget;
use crate::exit::Failure;
use crate::input_error::InputError;
use crate::resolve::name_servers;
use crate::target::{TargetError, TargetUrl};

/// How many names are asked for at a time.
const NAMES_AT_ONCE: usize = 8;

/// One address of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// The target as it is shown.
    pub(super) target: String,
    /// Whether the target names a MySQL.
    pub(super) is_mysql: bool,
    /// What is asked there, where that is a DNS server.
    pub(super) question: Option<Question>,
    /// What is spoken there once connected, where the target names it.
    pub(super) handshake: Option<Handshake>,
    /// Where its packets go; why there are none, where its name has no address.
    pub(super) at: Result<Destination, String>,
}

/// What a DNS server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The full name.
    pub(super) name: String,
    /// The kinds of address, each of which is a question of its own.
    pub(super) kinds: Vec<AddressRecord>,
}

/// A target as it was written.
#[derive(Debug)]
enum Written {
    Url(TargetUrl),
    Dns(DnsTarget),
}

impl Written {
    fn parse(text: &str) -> Result<Self, TargetError> {
        match DnsTarget::parse(text) {
            Some(dns) => dns.map(Self::Dns),
            None => TargetUrl::parse(text).map(Self::Url),
        }
    }
}

/// Everything to probe, in the order given.
///
/// # Errors
/// Every line of the file that is no target, or the first argument that is none.
pub(super) fn aims(arguments: &[String], file: Option<&Path>) -> Result<Vec<Aim>, Failure> {
    let mut targets = Vec::new();
    for text in arguments {
        targets.push(Written::parse(text).map_err(Failure::usage)?);
    }
    if let Some(file) = file {
        targets.extend(of_text(file, &read(file)?).map_err(Failure::Input)?);
    }
    if targets.is_empty() {
        return Err(Failure::usage("probe: expected a target, but the file holds none"));
    }
    let mut aims = Vec::new();
    for together in targets.chunks(NAMES_AT_ONCE) {
        aims.extend(resolved(together)?);
    }
    Ok(aims)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let content = if file == Path::new("-") {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map(|_| content)
    } else {
        fs::read(file)
    };
    content.map_err(|error| {
        Failure::Input(vec![InputError::expected(file, "a file with a target a line", error)])
    })
}

/// The targets of a file's text: one a line, blank lines and what follows # passed over.
fn of_text(file: &Path, content: &[u8]) -> Result<Vec<Written>, Vec<InputError>> {
    let (mut targets, mut errors) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let Ok(line) = std::str::from_utf8(line) else {
            errors.push(InputError::expected(file, "a target", "bytes that are not UTF-8").on_line(number));
            continue;
        };
        let line = uncommented(line);
        if line.is_empty() {
            continue;
        }
        match Written::parse(line) {
            Ok(target) => targets.push(target),
            Err(error) => errors.push(InputError::new(file, error.problem()).on_line(number)),
        }
    }
    if errors.is_empty() { Ok(targets) } else { Err(errors) }
}

/// A line less its comment. A # within a word is part of a URL.
fn uncommented(line: &str) -> &str {
    let begins_comment = |(at, character): &(usize, char)| {
        *character == '#' && line[..*at].chars().next_back().is_none_or(char::is_whitespace)
    };
    let end = line.char_indices().find(begins_comment).map_or(line.len(), |(at, _)| at);
    line[..end].trim()
}

/// One aim for each address of each target. Names are asked for side by side.
fn resolved(targets: &[Written]) -> Result<Vec<Aim>, Failure> {
    let found = thread::scope(|scope| {
        let asked: Vec<_> = targets.iter().map(|target| scope.spawn(|| places(target))).collect();
        let lost = || Err(Failure::Internal("a thread that resolved a name ended early".to_string()));
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| lost())).collect::<Vec<_>>()
    });
    let mut aims = Vec::new();
    for (target, found) in targets.iter().zip(found) {
        let (shown, is_mysql, question, handshake) = match target {
            Written::Url(target) => (target.shown(), target.is_mysql(), None, target.handshake()),
            Written::Dns(target) => {
                let question = Question { name: target.name.clone(), kinds: target.kinds.clone() };
                (target.shown(), false, Some(question), None)
            }
        };
        let aim = |at| Aim {
            target: shown.clone(),
            is_mysql,
            question: question.clone(),
            handshake: handshake.clone(),
            at,
        };
        match found? {
            Ok(places) => aims.extend(places.into_iter().map(|place| aim(Ok(place)))),
            Err(reason) => aims.push(aim(Err(reason))),
        }
    }
    Ok(aims)
}

/// Where the packets of a target go; why nowhere.
fn places(target: &Written) -> Result<Result<Vec<Destination>, String>, Failure> {
    let dns = match target {
        Written::Url(target) => {
            let found = addresses(&target.host, "probe")?;
            let kind = target.handshake().map(|_| ProbeKind::Handshake);
            let place = |address| {
                let destination = Destination::of(target, address);
                Destination { kind: kind.unwrap_or(destination.kind), ..destination }
            };
            return Ok(found.map(|all| all.into_iter().map(place).collect()));
        }
        Written::Dns(dns) => dns,
    };
    let servers = match &dns.server {
        Some((host, port)) => match addresses(host, "probe")? {
            Ok(found) => found.into_iter().map(|address| SocketAddr::new(address, *port)).collect(),
            Err(reason) => return Ok(Err(reason)),
        },
        None => {
            let (servers, remark) = name_servers()?;
            if let Some(remark) = remark {
                eprintln!("peerscope: {remark}");
            }
            servers
        }
    };
    let place = |server: SocketAddr| Destination {
        kind: ProbeKind::Dns,
        address: server.ip().to_canonical(),
        port: server.port(),
    };
    Ok(Ok(servers.into_iter().map(place).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_target_a_line_with_comments_and_blank_lines() {
        let text = b"# hosts\n\n tcp://10.0.0.1:80  # the first\r\nicmp://10.0.0.2\ndns://10.0.0.2/db?type=A # and not AAAA\nhttp://10.0.0.3/a#b\n";
        let targets = of_text(Path::new("hosts.txt"), text).unwrap();
        let shown = |target: &Written| match target {
            Written::Url(target) => target.shown(),
            Written::Dns(target) => target.shown(),
        };
        let shown: Vec<String> = targets.iter().map(shown).collect();
        assert_eq!(
            shown,
            ["tcp://10.0.0.1:80", "icmp://10.0.0.2", "dns://10.0.0.2/db?type=A", "http://10.0.0.3:80"]
        );
    }

    #[test]
    fn every_bad_line_is_said_with_its_number() {
        let text = b"tcp://10.0.0.1:80\ntcp://10.0.0.1\n\xff\xfe\ngopher://user:secret@x\n";
        let errors = of_text(Path::new("hosts.txt"), text).unwrap_err();
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors[0], "hosts.txt:2: expected a port, as in tcp://HOST:5432");
        assert_eq!(errors[1], "hosts.txt:3: expected a target, found bytes that are not UTF-8");
        assert!(errors[2].starts_with("hosts.txt:4: unknown scheme") && !errors[2].contains("secret"));
        assert_eq!(errors.len(), 3);
    }
}
