//! Echo requests, and the replies that answer them.
//!
//! A ping socket hands over replies to its identifier, a raw socket everybody's. Either may see a reply
//! to a packet that somebody forged or that an earlier process sent with the same identifier: so each
//! request carries a number and a cookie that nobody can guess, and only what has both is an answer.

use std::hash::{BuildHasher, RandomState};

use pnet_packet::Packet;
use pnet_packet::icmp::echo_reply::EchoReplyPacket;
use pnet_packet::icmp::echo_request::{EchoRequestPacket, MutableEchoRequestPacket};
use pnet_packet::icmp::{IcmpPacket, IcmpTypes, checksum};
use pnet_packet::icmpv6::Icmpv6Types;
use pnet_packet::ipv4::Ipv4Packet;

use crate::socket::Transport;

/// Type, code, checksum, identifier, sequence number (RFC 792; RFC 4443, section 4.1: the same).
const HEADER: usize = 8;

/// What the payload of an echo request begins with.
pub(crate) type Cookie = [u8; 8];

/// Makes cookies that differ from number to number and cannot be guessed from outside: the standard
/// library's keyed hash, with keys that the system drew at random.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies(RandomState);

impl Cookies {
    /// The cookie of a number.
    pub(crate) fn of(&self, number: u64) -> Cookie {
        self.0.hash_one(number).to_ne_bytes()
    }
}

/// One echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    transport: Transport,
    is_ipv4: bool,
    identifier: u16,
    sequence: u16,
    cookie: Cookie,
}

impl Echo {
    /// The request of a number, by a socket of that kind.
    pub(crate) fn new(transport: Transport, is_ipv4: bool, number: u64, cookie: Cookie) -> Self {
        // The low bits follow each other, the others and the process make the identifier of a raw socket.
        let [a, b, c, d, e, f, high, low] = number.to_be_bytes();
        let upper = [a, b, c, d, e, f].iter().fold(0_u16, |sum, byte| sum.rotate_left(5) ^ u16::from(*byte));
        let identifier = (std::process::id() as u16) ^ upper;
        Self { transport, is_ipv4, identifier, sequence: u16::from_be_bytes([high, low]), cookie }
    }

    /// The packet, with so many bytes after its header, as many as the cookie has at the least. The
    /// kernel writes the identifier for a ping socket, and the checksum for that and for ICMPv6.
    pub(crate) fn request(&self, payload_length: u16) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + usize::from(payload_length).max(self.cookie.len())];
        if let Some(mut packet) = MutableEchoRequestPacket::new(&mut bytes) {
            packet.set_identifier(self.identifier);
            packet.set_sequence_number(self.sequence);
            packet.set_icmp_type(IcmpTypes::EchoRequest);
        }
        if let Some(payload) = bytes.get_mut(HEADER..HEADER + self.cookie.len()) {
            payload.copy_from_slice(&self.cookie);
        }
        if self.is_ipv4 {
            let sum = IcmpPacket::new(&bytes).map(|packet| checksum(&packet));
            if let (Some(sum), Some(mut packet)) = (sum, MutableEchoRequestPacket::new(&mut bytes)) {
                packet.set_checksum(sum);
            }
        } else if let Some(first) = bytes.first_mut() {
            // ICMPv6 has the same shape and another number (RFC 4443, section 4.1).
            *first = Icmpv6Types::EchoRequest.0;
        }
        bytes
    }

    /// Whether these bytes, as the socket gave them, are the reply.
    pub(crate) fn is_answered_by(&self, bytes: &[u8]) -> bool {
        let message = match (self.transport, self.is_ipv4) {
            (Transport::RawIcmp, true) => Ipv4Packet::new(bytes)
                .and_then(|packet| bytes.get(usize::from(packet.get_header_length()) * 4..)),
            _ => Some(bytes),
        };
        message.is_some_and(|message| self.matches(message))
    }

    /// Whether an ICMP error that quotes these bytes, from the ICMP header on, is about this request. Of a
    /// ping socket it always is, and a router may quote as little as this (RFC 792).
    pub(crate) fn is_quoted_by(&self, quoted: &[u8]) -> bool {
        self.transport != Transport::RawIcmp
            || EchoRequestPacket::new(quoted).is_some_and(|packet| {
                packet.get_identifier() == self.identifier && packet.get_sequence_number() == self.sequence
            })
    }

    fn matches(&self, message: &[u8]) -> bool {
        // The header alone is read, so that the shape of ICMPv4's packets serves for both.
        let Some(packet) = EchoReplyPacket::new(message) else { return false };
        let is_reply = if self.is_ipv4 {
            packet.get_icmp_type() == IcmpTypes::EchoReply
        } else {
            packet.get_icmp_type().0 == Icmpv6Types::EchoReply.0
        };
        let has_identifier =
            self.transport != Transport::RawIcmp || packet.get_identifier() == self.identifier;
        is_reply
            && packet.get_icmp_code().0 == 0
            && has_identifier
            && packet.get_sequence_number() == self.sequence
            && packet.payload().starts_with(&self.cookie)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(mut request: Vec<u8>, reply_type: u8) -> Vec<u8> {
        request[0] = reply_type;
        request
    }

    #[test]
    fn a_reply_answers_its_own_request_alone() {
        let cookies = Cookies::default();
        for (is_ipv4, reply_type) in [(true, 0), (false, 129)] {
            for transport in [Transport::Ping, Transport::RawIcmp] {
                let echo = Echo::new(transport, is_ipv4, 70_000, cookies.of(70_000));
                let other = Echo::new(transport, is_ipv4, 70_001, cookies.of(70_001));
                let as_read = |message: Vec<u8>| {
                    if transport == Transport::RawIcmp && is_ipv4 {
                        let mut header = vec![0; 24];
                        header[0] = 0x46;
                        [header, message].concat()
                    } else {
                        message
                    }
                };
                let own = as_read(reply(echo.request(56), reply_type));
                assert_eq!(own.len() - as_read(Vec::new()).len(), 64);
                assert!(echo.is_answered_by(&own), "{echo:?}");
                assert!(!other.is_answered_by(&own));
                assert!(!echo.is_answered_by(&as_read(echo.request(56))), "a request is no reply");
                for length in 0..own.len() - 48 {
                    assert!(!echo.is_answered_by(&own[..length]), "{length} bytes end within the cookie");
                }
            }
        }
    }

    #[test]
    fn the_checksum_of_ipv4_is_right_and_the_cookie_always_fits() {
        let echo = Echo::new(Transport::RawIcmp, true, 3, Cookies::default().of(3));
        let bytes = echo.request(0);
        assert_eq!(bytes.len(), HEADER + 8);
        let sum =
            bytes.chunks(2).fold(0_u32, |sum, pair| sum + u32::from(pair[0]) * 256 + u32::from(pair[1]));
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
        assert_eq!(&bytes[4..6], echo.identifier.to_be_bytes());
        assert_eq!(&bytes[6..8], [0, 3]);
    }

    #[test]
    fn an_error_of_a_raw_socket_is_its_own_by_what_it_quotes() {
        let cookies = Cookies::default();
        let own = Echo::new(Transport::RawIcmp, true, 5, cookies.of(5));
        let other = Echo::new(Transport::RawIcmp, true, 6, cookies.of(6));
        assert!(own.is_quoted_by(&own.request(0)[..8]));
        assert!(!own.is_quoted_by(&other.request(0)));
        assert!(!own.is_quoted_by(&own.request(0)[..7]));
        let ping = Echo { transport: Transport::Ping, ..own };
        assert!(ping.is_quoted_by(&[]), "the kernel matched it, under an identifier of its own");
    }

    #[test]
    fn nothing_that_arrives_makes_it_panic() {
        let echo = Echo::new(Transport::RawIcmp, true, 3, Cookies::default().of(3));
        for length in 0..64_usize {
            for first in [0, 0x40, 0x45, 0x4f, 0xff] {
                let mut bytes = vec![0xff; length];
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                assert!(!echo.is_answered_by(&bytes));
            }
        }
    }

    proptest! {
        #[test]
        fn no_garbage_is_a_reply(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            length in 0_u16..64,
            at in any::<proptest::sample::Index>(),
            flipped in 1_u8..,
        ) {
            let cookies = Cookies::default();
            for (is_ipv4, reply_type) in [(true, 0), (false, 129)] {
                for transport in [Transport::Ping, Transport::RawIcmp] {
                    let echo = Echo::new(transport, is_ipv4, 5, cookies.of(5));
                    prop_assert!(!echo.is_answered_by(&bytes));
                    echo.is_quoted_by(&bytes);
                    let mut foreign = reply(echo.request(length), reply_type);
                    // Any bit of the sequence number or of the cookie.
                    let at = HEADER - 2 + at.index(2 + 8);
                    foreign[at] ^= flipped;
                    if transport == Transport::RawIcmp && is_ipv4 {
                        foreign.splice(0..0, [&[0x45][..], &[0; 19]].concat());
                    }
                    prop_assert!(!echo.is_answered_by(&foreign));
                }
            }
        }
    }
}
