//! Prometheus remote write 1.0: all series at each interval, and that a series is over where it is.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;

use super::super::board::Board;
use super::super::client::{Client, Credential, Failed};
use super::super::configuration::RemoteWriteSection;
use super::super::metrics;
use super::super::stop::Stop;
use super::queue::{Item, Queue};
use super::series::{Labels, series};
use super::wire::{Sample, TimeSeries, WriteRequest, stale};
use crate::clock;

/// The most samples of a request: what Prometheus itself sends at a time.
const MOST_SAMPLES: usize = 2000;

/// A request as it is sent: compressed, so that much of it can wait in little memory.
pub(super) type Request = Arc<[u8]>;

/// Remote write to one receiver.
pub(super) struct RemoteWrite {
    client: Client,
    interval: Duration,
    /// What waits.
    pub(super) queue: Queue<Request>,
}

impl RemoteWrite {
    /// As it is configured.
    ///
    /// # Errors
    /// Where a certificate, a key or an authority's file is none.
    pub(super) fn new(section: &RemoteWriteSection) -> Result<Self, String> {
        let RemoteWriteSection { basic_auth, bearer_token, bearer_token_file, .. } = section;
        let credential =
            Credential::of(basic_auth.as_ref(), bearer_token.as_ref(), bearer_token_file.as_deref());
        Ok(Self {
            client: Client::new(&section.url, &section.tls, credential, Vec::new())?,
            interval: section.interval.0,
            queue: Queue::new(u64::from(section.queue.samples)),
        })
    }

    /// Puts all series into the queue, at each interval until all is to end; then says that all of them are over.
    pub(super) fn sample(&self, board: &Arc<Board>, stop: &Stop) {
        let mut known = Known::default();
        let begun = Instant::now();
        let mut turns = 0;
        loop {
            let external = [("source", board.source.as_str())];
            self.put(known.next(series(&metrics::families(board), &external), now()));
            // By the clock, so that no delay adds up; what could not be kept is left out.
            while begun.elapsed() >= self.interval * turns {
                turns += 1;
            }
            if stop.sleep((self.interval * turns).saturating_sub(begun.elapsed())) {
                break;
            }
        }
        self.put(known.next(Vec::new(), now()));
        self.queue.close();
    }

    fn put(&self, samples: Vec<TimeSeries>) {
        for part in samples.chunks(MOST_SAMPLES) {
            let newest = part.iter().flat_map(|series| &series.samples).map(|sample| sample.timestamp).max();
            let request = WriteRequest { series: part.to_vec() }.encode_to_vec();
            // The one error is a request of more than 4 GB.
            let Ok(request) = snap::raw::Encoder::new().compress_vec(&request) else { continue };
            self.queue.push(request.into(), part.len() as u64, newest.unwrap_or_default());
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Where the receiver did not take it.
    pub(super) fn send(&self, requests: &[Item<Request>], within: Duration) -> Result<u64, Failed> {
        let headers = [
            ("Content-Encoding", "snappy"),
            ("Content-Type", "application/x-protobuf"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
        ];
        for request in requests {
            self.client.post(&request.content, &headers, within)?;
        }
        Ok(0)
    }
}

fn now() -> i64 {
    clock::now().as_millisecond()
}

/// The series that there were the last time, and when that was.
#[derive(Default)]
struct Known {
    series: Vec<Labels>,
    at: i64,
}

impl Known {
    /// Samples of the series that there are at `now`, and of those that are no more. A clock that was set back leaves time
    /// standing, since no receiver takes what is older than what it has.
    fn next(&mut self, series: Vec<(Labels, f64)>, now: i64) -> Vec<TimeSeries> {
        self.at = now.max(self.at + 1);
        let sample = |labels: Labels, value: f64| TimeSeries {
            labels,
            samples: vec![Sample { value, timestamp: self.at }],
        };
        let there: HashSet<&Labels> = series.iter().map(|(labels, _)| labels).collect();
        let gone: Vec<Labels> =
            std::mem::take(&mut self.series).into_iter().filter(|labels| !there.contains(labels)).collect();
        drop(there);
        self.series = series.iter().map(|(labels, _)| labels.clone()).collect();
        let over = gone.into_iter().map(|labels| sample(labels, stale()));
        series.into_iter().map(|(labels, value)| sample(labels, value)).chain(over).collect()
    }
}

#[cfg(test)]
mod tests;
