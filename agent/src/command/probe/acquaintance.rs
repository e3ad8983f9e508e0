//! What is known of the services probed, so that none is harmed.
//!
//! MySQL and MariaDB count a connection that ends before its handshake against the client's host, and
//! after `max_connect_errors` of them block it: an eager probe could cut off the very dyno it is to
//! help. So a service that may turn out to be one is listened to while it is first connected to, and
//! gets three connects at the most where it is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind};

use super::targets::Aim;
use crate::destination::Destination;

/// The most connects to a MySQL.
const MYSQL_CONNECTS: u32 = 3;

/// How long a connection is kept to hear whether a MySQL greets: a round trip, and the server's own time.
const GREETING: Duration = Duration::from_millis(250);

/// After this time a connect that is still unanswered has reached nothing.
const UNANSWERED: Duration = Duration::from_secs(1);

/// Whether a service may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// Now, and so long is listened for a greeting.
    Ask(Duration),
    /// Not before this time: what it is will be known then.
    Wait(Duration),
    /// No more: it is a MySQL.
    Never,
}

/// What a service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Mysql,
    Other,
}

#[derive(Clone, Copy, Debug, Default)]
struct Service {
    kind: Kind,
    planned: u32,
    connects: u32,
    under_way: u32,
    last_at: Duration,
}

/// The services of a run.
#[derive(Debug, Default)]
pub(super) struct Acquaintances(HashMap<SocketAddr, Service>);

impl Acquaintances {
    /// Those that the aims are at, each of which is to be asked so many times.
    pub(super) fn of(aims: &[Aim], count: u32) -> Self {
        let mut services: HashMap<SocketAddr, Service> = HashMap::new();
        for aim in aims {
            let Some(socket) = aim.at.as_ref().ok().and_then(socket) else { continue };
            let service = services.entry(socket).or_default();
            service.planned = service.planned.saturating_add(count);
            if aim.is_mysql {
                service.kind = Kind::Mysql;
            }
        }
        Self(services)
    }

    /// Whether a destination may be asked at `now`; if so, it counts as asked.
    pub(super) fn permit(&mut self, destination: &Destination, now: Duration) -> Permission {
        let service = socket(destination).and_then(|socket| self.0.get_mut(&socket));
        let Some(service) = service else { return Permission::Ask(Duration::ZERO) };
        let wait = match service.kind {
            Kind::Mysql if service.connects >= MYSQL_CONNECTS => return Permission::Never,
            Kind::Unknown if service.planned > MYSQL_CONNECTS => {
                let known_at = service.last_at + UNANSWERED;
                if service.connects >= MYSQL_CONNECTS && service.under_way > 0 && now < known_at {
                    return Permission::Wait(known_at.min(now + GREETING / 2));
                }
                GREETING
            }
            _ => Duration::ZERO,
        };
        service.connects += 1;
        service.under_way += 1;
        service.last_at = now;
        Permission::Ask(wait)
    }

    /// Takes in what a probe saw.
    pub(super) fn learn(&mut self, observation: &Observation) {
        let request = &observation.request;
        let destination = Destination { kind: request.kind, address: request.address, port: request.port };
        let Some(service) = socket(&destination).and_then(|socket| self.0.get_mut(&socket)) else { return };
        service.under_way = service.under_way.saturating_sub(1);
        let listened = !request.greeting_wait.is_zero();
        if observation.greeting.is_some_and(|greeting| greeting.is_mysql()) {
            service.kind = Kind::Mysql;
        } else if service.kind == Kind::Unknown
            && listened
            && matches!(observation.outcome, Outcome::Connected | Outcome::ApplicationError | Outcome::Reset)
        {
            service.kind = Kind::Other;
        }
    }
}

fn socket(destination: &Destination) -> Option<SocketAddr> {
    let is_tcp = matches!(destination.kind, ProbeKind::TcpConnect | ProbeKind::Handshake);
    is_tcp.then_some(SocketAddr::new(destination.address, destination.port))
}

#[cfg(test)]
mod tests {
    use peerscope_vocabulary::{Greeting, ProbeId};

    use super::*;

    const AT: Destination = Destination {
        kind: ProbeKind::TcpConnect,
        address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        port: 9,
    };

    fn aim(is_mysql: bool) -> Aim {
        Aim { target: "tcp://127.0.0.1:9".to_string(), is_mysql, question: None, handshake: None, at: Ok(AT) }
    }

    fn connected(greeting: Option<&[u8]>, wait: Duration) -> Observation {
        Observation {
            greeting: greeting.map(Greeting::new),
            ..Observation::bare(
                peerscope_vocabulary::ProbeRequest {
                    greeting_wait: wait,
                    ..AT.request(ProbeId(0), Duration::ZERO)
                },
                Outcome::Connected,
            )
        }
    }

    #[test]
    fn a_mysql_that_is_named_gets_three_connects() {
        let mut known = Acquaintances::of(&[aim(true)], 10);
        for _ in 0..3 {
            assert_eq!(known.permit(&AT, Duration::ZERO), Permission::Ask(Duration::ZERO));
        }
        assert_eq!(known.permit(&AT, Duration::ZERO), Permission::Never);
    }

    #[test]
    fn a_service_that_greets_as_mysql_gets_no_fourth() {
        let mut known = Acquaintances::of(&[aim(false)], 10);
        for _ in 0..3 {
            assert_eq!(known.permit(&AT, Duration::ZERO), Permission::Ask(GREETING));
        }
        assert!(matches!(known.permit(&AT, Duration::ZERO), Permission::Wait(_)));
        known.learn(&connected(Some(b"\x4a\0\0\0\x0a8.4.3\0"), GREETING));
        assert_eq!(known.permit(&AT, Duration::ZERO), Permission::Never);
    }

    #[test]
    fn others_are_asked_as_often_as_wanted() {
        let mut known = Acquaintances::of(&[aim(false)], 10);
        assert_eq!(known.permit(&AT, Duration::ZERO), Permission::Ask(GREETING));
        known.learn(&connected(None, GREETING));
        for _ in 0..20 {
            assert_eq!(known.permit(&AT, Duration::ZERO), Permission::Ask(Duration::ZERO));
        }
        // A silent one is asked on after a while, still listening.
        let mut silent = Acquaintances::of(&[aim(false)], 10);
        for _ in 0..3 {
            silent.permit(&AT, Duration::ZERO);
        }
        assert_eq!(silent.permit(&AT, UNANSWERED), Permission::Ask(GREETING));
        // Three in all need no listening.
        let mut few = Acquaintances::of(&[aim(false)], 3);
        assert_eq!(few.permit(&AT, Duration::ZERO), Permission::Ask(Duration::ZERO));
    }
}
