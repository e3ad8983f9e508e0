//! `peerscope why` for targets that are asked by UDP or ICMP echo, on real packets: what an answer, a
//! refusal and a silence come to, with a snapshot and without.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;

use std::process::ExitCode;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_document::aws::{IpProtocol, NetworkAclEntry, RuleAction};
use peerscope_laboratory::fault::FaultKind;
use peerscope_laboratory::scenario::{Scenario, Stage};
use peerscope_laboratory::world::{Service, Style, World};
use peerscope_laboratory::{DatagramServiceKind, Enclosure};
use serde_json::Value;

/// One question and what is to be said.
struct Case {
    name: &'static str,
    protocol: &'static str,
    faults: &'static [FaultKind],
    service: Option<DatagramServiceKind>,
    echo: bool,
    snapshot: bool,
    verdict: &'static str,
    cause: Option<&'static str>,
}

const HEALTHY: Case = Case {
    name: "",
    protocol: "udp",
    faults: &[],
    service: Some(DatagramServiceKind::Echoing),
    echo: false,
    snapshot: true,
    verdict: "reachable",
    cause: None,
};

const ECHO: Case = Case { protocol: "icmp", service: None, echo: true, ..HEALTHY };

const CASES: &[Case] = &[
    Case { name: "a_service_that_answers_datagrams", ..HEALTHY },
    Case { name: "a_service_that_answers_datagrams_without_a_snapshot", snapshot: false, ..HEALTHY },
    Case {
        name: "a_mute_service_is_as_the_configuration_has_it",
        service: Some(DatagramServiceKind::Mute),
        ..HEALTHY
    },
    Case {
        name: "a_mute_service_without_a_snapshot",
        service: Some(DatagramServiceKind::Mute),
        snapshot: false,
        verdict: "undetermined",
        ..HEALTHY
    },
    Case {
        name: "no_service_for_datagrams",
        service: None,
        verdict: "blocked",
        cause: Some("PORT_CLOSED"),
        ..HEALTHY
    },
    Case {
        name: "no_service_for_datagrams_without_a_snapshot",
        service: None,
        snapshot: false,
        verdict: "blocked",
        cause: Some("PORT_CLOSED"),
        ..HEALTHY
    },
    Case {
        name: "a_group_that_lets_tcp_in_alone",
        faults: &[FaultKind::GroupWrongProtocol],
        verdict: "blocked",
        cause: Some("ENI_SG_RULES_MISMATCH"),
        ..HEALTHY
    },
    Case {
        name: "datagrams_without_a_route_back",
        faults: &[FaultKind::RouteMissing],
        verdict: "blocked",
        cause: Some("NO_ROUTE_TO_DESTINATION"),
        ..HEALTHY
    },
    Case { name: "an_echo_that_comes_back", ..ECHO },
    Case { name: "an_echo_that_comes_back_without_a_snapshot", snapshot: false, ..ECHO },
    Case {
        name: "an_echo_without_a_route_back",
        faults: &[FaultKind::RouteMissing],
        verdict: "blocked",
        cause: Some("NO_ROUTE_TO_DESTINATION"),
        ..ECHO
    },
    Case {
        name: "an_echo_that_the_host_swallows",
        faults: &[FaultKind::HostSilent],
        verdict: "blocked",
        cause: Some("HOST_SILENT"),
        ..ECHO
    },
    Case {
        name: "an_echo_that_no_process_may_send_is_as_the_configuration_has_it",
        faults: &[FaultKind::RouteMissing],
        echo: false,
        verdict: "blocked",
        cause: Some("ENI_SG_RULES_MISMATCH"),
        ..ECHO
    },
    Case {
        name: "an_echo_that_no_process_may_send_is_undetermined_without_a_snapshot",
        echo: false,
        snapshot: false,
        verdict: "undetermined",
        ..ECHO
    },
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let trial = |case: &'static Case| Trial::test(case.name, move || holds(enclosure, bench, case));
        Ok((Arguments::from_args(), CASES.iter().map(trial).collect()))
    })
}

fn holds(enclosure: &Enclosure, bench: &Bench, case: &Case) -> Result<(), Failed> {
    let faults: String = case
        .faults
        .iter()
        .map(|kind| Ok(format!("[[fault]]\nkind = {}\n", serde_json::to_string(kind)?)))
        .collect::<Result<String, serde_json::Error>>()?;
    let text = format!(
        "base = \"dyno-to-vpc\"\nvary = [\"addresses\", \"association\", \"rule-order\", \"decoys\"]\n\
         echo = {}\n{faults}[kernel]\n[expect]\nverdict = \"{}\"\n",
        case.echo, case.verdict
    );
    let scenario = Scenario::parse(case.name, &text)?;
    for seed in scenario.seeds().take(3) {
        let mut world = scenario.world(seed)?;
        world.service = Service::Closed;
        if case.protocol == "udp" {
            world.exchange_tcp_and_udp();
            admit_icmp_errors(&mut world);
        }
        let stage = Stage::set(enclosure, world)?;
        let port = stage.world.target_address().port();
        let service = case.service.map(|kind| stage.twin.serve_datagrams(&stage.world.target(), port, kind));
        let service = service.transpose()?;
        let report = ask(bench, &stage, case)?;
        let causes: Vec<&str> = report["causes"]
            .as_array()
            .map(|causes| causes.iter().filter_map(|cause| cause["code"].as_str()).collect())
            .unwrap_or_default();
        let said = format!("seed {seed}: {}: {} {causes:?}", report["verdict"], report["summary"]);
        if report["verdict"] != case.verdict || causes.first().copied() != case.cause {
            return Err(Failed::from(said));
        }
        // What says nothing by itself must be said to say nothing, unless the configuration says enough.
        let unheard = case.service == Some(DatagramServiceKind::Mute);
        let gap = report["gaps"].as_array().is_some_and(|gaps| gaps.iter().any(|gap| gap["kind"] == "probe"));
        if gap != unheard {
            return Err(Failed::from(format!("{said}: {}", report["gaps"])));
        }
        if case.verdict == "reachable" && service.is_some_and(|service| service.received() != 5) {
            return Err(Failed::from(format!("{said}: five datagrams are sent, and no more")));
        }
    }
    Ok(())
}

/// Without it no one hears that a port is unreachable: network ACLs are stateless.
fn admit_icmp_errors(world: &mut World) {
    for documents in world.snapshot.aws.iter_mut().map(|one| &mut one.documents) {
        for acl in documents.network_acls.iter_mut().flatten() {
            let entries = [false, true].map(|egress| NetworkAclEntry {
                rule_number: 1,
                egress,
                rule_action: RuleAction::Allow,
                protocol: IpProtocol::ICMP,
                cidr_block: "0.0.0.0/0".parse().ok(),
                ipv6_cidr_block: None,
                port_range: None,
                icmp_type_code: None,
            });
            acl.entries.extend(entries);
        }
    }
}

fn ask(bench: &Bench, stage: &Stage<'_>, case: &Case) -> Result<Value, Failed> {
    let target = match case.protocol {
        "udp" => format!("udp://{}", stage.world.target_address()),
        _ => format!("icmp://{}", stage.world.target_address().ip()),
    };
    let mut command = bench.peerscope(stage)?;
    command.args(["why", &target, "--format", "json"]);
    if case.snapshot {
        let snapshot = bench.folder("other-protocols");
        stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
        command.arg("--snapshot").arg(snapshot);
    }
    let output = command.output()?;
    Ok(serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?)
}
