//! What a DNS server did: every outcome, by servers that do as they are told.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use peerscope_probes::{BURST_WINDOW, Engine, ProbeEngine};
use peerscope_vocabulary::{
    AddressRecord, DnsAddress, DnsObservation, DnsQuestion, DnsSaid, DnsTransport, LocalRefusal, Outcome,
    ProbeId, ProbeRequest,
};

use crate::driver::{Driver, deaf_listener, to};

const NAME: &str = "orders-db.internal";
const TTL: u32 = 60;

fn question(record_type: AddressRecord) -> DnsQuestion {
    DnsQuestion { name: NAME.to_string(), record_type }
}

fn ask_for(server: SocketAddr, record_type: AddressRecord, timeout: Duration) -> DnsObservation {
    let mut driver = Driver::new();
    // The kernel begins to stamp a moment after it was asked to.
    thread::sleep(Duration::from_millis(20));
    let request = ProbeRequest { timeout, ..to(server) };
    assert!(driver.engine.ask(driver.start.elapsed(), request, question(record_type)));
    driver.run_until(|driver| !driver.observations.is_empty());
    let observation = driver.observations[0];
    let answer = driver.engine.answer(&observation).unwrap();
    assert_eq!(driver.engine.answer(&observation), None, "told once");
    assert!(observation.finished_at - observation.sent_at < timeout + Duration::from_millis(500));
    answer
}

fn ask(server: SocketAddr) -> DnsObservation {
    ask_for(server, AddressRecord::A, Duration::from_secs(2))
}

/// Answers each datagram with those that `answers` makes of it; the socket's address.
fn udp(
    at: impl Into<IpAddr>,
    mut answers: impl FnMut(Message) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let server = UdpSocket::bind((at.into(), 0)).unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            for answer in answers(Message::from_vec(&buffer[..length]).unwrap()) {
                server.send_to(&answer, from).unwrap();
            }
        }
    });
    address
}

/// A server on loopback with one answer to everything.
fn saying(answer: impl Fn(Message) -> Message + Send + 'static) -> SocketAddr {
    udp(Ipv4Addr::LOCALHOST, move |query| vec![answer(query).to_vec().unwrap()])
}

/// A server that answers by TCP with those bytes, and by UDP that it does.
fn by_tcp(bytes: impl Fn(Message) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let address = saying(|query| {
        let mut answer = response(&query, ResponseCode::NoError);
        answer.metadata.truncation = true;
        answer
    });
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            stream.write_all(&bytes(Message::from_vec(&query).unwrap())).unwrap();
        }
    });
    address
}

fn with_length(message: &Message) -> Vec<u8> {
    let bytes = message.to_vec().unwrap();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
}

fn response(query: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
    answer.metadata.response_code = code;
    answer.add_queries(query.queries.clone());
    answer
}

fn address(last: u8) -> Record {
    Record::from_rdata(name(NAME), TTL, RData::A(A(Ipv4Addr::new(10, 1, 2, last))))
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

fn honest(query: &Message) -> Message {
    let mut answer = response(query, ResponseCode::NoError);
    if query.queries[0].query_type() == RecordType::A {
        answer.add_answer(address(1));
    } else {
        let ula = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
        answer.add_answer(Record::from_rdata(name(NAME), TTL, RData::AAAA(AAAA(ula))));
    }
    answer
}

fn addresses(answer: &DnsObservation) -> Vec<DnsAddress> {
    match &answer.reply.said {
        Some(DnsSaid::Addresses { addresses, .. }) => addresses.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_families_are_asked_for_over_both() {
    for at in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        for (record_type, expected) in [(AddressRecord::A, "10.1.2.1"), (AddressRecord::Aaaa, "fd00::1")] {
            let server = udp(at, |query| vec![honest(&query).to_vec().unwrap()]);
            let answer = ask_for(server, record_type, Duration::from_secs(2));
            let expected = DnsAddress { address: expected.parse().unwrap(), ttl_seconds: TTL };
            assert_eq!(addresses(&answer), [expected]);
            assert_eq!(answer.question, question(record_type));
            let observation = answer.observation;
            assert_eq!((observation.outcome, observation.retransmissions), (Outcome::Answered, 0));
            assert!(observation.rtt.is_some_and(|rtt| rtt < Duration::from_secs(1)), "{observation:?}");
            assert_eq!(observation.local.map(|local| local.ip()), Some(at));
            assert_eq!((answer.reply.transport, answer.reply.truncated), (DnsTransport::Udp, false));
        }
    }
}

#[test]
fn ids_and_ports_differ() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = saying(move |query| {
        sender.send(query.metadata.id).unwrap();
        honest(&query)
    });
    let ports: Vec<_> = (0..4).map(|_| ask(server).observation.local.unwrap().port()).collect();
    let mut ids: Vec<u16> = receiver.try_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    // Two of four alike happen once in ten thousand runs.
    assert!(ids.len() >= 3, "{ids:?}");
    assert!(ports.windows(2).any(|pair| pair[0] != pair[1]), "{ports:?}");
}

#[test]
fn a_closed_port_is_told_at_once() {
    for at in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let closed = UdpSocket::bind((at, 0)).unwrap().local_addr().unwrap();
        let start = Instant::now();
        let answer = ask_for(closed, AddressRecord::A, Duration::from_secs(5));
        assert_eq!(answer.observation.outcome, Outcome::Refused);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(answer.reply.said, None);
    }
}

#[test]
fn silence_is_broken_once_and_then_a_timeout() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = udp(Ipv4Addr::LOCALHOST, move |query| {
        sender.send(query.metadata.id).unwrap();
        Vec::new()
    });
    let answer = ask_for(server, AddressRecord::A, Duration::from_millis(400));
    assert_eq!((answer.observation.outcome, answer.observation.retransmissions), (Outcome::Timeout, 1));
    let waited = answer.observation.finished_at - answer.observation.sent_at;
    assert!(waited >= Duration::from_millis(400), "{waited:?}");
    let ids: Vec<u16> = receiver.try_iter().collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "the same question twice: {ids:?}");
}

#[test]
fn a_lost_datagram_costs_half_the_timeout_and_no_more() {
    let mut lost = true;
    let server = udp(Ipv4Addr::LOCALHOST, move |query| {
        let nothing = std::mem::take(&mut lost);
        if nothing { Vec::new() } else { vec![honest(&query).to_vec().unwrap()] }
    });
    let answer = ask_for(server, AddressRecord::A, Duration::from_secs(1));
    assert_eq!((answer.observation.outcome, answer.observation.retransmissions), (Outcome::Answered, 1));
    assert_eq!(answer.observation.rtt, None, "nobody knows which of the two was answered");
}

#[test]
fn each_code_is_told_apart() {
    for (code, said) in [
        (ResponseCode::ServFail, DnsSaid::Code { code: 2 }),
        (ResponseCode::Refused, DnsSaid::Code { code: 5 }),
        (ResponseCode::NXDomain, DnsSaid::NoSuchName),
        (ResponseCode::NoError, DnsSaid::NoAddress { aliases: Vec::new() }),
    ] {
        let answer = ask(saying(move |query| response(&query, code)));
        assert_eq!((answer.observation.outcome, answer.reply.said), (Outcome::DnsError, Some(said)));
        assert_eq!(answer.observation.outcome.word(), "dns_error");
        assert!(answer.observation.rtt.is_some() && !answer.observation.is_answer());
    }
}

#[test]
fn who_does_not_know_edns_is_asked_without() {
    let server =
        saying(
            |query| {
                if query.edns.is_some() { response(&query, ResponseCode::FormErr) } else { honest(&query) }
            },
        );
    assert_eq!(ask(server).observation.outcome, Outcome::Answered);
    let stubborn = saying(|query| response(&query, ResponseCode::FormErr));
    assert_eq!(ask(stubborn).reply.said, Some(DnsSaid::Code { code: 1 }));
}

#[test]
fn aliases_are_followed_and_loops_told() {
    let alias = |from: &str, to: &str| Record::from_rdata(name(from), TTL, RData::CNAME(CNAME(name(to))));
    let answer = ask(saying(move |query| {
        let mut answer = response(&query, ResponseCode::NoError);
        answer.add_answer(alias(NAME, "db.example"));
        answer.add_answer(Record::from_rdata(name("db.example"), 7, RData::A(A(Ipv4Addr::new(10, 1, 2, 9)))));
        answer
    }));
    assert_eq!(addresses(&answer), [DnsAddress { address: [10, 1, 2, 9].into(), ttl_seconds: 7 }]);
    let answer = ask(saying(move |query| {
        let mut answer = response(&query, ResponseCode::NoError);
        answer.add_answer(alias(NAME, "db.example"));
        answer.add_answer(alias("db.example", NAME));
        answer
    }));
    let aliases = vec!["db.example".to_string(), NAME.to_string()];
    assert_eq!(answer.reply.said, Some(DnsSaid::AliasLoop { aliases }));
}

#[test]
fn garbage_is_told_as_garbage() {
    let noise = |id: u16| [&id.to_be_bytes()[..], &[0xd7; 90]].concat();
    let answer = ask(udp(Ipv4Addr::LOCALHOST, move |query| vec![noise(query.metadata.id)]));
    assert_eq!((answer.reply.said, answer.reply.length), (Some(DnsSaid::Malformed), 92));
    let answer = ask(udp(Ipv4Addr::LOCALHOST, |query| {
        let mut bytes = honest(&query).to_vec().unwrap();
        bytes.truncate(bytes.len() - 6);
        vec![bytes]
    }));
    assert_eq!(answer.reply.said, Some(DnsSaid::CutShort));
}

#[test]
fn answers_to_others_are_counted_and_passed_over() {
    let answer = ask(udp(Ipv4Addr::LOCALHOST, |query| {
        let mut other_id = honest(&query);
        other_id.metadata.id ^= 0x0f0f;
        let mut other_question = honest(&query);
        other_question.queries[0].set_name(name("evil.example"));
        let noise = vec![0x55; 40];
        let all = [other_id, other_question, honest(&query)].map(|message| message.to_vec().unwrap());
        std::iter::once(noise).chain(all).collect()
    }));
    assert_eq!((answer.observation.outcome, answer.reply.ignored), (Outcome::Answered, 3));
    let server = saying(|query| {
        let mut other = honest(&query);
        other.metadata.id ^= 1;
        other
    });
    let answer = ask_for(server, AddressRecord::A, Duration::from_millis(300));
    assert_eq!((answer.observation.outcome, answer.reply.ignored), (Outcome::Timeout, 2));
}

#[test]
fn an_answer_from_elsewhere_does_not_count() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        // The right port of another address, and another port of the right one.
        let spoofers = [
            UdpSocket::bind(("127.0.0.2", address.port())).unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        ];
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            let answer = honest(&Message::from_vec(&buffer[..length]).unwrap()).to_vec().unwrap();
            for spoofer in &spoofers {
                spoofer.send_to(&answer, from).unwrap();
            }
        }
    });
    let answer = ask_for(address, AddressRecord::A, Duration::from_millis(300));
    assert_eq!((answer.observation.outcome, answer.reply.said), (Outcome::Timeout, None));
}

#[test]
fn an_answer_that_is_cut_is_fetched_by_tcp() {
    let answer = ask(by_tcp(|query| {
        let mut answer = honest(&query);
        answer.add_answers((2..200).map(address));
        with_length(&answer)
    }));
    assert!(matches!(answer.reply.said, Some(DnsSaid::Addresses { count: 199, .. })), "{:?}", answer.reply);
    assert_eq!((answer.reply.transport, answer.reply.truncated), (DnsTransport::Tcp, true));
    assert_eq!((answer.observation.outcome, answer.observation.rtt), (Outcome::Answered, None));
}

#[test]
fn what_fails_by_tcp_is_told_apart() {
    let truncated = || {
        saying(|query| {
            let mut answer = response(&query, ResponseCode::NoError);
            answer.metadata.truncation = true;
            answer
        })
    };
    let refused = ask(truncated());
    assert_eq!((refused.observation.outcome, refused.reply.said), (Outcome::Refused, None));
    assert_eq!((refused.reply.transport, refused.reply.truncated), (DnsTransport::Tcp, true));

    let short = ask(by_tcp(|query| {
        let whole = with_length(&honest(&query));
        whole[..whole.len() - 5].to_vec()
    }));
    assert_eq!(short.reply.said, Some(DnsSaid::CutShort));
    let garbage = ask(by_tcp(|_| vec![0, 30].into_iter().chain([0xaa; 30]).collect()));
    assert_eq!(garbage.reply.said, Some(DnsSaid::Malformed));
    let nothing = ask(by_tcp(|_| Vec::new()));
    assert_eq!((nothing.reply.said, nothing.reply.length), (Some(DnsSaid::CutShort), 0));

    // A listener that takes no connection: all of it ends with the timeout.
    let (deaf, _held) = deaf_listener();
    let server = UdpSocket::bind(deaf).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let mut answer = response(&query, ResponseCode::NoError);
            answer.metadata.truncation = true;
            server.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    let silent = ask_for(deaf, AddressRecord::A, Duration::from_millis(400));
    assert_eq!((silent.observation.outcome, silent.reply.truncated), (Outcome::Timeout, true));
}

#[test]
fn neither_a_drip_nor_a_flood_outlasts_the_timeout() {
    let drip = saying(|query| {
        let mut answer = response(&query, ResponseCode::NoError);
        answer.metadata.truncation = true;
        answer
    });
    let listener = TcpListener::bind(drip).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(&[1]).is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let flood = UdpSocket::bind("127.0.0.1:0").unwrap();
    let flooding = flood.local_addr().unwrap();
    thread::spawn(move || {
        let (_, from) = flood.recv_from(&mut [0; 512]).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let _ = flood.send_to(&[0x55; 64], from);
        }
    });
    for server in [drip, flooding] {
        let answer = ask_for(server, AddressRecord::A, Duration::from_millis(400));
        assert_eq!((answer.observation.outcome, answer.reply.said), (Outcome::Timeout, None));
    }
}

#[test]
fn a_datagram_of_any_size_is_read() {
    let server = udp(Ipv4Addr::LOCALHOST, |query| {
        let mut bytes = honest(&query).to_vec().unwrap();
        // 3,000 records of 16 bytes, whose names point to the question's.
        let record = |number: u16| {
            let [high, low] = number.to_be_bytes();
            [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 9, high, low]
        };
        bytes.extend((0..3000).flat_map(record));
        bytes[6..8].copy_from_slice(&3001_u16.to_be_bytes());
        vec![bytes]
    });
    let answer = ask(server);
    assert!(matches!(answer.reply.said, Some(DnsSaid::Addresses { count: 3001, .. })), "{:?}", answer.reply);
    assert!(answer.reply.length > 48_000);
}

#[test]
fn what_cannot_be_asked_is_an_error_of_this_host() {
    let mut driver = Driver::new();
    let request = ProbeRequest { id: ProbeId(1), ..to(SocketAddr::from(([127, 0, 0, 1], 53))) };
    let no_name = DnsQuestion { name: "a..b".to_string(), record_type: AddressRecord::A };
    assert!(driver.engine.ask(driver.start.elapsed(), request, no_name));
    driver.run_until(|driver| !driver.observations.is_empty());
    let refusal = LocalRefusal::Unsupported;
    assert!(
        matches!(driver.observations[0].outcome, Outcome::LocalError { refusal: found, .. } if found == refusal)
    );
    assert!(driver.engine.answer(&driver.observations[0]).is_some());
}

#[test]
fn tcp_counts_towards_the_cap_of_a_host() {
    let server = by_tcp(|query| with_length(&honest(&query)));
    let mut driver = Driver::with(ProbeEngine::new().unwrap());
    for id in 0..6 {
        let request = ProbeRequest { id: ProbeId(id), ..to(server) };
        assert!(driver.engine.ask(driver.start.elapsed(), request, question(AddressRecord::A)));
    }
    driver.run_until(|driver| driver.observations.len() == 6);
    let mut sent: Vec<Duration> = driver.observations.iter().map(|one| one.sent_at).collect();
    sent.sort_unstable();
    assert!(driver.observations.iter().all(|one| one.outcome == Outcome::Answered));
    // The five connections of the first five came a moment after their datagrams, and the window with them.
    assert!(sent[5] - sent[4] > BURST_WINDOW, "{sent:?}");
    assert_eq!(driver.engine.unfinished(), 0);
}
