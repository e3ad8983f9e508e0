//! Names to addresses, through the system's own configuration.
//!
//! The resolver gives what an application gets. Where it fails, is slow, or gives what is odd, the servers
//! that it asks are asked once more over sockets of our own, so that it can be said which of them did what.

mod client;
mod configuration;
mod servers;

use std::net::IpAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use peerscope_analysis::diagnose::{AddressScope, Lookup, Resolution, resolution};
use peerscope_probes::source_address;
use peerscope_vocabulary::{DnsObservation, Outcome};

use self::configuration::Configuration;
use crate::exit::Failure;

pub(crate) use self::client::ClientNames;
pub(crate) use self::configuration::name_servers;

/// The most addresses of a name that are asked: a name that has more is a service's with many, or a lie.
pub(crate) const ADDRESSES: usize = 16;

/// A resolver that takes longer does not work as it should: its servers are asked meanwhile.
const SLOW: Duration = Duration::from_secs(1);

/// How long looking up may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the system's resolver, all in all.
    pub(crate) resolver: Duration,
    /// For asking its servers once more.
    pub(crate) servers: Duration,
}

impl Limits {
    /// The longest that the resolver is waited for: what its own default is for one server (resolv.conf(5)).
    const RESOLVER: Duration = Duration::from_secs(5);
    /// The longest that its servers are waited for.
    const SERVERS: Duration = Duration::from_secs(2);

    /// Three quarters of a deadline at the most, so that time is left for what was found.
    pub(crate) fn within(deadline: Duration) -> Self {
        Self { resolver: Self::RESOLVER.min(deadline / 2), servers: Self::SERVERS.min(deadline / 4) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { resolver: Self::RESOLVER, servers: Self::SERVERS }
    }
}

/// What a name stands for here.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The addresses to ask, at most [`ADDRESSES`]; IPv6 only where this host has a route, if there is anything
    /// else. None where the lookup failed.
    pub(crate) addresses: Vec<IpAddr>,
    /// How many more there are.
    pub(crate) more: usize,
    /// What was said.
    pub(crate) lookup: Lookup,
}

/// Looks a name up as this machine's resolver is configured (`/etc/hosts` and `/etc/resolv.conf`). Times count
/// from `started`.
///
/// # Errors
/// Where the system's resolver configuration cannot be made sense of.
pub(crate) fn look_up(name: &str, limits: Limits, started: Instant) -> Result<Found, Failure> {
    let in_hosts = distinct(Configuration::in_hosts(name));
    if !in_hosts.is_empty() {
        return Ok(Found::of(in_hosts.len(), in_hosts, Lookup::default()));
    }
    let configuration = Configuration::of_system()?;
    let mut lookup = Lookup { configuration: configuration.remark.clone(), ..Lookup::default() };
    let (resolved, said) = resolved(name, &configuration, limits, started)?;
    let is_asked = said.is_some();
    lookup.servers = said.unwrap_or_default();
    let (mut addresses, is_odd) = match resolved {
        Ok(found) => {
            let is_public = |address: &IpAddr| AddressScope::of(*address) == AddressScope::Public;
            // With several servers a resolver hides the one that does not answer; programs wait for it.
            let is_odd =
                found.len() > ADDRESSES || found.iter().any(is_public) || configuration.servers().len() > 1;
            (found, is_odd)
        }
        Err(failure) => {
            lookup.failure = Some(failure);
            (Vec::new(), true)
        }
    };
    if is_odd && !is_asked {
        lookup.servers = servers::confirm(name, &configuration, limits.servers, started)?;
    }
    // What a library cannot read, another can: an answer that is sound counts.
    let mut count = addresses.len();
    if lookup.failure.is_some()
        && let Some(sound) = sound_addresses(&lookup)
    {
        lookup.failure = None;
        (addresses, count) = sound;
    }
    Ok(Found::of(count, addresses, lookup))
}

/// The addresses of a name, for a connection of this program's own: by hickory, since the C library's way, which a
/// library takes where it is let, loads others at run time, and a static binary may not find them.
///
/// # Errors
/// Why there are none, in words.
pub(crate) fn addresses(name: &str, within: Duration) -> Result<Vec<IpAddr>, String> {
    let in_hosts = distinct(Configuration::in_hosts(name));
    if !in_hosts.is_empty() {
        return Ok(in_hosts);
    }
    let said = |failure: Failure| match failure {
        Failure::Usage(line) | Failure::Internal(line) => line,
        Failure::Input(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    let configuration = Configuration::of_system().map_err(said)?;
    let runtime = runtime().map_err(said)?;
    let found = runtime.block_on(async {
        let resolver = resolver(&configuration).map_err(said)?;
        match tokio::time::timeout(within, resolver.lookup_ip(name)).await {
            Ok(Ok(found)) => Ok(distinct(found.iter())),
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err("the name server did not answer in time".to_string()),
        }
    });
    runtime.shutdown_background();
    found
}

impl Found {
    /// Of so many addresses the first ones are given.
    fn of(count: usize, addresses: Vec<IpAddr>, lookup: Lookup) -> Self {
        let given = addresses.len();
        let usable = usable(addresses);
        let more = (usable.len() + count.saturating_sub(given)).saturating_sub(ADDRESSES);
        Self { addresses: usable.into_iter().take(ADDRESSES).collect(), more, lookup }
    }
}

fn distinct(found: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut distinct: Vec<IpAddr> = Vec::new();
    for address in found {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct
}

/// The addresses that the servers give to a resolver which takes their answers as they are, and how many
/// there are.
fn sound_addresses(lookup: &Lookup) -> Option<(Vec<IpAddr>, usize)> {
    let mut names: Vec<&str> = Vec::new();
    for one in &lookup.servers {
        if !names.contains(&one.question.name.as_str()) {
            names.push(&one.question.name);
        }
    }
    names.into_iter().find_map(|name| {
        let of_name: Vec<_> =
            lookup.servers.iter().filter(|one| one.question.name == name).cloned().collect();
        match resolution(&of_name) {
            Resolution::Addresses { addresses, count } => Some((addresses, count)),
            Resolution::None | Resolution::Unknown => None,
        }
    })
}

/// IPv6 counts only where this host has a route.
pub(crate) fn usable(found: Vec<IpAddr>) -> Vec<IpAddr> {
    let has_route = |address: &&IpAddr| address.is_ipv4() || source_address(**address).is_ok();
    let usable: Vec<IpAddr> = found.iter().filter(has_route).copied().collect();
    if usable.is_empty() { found } else { usable }
}

/// What came of the resolver: the addresses without repetition, or why there are none.
type Resolved = Result<Vec<IpAddr>, String>;

/// The addresses by the system's resolver; what its servers say beside, where they were asked because it is
/// slow. It is waited for no longer where none of them is silent: then it will not get more out of them.
fn resolved(
    name: &str,
    configuration: &Configuration,
    limits: Limits,
    started: Instant,
) -> Result<(Resolved, Option<Vec<DnsObservation>>), Failure> {
    runtime()?.block_on(async {
        let resolver = resolver(configuration)?;
        let begun = Instant::now();
        let mut answer = pin!(resolver.lookup_ip(name));
        let read = |answer: Result<LookupIp, NetError>| match answer {
            Ok(found) => Ok(distinct(found.iter())),
            Err(error) => Err(reason(&error)),
        };
        if let Ok(answer) = tokio::time::timeout(SLOW.min(limits.resolver), answer.as_mut()).await {
            return Ok((read(answer), None));
        }
        let said = servers::confirm(name, configuration, limits.servers, started)?;
        let is_silent = |one: &DnsObservation| one.observation.outcome == Outcome::Timeout;
        let left = limits.resolver.saturating_sub(begun.elapsed());
        let left = if said.iter().any(is_silent) { left } else { Duration::ZERO };
        let resolved = match tokio::time::timeout(left, answer.as_mut()).await {
            Ok(answer) => read(answer),
            Err(_) => Err(format!("no answer in {:.1} s", begun.elapsed().as_secs_f64())),
        };
        Ok((resolved, Some(said)))
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("asynchronous runtime: {error}")))
}

fn resolver(configuration: &Configuration) -> Result<TokioResolver, Failure> {
    let mut builder =
        TokioResolver::builder_with_config(configuration.config.clone(), TokioRuntimeProvider::default());
    *builder.options_mut() = configuration.options.clone();
    builder.build().map_err(|error| Failure::Internal(format!("resolver: {error}")))
}

/// What the resolver met, as a person says it.
fn reason(error: &NetError) -> String {
    match error {
        error if error.is_nx_domain() => "the name does not exist (NXDOMAIN)".to_string(),
        // It says so of an answer that it could not read, too.
        error if error.is_no_records_found() => "no address came of it".to_string(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the name server answered with {code}"),
        NetError::Timeout => "the name server did not answer".to_string(),
        NetError::Io(error) => format!("the name server cannot be asked: {error}"),
        NetError::Proto(_) => "the name server's answer cannot be read".to_string(),
        other => format!("the name server's answer was of no use ({other})"),
    }
}
