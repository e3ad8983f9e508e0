//! `why --thorough` and `--explore` on real packets: the sweep finds what a network ACL lets through to the
//! port, within its manners, and what is explored is what may be.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::scenario::{Scenario, Stage};
use peerscope_laboratory::world::Style;
use peerscope_laboratory::{Captured, Enclosure};
use serde_json::{Value, json};

/// How many worlds of each kind.
const WORLDS: usize = 2;
/// Linux's default range of the client's ports, which the twin's hosts have.
const CLIENT: (u16, u16) = (32768, 60999);
/// The most connects to the target, and the most to others.
const MOST: usize = 50;
const OTHERS: usize = 7;

/// Ranges of ports, both ends included.
type Ports = &'static [(u16, u16)];

/// Ports that the ACL's way back lets through, and what is left of the client's range.
const PARTIAL: &[(&str, Ports, Ports)] = &[
    ("low_ports_pass", &[(1024, 49151)], &[(49152, 60999)]),
    ("high_ports_pass", &[(49152, 65535)], &[(32768, 49151)]),
    ("a_range_in_the_middle_passes", &[(40000, 50000)], &[(32768, 39999), (50001, 60999)]),
    ("a_range_in_the_middle_is_missing", &[(1024, 41234), (47777, 65535)], &[(41235, 47776)]),
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let mut trials = Vec::new();
        for base in ["dyno-to-vpc", "vpc-to-dyno"] {
            for (name, allow, silent) in PARTIAL {
                for snapshot in [Snapshot::None, Snapshot::Old, Snapshot::True] {
                    let name = format!("{base}_{name}_{snapshot:?}").to_lowercase().replace('-', "_");
                    let test = move || swept(enclosure, bench, base, allow, silent, snapshot);
                    trials.push(Trial::test(name, test));
                }
            }
        }
        trials.push(Trial::test("loss_is_no_filter", || loss(enclosure, bench)));
        trials.push(Trial::test("a_silent_host_is_told_by_its_neighbours", || silent_host(enclosure, bench)));
        trials
            .push(Trial::test("whom_a_setting_accounts_for_alone_is_asked", || accounted(enclosure, bench)));
        trials.push(Trial::test("without_a_snapshot_the_truth_stays", || unconfigured(enclosure, bench)));
        Ok((Arguments::from_args(), trials))
    })
}

/// Which snapshot a diagnosis is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snapshot {
    None,
    /// From before the fault.
    Old,
    True,
}

fn scenario(base: &str, fault: &str) -> Result<Scenario, Failed> {
    let text = format!(
        "base = \"{base}\"\nvary = [\"addresses\", \"association\", \"rule-order\", \"decoys\"]\n\
         [[fault]]\n{fault}\n[kernel]\n[expect]\nverdict = \"blocked\"\n"
    );
    Ok(Scenario::parse("wider", &text)?)
}

/// What was said, and what went over the source's wire meanwhile.
struct Said {
    report: Value,
    packets: Vec<Captured>,
    source: IpAddr,
}

impl Said {
    fn first(&self) -> &Value {
        &self.report["causes"][0]
    }

    /// The ends of each connection that was asked for: the source's port, and the address and port asked.
    fn connects(&self) -> BTreeSet<(u16, IpAddr, u16)> {
        let opening =
            self.packets.iter().filter(|packet| packet.source.ip() == self.source && packet.opens());
        opening.map(|one| (one.source.port(), one.destination.ip(), one.destination.port())).collect()
    }

    /// The connects to others than the named port, and those of which the report says why they were made.
    fn beside(&self, named: std::net::SocketAddr) -> [BTreeSet<(IpAddr, u16)>; 2] {
        let connects = self.connects().into_iter().map(|(_, address, port)| (address, port));
        let told = self.report["asked"].as_array().into_iter().flatten().filter_map(|one| {
            one["after_seconds"].as_f64()?;
            let address = one["address"].as_str()?.parse().ok()?;
            Some((address, u16::try_from(one["port"].as_u64()?).ok()?))
        });
        [connects.filter(|asked| *asked != (named.ip(), named.port())).collect(), told.collect()]
    }

    fn words(&self) -> String {
        format!("{}: {} ({})", self.report["verdict"], self.report["summary"], self.first()["code"])
    }
}

fn why(
    bench: &Bench,
    stage: &Stage<'_>,
    scenario: &Scenario,
    snapshot: Snapshot,
    flag: &str,
) -> Result<Said, Failed> {
    let seed = stage.world.seed();
    let mut command = bench.peerscope(stage)?;
    let target = format!("tcp://{}", stage.world.target_address());
    command.args(["why", &target, flag, "--deadline", "20", "--format", "json"]);
    let folder = bench.folder("wider");
    match snapshot {
        Snapshot::None => {}
        Snapshot::True => stage.world.write(&folder, Style::of_seed(seed))?,
        Snapshot::Old => {
            let healthy = Scenario { faults: Vec::new(), ..scenario.clone() };
            healthy.world(seed)?.write(&folder, Style::of_seed(seed))?;
        }
    }
    if snapshot != Snapshot::None {
        command.arg("--snapshot").arg(&folder);
    }
    let capture = stage.twin.capture(&stage.source())?;
    let output = command.output()?;
    let report = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    let said = Said { report, packets: capture.packets(), source: stage.world.source_address() };
    Ok(said)
}

/// An answer that comes after the probe has gone is reset by the kernel: only where packets are lost.
fn unreset(said: Said) -> Result<Said, Failed> {
    let reset = said.packets.iter().any(|packet| packet.source.ip() == said.source && packet.resets());
    expect(!reset, format!("{}: something was reset", said.words()))?;
    Ok(said)
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

fn swept(
    enclosure: &Enclosure,
    bench: &Bench,
    base: &str,
    allow: Ports,
    silent: Ports,
    snapshot: Snapshot,
) -> Result<(), Failed> {
    let allow: Vec<[u16; 2]> = allow.iter().map(|(first, last)| [*first, *last]).collect();
    let fault = format!("kind = \"network-acl-partial-return-ports\"\nallow = {}", json!(allow));
    let scenario = scenario(base, &fault)?;
    for seed in scenario.seeds().take(WORLDS) {
        let stage = Stage::set(enclosure, scenario.world(seed)?)?;
        let said = unreset(why(bench, &stage, &scenario, snapshot, "--thorough")?)?;
        let context = format!("seed {seed}: {}", said.words());
        expect(said.report["verdict"] == "impaired", context.clone())?;
        expect(said.first()["code"] == "SUBNET_ACL_RESTRICTION", context.clone())?;
        let found = &said.first()["affects"]["source_ports"];
        let expected: Vec<[u16; 2]> = silent.iter().map(|(first, last)| [*first, *last]).collect();
        expect(*found == json!(expected), format!("{context}: source ports {found}, not {expected:?}"))?;
        let status = if snapshot == Snapshot::True { "established" } else { "candidate" };
        expect(said.first()["status"] == status, format!("{context}: {}", said.first()["status"]))?;
        let asked = said.connects();
        expect(asked.len() <= MOST, format!("{context}: {} connects", asked.len()))?;
        let target = stage.world.target_address();
        let named = |(port, address, asked): &(u16, IpAddr, u16)| {
            (CLIENT.0..=CLIENT.1).contains(port) && *address == target.ip() && *asked == target.port()
        };
        expect(asked.iter().all(named), format!("{context}: {asked:?}"))?;
    }
    Ok(())
}

fn loss(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let scenario = scenario("dyno-to-vpc", "kind = \"packet-loss\"")?;
    for seed in scenario.seeds().take(WORLDS) {
        let stage = Stage::set(enclosure, scenario.world(seed)?)?;
        for snapshot in [Snapshot::None, Snapshot::True] {
            let said = why(bench, &stage, &scenario, snapshot, "--thorough")?;
            let context = format!("seed {seed}: {}", said.words());
            expect(said.report["verdict"] == "impaired", context.clone())?;
            expect(said.first()["code"] == "PACKET_LOSS", context)?;
        }
    }
    Ok(())
}

fn silent_host(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let scenario = scenario("dyno-to-vpc", "kind = \"host-silent\"")?;
    let mut asked_others = 0;
    for seed in scenario.seeds().take(WORLDS) {
        let stage = Stage::set(enclosure, scenario.world(seed)?)?;
        let said = unreset(why(bench, &stage, &scenario, Snapshot::True, "--explore")?)?;
        let context = format!("seed {seed}: {}", said.words());
        expect(said.report["verdict"] == "blocked", context.clone())?;
        let code = said.first()["code"].as_str().unwrap_or_default();
        expect(matches!(code, "HOST_SILENT" | "HOST_FIREWALL"), context.clone())?;
        let target = stage.world.target_address();
        let others: Vec<_> = said
            .connects()
            .into_iter()
            .filter(|(_, address, port)| (*address, *port) != (target.ip(), target.port()))
            .collect();
        expect(others.len() <= OTHERS, format!("{context}: {others:?}"))?;
        let known: BTreeSet<IpAddr> =
            stage.twin.hosts().flat_map(|(_, addresses)| addresses.to_vec()).collect();
        let strange = others.iter().find(|(_, address, _)| !known.contains(address));
        expect(strange.is_none(), format!("{context}: {strange:?} is in no document"))?;
        asked_others += others.len();
        let [sent, told] = said.beside(target);
        expect(sent == told, format!("{context}: {sent:?} were asked, the report tells of {told:?}"))?;
        let took = said.report["elapsed_seconds"].as_f64().unwrap_or(f64::MAX);
        expect(took < 3.5, format!("{context}: {took} s, which is longer than without exploring"))?;
    }
    expect(asked_others > 0, "nobody was asked beside the target in any world")
}

/// Of a host whose silence is configured nobody else is asked.
fn accounted(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    for kind in ["route-missing", "group-without-rule", "peering-deleted"] {
        let scenario = scenario("dyno-to-vpc", &format!("kind = \"{kind}\""))?;
        for seed in scenario.seeds().take(WORLDS) {
            let stage = Stage::set(enclosure, scenario.world(seed)?)?;
            let said = unreset(why(bench, &stage, &scenario, Snapshot::True, "--explore")?)?;
            let context = format!("{kind}, seed {seed}: {}", said.words());
            expect(said.first()["status"] == "established", context.clone())?;
            let [sent, _] = said.beside(stage.world.target_address());
            expect(sent.is_empty(), format!("{context}: {sent:?}"))?;
        }
    }
    Ok(())
}

fn unconfigured(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    for (kind, truth) in [
        ("route-missing", "NO_ROUTE_TO_DESTINATION"),
        ("group-without-rule", "ENI_SG_RULES_MISMATCH"),
        ("peering-deleted", "PEERING_NOT_ACTIVE"),
    ] {
        let scenario = scenario("dyno-to-vpc", &format!("kind = \"{kind}\""))?;
        for seed in scenario.seeds().take(WORLDS) {
            let stage = Stage::set(enclosure, scenario.world(seed)?)?;
            let said = why(bench, &stage, &scenario, Snapshot::None, "--explore")?;
            let codes: Vec<&str> = said.report["causes"]
                .as_array()
                .map(|causes| causes.iter().filter_map(|cause| cause["code"].as_str()).collect())
                .unwrap_or_default();
            expect(codes.contains(&truth), format!("{kind}, seed {seed}: {codes:?}"))?;
        }
    }
    Ok(())
}
