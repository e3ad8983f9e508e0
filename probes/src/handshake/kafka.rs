//! Kafka: ApiVersions, which a broker answers before anybody has logged in (Apache Kafka protocol guide,
//! "ApiVersions API", version 0).

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

/// Kafka's handshake.
#[derive(Debug)]
pub(super) struct Kafka;

impl Dialogue for Kafka {
    fn opening(&self) -> Vec<u8> {
        let length = i16::try_from(CLIENT.len()).unwrap_or_default();
        let request = [
            &API_VERSIONS.to_be_bytes()[..],
            &0_i16.to_be_bytes(),
            &CORRELATION.to_be_bytes(),
            &length.to_be_bytes(),
            CLIENT,
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
        end(response).map_or_else(|| Turn::another(bytes), Turn::over)
    }
}

/// What a complete response says.
fn end(response: &[u8]) -> Option<HandshakeEnd> {
    let (fixed, list) = response.split_first_chunk::<FIXED>()?;
    let [_, _, _, _, high, low, count @ ..] = fixed;
    let error = i16::from_be_bytes([*high, *low]);
    if error != 0 {
        let code = Some(ServerText::new(error.to_string().as_bytes()));
        return Some(HandshakeEnd::Refused { code, words: ServerText::default() });
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
        assert_eq!(Kafka.opening(), b"\0\0\0\x13\0\x12\0\0peer\0\x09peerscope");
    }

    #[test]
    fn a_response_is_told_once_it_is_complete() {
        for length in 1..RECORDED_RESPONSE.len() {
            assert_eq!(Kafka.hear(&RECORDED_RESPONSE[..length]), Turn::Wait, "{length}");
        }
        assert_eq!(Kafka.hear(RECORDED_RESPONSE), Turn::answered(ProtocolAnswer::Kafka { apis: 2 }, &[]));
        let refused = Kafka.hear(b"\0\0\0\x0apeer\0\x23\0\0\0\0");
        let code = Some(ServerText::new(b"35"));
        assert_eq!(refused, Turn::over(HandshakeEnd::Refused { code, words: ServerText::default() }));
        for other in [
            &b"HTTP/1.1 400"[..],
            b"\0\0\0\x0apeex\0\0\0\0\0\0",
            b"\0\0\0\x0apeer\0\0\0\0\0\x01",
            b"\0\0\0\x0apeer\0\0\xff\xff\xff\xff",
            b"\0\0\0\x02pe",
        ] {
            assert_eq!(Kafka.hear(other), Turn::another(other), "{other:?}");
        }
    }
}
