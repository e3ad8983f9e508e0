//! Names: what the DNS server of a dyno says, and what `peerscope why` makes of it. Whatever a server
//! says, honest or not, comes to a verdict within the deadline and a sentence that a person understands.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;
#[path = "names/cases.rs"]
mod cases;

use std::net::IpAddr;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench::{Answer, Bench};
use cases::{CASES, CONFIGURED, Case, Configured, NOWHERE, UNRESOLVED};
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Style, Vary, World};
use peerscope_laboratory::{DnsBehaviour, DnsServer, Enclosure, NameFiles};
use serde_json::Value;

/// The name that is asked for.
const NAME: &str = "orders-db.internal";
/// An address that no private network has (RFC 5737).
const PUBLIC: [u8; 4] = [203, 0, 113, 7];
/// A private one of IPv6 (RFC 4193), which no host of these worlds has a route to.
const UNIQUE_LOCAL: [u16; 8] = [0xfd00, 0, 0, 0, 0, 0, 0, 0x20];
/// The contract's default deadline, and what a busy machine may add.
const DEADLINE: Duration = Duration::from_secs(14);

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let mut trials: Vec<Trial> = CASES
            .iter()
            .map(|case| Trial::test(case.name, move || resolved(enclosure, bench, case)))
            .collect();
        for (name, configured) in CONFIGURED {
            trials.push(Trial::test(name, move || unconfigured(enclosure, bench, configured)));
        }
        trials.push(Trial::test("what_hosts_says_needs_no_server", || in_hosts(enclosure, bench)));
        trials.push(Trial::test("a_second_server_helps_a_mute_one", || second(enclosure, bench)));
        trials.push(Trial::test("a_short_deadline_holds", || hurried(enclosure, bench)));
        trials.push(Trial::test("a_name_that_is_mended_is_noticed", || mended(enclosure, bench)));
        trials.push(Trial::test("a_probe_tells_what_a_server_says", || probed(enclosure, bench)));
        Ok((Arguments::from_args(), trials))
    })
}

fn resolved(enclosure: &Enclosure, bench: &Bench, case: &Case) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let own = case.has_own.then(|| stage.world.target_address().ip());
    let public = case.has_public.then(|| IpAddr::from(PUBLIC));
    let ipv6 = case.has_ipv6.then(|| IpAddr::from(UNIQUE_LOCAL));
    let addresses: Vec<IpAddr> = own.into_iter().chain(public).chain(ipv6).collect();
    let server = server(&stage, &addresses, case.behaviour)?;
    let evidence = bench.shared_folder("evidence")?.join("evidence.json");
    let answer = why(bench, &stage, &NameFiles::asking(&[&server]), &["--save", shown(&evidence)?])?;
    let report = &answer.report;
    let first = &report["causes"][0];
    let told = || format!("{}: {first}", report["summary"]);
    expect(!server.asked().is_empty(), "the server was not asked")?;
    expect(report["verdict"] == case.verdict, told())?;
    expect(answer.status == Some(i32::from(case.verdict != "reachable")), told())?;
    expect(first["code"].as_str() == case.cause, told())?;
    let seen = report["target"]["addresses"].as_array().map_or(0, Vec::len);
    let expected = match case {
        case if case.cause == UNRESOLVED.cause => 0,
        case if case.behaviour == DnsBehaviour::Huge => 16,
        _ => addresses.len() - usize::from(case.has_ipv6),
    };
    expect(seen == expected, format!("{seen} addresses"))?;
    if case.behaviour == DnsBehaviour::Huge {
        let left = format!("3485 more addresses of {NAME}");
        expect(texts(&report["gaps"], "what").any(|what| what == left), report["gaps"].to_string())?;
    }
    expect(report["observations"].as_array().is_some_and(|all| all.len() < 200), "too many were asked")?;
    if case.cause.is_none() {
        return expect(dns_observations(report).is_empty(), "what is well is not asked about twice");
    }
    expect(report["summary"].as_str().is_some_and(|text| text.contains(NAME)), told())?;
    expect(first["component"]["type"] == "dns-name", told())?;
    let server = format!("name server {} ", server.address());
    let is_said = |text: &str| text.contains(&server) && text.contains(case.did);
    let evidence_texts = || texts(&first["evidence"], "text");
    expect(evidence_texts().any(is_said), format!("expected {:?} in {}", case.did, first["evidence"]))?;
    if case.cause == UNRESOLVED.cause {
        expect(report["summary"].as_str().is_some_and(is_said), told())?;
        let is_known = matches!(case.behaviour, DnsBehaviour::NoSuchName | DnsBehaviour::NoAddress);
        let advice = if is_known { "Publish the private address" } else { "Mend the name server" };
        let fix = &first["fixes"][0]["explanation"];
        expect(fix.as_str().is_some_and(|text| text.starts_with(advice)), fix.to_string())?;
    }
    let asked = dns_observations(report);
    let kinds: Vec<&str> = asked.iter().filter_map(|one| one["request"]["record_type"].as_str()).collect();
    expect(kinds == ["A", "AAAA"], format!("{asked:?}"))?;
    replayed(bench, report, &evidence)
}

/// The report of saved evidence is the same, byte for byte.
fn replayed(bench: &Bench, report: &Value, evidence: &Path) -> Result<(), Failed> {
    let output = std::process::Command::new(bench.binary())
        .args(["why", "--format", "json", "--replay"])
        .arg(evidence)
        .output()?;
    let again: Value = serde_json::from_slice(&output.stdout)?;
    expect(
        serde_json::to_string(report)? == serde_json::to_string(&again)?,
        format!("replayed: {}\n     was: {}", again["summary"], report["summary"]),
    )
}

fn unconfigured(enclosure: &Enclosure, bench: &Bench, configured: Configured) -> Result<(), Failed> {
    let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, 12);
    let condition = (configured.condition)(world.source_address());
    world.conditions.extend(condition.map(|condition| (world.source(), condition)));
    let stage = Stage::set(enclosure, world)?;
    let mut files = NameFiles::asking(&[]);
    files.resolv_conf = configured.file.map(str::to_string);
    let answer = why(bench, &stage, &files, &[])?;
    let (report, summary) = (&answer.report, answer.report["summary"].as_str().unwrap_or_default());
    expect(answer.status == Some(1) && report["verdict"] == "blocked", summary)?;
    expect(report["causes"][0]["code"] == "NAME_NOT_RESOLVED", summary)?;
    expect(configured.says.iter().all(|said| summary.contains(said)), summary)?;
    let took = report["elapsed_seconds"].as_f64().unwrap_or(f64::MAX);
    expect(took < if configured.is_quick { 4.0 } else { 9.0 }, format!("it took {took} s"))
}

/// `/etc/hosts` is honoured, whatever the servers would say, and none of them is asked.
fn in_hosts(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let server = server(&stage, &[], DnsBehaviour::NoSuchName)?;
    let target = stage.world.target_address().ip();
    for (address, verdict) in [(target, "reachable"), (IpAddr::from(PUBLIC), "blocked")] {
        let mut files = NameFiles::asking(&[&server]);
        files.hosts += &format!("{address} {NAME}\n");
        let answer = why(bench, &stage, &files, &[])?;
        expect(answer.report["verdict"] == verdict, answer.report["summary"].to_string())?;
        expect(answer.report["target"]["addresses"][0] == address.to_string(), "another address")?;
    }
    expect(server.asked().is_empty(), format!("{:?}", server.asked()))
}

/// What the C library does after its timeout: the next server's answer counts. That the first is mute is
/// said all the same, since every lookup waits for it.
fn second(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let target = stage.world.target_address().ip();
    let honest = server(&stage, &[target], DnsBehaviour::Honest)?;
    let mut files = NameFiles::asking(&[&honest]);
    files.resolv_conf = Some(format!("{NOWHERE}nameserver {}\n", honest.address()));
    let answer = why(bench, &stage, &files, &[])?;
    let report = &answer.report;
    expect(report["verdict"] == "reachable" && answer.status == Some(0), report["summary"].to_string())?;
    let said = "Name server 198.51.100.53 does not answer, although it was asked twice";
    let is_said = texts(&report["findings"], "message").any(|text| text.contains(said));
    expect(is_said, format!("{}", report["findings"]))
}

/// However a server wastes time: the deadline is the whole's.
fn hurried(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    for behaviour in [DnsBehaviour::Mute, DnsBehaviour::MuteByTcp, DnsBehaviour::OtherId] {
        let server = server(&stage, &[stage.world.target_address().ip()], behaviour)?;
        let answer = why(bench, &stage, &NameFiles::asking(&[&server]), &["--deadline", "2"])?;
        let (report, took) = (&answer.report, answer.report["elapsed_seconds"].as_f64().unwrap_or(f64::MAX));
        expect(answer.status == Some(1), report["summary"].to_string())?;
        expect(report["causes"][0]["code"] == "NAME_NOT_RESOLVED", report["summary"].to_string())?;
        // What a busy machine adds is not the resolver's.
        expect(took < 2.5, format!("{behaviour:?}: {took} s"))?;
    }
    Ok(())
}

/// `--until-reachable` asks for the name each time: it may be what is being mended.
fn mended(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let target = stage.world.target_address();
    let ignorant = server(&stage, &[], DnsBehaviour::NoSuchName)?;
    let files = NameFiles::asking(&[&ignorant]);
    let mut command = stage.twin.command_resolving(&stage.source(), bench.binary(), &files)?;
    command.args([
        "why",
        &format!("tcp://{NAME}:{}", target.port()),
        "--until-reachable",
        "--format",
        "json",
    ]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let start = Instant::now();
    while ignorant.asked().is_empty() && start.elapsed() < DEADLINE {
        thread::sleep(Duration::from_millis(20));
    }
    // Until that diagnosis is over, and before the next one.
    thread::sleep(Duration::from_secs(1));
    drop(ignorant);
    let honest = server(&stage, &[target.ip()], DnsBehaviour::Honest)?;
    let output = child.wait_with_output()?;
    expect(!honest.asked().is_empty(), "the name was not asked for again")?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    expect(output.status.code() == Some(0), report["summary"].to_string())?;
    expect(report["waited"]["verdict"] == "blocked", report["waited"].to_string())
}

/// `peerscope probe dns://SERVER/NAME`: every address, both families, private or public.
fn probed(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, World::generate(Base::DynoToVpc, &Vary::ALL, 12))?;
    let target = stage.world.target_address().ip();
    let server = server(&stage, &[target, PUBLIC.into(), UNIQUE_LOCAL.into()], DnsBehaviour::Honest)?;
    let files = NameFiles::asking(&[&server]);
    for asked in
        [format!("dns://{}/{NAME}", server.address()), format!("dns:{NAME}"), format!("dns:///{NAME}")]
    {
        let mut command = stage.twin.command_resolving(&stage.source(), bench.binary(), &files)?;
        let output = command.args(["probe", &asked, "--format", "json"]).output()?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        expect(output.status.code() == Some(0), format!("{report}"))?;
        let row = &report["targets"][0];
        expect(row["address"] == server.address().to_string(), format!("{row}"))?;
        expect(row["results"]["answered"] == 1, format!("{row}"))?;
        let answers = row["dns"].as_array().into_iter().flatten();
        let found: Vec<(String, String)> = answers
            .flat_map(|one| one["addresses"].as_array().into_iter().flatten())
            .map(|one| (one["address"].to_string(), one["scope"].to_string()))
            .collect();
        let quoted = |address: IpAddr, scope: &str| (format!("\"{address}\""), format!("\"{scope}\""));
        let expected = [
            quoted(target, "private"),
            quoted(PUBLIC.into(), "public"),
            quoted(UNIQUE_LOCAL.into(), "private"),
        ];
        expect(found == expected, format!("{found:?}"))?;
    }
    Ok(())
}

/// A server on the source's own host that says this of the name.
fn server(stage: &Stage<'_>, addresses: &[IpAddr], behaviour: DnsBehaviour) -> Result<DnsServer, Failed> {
    let records: Vec<(&str, IpAddr)> = addresses.iter().map(|address| (NAME, *address)).collect();
    Ok(stage.twin.dns(&stage.source(), &records, behaviour)?)
}

/// Runs `peerscope why` for the name, within the deadline.
fn why(bench: &Bench, stage: &Stage<'_>, files: &NameFiles, more: &[&str]) -> Result<Answer, Failed> {
    let snapshot = bench.folder("names");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    let mut command = stage.twin.command_resolving(&stage.source(), bench.binary(), files)?;
    let target = format!("tcp://{NAME}:{}", stage.world.target_address().port());
    command.args(["why", &target, "--format", "json"]).args(more).arg("--snapshot").arg(&snapshot);
    let start = Instant::now();
    let output = command.output()?;
    let elapsed = start.elapsed();
    expect(elapsed < DEADLINE, format!("it took {elapsed:.1?}"))?;
    let report = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Answer { report, status: output.status.code() })
}

fn dns_observations(report: &Value) -> Vec<&Value> {
    let all = report["observations"].as_array().into_iter().flatten();
    all.filter(|one| one["request"]["kind"] == "dns").collect()
}

fn texts<'a>(list: &'a Value, field: &'a str) -> impl Iterator<Item = &'a str> {
    list.as_array().into_iter().flatten().filter_map(move |one| one[field].as_str())
}

fn shown(path: &Path) -> Result<&str, Failed> {
    path.to_str().ok_or_else(|| "a path that is not UTF-8".into())
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}
