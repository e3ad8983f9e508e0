//! Kafka: ApiVersions, which a broker answers before anybody has logged in (Apache Kafka protocol guide,
//! "ApiVersions API", version 0).
//!
//! Where much is to be carried, it is version 3, whose requests may carry fields that a broker does not know and passes
//! over (KIP-482). A broker that knows no version 3 says so in the form of version 0, which is an answer as well.

use peerscope_vocabulary::{HandshakeEnd, HandshakeStep, ProtocolAnswer, ServerText};

use super::{Dialogue, LONGEST_ANSWER, Turn};

/// ApiVersions' number.
const API_VERSIONS: i16 = 18;

/// Carried back by the response.
const CORRELATION: i32 = 0x7065_6572;

/// Who asks.
const CLIENT: &[u8] = b"peerscope";

/// The bytes of a response after its size and before its list: correlation, error, the list's length.
const FIXED: usize = 10;

/// The bytes of an entry of the list: an API, its lowest and its highest version.
const ENTRY: usize = 6;

/// The number of a field that no version of the protocol has.
const UNKNOWN_FIELD: usize = 0x7065;

/// Kafka's handshake.
#[derive(Debug)]
pub(super) struct Kafka {
    /// How long the field of no meaning is; none where it is zero.
    padding: usize,
}

impl Kafka {
    /// A request of so many bytes at the least.
    pub(super) fn padded(padding: usize) -> Self {
        Self { padding }
    }

    /// ApiVersions 3 after its client's name: no field of the header, name and version of the client, and a field that
    /// nobody knows.
    fn padded_body(&self) -> Vec<u8> {
        let mut body = vec![0];
        for text in [CLIENT, env!("CARGO_PKG_VERSION").as_bytes()] {
            body.extend(varint(text.len() + 1));
            body.extend_from_slice(text);
        }
        for number in [1, UNKNOWN_FIELD, self.padding] {
            body.extend(varint(number));
        }
        body.resize(body.len() + self.padding, 0);
        body
    }
}

/// A number as version 3 writes it: seven bits a byte, the low ones first.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The number at the beginning of these bytes, as [`varint`] writes it.
fn read_varint(bytes: &[u8]) -> Option<u32> {
    let end = bytes.iter().take(4).position(|byte| byte & 0x80 == 0)?;
    let bytes = bytes.get(..=end)?.iter().rev();
    Some(bytes.fold(0, |number, byte| (number << 7) | u32::from(byte & 0x7f)))
}

impl Dialogue for Kafka {
    fn opening(&self) -> Vec<u8> {
        let length = i16::try_from(CLIENT.len()).unwrap_or_default();
        let (version, body) = match self.padding {
            0 => (0_i16, Vec::new()),
            _ => (3, self.padded_body()),
        };
        let request = [
            &API_VERSIONS.to_be_bytes()[..],
            &version.to_be_bytes(),
            &CORRELATION.to_be_bytes(),
            &length.to_be_bytes(),
            CLIENT,
            &body,
        ]
        .concat();
        let size = u32::try_from(request.len()).unwrap_or_default();
        [&size.to_be_bytes()[..], &request].concat()
    }

    fn step(&self) -> HandshakeStep {
        HandshakeStep::Reply
    }

    fn hear(&mut self, bytes: &[u8]) -> Turn {
        let Some((size, rest)) = bytes.split_first_chunk() else { return Turn::Wait };
        let size = u32::from_be_bytes(*size) as usize;
        if !(FIXED..=LONGEST_ANSWER).contains(&size) {
            return Turn::another(bytes);
        }
        match rest.split_first_chunk() {
            None => return Turn::Wait,
            Some((correlation, _)) if i32::from_be_bytes(*correlation) != CORRELATION => {
                return Turn::another(bytes);
            }
            Some(_) => {}
        }
        let Some(response) = rest.get(..size) else { return Turn::Wait };
        end(response, self.padding > 0).map_or_else(|| Turn::another(bytes), Turn::over)
    }
}

/// What a complete response says, of version 3 or 0.
fn end(response: &[u8], is_padded: bool) -> Option<HandshakeEnd> {
    let (fixed, list) = response.split_first_chunk::<FIXED>()?;
    let [_, _, _, _, high, low, count @ ..] = fixed;
    let error = i16::from_be_bytes([*high, *low]);
    if error != 0 {
        let code = Some(ServerText::new(error.to_string().as_bytes()));
        return Some(HandshakeEnd::Refused { code, words: ServerText::default() });
    }
    if is_padded {
        // One more than there are, so that none is told apart from null.
        let apis = read_varint(response.get(FIXED - count.len()..)?)?.checked_sub(1)?;
        return Some(HandshakeEnd::Answered { answer: ProtocolAnswer::Kafka { apis } });
    }
    let apis = u32::from_be_bytes(*count);
    let answer = ProtocolAnswer::Kafka { apis };
    (list.len() == (apis as usize).checked_mul(ENTRY)?).then_some(HandshakeEnd::Answered { answer })
}

/// A response with two APIs.
#[cfg(test)]
pub(super) const RECORDED_RESPONSE: &[u8] = b"\0\0\0\x16peer\0\0\0\0\0\x02\0\0\0\0\0\x09\0\x12\0\0\0\x03";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_specifications() {
        assert_eq!(Kafka::padded(0).opening(), b"\0\0\0\x13\0\x12\0\0peer\0\x09peerscope");
    }

    #[test]
    fn a_response_is_told_once_it_is_complete() {
        for length in 1..RECORDED_RESPONSE.len() {
            assert_eq!(Kafka::padded(0).hear(&RECORDED_RESPONSE[..length]), Turn::Wait, "{length}");
        }
        assert_eq!(
            Kafka::padded(0).hear(RECORDED_RESPONSE),
            Turn::answered(ProtocolAnswer::Kafka { apis: 2 }, &[])
        );
        let refused = Kafka::padded(0).hear(b"\0\0\0\x0apeer\0\x23\0\0\0\0");
        let code = Some(ServerText::new(b"35"));
        assert_eq!(refused, Turn::over(HandshakeEnd::Refused { code, words: ServerText::default() }));
        for other in [
            &b"HTTP/1.1 400"[..],
            b"\0\0\0\x0apeex\0\0\0\0\0\0",
            b"\0\0\0\x0apeer\0\0\0\0\0\x01",
            b"\0\0\0\x0apeer\0\0\xff\xff\xff\xff",
            b"\0\0\0\x02pe",
        ] {
            assert_eq!(Kafka::padded(0).hear(other), Turn::another(other), "{other:?}");
        }
    }

    #[test]
    fn a_padded_request_is_version_3_with_a_field_that_nobody_knows() {
        let version = env!("CARGO_PKG_VERSION");
        let request = Kafka::padded(300).opening();
        let rest = request.strip_prefix(&u32::try_from(request.len() - 4).unwrap().to_be_bytes()).unwrap();
        let rest = rest.strip_prefix(b"\0\x12\0\x03peer\0\x09peerscope\0\x0apeerscope").unwrap();
        let rest = rest.strip_prefix(&[&[version.len() as u8 + 1], version.as_bytes()].concat()[..]).unwrap();
        assert_eq!(rest.strip_prefix(b"\x01\xe5\xe0\x01\xac\x02").unwrap(), [0; 300]);
        for number in [0, 1, 127, 128, 300, 0x7065, 16_384] {
            assert_eq!(read_varint(&varint(number)), u32::try_from(number).ok());
        }
    }

    #[test]
    fn a_response_of_version_3_is_told_too_and_a_refusal_of_it() {
        let mut kafka = Kafka::padded(300);
        let response = b"\0\0\0\x1apeer\0\0\x03\0\0\0\0\0\x09\0\0\x12\0\0\0\x03\0\0\0\0\0\0";
        assert_eq!(kafka.hear(response), Turn::answered(ProtocolAnswer::Kafka { apis: 2 }, &[]));
        let code = Some(ServerText::new(b"35"));
        let refused = kafka.hear(b"\0\0\0\x10peer\0\x23\0\0\0\x01\0\x12\0\0\0\x02");
        assert_eq!(refused, Turn::over(HandshakeEnd::Refused { code, words: ServerText::default() }));
    }
}
