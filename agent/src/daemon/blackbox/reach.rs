//! What may be reached, and how often: the one way in which a question comes to an address.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use ipnet::IpNet;
use peerscope_probes::Pace;

use super::super::Shared;
use super::super::configuration::modules::{Addresses, Family};
use super::super::configuration::{Block, ProbeEndpointSection};
use super::super::watched::Watched;
use super::mysql::UNFIT;
use super::page::Page;
use super::{Probe, Stopped};
use crate::resolve::addresses;
use crate::target::{Host, Scheme, TargetUrl};

/// What may be reached.
pub(super) enum Allow {
    /// Addresses in these blocks.
    Blocks(Vec<IpNet>),
    /// What the paths' targets are.
    Targets,
}

impl Allow {
    /// As it is configured.
    pub(super) fn of(section: &ProbeEndpointSection) -> Self {
        let blocks = |blocks: &Vec<_>| Self::Blocks(blocks.iter().map(|block: &Block| block.0).collect());
        section.allow.as_ref().map_or(Self::Targets, blocks)
    }
}

/// By what a question reaches addresses.
pub(super) struct Reach<'a> {
    shared: &'a Shared,
    allow: &'a Allow,
    deadline: Instant,
}

/// An address that may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed(IpAddr);

impl Allowed {
    /// The address.
    pub(super) fn address(self) -> IpAddr {
        self.0
    }

    /// The address and a port.
    pub(super) fn with_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.0, port)
    }
}

/// An address and a port that may be connected to now, once.
#[derive(Debug)]
pub(super) struct Entrance(SocketAddr);

impl Entrance {
    /// The address and the port.
    pub(super) fn at(&self) -> SocketAddr {
        self.0
    }
}

impl<'a> Reach<'a> {
    /// For a question that is to end by then.
    pub(super) fn new(shared: &'a Shared, allow: &'a Allow, deadline: Instant) -> Self {
        Self { shared, allow, deadline }
    }

    /// When the question is to end.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long it may still take.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The time of everything that the daemon does.
    pub(super) fn now(&self) -> Duration {
        self.shared.board.now()
    }

    /// The pace of an engine that begins now.
    pub(super) fn pace(&self) -> Pace {
        self.shared.pace.later_by(self.shared.board.now())
    }

    /// The one address of several that may be asked; none where none may.
    fn is_allowed(&self, address: IpAddr, port: Option<u16>) -> bool {
        match self.allow {
            Allow::Blocks(blocks) => blocks.iter().any(|block| block.contains(&address)),
            Allow::Targets => self.shared.board.paths().iter().any(|path| {
                let target = &path.section.target.0;
                let is_port = port.is_none_or(|port| target.port == Some(port));
                is_port && self.of_target(target).iter().any(|known| known.to_canonical() == address)
            }),
        }
    }

    fn of_target(&self, target: &TargetUrl) -> Vec<IpAddr> {
        match &target.host {
            Host::Address(address) => vec![*address],
            host => self.shared.names.addresses(host).and_then(Result::ok).unwrap_or_default(),
        }
    }

    /// The MySQL at a port, where one is meant: by its number, because a path says so, or because one greeted there.
    pub(super) fn mysql(&self, host: &str, address: Allowed, port: u16) -> Option<TargetUrl> {
        let is_it = |path: &Watched| {
            let target = &path.section.target.0;
            let is_host =
                || matches!(target.host, Host::Name(_)) && target.host.to_string().eq_ignore_ascii_case(host);
            let is_address = || self.of_target(target).iter().any(|known| known.to_canonical() == address.0);
            // One may have greeted that nobody has named.
            let is_mysql = target.scheme == Scheme::Mysql || path.status().is_mysql;
            is_mysql && target.port == Some(port) && (is_host() || is_address())
        };
        let is_said = self.shared.board.paths().iter().any(|path| is_it(path));
        let is_spoken = is_said || Scheme::Mysql.default_port() == Some(port);
        let scheme = if is_spoken { Scheme::Mysql } else { Scheme::Tcp };
        let target = TargetUrl { scheme, host: Host::Address(address.0), port: Some(port) };
        target.is_mysql().then_some(target)
    }

    /// The addresses of a host. Where the paths' targets alone may be reached, no other name is even looked up.
    fn addresses(&self, host: &str) -> Result<Result<Vec<IpAddr>, String>, Stopped> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Ok(vec![address]));
        }
        if let Allow::Targets = self.allow {
            let named =
                |name: &Host| matches!(name, Host::Name(_)) && name.to_string().eq_ignore_ascii_case(host);
            let paths = self.shared.board.paths();
            let target = paths.iter().map(|path| &path.section.target.0).find(|target| named(&target.host));
            let target = target.ok_or_else(|| forbidden(host))?;
            return Ok(Ok(self.of_target(target)));
        }
        Ok(addresses(host, self.left()))
    }

    /// Waits until one more connection to an address may begin.
    fn wait(&self, address: IpAddr) -> bool {
        while let Err(at) = self.shared.pace.enter(self.shared.board.now(), address) {
            let nap = at.saturating_sub(self.shared.board.now());
            if nap >= self.left() || self.shared.stop.sleep(nap.max(Duration::from_millis(1))) {
                return false;
            }
        }
        true
    }
}

fn forbidden(what: &str) -> Stopped {
    let line = format!("{what} is nothing that may be reached from here (probe_endpoint.allow)");
    Stopped::Refused(StatusCode::FORBIDDEN, line)
}

impl Probe<'_> {
    /// The address of a host that is asked, which may be reached at this port, or at all where there is none. It is the one
    /// that is connected to: nothing is looked up again.
    pub(super) fn resolve(
        &mut self,
        host: &str,
        port: Option<u16>,
        addresses: Addresses,
    ) -> Result<Allowed, Stopped> {
        self.page.begin();
        let begun = Instant::now();
        self.say(&format!("looking up {host}"));
        let found = self.reach.addresses(host)?;
        let took = begun.elapsed().as_secs_f64();
        self.page.put(LOOKUP.0, LOOKUP.1, took);
        let found = match found {
            Ok(found) => found,
            Err(why) => return self.fail(&format!("{host}: {why}")),
        };
        let found: Vec<IpAddr> = found.into_iter().map(|address| address.to_canonical()).collect();
        let is_preferred = |address: &&IpAddr| address.is_ipv4() == (addresses.preferred == Family::Ip4);
        let other = found.first().filter(|_| addresses.has_fallback);
        let Some(address) = found.iter().find(is_preferred).or(other).copied() else {
            return self.fail(&format!("{host} has no address of this family"));
        };
        if !self.reach.is_allowed(address, port) {
            let port = port.map(|port| format!(" at port {port}")).unwrap_or_default();
            return Err(forbidden(&format!("{address}{port}")));
        }
        told(&mut self.page, address);
        self.say(&format!("{host} is {address}"));
        Ok(Allowed(address))
    }

    /// Waits until a connection to a port may begin, which is none of a MySQL's: those are asked otherwise.
    pub(super) fn enter(&mut self, host: &str, address: Allowed, port: u16) -> Result<Entrance, Stopped> {
        if self.reach.mysql(host, address, port).is_some() {
            let line = format!("{} {UNFIT}", address.with_port(port));
            return Err(Stopped::Refused(StatusCode::BAD_REQUEST, line));
        }
        self.wait(address)?;
        Ok(Entrance(address.with_port(port)))
    }

    /// The same for a MySQL, whose turn it is.
    pub(super) fn enter_mysql(&mut self, address: Allowed, port: u16) -> Result<Entrance, Stopped> {
        self.wait(address)?;
        Ok(Entrance(address.with_port(port)))
    }

    /// Waits until one more packet to an address may be sent.
    pub(super) fn wait(&mut self, address: Allowed) -> Result<(), Stopped> {
        if self.reach.wait(address.0) {
            return Ok(());
        }
        self.fail("the host was asked as often as it may be, and the time is over")
    }
}

const LOOKUP: (&str, &str) = ("probe_dns_lookup_time_seconds", "How long looking the name up took.");

fn told(page: &mut Page, address: IpAddr) {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    // FNV-1a of 32 bits, as blackbox_exporter has it.
    let hash =
        bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let protocol = if address.is_ipv4() { 4.0 } else { 6.0 };
    page.put("probe_ip_protocol", PROTOCOL, protocol);
    page.put("probe_ip_addr_hash", HASH, f64::from(hash));
}

const PROTOCOL: &str = "The version of the Internet Protocol: 4 or 6.";
const HASH: &str = "A hash of the address, which tells that it changed.";

impl Page {
    /// What there is before anything is known of the address.
    fn begin(&mut self) {
        self.put(LOOKUP.0, LOOKUP.1, 0.0);
        self.put("probe_ip_protocol", PROTOCOL, 0.0);
        self.put("probe_ip_addr_hash", HASH, 0.0);
    }
}
