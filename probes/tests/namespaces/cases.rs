//! The table: what is asked, and exactly what the answer has to be.

use std::net::IpAddr;
use std::num::NonZero;
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{
    IcmpMessage, LocalRefusal, Observation, Outcome, ProbeId, ProbeKind, ProbeRequest, TcpFacts,
    UnreachableScope,
};

use crate::client::Report;
use crate::server::{CLOSED, GREETING, LATE, PATIENT, RESETTING, UNCOUNTED, counted};

pub(crate) const SERVER: &str = "10.2.0.2";
pub(crate) const SERVER_V6: &str = "fd00:2::2";
pub(crate) const CLIENT: &str = "10.1.0.2";
pub(crate) const CLIENT_V6: &str = "fd00:1::2";
pub(crate) const R1: &str = "10.1.0.1";
pub(crate) const R1_V6: &str = "fd00:1::1";
pub(crate) const R2: &str = "10.9.0.2";
pub(crate) const R2_V6: &str = "fd00:9::2";

/// Long enough for one retransmission, after one second, and no second one.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// No SYN is sent again sooner.
const SECOND: Duration = Duration::from_secs(1);

/// One probe and the only answer that is right.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) request: ProbeRequest,
    expected: Outcome,
    /// None where the kernel may or may not have resent while it looked for a neighbour.
    retransmissions: Option<u32>,
    mysql: bool,
    /// The largest packet that is to be told, where that is looked at.
    largest_packet: Option<Option<u32>>,
    /// What the segments of the connection have to tell, where that is looked at.
    tells: Option<fn(TcpFacts) -> bool>,
}

impl Case {
    pub(crate) fn udp(mut self) -> Self {
        self.request.kind = ProbeKind::Udp;
        self.resent(0)
    }

    pub(crate) fn echo(mut self) -> Self {
        self.request.kind = ProbeKind::IcmpEcho;
        self.resent(0)
    }

    /// With a packet of so many bytes, IP header included, that is to arrive whole; and what fits by what is told.
    pub(crate) fn whole(mut self, length: u16, largest_packet: impl Into<Option<u32>>) -> Self {
        let is_ipv4 = self.request.address.is_ipv4();
        self.request.payload_length = length - if is_ipv4 { 28 } else { 48 };
        self.request.dont_fragment = true;
        self.largest_packet = Some(largest_packet.into());
        self
    }

    pub(crate) fn agreeing_on(mut self, largest_packet: u32) -> Self {
        self.largest_packet = Some(Some(largest_packet));
        self
    }

    fn telling(mut self, tells: fn(TcpFacts) -> bool) -> Self {
        self.tells = Some(tells);
        self
    }

    pub(crate) fn hops(mut self, limit: u8) -> Self {
        self.request.hop_limit = NonZero::new(limit);
        self
    }

    pub(crate) fn from(mut self, source: &str) -> Self {
        self.request.source = Some(parse(source));
        self
    }

    fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout = timeout;
        self
    }

    pub(crate) fn source_port(mut self, port: u16) -> Self {
        self.request.source_port = Some(port);
        self
    }

    fn listening(mut self) -> Self {
        self.request.greeting_wait = Duration::from_secs(2);
        self
    }

    fn greeted(mut self) -> Self {
        self.mysql = true;
        self.listening()
    }

    fn resent(mut self, retransmissions: u32) -> Self {
        self.retransmissions = Some(retransmissions);
        self
    }

    /// The server's own second answer may come before the second SYN.
    fn resent_perhaps(mut self) -> Self {
        self.retransmissions = None;
        self
    }

    pub(crate) fn slow_neighbour(mut self) -> Self {
        self.retransmissions = None;
        self.timeout(Duration::from_secs(5))
    }

    pub(crate) fn check(&self, report: &Report) -> Result<(), String> {
        let observation = report.observation(self.request.id).ok_or("not answered")?;
        let is_right = observation.request == self.request
            && observation.outcome == self.expected
            && self.retransmissions.is_none_or(|expected| expected == observation.retransmissions)
            && observation.greeting.is_some_and(|greeting| greeting.is_mysql()) == self.mysql
            && self.largest_packet.is_none_or(|expected| expected == observation.largest_packet)
            && self.tells.is_none_or(|tells| observation.tcp.is_some_and(tells))
            && observation.tcp.is_some() == matches!(self.expected, Outcome::Connected | Outcome::Reset)
            && self.has_right_times(&observation)
            && self.has_right_source(&observation);
        if is_right {
            return Ok(());
        }
        let (expected, resent) = (self.expected, self.retransmissions);
        Err(format!("expected {expected:?}, retransmissions {resent:?}, found {observation:?}"))
    }

    fn has_right_times(&self, observation: &Observation) -> bool {
        let waited = observation.finished_at - observation.sent_at;
        let has_rtt = observation.rtt.is_some_and(|rtt| rtt < Duration::from_secs(1));
        // Of an answer to an earlier SYN than the last no round trip is known.
        let age = observation.tcp.and_then(|tcp| tcp.answered_syn_age).unwrap_or_default();
        if age >= SECOND {
            // TCP's own clock ticks in milliseconds, and both ends of the age may be rounded.
            return observation.rtt.is_none() && waited + Duration::from_millis(2) >= age;
        }
        match self.expected {
            Outcome::Connected | Outcome::Reset | Outcome::Echo | Outcome::Answered => has_rtt,
            Outcome::Timeout => !has_rtt && waited >= self.request.timeout,
            Outcome::LocalError { .. } => !has_rtt && waited.is_zero(),
            // Neighbours are asked for three seconds; all else answers at once, without the second SYN.
            Outcome::Unreachable { scope: UnreachableScope::Host, .. } => true,
            // A reset carries no time; an ICMP error from elsewhere has the kernel's stamp.
            Outcome::Refused if self.request.kind == ProbeKind::TcpConnect => {
                !has_rtt && waited < Duration::from_millis(900)
            }
            _ => {
                let own = [CLIENT, CLIENT_V6].map(|own| Some(parse(own)));
                let is_own = observation.outcome.icmp().is_some_and(|icmp| own.contains(&icmp.from));
                (has_rtt || is_own) && waited < Duration::from_millis(900)
            }
        }
    }

    fn has_right_source(&self, observation: &Observation) -> bool {
        if matches!(self.expected, Outcome::LocalError { .. }) {
            return observation.local.is_none();
        }
        let address = if self.request.address.is_ipv4() { CLIENT } else { CLIENT_V6 };
        observation.local.is_some_and(|local| {
            let has_port = (local.port() != 0) == (self.request.kind != ProbeKind::IcmpEcho);
            local.ip() == parse(address)
                && has_port
                && self.request.source_port.is_none_or(|port| port == local.port())
        })
    }
}

fn parse(address: &str) -> IpAddr {
    address.parse().unwrap()
}

pub(crate) fn case(name: &'static str, address: &str, port: u16, expected: Outcome) -> Case {
    let request = ProbeRequest::plain(ProbeId(0), ProbeKind::TcpConnect, parse(address), port, TIMEOUT);
    let retransmissions = Some(u32::from(expected == Outcome::Timeout));
    Case { name, request, expected, retransmissions, mysql: false, largest_packet: None, tells: None }
}

pub(crate) fn icmp(icmp_type: u8, code: u8, from: &str) -> IcmpMessage {
    IcmpMessage { icmp_type, code, from: Some(parse(from)) }
}

pub(crate) fn prohibited(icmp_type: u8, code: u8, from: &str) -> Outcome {
    Outcome::Prohibited { icmp: icmp(icmp_type, code, from) }
}

pub(crate) fn unreachable(scope: UnreachableScope, icmp_type: u8, code: u8, from: &str) -> Outcome {
    Outcome::Unreachable { scope, icmp: icmp(icmp_type, code, from) }
}

pub(crate) fn local(refusal: LocalRefusal, errno: Errno) -> Outcome {
    Outcome::LocalError { refusal, errno: errno as i32 }
}

/// Every case, numbered.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = ipv4();
    cases.extend(ipv6());
    numbered(cases)
}

pub(crate) fn numbered(mut cases: Vec<Case>) -> Vec<Case> {
    for (number, case) in (0..).zip(&mut cases) {
        case.request.id = ProbeId(number);
    }
    cases
}

fn ipv4() -> Vec<Case> {
    use LocalRefusal::{NoRoute, NotPermitted, Policy};
    use Outcome::{Connected, Refused, Reset, Timeout};
    use UnreachableScope::{Host, Network, Protocol};
    vec![
        case("open_port", SERVER, PATIENT, Connected),
        case("greeting_heard", SERVER, GREETING, Connected).greeted(),
        case("reset_after_the_handshake", SERVER, RESETTING, Reset).listening(),
        case("late_speaker", SERVER, LATE, Connected),
        case("closed_port", SERVER, CLOSED, Refused),
        case("router_drops", SERVER, 1001, Timeout),
        case("router_drops_and_the_kernel_outlasts_its_own_limit", SERVER, 1001, Timeout)
            .timeout(Duration::from_millis(4500))
            .resent(2),
        case("router_resets", SERVER, 1002, Refused),
        case("router_rejects_port_unreachable", SERVER, 1003, prohibited(3, 3, R2)),
        case("router_rejects_net_unreachable", SERVER, 1004, unreachable(Network, 3, 0, R2)),
        case("router_rejects_host_unreachable", SERVER, 1005, unreachable(Host, 3, 1, R2)),
        case("router_rejects_protocol_unreachable", SERVER, 1006, unreachable(Protocol, 3, 2, R2)),
        case("router_rejects_net_prohibited", SERVER, 1007, prohibited(3, 9, R2)),
        case("router_rejects_host_prohibited", SERVER, 1008, prohibited(3, 10, R2)),
        case("router_rejects_admin_prohibited", SERVER, 1009, prohibited(3, 13, R2)),
        case("reply_dropped", SERVER, 1010, Timeout),
        case("source_port_inside_the_return_filter", SERVER, 1011, Connected).source_port(49151),
        case("source_port_outside_the_return_filter", SERVER, 1011, Timeout).source_port(49152),
        case("first_syn_lost", SERVER, 1012, Connected).timeout(Duration::from_secs(3)).resent(1).telling(
            |tcp| is_younger_than_a_second(tcp) && tcp.resent == 0 && tcp.is_acknowledged == Some(true),
        ),
        case("first_answer_lost", SERVER, 1015, Connected)
            .timeout(Duration::from_secs(3))
            .resent_perhaps()
            .telling(|tcp| tcp.answered_syn_age.is_some_and(|age| age >= SECOND) && tcp.resent == 0),
        case("first_syn_and_first_fin_lost", SERVER, 1016, Connected)
            .timeout(Duration::from_secs(3))
            .resent(1)
            .telling(|tcp| {
                is_younger_than_a_second(tcp) && tcp.resent > 0 && tcp.is_acknowledged == Some(true)
            }),
        case("first_syn_and_every_fin_lost", SERVER, 1018, Connected)
            .timeout(Duration::from_secs(3))
            .resent(1)
            .telling(|tcp| tcp.resent > 0 && tcp.is_acknowledged == Some(false)),
        case("all_but_the_syn_lost", SERVER, 1017, Connected)
            .listening()
            .telling(|tcp| tcp.repeated_answers > 0),
        case("silent_and_well", SERVER, UNCOUNTED, Connected)
            .listening()
            .telling(|tcp| tcp == TcpFacts::default()),
        case("own_firewall_drops", SERVER, 1013, Timeout),
        case("own_firewall_rejects", SERVER, 1014, prohibited(3, 13, CLIENT)),
        case("router_has_no_route", "10.2.8.1", 80, unreachable(Network, 3, 0, R1)),
        case("router_blackhole_route", "10.2.9.1", 80, Timeout),
        case("router_prohibit_route", "10.2.10.1", 80, prohibited(3, 13, R1)),
        case("router_unreachable_route", "10.2.11.1", 80, unreachable(Host, 3, 1, R1)),
        case("routing_loop", "10.2.12.1", 80, Outcome::TimeExceeded { icmp: icmp(11, 0, R2) }),
        case("own_prohibit_route", "10.3.1.1", 80, local(Policy, Errno::EACCES)),
        case("own_unreachable_route", "10.3.2.1", 80, local(NoRoute, Errno::EHOSTUNREACH)),
        case("own_blackhole_route", "10.3.3.1", 80, local(Policy, Errno::EINVAL)),
        case("no_own_route", "10.4.0.1", 80, local(NoRoute, Errno::ENETUNREACH)),
        case("dead_neighbour", "10.1.0.99", 80, unreachable(Host, 3, 1, CLIENT)).slow_neighbour(),
        case("dead_host_behind_the_last_router", "10.2.0.99", 80, unreachable(Host, 3, 1, R2))
            .slow_neighbour(),
        // The range of groups that may ping is empty as long as nobody sets it.
        case("an_echo_without_permission_is_no_silence", SERVER, 0, local(NotPermitted, Errno::EACCES))
            .echo(),
    ]
}

fn ipv6() -> Vec<Case> {
    use LocalRefusal::{NoRoute, NotPermitted, Policy};
    use Outcome::{Connected, Refused, Timeout};
    use UnreachableScope::{Host, Network};
    vec![
        case("open_port_ipv6", SERVER_V6, 1011, Connected).source_port(40001),
        case("closed_port_ipv6", SERVER_V6, CLOSED, Refused),
        case("router_drops_ipv6", SERVER_V6, 1001, Timeout),
        case("router_resets_ipv6", SERVER_V6, 1002, Refused),
        case("router_rejects_port_unreachable_ipv6", SERVER_V6, 1003, prohibited(1, 4, R2_V6)),
        case("router_rejects_no_route_ipv6", SERVER_V6, 1004, unreachable(Network, 1, 0, R2_V6)),
        case("router_rejects_address_unreachable_ipv6", SERVER_V6, 1005, unreachable(Host, 1, 3, R2_V6)),
        case("router_rejects_policy_ipv6", SERVER_V6, 1006, prohibited(1, 5, R2_V6)),
        case("router_rejects_route_ipv6", SERVER_V6, 1007, prohibited(1, 6, R2_V6)),
        case("router_rejects_admin_prohibited_ipv6", SERVER_V6, 1009, prohibited(1, 1, R2_V6)),
        case("own_firewall_rejects_ipv6", SERVER_V6, 1014, prohibited(1, 1, CLIENT_V6)),
        case("router_has_no_route_ipv6", "fd00:a::1", 80, unreachable(Network, 1, 0, R1_V6)),
        case("router_prohibit_route_ipv6", "fd00:b::1", 80, prohibited(1, 1, R1_V6)),
        case("router_blackhole_route_ipv6", "fd00:c::1", 80, Timeout),
        case("routing_loop_ipv6", "fd00:d::1", 80, Outcome::TimeExceeded { icmp: icmp(3, 0, R2_V6) }),
        case("own_prohibit_route_ipv6", "fd00:31::1", 80, local(Policy, Errno::EACCES)),
        case("own_unreachable_route_ipv6", "fd00:32::1", 80, local(NoRoute, Errno::EHOSTUNREACH)),
        case("own_blackhole_route_ipv6", "fd00:33::1", 80, local(Policy, Errno::EINVAL)),
        case("no_own_route_ipv6", "fd00:4::1", 80, local(NoRoute, Errno::ENETUNREACH)),
        case("dead_neighbour_ipv6", "fd00:1::99", 80, unreachable(Host, 1, 3, CLIENT_V6)).slow_neighbour(),
        case("an_echo_without_permission_ipv6", SERVER_V6, 0, local(NotPermitted, Errno::EACCES)).echo(),
    ]
}

/// Whether the answer was to the last SYN.
fn is_younger_than_a_second(tcp: TcpFacts) -> bool {
    tcp.answered_syn_age.is_some_and(|age| age < SECOND)
}

/// A target and the source address towards it.
pub(crate) struct Source {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    expected: Result<&'static str, LocalRefusal>,
}

/// `source_address`, without a packet.
pub(crate) const SOURCES: &[Source] = &[
    Source { name: "ipv4", target: SERVER, expected: Ok(CLIENT) },
    Source { name: "ipv6", target: SERVER_V6, expected: Ok(CLIENT_V6) },
    Source { name: "no_route", target: "10.4.0.1", expected: Err(LocalRefusal::NoRoute) },
    Source { name: "prohibit_route", target: "10.3.1.1", expected: Err(LocalRefusal::Policy) },
    Source { name: "unreachable_route", target: "10.3.2.1", expected: Err(LocalRefusal::NoRoute) },
    Source { name: "blackhole_route", target: "10.3.3.1", expected: Err(LocalRefusal::Policy) },
    Source { name: "no_route_ipv6", target: "fd00:4::1", expected: Err(LocalRefusal::NoRoute) },
];

impl Source {
    pub(crate) fn check(&self, found: Result<IpAddr, LocalRefusal>) -> Result<(), String> {
        let expected = self.expected.map(parse);
        if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
    }
}

/// What one probe to a port put on the wire, counted at the server.
pub(crate) struct Wire {
    pub(crate) name: &'static str,
    port: u16,
    /// SYN, ACK, FIN and the ACK of the server's FIN; one more ACK for what the server said.
    packets: u64,
}

/// Each of these ports is asked once.
pub(crate) const WIRE: &[Wire] = &[
    Wire { name: "one_probe_is_four_packets_and_no_rst", port: PATIENT, packets: 4 },
    Wire { name: "a_greeting_heard_ends_without_rst", port: GREETING, packets: 5 },
    Wire { name: "a_late_speaker_gets_no_rst", port: LATE, packets: 5 },
];

impl Wire {
    pub(crate) fn check(&self) -> Result<(), String> {
        let found = ["total", "syn", "fin", "rst"].map(|name| counted(self.port, name));
        let expected = [self.packets, 1, 1, 0];
        if found == expected {
            Ok(())
        } else {
            Err(format!("expected {expected:?} (total, syn, fin, rst), found {found:?}"))
        }
    }
}
