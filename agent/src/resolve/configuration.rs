//! How this machine finds names: `/etc/resolv.conf` and `/etc/hosts`.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{fs, io};

use hickory_resolver::Hosts;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;

use crate::exit::Failure;

/// Where the servers are named.
const FILE: &str = "/etc/resolv.conf";

/// The most servers that are asked: the C library reads no more (resolv.conf(5), MAXNS).
const SERVERS: usize = 3;

/// The most names that a search list makes of one.
const CANDIDATES: usize = 4;

/// DNS's port.
const PORT: u16 = 53;

/// What the resolver goes by.
pub(super) struct Configuration {
    pub(super) config: ResolverConfig,
    pub(super) options: ResolverOpts,
    /// What is odd about the file, in a clause.
    pub(super) remark: Option<String>,
}

impl Configuration {
    /// As the system has it. Without a file, or a server in it, the C library asks this machine itself
    /// (resolv.conf(5)), and so do programs.
    ///
    /// # Errors
    /// Where the file says what cannot be made sense of.
    pub(super) fn of_system() -> Result<Self, Failure> {
        match fs::read(FILE) {
            Ok(content) => Self::of_text(&content),
            Err(error) => Ok(Self::of_loopback(&unreadable(&error))),
        }
    }

    /// As a file's content has it. Lines that make no sense are passed over, as the C library does; a search
    /// list that does not is said to be.
    fn of_text(content: &[u8]) -> Result<Self, Failure> {
        let read = |content: &[u8], remark: Option<&str>| {
            // Its error for a file without servers has no kind of its own: with one added, none is left.
            let with_server = [content, b"\nnameserver 127.0.0.1\n"].concat();
            let remark = |more: &[&str]| {
                let remarks: Vec<&str> = remark.iter().chain(more).copied().collect();
                (!remarks.is_empty()).then(|| format!("{FILE} {}", remarks.join(" and ")))
            };
            match (parse_resolv_conf(content), parse_resolv_conf(&with_server)) {
                (Ok((config, options)), _) => Ok(Self { config, options, remark: remark(&[]) }),
                (Err(_), Ok((config, options))) => {
                    let remark = remark(&["names no name server, so programs here ask 127.0.0.1"]);
                    Ok(Self { config, options, remark })
                }
                (Err(_), Err(error)) => Err(error),
            }
        };
        let failed = |error| Failure::usage(format!("{FILE}: {error}"));
        read(content, None).or_else(|_| {
            let is_list = |line: &&[u8]| {
                let line = line.trim_ascii_start();
                line.starts_with(b"search") || line.starts_with(b"domain")
            };
            let lines = content.split(|byte| *byte == b'\n').filter(|line| !is_list(line));
            let without = lines.collect::<Vec<_>>().join(&b'\n');
            read(&without, Some("has a search list that is none, which is passed over")).map_err(failed)
        })
    }

    fn of_loopback(why: &str) -> Self {
        let server = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Self {
            config: ResolverConfig::from_parts(None, Vec::new(), vec![server]),
            options: ResolverOpts::default(),
            remark: Some(format!("{FILE} {why}, so programs here ask 127.0.0.1")),
        }
    }

    /// The servers, in the order in which they are asked.
    pub(super) fn servers(&self) -> Vec<SocketAddr> {
        let mut servers: Vec<SocketAddr> = Vec::new();
        for server in self.config.name_servers() {
            let port = server.connections.first().map_or(PORT, |connection| connection.port);
            let server = SocketAddr::new(server.ip, port);
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers.truncate(SERVERS);
        servers
    }

    /// The full names that are asked for in place of one, in their order: the search list's too
    /// (resolv.conf(5), `search` and `ndots`).
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        let plain = name.trim_end_matches('.').to_string();
        if name.ends_with('.') {
            return vec![plain];
        }
        let domains = self.config.search().iter().chain(self.config.domain());
        let mut names: Vec<String> = Vec::new();
        for domain in domains.map(|domain| domain.to_ascii()) {
            let domain = domain.trim_end_matches('.');
            let longer = if domain.is_empty() { plain.clone() } else { format!("{plain}.{domain}") };
            if longer.len() <= 253 && longer != plain && !names.contains(&longer) {
                names.push(longer);
            }
        }
        names.truncate(CANDIDATES - 1);
        let is_first = plain.split('.').count() > self.options.ndots;
        names.insert(if is_first { 0 } else { names.len() }, plain);
        names
    }

    /// What `/etc/hosts` says of the name: where it says anything, no server is asked (nsswitch.conf(5), whose
    /// default `files dns` is everybody's).
    pub(super) fn in_hosts(name: &str) -> Vec<IpAddr> {
        let (Ok(hosts), Ok(name)) = (Hosts::from_system(), Name::from_ascii(name)) else { return Vec::new() };
        let kinds = [RecordType::A, RecordType::AAAA];
        let found = kinds.map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)));
        let addresses = found.iter().flatten().flat_map(|found| found.answers());
        addresses.filter_map(|record| record.data.ip_addr()).collect()
    }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "does not exist".to_string(),
        ErrorKind::PermissionDenied => "may not be read by this user".to_string(),
        _ => format!("cannot be read ({error})"),
    }
}

/// The servers that this machine's resolver asks, in their order, and what is odd about its configuration.
///
/// # Errors
/// As [`Configuration::of_system`].
pub(crate) fn name_servers() -> Result<(Vec<SocketAddr>, Option<String>), Failure> {
    let configuration = Configuration::of_system()?;
    Ok((configuration.servers(), configuration.remark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(text: &str) -> Configuration {
        let (config, options) = parse_resolv_conf(text).unwrap();
        Configuration { config, options, remark: None }
    }

    #[test]
    fn names_are_tried_as_the_search_list_has_it() {
        let plain = configuration("nameserver 10.0.0.2\n");
        assert_eq!(plain.candidates("db"), ["db"]);
        let search = configuration("nameserver 10.0.0.2\nsearch a.example b.example\noptions ndots:1\n");
        assert_eq!(search.candidates("db"), ["db.a.example", "db.b.example", "db"]);
        assert_eq!(
            search.candidates("db.internal"),
            ["db.internal", "db.internal.a.example", "db.internal.b.example"]
        );
        assert_eq!(search.candidates("db.internal."), ["db.internal"]);
        let many = configuration("nameserver 10.0.0.2\nsearch a b c d e\n");
        assert_eq!(many.candidates("db"), ["db.a", "db.b", "db.c", "db"]);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_made_the_best_of() {
        for (text, server, remark) in [
            ("nameserver 10.0.0.2\nnonsense\nnameserver not-an-address\n", "10.0.0.2:53", None),
            ("\u{ff}\u{fe}\0\nnameserver 10.0.0.2\n", "10.0.0.2:53", None),
            (
                "search bad..domain\nnameserver 10.0.0.2\n",
                "10.0.0.2:53",
                Some("has a search list that is none"),
            ),
            ("", "127.0.0.1:53", Some("names no name server, so programs here ask 127.0.0.1")),
            ("search a..b\n", "127.0.0.1:53", Some("passed over and names no name server")),
        ] {
            let read = Configuration::of_text(text.as_bytes()).unwrap();
            assert_eq!(read.servers(), [server.parse().unwrap()], "{text:?}");
            assert_eq!(read.remark.is_some(), remark.is_some(), "{:?}", read.remark);
            assert!(remark.is_none_or(|said| read.remark.unwrap().contains(said)), "{text:?}");
        }
    }

    #[test]
    fn three_servers_are_asked_each_once() {
        let lines = ["10.0.0.2", "10.0.0.2", "fd00::53", "10.0.0.3", "10.0.0.4"];
        let text: String = lines.iter().map(|server| format!("nameserver {server}\n")).collect();
        let servers = configuration(&text).servers();
        assert_eq!(servers, ["10.0.0.2:53", "[fd00::53]:53", "10.0.0.3:53"].map(|one| one.parse().unwrap()));
    }
}
