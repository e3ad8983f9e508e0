//! The flows as real packets, side by side, and what became of each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peerscope_laboratory::{
    Answering, Call, Direction, Gate, Host, KernelOutcome, LaboratoryError, LostFlow, Twin,
};
use serde::{Serialize, Serializer};

use super::cast::{Cast, Flow};

/// How long silence is waited for. A SYN is sent again after a second.
const SILENCE: Duration = Duration::from_millis(1200);
/// The same where silence surprises: a busy machine is slow.
const PATIENCE: Duration = Duration::from_millis(3500);

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase", tag = "result")]
pub(crate) enum Fate {
    /// The one who was called answered.
    Passes,
    /// A packet of it was dropped.
    Lost {
        /// Where.
        #[serde(serialize_with = "serialize_gate")]
        gate: Gate,
        /// Which way it was going: `forward` or `return`.
        #[serde(serialize_with = "serialize_direction")]
        direction: Direction,
    },
    /// Another host has the address where the packets went, and answered.
    Elsewhere {
        /// Who.
        by: Option<String>,
    },
    /// It did not come about, and no gate counted why.
    Unexplained {
        /// What the sender's kernel said.
        detail: String,
    },
}

fn serialize_gate<S: Serializer>(gate: &Gate, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        kind: &'static str,
        id: &'a str,
    }
    Shown { kind: gate.kind.as_str(), id: &gate.id }.serialize(serializer)
}

fn serialize_direction<S: Serializer>(direction: &Direction, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(direction.as_str())
}

/// The client's ports that were used. None is used twice between the same ends: a router remembers connections,
/// as AWS's do, and would let the second through by the first.
#[derive(Default)]
pub(super) struct Ports {
    used: BTreeMap<(IpAddr, SocketAddr, u16), u32>,
}

impl Ports {
    /// How many connections of one flow may need ports of their own: two runs, each repeated once.
    const NEEDED: u32 = 4;

    /// Whether there are ports enough for a flow to be tried again in the same twin.
    pub(super) fn suffice(flow: &Flow) -> bool {
        u32::from(flow.source_ports.last() - flow.source_ports.first()) + 1 >= 2 * Self::NEEDED
    }

    fn next(&mut self, flow: &Flow, listening: &BTreeSet<u16>) -> u16 {
        let (first, last) = (flow.source_ports.first(), flow.source_ports.last());
        let number = u32::from(last - first) + 1;
        let target = SocketAddr::new(flow.address, flow.port);
        let used = self.used.entry((flow.source, target, first)).or_default();
        let mut port = first;
        for _ in 0..number {
            port = first.saturating_add(u16::try_from(*used % number).unwrap_or_default());
            *used += 1;
            // A port that its host listens on cannot be had.
            if !listening.contains(&port) {
                break;
            }
        }
        port
    }
}

/// Tries all flows: what became of each, and the client's port that it was tried from.
///
/// # Errors
/// [`LaboratoryError`] where the laboratory fails; what happens to packets is a fate.
pub(super) fn perform(
    twin: &Twin<'_>,
    cast: &Cast,
    ports: &mut Ports,
) -> Result<(Vec<Fate>, Vec<u16>), LaboratoryError> {
    let mut listening: BTreeMap<Host, BTreeSet<u16>> = BTreeMap::new();
    for flow in &cast.flows {
        if let Some(receiver) = cast.receivers.get(flow.receiver) {
            listening.entry(receiver.host.clone()).or_default().insert(flow.port);
        }
    }
    let answering = listening
        .iter()
        .map(|(host, ports)| twin.answer(host, &ports.iter().copied().collect::<Vec<u16>>()))
        .collect::<Result<Vec<Answering>, LaboratoryError>>()?;
    let all: Vec<usize> = (0..cast.flows.len()).collect();
    let mut stage = Stage { twin, cast, ports, listening: &listening };
    let mut fates = BTreeMap::new();
    stage.attempt(&all, SILENCE, &mut fates)?;
    let surprising: Vec<usize> = fates
        .iter()
        .filter(|(_, (fate, _))| matches!(fate, Fate::Unexplained { .. } | Fate::Elsewhere { by: None }))
        .map(|(index, _)| *index)
        .collect();
    if !surprising.is_empty() {
        stage.attempt(&surprising, PATIENCE, &mut fates)?;
    }
    drop(answering);
    Ok(fates.into_values().unzip())
}

struct Stage<'a, 'e> {
    twin: &'a Twin<'e>,
    cast: &'a Cast,
    ports: &'a mut Ports,
    listening: &'a BTreeMap<Host, BTreeSet<u16>>,
}

impl Stage<'_, '_> {
    fn attempt(
        &mut self,
        which: &[usize],
        silence: Duration,
        fates: &mut BTreeMap<usize, (Fate, u16)>,
    ) -> Result<(), LaboratoryError> {
        let nothing = BTreeSet::new();
        let mut calls = Vec::new();
        let mut receivers = Vec::new();
        for &index in which {
            let Some(flow) = self.cast.flows.get(index) else { continue };
            let sender = self.cast.senders.get(flow.sender);
            let receiver = self.cast.receivers.get(flow.receiver);
            let (Some(sender), Some(receiver)) = (sender, receiver) else { continue };
            let taken = self.listening.get(&sender.host).unwrap_or(&nothing);
            let port = self.ports.next(flow, taken);
            calls.push(Call {
                host: sender.host.clone(),
                source: SocketAddr::new(flow.source, port),
                target: SocketAddr::new(flow.address, flow.port),
            });
            receivers.push((index, receiver.host.clone(), port));
        }
        let called = self.twin.call_all(&calls, silence)?;
        let lost = self.twin.lost_flows()?;
        let lost: BTreeMap<(SocketAddr, SocketAddr), &LostFlow> =
            lost.iter().map(|lost| ((lost.source, lost.target), lost)).collect();
        for ((call, called), (index, receiver, port)) in calls.iter().zip(called).zip(receivers) {
            // A reply that strays to a router which never saw the call begins a flow of its own there.
            let stray = || lost.get(&(call.target, call.source)).map(|lost| (&lost.gate, Direction::Return));
            let lost = lost.get(&(call.source, call.target)).map(|lost| (&lost.gate, lost.direction));
            let fate = fate(called.outcome, called.by.as_ref(), &receiver, lost.or_else(stray));
            fates.insert(index, (fate, port));
        }
        Ok(())
    }
}

fn fate(
    outcome: KernelOutcome,
    by: Option<&Host>,
    receiver: &Host,
    lost: Option<(&Gate, Direction)>,
) -> Fate {
    match (outcome, by, lost) {
        (KernelOutcome::Connected, Some(by), _) if by == receiver => Fate::Passes,
        (KernelOutcome::Connected, by, _) => Fate::Elsewhere { by: by.map(ToString::to_string) },
        (KernelOutcome::Silent, _, Some((gate, direction))) => Fate::Lost { gate: gate.clone(), direction },
        (KernelOutcome::Silent, _, None) => Fate::Unexplained { detail: "nothing came back".to_string() },
        (KernelOutcome::Refused, ..) => Fate::Unexplained { detail: "refused".to_string() },
        (KernelOutcome::Other(errno), ..) => {
            Fate::Unexplained { detail: std::io::Error::from_raw_os_error(errno).to_string() }
        }
        (other, ..) => Fate::Unexplained { detail: format!("{other:?}") },
    }
}
