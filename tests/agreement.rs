//! The engine and a kernel agree on every flow: of random estates, which nobody made healthy or broken on purpose.
//!
//! Scenarios hold what somebody thought of. Here documents are changed at random, a twin is made of them, and
//! what becomes of a real packet is compared with what the engine says of its flow: through, stopped on the way
//! there, or on the way back, which the twin's counters tell apart. What they disagree about is shrunk to the
//! fewest changes that still show it.

mod bench;

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_analysis::flow::{Flow, FlowBox, Flows};
use peerscope_analysis::reach::{Decision, Direction, reach};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_laboratory::world::{Base, Style, Vary, World};
use peerscope_laboratory::{Direction as Counted, Enclosure, Host, KernelOutcome, Twin};

/// Random worlds, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: u64 = 50;
const MORE_WORLDS: &str = "PEERSCOPE_AGREEMENT_WORLDS";
/// Flows of each.
const FLOWS: u64 = 40;
/// Changes of each, at least and at most: few leave much that works, many much that does not.
const CHANGES: (u64, u64) = (1, 16);
/// What is silent so long has been dropped, if a counter says so as well; without one, it is waited for longer.
const SILENCE: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_secs(3);
/// How many twins stand at once.
const SIDE_BY_SIDE: usize = 8;

/// What becomes of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Through,
    StoppedThere,
    StoppedBack,
}

/// Flows that were compared, by what the kernel did.
static SEEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// One question.
#[derive(Clone, Debug)]
struct Question {
    from: Host,
    source: IpAddr,
    target: IpAddr,
    source_port: u16,
    port: u16,
}

fn main() -> ExitCode {
    let status = bench::main(|enclosure, bench| {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
        let worlds = std::env::var(MORE_WORLDS).map_or(Ok(WORLDS), |number| number.parse())?;
        println!("{worlds} worlds of {FLOWS} flows");
        let trial = |number| Trial::test(format!("world {number}"), move || agree(enclosure, bench, number));
        Ok((arguments, (0..worlds).map(trial).collect()))
    });
    let [through, there, back] = SEEN.each_ref().map(|count| count.load(Ordering::Relaxed));
    println!("flows compared: {through} got through, {there} were stopped there, {back} on the way back");
    status
}

fn world(number: u64, changes: &[u64]) -> World {
    let bases = [Base::VpcToVpc, Base::DynoToVpc, Base::VpcToDyno, Base::VpcToVpc];
    let base = bases[(number % 4) as usize];
    let extra = match number % 8 {
        0 => &[Vary::References][..],
        4 => &[Vary::SecondaryCidrs][..],
        _ => &[Vary::Temptations][..],
    };
    let vary: Vec<Vary> = Vary::ALL.iter().chain(extra).copied().collect();
    let mut world = World::generate(base, &vary, number);
    world.scramble(changes);
    world
}

fn agree(enclosure: &Enclosure, bench: &Bench, number: u64) -> Result<(), Failed> {
    let mut lot = fastrand::Rng::with_seed(number ^ 0xa9ee);
    let changes: Vec<u64> = (0..lot.u64(CHANGES.0..=CHANGES.1)).map(|_| lot.u64(..)).collect();
    let world = world(number, &changes);
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let topology = Topology::from(&world.snapshot);
    let questions = questions(&world, &twin, &mut lot);
    let (mut wrong, mut counted) = (Vec::new(), (0, 0));
    for question in questions {
        let Some(said) = said(&topology, &question)? else { continue };
        let seen = seen(&twin, &mut counted, &question)?;
        SEEN[seen as usize].fetch_add(1, Ordering::Relaxed);
        if said != seen {
            wrong.push((question, said, seen));
        }
    }
    let Some((question, said, seen)) = wrong.first() else { return Ok(()) };
    let (fewest, said, seen) = shrunk(enclosure, number, &changes, question, (*said, *seen))?;
    let folder = bench.folder(&format!("disagreement-{number}"));
    self::world(number, &fewest).write(&folder, Style::of_seed(number))?;
    Err(format!(
        "{} of {FLOWS} flows; {question:?}: the engine says {said:?}, the kernel {seen:?}, after {} changes: {}",
        wrong.len(),
        fewest.len(),
        folder.display()
    )
    .into())
}

/// Flows between hosts whose addresses are theirs alone: of others nobody could say whom they mean.
fn questions(world: &World, twin: &Twin<'_>, lot: &mut fastrand::Rng) -> Vec<Question> {
    let hosts: Vec<(Host, IpAddr)> = twin
        .hosts()
        .filter_map(|(host, addresses)| Some((host.clone(), *addresses.iter().find(|it| it.is_ipv4())?)))
        .collect();
    let is_alone = |address: IpAddr| hosts.iter().filter(|(_, other)| *other == address).count() == 1;
    let mut questions = Vec::new();
    let ends = [(world.source(), world.source_address()), (world.target(), world.target_address().ip())];
    while questions.len() < FLOWS as usize {
        let any = |lot: &mut fastrand::Rng| hosts[lot.usize(..hosts.len())].clone();
        // Those of the world's own flow are joined with each other more often than any two are.
        let kind = lot.u8(0..8);
        let ((from, source), (_, target)) = match kind {
            0..=4 => (ends[0].clone(), ends[1].clone()),
            5 => (any(lot), ends[1].clone()),
            6 => (ends[0].clone(), any(lot)),
            _ => (any(lot), any(lot)),
        };
        if source == target || !is_alone(target) || !is_alone(source) {
            if questions.is_empty() && hosts.iter().filter(|(_, it)| is_alone(*it)).count() < 2 {
                break;
            }
            continue;
        }
        let number = questions.len() as u16;
        // Each source port once, so that no connection is taken for an earlier one's.
        let low = [1100, 32800, 49200, 60900][lot.usize(..4)];
        let port = if kind < 3 { world.target_address().port() } else { world.some_port(lot.u64(..)) };
        questions.push(Question { from, source, target, source_port: low + number, port });
    }
    questions
}

/// What the engine says; nothing where it does not know.
fn said(topology: &Topology, question: &Question) -> Result<Option<Fate>, Failed> {
    let network = |address: IpAddr| -> NetworkId {
        let owners = topology.interfaces().filter(|(_, one)| one.addresses.contains(&address));
        let vpc = owners.filter_map(|(_, one)| one.vpc.clone()).next();
        vpc.map_or(NetworkId::Space, NetworkId::Vpc)
    };
    let (source, target) = (network(question.source), network(question.target));
    if source == NetworkId::Space && target == NetworkId::Space {
        return Ok(None);
    }
    let flow = Flow {
        source: question.source,
        destination: question.target,
        protocol: 6,
        source_port: question.source_port,
        port: question.port,
    };
    let answer = reach(topology, &source, &target, &Flows::from(FlowBox::from(flow)));
    let segment = answer.segment_of(&flow).ok_or("no segment has the flow")?;
    let mut fate = Fate::Through;
    for evaluated in &segment.gates {
        let part = evaluated.part_of(&flow).ok_or("a gate has no part with the flow")?;
        match part.decision {
            Decision::Admitted | Decision::Assumed | Decision::Consequence => {}
            Decision::Unknown(_) => return Ok(None),
            Decision::Blocked(_) if evaluated.gate.direction() == Some(Direction::Return) => {
                if fate == Fate::Through {
                    fate = Fate::StoppedBack;
                }
            }
            Decision::Blocked(_) => fate = Fate::StoppedThere,
        }
    }
    Ok(Some(fate))
}

/// What the kernel does: an answer, or silence and a counter. `before` is what was counted until now, forward and
/// back; nobody else uses the twin.
fn seen(twin: &Twin<'_>, before: &mut (u64, u64), question: &Question) -> Result<Fate, Failed> {
    let target = SocketAddr::new(question.target, question.port);
    let counted = || -> Result<(u64, u64), Failed> {
        let dropped = twin.dropped()?;
        let of =
            |direction| dropped.iter().filter(move |it| it.direction == direction).map(|it| it.packets).sum();
        Ok((of(Counted::Forward), of(Counted::Return)))
    };
    for patience in [SILENCE, PATIENCE] {
        match twin.connect(&question.from, question.source_port, target, patience)? {
            KernelOutcome::Connected | KernelOutcome::Refused => return Ok(Fate::Through),
            KernelOutcome::Silent => {}
            other => return Err(format!("{question:?}: {other:?}").into()),
        }
        let after = counted()?;
        let more = (after.0 > before.0, after.1 > before.1);
        *before = after;
        match more {
            (_, true) => return Ok(Fate::StoppedBack),
            (true, false) => return Ok(Fate::StoppedThere),
            (false, false) => {}
        }
    }
    Err(format!("{question:?}: silence that no gate accounts for").into())
}

/// The fewest changes after which engine and kernel still disagree about the flow.
fn shrunk(
    enclosure: &Enclosure,
    number: u64,
    changes: &[u64],
    question: &Question,
    mut fates: (Fate, Fate),
) -> Result<(Vec<u64>, Fate, Fate), Failed> {
    let mut fewest = changes.to_vec();
    let mut twin: Option<Twin<'_>> = None;
    for change in changes {
        let fewer: Vec<u64> = fewest.iter().copied().filter(|it| it != change).collect();
        let world = world(number, &fewer);
        match &mut twin {
            Some(twin) => twin.rebuild(&world.snapshot)?,
            None => twin = Some(Twin::build(enclosure, &world.snapshot, &world.dynos())?),
        }
        let Some(twin) = &twin else { continue };
        let Some(said) = said(&Topology::from(&world.snapshot), question)? else { continue };
        // A rebuilt twin counts from zero.
        let seen = seen(twin, &mut (0, 0), question)?;
        if said != seen {
            (fewest, fates) = (fewer, (said, seen));
        }
    }
    Ok((fewest, fates.0, fates.1))
}
