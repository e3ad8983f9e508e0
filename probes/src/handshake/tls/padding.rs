//! A longer ClientHello, made so by something that every server passes over.
//!
//! The library has no padding extension (RFC 7685). It sends the public key of the group that it likes best, and that of
//! a group which is a part of it; so a group that nobody knows, of the numbers that are kept for such (RFC 8701, section
//! 3.1), with a key as long as is needed, comes before the one that is meant. A server "MUST ignore" it.

use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// One of the numbers that are kept for values which nobody knows.
const RESERVED: u16 = 0x2a2a;

/// The key of no meaning is so many bytes long, or a multiple of it.
const STEP: usize = 1024;

/// One of each length that fits into a record with all else.
static PADDINGS: [Padding; 15] = {
    let mut paddings = [const { Padding { length: 0 } }; 15];
    let mut at = 0;
    while at < paddings.len() {
        paddings[at].length = (at + 1) * STEP;
        at += 1;
    }
    paddings
};

/// Has a provider's first message be of so many bytes at the least.
pub(super) fn pad(provider: &mut CryptoProvider, bytes: usize) {
    if bytes == 0 {
        return;
    }
    let fitting = PADDINGS.iter().find(|padding| padding.length >= bytes);
    if let Some(padding) = fitting.or(PADDINGS.last()) {
        provider.kx_groups.insert(0, padding);
    }
}

/// A group that nobody knows.
#[derive(Debug)]
struct Padding {
    length: usize,
}

impl SupportedKxGroup for Padding {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let meant = rustls::crypto::ring::kx_group::X25519.start()?;
        Ok(Box::new(Begun { key: vec![0; self.length], meant }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::from(RESERVED)
    }

    /// Before, a client sends no key in its first message.
    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// The key exchange of that group, and of the one that is meant.
struct Begun {
    key: Vec<u8>,
    meant: Box<dyn ActiveKeyExchange>,
}

impl ActiveKeyExchange for Begun {
    /// A server chose what it cannot know.
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Err(PeerMisbehaved::WrongGroupForKeyShare.into())
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.meant.group(), self.meant.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.meant.complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.key
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::from(RESERVED)
    }
}
