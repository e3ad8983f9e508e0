//! DNS messages, written and read.
//!
//! What a server sends is outside data of the worst kind: it may be random, loop, or contradict itself.
//! So reading is a pure function of the bytes and the question, and whatever it finds has a word of its own.

use std::collections::HashSet;
use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Asked, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use peerscope_vocabulary::{ADDRESSES_KEPT, AddressRecord, DnsAddress, DnsQuestion, DnsSaid};

/// The longest answer by UDP that is asked for: what passes every path in one piece (RFC 9715, section 3.1:
/// 1400 where that is known to pass, else 1232, which is IPv6's least MTU less its headers).
const UDP_PAYLOAD: u16 = 1232;

/// So many aliases of aliases are followed. Resolvers differ; none goes beyond this.
const ALIASES_FOLLOWED: usize = 16;

/// The bytes before the question (RFC 1035, section 4.1.1).
const HEADER: usize = 12;

/// TC, in the third byte of the header.
const TRUNCATED: u8 = 0x02;

/// One question, and the bytes that ask it.
#[derive(Debug)]
pub(super) struct Query {
    id: u16,
    asked: Asked,
    bytes: Vec<u8>,
    has_edns: bool,
}

/// What a message is to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// No answer to it: another's id, another question, no answer at all.
    Another,
    /// An answer that did not fit: it is to be had by TCP.
    Cut,
    /// An answer.
    Said(DnsSaid),
}

impl Query {
    /// A question, asked recursively and with EDNS; none where the name is no name.
    pub(super) fn new(id: u16, question: &DnsQuestion) -> Option<Self> {
        let mut name = Name::from_ascii(&question.name).ok()?;
        name.set_fqdn(true);
        let record_type = match question.record_type {
            AddressRecord::A => RecordType::A,
            AddressRecord::Aaaa => RecordType::AAAA,
        };
        let asked = Asked::query(name, record_type);
        let bytes = write(id, &asked, true)?;
        Some(Self { id, asked, bytes, has_edns: true })
    }

    /// The message.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Asks without EDNS from now on; whether that makes a difference.
    pub(super) fn drop_edns(&mut self) -> bool {
        let had = std::mem::replace(&mut self.has_edns, false);
        match write(self.id, &self.asked, false) {
            Some(bytes) if had => {
                self.bytes = bytes;
                true
            }
            _ => false,
        }
    }

    /// What `bytes` are to this question.
    pub(super) fn read(&self, bytes: &[u8]) -> Heard {
        let Some(header) = bytes.get(..HEADER) else {
            // Too short to say whose answer it is. The id is all that can be looked at.
            return match bytes.get(..2) {
                Some(id) if id == self.id.to_be_bytes() => Heard::Said(DnsSaid::CutShort),
                _ => Heard::Another,
            };
        };
        if header.get(..2) != Some(&self.id.to_be_bytes()[..]) {
            return Heard::Another;
        }
        let is_cut = header.get(2).is_some_and(|flags| flags & TRUNCATED != 0);
        let message = match Message::from_vec(bytes) {
            Ok(message) => message,
            // What was cut may end anywhere.
            Err(_) if is_cut && self.is_repeated_by(bytes) => return Heard::Cut,
            Err(_) if self.is_repeated_by(bytes) && is_incomplete(bytes) => {
                return Heard::Said(DnsSaid::CutShort);
            }
            Err(_) => return Heard::Said(DnsSaid::Malformed),
        };
        let metadata = &message.metadata;
        if metadata.message_type != MessageType::Response || metadata.op_code != OpCode::Query {
            return Heard::Another;
        }
        let code = u16::from(metadata.response_code);
        match message.queries.as_slice() {
            [asked] if *asked == self.asked => {}
            // A server that could not read the question cannot repeat it.
            [] if code != 0 => return Heard::Said(DnsSaid::Code { code }),
            _ => return Heard::Another,
        }
        if metadata.truncation {
            return Heard::Cut;
        }
        Heard::Said(match metadata.response_code {
            ResponseCode::NoError => self.found(&message),
            ResponseCode::NXDomain => DnsSaid::NoSuchName,
            _ => DnsSaid::Code { code },
        })
    }

    /// Whether a message that cannot be read as a whole begins with this question.
    fn is_repeated_by(&self, bytes: &[u8]) -> bool {
        let Some(question) = question_of(&self.bytes) else { return false };
        let repeated = bytes.get(HEADER..HEADER + question.len());
        bytes.get(4..6) == Some(&[0, 1])
            && repeated.is_some_and(|repeated| repeated.eq_ignore_ascii_case(question))
    }

    /// Follows the aliases of an answer without an error to its addresses. Records are taken by their
    /// names, whatever their order.
    fn found(&self, message: &Message) -> DnsSaid {
        let mut aliases: Vec<String> = Vec::new();
        let mut name = self.asked.name().clone();
        let mut seen = HashSet::from([name.to_lowercase()]);
        while let Some(target) = alias_of(&name, &message.answers) {
            aliases.push(shown(target));
            if !seen.insert(target.to_lowercase()) {
                return DnsSaid::AliasLoop { aliases };
            }
            if aliases.len() > ALIASES_FOLLOWED {
                let followed = u32::try_from(ALIASES_FOLLOWED).unwrap_or(u32::MAX);
                return DnsSaid::AliasChain { followed };
            }
            name = target.clone();
        }
        let mut known = HashSet::new();
        let mut addresses: Vec<DnsAddress> = Vec::new();
        for record in message.answers.iter().filter(|record| record.name == name) {
            let Some(address) = self.address(record).filter(|address| known.insert(*address)) else {
                continue;
            };
            if addresses.len() < ADDRESSES_KEPT {
                addresses.push(DnsAddress { address, ttl_seconds: record.ttl });
            }
        }
        if !addresses.is_empty() {
            return DnsSaid::Addresses {
                addresses,
                count: u32::try_from(known.len()).unwrap_or(u32::MAX),
                aliases,
            };
        }
        let holds = |wanted| message.authorities.iter().any(|record| record.record_type() == wanted);
        let refers = holds(RecordType::NS) && !holds(RecordType::SOA);
        if message.answers.is_empty() && refers && !message.metadata.authoritative {
            return DnsSaid::Referral;
        }
        DnsSaid::NoAddress { aliases }
    }

    /// The address of a record of the type that was asked for.
    fn address(&self, record: &Record) -> Option<IpAddr> {
        if record.dns_class != DNSClass::IN || record.record_type() != self.asked.query_type() {
            return None;
        }
        match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        }
    }
}

fn write(id: u16, asked: &Asked, with_edns: bool) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(asked.clone());
    if with_edns {
        let mut edns = Edns::new();
        edns.set_version(0).set_max_payload(UDP_PAYLOAD);
        message.set_edns(edns);
    }
    message.to_vec().ok()
}

/// Name, type and class of the question of a message that we wrote: nothing in it is compressed.
fn question_of(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(HEADER..after_name(bytes, HEADER)? + 4)
}

/// Whether a message with one question ends before the records that its header counts do.
fn is_incomplete(bytes: &[u8]) -> bool {
    let number = |at: usize| {
        let [high, low] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes([high, low])))
    };
    let after_record = |at: usize| {
        let fixed = after_name(bytes, at)?;
        let end = fixed + 10 + number(fixed + 8)?;
        (end <= bytes.len()).then_some(end)
    };
    let whole = || {
        let records: usize = [6, 8, 10].into_iter().map(number).sum::<Option<usize>>()?;
        let begin = after_name(bytes, HEADER)? + 4;
        (0..records).try_fold(begin, |at, _| after_record(at))
    };
    whole().is_none()
}

/// Where a name ends that begins at `at`: with the root, or with a pointer.
fn after_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            pointer if pointer >= 0xc0 => return Some(at + 2),
            label => at += 1 + label,
        }
    }
}

fn alias_of<'a>(name: &Name, answers: &'a [Record]) -> Option<&'a Name> {
    answers.iter().filter(|record| record.name == *name && record.dns_class == DNSClass::IN).find_map(
        |record| match &record.data {
            RData::CNAME(target) => Some(&target.0),
            _ => None,
        },
    )
}

/// A name as people write it: without the dot at its end, and what is not ASCII escaped.
fn shown(name: &Name) -> String {
    let text = name.to_ascii();
    match text.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_string(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS};
    use proptest::prelude::*;

    use super::*;

    const ID: u16 = 0xabcd;

    fn query(record_type: AddressRecord) -> Query {
        Query::new(ID, &DnsQuestion { name: "DB.internal".to_string(), record_type }).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::from_ascii(format!("{text}.")).unwrap()
    }

    fn alias(from: &str, to: &str) -> Record {
        Record::from_rdata(name(from), 5, RData::CNAME(CNAME(name(to))))
    }

    fn address(of: &str, last: u8) -> Record {
        Record::from_rdata(name(of), 60, RData::A(A(Ipv4Addr::new(10, 1, 2, last))))
    }

    fn reply(answers: Vec<Record>) -> Message {
        let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
        message.add_query(Asked::query(name("db.internal"), RecordType::A));
        message.add_answers(answers);
        message
    }

    fn heard(message: &Message) -> Heard {
        query(AddressRecord::A).read(&message.to_vec().unwrap())
    }

    fn kept(last: u8) -> DnsAddress {
        DnsAddress { address: IpAddr::from([10, 1, 2, last]), ttl_seconds: 60 }
    }

    #[test]
    fn a_question_is_recursive_has_edns_and_passes_every_path() {
        let mut query = query(AddressRecord::Aaaa);
        let written = Message::from_vec(query.bytes()).unwrap();
        assert!(written.metadata.recursion_desired);
        assert_eq!(written.metadata.id, ID);
        assert_eq!(written.edns.unwrap().max_payload(), 1232);
        assert_eq!(written.queries, [Asked::query(name("db.internal"), RecordType::AAAA)]);
        assert!(query.drop_edns() && !query.drop_edns());
        assert!(Message::from_vec(query.bytes()).unwrap().edns.is_none());
        let question = |name: &str| DnsQuestion { name: name.to_string(), record_type: AddressRecord::A };
        for name in ["x".repeat(64), vec!["x".repeat(60); 5].join("."), "a..b".to_string()] {
            assert!(Query::new(1, &question(&name)).is_none(), "{name}");
        }
    }

    #[test]
    fn addresses_are_found_behind_aliases_in_any_order() {
        let answers = vec![
            address("rds.example", 2),
            alias("DB.internal", "cname.internal"),
            address("rds.example", 1),
            alias("cname.INTERNAL", "rds.example"),
            address("rds.example", 2),
            address("unrelated.example", 9),
        ];
        assert_eq!(
            heard(&reply(answers)),
            Heard::Said(DnsSaid::Addresses {
                addresses: vec![kept(2), kept(1)],
                count: 2,
                aliases: vec!["cname.internal".to_string(), "rds.example".to_string()],
            })
        );
    }

    #[test]
    fn of_a_huge_answer_the_first_are_kept_and_all_are_counted() {
        let many = (0..1500_u32).map(|number| {
            Record::from_rdata(name("db.internal"), 5, RData::A(A(Ipv4Addr::from_bits(0x0a00_0000 + number))))
        });
        let said = heard(&reply(many.collect()));
        let Heard::Said(DnsSaid::Addresses { addresses, count, .. }) = said else { panic!("{said:?}") };
        assert_eq!((addresses.len(), count), (ADDRESSES_KEPT, 1500));
    }

    #[test]
    fn aliases_that_loop_or_never_end_are_told() {
        let looping = vec![alias("db.internal", "a.internal"), alias("a.internal", "DB.internal")];
        let said = heard(&reply(looping));
        assert!(
            matches!(&said, Heard::Said(DnsSaid::AliasLoop { aliases }) if aliases.len() == 2),
            "{said:?}"
        );
        let own = heard(&reply(vec![alias("db.internal", "db.internal")]));
        assert!(matches!(own, Heard::Said(DnsSaid::AliasLoop { .. })), "{own:?}");
        let chain = |length: u32| {
            let named = |number: u32| match number {
                0 => "db.internal".to_string(),
                number => format!("a{number}.internal"),
            };
            let mut records: Vec<Record> =
                (0..length).map(|number| alias(&named(number), &named(number + 1))).collect();
            records.push(address(&named(length), 1));
            heard(&reply(records))
        };
        assert!(matches!(chain(16), Heard::Said(DnsSaid::Addresses { .. })), "{:?}", chain(16));
        assert_eq!(chain(17), Heard::Said(DnsSaid::AliasChain { followed: 16 }));
    }

    #[test]
    fn each_way_to_have_no_address_is_told_apart() {
        assert_eq!(heard(&reply(Vec::new())), Heard::Said(DnsSaid::NoAddress { aliases: Vec::new() }));
        let elsewhere = reply(vec![alias("db.internal", "gone.example")]);
        let aliases = vec!["gone.example".to_string()];
        assert_eq!(heard(&elsewhere), Heard::Said(DnsSaid::NoAddress { aliases }));
        let mut other_kind = reply(Vec::new());
        other_kind.add_answer(Record::from_rdata(
            name("db.internal"),
            5,
            RData::AAAA(AAAA("fd00::1".parse().unwrap())),
        ));
        assert_eq!(heard(&other_kind), Heard::Said(DnsSaid::NoAddress { aliases: Vec::new() }));
        let mut referral = reply(Vec::new());
        referral.add_authority(Record::from_rdata(name("internal"), 5, RData::NS(NS(name("ns.internal")))));
        assert_eq!(heard(&referral), Heard::Said(DnsSaid::Referral));
        for (code, said) in [
            (ResponseCode::NXDomain, DnsSaid::NoSuchName),
            (ResponseCode::ServFail, DnsSaid::Code { code: 2 }),
            (ResponseCode::Refused, DnsSaid::Code { code: 5 }),
        ] {
            let mut message = reply(Vec::new());
            message.metadata.response_code = code;
            assert_eq!(heard(&message), Heard::Said(said));
        }
    }

    #[test]
    fn answers_to_other_questions_are_none() {
        let good = || reply(vec![address("db.internal", 1)]);
        let mut other_id = good();
        other_id.metadata.id = ID ^ 1;
        let mut a_query = good();
        a_query.metadata.message_type = MessageType::Query;
        let mut other_name = good();
        other_name.queries = vec![Asked::query(name("evil.example"), RecordType::A)];
        let mut other_type = good();
        other_type.queries = vec![Asked::query(name("db.internal"), RecordType::AAAA)];
        let mut none = good();
        none.queries.clear();
        for message in [other_id, a_query, other_name, other_type, none] {
            assert_eq!(heard(&message), Heard::Another, "{message}");
        }
        // Who could not read the question cannot repeat it.
        let mut unread = reply(Vec::new());
        unread.queries.clear();
        unread.metadata.response_code = ResponseCode::FormErr;
        assert_eq!(heard(&unread), Heard::Said(DnsSaid::Code { code: 1 }));
    }

    #[test]
    fn cut_answers_are_told_from_broken_ones() {
        let mut cut = reply(vec![address("db.internal", 1), address("db.internal", 2)]);
        let whole = cut.to_vec().unwrap();
        cut.metadata.truncation = true;
        let with_sign = cut.to_vec().unwrap();
        let query = query(AddressRecord::A);
        assert_eq!(query.read(&with_sign), Heard::Cut);
        let question = question_of(query.bytes()).unwrap().len();
        for length in HEADER + question..whole.len() {
            assert_eq!(query.read(&with_sign[..length]), Heard::Cut, "{length}");
            assert_eq!(query.read(&whole[..length]), Heard::Said(DnsSaid::CutShort), "{length}");
        }
        for length in 2..HEADER {
            assert_eq!(query.read(&whole[..length]), Heard::Said(DnsSaid::CutShort), "{length}");
        }
        assert_eq!(query.read(&[]), Heard::Another);
        let noise = [&ID.to_be_bytes()[..], &[0xff; 60]].concat();
        assert_eq!(query.read(&noise), Heard::Said(DnsSaid::Malformed));
        // A record whose name is compressed into itself.
        let mut looping = whole[..HEADER + question].to_vec();
        looping[7] = 1;
        let here = u16::try_from(0xc000 | looping.len()).unwrap();
        looping.extend([&here.to_be_bytes()[..], &[0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 1, 2, 3]].concat());
        assert_eq!(query.read(&looping), Heard::Said(DnsSaid::Malformed));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            query(AddressRecord::A).read(&bytes);
            let own = [&ID.to_be_bytes()[..], &bytes].concat();
            query(AddressRecord::Aaaa).read(&own);
        }

        #[test]
        fn nothing_that_is_mutated_panics_or_answers_another(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
            end in any::<proptest::sample::Index>(),
        ) {
            let answers = vec![alias("db.internal", "a.internal"), address("a.internal", 1)];
            let mut bytes = reply(answers).to_vec().unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let id_is_ours = bytes[..2] == ID.to_be_bytes();
            let heard = query(AddressRecord::A).read(&bytes);
            prop_assert!(id_is_ours || heard == Heard::Another);
            bytes.truncate(end.index(bytes.len()));
            query(AddressRecord::A).read(&bytes);
        }
    }
}
