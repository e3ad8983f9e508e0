//! The engine against real routers and firewalls: each row of the table of outcomes, staged
//! with the kernel's own means in network namespaces that exist for this test alone.
//!
//! ```text
//! client 10.1.0.2 ── 10.1.0.1 r1 10.9.0.1 ── 10.9.0.2 r2 10.2.0.1 ── 10.2.0.2 server
//!      fd00:1::2     fd00:1::1   fd00:9::1   fd00:9::2   fd00:2::1   fd00:2::2
//! ```
//! This program runs twice: as root it builds the world and judges; in the client's namespace it runs
//! again without any privilege, as the product does, asks everything at once and reports. No packet
//! leaves the namespaces: they have no link to anywhere else.
//!
//! It needs root, or a kernel that lets users make namespaces; where neither is given it fails, since
//! a test that passes without having run would be worse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod client;
mod senses;
mod server;
mod world;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == client::ARGUMENT) {
        client::answer();
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = world::enter() {
        eprintln!("no network namespaces to test in: {reason}");
        return ExitCode::FAILURE;
    }
    judge()
}

/// Runs everything and reports as libtest does, so that whoever counts tests can count these.
fn judge() -> ExitCode {
    let start = Instant::now();
    world::build();
    server::start();
    let cases = cases::all();
    let task = client::Task {
        probes: cases.iter().map(|case| case.request).collect(),
        raw: false,
        sources: cases::SOURCES.iter().map(|source| source.target.parse().unwrap()).collect(),
    };
    let report = client::ask(&task);
    world::permit_ping_sockets();
    let senses = senses::all();
    let requests = senses.iter().map(|case| case.request).collect();
    let sensed = client::ask(&client::Task { probes: requests, raw: false, sources: Vec::new() });
    let raw = senses::raw();
    let requests = raw.iter().map(|case| case.request).collect();
    let raw_found = client::ask(&client::Task { probes: requests, raw: true, sources: Vec::new() });

    let mut verdicts = vec![("the_prober_has_no_privilege".to_owned(), report.check_privileges())];
    verdicts.push(("capabilities_without_ping_sockets".to_owned(), report.check_capabilities(false)));
    verdicts.push(("capabilities_with_ping_sockets".to_owned(), sensed.check_capabilities(true)));
    for case in &cases {
        verdicts.push((case.name.to_owned(), case.check(&report)));
    }
    for case in &senses {
        verdicts.push((case.name.to_owned(), case.check(&sensed)));
    }
    for case in &raw {
        verdicts.push((case.name.to_owned(), case.check(&raw_found)));
    }
    for (source, found) in cases::SOURCES.iter().zip(&report.sources) {
        verdicts.push((format!("source_address_{}", source.name), source.check(*found)));
    }
    for wire in cases::WIRE {
        verdicts.push((wire.name.to_owned(), wire.check()));
    }

    println!("\nrunning {} tests", verdicts.len());
    for (name, verdict) in &verdicts {
        println!("test {name} ... {}", if verdict.is_ok() { "ok" } else { "FAILED" });
    }
    let failed: Vec<_> =
        verdicts.iter().filter_map(|(name, verdict)| verdict.as_ref().err().map(|why| (name, why))).collect();
    for (name, why) in &failed {
        println!("\n---- {name} ----\n{why}");
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        verdicts.len() - failed.len(),
        failed.len(),
        start.elapsed().as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
