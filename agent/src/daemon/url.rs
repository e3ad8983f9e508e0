//! Names in URLs: read as they were meant, and written so that nothing of them is taken for anything else.

/// A part of a URL's path as it was meant; nothing where it is no UTF-8, percent-encoded.
pub(super) fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(rest.next())? * 16 + digit(rest.next())?);
    }
    String::from_utf8(bytes).ok()
}

/// The keys and values of a query, as a form writes them. What cannot be read is passed over.
pub(super) fn decoded_query(query: &str) -> impl Iterator<Item = (String, String)> {
    let meant = |part: &str| decoded(&part.replace('+', " "));
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        Some((meant(key)?, meant(value)?)).filter(|(key, _)| !key.is_empty())
    })
}

/// A part of a URL, as `encodeURIComponent` writes it.
pub(super) fn encoded(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["orders-db", "a b", "<b>\"&'", "日本\u{202e}", "100%", "a/b?c#d", "+"] {
            assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
            let query = format!("{}={}", encoded(text), encoded(text));
            let expected = (text.to_string(), text.to_string());
            assert_eq!(decoded_query(&query).collect::<Vec<_>>(), [expected]);
        }
        for broken in ["%", "%1", "%zz", "%ff", "%c3%28"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
        assert_eq!(decoded_query("a=b&&x&=y&%ff=1&c=d+e").count(), 2);
    }
}
