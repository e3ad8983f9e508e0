//! When a snapshot was taken.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use peerscope_document::id::{AccountId, Region};
use peerscope_document::{CollectedCall, CollectedSpace, CollectionGap, Manifest};
use serde::{Deserialize, Deserializer, de};

use super::note::Note;

/// What the schema of a manifest begins with, in this version of it or another.
pub(super) const SCHEMA_PREFIX: &str = "peerscope/snapshot/";

/// A manifest whose time has been read where it stands, so that an error names the place.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DatedManifest {
    schema: String,
    #[serde(deserialize_with = "timestamp")]
    at: (Timestamp, String),
    #[serde(default)]
    spaces: Vec<CollectedSpace>,
    #[serde(default)]
    accounts: Vec<AccountId>,
    #[serde(default)]
    regions: Vec<Region>,
    #[serde(default)]
    calls: Vec<CollectedCall>,
    #[serde(default)]
    gaps: Vec<CollectionGap>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    redacted: bool,
}

impl From<DatedManifest> for Manifest {
    fn from(dated: DatedManifest) -> Self {
        let DatedManifest { schema, at, spaces, accounts, regions, calls, gaps, files, redacted } = dated;
        Self { schema, at: at.1, spaces, accounts, regions, calls, gaps, files, redacted }
    }
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Timestamp, String), D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse() {
        Ok(at) => Ok((at, text)),
        Err(_) => Err(de::Error::custom("expected a time (RFC 3339) such as 2026-11-22T10:00:00Z")),
    }
}

/// The manifests of all paths.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    all: Vec<(PathBuf, DatedManifest)>,
}

impl Manifests {
    pub(super) fn add(&mut self, file: &Path, manifests: Vec<DatedManifest>) {
        self.all.extend(manifests.into_iter().map(|manifest| (file.to_path_buf(), manifest)));
    }

    /// The oldest manifest: an answer from several snapshots is as stale as the oldest of them.
    pub(super) fn resolve(self, notes: &mut Vec<Note>) -> Option<Manifest> {
        let oldest = self.all.iter().map(|(_, manifest)| manifest.at.0).min()?;
        let mut chosen: Option<Manifest> = None;
        let mut gaps = Vec::new();
        for (file, manifest) in self.all {
            // What one collection could not read is missing, whichever tells the age.
            gaps.extend(manifest.gaps.iter().filter(|gap| !gaps.contains(*gap)).cloned().collect::<Vec<_>>());
            if manifest.at.0 != oldest {
                let reason = "another manifest is older, and the oldest tells the age of them all";
                notes.push(Note::passed_over(&file, "a manifest", reason));
            } else if chosen.is_none() {
                chosen = Some(manifest.into());
            }
        }
        chosen.map(|chosen| Manifest { gaps, ..chosen })
    }
}
