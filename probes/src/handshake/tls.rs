//! TLS over the bytes of a talk: rustls without its sockets, and a witness in the place of the judge of
//! certificates.
//!
//! A probe sends no secret, so it has no reason to stop at a certificate that nobody vouches for; but it knows
//! whether an application would. The calendar that a validity is held against is the system's, read by rustls.

mod certificate;
mod padding;
mod witness;

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use peerscope_vocabulary::{HandshakeEnd, ServerText, TlsFacts, TlsProblem, TlsVersion};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};

pub use self::certificate::read as certificate_facts;
use self::witness::Witness;
pub use self::witness::system_roots;
use super::Turn;

/// A connection that is, or is to be, encrypted.
#[derive(Debug)]
pub(super) struct Secured {
    connection: Box<ClientConnection>,
    witness: Arc<Witness>,
    /// The first bytes that came, to tell what else is spoken where they are no TLS.
    first: Vec<u8>,
}

/// Reads the system's roots, once.
pub(super) fn get_ready() {
    _ = system_roots();
}

/// What came of bytes that were fed.
pub(super) enum Fed {
    /// They are taken in; so much is said in clear now.
    Plain(Vec<u8>),
    /// The handshake cannot be completed.
    Failed(HandshakeEnd),
}

impl Secured {
    /// A handshake with a host; none where the library cannot begin one. Its first message is of so many bytes at the
    /// least, as far as one record holds them.
    pub(super) fn begin(host: &str, address: IpAddr, padding: usize) -> Option<Self> {
        let mut provider = ring::default_provider();
        padding::pad(&mut provider, padding);
        let provider = Arc::new(provider);
        let witness = Arc::new(Witness::new(Arc::clone(&provider)));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _)
            .with_client_cert_resolver(Arc::clone(&witness) as _);
        let name = ServerName::try_from(host.trim_end_matches('.').to_string());
        let name = name.unwrap_or_else(|_| ServerName::IpAddress(address.into()));
        let connection = ClientConnection::new(Arc::new(config), name).ok()?;
        Some(Self { connection: Box::new(connection), witness, first: Vec::new() })
    }

    /// Whether the handshake is not complete.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// What is to be sent now.
    pub(super) fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.connection.wants_write() {
            // Writing to a vector does not fail.
            if self.connection.write_tls(&mut bytes).is_err() {
                break;
            }
        }
        bytes
    }

    /// Says something in it.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        // So few bytes fit into its buffer.
        let _ = std::io::Write::write_all(&mut self.connection.writer(), bytes);
    }

    /// Ends it in order.
    pub(super) fn end(&mut self) {
        self.connection.send_close_notify();
    }

    /// Takes in what came.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Fed {
        if self.first.len() < super::LONGEST_ANSWER && self.is_handshaking() {
            self.first.extend_from_slice(bytes);
        }
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            match self.connection.read_tls(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            if let Err(error) = self.connection.process_new_packets() {
                return Fed::Failed(self.failed(&error));
            }
            // Nothing more in clear is an error of the kind "would block".
            let _ = self.connection.reader().read_to_end(&mut plain);
        }
        Fed::Plain(plain)
    }

    fn failed(&self, error: &rustls::Error) -> HandshakeEnd {
        let words = || ServerText::new(error.to_string().as_bytes());
        let is_tls = matches!(self.first.as_slice(), [0x14..=0x17, 3, ..]);
        let problem = match error {
            rustls::Error::AlertReceived(alert) => {
                let name = ServerText::new(format!("{alert:?}").as_bytes());
                TlsProblem::Alert { code: u8::from(*alert), name }
            }
            rustls::Error::PeerIncompatible(_) => TlsProblem::Incompatible { words: words() },
            _ if !is_tls => match Turn::another(&self.first) {
                Turn::Over { end, .. } => return end,
                _ => TlsProblem::Broken { words: words() },
            },
            _ => TlsProblem::Broken { words: words() },
        };
        HandshakeEnd::TlsFailed { problem }
    }

    /// Whether the server asked for a certificate of the client.
    pub(super) fn was_asked(&self) -> bool {
        self.witness.was_asked()
    }

    /// What was seen, once the handshake is complete or broke after the server's certificate.
    pub(super) fn facts(&self) -> Option<TlsFacts> {
        let version = match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
            _ => return None,
        };
        let chain = self.connection.peer_certificates().unwrap_or_default();
        Some(TlsFacts {
            version,
            certificates: u32::try_from(chain.len()).unwrap_or(u32::MAX),
            certificate: chain.first().and_then(|own| certificate::read(own)),
            doubt: self.witness.doubt(),
            asks_for_certificate: self.witness.was_asked(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn fed(pieces: &[&[u8]]) -> Option<HandshakeEnd> {
        let mut secured = Secured::begin("orders-db.internal", Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        secured.outgoing();
        pieces.iter().find_map(|piece| match secured.feed(piece) {
            Fed::Plain(_) => None,
            Fed::Failed(end) => Some(end),
        })
    }

    #[test]
    fn a_name_that_is_none_gives_way_to_the_address() {
        for host in ["orders-db.internal.", "10.100.2.20", "fd00::1", "orders_db", "", "not a name"] {
            let mut secured = Secured::begin(host, Ipv4Addr::LOCALHOST.into(), 0).unwrap();
            assert!(secured.outgoing().starts_with(&[0x16, 3]), "{host:?}");
        }
    }

    #[test]
    fn a_first_message_is_as_long_as_was_asked_and_one_record() {
        for padding in [0, 100, 1_500, 2_100, 9_600, 15_000, 60_000] {
            let hello =
                Secured::begin("db.internal", Ipv4Addr::LOCALHOST.into(), padding).unwrap().outgoing();
            assert!(hello.len() >= padding.min(15_000), "{padding}: {}", hello.len());
            let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            assert_eq!((hello[0], length + 5), (0x16, hello.len()), "{padding}");
            assert!(length <= 1 << 14, "{padding}: {length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn nothing_that_comes_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            kind in 0x14_u8..0x18,
            at in any::<proptest::sample::Index>(),
        ) {
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            fed(&[first, second]);
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            let record = [&[kind, 3, 3][..], &length, &bytes].concat();
            fed(&[&record, &record]);
        }
    }
}
