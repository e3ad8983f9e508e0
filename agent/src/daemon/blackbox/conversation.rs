//! What is said over a connection, line by line.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::tcp::FAILED_DUE_TO_REGEX;
use super::wire::Wire;
use super::{Probe, Stopped};

/// The longest line that is waited for.
const LONGEST_LINE: u64 = 64 << 10;
/// The most lines that are read for one that is expected.
const MOST_LINES: usize = 1000;

/// Holds the module's conversation; gives the connection back where it is still to be ended.
pub(super) fn converse(probe: &mut Probe<'_>, wire: Wire, host: &str) -> (Option<Wire>, Result<(), Stopped>) {
    let module = probe.module;
    let mut reader = BufReader::new(wire);
    for (index, exchange) in module.tcp.query_response.iter().enumerate() {
        let mut send = exchange.send.as_ref().map(|line| line.0.clone());
        if let Some(expected) = &exchange.expect {
            let heard = match line_like(&mut reader, &expected.0) {
                Ok(heard) => heard,
                Err(error) => {
                    let failed = probe.fail(&format!("step {index}: {error}"));
                    return (Some(reader.into_inner()), failed);
                }
            };
            let Some(heard) = heard else {
                probe.page.put("probe_failed_due_to_regex", FAILED_DUE_TO_REGEX, 1.0);
                let failed = probe.fail(&format!("step {index}: no line is as expected"));
                return (Some(reader.into_inner()), failed);
            };
            if let (Some(template), Some(found)) = (&exchange.send, expected.0.captures(&heard)) {
                let mut filled = String::new();
                found.expand(&template.0, &mut filled);
                send = Some(filled);
            }
        }
        if let Some(line) = send {
            // What is sent may be a secret of the module's.
            probe.say(&format!("step {index}: sending"));
            if let Err(error) = reader.get_mut().write_all(format!("{line}\n").as_bytes()) {
                let failed = probe.fail(&format!("step {index}: {error}"));
                return (Some(reader.into_inner()), failed);
            }
        }
        if exchange.starttls {
            match reader.into_inner().secure(host, &module.tcp.tls_config, &mut probe.page) {
                Ok(secured) => reader = BufReader::new(secured),
                Err(error) => return (None, probe.fail(&format!("step {index}: TLS: {error}"))),
            }
        }
    }
    (Some(reader.into_inner()), Ok(()))
}

/// The first line that has what is expected; none where the other side ends before.
fn line_like(reader: &mut BufReader<Wire>, expected: &regex::Regex) -> io::Result<Option<String>> {
    for _ in 0..MOST_LINES {
        let mut line = Vec::new();
        reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\n').trim_end_matches('\r');
        if expected.is_match(line) {
            return Ok(Some(line.to_string()));
        }
    }
    Ok(None)
}
