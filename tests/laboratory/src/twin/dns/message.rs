//! DNS messages (RFC 1035), right and wrong ones, byte by byte: no library would write the wrong ones.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::DnsBehaviour;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// One question, as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    id: [u8; 2],
    /// Name, type and class, as the question has them.
    question: Vec<u8>,
    /// In lower case, without a dot at its end.
    name: String,
    kind: u16,
}

const HEADER: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_INTERNET: u16 = 1;
/// The name of the question, wherever a name is due.
const QUESTION_NAME: [u8; 2] = [0xc0, HEADER as u8];
/// How many addresses a huge answer has beside the true ones: as many as 64 kB have room for, nearly.
const HUGE: u32 = 3500;
/// How many addresses an answer by UDP may have for every client to take it (512 bytes).
const FEW: usize = 20;

impl Query {
    /// Reads a message with one question; none where it is something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        if header[2] & 0x80 != 0 || header[4..6] != [0, 1] {
            return None;
        }
        let (mut at, mut labels) = (HEADER, Vec::new());
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            // A question has nothing before it that it could point to.
            let label = bytes.get(at..at + length).filter(|_| length < 64)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let question = bytes.get(HEADER..at + 4)?.to_vec();
        let kind = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]);
        Some(Self { id: [header[0], header[1]], question, name: labels.join("."), kind })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TYPE_A => write!(formatter, "A {}", self.name),
            TYPE_AAAA => write!(formatter, "AAAA {}", self.name),
            kind => write!(formatter, "TYPE{kind} {}", self.name),
        }
    }
}

/// The answer to a query, where there is one.
pub(super) fn answer(
    query: &Query,
    records: &[(String, IpAddr)],
    behaviour: DnsBehaviour,
    transport: Transport,
) -> Option<Vec<u8>> {
    let of_name = || records.iter().filter(|(name, _)| *name == query.name).map(|(_, address)| *address);
    let addresses: Vec<IpAddr> = of_name().filter(|address| kind_of(address) == query.kind).collect();
    let honest = |query: &Query| match (of_name().next(), transport) {
        (None, _) => Reply::new(query, Code::NoSuchName).finish(),
        (_, Transport::Udp) if addresses.len() > FEW => Reply::new(query, Code::Fine).truncated().finish(),
        _ => Reply::new(query, Code::Fine).addresses(&addresses).finish(),
    };
    Some(match behaviour {
        DnsBehaviour::Honest => honest(query),
        DnsBehaviour::NoSuchName => Reply::new(query, Code::NoSuchName).finish(),
        DnsBehaviour::Fails => Reply::new(query, Code::Failure).finish(),
        DnsBehaviour::Refuses => Reply::new(query, Code::Refused).finish(),
        DnsBehaviour::Mute => return None,
        DnsBehaviour::NoAddress => Reply::new(query, Code::Fine).finish(),
        DnsBehaviour::MuteByTcp | DnsBehaviour::ClosesTcp if transport == Transport::Tcp => return None,
        DnsBehaviour::MuteByTcp | DnsBehaviour::ClosesTcp => {
            Reply::new(query, Code::Fine).truncated().finish()
        }
        DnsBehaviour::FromElsewhere => honest(query),
        DnsBehaviour::OtherQuestion => {
            let ends = [&query.kind.to_be_bytes()[..], &CLASS_INTERNET.to_be_bytes()].concat();
            let question = [name_of("somebody.else"), ends].concat();
            honest(&Query { question, ..query.clone() })
        }
        DnsBehaviour::Huge if query.kind == TYPE_A => {
            // 198.18.0.0/15 is for benchmarks (RFC 2544): nobody's host.
            let first = u32::from(Ipv4Addr::new(198, 18, 0, 1));
            let more = (first..first + HUGE).map(|number| IpAddr::V4(number.into()));
            Reply::new(query, Code::Fine)
                .addresses(&addresses.into_iter().chain(more).collect::<Vec<_>>())
                .finish()
        }
        DnsBehaviour::Huge => honest(query),
        DnsBehaviour::OnlyByTcp if transport == Transport::Tcp => honest(query),
        DnsBehaviour::OnlyByTcp => Reply::new(query, Code::Fine).truncated().finish(),
        DnsBehaviour::CutShort => {
            let mut reply = Reply::new(query, Code::Fine).addresses(&[Ipv4Addr::LOCALHOST.into()]).finish();
            reply.truncate(reply.len() - 6);
            reply
        }
        DnsBehaviour::LoopingAlias => {
            let other = name_of("alias.of.the.first");
            Reply::new(query, Code::Fine)
                .record(&QUESTION_NAME, TYPE_CNAME, &other)
                .record(&other, TYPE_CNAME, &QUESTION_NAME)
                .finish()
        }
        DnsBehaviour::LoopingPointer => {
            // The record's name starts right after the question, and says that it is there.
            let here = 0xc000 | u16::try_from(HEADER + query.question.len()).ok()?;
            Reply::new(query, Code::Fine).record(&here.to_be_bytes(), TYPE_A, &[192, 0, 2, 1]).finish()
        }
        DnsBehaviour::OtherId => honest(&Query { id: [!query.id[0], query.id[1]], ..query.clone() }),
        DnsBehaviour::Garbage => {
            let noise = (0..97u8).map(|number| number.wrapping_mul(151).wrapping_add(23) | 0x80);
            query.id.into_iter().chain(noise).collect()
        }
    })
}

fn kind_of(address: &IpAddr) -> u16 {
    if address.is_ipv4() { TYPE_A } else { TYPE_AAAA }
}

/// A name as a message has it, uncompressed.
fn name_of(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter_map(|label| Some((u8::try_from(label.len()).ok()?, label)));
    let written = labels.flat_map(|(length, label)| [&[length][..], label.as_bytes()].concat());
    written.chain([0]).collect()
}

/// Response codes.
#[derive(Clone, Copy)]
enum Code {
    Fine = 0,
    Failure = 2,
    NoSuchName = 3,
    Refused = 5,
}

/// An answer in the making.
struct Reply {
    bytes: Vec<u8>,
    answers: u16,
}

impl Reply {
    fn new(query: &Query, code: Code) -> Self {
        // An answer, recursion was desired and is available.
        let flags = [0x81, 0x80 | code as u8];
        let counts = [0, 1, 0, 0, 0, 0, 0, 0];
        Self { bytes: [&query.id[..], &flags, &counts, &query.question].concat(), answers: 0 }
    }

    /// Says that the answer is longer than this message.
    fn truncated(mut self) -> Self {
        self.bytes[2] |= 0x02;
        self
    }

    fn addresses(self, addresses: &[IpAddr]) -> Self {
        addresses.iter().fold(self, |reply, address| {
            let octets = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            reply.record(&QUESTION_NAME, kind_of(address), &octets)
        })
    }

    fn record(mut self, name: &[u8], kind: u16, data: &[u8]) -> Self {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        let seconds_to_live = 5u32;
        self.bytes.extend_from_slice(name);
        self.bytes.extend([kind, CLASS_INTERNET].into_iter().flat_map(u16::to_be_bytes));
        self.bytes.extend(seconds_to_live.to_be_bytes());
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend_from_slice(data);
        self.answers = self.answers.saturating_add(1);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let count = self.answers.to_be_bytes();
        self.bytes[6..8].copy_from_slice(&count);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let header = [0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        [&header[..], &name_of(name), &kind.to_be_bytes(), &[0, 1]].concat()
    }

    fn records() -> Vec<(String, IpAddr)> {
        vec![("db.internal".to_owned(), Ipv4Addr::new(10, 1, 2, 3).into())]
    }

    #[test]
    fn a_name_is_answered_by_its_records() {
        let asked = Query::read(&query("DB.internal", TYPE_A)).unwrap();
        assert_eq!(asked.to_string(), "A db.internal");
        let reply = answer(&asked, &records(), DnsBehaviour::Honest, Transport::Udp).unwrap();
        assert_eq!(reply[..8], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1]);
        assert!(reply.ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 1, 2, 3]));
        let asked = Query::read(&query("db.internal", TYPE_AAAA)).unwrap();
        let reply = answer(&asked, &records(), DnsBehaviour::Honest, Transport::Udp).unwrap();
        assert_eq!(reply[3..8], [0x80, 0, 1, 0, 0], "no address of that kind, but the name is there");
        let asked = Query::read(&query("other", TYPE_A)).unwrap();
        let reply = answer(&asked, &records(), DnsBehaviour::Honest, Transport::Udp).unwrap();
        assert_eq!(reply[3] & 0x0f, 3);
    }

    #[test]
    fn no_answer_is_too_long_for_tcp() {
        let asked = Query::read(&query(&["x".repeat(60).as_str(); 4].join("."), TYPE_A)).unwrap();
        let reply = answer(&asked, &[], DnsBehaviour::Huge, Transport::Tcp).unwrap();
        assert!((50_000..=65_000).contains(&reply.len()), "{}", reply.len());
    }

    #[test]
    fn what_is_no_query_is_not_answered() {
        let whole = query("db.internal", TYPE_A);
        for length in 0..whole.len() {
            assert_eq!(Query::read(&whole[..length]), None);
        }
        let pointer = [&whole[..12], &[0xc0, 12, 0, 1, 0, 1][..]].concat();
        assert_eq!(Query::read(&pointer), None);
    }
}
