//! Redis: PING, its reply, QUIT (Redis serialization protocol specification, "Simple strings", "Simple errors", "Bulk
//! strings"). A PING that carries a message is answered by it, so that both ways are made to carry as much.

use peerscope_vocabulary::{HandshakeEnd, HandshakeStep, ProtocolAnswer, ServerText};

use super::{Dialogue, LONGEST_ANSWER, Turn};

/// PING as an array of one bulk string, as clients send it.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// QUIT, which is permitted without a password too.
const QUIT: &[u8] = b"*1\r\n$4\r\nQUIT\r\n";

/// Errors that mean no more than that a client has to log in first.
const NEEDS_PASSWORD: [&[u8]; 2] = [b"NOAUTH", b"NOPERM"];

/// What a message is made of.
const PADDING: u8 = b'.';

/// Redis's handshake.
#[derive(Debug)]
pub(super) struct Redis {
    /// How long the message is that PING carries; none where it is zero.
    message: usize,
}

impl Redis {
    /// A PING of so many bytes at the least.
    pub(super) fn padded(message: usize) -> Self {
        Self { message }
    }

    /// The message, as both sides send it.
    fn bulk(&self) -> Vec<u8> {
        let mut bulk = format!("${}\r\n", self.message).into_bytes();
        bulk.resize(bulk.len() + self.message, PADDING);
        bulk.extend_from_slice(b"\r\n");
        bulk
    }
}

impl Dialogue for Redis {
    fn opening(&self) -> Vec<u8> {
        match self.message {
            0 => PING.to_vec(),
            _ => [&b"*2\r\n$4\r\nPING\r\n"[..], &self.bulk()].concat(),
        }
    }

    fn step(&self) -> HandshakeStep {
        HandshakeStep::Reply
    }

    fn hear(&mut self, bytes: &[u8]) -> Turn {
        if self.message > 0 && bytes.starts_with(b"$") {
            let expected = self.bulk();
            return match bytes {
                _ if bytes == expected => {
                    Turn::answered(ProtocolAnswer::Redis { needs_password: false }, QUIT)
                }
                _ if expected.starts_with(bytes) => Turn::Wait,
                _ => Turn::another(bytes),
            };
        }
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
            let may_be_ours = matches!(bytes, [b'+' | b'-', ..]) && bytes.len() < LONGEST_ANSWER;
            return if may_be_ours { Turn::Wait } else { Turn::another(bytes) };
        };
        let line = bytes.get(..end).unwrap_or_default();
        match line {
            b"+PONG" => Turn::answered(ProtocolAnswer::Redis { needs_password: false }, QUIT),
            [b'-', error @ ..] => {
                let code = error.split(|byte| *byte == b' ').next().unwrap_or_default();
                if NEEDS_PASSWORD.contains(&code) {
                    return Turn::answered(ProtocolAnswer::Redis { needs_password: true }, QUIT);
                }
                let is_code = !code.is_empty() && code.iter().all(u8::is_ascii_uppercase);
                Turn::Over {
                    end: HandshakeEnd::Refused {
                        code: is_code.then(|| ServerText::new(code)),
                        words: ServerText::new(error),
                    },
                    farewell: QUIT.to_vec(),
                }
            }
            _ => Turn::another(bytes),
        }
    }
}

/// What protected mode says to other hosts, as a server sends it.
#[cfg(test)]
pub(super) const RECORDED_DENIAL: &[u8] =
    b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set.\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reply_has_its_meaning() {
        let heard = |bytes: &[u8]| Redis::padded(0).hear(bytes);
        let answered = |needs_password| Turn::answered(ProtocolAnswer::Redis { needs_password }, QUIT);
        assert_eq!(heard(b"+PONG\r\n"), answered(false));
        assert_eq!(heard(b"-NOAUTH Authentication required.\r\n"), answered(true));
        assert_eq!(
            heard(b"-NOPERM this user has no permissions to run the 'ping' command\r\n"),
            answered(true)
        );
        for (bytes, code) in [
            (RECORDED_DENIAL, Some(&b"DENIED"[..])),
            (b"-LOADING Redis is loading the dataset in memory\r\n", Some(b"LOADING")),
            (b"-ERR max number of clients reached\r\n", Some(b"ERR")),
            (b"-no code\r\n", None),
        ] {
            let Turn::Over { end: HandshakeEnd::Refused { code: found, words }, farewell } = heard(bytes)
            else {
                panic!("{:?}", heard(bytes))
            };
            assert_eq!((found, farewell), (code.map(ServerText::new), QUIT.to_vec()));
            assert_eq!(words, ServerText::new(&bytes[1..bytes.len() - 2]));
        }
        for length in 1..RECORDED_DENIAL.len() {
            assert_eq!(heard(&RECORDED_DENIAL[..length]), Turn::Wait);
        }
        for other in [&b"ERROR\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n", b"+OK POP3 ready\r\n", b"x"] {
            assert_eq!(heard(other), Turn::another(other));
        }
    }

    #[test]
    fn a_message_comes_back_whole() {
        let mut redis = Redis::padded(5);
        assert_eq!(redis.opening(), b"*2\r\n$4\r\nPING\r\n$5\r\n.....\r\n");
        let reply = b"$5\r\n.....\r\n";
        for length in 1..reply.len() {
            assert_eq!(redis.hear(&reply[..length]), Turn::Wait, "{length}");
        }
        assert_eq!(redis.hear(reply), Turn::answered(ProtocolAnswer::Redis { needs_password: false }, QUIT));
        let asks = Turn::answered(ProtocolAnswer::Redis { needs_password: true }, QUIT);
        assert_eq!(redis.hear(b"-NOAUTH Authentication required.\r\n"), asks);
        for other in [&b"$6\r\n......\r\n"[..], b"$5\r\n....x\r\n", b"$-1\r\n"] {
            assert_eq!(redis.hear(other), Turn::another(other));
        }
        assert_eq!(Redis::padded(0).hear(b"$5\r\n"), Turn::another(b"$5\r\n"));
    }
}
