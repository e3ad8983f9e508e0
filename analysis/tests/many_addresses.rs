//! A name with many addresses: all of them are asked, and the manners are those of one diagnosis.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Action, Case};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_vocabulary::ProbeKind;

use documents::World;
use simulated::{Call, Meets, run_by};

/// The most connects of a diagnosis (CONTRACT, "Manners").
const MOST: usize = 50;

fn case(addresses: u8, thorough: bool, explore: bool) -> Case {
    let topology = Topology::from(&World::space_and_database().snapshot());
    let mut case = starting::case(Some(topology), NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20");
    let address = |last: u8| IpAddr::V4(Ipv4Addr::new(10, 100, 2, last));
    case.target.addresses = (20..20 + addresses).map(address).collect();
    Case { probing: true, thorough, explore, deadline: Duration::from_secs(60), ..case }
}

/// How many connects each address gets.
fn connects(case: Case, meets: Meets) -> (BTreeMap<IpAddr, usize>, Vec<String>) {
    let run = run_by(case, |_, _| meets);
    let mut counted = BTreeMap::new();
    for call in &run.calls {
        if let Call::Poll(_, Action::Send(requests)) = call {
            let connects = requests.iter().filter(|request| request.kind != ProbeKind::IcmpEcho);
            connects.for_each(|request| *counted.entry(request.address).or_default() += 1);
        }
    }
    let report = run.machine.report(run.ended, Timestamp::UNIX_EPOCH);
    (counted, report.gaps.into_iter().map(|gap| gap.reason).collect())
}

#[test]
fn all_addresses_together_get_no_more_connects_than_one_may() {
    for addresses in [1, 2, 7, 16, 50] {
        for (thorough, explore) in [(false, false), (true, false), (false, true), (true, true)] {
            for meets in [Meets::Silent, Meets::Connected, Meets::Refused] {
                let (counted, _) = connects(case(addresses, thorough, explore), meets);
                let whole: usize = counted.values().sum();
                let context = format!("{addresses} {thorough} {explore} {meets:?}: {counted:?}");
                assert!(whole <= MOST, "{whole} for {context}");
                let asked = counted
                    .keys()
                    .filter(|address| case(addresses, false, false).target.addresses.contains(address));
                assert_eq!(asked.count(), usize::from(addresses), "{context}");
            }
        }
    }
}

#[test]
fn addresses_beyond_that_are_a_gap() {
    let (counted, gaps) = connects(case(60, false, false), Meets::Connected);
    assert_eq!(counted.values().sum::<usize>(), MOST);
    assert!(
        gaps.iter().any(|gap| gap.contains("more addresses than a diagnosis may connect to")),
        "{gaps:?}"
    );
    let (_, gaps) = connects(case(16, false, false), Meets::Connected);
    assert!(!gaps.iter().any(|gap| gap.contains("more addresses")), "{gaps:?}");
}
