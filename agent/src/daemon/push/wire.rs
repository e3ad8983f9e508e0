//! The messages of Prometheus remote write 1.0, by the field numbers of its specification ("Prometheus Remote-Write 1.0
//! specification", section Protocol).

use prost::Message;

/// A request.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    /// The series that it has samples of.
    #[prost(message, repeated, tag = "1")]
    pub(super) series: Vec<TimeSeries>,
}

/// Samples of one series.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    /// Its labels, in the order of their names; the metric's name is one.
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    /// Its samples, in the order of their times.
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
}

/// A label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Message)]
pub(super) struct Label {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// A value at a time.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    /// The time, in milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

/// The value by whose bits a series is said to be over (the same specification, "Stale markers").
pub(super) fn stale() -> f64 {
    f64::from_bits(0x7ff0_0000_0000_0002)
}
