//! `why --thorough` where a wire takes smaller packets than the ends of the path do: in silence, with a word to the
//! senders, and with the MSS of every connection lowered. What the kernel does with large packets is asserted first, by
//! other packets than ours.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::fault::admit_echo;
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Service, Style, Vary, World};
use peerscope_laboratory::{
    Call, Captured, Condition, DatagramServiceKind, Enclosure, FlowProtocol, KernelOutcome, Told,
};
use serde_json::Value;

/// How long nothing has to come back to be taken for silence.
const SILENCE: Duration = Duration::from_millis(300);
/// What the twin's wires take, and its hosts send.
const FULL: u16 = 1_500;
/// What is sent where a packet is too large (EMSGSIZE).
const TOO_LARGE: KernelOutcome = KernelOutcome::Other(90);
/// How many echoes ask where an echo is the question.
const ASKED: usize = 5;
/// The most echoes of several sizes.
const MOST: usize = 14;

/// A wire, and what is to be said.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    base: Base,
    version_six: bool,
    /// What the wire takes, and who is told; none: as much as any.
    wire: Option<(u16, Told)>,
    /// Whether an echo is the question, not a connect.
    icmp: bool,
    /// What becomes of a full-sized packet that may not be divided.
    full: KernelOutcome,
    verdict: &'static str,
    /// What the summary says.
    says: &'static str,
}

const HEALTHY: Case = Case {
    name: "a_healthy_path_takes_packets_of_full_size",
    base: Base::DynoToVpc,
    version_six: false,
    wire: None,
    icmp: false,
    full: KernelOutcome::Answered,
    verdict: "reachable",
    says: "packets of 1500 bytes pass whole",
};

const SILENT: Case = Case {
    name: "a_narrow_wire_that_nobody_tells_of_is_a_blackhole",
    wire: Some((1_400, Told::Nobody)),
    full: KernelOutcome::Silent,
    verdict: "impaired",
    says: "Packets of 1420 bytes and more to or from",
    ..HEALTHY
};

const CASES: &[Case] = &[
    HEALTHY,
    Case { name: "a_healthy_path_to_a_dyno", base: Base::VpcToDyno, ..HEALTHY },
    Case { name: "a_healthy_path_that_an_echo_asks_for", icmp: true, ..HEALTHY },
    Case { name: "a_healthy_path_by_ipv6", base: Base::VpcToVpc, version_six: true, ..HEALTHY },
    SILENT,
    Case { name: "a_blackhole_towards_a_dyno", base: Base::VpcToDyno, ..SILENT },
    Case { name: "a_blackhole_that_an_echo_asks_for", icmp: true, ..SILENT },
    Case { name: "a_blackhole_by_ipv6", base: Base::VpcToVpc, version_six: true, ..SILENT },
    Case {
        name: "a_blackhole_of_a_few_bytes",
        wire: Some((1_492, Told::Nobody)),
        says: "Packets of 1500 bytes and more to or from",
        ..SILENT
    },
    Case {
        name: "a_blackhole_that_leaves_little",
        wire: Some((600, Told::Nobody)),
        says: "Packets of 1006 bytes and more to or from",
        ..SILENT
    },
    Case {
        name: "a_narrow_wire_that_senders_are_told_of_is_none",
        wire: Some((1_400, Told::Senders)),
        full: TOO_LARGE,
        says: "packets of 1400 bytes pass whole, larger ones are sent back by 169.254.9.",
        ..HEALTHY
    },
    Case {
        name: "nor_is_one_that_an_echo_asks_for",
        wire: Some((1_400, Told::Senders)),
        full: TOO_LARGE,
        icmp: true,
        says: "packets of 1400 bytes pass whole, larger ones are sent back by 169.254.9.",
        ..HEALTHY
    },
    Case {
        name: "nor_is_one_that_connections_are_told_of",
        wire: Some((1_400, Told::Connections)),
        full: KernelOutcome::Silent,
        says: "packets of 1400 bytes pass whole",
        ..HEALTHY
    },
];

/// Where no echo is admitted and a service answers datagrams: a name, the wire, and what is said.
type ByDatagrams = (&'static str, Option<(u16, Told)>, &'static str);

const DATAGRAMS: &[ByDatagrams] = &[
    ("datagrams_of_full_size_arrive", None, "datagrams of 1500 bytes arrive whole"),
    (
        "who_takes_smaller_datagrams_says_so",
        Some((1_400, Told::Senders)),
        "datagrams of 1400 bytes arrive whole, larger ones are sent back by 169.254.9.",
    ),
    (
        "of_datagrams_that_are_not_answered_nobody_is_accused",
        Some((1_400, Told::Nobody)),
        "datagrams of 1400 bytes are answered and of 1420 bytes are not, which may be the path or the service",
    ),
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let trial = |case: &'static Case| Trial::test(case.name, move || tried(enclosure, bench, case));
        let datagrams = |(name, wire, says): ByDatagrams| {
            Trial::test(name, move || by_datagrams(enclosure, bench, wire, says))
        };
        let all = CASES.iter().map(trial).chain(DATAGRAMS.iter().copied().map(datagrams));
        Ok((Arguments::from_args(), all.collect()))
    })
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

/// A stage of the case. What a kernel learns of the path it keeps, so what is to be learnt anew needs one of its own.
fn stage<'e>(enclosure: &'e Enclosure, case: &Case) -> Result<Stage<'e>, Failed> {
    let version_six: &[Vary] = if case.version_six { &[Vary::Ipv6] } else { &[] };
    let vary: Vec<Vary> = Vary::ALL.iter().chain(version_six).copied().collect();
    let worlds = (11..50).map(|seed| World::generate(case.base, &vary, seed));
    let mut fitting = worlds.filter(|world| world.target_address().is_ipv6() == case.version_six);
    let mut world = fitting.next().ok_or("no world of that version")?;
    admit_echo(&mut world)?;
    let (target, towards) = (world.target(), world.source_address());
    let narrow = |(bytes, told)| (target, Condition::BehindNarrowWire { bytes, towards, told });
    world.conditions.extend(case.wire.map(narrow));
    Ok(Stage::set(enclosure, world)?)
}

/// What becomes of an echo of so many bytes.
fn echo(stage: &Stage<'_>, port: u16, length: u16) -> Result<KernelOutcome, Failed> {
    let target = stage.world.target_address();
    let source = SocketAddr::new(stage.world.source_address(), port);
    let call = Call { host: stage.source(), source, target };
    let outcomes =
        stage.twin.exchange_of_length(FlowProtocol::Echo, &[call], usize::from(length), SILENCE)?;
    Ok(outcomes.first().copied().ok_or("no outcome")?)
}

fn proven(enclosure: &Enclosure, case: &Case) -> Result<(), Failed> {
    let stage = stage(enclosure, case)?;
    expect(echo(&stage, 1, 100)? == KernelOutcome::Answered, "a small echo is answered")?;
    let fits = case.wire.map_or(FULL, |(bytes, _)| bytes);
    expect(echo(&stage, 2, fits)? == KernelOutcome::Answered, "an echo that fits is answered")?;
    for port in [3, 4] {
        let full = echo(&stage, port, FULL)?;
        // Once told, Linux divides what is too large.
        let expected = if case.full == TOO_LARGE && port == 4 { KernelOutcome::Answered } else { case.full };
        expect(full == expected, format!("a full-sized echo: {full:?}, not {expected:?}"))?;
    }
    let above = echo(&stage, 5, fits.saturating_add(1));
    expect(
        case.wire.is_none() || case.full != KernelOutcome::Silent || above? == KernelOutcome::Silent,
        "one byte more than fits is lost",
    )
}

fn tried(enclosure: &Enclosure, bench: &Bench, case: &Case) -> Result<(), Failed> {
    proven(enclosure, case)?;
    let stage = stage(enclosure, case)?;
    let mut command = bench.peerscope(&stage)?;
    let address = stage.world.target_address();
    let target = match (case.icmp, address) {
        (true, SocketAddr::V4(address)) => format!("icmp://{}", address.ip()),
        (true, SocketAddr::V6(address)) => format!("icmp://[{}]", address.ip()),
        (false, address) => format!("tcp://{address}"),
    };
    let snapshot = bench.folder("path-mtu");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    command.args(["why", &target, "--thorough", "--deadline", "20", "--format", "json"]);
    command.arg("--snapshot").arg(&snapshot);
    let capture = stage.twin.capture(&stage.source())?;
    let output = command.output()?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    let said = format!("{}: {} {:#}", report["verdict"], report["summary"], report["gaps"]);
    expect(report["verdict"] == case.verdict, said.clone())?;
    let summary = report["summary"].as_str().unwrap_or_default();
    expect(summary.contains(case.says), said.clone())?;
    let causes = report["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if case.verdict == "reachable" {
        expect(causes.is_empty(), said)?;
    } else {
        let [cause] = causes else { return Err(Failed::from(format!("one cause: {causes:#?}"))) };
        expect(cause["code"] == "PATH_MTU_BLACKHOLE" && cause["status"] == "established", said.clone())?;
        expect(cause["component"]["type"] == "path" && cause["direction"].is_null(), format!("{cause:#}"))?;
    }
    let source = stage.world.source_address();
    let packets = capture.packets();
    let is_icmp = |packet: &&Captured| packet.source.ip() == source && matches!(packet.protocol, 1 | 58);
    manners(&report, packets.iter().filter(is_icmp).count(), if case.icmp { ASKED } else { 0 })
}

/// A handful of packets, none larger than the own link takes, and a small one before all others; `sent` went over the
/// wire, `beside` of them for other reasons.
fn manners(report: &Value, sent: usize, beside: usize) -> Result<(), Failed> {
    let observations = report["observations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sizes: Vec<u64> =
        observations.iter().filter_map(|one| one["request"]["packet_bytes"].as_u64()).collect();
    expect(sizes.first() == Some(&100) && sizes.len() <= MOST, format!("{sizes:?}"))?;
    expect(sizes.iter().all(|size| *size <= u64::from(FULL)), format!("{sizes:?}"))?;
    // A busy machine may find the first connect silent, and send an echo beside it.
    let expected = sizes.len() + beside..=sizes.len() + beside + 1;
    expect(expected.contains(&sent), format!("{sent} echoes on the wire, told are {sizes:?}"))
}

fn by_datagrams(
    enclosure: &Enclosure,
    bench: &Bench,
    wire: Option<(u16, Told)>,
    says: &str,
) -> Result<(), Failed> {
    let mut world = World::generate(Base::DynoToVpc, &[Vary::Addresses], 11);
    world.service = Service::Closed;
    world.exchange_tcp_and_udp();
    let (target, towards) = (world.target(), world.source_address());
    let narrow = |(bytes, told)| (target.clone(), Condition::BehindNarrowWire { bytes, towards, told });
    world.conditions.extend(wire.map(narrow));
    let stage = Stage::set(enclosure, world)?;
    let address = stage.world.target_address();
    let service = stage.twin.serve_datagrams(&target, address.port(), DatagramServiceKind::Echoing)?;
    let snapshot = bench.folder("path-mtu");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    let mut command = bench.peerscope(&stage)?;
    command.args(["why", &format!("udp://{address}"), "--thorough", "--deadline", "20", "--format", "json"]);
    command.arg("--snapshot").arg(&snapshot);
    let report: Value = serde_json::from_slice(&command.output()?.stdout)?;
    let said = format!("{}: {} {:#}", report["verdict"], report["summary"], report["gaps"]);
    expect(report["verdict"] == "reachable" && said.contains(says), said.clone())?;
    let observations = report["observations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sizes: Vec<u64> =
        observations.iter().filter_map(|one| one["request"]["packet_bytes"].as_u64()).collect();
    expect(sizes.first() == Some(&100) && sizes.len() <= MOST, format!("{sizes:?}"))?;
    expect(service.received() > 0 && service.received() <= 50, said)
}
