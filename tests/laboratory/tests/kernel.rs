//! The laboratory's own test: every scenario is true of the kernel, and the twins are what they claim.
//!
//! It has its own `main` because the enclosure can only be entered while the process has one thread. What
//! these tests mostly do is wait for silence, so more of them run at once than there are processors.

#[path = "kernel/flows.rs"]
mod flows;
#[path = "kernel/ipv6.rs"]
mod ipv6;
#[path = "kernel/names.rs"]
mod names;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::scenario::{Scenario, Stage, prove_alone, prove_in_kernel};
use peerscope_laboratory::world::{Base, Role, Vary, World};
use peerscope_laboratory::{
    Condition, Dropped, Enclosure, GateKind, KernelOutcome, Listener, ListenerKind, Right, Twin,
};

/// Worlds of each scenario, unless the environment variable [`MORE_WORLDS`] asks for more.
const WORLDS: usize = 1;
const MORE_WORLDS: &str = "PEERSCOPE_LABORATORY_WORLDS";
/// How long silence is waited for, and an answer that must come.
const SILENCE: Duration = Duration::from_millis(700);
const ANSWER: Duration = Duration::from_secs(5);
/// Set for the copy of this program that runs as another user.
const UNPRIVILEGED: &str = "PEERSCOPE_LABORATORY_UNPRIVILEGED";

/// How long it took to build the twins and to hold them against their scenarios.
static TIMES: Mutex<Vec<(Duration, Duration)>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let enclosure: &'static Enclosure = match Enclosure::enter() {
        Ok(enclosure) => Box::leak(Box::new(enclosure)),
        Err(error) => {
            eprintln!("the laboratory cannot be tested here: {error}");
            return ExitCode::FAILURE;
        }
    };
    if std::env::var_os(UNPRIVILEGED).is_some() {
        return unprivileged(enclosure);
    }
    arguments.test_threads.get_or_insert(16);
    let mut trials = match scenarios(enclosure) {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut add = |name: &str, test: fn(&'static Enclosure) -> Result<(), Failed>| {
        trials.push(Trial::test(name, move || test(enclosure)));
    };
    add("equal_addresses_of_two_networks_are_not_confused", equal_addresses);
    add("a_dropped_twin_leaves_nothing", dropped_twin);
    add("a_listener_greets_and_ends", listener);
    add("a_child_has_no_capability", child_without_capabilities);
    add("routers_are_silent", silent_routers);
    add("a_scenario_that_lies_is_found_out", lying_scenarios);
    add("a_twin_is_rebuilt_in_place", rebuilt);
    add("every_world_has_what_it_must", roles_resolve);
    add("conditions_stay_while_their_host_does", conditions);
    add("ipv6_is_filtered_and_routed_by_its_own_documents", ipv6::within_the_vpc);
    add("many_flows_side_by_side_are_each_told_apart", flows::told_apart);
    add("datagrams_and_echoes_side_by_side_are_told_apart", flows::of_other_protocols);
    add("names_are_what_the_twins_server_says", names::as_the_server_says);
    if enclosure.right() == Right::Root {
        add("an_ordinary_user_has_a_laboratory_too", ordinary_user);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    report_times();
    conclusion.exit_code()
}

fn scenarios(enclosure: &'static Enclosure) -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
    let directory = Scenario::directory();
    let worlds = std::env::var(MORE_WORLDS).map_or(Ok(WORLDS), |number| number.parse())?;
    let mut trials = Vec::new();
    for (folder, scenario) in Scenario::below(&directory)? {
        let path = folder.strip_prefix(&directory)?.join(&scenario.name);
        for (index, seed) in scenario.seeds().take(worlds).enumerate() {
            let scenario = scenario.clone();
            let name = format!("scenario {} world {index}", path.display());
            trials.push(Trial::test(name, move || prove(enclosure, &scenario, seed)));
        }
    }
    Ok(trials)
}

fn prove(enclosure: &Enclosure, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let start = Instant::now();
    let stage = Stage::set(enclosure, scenario.world(seed)?)?;
    let built = start.elapsed();
    let proved = prove_in_kernel(scenario, &stage.world, &stage.twin);
    times().push((built, start.elapsed() - built));
    proved
        .and_then(|()| prove_alone(enclosure, scenario, seed))
        .map_err(|wrong| Failed::from(format!("{:?}\n{}", stage.world, wrong.join("\n"))))
}

fn times() -> MutexGuard<'static, Vec<(Duration, Duration)>> {
    TIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report_times() {
    let times = times();
    for (what, mut list) in [
        ("build of a twin", times.iter().map(|it| it.0).collect::<Vec<_>>()),
        ("proof in the kernel", times.iter().map(|it| it.1).collect()),
    ] {
        list.sort();
        if let (Some(median), Some(longest)) = (list.get(list.len() / 2), list.last()) {
            println!("{what}: median {median:.1?}, longest {longest:.1?} of {}", list.len());
        }
    }
}

fn healthy(base: Base, seed: u64) -> World {
    World::generate(base, &Vary::ALL, seed)
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

fn equal_addresses(enclosure: &'static Enclosure) -> Result<(), Failed> {
    for seed in 0..8 {
        let stage = Stage::set(enclosure, healthy(Base::DynoToVpc, seed))?;
        let (world, twin) = (&stage.world, &stage.twin);
        let port = world.target_address().port();
        let double = twin.listen(&world.double(), port, ListenerKind::Silent)?;
        let outcome = twin.connect(&world.source(), 0, world.target_address(), ANSWER)?;
        expect(outcome == KernelOutcome::Connected, format!("{world:?}: {outcome:?}"))?;
        let accepted = || stage.listener().map_or(0, Listener::accepted);
        // The handshake is the kernel's; the listener's thread hears of it a little later.
        let start = Instant::now();
        while accepted() + double.accepted() == 0 && start.elapsed() < ANSWER {
            thread::sleep(Duration::from_millis(1));
        }
        expect(accepted() == 1 && double.accepted() == 0, format!("{world:?}: the wrong one answered"))?;
    }
    Ok(())
}

fn dropped_twin(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let world = healthy(Base::DynoToVpc, 1);
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let prefix = format!("{}.", twin.prefix());
    let namespaces = || -> Result<usize, Failed> {
        let names = fs::read_dir("/run/netns")?.flatten();
        Ok(names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).count())
    };
    expect(namespaces()? > 4, "the twin has namespaces")?;
    drop(twin);
    let left = namespaces()?;
    expect(left == 0, format!("{left} namespaces are left"))
}

fn listener(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let world = healthy(Base::DynoToVpc, 2);
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let target = world.target_address();
    let greeting = ListenerKind::Greeting(b"SSH-2.0-laboratory\r\n".to_vec());
    let listener = twin.listen(&world.target(), target.port(), greeting)?;
    let script = format!("exec 3<>/dev/tcp/{}/{} && head -n1 <&3", target.ip(), target.port());
    let output = twin.command(&world.source(), "bash")?.args(["-c", &script]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    expect(text.trim() == "SSH-2.0-laboratory", format!("{output:?}"))?;
    drop(listener);
    let outcome = twin.connect(&world.source(), 0, target, ANSWER)?;
    expect(outcome == KernelOutcome::Refused, format!("{outcome:?} after the listener's end"))
}

fn child_without_capabilities(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let world = healthy(Base::DynoToVpc, 3);
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let output = twin.command(&world.source(), "cat")?.arg("/proc/self/status").output()?;
    let status = String::from_utf8_lossy(&output.stdout);
    let line = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        found.map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        expect(line(set) == "0000000000000000", format!("{set} {}", line(set)))?;
    }
    expect(line("NoNewPrivs:") == "1", "no_new_privs is set")?;
    if enclosure.right() == Right::Root {
        expect(line("Uid:").starts_with("65534"), format!("Uid: {}", line("Uid:")))?;
    }
    let raw = twin.command(&world.source(), "ip")?.args(["link", "set", "eth0", "down"]).output()?;
    expect(!raw.status.success(), "an unprivileged child took its interface down")
}

/// What nobody owns, what has no route and what is not routed back are all silence, never an ICMP error.
fn silent_routers(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let world = healthy(Base::DynoToVpc, 4);
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let SocketAddr::V4(target) = world.target_address() else { return Err("IPv4 only".into()) };
    let taken: Vec<_> = twin.hosts().flat_map(|(_, addresses)| addresses.to_vec()).collect();
    let nobody = (1..).map(|offset| Ipv4Addr::from(u32::from(*target.ip()) ^ offset));
    let nobody = nobody.into_iter().find(|address| !taken.contains(&(*address).into()));
    for address in [nobody, Some(Ipv4Addr::new(192, 0, 2, 1))].into_iter().flatten() {
        let outcome = twin.connect(&world.source(), 0, (address, 80).into(), SILENCE)?;
        expect(outcome == KernelOutcome::Silent, format!("{address}: {outcome:?}"))?;
    }
    Ok(())
}

/// No scenario with a fault is true of a healthy world.
fn lying_scenarios(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let all = Scenario::below(&Scenario::directory())?;
    for base in [Base::DynoToVpc, Base::VpcToDyno, Base::VpcToVpc] {
        let stage = Stage::set(enclosure, healthy(base, 6))?;
        let of_base = all.iter().map(|(_, scenario)| scenario).filter(|scenario| scenario.base == base);
        for scenario in of_base.filter(|scenario| !scenario.faults.is_empty() && !scenario.is_mended()) {
            // Where a protocol is spoken, a healthy service answers in it.
            let speaks = scenario.scheme.map(|_| Scenario { faults: Vec::new(), ..scenario.clone() });
            let own = speaks.map(|sound| sound.world(6)).transpose()?;
            let own = own.map(|world| Stage::set(enclosure, world)).transpose()?;
            let stage = own.as_ref().unwrap_or(&stage);
            let proved = prove_in_kernel(scenario, &stage.world, &stage.twin);
            expect(proved.is_err(), format!("{} is true of a healthy world", scenario.name))?;
        }
    }
    Ok(())
}

fn rebuilt(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let kinds = [
        FaultKind::RouteMissing,
        FaultKind::GroupWithoutRule,
        FaultKind::NetworkAclNoReturnPorts,
        FaultKind::PeeringPending,
    ];
    let sound = healthy(Base::DynoToVpc, 5);
    let mut stage = Stage::set(enclosure, healthy(Base::DynoToVpc, 5))?;
    let target = sound.target_address();
    for (kind, port) in kinds.into_iter().zip((41000..).step_by(10)) {
        let mut broken = healthy(Base::DynoToVpc, 5);
        Fault::new(kind).apply(&mut broken)?;
        for (index, (world, expected)) in
            [(&broken, KernelOutcome::Silent), (&sound, KernelOutcome::Connected)].into_iter().enumerate()
        {
            stage.twin.rebuild(&world.snapshot)?;
            let source_port = port + index as u16;
            let patience = if expected == KernelOutcome::Silent { SILENCE } else { ANSWER };
            let outcome = stage.twin.connect(&sound.source(), source_port, target, patience)?;
            expect(outcome == expected, format!("{kind:?}: {outcome:?} where {expected:?} was expected"))?;
        }
    }
    // A host that moved is another host: what ran on it is gone, and it comes back without.
    let mut moved = healthy(Base::DynoToVpc, 5);
    Fault::new(FaultKind::TargetInSecondaryCidr).apply(&mut moved)?;
    for (world, expected) in [(&moved, KernelOutcome::Silent), (&sound, KernelOutcome::Refused)] {
        stage.twin.rebuild(&world.snapshot)?;
        let patience = if expected == KernelOutcome::Silent { SILENCE } else { ANSWER };
        let outcome = stage.twin.connect(&sound.source(), 0, target, patience)?;
        expect(outcome == expected, format!("moved: {outcome:?} where {expected:?} was expected"))?;
    }
    Ok(())
}

fn conditions(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let world = healthy(Base::DynoToVpc, 7);
    let mut stage = Stage::set(enclosure, healthy(Base::DynoToVpc, 7))?;
    let target = world.target_address();
    let connects = |stage: &Stage<'_>, expected: KernelOutcome, patience| -> Result<(), Failed> {
        let outcome = stage.twin.connect(&world.source(), 0, target, patience)?;
        expect(outcome == expected, format!("{outcome:?} where {expected:?} was expected"))
    };
    connects(&stage, KernelOutcome::Connected, ANSWER)?;
    stage.twin.impose(&world.target(), Condition::FirewallDrops { port: target.port(), from: None })?;
    connects(&stage, KernelOutcome::Silent, SILENCE)?;
    stage.twin.rebuild(&world.snapshot)?;
    connects(&stage, KernelOutcome::Silent, SILENCE)?;
    let dropped = stage.twin.dropped()?;
    let own = |it: &Dropped| it.gate.kind == GateKind::Host && it.packets > 0;
    expect(matches!(dropped.as_slice(), [only] if own(only)), format!("{dropped:?}"))?;
    // A host that moved is another host.
    let mut moved = healthy(Base::DynoToVpc, 7);
    Fault::new(FaultKind::TargetInSecondaryCidr).apply(&mut moved)?;
    stage.twin.rebuild(&moved.snapshot)?;
    stage.twin.rebuild(&world.snapshot)?;
    connects(&stage, KernelOutcome::Refused, ANSWER)
}

/// Ids of roles, and what every world must have.
fn roles_resolve(_: &'static Enclosure) -> Result<(), Failed> {
    for seed in 0..200 {
        for (base, own) in [
            (Base::DynoToVpc, "target"),
            (Base::VpcToDyno, "source"),
            (Base::VpcToVpc, "source"),
            (Base::VpcToVpc, "target"),
        ] {
            let world = healthy(base, seed);
            for below in
                ["", ".subnet", ".subnet.network_acl", ".subnet.route_table", ".vpc", ".security_group"]
            {
                let Role { id, .. } = world.role(&format!("{own}{below}"))?;
                expect(!id.is_empty(), below)?;
            }
            let ends = [world.role("source")?, world.role("target")?];
            expect(ends[0].id != ends[1].id, format!("{world:?}: one host at both ends"))?;
            let count = |count: fn(&peerscope_document::aws::AwsDocuments) -> usize| {
                world.snapshot.aws.iter().map(|it| count(&it.documents)).max().unwrap_or(0)
            };
            let sizes = [
                count(|it| it.subnets.as_ref().map_or(0, Vec::len)),
                count(|it| it.route_tables.as_ref().map_or(0, Vec::len)),
                count(|it| it.network_acls.as_ref().map_or(0, Vec::len)),
                count(|it| it.security_groups.as_ref().map_or(0, Vec::len)),
                count(|it| it.network_interfaces.as_ref().map_or(0, Vec::len)),
            ];
            let enough = sizes.iter().zip([3, 3, 2, 5, 4]).all(|(size, least)| *size >= least);
            expect(enough, format!("{world:?}: {sizes:?}"))?;
        }
    }
    Ok(())
}

/// Runs a copy of this program as another user, who may not be able to read where it was built.
fn ordinary_user(_: &'static Enclosure) -> Result<(), Failed> {
    let copy = std::env::temp_dir().join(format!("peerscope-laboratory-{}", std::process::id()));
    fs::copy(std::env::current_exe()?, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    let run = || Command::new(&copy).env(UNPRIVILEGED, "1").current_dir("/").uid(65534).gid(65534).output();
    // A process that another test is about to start may still hold the copy open for writing.
    let is_busy = |error: &io::Error| error.kind() == io::ErrorKind::ExecutableFileBusy;
    let mut output = run();
    for _ in 0..100 {
        if !output.as_ref().is_err_and(is_busy) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
        output = run();
    }
    fs::remove_file(&copy)?;
    let output = output?;
    expect(output.status.success(), format!("{output:?}"))
}

fn unprivileged(enclosure: &'static Enclosure) -> ExitCode {
    let tests = [equal_addresses, child_without_capabilities, dropped_twin, names::as_the_server_says];
    let is_user = expect(enclosure.right() == Right::UserNamespace, "not in a user namespace");
    match tests.into_iter().try_fold((), |(), test| test(enclosure)).and(is_user) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", failed.message().unwrap_or("failed"));
            ExitCode::FAILURE
        }
    }
}
