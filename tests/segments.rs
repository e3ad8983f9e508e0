//! `why --thorough` where wires lose large packets and no ICMP passes, or echoes do: on the way there, on the way back, on
//! both, on none, and where connections are told what fits. What becomes of a connection is asserted first, by another client
//! than ours.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::fault::admit_echo;
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Service, Style, Vary, World};
use peerscope_laboratory::{Captured, Condition, Direction, Enclosure, Heard, ListenerKind, Told};
use serde_json::Value;
use servers::{Authority, missing, shown, temporary_folders};
use tempfile::TempDir;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing has to come to be taken for silence.
const SILENCE: Duration = Duration::from_millis(700);
/// More than one packet holds.
const LARGE: usize = 2_400;
/// The most conversations that are made long.
const MOST: usize = 8;
/// The most connects of a diagnosis.
const CONNECTS: usize = 50;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    /// A certificate of so many names that it takes more than one packet.
    Tls,
    /// A certificate that one packet holds.
    SmallTls,
    Redis,
    RedisWithPassword,
    Http,
}

impl Speaks {
    fn program(self) -> &'static str {
        match self {
            Self::Redis | Self::RedisWithPassword => "redis-server",
            Self::Tls | Self::SmallTls | Self::Http => "nginx",
        }
    }
}

/// A wire, and what is to be said.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    base: Base,
    version_six: bool,
    speaks: Speaks,
    /// Whether echoes are admitted, and tell too.
    echo: bool,
    /// The largest packets that the wire takes there and back; none: as large as any.
    takes: (Option<u16>, Option<u16>),
    /// A small link whose router is silent, or lowers the MSS of connections.
    narrow: Option<(u16, Told)>,
    verdict: &'static str,
    direction: Option<&'static str>,
    /// What the summary says.
    says: &'static [&'static str],
}

const HEALTHY: Case = Case {
    name: "a_healthy_redis_carries_full_packets_both_ways",
    base: Base::DynoToVpc,
    version_six: false,
    speaks: Speaks::Redis,
    echo: false,
    takes: (None, None),
    narrow: None,
    verdict: "reachable",
    direction: None,
    says: &["in a connection packets of 1500 bytes pass there and back"],
};

const THERE: Case = Case {
    name: "large_packets_lost_on_the_way_there",
    takes: (Some(1_400), None),
    verdict: "impaired",
    direction: Some("forward"),
    says: &["Packets of 1420 bytes and more", "are lost on the way there, those of 1400 bytes pass"],
    ..HEALTHY
};

const BACK: Case = Case {
    name: "large_packets_lost_on_the_way_back",
    takes: (None, Some(1_400)),
    direction: Some("return"),
    says: &["Packets of 1420 bytes and more", "are lost on the way back, those of 1400 bytes pass"],
    ..THERE
};

const BOTH: Case = Case {
    name: "large_packets_lost_on_both_ways",
    takes: (Some(1_400), Some(1_400)),
    direction: None,
    says: &["are lost on the way there and on the way back, those of 1400 bytes pass"],
    ..THERE
};

const CASES: &[Case] = &[
    HEALTHY,
    Case { name: "a_healthy_tls", speaks: Speaks::Tls, ..HEALTHY },
    Case {
        name: "a_healthy_tls_with_a_small_certificate",
        speaks: Speaks::SmallTls,
        says: &["in a connection packets of 1500 bytes pass on the way there"],
        ..HEALTHY
    },
    Case { name: "a_healthy_http", speaks: Speaks::Http, ..HEALTHY },
    Case {
        name: "a_healthy_redis_with_a_password",
        speaks: Speaks::RedisWithPassword,
        says: &["in a connection packets of 1500 bytes pass on the way there"],
        ..HEALTHY
    },
    Case { name: "a_healthy_redis_by_ipv6", base: Base::VpcToVpc, version_six: true, ..HEALTHY },
    Case { name: "a_healthy_redis_in_a_dyno", base: Base::VpcToDyno, ..HEALTHY },
    THERE,
    Case { name: "lost_there_towards_tls", speaks: Speaks::Tls, ..THERE },
    Case { name: "lost_there_towards_tls_with_a_small_certificate", speaks: Speaks::SmallTls, ..THERE },
    Case { name: "lost_there_towards_http", speaks: Speaks::Http, ..THERE },
    Case { name: "lost_there_where_a_password_is_asked", speaks: Speaks::RedisWithPassword, ..THERE },
    Case { name: "lost_there_by_ipv6", base: Base::VpcToVpc, version_six: true, ..THERE },
    Case {
        name: "lost_there_by_a_few_bytes",
        takes: (Some(1_492), None),
        says: &["Packets of 1500 bytes and more", "on the way there, those of 1492 bytes pass"],
        ..THERE
    },
    BACK,
    Case { name: "lost_back_from_tls", speaks: Speaks::Tls, ..BACK },
    Case { name: "lost_back_from_http", speaks: Speaks::Http, ..BACK },
    Case { name: "lost_back_by_ipv6", base: Base::VpcToVpc, version_six: true, ..BACK },
    Case { name: "lost_back_from_a_dyno", base: Base::VpcToDyno, ..BACK },
    Case {
        name: "lost_back_of_little",
        takes: (None, Some(1_300)),
        says: &["Packets of 1340 bytes and more", "on the way back, those of 1280 bytes pass"],
        ..BACK
    },
    BOTH,
    Case { name: "lost_both_ways_of_tls", speaks: Speaks::Tls, ..BOTH },
    Case {
        name: "lost_both_ways_by_a_silent_link",
        takes: (None, None),
        narrow: Some((1_400, Told::Nobody)),
        ..BOTH
    },
    Case { name: "a_healthy_redis_whose_echoes_pass", echo: true, ..HEALTHY },
    Case { name: "lost_there_and_so_are_echoes", echo: true, ..THERE },
    Case { name: "lost_back_and_so_are_echoes", echo: true, ..BACK },
    Case {
        name: "lost_both_ways_and_so_are_echoes",
        speaks: Speaks::Tls,
        echo: true,
        takes: (None, None),
        narrow: Some((1_400, Told::Nobody)),
        ..BOTH
    },
    Case {
        name: "a_small_link_that_connections_are_told_of_is_healthy",
        narrow: Some((1_400, Told::Connections)),
        says: &["in a connection packets of 1400 bytes pass there and back"],
        ..HEALTHY
    },
    Case {
        name: "a_small_link_whose_router_says_so_is_healthy",
        narrow: Some((1_400, Told::Senders)),
        says: &["in a connection packets of 1400 bytes pass there and back, larger ones are sent back"],
        ..HEALTHY
    },
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let trial = |case: &'static Case| {
            let missing = missing(&[case.speaks.program(), Authority::PROGRAM]);
            if let Some(program) = missing {
                println!("{}: not tried, since {program} is not installed", case.name);
            }
            Trial::test(case.name, move || tried(enclosure, bench, case)).with_ignored_flag(missing.is_some())
        };
        let others = [
            Trial::test("whoever_hangs_is_not_accused_for_the_size", || hangs(enclosure, bench)),
            Trial::test("a_firewall_that_drops_data_is_not_either", || {
                of_any_size(enclosure, bench, |port| Condition::FirewallDropsData { port })
            }),
            Trial::test("nor_is_loss_of_packets_of_any_size", || {
                of_any_size(enclosure, bench, |_| Condition::LosesPackets)
            }),
        ];
        Ok((Arguments::from_args(), CASES.iter().map(trial).chain(others).collect()))
    })
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

/// A stage of the case. What a kernel learns of the path it keeps, so what is to be learnt anew needs one of its own.
fn stage<'e>(enclosure: &'e Enclosure, case: &Case) -> Result<Stage<'e>, Failed> {
    let version_six: &[Vary] = if case.version_six { &[Vary::Ipv6] } else { &[] };
    let vary: Vec<Vary> = Vary::ALL.iter().chain(version_six).copied().collect();
    let mut worlds = (11..50).map(|seed| World::generate(case.base, &vary, seed));
    // Servers run without privileges, so that low ports are not for them.
    let fits = |world: &World| {
        world.target_address().is_ipv6() == case.version_six && world.target_address().port() >= 1_024
    };
    let mut world = worlds.find(fits).ok_or("no world of that version")?;
    world.service = Service::Closed;
    if case.echo {
        admit_echo(&mut world)?;
    }
    let (target, towards) = (world.target(), world.source_address());
    let lossy =
        |(bytes, way): (Option<u16>, _)| Some(Condition::BehindLossyWire { bytes: bytes?, towards, way });
    let lossy =
        [(case.takes.0, Direction::Forward), (case.takes.1, Direction::Return)].into_iter().filter_map(lossy);
    let narrow = |(bytes, told)| Condition::BehindNarrowWire { bytes, towards, told };
    let conditions = lossy.chain(case.narrow.map(narrow));
    world.conditions.extend(conditions.map(|condition| (target.clone(), condition)));
    Ok(Stage::set(enclosure, world)?)
}

/// What becomes of much that is said, and of much that is answered, while little passes.
fn proven(enclosure: &Enclosure, case: &Case) -> Result<(), Failed> {
    let stage = stage(enclosure, case)?;
    let (source, target) = (stage.source(), stage.world.target_address());
    let lost =
        |takes: Option<u16>| takes.is_some() || case.narrow.is_some_and(|(_, told)| told == Told::Nobody);
    let heard = |said: usize, answered: usize| {
        let host = stage.world.target();
        let _listener =
            stage.twin.listen(&host, target.port(), ListenerKind::Replying(vec![b'.'; answered]))?;
        // A busy machine may lose a first SYN while neighbours are looked for.
        let mut heard = Heard::NoConnection;
        for _ in 0..3 {
            if heard == Heard::NoConnection {
                heard = stage.twin.talk(&source, 0, target, &vec![b'.'; said], SILENCE)?;
            }
        }
        Ok::<Heard, Failed>(heard)
    };
    let expected = |is_lost| if is_lost { Heard::Silence } else { Heard::Answer };
    for (said, answered, expected) in [
        (100, 100, Heard::Answer),
        (LARGE, 100, expected(lost(case.takes.0))),
        (100, LARGE, expected(lost(case.takes.1))),
    ] {
        let heard = heard(said, answered)?;
        expect(
            heard == expected,
            format!("{said} bytes, answered by {answered}: {heard:?}, not {expected:?}"),
        )?;
    }
    Ok(())
}

/// A server on the target, ended with this value.
struct Server {
    child: Child,
    _folder: TempDir,
    authority: Authority,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(stage: &Stage<'_>, speaks: Speaks) -> Result<Self, Failed> {
        let (host, address) = (stage.world.target(), stage.world.target_address());
        let port = address.port().to_string();
        let (folder, authority) = (tempfile::tempdir()?, Authority::named("ours"));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
        let mut command = stage.twin.command(&host, speaks.program())?;
        match speaks {
            Speaks::Redis | Speaks::RedisWithPassword => {
                command.args([
                    "--port",
                    &port,
                    "--save",
                    "",
                    "--protected-mode",
                    "no",
                    "--bind",
                    "*",
                    "-::*",
                ]);
                if speaks == Speaks::RedisWithPassword {
                    command.args(["--requirepass", "secret"]);
                }
            }
            Speaks::Tls | Speaks::SmallTls | Speaks::Http => {
                let count = if speaks == Speaks::Tls { 80 } else { 0 };
                let names: Vec<String> =
                    (0..count).map(|number| format!(",DNS:orders-{number}.internal")).collect();
                let names = format!("IP:{}{}", address.ip(), names.concat());
                let [certificate, key] = authority.certificate("server", &names, 1);
                let ssl = if speaks == Speaks::Http { "" } else { " ssl" };
                fs::write(folder.path().join("index.html"), vec![b'.'; 40_000])?;
                let configuration = format!(
                    "daemon off;\nmaster_process off;\npid pid;\nerror_log error.log notice;\nevents {{}}\nhttp {{\n{}  \
                     access_log off;\n  ssl_certificate {};\n  ssl_certificate_key {};\n  \
                     server {{ listen {port}{ssl}; listen [::]:{port}{ssl}; root {}; }}\n}}\n",
                    temporary_folders(),
                    shown(&certificate),
                    shown(&key),
                    shown(folder.path())
                );
                fs::write(folder.path().join("nginx.conf"), configuration)?;
                command.args(["-p", shown(folder.path()), "-c", "nginx.conf", "-e", "error.log"]);
            }
        }
        command.current_dir(folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { child, _folder: folder, authority };
        let start = Instant::now();
        while stage.twin.talk(&stage.source(), 0, address, b"", Duration::from_millis(50))?
            == Heard::NoConnection
        {
            expect(start.elapsed() < PATIENCE, "the server does not start")?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

fn tried(enclosure: &Enclosure, bench: &Bench, case: &Case) -> Result<(), Failed> {
    proven(enclosure, case)?;
    let stage = stage(enclosure, case)?;
    let server = Server::start(&stage, case.speaks)?;
    let scheme = match case.speaks {
        Speaks::Tls | Speaks::SmallTls => "tls",
        Speaks::Redis | Speaks::RedisWithPassword => "redis",
        Speaks::Http => "http",
    };
    let snapshot = bench.folder("segments");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    let mut command = bench.peerscope(&stage)?;
    command.env("SSL_CERT_FILE", server.authority.root()).env_remove("SSL_CERT_DIR");
    let target = format!("{scheme}://{}", stage.world.target_address());
    command.args(["why", &target, "--thorough", "--deadline", "20", "--format", "json"]);
    command.arg("--snapshot").arg(&snapshot);
    let capture = stage.twin.capture(&stage.source())?;
    let output = command.output()?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    let all = report["observations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let long: Vec<&Value> = all.iter().filter(|one| !one["request"]["request_bytes"].is_null()).collect();
    let said = format!("{}: {} {:#} {long:#?}", report["verdict"], report["summary"], report["gaps"]);
    expect(report["verdict"] == case.verdict, said.clone())?;
    let summary = report["summary"].as_str().unwrap_or_default();
    for says in case.says {
        expect(summary.contains(says), said.clone())?;
    }
    let causes = report["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if case.verdict == "reachable" {
        expect(causes.is_empty(), said.clone())?;
    } else {
        let [cause] = causes else { return Err(Failed::from(format!("one cause: {causes:#?}"))) };
        expect(cause["code"] == "PATH_MTU_BLACKHOLE" && cause["status"] == "established", said.clone())?;
        expect(cause["component"]["type"] == "path", format!("{cause:#}"))?;
        expect(cause["direction"].as_str() == case.direction, format!("{cause:#}"))?;
    }
    // What is asked of the other side is bounded.
    let packets = capture.packets();
    let source = stage.world.source_address();
    let own = || packets.iter().filter(|packet| packet.source.ip() == source);
    let begun = own().filter(|packet| packet.opens()).count();
    expect(begun <= CONNECTS, format!("{begun} connects"))?;
    expect(!own().any(Captured::resets), "no connection is cut")?;
    // What echoes found is not sought again.
    let most = match (case.verdict, case.echo) {
        ("reachable", _) => 1,
        (_, true) => 3,
        _ => MOST,
    };
    let echoes = all.iter().filter(|one| !one["request"]["packet_bytes"].is_null()).count();
    expect((echoes > 0) == case.echo, format!("{echoes} echoes: {said}"))?;
    expect(!long.is_empty() && long.len() <= most, format!("{} long conversations: {said}", long.len()))
}

/// A server that takes connections and says nothing, whatever the size of packets.
fn hangs(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, 31);
    world.service = Service::Listening;
    let stage = Stage::set(enclosure, world)?;
    let (source, target) = (stage.source(), stage.world.target_address());
    let heard = stage.twin.talk(&source, 0, target, &[b'.'; LARGE], SILENCE)?;
    expect(heard == Heard::Silence, format!("{heard:?}"))?;
    let snapshot = bench.folder("segments");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    for scheme in ["tls", "redis"] {
        let mut command = bench.peerscope(&stage)?;
        command.args(["why", &format!("{scheme}://{target}"), "--thorough", "--deadline", "20"]);
        command.args(["--format", "json", "--snapshot"]).arg(&snapshot);
        let report: Value = serde_json::from_slice(&command.output()?.stdout)?;
        let causes = report["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [cause] = causes else { return Err(Failed::from(format!("one cause: {report:#}"))) };
        let is_told = cause["code"] == "APPLICATION_SILENT" && cause["status"] == "established";
        expect(is_told, format!("{cause:#}"))?;
        let evidence = cause["evidence"].to_string();
        expect(evidence.contains("where both ends keep to packets of 576 bytes"), evidence)?;
    }
    Ok(())
}

/// A host that loses packets whatever their size.
fn of_any_size(
    enclosure: &Enclosure,
    bench: &Bench,
    condition: impl FnOnce(u16) -> Condition,
) -> Result<(), Failed> {
    let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, 31);
    world.service = Service::Listening;
    let port = world.target_address().port();
    world.conditions.push((world.target(), condition(port)));
    let stage = Stage::set(enclosure, world)?;
    let snapshot = bench.folder("segments");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    let mut command = bench.peerscope(&stage)?;
    command.args(["why", &format!("tls://{}", stage.world.target_address()), "--thorough"]);
    command.args(["--format", "json", "--snapshot"]).arg(&snapshot);
    let report: Value = serde_json::from_slice(&command.output()?.stdout)?;
    let causes = report["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    expect(report["verdict"] == "impaired" && !causes.is_empty(), format!("{report:#}"))?;
    let is_sized = |cause: &Value| cause["code"] == "PATH_MTU_BLACKHOLE" && cause["status"] == "established";
    expect(!causes.iter().any(is_sized), format!("{causes:#?}"))
}
