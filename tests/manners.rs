//! The manners of the contract, counted on the wire: how many packets reach whom, how connections end,
//! and what a MySQL is spared.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::scenario::{Scenario, Stage};
use peerscope_laboratory::world::{Base, Scheme, Service, Style, Vary, World};
use peerscope_laboratory::{Captured, Enclosure, ListenerKind};

/// The greeting of a MariaDB, as its first packet has it (Protocol::HandshakeV10): length, sequence 0,
/// protocol version 10, the server's version.
const MYSQL_GREETING: &[u8] = b"\x5b\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00\x08\x00\x00\x00";

/// A whole greeting of a MySQL.
const WHOLE_GREETING: &[u8] = b"\x49\0\0\0\x0a8.4.3\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let mut trials = Vec::new();
        let mut add = |name: &str, test: fn(&Enclosure, &Bench) -> Result<(), Failed>| {
            trials.push(Trial::test(name, move || test(enclosure, bench)));
        };
        add("a_healthy_target_sees_five_connects_each_closed_by_fin", healthy);
        add("a_talkative_server_is_closed_by_fin_too", talkative);
        add("a_mysql_is_connected_to_three_times_at_most", mysql);
        add("a_named_protocol_is_spoken_in_one_of_the_five_connects", named);
        add("a_named_mysql_is_connected_to_three_times_at_most", named_mysql);
        add("a_silent_target_sees_five_connects_and_the_first_one_alone", silent);
        add("a_closed_port_sees_five_connects", closed);
        add("a_silent_target_sees_one_echo_where_that_is_permitted", echo_beside);
        add("a_target_for_echoes_sees_five_and_nothing_else", echoes);
        add("a_target_for_datagrams_sees_five_and_nothing_else", datagrams);
        add("a_thorough_sweep_keeps_the_pace_and_closes_by_fin", thorough);
        add("a_mysql_is_neither_swept_nor_explored", thorough_mysql);
        Ok((Arguments::from_args(), trials))
    })
}

/// What went over the source's wire while `peerscope why` ran.
struct Seen {
    packets: Vec<Captured>,
    source: IpAddr,
}

impl Seen {
    fn sent(&self) -> impl Iterator<Item = &Captured> {
        self.packets.iter().filter(|packet| packet.source.ip() == self.source)
    }

    /// The source ports that asked for a connection, with the time of the first SYN of each.
    fn connects(&self) -> Vec<(u16, Duration)> {
        let mut connects: Vec<(u16, Duration)> = Vec::new();
        for packet in self.sent().filter(|packet| packet.opens()) {
            if !connects.iter().any(|(port, _)| *port == packet.source.port()) {
                connects.push((packet.source.port(), packet.at));
            }
        }
        connects
    }
}

/// Runs `peerscope why` on a stage and holds what holds always: nothing but the named target and port is
/// asked, by TCP alone, and nothing is reset.
fn seen(bench: &Bench, stage: &Stage<'_>) -> Result<Seen, Failed> {
    let target = stage.world.target_address();
    let seen = asked(bench, stage, &format!("tcp://{target}"), &[])?;
    let asked: BTreeSet<_> = seen.sent().map(|packet| (packet.destination, packet.protocol)).collect();
    expect(asked == BTreeSet::from([(target, 6)]), format!("only {target} by TCP is asked: {asked:?}"))?;
    Ok(seen)
}

/// Runs `peerscope why` for a target of this stage: nothing is reset, and what went over the wire is what
/// the report says.
fn asked(bench: &Bench, stage: &Stage<'_>, target: &str, flags: &[&str]) -> Result<Seen, Failed> {
    let snapshot = bench.folder("manners");
    stage.world.write(&snapshot, Style::of_seed(stage.world.seed()))?;
    let capture = stage.twin.capture(&stage.source())?;
    let mut command = bench.peerscope(stage)?;
    command.args(["why", target, "--format", "json", "--snapshot"]).arg(&snapshot).args(flags);
    let output = command.output()?;
    let status = output.status.code();
    expect(matches!(status, Some(0 | 1)), format!("exit status {status:?}"))?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let seen = Seen { packets: capture.packets(), source: stage.world.source_address() };
    expect(!seen.sent().any(Captured::resets), "nothing is reset")?;
    let reported = report["observations"].as_array().map_or(0, Vec::len);
    let on_the_wire = seen.connects().len() + seen.sent().filter(|packet| packet.protocol != 6).count();
    expect(reported == on_the_wire, format!("{on_the_wire} probes on the wire, {reported} in the report"))?;
    Ok(seen)
}

fn world(service: Service) -> World {
    let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, 11);
    world.service = service;
    world
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

fn expect_closed(seen: &Seen, connects: usize) -> Result<(), Failed> {
    let asked = seen.connects();
    expect(asked.len() == connects, format!("{connects} connects: {asked:?}"))?;
    let closed: BTreeSet<u16> =
        seen.sent().filter(|packet| packet.closes()).map(|packet| packet.source.port()).collect();
    expect(closed.len() == connects, format!("each is closed by FIN: {closed:?} of {asked:?}"))
}

fn healthy(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Listening))?;
    expect_closed(&seen(bench, &stage)?, 5)
}

fn talkative(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Closed))?;
    let greeting = ListenerKind::Greeting(b"220 mail.internal ESMTP ready\r\n".to_vec());
    let _listener =
        stage.twin.listen(&stage.world.target(), stage.world.target_address().port(), greeting)?;
    expect_closed(&seen(bench, &stage)?, 5)
}

fn mysql(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Closed))?;
    let greeting = ListenerKind::Greeting(MYSQL_GREETING.to_vec());
    let _listener =
        stage.twin.listen(&stage.world.target(), stage.world.target_address().port(), greeting)?;
    expect_closed(&seen(bench, &stage)?, 3)
}

/// One that answers, one that is silent and one that closes: no connect more than by TCP alone.
fn named(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    for service in [Service::Answering, Service::Listening, Service::Closing] {
        let mut world = world(service);
        world.scheme = Some(Scheme::Postgres);
        let stage = Stage::set(enclosure, world)?;
        let seen = asked(bench, &stage, &stage.world.target_url(), &[])?;
        let target = stage.world.target_address();
        let asked: BTreeSet<_> = seen.sent().map(|packet| (packet.destination, packet.protocol)).collect();
        expect(asked == BTreeSet::from([(target, 6)]), format!("only {target} by TCP is asked: {asked:?}"))?;
        let connects = seen.connects();
        // What is said to one that has closed is answered by a reset, after which there is nothing to close.
        match service {
            Service::Closing => expect(connects.len() == 5, format!("five connects: {connects:?}"))?,
            _ => expect_closed(&seen, 5)?,
        }
        expect(connects[1].1 > connects[0].1, format!("the first goes alone: {connects:?}"))?;
    }
    Ok(())
}

/// One that greets, and one that does not.
fn named_mysql(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    for kind in [ListenerKind::Greeting(WHOLE_GREETING.to_vec()), ListenerKind::Silent] {
        let stage = Stage::set(enclosure, world(Service::Closed))?;
        let target = stage.world.target_address();
        let _listener = stage.twin.listen(&stage.world.target(), target.port(), kind)?;
        expect_closed(&asked(bench, &stage, &format!("mysql://{target}"), &[])?, 3)?;
    }
    Ok(())
}

fn silent(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let mut world = world(Service::Listening);
    Fault::new(FaultKind::RouteMissing).apply(&mut world)?;
    let stage = Stage::set(enclosure, world)?;
    let seen = seen(bench, &stage)?;
    let connects = seen.connects();
    expect(connects.len() == 5, format!("five connects: {connects:?}"))?;
    let (first, second) = (connects[0].1, connects[1].1);
    expect(second - first > Duration::from_millis(250), format!("the first goes alone: {connects:?}"))
}

fn closed(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Closed))?;
    let seen = seen(bench, &stage)?;
    let connects = seen.connects();
    expect(connects.len() == 5, format!("five connects: {connects:?}"))
}

/// A world in which echoes get to the target and may be sent.
fn with_echo(fault: Option<FaultKind>) -> Result<World, Failed> {
    let fault =
        fault.map(|kind| Ok::<_, Failed>(format!("[[fault]]\nkind = {}\n", serde_json::to_string(&kind)?)));
    let text = format!(
        "base = \"dyno-to-vpc\"\nvary = [\"addresses\"]\necho = true\n{}[kernel]\n[expect]\nverdict = \"blocked\"\n",
        fault.transpose()?.unwrap_or_default()
    );
    Ok(Scenario::parse("manners", &text)?.world(11)?)
}

fn protocols(seen: &Seen) -> Vec<(IpAddr, u8, usize)> {
    let mut counted: std::collections::BTreeMap<(IpAddr, u8), usize> = std::collections::BTreeMap::new();
    for packet in seen.sent().filter(|packet| packet.protocol != 6 || packet.opens()) {
        *counted.entry((packet.destination.ip(), packet.protocol)).or_default() += 1;
    }
    counted.into_iter().map(|((address, protocol), count)| (address, protocol, count)).collect()
}

fn echo_beside(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, with_echo(Some(FaultKind::HostSilent))?)?;
    let target = stage.world.target_address();
    let seen = asked(bench, &stage, &format!("tcp://{target}"), &[])?;
    let connects = seen.connects().len();
    expect(connects == 5, format!("five connects: {connects}"))?;
    let echoes: Vec<_> = protocols(&seen).into_iter().filter(|(_, protocol, _)| *protocol != 6).collect();
    expect(echoes == [(target.ip(), 1, 1)], format!("one echo: {echoes:?}"))
}

fn echoes(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let silent = Some(FaultKind::HostSilent);
    // Who answers, and only who answers, is asked with a small and a large packet more, that may not be divided.
    for (fault, flags, count) in
        [(None, &[][..], 5), (silent, &[], 5), (None, &["--thorough"], 7), (silent, &["--thorough"], 5)]
    {
        let stage = Stage::set(enclosure, with_echo(fault)?)?;
        let target = stage.world.target_address().ip();
        let seen = asked(bench, &stage, &format!("icmp://{target}"), flags)?;
        let sent = protocols(&seen);
        expect(sent == [(target, 1, count)], format!("{count} echoes: {sent:?}"))?;
    }
    Ok(())
}

fn datagrams(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Listening))?;
    let target = stage.world.target_address();
    let seen = asked(bench, &stage, &format!("udp://{target}"), &["--thorough"])?;
    let sent = protocols(&seen);
    expect(sent == [(target.ip(), 17, 5)], format!("five datagrams: {sent:?}"))?;
    let ports: BTreeSet<u16> = seen.sent().map(|packet| packet.destination.port()).collect();
    expect(ports == BTreeSet::from([target.port()]), format!("the named port alone: {ports:?}"))
}

fn thorough(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Listening))?;
    let target = stage.world.target_address();
    let seen = asked(bench, &stage, &format!("tcp://{target}"), &["--thorough"])?;
    let connects = seen.connects();
    expect((16..=50).contains(&connects.len()), format!("{} connects", connects.len()))?;
    // The pace is kept by a clock that nobody sets, the capture has the calendar's.
    for group in connects.windows(6) {
        let span = group[5].1.saturating_sub(group[0].1);
        expect(span >= Duration::from_millis(490), format!("more than five in half a second: {group:?}"))?;
    }
    expect_closed(&seen, connects.len())
}

fn thorough_mysql(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, world(Service::Closed))?;
    let target = stage.world.target_address();
    let greeting = ListenerKind::Greeting(MYSQL_GREETING.to_vec());
    let _listener = stage.twin.listen(&stage.world.target(), target.port(), greeting)?;
    let seen = asked(bench, &stage, &format!("tcp://{target}"), &["--thorough", "--explore"])?;
    expect_closed(&seen, 3)
}
