//! MySQL and MariaDB: the greeting, and a login without a name and without a password ("Protocol::HandshakeV10",
//! "Protocol::HandshakeResponse41", "ERR_Packet", "Protocol::AuthSwitchRequest").
//!
//! A connection that ends before the client's answer to the greeting is a handshake error: it counts in
//! `host_cache.SUM_CONNECT_ERRORS`, and after `max_connect_errors` of them without a successful login the server
//! blocks the host. So does every answer that is none: COM_QUIT, an empty packet, an interrupted request for TLS
//! (found by trying each on MariaDB 10.11). A login that the server denies is an error of authentication, which
//! does not count. So the handshake goes on to the denial, in nobody's name; where nobody is let in, it quits.

use peerscope_vocabulary::{HandshakeEnd, HandshakeStep, ProtocolAnswer, ServerText};

use super::{Dialogue, LONGEST_ANSWER, Turn};

/// Length and sequence number before each packet.
const HEADER: usize = 4;

/// The first byte of an error packet.
const ERROR: u8 = 0xff;

/// The first byte of what asks for another way to log in.
const SWITCH: u8 = 0xfe;

/// Capabilities of the client: the protocol since 4.1, its passwords, and plugins to log in by.
const PROTOCOL_41: u32 = 0x200;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;

/// The longest packet that the client takes.
const LONGEST_PACKET: u32 = 1 << 24;

/// latin1_swedish_ci, which every server knows.
const CHARACTER_SET: u8 = 8;

/// COM_QUIT, the one command.
const QUIT: &[u8] = &[1, 0, 0, 0, 1];

/// How often another way to log in is gone along with.
const SWITCHES: u8 = 2;

/// MySQL's handshake.
#[derive(Debug)]
pub(super) struct Mysql {
    /// Whether the greeting is answered by a login, rather than left.
    login: bool,
    /// The server's version, once it has greeted.
    version: Option<ServerText>,
    switches: u8,
}

impl Mysql {
    pub(super) fn new(login: bool) -> Self {
        Self { login, version: None, switches: 0 }
    }
}

impl Dialogue for Mysql {
    fn opening(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(&self) -> HandshakeStep {
        if self.version.is_none() { HandshakeStep::Greeting } else { HandshakeStep::Login }
    }

    fn hear(&mut self, bytes: &[u8]) -> Turn {
        let (sequence, payload) = match packet(bytes) {
            Packet::Whole { sequence, payload } => (sequence, payload),
            Packet::Part => return Turn::Wait,
            Packet::None => return Turn::another(bytes),
        };
        let turn = match &self.version {
            None => self.greeted(sequence, payload),
            Some(version) => match payload.split_first() {
                Some((&ERROR, error)) => error_of(error).map(|(code, _)| {
                    let answer =
                        ProtocolAnswer::Mysql { version: version.clone(), denied: Some(code), login: true };
                    Turn::answered(answer, &[])
                }),
                Some((0, _)) => {
                    let answer =
                        ProtocolAnswer::Mysql { version: version.clone(), denied: None, login: true };
                    Some(Turn::answered(answer, QUIT))
                }
                Some((&SWITCH, _)) if self.switches < SWITCHES => {
                    self.switches += 1;
                    Some(Turn::Say(framed(sequence.wrapping_add(1), &[])))
                }
                // More of the same way: an empty password is a zero byte there.
                Some((1, _)) if self.switches < SWITCHES => {
                    self.switches += 1;
                    Some(Turn::Say(framed(sequence.wrapping_add(1), &[0])))
                }
                _ => None,
            },
        };
        turn.unwrap_or_else(|| Turn::another(bytes))
    }
}

impl Mysql {
    /// A greeting, or an error in its place: "Host is blocked", "Too many connections".
    fn greeted(&mut self, sequence: u8, payload: &[u8]) -> Option<Turn> {
        if let Some((&ERROR, error)) = payload.split_first() {
            let (code, words) = error_of(error)?;
            return Some(Turn::over(HandshakeEnd::Refused {
                code: Some(ServerText::new(code.to_string().as_bytes())),
                words: ServerText::new(words),
            }));
        }
        let greeting = Greeted::read(payload).filter(|_| sequence == 0)?;
        let version = ServerText::new(greeting.version);
        if !self.login {
            let answer = ProtocolAnswer::Mysql { version, denied: None, login: false };
            return Some(Turn::answered(answer, &[]));
        }
        self.version = Some(version);
        Some(Turn::Say(framed(1, &greeting.nameless_login())))
    }
}

/// What bytes come to.
enum Packet<'a> {
    Whole { sequence: u8, payload: &'a [u8] },
    Part,
    None,
}

/// The first packet of these bytes.
fn packet(bytes: &[u8]) -> Packet<'_> {
    let &[low, middle, high, sequence, ..] = bytes else {
        // Two bytes of length that no handshake has: text.
        return if matches!(bytes, [_, _, 1..=255, ..]) { Packet::None } else { Packet::Part };
    };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if length == 0 || length > LONGEST_ANSWER - HEADER {
        return Packet::None;
    }
    match bytes.get(HEADER..HEADER + length) {
        Some(payload) => Packet::Whole { sequence, payload },
        None => Packet::Part,
    }
}

/// What a greeting says that the answer needs.
struct Greeted<'a> {
    version: &'a [u8],
    capabilities: u32,
    /// The way to log in that the server prefers.
    plugin: &'a [u8],
}

impl<'a> Greeted<'a> {
    /// Reads a greeting of protocol version 10.
    fn read(payload: &'a [u8]) -> Option<Self> {
        let rest = payload.strip_prefix(&[10])?;
        let (version, rest) = until_zero(rest)?;
        // The connection's number, eight bytes of the scramble and a zero byte.
        let rest = rest.get(4 + 8 + 1..)?;
        let (&[low, lower], rest) = rest.split_first_chunk()?;
        let mut greeted = Self { version, capabilities: u32::from_le_bytes([low, lower, 0, 0]), plugin: &[] };
        // Character set, status, the capabilities' upper half, the scramble's length, ten bytes of filler.
        if let Some((&[_, _, _, upper, highest, scramble], rest)) = rest.split_first_chunk() {
            greeted.capabilities = u32::from_le_bytes([low, lower, upper, highest]);
            let scramble = usize::from(scramble).saturating_sub(8).max(13);
            let plugin = rest.get(10 + scramble..).unwrap_or_default();
            greeted.plugin = until_zero(plugin).map_or(plugin, |(plugin, _)| plugin);
        }
        Some(greeted)
    }

    /// A login with no name and no password.
    fn nameless_login(&self) -> Vec<u8> {
        let capabilities =
            (PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH) & (self.capabilities | PROTOCOL_41);
        let mut login = Vec::new();
        login.extend(capabilities.to_le_bytes());
        login.extend(LONGEST_PACKET.to_le_bytes());
        login.push(CHARACTER_SET);
        login.extend([0; 23]);
        // The name, and the length of what proves it: both empty.
        login.extend([0, 0]);
        if capabilities & PLUGIN_AUTH != 0 {
            login.extend(self.plugin);
            login.push(0);
        }
        login
    }
}

/// The number and the words of an error packet less its first byte; the SQLSTATE is passed over.
fn error_of(error: &[u8]) -> Option<(u16, &[u8])> {
    let (code, words) = error.split_first_chunk()?;
    let words = match words {
        [b'#', rest @ ..] => rest.get(5..)?,
        words => words,
    };
    Some((u16::from_le_bytes(*code), words))
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// A packet with its header.
fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    // Ours are all shorter than 64 KiB.
    let [low, high] = u16::try_from(payload.len()).unwrap_or_default().to_le_bytes();
    [&[low, high, 0, sequence][..], payload].concat()
}

/// A greeting as "Protocol::HandshakeV10" has it.
#[cfg(test)]
pub(super) const RECORDED_GREETING: &[u8] = b"\x49\0\0\0\x0a8.4.3\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";

/// An error in its place.
#[cfg(test)]
pub(super) const RECORDED_ERROR: &[u8] =
    b"\x5f\0\0\0\xff\x69\x04Host '10.0.1.7' is blocked because of many connection errors; unblock with 'mysqladmin flus'";

#[cfg(test)]
mod tests {
    use super::*;

    fn over(turn: Turn) -> (HandshakeEnd, Vec<u8>) {
        match turn {
            Turn::Over { end, farewell } => (end, farewell),
            other => panic!("{other:?}"),
        }
    }

    /// A dialogue that was greeted, and what it said.
    fn greeted() -> (Mysql, Vec<u8>) {
        let mut mysql = Mysql::new(true);
        assert_eq!(mysql.step(), HandshakeStep::Greeting);
        let Turn::Say(login) = mysql.hear(RECORDED_GREETING) else { panic!("a login follows") };
        assert_eq!(mysql.step(), HandshakeStep::Login);
        (mysql, login)
    }

    #[test]
    fn a_greeting_is_answered_by_a_login_in_nobodys_name() {
        for length in 1..RECORDED_GREETING.len() {
            assert_eq!(Mysql::new(true).hear(&RECORDED_GREETING[..length]), Turn::Wait, "{length}");
        }
        let (_, login) = greeted();
        assert_eq!(login[..4], [u8::try_from(login.len() - 4).unwrap(), 0, 0, 1]);
        assert_eq!(login[4..8], 0x0008_8200_u32.to_le_bytes());
        assert_eq!(&login[36..], b"\0\0caching_sha2_password\0", "no name, no password");
    }

    #[test]
    fn a_denial_is_the_answer_and_who_is_let_in_quits() {
        let version = ServerText::new(b"8.4.3");
        let denial =
            framed(2, b"\xff\x15\x04#28000Access denied for user ''@'10.0.1.7' (using password: NO)");
        let (mut mysql, _) = greeted();
        let answer = ProtocolAnswer::Mysql { version: version.clone(), denied: Some(1045), login: true };
        assert_eq!(over(mysql.hear(&denial)), (HandshakeEnd::Answered { answer }, Vec::new()));
        let (mut mysql, _) = greeted();
        let answer = ProtocolAnswer::Mysql { version, denied: None, login: true };
        let ok = framed(2, &[0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(over(mysql.hear(&ok)), (HandshakeEnd::Answered { answer }, QUIT.to_vec()));
    }

    #[test]
    fn without_a_login_the_greeting_is_all() {
        let (end, farewell) = over(Mysql::new(false).hear(RECORDED_GREETING));
        let answer = ProtocolAnswer::Mysql { version: ServerText::new(b"8.4.3"), denied: None, login: false };
        assert_eq!((end, farewell), (HandshakeEnd::Answered { answer }, Vec::new()));
        let (end, _) = over(Mysql::new(false).hear(RECORDED_ERROR));
        assert!(matches!(end, HandshakeEnd::Refused { .. }), "{end:?}");
    }

    #[test]
    fn another_way_to_log_in_is_gone_along_with_but_not_for_ever() {
        let (mut mysql, _) = greeted();
        let switch = framed(2, b"\xfemysql_native_password\0abcdefghijklmnopqrst\0");
        assert_eq!(mysql.hear(&switch), Turn::Say(vec![0, 0, 0, 3]));
        assert_eq!(mysql.hear(&framed(4, &[1, 4])), Turn::Say(vec![1, 0, 0, 5, 0]));
        assert!(matches!(over(mysql.hear(&switch)).0, HandshakeEnd::AnotherProtocol { .. }));
    }

    #[test]
    fn an_error_in_place_of_a_greeting_is_a_refusal_with_its_number() {
        let (end, farewell) = over(Mysql::new(true).hear(RECORDED_ERROR));
        let HandshakeEnd::Refused { code, words } = end else { panic!("{end:?}") };
        assert_eq!((code.unwrap().as_str(), farewell), ("1129", Vec::new()));
        assert!(words.as_str().starts_with("Host '10.0.1.7' is blocked"), "{words}");
        for other in
            [&b"HTTP/1.1 400"[..], b"220 mail", b"\0\0\0\0", b"\x01\0\0\0\x0a", b"\x03\0\0\x07\x0aa\0"]
        {
            let turn = Mysql::new(true).hear(other);
            assert_eq!(turn, Turn::another(other), "{other:?}");
        }
    }
}
