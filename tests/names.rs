//! Names: what the DNS server of a dyno says, and what `peerscope why` makes of it. Whatever a server
//! says, honest or not, comes to a verdict within the deadline and a sentence that a person understands.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Style, Vary, World};
use peerscope_laboratory::{DnsBehaviour, Enclosure, NameFiles};
use serde_json::Value;

/// The name that is asked for.
const NAME: &str = "orders-db.internal";
/// An address that no private network has (RFC 5737).
const PUBLIC: [u8; 4] = [203, 0, 113, 7];
/// The contract's default deadline, and what a busy machine may add.
const DEADLINE: Duration = Duration::from_secs(14);

/// What a server says, and what must come of it.
struct Case {
    name: &'static str,
    behaviour: DnsBehaviour,
    /// Beside the target's own address.
    has_public: bool,
    has_own: bool,
    verdict: &'static str,
    /// The first cause.
    cause: Option<&'static str>,
}

const UNRESOLVED: Case = Case {
    name: "",
    behaviour: DnsBehaviour::Honest,
    has_public: false,
    has_own: true,
    verdict: "blocked",
    cause: Some("NAME_NOT_RESOLVED"),
};

const RESOLVED: Case = Case { verdict: "reachable", cause: None, ..UNRESOLVED };

const CASES: [Case; 13] = [
    Case { name: "an_honest_server_leads_to_the_target", ..RESOLVED },
    Case { name: "an_answer_by_tcp_alone_is_fetched", behaviour: DnsBehaviour::OnlyByTcp, ..RESOLVED },
    Case {
        name: "a_public_address_is_named",
        has_public: true,
        has_own: false,
        cause: Some("RESOLVES_TO_PUBLIC_ADDRESS"),
        ..UNRESOLVED
    },
    Case {
        name: "of_two_addresses_each_is_diagnosed",
        has_public: true,
        verdict: "impaired",
        cause: Some("RESOLVES_TO_PUBLIC_ADDRESS"),
        ..UNRESOLVED
    },
    Case { name: "no_such_name", behaviour: DnsBehaviour::NoSuchName, ..UNRESOLVED },
    Case { name: "a_server_that_fails", behaviour: DnsBehaviour::Fails, ..UNRESOLVED },
    Case { name: "a_server_that_refuses", behaviour: DnsBehaviour::Refuses, ..UNRESOLVED },
    Case { name: "a_server_that_is_mute", behaviour: DnsBehaviour::Mute, ..UNRESOLVED },
    Case { name: "an_answer_that_is_cut_short", behaviour: DnsBehaviour::CutShort, ..UNRESOLVED },
    Case { name: "an_alias_of_itself", behaviour: DnsBehaviour::LoopingAlias, ..UNRESOLVED },
    Case { name: "a_name_compressed_into_itself", behaviour: DnsBehaviour::LoopingPointer, ..UNRESOLVED },
    Case { name: "an_answer_to_another_question", behaviour: DnsBehaviour::OtherId, ..UNRESOLVED },
    Case { name: "garbage", behaviour: DnsBehaviour::Garbage, ..UNRESOLVED },
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let mut trials: Vec<Trial> = CASES
            .iter()
            .map(|case| Trial::test(case.name, move || resolved(enclosure, bench, case)))
            .collect();
        let huge = || huge(enclosure, bench);
        trials.push(Trial::test("thousands_of_addresses_are_not_all_asked", huge));
        Ok((Arguments::from_args(), trials))
    })
}

fn resolved(enclosure: &Enclosure, bench: &Bench, case: &Case) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let own = case.has_own.then(|| stage.world.target_address().ip());
    let public = case.has_public.then(|| IpAddr::from(PUBLIC));
    let addresses: Vec<IpAddr> = own.into_iter().chain(public).collect();
    let report = ask(bench, &stage, &addresses, case.behaviour)?;
    let first = &report["causes"][0];
    let shown = || format!("{}: {first}", report["summary"]);
    expect(report["verdict"] == case.verdict, shown())?;
    expect(first["code"].as_str() == case.cause, shown())?;
    if case.cause.is_some() {
        expect(report["summary"].as_str().is_some_and(|text| text.contains(NAME)), shown())?;
        expect(first["component"]["type"] == "dns-name", shown())?;
    }
    let seen = &report["target"]["addresses"];
    let expected = if case.cause == UNRESOLVED.cause { 0 } else { addresses.len() };
    expect(seen.as_array().is_some_and(|seen| seen.len() == expected), format!("addresses {seen}"))
}

/// Whether it is believed or not: nothing hangs, and not thousands of hosts are asked.
fn huge(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let report = ask(bench, &stage, &[stage.world.target_address().ip()], DnsBehaviour::Huge)?;
    let asked = report["observations"].as_array().map_or(0, Vec::len);
    expect(asked < 200, format!("{asked} probes"))
}

/// Runs `peerscope why` for the name, with a server on its own host that says this.
fn ask(
    bench: &Bench,
    stage: &Stage<'_>,
    addresses: &[IpAddr],
    behaviour: DnsBehaviour,
) -> Result<Value, Failed> {
    let snapshot = bench.folder("names");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    let records: Vec<(&str, IpAddr)> = addresses.iter().map(|address| (NAME, *address)).collect();
    let server = stage.twin.dns(&stage.source(), &records, behaviour)?;
    let files = NameFiles::asking(&[&server]);
    let mut command = stage.twin.command_resolving(&stage.source(), bench.binary(), &files)?;
    let target = format!("tcp://{NAME}:{}", stage.world.target_address().port());
    command.args(["why", &target, "--format", "json", "--snapshot"]).arg(&snapshot);
    let start = Instant::now();
    let output = command.output()?;
    let elapsed = start.elapsed();
    expect(elapsed < DEADLINE, format!("it took {elapsed:.1?}"))?;
    expect(!server.asked().is_empty(), "the server was not asked")?;
    Ok(serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?)
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}
