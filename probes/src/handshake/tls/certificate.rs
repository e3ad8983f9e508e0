//! What a certificate says of itself: its validity and its names.
//!
//! The library that judges certificates keeps both to itself. They are read here by their place in DER (X.690;
//! RFC 5280, section 4.1), and judged nowhere.

use std::net::IpAddr;

use peerscope_vocabulary::{CERTIFICATE_NAMES_KEPT, CertificateFacts, ServerText};

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// Tags of the names of a subject: a name of the DNS, an address.
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;

/// The object identifier of the subject's alternative names, 2.5.29.17.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// Reads a certificate, given in DER; none where it is none.
pub fn read(der: &[u8]) -> Option<CertificateFacts> {
    let certificate = Reader(der).expect(SEQUENCE)?;
    let mut body = Reader(Reader(certificate).expect(SEQUENCE)?);
    if body.peek() == Some(VERSION) {
        body.next()?;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        body.next()?;
    }
    let mut validity = Reader(body.expect(SEQUENCE)?);
    let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
    let names = extensions(body).and_then(alternative_names).unwrap_or_default();
    Some(CertificateFacts { not_before, not_after, names })
}

/// DER that is still to be read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if bytes.is_empty() || bytes.len() > 3 {
                return None;
            }
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, where it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

/// The extensions of what follows a certificate's validity.
fn extensions(mut body: Reader<'_>) -> Option<Reader<'_>> {
    loop {
        let (tag, content) = body.next()?;
        if tag == EXTENSIONS {
            return Reader(content).expect(SEQUENCE).map(Reader);
        }
    }
}

fn alternative_names(mut extensions: Reader<'_>) -> Option<Vec<ServerText>> {
    loop {
        let mut extension = Reader(extensions.expect(SEQUENCE)?);
        if extension.expect(OBJECT)? != ALTERNATIVE_NAMES {
            continue;
        }
        // Whether it is critical may stand between.
        let value = loop {
            let (tag, content) = extension.next()?;
            if tag == OCTETS {
                break content;
            }
        };
        let mut found = Reader(Reader(value).expect(SEQUENCE)?);
        let mut names = Vec::new();
        while let Some((tag, content)) = found.next().filter(|_| names.len() < CERTIFICATE_NAMES_KEPT) {
            names.extend(name(tag, content));
        }
        return Some(names);
    }
}

fn name(tag: u8, content: &[u8]) -> Option<ServerText> {
    match tag {
        DNS_NAME => Some(ServerText::new(content)),
        ADDRESS => {
            let ipv4 = <[u8; 4]>::try_from(content).map(IpAddr::from);
            let address = ipv4.or_else(|_| <[u8; 16]>::try_from(content).map(IpAddr::from)).ok()?;
            Some(ServerText::new(address.to_string().as_bytes()))
        }
        _ => None,
    }
}

/// Seconds since 1970 of `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn time((tag, content): (u8, &[u8])) -> Option<i64> {
    let digits = content.strip_suffix(b"Z")?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })
    };
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2])?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
        _ => return None,
    };
    let mut parts = rest.chunks_exact(2).map(number);
    let mut next = || parts.next().flatten();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days since 1970 in the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    of_years + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "240229235959Z", Some(1_709_251_199)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "20500101000000Z", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "70010100000xZ", None),
            (UTC_TIME, "700101000000", None),
        ] {
            assert_eq!(time((tag, text.as_bytes())), seconds, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
            let wrapped = [&[0x30, 0x82, 1, 0, 0x30, 0x81, 0xf0][..], &bytes].concat();
            read(&wrapped);
            time((UTC_TIME, &bytes));
        }
    }
}
