//! Snapshots of the live world, written so that none is ever half one.
//!
//! [`live`] reads the accounts, [`files`] says in which files a snapshot's documents lie, [`writer`] takes documents by
//! their file names and puts them in place of the snapshot before, in one step. [`redact`] makes one that can be
//! shown to others.

mod files;
mod live;
mod redact;
mod writer;

pub(crate) use files::write_snapshot;
pub(crate) use live::{Wanted, credentials_seen, merge, read_heroku, report_gap, unread};
pub(crate) use redact::redact;
pub(crate) use writer::{NotReplaced, SnapshotWriter};
