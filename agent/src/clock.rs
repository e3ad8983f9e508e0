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

/// A time as Prometheus has it: seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this era are exact")]
pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
