//! Evidence saved where the packets were sent, and read again where the documents are.
//!
//! A dyno has a path and no credentials, a laptop has credentials and no path. So what a diagnosis saw is
//! kept whole (observations, capabilities, vantage, what the DNS said, the snapshot used), and diagnosing it again
//! gives the same report, on whichever machine and day. No credential, database name or query of a URL
//! is in it: they were dropped where the URL was read.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::{SignedDuration, Timestamp};
use peerscope_analysis::diagnose::{Lookup, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Gap, Vantage};
use peerscope_analysis::topology::NetworkId;
use peerscope_document::Snapshot;
use peerscope_vocabulary::{Observation, Spoken};
use serde::{Deserialize, Serialize};

use crate::cli::Keep;
use crate::command::capabilities::CapabilityReport;
use crate::exit::Failure;
use crate::input_error::{InputError, Position};
use crate::output::{print, write_file};
use crate::target::TargetUrl;

/// The value of [`Evidence::schema`].
const SCHEMA: &str = "peerscope/evidence/1";

/// All that one diagnosis saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// [`SCHEMA`]
    pub(crate) schema: String,
    /// The version of peerscope that saved it.
    pub(crate) version: String,
    /// When the diagnosis began.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// What was to be reached: scheme, host and port.
    pub(crate) target: String,
    /// The addresses that the host stood for.
    pub(crate) addresses: Vec<IpAddr>,
    /// What the DNS said, where it was asked.
    pub(crate) lookup: Option<Lookup>,
    /// From where.
    pub(crate) source: SavedSource,
    /// Where the probes were sent from.
    pub(crate) vantage: Vantage,
    /// What the probes saw.
    pub(crate) observations: Vec<Observation>,
    /// What was said beside them, once connected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) spoken: Vec<Spoken>,
    /// What the process could do there; for who reads the evidence, it decides nothing.
    #[serde(default)]
    pub(crate) capabilities: Vec<CapabilityReport>,
    /// What could not be seen.
    pub(crate) gaps: Vec<Gap>,
    /// The documents that were used.
    pub(crate) snapshot: Option<Snapshot>,
}

/// The source of a case, as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedSource {
    /// As the user wrote it, or what was taken in its place.
    input: String,
    /// First and last address of each range.
    ranges: Vec<(IpAddr, IpAddr)>,
    /// Whether the source was known to be in the space.
    in_space: bool,
    /// First and last of the client's ports that the answer is for.
    source_ports: (u16, u16),
}

impl From<&SourceSpec> for SavedSource {
    fn from(source: &SourceSpec) -> Self {
        Self {
            input: source.input.clone(),
            ranges: source.ranges.iter().map(|range| (range.first(), range.last())).collect(),
            in_space: source.network == Some(NetworkId::Space),
            source_ports: (source.source_ports.first(), source.source_ports.last()),
        }
    }
}

impl From<&SavedSource> for SourceSpec {
    fn from(saved: &SavedSource) -> Self {
        let (first, last) = saved.source_ports;
        Self {
            input: saved.input.clone(),
            ranges: saved
                .ranges
                .iter()
                .filter_map(|(first, last)| AddressRange::new(*first, *last))
                .collect(),
            network: saved.in_space.then_some(NetworkId::Space),
            source_ports: PortRange::new(first, last).unwrap_or(PortRange::ALL),
        }
    }
}

impl Evidence {
    /// The schema to save under.
    pub(crate) fn schema() -> String {
        SCHEMA.to_string()
    }

    /// Writes the evidence, to a file whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn save(&self, to: &Keep) -> Result<(), Failure> {
        let internal = |error: serde_json::Error| Failure::Internal(error.to_string());
        match to {
            Keep::File(path) => write_file(path, &serde_json::to_string_pretty(self).map_err(internal)?),
            Keep::StandardOutput => print(&format!("{}\n", serde_json::to_string(self).map_err(internal)?)),
        }
    }

    /// Reads evidence from files and joins it: several dynos may have probed the same target.
    ///
    /// # Errors
    /// Every file that cannot be read, is no evidence, or is of another target than the first.
    pub(crate) fn load(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut errors = Vec::new();
        let mut read: Vec<(Self, &PathBuf)> = Vec::new();
        for path in paths {
            match Self::read(path) {
                Ok(evidence) => read.push((evidence, path)),
                Err(error) => errors.push(error),
            }
        }
        // The earliest one begins; the order of the arguments changes nothing.
        read.sort_by_key(|(evidence, _)| evidence.at);
        let mut read = read.into_iter();
        let Some((mut whole, _)) = read.next() else { return Err(Failure::Input(errors)) };
        for (other, path) in read {
            if other.target == whole.target {
                whole.join(other);
            } else {
                let expected = format!("evidence of {}", whole.target);
                errors.push(InputError::expected(path, expected, format!("evidence of {}", other.target)));
            }
        }
        if errors.is_empty() { Ok(whole) } else { Err(Failure::Input(errors)) }
    }

    fn read(path: &Path) -> Result<Self, InputError> {
        let bytes =
            read_bytes(path).map_err(|error| InputError::new(path, format!("cannot be read: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        let start = beginning(&text);
        let mut deserializer = serde_json::Deserializer::from_str(text.get(start..).unwrap_or_default());
        let evidence: Self = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let place = error.path().to_string();
            let position =
                Position { line: error.inner().line().max(1), column: error.inner().column().max(1) }
                    .after(&text, start);
            let problem = format!("expected evidence that `peerscope why --save` wrote: {}", error.inner());
            InputError::new(path, problem).at(position).in_place(Some(place).filter(|place| place != "."))
        })?;
        if evidence.schema != SCHEMA {
            return Err(InputError::expected(
                path,
                format!("schema {SCHEMA}"),
                format!("{:?}", evidence.schema),
            ));
        }
        match TargetUrl::parse(&evidence.target) {
            Ok(_) => Ok(evidence),
            Err(error) => Err(InputError::new(path, error.problem()).in_place(Some("target".to_string()))),
        }
    }

    /// Adds what was seen from elsewhere, or later.
    fn join(&mut self, other: Self) {
        let later = other.at.duration_since(self.at);
        let later = Duration::try_from(later.max(SignedDuration::ZERO)).unwrap_or_default();
        for address in other.addresses {
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
        for range in other.source.ranges {
            if !self.source.ranges.contains(&range) {
                self.source.ranges.push(range);
            }
        }
        let (first, last) = (self.source.source_ports, other.source.source_ports);
        self.source.source_ports = (first.0.min(last.0), first.1.max(last.1));
        self.source.in_space &= other.source.in_space;
        let before = self.observations.len();
        let moved = |one: Spoken| Spoken { observation: one.observation.saturating_add(before), ..one };
        self.spoken.extend(other.spoken.into_iter().map(moved));
        self.observations.extend(other.observations.into_iter().map(|observation| Observation {
            sent_at: observation.sent_at + later,
            finished_at: observation.finished_at + later,
            ..observation
        }));
        for gap in other.gaps {
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
        self.elapsed = self.elapsed.max(later + other.elapsed);
        self.snapshot = self.snapshot.take().or(other.snapshot);
    }
}

/// What a file holds, or with `-` standard input.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where evidence begins in a text. What carried a line of it from a dyno to here, a remote shell or a log, may
/// have put its own words before it, and others around it.
fn beginning(text: &str) -> usize {
    if text.trim_start().starts_with('{') {
        return 0;
    }
    text.find(r#"{"schema":"peerscope/evidence/"#).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_found_among_the_words_of_who_carried_it() {
        for (text, start) in [
            ("{\"schema\":\"peerscope/evidence/1\"}\n", 0),
            ("\n {\n  \"schema\": \"peerscope/evidence/1\"\n}", 0),
            ("Running it... up, run.1\r\n{\"schema\":\"peerscope/evidence/1\"}\r\nbye", 25),
            ("2026-11-28T10:00:00Z app[run.1]: {\"schema\":\"peerscope/evidence/1\"}", 33),
            ("no evidence at all", 0),
            ("", 0),
        ] {
            assert_eq!(beginning(text), start, "{text:?}");
        }
    }
}
