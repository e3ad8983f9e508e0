//! What a snapshot holds that the answer does not rest on.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::escape::{escape, escape_os};

/// Something that was passed over: a gap of the report, with the file that would have filled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Where it lies.
    pub(crate) file: PathBuf,
    /// What was passed over.
    pub(crate) what: String,
    /// Why.
    pub(crate) reason: String,
    /// What it would have told.
    pub(crate) would_tell: &'static str,
}

impl Note {
    /// A document of another kind, or of none.
    pub(super) fn unrecognised(file: &Path, what: &str) -> Self {
        Self {
            file: file.to_path_buf(),
            what: what.to_owned(),
            reason: "it is no AWS or Heroku document that peerscope knows".to_owned(),
            would_tell: "nothing, unless it was meant to be one of these documents",
        }
    }

    /// A document or file that is not read.
    pub(super) fn passed_over(file: &Path, what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            what: what.into(),
            reason: reason.into(),
            would_tell: "whatever of the configuration it holds",
        }
    }

    /// A list whose author stopped before its end.
    pub(super) fn incomplete(file: &Path) -> Self {
        Self {
            file: file.to_path_buf(),
            what: "the rest of a list".to_owned(),
            reason: "the document ends with a NextToken: only its first pages were saved".to_owned(),
            would_tell: "the resources that were not saved, among which may be the one that matters",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = escape_os(self.file.as_os_str());
        write!(formatter, "{file}: {} passed over: {}", escape(&self.what), escape(&self.reason))
    }
}
