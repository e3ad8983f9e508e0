//! Whether an answer is as it should be.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder};

use super::super::super::configuration::modules::{HeaderMatch, Pattern};
use super::super::tcp::FAILED_DUE_TO_REGEX;
use super::super::{Probe, Stopped};
use super::Came;
use super::message::{Answer, LONGEST_BODY, TOO_LONG};

/// Whether it is, which its body tells without its compression.
pub(super) fn judge(probe: &mut Probe<'_>, came: &Came) -> Result<(), Stopped> {
    let module = &probe.module.http;
    let Some(answer) = &came.answer else { return Err(Stopped::Failed) };
    let is_valid = match module.valid_status_codes.as_slice() {
        [] => (200..300).contains(&answer.status),
        codes => codes.contains(&answer.status),
    };
    if !is_valid {
        return probe.fail(&format!("the status {} is not one that is well", answer.status));
    }
    let body = String::from_utf8_lossy(&came.body);
    let has = |pattern: &Pattern| pattern.0.is_match(&body);
    // What is not compressed as was said is no body that an expression could decide on.
    let of_body = |patterns: &[Pattern]| if came.is_other { Vec::new() } else { patterns.to_vec() };
    let none = of_body(&module.fail_if_body_matches_regexp);
    let every = of_body(&module.fail_if_body_not_matches_regexp);
    let told = if module.fail_if_header_matches.iter().any(|one| matches(answer, one, true)) {
        Some("a header has what none may have")
    } else if module.fail_if_header_not_matches.iter().any(|one| !matches(answer, one, false)) {
        Some("a header has not what it must have")
    } else if came.is_unreadable() && !(none.is_empty() && every.is_empty()) {
        Some("what the body has is not known")
    } else if none.iter().any(has) {
        Some("the body has what none may have")
    } else if every.iter().any(|pattern| !has(pattern)) {
        Some("the body has not what it must have")
    } else {
        None
    };
    if let Some(told) = told {
        probe.page.put("probe_failed_due_to_regex", FAILED_DUE_TO_REGEX, 1.0);
        return probe.fail(told);
    }
    if let Some(failure) = &came.failure {
        return probe.fail(&format!("the answer's body: {failure}"));
    }
    if !module.valid_http_versions.is_empty()
        && !module.valid_http_versions.iter().any(|one| *one == answer.version())
    {
        return probe.fail(&format!("{} is not a version that is well", answer.version()));
    }
    match (came.is_secured, module.fail_if_ssl, module.fail_if_not_ssl) {
        (true, true, _) => probe.fail("it is by TLS"),
        (false, _, true) => probe.fail("it is not by TLS"),
        _ => Ok(()),
    }
}

/// Whether a header has something. One that is missing has it unless that is allowed.
fn matches(answer: &Answer, wanted: &HeaderMatch, is_bad: bool) -> bool {
    let mut values = answer.headers(&wanted.header).peekable();
    if values.peek().is_none() {
        // What may be missing is well: neither has it what it may not, nor lacks it what it must have.
        return if is_bad { !wanted.allow_missing } else { wanted.allow_missing };
    }
    values.any(|value| wanted.regexp.0.is_match(value))
}

/// The most bytes of a body.
pub(super) fn most(limit: u64) -> u64 {
    if limit == 0 { LONGEST_BODY } else { limit.min(LONGEST_BODY) }
}

/// A body without its compression, as much of it as there is, and what is wrong with the rest.
pub(super) fn unpacked(compression: &str, body: &[u8], most: u64) -> (Vec<u8>, io::Result<()>) {
    let mut unpacked = Vec::new();
    let mut read = |from: &mut dyn Read| from.take(most.saturating_add(1)).read_to_end(&mut unpacked);
    let read = if compression == "gzip" {
        read(&mut MultiGzDecoder::new(body))
    } else {
        read(&mut DeflateDecoder::new(body))
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let ended = match read {
        Ok(_) if unpacked.len() > most => Err(io::Error::other(TOO_LONG)),
        Ok(_) if body.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    unpacked.truncate(most);
    (unpacked, ended)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_is_small_when_it_comes_may_not_become_large() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![0; 1 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        let (body, ended) = unpacked("gzip", &packed, 1000);
        assert!(body.len() == 1000 && ended.is_err());
        let (body, ended) = unpacked("gzip", &packed, 1 << 20);
        assert!(body.len() == 1 << 20 && ended.is_ok());
        for wrong in [&packed[..packed.len() / 2], b"hello", b""] {
            assert!(
                unpacked("gzip", wrong, 1 << 20).1.is_err() && unpacked("deflate", wrong, 1000).1.is_err()
            );
        }
    }
}
