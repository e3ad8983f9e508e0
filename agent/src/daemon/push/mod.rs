//! What the daemon sends by itself, for whoever cannot ask it: metrics by Prometheus remote write and in the log, and each
//! change of a verdict with its explanation.
//!
//! Whoever receives may be slow, or gone for hours. So what is to be sent waits in a `queue.rs` of a bounded size, from
//! which the oldest is dropped, and counted, when it is full; `deliver.rs` sends one after the other, and nobody else
//! waits for that.

mod counts;
mod deliver;
mod l2met;
mod otlp;
mod queue;
mod remote_write;
mod series;
mod wire;

use std::sync::{Arc, OnceLock};

pub(super) use self::counts::{Counts, Dropped};
use self::deliver::deliver;
pub(super) use self::otlp::VerdictLog;
use self::otlp::{Collector, MOST_RECORDS};
use self::remote_write::RemoteWrite;
use super::Shared;
use super::configuration::Document;
use crate::exit::Failure;

/// What was sent, and what waits, for `/metrics`; nothing of what is not configured.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    /// Samples by remote write.
    pub(super) samples: OnceLock<Arc<Counts>>,
    /// Records of logs.
    pub(super) records: OnceLock<Arc<Counts>>,
}

/// Something that goes on beside the probing.
pub(super) type Work = Box<dyn FnOnce(&Shared) -> Result<(), Failure> + Send>;

/// What is to go on, of what is configured.
///
/// # Errors
/// Where a certificate, a key or an authority's file is none.
pub(super) fn work(document: &Document, pushed: &Pushed, told: &VerdictLog) -> Result<Vec<Work>, Failure> {
    let mut work: Vec<Work> = Vec::new();
    if let Some(section) = &document.remote_write {
        let usage = |error: String| Failure::usage(format!("run: remote_write: {error}"));
        let remote_write = Arc::new(RemoteWrite::new(section).map_err(usage)?);
        _ = pushed.samples.set(remote_write.queue.counts());
        let sampling = Arc::clone(&remote_write);
        work.push(Box::new(move |shared| {
            sampling.sample(&shared.board, &shared.stop);
            Ok(())
        }));
        work.push(Box::new(move |shared| {
            deliver(&remote_write.queue, 1, "remote_write", &shared.log, |requests, within| {
                remote_write.send(requests, within)
            });
            Ok(())
        }));
    }
    if let (Some(section), Some(queue)) = (&document.otlp_logs, told.queue()) {
        let usage = |error: String| Failure::usage(format!("run: otlp_logs: {error}"));
        let collector = Collector::new(section).map_err(usage)?;
        _ = pushed.records.set(queue.counts());
        let waiting = Arc::clone(&queue);
        work.push(Box::new(move |shared| {
            deliver(&queue, MOST_RECORDS, "otlp_logs", &shared.log, |records, within| {
                collector.send(&shared.board.source, records, within)
            });
            Ok(())
        }));
        work.push(Box::new(move |shared| {
            shared.stop.wait();
            waiting.close();
            Ok(())
        }));
    }
    if document.log_metrics {
        let interval = document.log_metrics_interval.0;
        work.push(Box::new(move |shared| {
            l2met::run(&shared.board, interval, &shared.stop);
            Ok(())
        }));
    }
    Ok(work)
}
