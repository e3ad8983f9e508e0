//! Snapshots of the live world, written so that none is ever half one.
//!
//! [`live`] reads the accounts, [`aws`] those of AWS, [`files`] says in which files a snapshot's documents lie, [`writer`] takes documents by
//! their file names and puts them in place of the snapshot before, in one step. [`redact`] makes one that can be
//! shown to others.

mod aws;
mod files;
mod live;
mod redact;
mod writer;

pub(crate) use files::write_snapshot;
pub(crate) use live::{Live, NotRead, Wanted, credentials_seen, merge, read_accounts, report_gap};
pub(crate) use redact::redact;
pub(crate) use writer::{NotReplaced, SnapshotWriter};
