//! Source ports that another program of this machine holds.
//!
//! The ports are chosen here, so the kernel cannot pick free ones, and on a busy machine one in a few hundred is taken.
//! Such a probe has told nothing and sent nothing, yet it may be the only one that was to speak the application's
//! protocol: it goes again, from a port near by.

use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{LocalRefusal, Observation, Outcome, ProbeRequest};

use super::{Approach, Means, State};
use crate::diagnose::case::Case;
use crate::flow::PortRange;

/// How many ports may be in use before the others are not tried for: then it is the address that is not to be had.
const PORTS_IN_USE: usize = 8;

impl Approach {
    /// Whether the observation says only that its port is in use, so that its probe goes again from another one.
    pub(in crate::diagnose) fn goes_elsewhere(&mut self, case: &Case, observation: &Observation) -> bool {
        let Some(port) = observation.request.source_port.filter(|_| is_port_in_use(observation)) else {
            return false;
        };
        let range = case.source.source_ports;
        let has_another =
            self.ports_in_use < PORTS_IN_USE && self.unused_beside(range, port).next().is_some();
        let is_sweeping = self.sweep.is_some();
        let waiting = self.outstanding.iter_mut().find(|one| one.request.id == observation.id());
        // The sweep's next round steps over it by itself.
        let Some(waiting) = waiting.filter(|one| has_another && !(one.of_round && is_sweeping)) else {
            return false;
        };
        waiting.goes_elsewhere = true;
        self.ports_in_use += 1;
        self.told.unusable.insert(port);
        true
    }

    /// What is to go from another port, now.
    pub(super) fn elsewhere(&mut self, means: &mut Means<'_>, now: Duration) -> Vec<ProbeRequest> {
        let range = means.case.source.source_ports;
        let mut requests = Vec::new();
        for place in 0..self.outstanding.len() {
            let before = self.outstanding[place].request;
            let port = before.source_port.filter(|_| self.outstanding[place].goes_elsewhere);
            let Some(port) = port.and_then(|port| self.unused_beside(range, port).next()) else { continue };
            self.tried.push(port);
            let timeout = before.timeout.min(means.end.saturating_sub(now));
            let request = ProbeRequest { id: means.id(), source_port: Some(port), timeout, ..before };
            let one = &mut self.outstanding[place];
            (one.request, one.sent_at, one.goes_elsewhere) = (request, now, false);
            match &mut self.state {
                State::First { sent_at } => *sent_at = now,
                State::Watched { first, .. } if *first == before.id => *first = request.id,
                _ => {}
            }
            requests.push(request);
        }
        requests
    }

    /// The ports of the range that were not tried, from the nearest to this one: filters judge by ranges of ports.
    fn unused_beside(&self, range: PortRange, port: u16) -> impl Iterator<Item = u16> {
        let above = (port..=range.last()).map(Some).chain(core::iter::repeat(None));
        let below = (range.first()..port).rev().map(Some).chain(core::iter::repeat(None));
        let pairs = above.zip(below).take_while(|(above, below)| above.is_some() || below.is_some());
        pairs.flat_map(|(above, below)| [above, below]).flatten().filter(|port| !self.tried.contains(port))
    }
}

fn is_port_in_use(observation: &Observation) -> bool {
    matches!(observation.outcome, Outcome::LocalError { refusal: LocalRefusal::AddressUnavailable, .. })
}
