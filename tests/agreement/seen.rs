//! What the kernel does to flows, of many at once.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use peerscope_laboratory::{
    Call, DatagramServiceKind, Direction, FlowProtocol, Gate, Host, KernelOutcome, LaboratoryError, LostFlow,
    Twin,
};

use crate::question::Question;

/// What is silent so long has been dropped, if a gate says so as well; else it is tried again, with patience.
pub(crate) const PATIENT: &[Duration] = &[SILENCE, Duration::from_secs(4)];
/// Without: where a silence that no gate accounts for says enough.
pub(crate) const HASTY: &[Duration] = &[SILENCE];
const SILENCE: Duration = Duration::from_millis(250);

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// Something came back: that a port is closed is an answer too.
    Through,
    /// A gate dropped it, on the way there or back.
    Stopped(Gate, Direction),
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Through => write!(formatter, "through"),
            Self::Stopped(gate, direction) => write!(formatter, "stopped by {gate} ({})", direction.as_str()),
        }
    }
}

/// What becomes of these flows in a twin that nobody else uses. None of them may have been tried in it before:
/// what was let through once is remembered.
pub(crate) fn seen(
    twin: &Twin<'_>,
    questions: &[Question],
    patience: &[Duration],
) -> Result<Vec<Seen>, Failed> {
    let datagrams = questions.iter().filter(|it| it.protocol == FlowProtocol::Udp);
    let services: BTreeSet<(&Host, u16)> = datagrams.map(|it| (&it.to.host, it.port)).collect();
    let _services: Vec<_> = services
        .into_iter()
        .map(|(host, port)| twin.serve_datagrams(host, port, DatagramServiceKind::Echoing))
        .collect::<Result<_, _>>()?;
    let mut seen: Vec<Option<Seen>> = vec![None; questions.len()];
    for silence in patience {
        let open: Vec<usize> = (0..questions.len()).filter(|index| seen[*index].is_none()).collect();
        let outcomes = outcomes(twin, questions, &open, *silence)?;
        let lost = twin.lost_flows()?;
        for (index, outcome) in outcomes {
            let question = &questions[index];
            seen[index] = match outcome {
                KernelOutcome::Connected | KernelOutcome::Answered | KernelOutcome::Refused => {
                    Some(Seen::Through)
                }
                KernelOutcome::Silent => stopped(question, &lost)?,
                other => return Err(format!("{question:?}: {other:?}").into()),
            };
        }
    }
    let unexplained = || questions.iter().zip(&seen).find(|(_, seen)| seen.is_none());
    match unexplained() {
        Some((question, _)) => Err(format!("{question:?}: silence that no gate accounts for").into()),
        None => Ok(seen.into_iter().flatten().collect()),
    }
}

/// What comes of some of the flows, of all protocols at the same time.
fn outcomes(
    twin: &Twin<'_>,
    questions: &[Question],
    which: &[usize],
    silence: Duration,
) -> Result<Vec<(usize, KernelOutcome)>, Failed> {
    let of = |protocol: FlowProtocol| -> (Vec<usize>, Vec<Call>) {
        let own = which.iter().filter(|index| questions[**index].protocol == protocol);
        own.map(|index| (*index, questions[*index].call())).unzip()
    };
    let ask = |protocol: FlowProtocol| -> Result<Vec<(usize, KernelOutcome)>, LaboratoryError> {
        let (indices, calls) = of(protocol);
        let outcomes = match protocol {
            FlowProtocol::Tcp => {
                twin.call_all(&calls, silence)?.into_iter().map(|called| called.outcome).collect()
            }
            FlowProtocol::Udp | FlowProtocol::Echo => twin.exchange_all(protocol, &calls, silence)?,
        };
        Ok(indices.into_iter().zip(outcomes).collect())
    };
    let ask = &ask;
    thread::scope(|scope| {
        let threads = [FlowProtocol::Tcp, FlowProtocol::Udp, FlowProtocol::Echo]
            .map(|protocol| scope.spawn(move || ask(protocol)));
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(outcomes) => all.extend(outcomes?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

/// The gate that dropped the flow; nothing where none says so.
fn stopped(question: &Question, lost: &[LostFlow]) -> Result<Option<Seen>, Failed> {
    let (source, target) = (question.call().source, question.call().target);
    let ends = |one: SocketAddr, other: SocketAddr| {
        let own =
            move |it: &&LostFlow| (it.protocol, it.source, it.target) == (question.protocol, one, other);
        lost.iter().filter(own)
    };
    let own = ends(source, target).map(|it| (it.gate.clone(), it.direction));
    // A reply that strays to a router which never saw the call begins a flow of its own there.
    let strays = ends(target, source).map(|it| (it.gate.clone(), Direction::Return));
    let gates: BTreeSet<(Gate, Direction)> = own.chain(strays).collect();
    let mut gates = gates.into_iter();
    match (gates.next(), gates.next()) {
        (Some(first), Some(second)) => {
            Err(format!("{question:?}: dropped twice, by {first:?} and {second:?}").into())
        }
        (first, _) => Ok(first.map(|(gate, direction)| Seen::Stopped(gate, direction))),
    }
}
