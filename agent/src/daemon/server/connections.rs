//! The connections that are held: so many at a time, and so much of answers that their clients have not read.
//!
//! Where there is no room, one goes that waits for its client: the oldest of the address that has most of them. So whoever
//! opens many and says nothing, or reads nothing, takes their own places, and of those who come by one address (a proxy's)
//! whoever says at once what they want has been answered by then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, yield_now};

/// How many are held.
const MOST: usize = 256;
/// How much is kept of answers that are not read yet, over all connections, in units.
const UNREAD: u32 = 64 << 10;
const UNIT: usize = 1 << 10;

/// The connections.
pub(super) struct Connections {
    /// The oldest first.
    held: Mutex<Vec<Held>>,
    unread: Arc<Semaphore>,
    /// Of those that have an answer, or make one at once, one has its turn to keep it.
    turn: tokio::sync::Mutex<()>,
}

struct Held {
    from: IpAddr,
    task: AbortHandle,
    state: Arc<State>,
}

/// How a connection stands.
#[derive(Default)]
pub(super) struct State {
    /// Whether its client may ask, and waits for an answer that is not there yet.
    pub(super) is_answering: AtomicBool,
    /// How many answers its client has not read to the end.
    unread: AtomicUsize,
}

/// An answer, until it is read.
struct Unread {
    bytes: Bytes,
    state: Arc<State>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.state.unread.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Connections {
    fn default() -> Self {
        let unread = usize::try_from(UNREAD).unwrap_or(usize::MAX);
        Self {
            held: Mutex::default(),
            unread: Arc::new(Semaphore::new(unread)),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl Connections {
    /// Holds one that has begun. Where there are too many another ends, or, where all others are being answered, this one.
    pub(super) fn hold(&self, from: IpAddr, task: AbortHandle, state: Arc<State>) {
        let mut held = self.lock();
        held.retain(|one| !one.task.is_finished());
        if held.len() >= MOST && !end_one(&mut held, |state| !state.is_answering.load(Ordering::Relaxed)) {
            return task.abort();
        }
        held.push(Held { from, task, state });
    }

    /// The turn to keep an answer.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// An answer that counts as not read until it is. Where there is no room for it, the oldest goes whose client has not
    /// read theirs.
    pub(super) async fn keep(&self, state: &Arc<State>, bytes: Bytes) -> Bytes {
        let units = u32::try_from(bytes.len().div_ceil(UNIT)).unwrap_or(UNREAD).min(UNREAD);
        let room = loop {
            match Arc::clone(&self.unread).try_acquire_many_owned(units) {
                Ok(room) => break room,
                Err(_) => _ = end_one(&mut self.lock(), |state| state.unread.load(Ordering::Relaxed) > 0),
            }
            // What has been ended is gone once it had its turn.
            yield_now().await;
        };
        state.unread.fetch_add(1, Ordering::Relaxed);
        Bytes::from_owner(Unread { bytes, state: Arc::clone(state), _room: room })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the oldest connection of the address that has most of such a state; false where there is none.
fn end_one(held: &mut Vec<Held>, is_such: impl Fn(&State) -> bool) -> bool {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for one in held.iter().filter(|one| is_such(&one.state)) {
        *counts.entry(one.from).or_default() += 1;
    }
    let Some((most, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else { return false };
    let oldest = held.iter().position(|one| one.from == most && is_such(&one.state));
    oldest.map(|oldest| held.remove(oldest).task.abort()).is_some()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[tokio::test]
    async fn whoever_has_most_makes_room_and_the_oldest_goes_first() {
        let connections = Connections::default();
        let mut tasks = Vec::new();
        let mut hold = |from: u8, is_answering: bool| {
            let (task, state) = (tokio::spawn(std::future::pending::<()>()), State::default());
            state.is_answering.store(is_answering, Ordering::Relaxed);
            connections.hold(address(from), task.abort_handle(), Arc::new(state));
            tasks.push(task);
            tasks.len() - 1
        };
        let alone = hold(1, false);
        let many: Vec<usize> = (1..MOST).map(|index| hold(2, index <= 3)).collect();
        hold(3, false);
        // The first three are being answered.
        let ended: Vec<usize> = settled(&tasks).await;
        assert_eq!(ended, [many[3]]);
        assert!(!tasks[alone].is_finished());
    }

    #[tokio::test]
    async fn where_all_are_being_answered_the_newest_goes() {
        let connections = Connections::default();
        let mut tasks = Vec::new();
        for _ in 0..=MOST {
            let (task, state) = (tokio::spawn(std::future::pending::<()>()), State::default());
            state.is_answering.store(true, Ordering::Relaxed);
            connections.hold(address(1), task.abort_handle(), Arc::new(state));
            tasks.push(task);
        }
        assert_eq!(settled(&tasks).await, [MOST]);
    }

    #[tokio::test]
    async fn there_is_room_for_an_answer_once_it_is_read_or_its_reader_ended() {
        let connections = Arc::new(Connections::default());
        let whole = Bytes::from(vec![0; UNIT * 40_000]);
        let state = Arc::new(State::default());
        let kept = connections.keep(&state, whole.clone()).await;
        let task = tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(kept);
        });
        connections.hold(address(1), task.abort_handle(), Arc::clone(&state));
        let other = Arc::new(State::default());
        let kept = connections.keep(&other, whole.clone()).await;
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(state.unread.load(Ordering::Relaxed), 0);
        drop(kept);
        // What is larger than all the room has it alone.
        let large = Bytes::from(vec![0; UNIT * 80_000]);
        assert_eq!(connections.keep(&other, large).await.len(), UNIT * 80_000);
    }

    async fn settled(tasks: &[tokio::task::JoinHandle<()>]) -> Vec<usize> {
        // Each has had its turn by then.
        for _ in 0..2 * MOST {
            yield_now().await;
        }
        (0..tasks.len()).filter(|index| tasks[*index].is_finished()).collect()
    }
}
