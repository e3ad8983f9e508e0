//! Times, lengths of time and states, as people read them.

use std::time::Duration;

use jiff::Timestamp;

use crate::page::Markup;
use crate::text::words::age_words;

/// A time to the second, in UTC.
pub(super) fn time(at: Timestamp) -> Markup {
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Markup::element("time", &[("datetime", &machine)], [Markup::words(&time_words(at))])
}

/// `2026-11-28 14:56:28 UTC`
pub(super) fn time_words(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The same in a column that says that it is UTC.
pub(super) fn time_of_column(at: Timestamp) -> Markup {
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let words = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    Markup::element("time", &[("datetime", &machine)], [Markup::words(&words)])
}

/// `14:56:28`
pub(super) fn hour(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// How long ago something was: `3 min`
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    age_words(now.duration_since(at).as_secs().max(0))
}

/// A round trip: `0.42 ms`, `12.3 ms`, `1.20 s`.
pub(super) fn round_trip(rtt: Duration) -> String {
    let milliseconds = rtt.as_secs_f64() * 1000.0;
    match milliseconds {
        below if below < 0.01 => format!("{:.0} µs", below * 1000.0),
        below if below < 10.0 => format!("{below:.2} ms"),
        below if below < 100.0 => format!("{below:.1} ms"),
        below if below < 1000.0 => format!("{below:.0} ms"),
        above => format!("{:.2} s", above / 1000.0),
    }
}
