//! TLS across a twin: a host with a good certificate, one whose certificate has expired, and a way that loses large
//! packets. What happens is proven first, by another client than ours, from the same host.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use std::process::{Child, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::fault::admit_echo;
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Service, Style, Vary, World};
use peerscope_laboratory::{Condition, Direction, Enclosure, GateKind, Heard, Told};
use serde_json::Value;
use servers::{Authority, missing, shown};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let missing = missing(&[Authority::PROGRAM, "timeout"]);
        if let Some(program) = missing {
            println!("nothing is tried, since {program} is not installed");
        }
        let trial = |name: &str, test: fn(&Enclosure, &Bench) -> Result<(), Failed>| {
            Trial::test(name, move || test(enclosure, bench)).with_ignored_flag(missing.is_some())
        };
        let trials = vec![
            trial("a_good_certificate_is_reachable", good),
            trial("an_expired_certificate_is_the_cause", expired),
            trial("a_way_that_loses_large_packets_is_among_the_candidates", large_packets_lost),
            trial("a_narrow_wire_is_told_with_its_direction_by_sizes_and_stall", narrow_wire),
        ];
        Ok((Arguments::from_args(), trials))
    })
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

/// A server of TLS on the target, ended with this value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A world whose target speaks TLS, and who vouches for it.
struct Secured<'e> {
    _server: Server,
    authority: Authority,
    stage: Stage<'e>,
}

impl<'e> Secured<'e> {
    /// With a certificate of so many days, and under a condition of the target.
    fn set(enclosure: &'e Enclosure, days: i32, condition: Option<Condition>) -> Result<Self, Failed> {
        let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, 31);
        let target = world.target();
        world.conditions.extend(condition.map(|condition| (target, condition)));
        Self::set_world(enclosure, days, world)
    }

    /// The same in a world of one's own.
    fn set_world(enclosure: &'e Enclosure, days: i32, mut world: World) -> Result<Self, Failed> {
        world.service = Service::Closed;
        let stage = Stage::set(enclosure, world)?;
        let (host, address) = (stage.world.target(), stage.world.target_address());
        let authority = Authority::named("ours");
        // Of so many names the certificate takes more than one packet.
        let names: Vec<String> = (0..80).map(|number| format!("DNS:orders-{number}.internal")).collect();
        let names = format!("IP:{},{}", address.ip(), names.join(","));
        let [certificate, key] = authority.certificate("server", &names, days);
        let mut command = stage.twin.command(&host, "openssl")?;
        command.args(["s_server", "-4", "-www", "-quiet", "-accept", &address.port().to_string()]);
        command.args(["-cert", shown(&certificate), "-key", shown(&key)]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let secured = Self { _server: Server(child), authority, stage };
        secured.wait()?;
        Ok(secured)
    }

    /// Until it takes connections.
    fn wait(&self) -> Result<(), Failed> {
        let (stage, start) = (&self.stage, Instant::now());
        let (source, target) = (stage.source(), stage.world.target_address());
        loop {
            let heard = stage.twin.talk(&source, 0, target, b"", Duration::from_millis(100))?;
            if heard != Heard::NoConnection {
                return Ok(());
            }
            expect(start.elapsed() < PATIENCE, "the server does not start")?;
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether another client than ours completes a handshake from the source, and is content with it.
    fn completes(&self) -> Result<bool, Failed> {
        let target = self.stage.world.target_address().to_string();
        let mut command = self.stage.twin.command(&self.stage.source(), "timeout")?;
        command.args(["3", "openssl", "s_client", "-verify_return_error", "-connect", &target]);
        command.args(["-CAfile", shown(&self.authority.root())]);
        let output = command.stdin(Stdio::null()).output()?;
        Ok(output.status.success())
    }

    fn why(&self, bench: &Bench) -> Result<Value, Failed> {
        self.why_with(bench, &[])
    }

    fn why_with(&self, bench: &Bench, arguments: &[&str]) -> Result<Value, Failed> {
        let snapshot = bench.folder("tls");
        self.stage.world.write(&snapshot, Style::of_seed(self.stage.world.seed()))?;
        let mut command = bench.peerscope(&self.stage)?;
        command.env("SSL_CERT_FILE", self.authority.root()).env_remove("SSL_CERT_DIR");
        let target = format!("tls://{}", self.stage.world.target_address());
        command.args(["why", &target, "--format", "json", "--snapshot"]).arg(&snapshot).args(arguments);
        let output = command.output()?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// The id of the target's interface.
    fn interface(&self) -> Result<String, Failed> {
        Ok(self.stage.world.role("target")?.id)
    }
}

fn good(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let secured = Secured::set(enclosure, 1, None)?;
    expect(secured.completes()?, "another client is content")?;
    let report = secured.why(bench)?;
    expect(report["verdict"] == "reachable", format!("{report:#}"))?;
    let summary = report["summary"].as_str().unwrap_or_default();
    expect(summary.contains("; it speaks TLS over TLS 1.3"), summary)
}

fn expired(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let secured = Secured::set(enclosure, -1, None)?;
    expect(!secured.completes()?, "another client refuses the certificate")?;
    let report = secured.why(bench)?;
    expect(report["verdict"] == "impaired", format!("{report:#}"))?;
    let cause = &report["causes"][0];
    expect(cause["code"] == "TLS_FAILED" && cause["status"] == "established", format!("{report:#}"))?;
    expect(cause["component"]["id"] == secured.interface()?.as_str(), format!("{cause:#}"))?;
    let summary = cause["summary"].as_str().unwrap_or_default();
    expect(summary.contains("it has expired ("), summary)?;
    expect(report["causes"].as_array().map(Vec::len) == Some(1), format!("{report:#}"))
}

fn large_packets_lost(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let secured = Secured::set(enclosure, 1, Some(Condition::LosesLargePackets))?;
    expect(!secured.completes()?, "another client gets no further either")?;
    let dropped = secured.stage.twin.dropped()?;
    let is_large =
        dropped.iter().any(|one| one.gate.kind == GateKind::Host && one.direction == Direction::Return);
    expect(is_large, format!("large packets of the target are lost: {dropped:?}"))?;
    let report = secured.why(bench)?;
    expect(report["verdict"] == "impaired", format!("{report:#}"))?;
    let causes: Vec<&Value> = report["causes"].as_array().into_iter().flatten().collect();
    let named = |code: &str| causes.iter().any(|cause| cause["code"] == code);
    expect(named("PATH_MTU_BLACKHOLE") && named("APPLICATION_SILENT"), format!("{report:#}"))?;
    expect(causes.iter().all(|cause| cause["status"] == "candidate"), format!("{report:#}"))?;
    expect(!report["next_probe"].is_null(), format!("{report:#}"))
}

fn narrow_wire(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, 31);
    admit_echo(&mut world)?;
    let (target, towards) = (world.target(), world.source_address());
    let narrow = Condition::BehindNarrowWire { bytes: 1_400, towards, told: Told::Nobody };
    world.conditions.push((target, narrow));
    let secured = Secured::set_world(enclosure, 1, world)?;
    expect(!secured.completes()?, "another client gets no further either")?;
    let report = secured.why_with(bench, &["--thorough", "--deadline", "20"])?;
    expect(report["verdict"] == "impaired", format!("{report:#}"))?;
    let cause = &report["causes"][0];
    let is_told = cause["code"] == "PATH_MTU_BLACKHOLE" && cause["status"] == "established";
    expect(is_told && cause["direction"] == "return", format!("{report:#}"))?;
    expect(report["causes"].as_array().map(Vec::len) == Some(1), format!("{report:#}"))
}
