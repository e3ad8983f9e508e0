//! How calls are made: few at a time, none after the deadline, each counted, and each failure a gap.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use peerscope_document::{CollectedCall, CollectionGap};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use crate::call::Call;

/// How many calls are under way at a time: AWS throttles who asks for more (EC2 API reference, "Request throttling").
const AT_A_TIME: usize = 8;

/// Counts requests by operation, repetitions and pages too, and remembers how the last failed: the SDK tells it only
/// when it gives up, and the deadline may come before.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<Mutex<BTreeMap<String, Requested>>>);

#[derive(Clone, Debug, Default)]
struct Requested {
    count: u32,
    failed: Option<Failure>,
}

impl Requests {
    fn of(&self, call: Call) -> Requested {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get(call.operation()).cloned().unwrap_or_default()
    }

    fn remember(&self, cfg: &ConfigBag, note: impl FnOnce(&mut Requested)) {
        if let Some(operation) = cfg.load::<Metadata>() {
            let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            note(requests.entry(operation.name().to_string()).or_default());
        }
    }
}

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "Requests"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.remember(cfg, |requested| requested.count += 1);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = match context.output_or_error() {
            Some(Err(error)) => Failure::of_attempt(error, context.response()),
            _ => None,
        };
        self.remember(cfg, |requested| requested.failed = failed);
        Ok(())
    }
}

/// Asks one account in one Region.
pub(super) struct Asking {
    /// Counts the requests of all clients.
    pub(super) requests: Requests,
    /// The account and the Region, in words: `account 111122223333 in us-east-1`.
    place: String,
    deadline: Instant,
    /// When the part of the reading that is under way must be done.
    part_ends: Mutex<Instant>,
    in_flight: Semaphore,
    /// What each call came to, a failure before a success.
    outcomes: Mutex<BTreeMap<Call, Option<Failure>>>,
}

impl fmt::Debug for Asking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Asking").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Asking {
    /// Asks at a place until a deadline.
    pub(super) fn new(place: String, deadline: Instant) -> Self {
        Self {
            requests: Requests::default(),
            place,
            deadline,
            part_ends: Mutex::new(deadline),
            in_flight: Semaphore::new(AT_A_TIME),
            outcomes: Mutex::default(),
        }
    }

    /// The account and the Region, in words.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Begins a part of the reading, which may take a share of the time that is left: a call that is never answered
    /// leaves the rest to the parts after it.
    pub(super) fn begin_part(&self, share: f64) {
        let now = Instant::now();
        let ends = now + self.deadline.saturating_duration_since(now).mul_f64(share);
        *self.part_ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }

    /// Makes a call, all its pages. `None` where it failed, which is remembered.
    pub(super) async fn ask<T>(
        &self,
        call: Call,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Option<T> {
        let permitted = async {
            // Nobody closes the semaphore.
            let _permit = self.in_flight.acquire().await;
            asked.await
        };
        let ends = *self.part_ends.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = timeout_at(ends, permitted).await;
        let outcome = outcome.unwrap_or_else(|_| {
            Err(self.requests.of(call).failed.map_or(Failure::Deadline, Failure::until_the_deadline))
        });
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(answer) => {
                outcomes.entry(call).or_insert(None);
                Some(answer)
            }
            Err(failure) => {
                outcomes.insert(call, Some(failure));
                None
            }
        }
    }

    /// Every call that was made, in the table's order, and a gap for each that failed.
    pub(super) fn told(self) -> (Vec<CollectedCall>, Vec<CollectionGap>) {
        let outcomes = self.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let gaps = outcomes.iter().filter_map(|(call, failure)| {
            let failure = failure.as_ref()?;
            Some(CollectionGap {
                provider: "aws".to_string(),
                kind: if failure.is_permission() { "permission" } else { "document" }.to_string(),
                what: format!("the {} of {}", call.what().trim_start_matches("the "), self.place),
                reason: failure.reason(*call),
                would_tell: call.would_tell().to_string(),
            })
        });
        let gaps = gaps.collect();
        let calls = outcomes.iter().map(|(call, failure)| CollectedCall {
            provider: "aws".to_string(),
            call: format!("{call}, {}", self.place),
            result: failure.as_ref().map_or_else(|| "ok".to_string(), Failure::word),
            requests: self.requests.of(*call).count,
        });
        (calls.collect(), gaps)
    }

    /// Whether the credentials themselves failed, and so every call.
    pub(super) fn credentials_failed(&self) -> Option<Failure> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if outcomes.values().any(Option::is_none) {
            return None;
        }
        outcomes.values().flatten().find(|failure| failure.is_of_credentials()).cloned()
    }
}
