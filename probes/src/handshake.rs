//! Speaks an application's protocol once connected, to where a credential would be needed, and ends as the
//! protocol ends.
//!
//! What is read and written for each protocol lies in a module of its own, without a socket and without a
//! clock; [`Talk`] carries their bytes over the connection of a [`Connect`](crate::connect::Connect), which
//! keeps the manners of the packets.

mod http;
mod kafka;
mod mysql;
mod postgresql;
mod recognise;
mod redis;
mod talk;
mod tls;

use std::fmt::Debug;

use peerscope_vocabulary::{
    ApplicationProtocol, Greeting, Handshake, HandshakeEnd, HandshakeStep, ProtocolAnswer,
};

use self::http::Http;
use self::kafka::Kafka;
use self::mysql::Mysql;
use self::postgresql::Postgresql;
use self::recognise::recognise;
use self::redis::Redis;
pub(crate) use self::talk::{Talk, Talked};
pub use self::tls::{certificate_facts, system_roots};

/// The longest answer that is waited for: each of these protocols says in less whether it is spoken.
const LONGEST_ANSWER: usize = 16 * 1024;

/// What is to be done after bytes were heard.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// The answer is not complete: wait for more.
    Wait,
    /// The answer was understood: say this, and wait for the next one.
    Say(Vec<u8>),
    /// From here on it is encrypted.
    Secure,
    /// It is over: say the farewell, which may be nothing, and close.
    Over {
        /// How it ended.
        end: HandshakeEnd,
        /// The protocol's own way to end.
        farewell: Vec<u8>,
    },
}

impl Turn {
    fn over(end: HandshakeEnd) -> Self {
        Self::Over { end, farewell: Vec::new() }
    }

    fn answered(answer: ProtocolAnswer, farewell: &[u8]) -> Self {
        Self::Over { end: HandshakeEnd::Answered { answer }, farewell: farewell.to_vec() }
    }

    /// These bytes are none of the protocol's.
    fn another(bytes: &[u8]) -> Self {
        Self::over(HandshakeEnd::AnotherProtocol {
            recognised: recognise(bytes),
            first: Greeting::new(bytes),
        })
    }
}

/// One protocol's handshake: bytes in, bytes and an end out.
trait Dialogue: Debug {
    /// What is said first; nothing where the server greets.
    fn opening(&self) -> Vec<u8>;

    /// What follows once TLS is established: what is said first, as a rule.
    fn secured(&mut self) -> Turn {
        Turn::Say(self.opening())
    }

    /// What is waited for now.
    fn step(&self) -> HandshakeStep;

    /// Takes in all that came since something was said last, at least one byte.
    fn hear(&mut self, bytes: &[u8]) -> Turn;

    /// What it means that the other side closed in order after so much; none where that is no answer.
    fn closed(&mut self, _bytes: &[u8]) -> Option<HandshakeEnd> {
        None
    }
}

/// Does ahead what would hold up an engine that has packets to time: reading the system's roots.
pub(crate) fn get_ready(handshake: &Handshake) {
    if handshake.tls || handshake.protocol == ApplicationProtocol::Postgresql {
        tls::get_ready();
    }
}

/// Nothing is said but TLS.
#[derive(Debug)]
struct TlsAlone;

impl Dialogue for TlsAlone {
    fn opening(&self) -> Vec<u8> {
        Vec::new()
    }

    fn secured(&mut self) -> Turn {
        Turn::answered(ProtocolAnswer::Tls, &[])
    }

    fn step(&self) -> HandshakeStep {
        HandshakeStep::Tls
    }

    fn hear(&mut self, bytes: &[u8]) -> Turn {
        Turn::another(bytes)
    }
}

/// The dialogue of a handshake with a port. What is said first is so long at the least, where the protocol has means
/// that servers pass over and TLS does not come before it, whose own first message then is.
fn dialogue(handshake: &Handshake, port: u16, padding: usize) -> Option<Box<dyn Dialogue>> {
    let padding_in_clear = if handshake.tls { 0 } else { padding };
    match handshake.protocol {
        ApplicationProtocol::Postgresql => Some(Box::new(Postgresql)),
        ApplicationProtocol::Mysql => Some(Box::new(Mysql::new(handshake.login))),
        ApplicationProtocol::Redis => Some(Box::new(Redis::padded(padding))),
        ApplicationProtocol::Http => {
            let host = &handshake.host;
            let authority =
                if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            let request = Http::of(authority);
            Some(Box::new(if padding == 0 { request } else { request.padded(padding_in_clear) }))
        }
        ApplicationProtocol::Kafka => Some(Box::new(Kafka::padded(padding_in_clear))),
        ApplicationProtocol::Tls => Some(Box::new(TlsAlone)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROTOCOLS: [ApplicationProtocol; 5] = [
        ApplicationProtocol::Postgresql,
        ApplicationProtocol::Mysql,
        ApplicationProtocol::Redis,
        ApplicationProtocol::Http,
        ApplicationProtocol::Kafka,
    ];

    /// Has a dialogue hear the bytes piece by piece; returns its turns.
    fn heard(protocol: ApplicationProtocol, bytes: &[u8], piece: usize, padding: usize) -> Vec<Turn> {
        let handshake = Handshake { protocol, tls: false, host: "db.internal".to_string(), login: true };
        let mut dialogue = dialogue(&handshake, 80, padding).unwrap();
        dialogue.opening();
        let (mut turns, mut from) = (Vec::new(), 0);
        for to in (1..=bytes.len()).filter(|to| to % piece == 0 || *to == bytes.len()) {
            let turn = dialogue.hear(&bytes[from..to]);
            match &turn {
                Turn::Wait => {}
                Turn::Say(_) | Turn::Secure => from = to,
                Turn::Over { .. } => {
                    turns.push(turn);
                    break;
                }
            }
            if from == to {
                turns.push(turn);
            }
        }
        turns
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn nothing_that_comes_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            piece in 1_usize..40,
        ) {
            for protocol in PROTOCOLS {
                heard(protocol, &bytes, piece, 0);
                heard(protocol, &bytes, piece, 2_000);
            }
        }

        #[test]
        fn nothing_that_is_mutated_panics(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
            end in any::<proptest::sample::Index>(),
            piece in 1_usize..100,
        ) {
            for (protocol, recorded) in [
                (ApplicationProtocol::Mysql, mysql::RECORDED_GREETING),
                (ApplicationProtocol::Mysql, mysql::RECORDED_ERROR),
                (ApplicationProtocol::Postgresql, postgresql::RECORDED_ERROR),
                (ApplicationProtocol::Redis, redis::RECORDED_DENIAL),
                (ApplicationProtocol::Http, http::RECORDED_REPLY),
                (ApplicationProtocol::Kafka, kafka::RECORDED_RESPONSE),
            ] {
                let mut bytes = recorded.to_vec();
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                bytes.truncate(end.index(bytes.len()) + 1);
                heard(protocol, &bytes, piece, 0);
                heard(protocol, &bytes, piece, 2_000);
            }
        }
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        for protocol in PROTOCOLS {
            for byte in [b'+', b'E', b'a', 0, 1, 0xff] {
                let turns = heard(protocol, &vec![byte; LONGEST_ANSWER + 1], LONGEST_ANSWER + 1, 0);
                let other = matches!(
                    turns.last(),
                    Some(Turn::Over {
                        end: HandshakeEnd::AnotherProtocol { .. } | HandshakeEnd::Refused { .. },
                        ..
                    })
                );
                assert!(other, "{protocol:?} {byte}: {turns:?}");
            }
        }
    }
}
