//! A network in simulated time: what each probe is to meet is decided beforehand, and the machine is
//! driven as an engine would drive it, by the clock of the next event.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peerscope_analysis::diagnose::{Action, Case, Event, Machine};
use peerscope_vocabulary::{
    Greeting, Handshake, HandshakeEnd, HandshakeObservation, HandshakeReply, IcmpMessage, LocalRefusal,
    Observation, Outcome, ProbeId, ProbeKind, ProbeRequest, UnreachableScope,
};

/// What a probe meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Meets {
    Connected,
    /// Connected, after the first probe's silence was noticed.
    LateConnected,
    /// Connected, and the other side greets as MySQL does.
    MySql,
    /// The same, as late as the late one.
    LateMySql,
    Refused,
    Silent,
    ProhibitedByTarget,
    ProhibitedElsewhere,
    LocalNoRoute,
    LocalPolicy,
    PortInUse,
    /// A router says that the packet is too large for its next link, which takes [`NARROW`] bytes.
    TooBig,
    /// The engine does not take the probe.
    NotTaken,
    /// The engine never says anything of it.
    Forgotten,
}

impl Meets {
    /// Whether a packet of the probe leaves this machine.
    pub(crate) fn sends(self) -> bool {
        !matches!(self, Self::LocalNoRoute | Self::LocalPolicy | Self::PortInUse | Self::NotTaken)
    }
}

/// One call of the machine: the log of a run.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has a dozen of them")]
pub(crate) enum Call {
    Poll(Duration, Action),
    Handle(Duration, Event),
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) machine: Machine,
    pub(crate) calls: Vec<Call>,
    pub(crate) ended: Duration,
    /// What each probe met, with its request, in the order of sending.
    pub(crate) probes: Vec<(ProbeRequest, Meets)>,
    /// How many probes went out at once, each time.
    pub(crate) batches: Vec<Vec<ProbeRequest>>,
}

pub(crate) const SEED: u64 = 7;

/// What this machine sends on its own link, and agrees on with others.
pub(crate) const OWN: u32 = 1_500;
/// What a router's next link takes, where it says so.
pub(crate) const NARROW: u32 = 1_400;

/// Drives a case to its end. `meets` tells what the n-th probe towards an address is to meet.
pub(crate) fn run(case: Case, meets: impl Fn(IpAddr, usize) -> Meets) -> Run {
    run_by(case, |request, nth| meets(request.address, nth))
}

/// The same, where it depends on the probe.
pub(crate) fn run_by(case: Case, meets: impl Fn(&ProbeRequest, usize) -> Meets) -> Run {
    run_speaking(case, meets, &HandshakeReply::default())
}

/// The same, where this is what comes of a handshake once it is connected.
pub(crate) fn run_speaking(
    case: Case,
    meets: impl Fn(&ProbeRequest, usize) -> Meets,
    reply: &HandshakeReply,
) -> Run {
    run_replying(case, meets, |_| reply.clone())
}

/// The same, where it depends on the probe.
pub(crate) fn run_replying(
    case: Case,
    meets: impl Fn(&ProbeRequest, usize) -> Meets,
    reply: impl Fn(&ProbeRequest) -> HandshakeReply,
) -> Run {
    let mut run = Run {
        machine: Machine::new(case, SEED),
        calls: Vec::new(),
        ended: Duration::ZERO,
        probes: Vec::new(),
        batches: Vec::new(),
    };
    let mut events: BTreeMap<(Duration, ProbeId), Event> = BTreeMap::new();
    let mut sent: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let mut now = Duration::ZERO;
    for _ in 0..1_000 {
        let action = run.machine.poll(now);
        run.calls.push(Call::Poll(now, action.clone()));
        match action {
            Action::Done => {
                run.ended = now;
                return run;
            }
            Action::Cancel(id) => events.retain(|(_, probe), _| *probe != id),
            Action::Send(requests) => {
                assert!(!requests.is_empty(), "an empty batch is no progress");
                for request in &requests {
                    let nth = sent.entry(request.address).or_default();
                    let met = meets(request, *nth);
                    *nth += 1;
                    run.probes.push((*request, met));
                    let event = event(*request, met, now);
                    let handshake = run.machine.handshake();
                    if let Some((at, event)) = event.map(|event| spoken(event, handshake, &reply(request))) {
                        events.insert((at, request.id), event);
                    }
                }
                run.batches.push(requests);
            }
            Action::WaitUntil(until) => {
                let next = events.first_key_value().map(|((at, _), _)| *at);
                let wake = next.map_or(until, |at| at.min(until)).max(now);
                assert!(wake > now || next.is_some_and(|at| at <= now), "stuck at {now:?}: {:?}", run.calls);
                now = wake;
                while let Some(first) = events.first_entry().filter(|first| first.key().0 <= now) {
                    let event = first.remove();
                    run.calls.push(Call::Handle(now, event.clone()));
                    run.machine.handle(now, event);
                }
            }
        }
    }
    panic!("no end after 1000 polls: {:?}", run.calls.last());
}

/// Makes the same calls of a new machine, and holds that it asks for the same.
pub(crate) fn replay(case: Case, calls: &[Call]) -> Machine {
    let mut machine = Machine::new(case, SEED);
    for call in calls {
        match call {
            Call::Poll(now, action) => assert_eq!(machine.poll(*now), *action, "at {now:?}"),
            Call::Handle(now, event) => machine.handle(*now, event.clone()),
        }
    }
    machine
}

/// The same event, where its probe spoke a protocol once connected: as much later as its end took.
fn spoken(
    (at, event): (Duration, Event),
    handshake: Option<&Handshake>,
    reply: &HandshakeReply,
) -> (Duration, Event) {
    let Event::Completed(mut observation) = event else { return (at, event) };
    let Some(handshake) = handshake.filter(|_| observation.request.kind == ProbeKind::Handshake) else {
        return (at, event);
    };
    let mut reply = reply.clone();
    if observation.outcome != Outcome::Connected {
        reply = HandshakeReply::default();
    } else if !matches!(reply.end, Some(HandshakeEnd::Answered { .. })) {
        observation.outcome = Outcome::ApplicationError;
    }
    if let Some(HandshakeEnd::Silent { waited, .. }) = &mut reply.end {
        *waited = observation.request.greeting_wait;
        reply.took = *waited;
    }
    let at = at + reply.took;
    (at, Event::Spoke(HandshakeObservation { handshake: handshake.clone(), observation, reply }))
}

/// When the engine says what of the probe.
fn event(request: ProbeRequest, met: Meets, now: Duration) -> Option<(Duration, Event)> {
    let own = request.source.map(|source| SocketAddr::new(source, request.source_port.unwrap_or(0)));
    let prohibited =
        |from: IpAddr| Outcome::Prohibited { icmp: IcmpMessage { icmp_type: 3, code: 13, from: Some(from) } };
    let local = |refusal| Outcome::LocalError { refusal, errno: 99 };
    let soon = Duration::from_millis(20);
    let answer = match request.kind {
        ProbeKind::IcmpEcho => Outcome::Echo,
        ProbeKind::Udp => Outcome::Answered,
        _ => Outcome::Connected,
    };
    let (after, outcome) = match met {
        Meets::Connected | Meets::MySql => (soon, answer),
        Meets::LateConnected | Meets::LateMySql => (Duration::from_millis(800), answer),
        Meets::Refused => (soon, Outcome::Refused),
        Meets::Silent => (request.timeout, Outcome::Timeout),
        Meets::ProhibitedByTarget => (soon, prohibited(request.address)),
        Meets::ProhibitedElsewhere => (soon, prohibited(IpAddr::from([10, 9, 9, 9]))),
        Meets::LocalNoRoute => (Duration::ZERO, local(LocalRefusal::NoRoute)),
        Meets::LocalPolicy => (Duration::ZERO, local(LocalRefusal::Policy)),
        Meets::PortInUse => (Duration::ZERO, local(LocalRefusal::AddressUnavailable)),
        Meets::TooBig => {
            let icmp = IcmpMessage { icmp_type: 3, code: 4, from: Some(IpAddr::from([10, 9, 9, 9])) };
            (soon, Outcome::Unreachable { scope: UnreachableScope::TooBig, icmp })
        }
        Meets::NotTaken => return Some((now, Event::Refused(request.id))),
        Meets::Forgotten => return None,
    };
    let greeting = (matches!(met, Meets::MySql | Meets::LateMySql) && !request.greeting_wait.is_zero())
        .then(|| Greeting::new(b"\x4a\x00\x00\x00\x0a8.0.36\0"));
    let observation = Observation {
        sent_at: now,
        finished_at: now + after,
        local: own,
        rtt: (outcome == answer).then_some(after),
        retransmissions: if met == Meets::Silent && request.kind == ProbeKind::TcpConnect { 2 } else { 0 },
        greeting,
        largest_packet: match met {
            Meets::TooBig => Some(NARROW),
            _ => (outcome == Outcome::Connected || request.dont_fragment).then_some(OWN),
        },
        ..Observation::bare(request, outcome)
    };
    Some((now + after, Event::Completed(observation)))
}
