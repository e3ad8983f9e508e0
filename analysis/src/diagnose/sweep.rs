//! Which source ports pass, range by range: the sweep of `--thorough`.
//!
//! A stateless filter judges replies by the client's port, so a path may work from some source ports and
//! not from others. Trying all 28,232 ports of Linux's range would take a day within the manners; so a
//! grid finds the ranges, and each edge between a port that passes and one that does not is closed in on
//! by bisection, or by several sections at once where time is short and connects are left.
//!
//! ```text
//!  Grid ── a lone silent port: again ──▶ Recheck ─▶ Edges ── all found, or nothing left ─▶ Verify ─▶ Done
//! ```
//!
//! What is silent is waited for as long as answers take, and some more; the ports at the edges are asked
//! once more in the end, for as long as a lost SYN takes to be sent again.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use crate::flow::PortRange;

/// The most connects of a diagnosis, those before the sweep included, and those to all addresses of its target.
pub(super) const MOST: usize = 50;
/// How many ports the grid has, both ends of the range among them.
const GRID: u16 = 17;
/// How long silence is waited for where a lost SYN shall have been sent again (after a second).
const PATIENT: Duration = Duration::from_millis(1_300);
/// The shortest wait for an answer, however fast others come.
const HASTY: Duration = Duration::from_millis(400);
/// Beside the round trip: the other side's own time, and this machine's.
const ALLOWANCE: Duration = Duration::from_millis(300);
/// How long the manners make the connects of one round take at the least.
const ROUND: Duration = Duration::from_millis(500);

/// What the ports have told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// From these the target answered.
    pub(super) passing: BTreeSet<u16>,
    /// From these nothing came back.
    pub(super) silent: BTreeSet<u16>,
    /// These could not be used.
    pub(super) unusable: BTreeSet<u16>,
    /// The longest that an answer took.
    pub(super) slowest: Duration,
}

impl Told {
    /// Whether the port passes; `None` where it told nothing. A port that answered once passes.
    fn passes(&self, port: u16) -> Option<bool> {
        let passes = self.passing.contains(&port);
        (passes || self.silent.contains(&port)).then_some(passes)
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.passing.union(&self.silent).copied()
    }

    /// Neighbours of which one passes and one does not.
    fn edges(&self) -> Vec<(u16, u16)> {
        let ports: Vec<u16> = self.ports().collect();
        let pairs = ports.iter().zip(ports.iter().skip(1));
        let differ = pairs.filter(|(one, other)| self.passes(**one) != self.passes(**other));
        differ.map(|(one, other)| (*one, *other)).collect()
    }
}

/// Ports to ask from, and how long to wait for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) ports: Vec<u16>,
    pub(super) timeout: Duration,
}

/// A sweep over a range of source ports.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    range: PortRange,
    stage: Stage,
    /// Ports at which the configuration has edges.
    expected: Vec<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Grid,
    Recheck,
    Edges,
    Verify,
    Done,
}

impl Sweep {
    /// A sweep over the range. `expected` are ports beside edges that the configuration has.
    pub(super) fn new(range: PortRange, expected: Vec<u16>) -> Self {
        Self { range, stage: Stage::Grid, expected }
    }

    /// The next round, or `None` where the sweep is over. `connects` and `time` are what is left.
    pub(super) fn next(&mut self, told: &Told, connects: usize, time: Duration) -> Option<Round> {
        loop {
            let round = match self.stage {
                Stage::Grid => {
                    self.stage = Stage::Recheck;
                    Round {
                        ports: self.grid(told),
                        timeout: if told.passing.is_empty() { PATIENT } else { hasty(told) },
                    }
                }
                Stage::Recheck => {
                    self.stage = Stage::Edges;
                    Round { ports: lone(told), timeout: PATIENT }
                }
                Stage::Edges => {
                    let ports = sections(told, connects, time);
                    if ports.is_empty() {
                        self.stage = Stage::Verify;
                        continue;
                    }
                    Round { ports, timeout: hasty(told) }
                }
                Stage::Verify => {
                    self.stage = Stage::Done;
                    let edges = told.edges().into_iter().flat_map(|(one, other)| [one, other]);
                    Round {
                        ports: edges.filter(|port| told.passes(*port) == Some(false)).collect(),
                        timeout: PATIENT,
                    }
                }
                Stage::Done => return None,
            };
            let Round { mut ports, timeout } = round;
            ports.truncate(connects);
            let timeout = timeout.min(time);
            if !ports.is_empty() && !timeout.is_zero() {
                return Some(Round { ports, timeout });
            }
        }
    }

    /// Ports spread evenly over the range, its ends and the expected edges among them.
    fn grid(&self, told: &Told) -> Vec<u16> {
        let (first, last) = (self.range.first(), self.range.last());
        let span = u32::from(last - first);
        let spread = (0..u32::from(GRID))
            .filter_map(|step| u16::try_from(u32::from(first) + span * step / u32::from(GRID - 1)).ok());
        let ports: BTreeSet<u16> = self.expected.iter().copied().chain(spread).collect();
        let in_range = ports.into_iter().filter(|port| self.range.contains(*port));
        in_range.filter(|port| told.passes(*port).is_none() && !told.unusable.contains(port)).collect()
    }
}

/// How long an answer is waited for where others came already.
fn hasty(told: &Told) -> Duration {
    (told.slowest * 4 + ALLOWANCE).clamp(HASTY, PATIENT)
}

/// Silent ports whose neighbours all pass: one lost packet looks like that.
fn lone(told: &Told) -> Vec<u16> {
    let ports: Vec<u16> = told.ports().collect();
    let passes = |at: usize| ports.get(at).is_none_or(|port| told.passes(*port) == Some(true));
    let alone = |at: &usize| {
        let beside = at.checked_sub(1).is_none_or(passes) && passes(at + 1);
        beside && ports.get(*at).is_some_and(|port| told.passes(*port) == Some(false))
    };
    (0..ports.len()).filter(alone).filter_map(|at| ports.get(at).copied()).collect()
}

/// Ports within each edge that is not found yet: as few as find all edges in the time that is left.
fn sections(told: &Told, connects: usize, time: Duration) -> Vec<u16> {
    let open: Vec<(u16, u16)> = told
        .edges()
        .into_iter()
        .filter(|(one, other)| (one + 1..*other).any(|port| !told.unusable.contains(&port)))
        .collect();
    // One connect for each edge is kept for verifying it.
    let connects = connects.saturating_sub(told.edges().len());
    let Some(share) = connects.checked_div(open.len()).filter(|share| *share > 0) else { return Vec::new() };
    let round = hasty(told).max(ROUND);
    let rounds = time.saturating_sub(PATIENT).as_millis() / round.as_millis().max(1);
    let Some(rounds) = u32::try_from(rounds).ok().filter(|rounds| *rounds > 0) else { return Vec::new() };
    let mut ports = Vec::new();
    for (one, other) in open {
        let width = u32::from(other - one);
        let enough = (1..).find(|count: &u32| (count + 1).saturating_pow(rounds) >= width);
        let count = enough.unwrap_or(width).min(u32::try_from(share).unwrap_or(u32::MAX)).min(width - 1);
        for section in 1..=count {
            let port = u32::from(one) + width * section / (count + 1);
            // A port that could not be used has a neighbour that can.
            let usable = (port..u32::from(other)).chain(u32::from(one) + 1..port);
            let usable = usable.filter_map(|port| u16::try_from(port).ok());
            let port = usable.into_iter().find(|port| {
                !told.unusable.contains(port) && !ports.contains(port) && told.passes(*port).is_none()
            });
            ports.extend(port);
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sweeps a path that passes where `passes` says so; returns what it told, the connects and the time.
    fn swept(
        passes: impl Fn(u16) -> bool,
        expected: Vec<u16>,
        deadline: Duration,
    ) -> (Told, usize, Duration) {
        let range = PortRange::new(32768, 60999).expect("a range");
        let mut told = Told { slowest: Duration::from_millis(2), ..Told::default() };
        let mut used = 5;
        let mut now = Duration::ZERO;
        for port in [32768_u16, 37000, 42000, 47000, 59000] {
            if passes(port) {
                told.passing.insert(port)
            } else {
                told.silent.insert(port)
            };
        }
        let mut sweep = Sweep::new(range, expected);
        while let Some(round) = sweep.next(&told, MOST - used, deadline.saturating_sub(now)) {
            let before = used;
            used += round.ports.len();
            let bursts = u32::try_from((used - before).div_ceil(5)).expect("few") - 1;
            now += ROUND * bursts + round.timeout.max(ROUND);
            for port in round.ports {
                assert!(range.contains(port), "{port}");
                if passes(port) {
                    told.passing.insert(port)
                } else {
                    told.silent.insert(port)
                };
            }
        }
        assert!(used <= MOST, "{used} connects");
        assert!(now <= deadline + PATIENT, "{now:?}");
        (told, used, now)
    }

    #[test]
    fn every_edge_is_found_to_the_port_within_the_connects_and_the_default_deadline() {
        let left = Duration::from_millis(7_500);
        for edge in [32_769_u16, 33_000, 40_000, 41_234, 49_152, 55_555, 60_998, 60_999] {
            let (told, used, _) = swept(|port| port < edge, Vec::new(), left);
            assert_eq!(told.edges(), [(edge - 1, edge)], "{used} connects");
            let (told, ..) = swept(|port| port >= edge, Vec::new(), left);
            assert_eq!(told.edges(), [(edge - 1, edge)]);
        }
    }

    #[test]
    fn two_edges_are_found_too_and_more_as_near_as_the_connects_allow() {
        let (told, ..) = swept(|port| (40_000..50_000).contains(&port), Vec::new(), Duration::from_secs(7));
        assert_eq!(told.edges(), [(39_999, 40_000), (49_999, 50_000)]);
        let four = |port| (36_000..42_000).contains(&port) || (48_000..54_000).contains(&port);
        let (told, ..) = swept(four, Vec::new(), Duration::from_secs(60));
        assert_eq!(told.edges().len(), 4);
        assert!(told.edges().iter().all(|(one, other)| other - one < 100), "{:?}", told.edges());
    }

    #[test]
    fn edges_that_the_configuration_has_cost_no_search() {
        let (told, used, _) =
            swept(|port| port < 49_152, Vec::from([49_151, 49_152]), Duration::from_secs(7));
        assert_eq!(told.edges(), [(49_151, 49_152)]);
        assert!(used < 26, "{used} connects");
    }

    #[test]
    fn what_passes_everywhere_or_nowhere_is_told_by_the_grid_alone() {
        for passes in [true, false] {
            let (told, used, _) = swept(|_| passes, Vec::new(), Duration::from_secs(7));
            assert!(told.edges().is_empty() && used <= 5 + usize::from(GRID), "{used} connects");
            assert!(told.passes(32_768).is_some() && told.passes(60_999).is_some());
        }
    }

    #[test]
    fn a_port_in_use_is_stepped_over() {
        let mut told = Told::default();
        told.passing.insert(100);
        told.silent.insert(104);
        told.unusable.extend([102]);
        assert_eq!(sections(&told, 10, Duration::from_secs(60)), [103]);
        told.unusable.extend([101, 103]);
        assert!(sections(&told, 10, Duration::from_secs(60)).is_empty());
    }

    #[test]
    fn a_lone_silent_port_is_asked_again_before_edges_are_sought() {
        let mut told = Told::default();
        told.passing.extend([1, 2, 4, 5]);
        told.silent.insert(3);
        assert_eq!(lone(&told), [3]);
        told.silent.insert(6);
        told.silent.insert(7);
        assert_eq!(lone(&told), [3]);
    }

    #[test]
    fn no_time_or_no_connects_ends_the_sweep() {
        let mut told = Told::default();
        told.passing.insert(33_000);
        told.silent.insert(60_000);
        for (connects, time) in [(0, Duration::from_secs(5)), (40, Duration::ZERO)] {
            let mut sweep = Sweep::new(PortRange::ALL, Vec::new());
            assert_eq!(sweep.next(&told, connects, time), None);
        }
    }
}
