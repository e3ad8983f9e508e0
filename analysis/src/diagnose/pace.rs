//! When an address may be asked again: the machine's own account of the manners that the engine keeps.
//!
//! What is over the pace waits in the engine, in the order in which it was asked for. So whoever wants the most telling
//! probe to go first asks for no more than may go at once, and chooses anew when there is room again.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use peerscope_vocabulary::{BURST, BURST_WINDOW};

/// When the probes of each address began.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: Vec<(IpAddr, Duration)>,
}

impl Pace {
    /// Counts a probe that is asked for at `now`; it begins as soon as it may.
    pub(super) fn note(&mut self, address: IpAddr, now: Duration) {
        let begins = self.opens_at(address, now);
        self.begun.push((address.to_canonical(), begins));
    }

    /// How many probes of the address may begin at `now`.
    pub(super) fn room(&self, address: IpAddr, now: Duration) -> usize {
        BURST.saturating_sub(self.of(address).filter(|begun| *begun + BURST_WINDOW > now).count())
    }

    /// From when on one more probe of the address may begin: `now` at the earliest.
    pub(super) fn opens_at(&self, address: IpAddr, now: Duration) -> Duration {
        // Each begins no earlier than the one before, so the last ones are the latest.
        let oldest = self.of(address).rev().nth(BURST - 1);
        oldest.map_or(now, |oldest| now.max(oldest + BURST_WINDOW))
    }

    fn of(&self, address: IpAddr) -> impl DoubleEndedIterator<Item = Duration> + '_ {
        let address = address.to_canonical();
        self.begun.iter().filter(move |(one, _)| *one == address).map(|(_, begun)| *begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_begin_within_half_a_second_and_the_next_one_after_it() {
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let at = Duration::from_millis;
        let mut pace = Pace::default();
        pace.note(one, at(0));
        (0..4).for_each(|_| pace.note(one, at(300)));
        assert_eq!((pace.room(one, at(300)), pace.opens_at(one, at(300))), (0, at(500)));
        assert_eq!((pace.room(other, at(300)), pace.opens_at(other, at(300))), (5, at(300)));
        assert_eq!(pace.room(one, at(500)), 1);
        // Two more are asked for, of which the second has to wait.
        pace.note(one, at(500));
        pace.note(one, at(500));
        assert_eq!((pace.room(one, at(500)), pace.opens_at(one, at(500))), (0, at(800)));
        assert_eq!(pace.room(one, at(1_300)), 5);
    }
}
