//! The calendar time, read once a run and handed on as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Now, in whole milliseconds. jiff itself reads no clock here: its `std` feature stays off, so that
/// it never reaches the analysis.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis())
        .ok()
        .and_then(|since| Timestamp::from_millisecond(since).ok())
        .unwrap_or_default()
}
