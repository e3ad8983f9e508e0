//! A question to a DNS server. (What paths are asked by goes through the engine, which knows addresses alone; here any type
//! of record may be asked for.)

mod records;

use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::str::FromStr;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use super::page::Page;
use super::reach::{Allowed, Entrance};
use super::wire::Wire;
use super::{Probe, Stopped};

/// DNS's port.
const PORT: u16 = 53;
/// The one of DNS over TLS (RFC 7858).
const SECURED_PORT: u16 = 853;
const PHASES: &str = "How long each part of the question took.";

/// Asks `HOST[:PORT]`.
pub(super) fn ask(probe: &mut Probe<'_>, target: &str) -> Result<(), Stopped> {
    let module = &probe.module.dns;
    for phase in ["resolve", "connect", "request"] {
        took(probe, phase, Duration::ZERO);
    }
    for (name, help, _) in counted(None) {
        probe.page.put(name, help, 0.0);
    }
    let name = module.query_name.as_deref().and_then(|name| Name::from_ascii(name).ok());
    let kind = module.query_type.as_deref().unwrap_or("ANY");
    let class = module.query_class.as_deref().map_or(Ok(DNSClass::IN), DNSClass::from_str);
    let (Some(mut name), Ok(kind), Ok(class)) = (name, RecordType::from_str(kind), class) else {
        return probe.fail("expected a module with query_name, and query_type as RFC 1035 writes it");
    };
    name.set_fqdn(true);
    let port = if module.dns_over_tls { SECURED_PORT } else { PORT };
    let (host, port) = super::tcp::host_and_port(target).unwrap_or((target.trim_matches(['[', ']']), port));
    let begun = Instant::now();
    let address = probe.resolve(host, Some(port), module.addresses())?;
    took(probe, "resolve", begun.elapsed());
    let by_tcp = module.transport_protocol.as_deref() == Some("tcp");
    if module.dns_over_tls && !by_tcp {
        return probe.fail("expected transport_protocol: tcp beside dns_over_tls");
    }
    let entrance = by_tcp.then(|| probe.enter(host, address, port)).transpose()?;
    let mut asked = Query::query(name, kind);
    asked.set_query_class(class);
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = module.recursion_desired;
    message.add_query(asked.clone());
    let id = message.metadata.id;
    let Ok(bytes) = message.to_vec() else { return probe.fail("the question cannot be written") };
    let is_answer = |bytes: &[u8]| {
        let answer = Message::from_vec(bytes).ok()?;
        let is_own = answer.metadata.message_type == MessageType::Response
            && answer.metadata.id == id
            && answer.queries.first().is_none_or(|known| *known == asked);
        is_own.then_some(answer)
    };
    let exchanged = match entrance {
        Some(entrance) => tcp(probe, entrance, host, &bytes),
        None => {
            probe.wait(address)?;
            udp(probe, address, port, &bytes, is_answer)
        }
    };
    let answer = match exchanged {
        Ok(answer) => is_answer(&answer),
        Err(error) => return probe.fail(&format!("asking: {error}")),
    };
    let Some(answer) = answer else { return probe.fail("the answer is to another question") };
    for (name, help, value) in counted(Some(&answer)) {
        probe.page.put(name, help, value);
    }
    if kind == RecordType::SOA {
        let serial = answer.answers.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        });
        let serial = serial.map_or(0.0, f64::from);
        probe.page.put("probe_dns_serial", "The serial number of the zone.", serial);
    }
    let code = u16::from(answer.metadata.response_code);
    let is_code =
        |name: &str| CODES.iter().any(|(known, number)| known.eq_ignore_ascii_case(name) && *number == code);
    let is_valid = match module.valid_rcodes.as_slice() {
        [] => code == 0,
        codes => codes.iter().any(|name| is_code(name)),
    };
    if !is_valid {
        return probe.fail(&format!("the code {code} is not one that is well"));
    }
    match records::fault(module, &answer) {
        Some(fault) => probe.fail(&fault),
        None => Ok(()),
    }
}

/// Codes by their names (RFC 1035, section 4.1.1; RFC 2136, section 2.2).
const CODES: [(&str, u16); 11] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
];

#[expect(clippy::cast_precision_loss, reason = "a message has no more than 65535 records")]
fn counted(answer: Option<&Message>) -> [(&'static str, &'static str, f64); 4] {
    let count = |records: fn(&Message) -> usize| answer.map_or(0, records) as f64;
    [
        ("probe_dns_answer_rrs", "How many records the answer has.", count(|answer| answer.answers.len())),
        (
            "probe_dns_authority_rrs",
            "How many of authority it has.",
            count(|answer| answer.authorities.len()),
        ),
        (
            "probe_dns_additional_rrs",
            "How many beside them it has.",
            count(|answer| answer.additionals.len() + usize::from(answer.edns.is_some())),
        ),
        (
            "probe_dns_query_succeeded",
            "1 where an answer came, else 0.",
            f64::from(u8::from(answer.is_some())),
        ),
    ]
}

fn took(probe: &mut Probe<'_>, phase: &str, time: Duration) {
    let labels = vec![("phase", phase.to_string())];
    probe.page.with("probe_dns_duration_seconds", PHASES, labels, time.as_secs_f64());
}

fn udp(
    probe: &mut Probe<'_>,
    to: Allowed,
    port: u16,
    question: &[u8],
    is_answer: impl Fn(&[u8]) -> Option<Message>,
) -> io::Result<Vec<u8>> {
    let begun = Instant::now();
    let any = if to.address().is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let source = probe.module.dns.addresses().from.map(|from| (from, 0).into());
    let socket = UdpSocket::bind(
        source.map_or_else(|| any.parse().map_err(io::Error::other), Ok::<std::net::SocketAddr, _>)?,
    )?;
    socket.connect(to.with_port(port))?;
    took(probe, "connect", begun.elapsed());
    let begun = Instant::now();
    socket.send(question)?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let answer = loop {
        let left = probe.reach.left();
        if left.is_zero() {
            break Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut buffer) {
            Ok(length) if is_answer(&buffer[..length]).is_some() => break Ok(buffer[..length].to_vec()),
            // Somebody else's, or nobody's.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => break Err(error),
        }
    };
    took(probe, "request", begun.elapsed());
    answer
}

fn tcp(probe: &mut Probe<'_>, to: Entrance, host: &str, question: &[u8]) -> io::Result<Vec<u8>> {
    let begun = Instant::now();
    let module = &probe.module.dns;
    let source = module.addresses().from;
    let mut wire = Wire::connect(to, source, probe.reach.deadline())?;
    if module.dns_over_tls {
        // What it shows is not among the metrics of such a question.
        wire = wire.secure(host, &module.tls_config, &mut Page::default())?;
    }
    took(probe, "connect", begun.elapsed());
    let begun = Instant::now();
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    wire.write_all(&[&length.to_be_bytes(), question].concat())?;
    wire.flush()?;
    let mut length = [0; 2];
    wire.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    wire.read_exact(&mut answer)?;
    took(probe, "request", begun.elapsed());
    wire.end();
    Ok(answer)
}
