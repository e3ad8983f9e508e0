//! The connections that are held: so many at a time.
//!
//! Where there is no room, one goes that waits for its client: the oldest of the address that has most of them. So whoever
//! opens many and says nothing, or reads nothing, takes their own places, and of those who come by one address (a proxy's)
//! whoever says at once what they want has been answered by then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// How many are held.
const MOST: usize = 256;

/// The connections.
#[derive(Default)]
pub(super) struct Connections {
    /// The oldest first.
    held: Mutex<Vec<Held>>,
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

    use tokio::task::yield_now;

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

    async fn settled(tasks: &[tokio::task::JoinHandle<()>]) -> Vec<usize> {
        // Each has had its turn by then.
        for _ in 0..2 * MOST {
            yield_now().await;
        }
        (0..tasks.len()).filter(|index| tasks[*index].is_finished()).collect()
    }
}
