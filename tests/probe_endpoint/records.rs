//! What the records of a DNS server's answer have, beside blackbox_exporter.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use hickory_proto::op::{Edns, Message, MessageType, OpCode};
use hickory_proto::rr::rdata::{A, NS, SOA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::both::Both;
use super::daemon::free_port;
use super::secured::Secured;
use super::servers::{Authority, shown};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// Two addresses, an authority and an address of it, and what else is asked for; nothing of `none.example`.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    let owner = query.name().clone();
    let record = |data| Record::from_rdata(owner.clone(), 300, data);
    answer.add_query(query.clone());
    match (query.query_type(), query.query_class()) {
        _ if owner == name("none.example.") => {}
        (RecordType::TXT, DNSClass::CH) => {
            let mut one = record(RData::TXT(TXT::new(vec!["9.18 \"a\"".to_string()])));
            one.dns_class = DNSClass::CH;
            answer.add_answers([one]);
        }
        (RecordType::SOA, DNSClass::IN) => {
            let soa = SOA::new(name("ns.example."), name("who.example."), 42, 1, 2, 3, 4);
            answer.add_answers([record(RData::SOA(soa))]);
        }
        (RecordType::A, DNSClass::IN) => {
            answer
                .add_answers([record(RData::A(A::new(10, 0, 0, 1))), record(RData::A(A::new(10, 0, 0, 2)))]);
            answer.add_authorities([record(RData::NS(NS(name("ns.example."))))]);
            answer.add_additionals([Record::from_rdata(
                name("ns.example."),
                300,
                RData::A(A::new(10, 0, 0, 53)),
            )]);
            answer.set_edns(Edns::new());
        }
        _ => {}
    }
    answer.to_vec().ok()
}

/// A server at one port, by UDP and by TCP.
fn server() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            _ = answer(&buffer[..length]).map(|answer| udp.send_to(&answer, from));
        }
    });
    thread::spawn(move || tcp.incoming().flatten().for_each(|mut stream| serve(&mut stream)));
    address
}

fn serve(stream: &mut (impl Read + Write + ?Sized)) {
    let mut length = [0; 2];
    if stream.read_exact(&mut length).is_err() {
        return;
    }
    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
    if stream.read_exact(&mut question).is_ok()
        && let Some(answer) = answer(&question)
    {
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        _ = stream.write_all(&[&length[..], &answer].concat());
        _ = stream.flush();
    }
}

/// A section, what is expected of it, of which name, and how that ends.
const CASES: &[(&str, &str, &str, f64)] = &[
    ("answer", r"fail_if_matches_regexp: ['10\.0\.0\.3', nope]", "db", 1.0),
    ("answer", r"fail_if_matches_regexp: [nope, '10\.0\.0\.2$']", "db", 0.0),
    ("answer", r"fail_if_matches_regexp: ['^db\.example\.\t300\tIN\tA\t10\.0\.0\.1$']", "db", 0.0),
    ("answer", r"fail_if_not_matches_regexp: ['10\.0\.0\.[12]', '\t']", "db", 1.0),
    ("answer", r"fail_if_not_matches_regexp: ['10\.0\.0\.1']", "db", 0.0),
    ("answer", r"fail_if_not_matches_regexp: ['.']", "none", 0.0),
    ("answer", r"fail_if_none_matches_regexp: [nope, '10\.0\.0\.2']", "db", 1.0),
    ("answer", r"fail_if_none_matches_regexp: [nope]", "db", 0.0),
    ("answer", r"fail_if_none_matches_regexp: ['.']", "none", 0.0),
    ("answer", r"fail_if_all_match_regexp: ['10\.0\.0\.']", "db", 1.0),
    ("answer", r"fail_if_all_match_regexp: ['10\.0\.0\.1']", "db", 0.0),
    ("answer", r"fail_if_all_match_regexp: ['.', nope]", "db", 0.0),
    ("answer", r"fail_if_all_match_regexp: ['.']", "none", 1.0),
    ("answer", r"fail_if_matches_regexp: ['.'], fail_if_all_match_regexp: ['.']", "none", 1.0),
    ("authority", r"fail_if_not_matches_regexp: ['^db\.example\.\t300\tIN\tNS\tns\.example\.$']", "db", 1.0),
    ("authority", r"fail_if_matches_regexp: [ns]", "db", 0.0),
    ("additional", r"fail_if_none_matches_regexp: ['10\.0\.0\.53']", "db", 1.0),
    ("additional", r"fail_if_none_matches_regexp: ['10\.0\.0\.54']", "db", 0.0),
    ("additional", r"fail_if_not_matches_regexp: ['10\.0\.0\.53']", "db", 0.0),
    ("additional", r"fail_if_matches_regexp: ['EDNS: version 0; flags: ; udp: ']", "db", 0.0),
];

const OTHERS: &str = r#"
  version: {prober: dns, dns: {query_name: version.bind, query_type: TXT, query_class: CH, validate_answer_rrs: {fail_if_not_matches_regexp: ['\tCH\tTXT\t"9\.18 \\"a\\""$']}}}
  version_in: {prober: dns, dns: {query_name: version.bind, query_type: TXT, validate_answer_rrs: {fail_if_not_matches_regexp: ['9']}}}
  serial: {prober: dns, dns: {query_name: example, query_type: SOA, validate_answer_rrs: {fail_if_not_matches_regexp: ['SOA\tns\.example\. who\.example\. 42 1 2 3 4$']}}}
  no_serial: {prober: dns, dns: {query_name: none.example, query_type: SOA}}
  tcp: {prober: dns, dns: {transport_protocol: tcp, query_name: db.example, query_type: A}}
  rcode: {prober: dns, dns: {query_name: db.example, query_type: A, valid_rcodes: [REFUSED], validate_answer_rrs: {fail_if_not_matches_regexp: ['.']}}}
  tls: {prober: dns, dns: {dns_over_tls: true, transport_protocol: tcp, query_name: db.example, query_type: A, tls_config: {ca_file: CA, server_name: db.example}, validate_answer_rrs: {fail_if_none_matches_regexp: ['10\.0\.0\.2']}}}
  tls_by_address: {prober: dns, dns: {dns_over_tls: true, transport_protocol: tcp, query_name: db.example, query_type: A, tls_config: {ca_file: CA}}}
  tls_any: {prober: dns, dns: {dns_over_tls: true, transport_protocol: tcp, query_name: db.example, query_type: A, tls_config: {insecure_skip_verify: true}}}
  tls_udp: {prober: dns, dns: {dns_over_tls: true, query_name: db.example, query_type: A, tls_config: {insecure_skip_verify: true}}}
"#;

#[test]
fn records_are_judged_as_blackbox_exporter_judges_them() {
    if !Both::can_be() {
        return;
    }
    let authority = Authority::named("records-authority");
    let certificate = authority.certificate("dns", "DNS:db.example", 3);
    let mut modules = "modules:".to_string();
    for (index, (section, wanted, owner, _)) in CASES.iter().enumerate() {
        modules += &format!(
            "\n  case_{index}: {{prober: dns, dns: {{query_name: {owner}.example, query_type: A, validate_{section}_rrs: {{{wanted}}}}}}}"
        );
    }
    modules += &OTHERS.replace("CA", shown(&authority.root()));
    let both = Both::with(&modules);
    let at = server().to_string();
    for (index, (section, wanted, owner, expected)) in CASES.iter().enumerate() {
        println!("{section} {wanted} {owner}");
        both.agree(&format!("case_{index}"), &at, *expected);
    }
    let secured = Secured { certificate: &certificate, clients: None, has_old_alone: false };
    let secured = secured.serve(|stream| serve(stream)).to_string();
    let closed = format!("127.0.0.1:{}", free_port());
    for (module, target, expected) in [
        ("version", &at, 1.0),
        ("version_in", &at, 0.0),
        ("serial", &at, 1.0),
        ("no_serial", &at, 1.0),
        ("no_serial", &closed, 0.0),
        ("tcp", &at, 1.0),
        ("rcode", &at, 0.0),
        ("tls", &secured, 1.0),
        ("tls", &at, 0.0),
        ("tls", &closed, 0.0),
        ("tls_by_address", &secured, 0.0),
        ("tls_any", &secured, 1.0),
        ("tls_udp", &secured, 0.0),
    ] {
        both.agree(module, target, expected);
    }
}
