//! How long packets take where the path works, and what of it is worth telling.
//!
//! A round trip is the kernel's own measurement of a probe that was answered at its first attempt: what had to be sent
//! again tells of loss ([`super::overload`]), and its time of the pause before. It holds no time of the application.
//!
//! # What is no finding, and why
//! *Latency under load.* It would take a load, and five probes at once are 370 bytes. Measured (docs/PROBES.md): on a link
//! of 10 Mbit/s and more they are no slower at once than alone, and on an idle one without a limit quicker, since nobody has
//! to wake up; where a bucket of tokens limits a rate, as it does an instance's, they pass at any rate. What a path does
//! under its users' load a diagnosis sees only as far as they load it meanwhile, and then in all its round trips alike.
//!
//! *How long a round trip between two Regions may take.* AWS publishes no limit, and distance gives a lower bound alone.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{Observation, ProbeKind};

use super::case::{Case, Question};
use super::observed::{Shows, seconds, shows};
use super::overload::took_several;
use super::seen::Seen;
use super::show;
use crate::cause::CauseCode;
use crate::report::{Finding, LatencyReport, Severity};
use crate::topology::{ComponentId, NetworkId};

/// Longer than this is no round trip within a Region: its zones lie within 100 km of each other and answer in
/// single-digit milliseconds (AWS, "Global Infrastructure: Regions and Availability Zones").
const WITHIN_A_REGION: Duration = Duration::from_millis(10);
/// A difference between round trips of one path that is worth telling, and by what factor. There is no source for it: it
/// is what an application's own queries make of it, and more than schedulers of idle machines do.
const NOTICED: Duration = Duration::from_millis(10);
const FACTOR: u32 = 3;
/// Their round trips hold the time of the service.
const DATAGRAMS: &str = "datagrams";
/// So many round trips have to agree before one is called slow.
const AGREEING: usize = 3;

/// The round trips of one address.
struct Trips {
    /// What one of the probes is called, and several.
    nouns: (&'static str, &'static str),
    sorted: Vec<Duration>,
    /// The one that went alone, before all others.
    first: Option<Duration>,
}

impl Trips {
    fn of(deciding: &[&Observation]) -> Option<Self> {
        let is_measured = |one: &&&Observation| shows(one) == Shows::Connected && !took_several(one);
        let measured = deciding.iter().filter(is_measured);
        let mut sorted: Vec<Duration> = measured.filter_map(|one| one.rtt).collect();
        sorted.sort_unstable();
        let earliest = deciding.iter().min_by_key(|one| one.sent_at)?;
        let nouns = match earliest.request.kind {
            ProbeKind::IcmpEcho => ("echo", "echoes"),
            ProbeKind::Udp => ("datagram", DATAGRAMS),
            _ => ("connect", "connects"),
        };
        let first = Some(earliest).filter(is_measured).and_then(|one| one.rtt);
        (!sorted.is_empty()).then_some(Self { nouns, sorted, first })
    }

    fn min(&self) -> Duration {
        self.sorted.first().copied().unwrap_or_default()
    }

    fn max(&self) -> Duration {
        self.sorted.last().copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        let at = |place: usize| self.sorted.get(place).copied().unwrap_or_default();
        let count = self.sorted.len();
        match count % 2 {
            1 => at(count / 2),
            _ => (at((count / 2).saturating_sub(1)) + at(count / 2)) / 2,
        }
    }

    fn words(&self) -> String {
        let (one, several) = self.nouns;
        match self.sorted.len() {
            1 => format!("{}, of 1 {one}", seconds(self.median())),
            count => format!(
                "median {}, {} to {}, of {count} {}",
                seconds(self.median()),
                seconds(self.min()),
                seconds(self.max()),
                several
            ),
        }
    }

    fn report(&self, question: &Question) -> LatencyReport {
        LatencyReport {
            address: question.address,
            of: self.nouns.1,
            probes: self.sorted.len(),
            min_seconds: self.min().as_secs_f64(),
            median_seconds: self.median().as_secs_f64(),
            max_seconds: self.max().as_secs_f64(),
            first_seconds: self.first.map(|first| first.as_secs_f64()),
            summary: self.words(),
        }
    }

    /// What is unusual about how they differ from each other.
    fn unevenness(&self) -> Option<String> {
        let median = self.median();
        let stands_out = |one: Duration, usual: Duration| one >= usual * FACTOR && one >= usual + NOTICED;
        let others = self.sorted.len().saturating_sub(1);
        // All but the longest are near each other.
        let second = self.sorted.iter().rev().nth(1).copied().unwrap_or_default();
        if others < AGREEING || !stands_out(self.max(), median) {
            return None;
        }
        Some(match self.first {
            Some(first) if first == self.max() && !stands_out(second, self.min()) => format!(
                "The first of {} {} took {}, the others {} at the most: something does more for a first packet than for those that follow, as a host that looks up an address on its link does, or a firewall or NAT that makes an entry.",
                self.sorted.len(),
                self.nouns.1,
                seconds(first),
                seconds(second)
            ),
            _ => format!(
                "Round trips vary from {} to {} (median {}, of {} {}): somewhere on the way, or at an end, packets wait.",
                seconds(self.min()),
                seconds(self.max()),
                seconds(median),
                self.sorted.len(),
                self.nouns.1
            ),
        })
    }
}

/// The latency of an address, and what of it is worth telling.
pub(super) fn judge(
    case: &Case,
    question: &Question,
    seen: &Seen<'_>,
) -> (Option<LatencyReport>, Vec<Finding>) {
    let Some(trips) = Trips::of(&seen.deciding) else { return (None, Vec::new()) };
    let finding = |severity: Severity, message: String| Finding {
        rule: CauseCode::Latency.name().to_string(),
        severity,
        message,
        components: Vec::from([show::component(
            case.topology.as_ref(),
            &show::owner(case, question, question.address),
        )]),
    };
    let mut findings: Vec<Finding> = Vec::new();
    let region = common_region(case, question).filter(|_| trips.nouns.1 != DATAGRAMS);
    if let Some(region) =
        region.filter(|_| trips.sorted.len() >= AGREEING && trips.median() >= WITHIN_A_REGION)
    {
        findings.push(finding(
            Severity::Warning,
            format!(
                "A round trip to {} takes {} ({}), and both ends are in {region}, where zones answer each other in single-digit milliseconds: packets take a way around, or wait.",
                question.address,
                seconds(trips.median()),
                trips.words()
            ),
        ));
    }
    findings.extend(trips.unevenness().map(|message| finding(Severity::Info, message)));
    (Some(trips.report(question)), findings)
}

/// The Region that both ends are in, where the documents tell of both and packets were sent from the source.
fn common_region(case: &Case, question: &Question) -> Option<String> {
    let topology = case.topology.as_ref()?;
    let (source, target) = question.networks.as_ref()?;
    let of = |network: &NetworkId| {
        let component = match network {
            NetworkId::Vpc(id) => ComponentId::Vpc(id.clone()),
            NetworkId::Space | NetworkId::SpaceData => ComponentId::Space,
        };
        topology.ownership(&component).region
    };
    let region = of(source)?;
    (of(target).as_ref() == Some(&region)).then(|| region.as_str().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trips(first: u64, others: &[u64]) -> Trips {
        let mut sorted: Vec<Duration> =
            others.iter().chain([&first]).map(|one| Duration::from_micros(*one)).collect();
        sorted.sort_unstable();
        Trips { nouns: ("connect", "connects"), sorted, first: Some(Duration::from_micros(first)) }
    }

    #[test]
    fn the_middle_is_between_two_where_they_are_even() {
        assert_eq!(trips(300, &[100, 200, 700]).median(), Duration::from_micros(250));
        assert_eq!(trips(300, &[100, 700]).median(), Duration::from_micros(300));
        assert_eq!(trips(300, &[]).words(), "0.3 ms, of 1 connect");
        assert_eq!(trips(300, &[100, 700]).words(), "median 0.3 ms, 0.1 ms to 0.7 ms, of 3 connects");
    }

    #[test]
    fn what_differs_little_or_seldom_is_not_told() {
        for even in [
            trips(400, &[300, 350, 420, 390]),
            // Ten times as long, and nobody notices.
            trips(3_000, &[300, 350, 420, 390]),
            // A wide spread of a long way.
            trips(95_000, &[80_000, 82_000, 81_000, 83_000]),
            trips(90_000, &[300, 350]),
        ] {
            assert_eq!(even.unevenness(), None, "{:?}", even.sorted);
        }
    }

    #[test]
    fn a_slow_first_and_a_wide_spread_are_told_apart() {
        let slow = trips(85_000, &[2_000, 2_100, 2_300, 2_200]).unevenness().unwrap();
        assert!(
            slow.starts_with("The first of 5 connects took 85 ms, the others 2.3 ms at the most"),
            "{slow}"
        );
        let wide = trips(2_000, &[2_100, 85_000, 2_300, 2_200]).unevenness().unwrap();
        assert!(wide.starts_with("Round trips vary from 2.0 ms to 85 ms (median 2.2 ms"), "{wide}");
        let both = trips(85_000, &[2_000, 60_000, 2_300, 2_200]).unevenness().unwrap();
        assert!(both.starts_with("Round trips vary"), "{both}");
    }
}
