//! Whether a question to a name server, and its answer, come through.
//!
//! A sandbox may let datagrams pass and yet keep port 53 or DNS messages for itself. What it does to port 53 cannot be
//! seen without privileges, and is for a real question to tell; what it does to messages can.

use std::net::{Ipv4Addr, UdpSocket};

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use peerscope_vocabulary::{AddressRecord, DnsAddress, DnsQuestion, DnsSaid, ProbeKind};

use super::trial::{Failed, question_while};
use super::{LOOPBACK, Tried, request};

/// A name that no real server has (RFC 6761, section 6.2).
const NAME: &str = "peerscope.test";
/// An address that is no host's (RFC 5737).
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
/// Any: nobody keeps it.
const TTL_SECONDS: u32 = 60;
/// The longest question that a client sends by UDP.
const LONGEST: usize = 512;

/// Asks a server of this process.
pub(super) fn dns() -> Tried {
    asked_of(answer)
}

/// Asks a server of this process that answers so.
fn asked_of(answer: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Tried {
    let server = UdpSocket::bind((LOOPBACK, 0))?;
    server.set_nonblocking(true)?;
    let asked = request(ProbeKind::Dns, server.local_addr()?);
    let question = DnsQuestion { name: NAME.to_string(), record_type: AddressRecord::A };
    let told = question_while(asked, question, || {
        let mut buffer = [0; LONGEST];
        if let Ok((length, from)) = server.recv_from(&mut buffer)
            && let Some(answer) = buffer.get(..length).and_then(&answer)
        {
            // Where it cannot answer, the probe's silence tells.
            let _ = server.send_to(&answer, from);
        }
    })?;
    let expected = DnsAddress { address: ADDRESS.into(), ttl_seconds: TTL_SECONDS };
    match told.reply.said {
        Some(DnsSaid::Addresses { addresses, .. }) if addresses == [expected] => {
            Ok("a question over loopback got the answer that was sent".to_string())
        }
        Some(other) => Err(Failed::new(format!("another answer arrived than was sent: {other:?}"))),
        None => Err(Failed::saw(&told.observation.outcome)),
    }
}

/// The answer to a question; none where it is no question.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let asked = question.queries.first()?.clone();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
    answer.add_answer(Record::from_rdata(asked.name().clone(), TTL_SECONDS, RData::A(A(ADDRESS))));
    answer.add_query(asked);
    answer.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_that_was_sent_counts() {
        assert!(asked_of(answer).is_ok());
        let silent = asked_of(|_| None).unwrap_err();
        assert_eq!(silent.to_string(), "over loopback the probe came to: timeout");
        let forged = |question: &[u8]| {
            let mut bytes = answer(question)?;
            // The address ends the record, which ends the message.
            *bytes.last_mut()? ^= 1;
            Some(bytes)
        };
        let forged = asked_of(forged).unwrap_err();
        assert!(forged.to_string().starts_with("another answer arrived than was sent"), "{forged}");
    }
}
