//! The engine and a kernel agree on every flow: of random estates, which nobody made healthy or broken on purpose.
//!
//! Scenarios hold what somebody thought of. Here documents are changed at random, a twin is made of them, and
//! what becomes of real packets of several protocols and both versions of IP is compared with what the engine says
//! of their flows: through, or which component stops them first, on the way there or back. What they disagree
//! about is shrunk to the fewest changes and documents that still show it, and kept.

mod bench;
#[path = "agreement/disagreement.rs"]
mod disagreement;
#[path = "agreement/question.rs"]
mod question;
#[path = "agreement/said.rs"]
mod said;
#[path = "agreement/seen.rs"]
mod seen;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use disagreement::{Disagreement, agrees_now, regressions};
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_analysis::topology::Topology;
use peerscope_laboratory::fault::admit_echo;
use peerscope_laboratory::world::{Base, Vary, World};
use peerscope_laboratory::{Direction, Enclosure, FlowProtocol, Twin};
use question::{Question, Questions};
use said::said;
use seen::{PATIENT, Seen, seen};

/// Random worlds, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: u64 = 50;
const MORE_WORLDS: &str = "PEERSCOPE_AGREEMENT_WORLDS";
/// Flows of each.
const FLOWS: usize = 40;
/// Changes of each, at least and at most: few leave much that works, many much that does not.
const CHANGES: (u64, u64) = (1, 16);
/// How many twins stand at once.
const SIDE_BY_SIDE: usize = 8;

/// Flows that were compared, by what the kernel did and by what sort of flow each was.
static COMPARED: Mutex<BTreeMap<(Fate, &str), usize>> = Mutex::new(BTreeMap::new());

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Through,
    StoppedThere,
    StoppedBack,
    /// The engine leaves it open. What the kernel did is one of what it leaves open.
    Undecided,
}

impl Fate {
    fn words(self) -> &'static str {
        match self {
            Self::Through => "got through",
            Self::StoppedThere => "were stopped there",
            Self::StoppedBack => "on the way back",
            Self::Undecided => "are left open by the engine",
        }
    }
}

fn main() -> ExitCode {
    let status = bench::main(|enclosure, _| {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
        let worlds = std::env::var(MORE_WORLDS).map_or(Ok(WORLDS), |number| number.parse())?;
        println!("{worlds} worlds of {FLOWS} flows");
        let world = |number| Trial::test(format!("world {number}"), move || agree(enclosure, number));
        let former = regressions()?.into_iter().map(|(name, file)| {
            Trial::test(format!("regression {name}"), move || agrees_now(enclosure, &file))
        });
        Ok((arguments, former.chain((0..worlds).map(world)).collect()))
    });
    report();
    status
}

/// The world of a number after these changes.
fn world(number: u64, changes: &[u64]) -> Result<World, Failed> {
    let base = [Base::VpcToVpc, Base::DynoToVpc, Base::VpcToVpc, Base::VpcToDyno][(number % 4) as usize];
    let extra = match (base, number / 4 % 4) {
        (Base::VpcToVpc, 0) => &[Vary::Ipv6, Vary::References][..],
        (Base::VpcToVpc, 1) => &[Vary::SecondaryCidrs],
        (Base::VpcToVpc, 2) => &[Vary::Ipv6, Vary::Temptations],
        (_, 0) => &[Vary::Ipv6],
        _ => &[Vary::Temptations],
    };
    let vary: Vec<Vary> = Vary::ALL.iter().chain(extra).copied().collect();
    let mut world = World::generate(base, &vary, number);
    if !number.is_multiple_of(3) {
        admit_echo(&mut world)?;
    }
    if number % 5 >= 3 {
        world.exchange_tcp_and_udp();
    }
    world.scramble(changes);
    Ok(world)
}

fn agree(enclosure: &Enclosure, number: u64) -> Result<(), Failed> {
    let mut lot = fastrand::Rng::with_seed(number ^ 0xa9ee);
    let changes: Vec<u64> = (0..lot.u64(CHANGES.0..=CHANGES.1)).map(|_| lot.u64(..)).collect();
    let world = world(number, &changes)?;
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let topology = Topology::from(&world.snapshot);
    let questions = Questions::new(&topology, &world, &twin, &mut lot).draw(FLOWS);
    let seen = seen(&twin, &questions, PATIENT)?;
    let mut wrong = Vec::new();
    for (question, seen) in questions.into_iter().zip(seen) {
        let said = said(&topology, &question)?;
        count(&question, &seen, said.is_undecided());
        if !said.agrees(&seen, &world.snapshot, &question) {
            wrong.push(Disagreement { question, said, seen });
        }
    }
    let Some(first) = wrong.first() else { return Ok(()) };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disagreement-{number}"));
    let report = first.report(enclosure, |changes| self::world(number, changes), &changes, &folder)?;
    Err(format!("{} of {FLOWS} flows; the first: {report}", wrong.len()).into())
}

fn count(question: &Question, seen: &Seen, is_undecided: bool) {
    let fate = match seen {
        _ if is_undecided => Fate::Undecided,
        Seen::Through => Fate::Through,
        Seen::Stopped(_, Direction::Forward) => Fate::StoppedThere,
        Seen::Stopped(_, Direction::Return) => Fate::StoppedBack,
    };
    let sort = match (question.protocol, question.to.address.is_ipv4()) {
        (FlowProtocol::Tcp, true) => "TCP",
        (FlowProtocol::Tcp, false) => "TCP by IPv6",
        (FlowProtocol::Udp, true) => "UDP",
        (FlowProtocol::Udp, false) => "UDP by IPv6",
        (FlowProtocol::Echo, true) => "ICMP",
        (FlowProtocol::Echo, false) => "ICMPv6",
    };
    *COMPARED.lock().unwrap_or_else(PoisonError::into_inner).entry((fate, sort)).or_default() += 1;
}

/// Figures for people: that worlds are made by lot must not mean that nobody knows what of.
fn report() {
    let compared = COMPARED.lock().unwrap_or_else(PoisonError::into_inner);
    let all: usize = compared.values().sum();
    println!("{all} flows compared");
    for fate in [Fate::Through, Fate::StoppedThere, Fate::StoppedBack, Fate::Undecided] {
        let own: Vec<(&str, usize)> =
            compared.iter().filter(|((it, _), _)| *it == fate).map(|((_, sort), n)| (*sort, *n)).collect();
        let number: usize = own.iter().map(|(_, number)| number).sum();
        let share = 100.0 * number as f64 / all.max(1) as f64;
        let sorts: Vec<String> = own.iter().map(|(sort, number)| format!("{number} {sort}")).collect();
        println!("{number} ({share:.0} %) {}: {}", fate.words(), sorts.join(", "));
    }
}
