//! The servers behind the resolver, each asked by itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::{Resolution, resolution};
use peerscope_probes::{Engine, ProbeEngine, ProbeError};
use peerscope_vocabulary::{AddressRecord, DnsObservation, DnsQuestion, ProbeId, ProbeKind};

use super::configuration::Configuration;
use crate::destination::Destination;
use crate::exit::Failure;

/// The least time that an answer is given; with less none is asked for any more.
const LEAST: Duration = Duration::from_millis(50);

/// Asks every configured server for every name that the resolver would ask for, until one has addresses.
///
/// # Errors
/// Where the system gives no engine or no events.
pub(super) fn confirm(
    name: &str,
    configuration: &Configuration,
    limit: Duration,
    started: Instant,
) -> Result<Vec<DnsObservation>, Failure> {
    let servers = configuration.servers();
    let end = Instant::now() + limit;
    let mut all = Vec::new();
    for name in configuration.candidates(name) {
        let left = end.saturating_duration_since(Instant::now());
        if left < LEAST {
            break;
        }
        let said = ask(&servers, &name, &AddressRecord::ALL, left, started).map_err(internal)?;
        let is_mute = said.iter().all(|one| one.reply.said.is_none());
        let is_found = matches!(resolution(&said), Resolution::Addresses { .. });
        all.extend(said);
        if is_found || is_mute {
            break;
        }
    }
    Ok(all)
}

fn internal(error: ProbeError) -> Failure {
    Failure::Internal(error.to_string())
}

/// Asks each server for each kind of address of one full name, all at once; nothing takes longer than
/// `timeout`. Times count from `started`. In the order of servers and kinds.
///
/// # Errors
/// Where the system gives no engine or no events.
fn ask(
    servers: &[SocketAddr],
    name: &str,
    kinds: &[AddressRecord],
    timeout: Duration,
    started: Instant,
) -> Result<Vec<DnsObservation>, ProbeError> {
    let mut engine = ProbeEngine::new()?;
    let begun = started.elapsed();
    let mut under_way = 0_u32;
    for server in servers {
        for kind in kinds {
            let destination = Destination { kind: ProbeKind::Dns, address: server.ip(), port: server.port() };
            let request = destination.request(ProbeId(under_way), timeout);
            let question = DnsQuestion { name: name.to_string(), record_type: *kind };
            under_way += u32::from(engine.ask(begun, request, question));
        }
    }
    // The cap for one host makes more than five questions wait, within the same limit.
    let end = begun + timeout;
    let (mut observations, mut said) = (Vec::new(), Vec::new());
    loop {
        let now = started.elapsed();
        engine.poll(now, &mut observations);
        said.extend(observations.drain(..).filter_map(|observation| engine.answer(&observation)));
        if engine.unfinished() == 0 || now >= end + LEAST {
            break;
        }
        let wake = engine.wake_at().unwrap_or(end).min(end + LEAST);
        engine.wait(wake.saturating_sub(started.elapsed()))?;
    }
    said.sort_by_key(|one| one.observation.id());
    Ok(said)
}
