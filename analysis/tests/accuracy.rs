//! How good the probabilities are: worlds are drawn from the documented priors, the machine diagnoses them by its
//! own probes in simulated time, and what it says is held against what is so, and against the best that anybody
//! could say who knows the priors.
//!
//! `make accuracy` asks for more worlds and prints the table of docs/ACCURACY.md; here a tenth of them
//! is held to the same limits.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod accuracy_measured;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;
mod undocumented;

use std::net::IpAddr;

use fastrand::Rng;
use jiff::Timestamp;
use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::diagnose::{Case, Chances, Extent, Priors, extents};
use peerscope_analysis::report::{Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::NetworkId;
use peerscope_vocabulary::{ProbeKind, ProbeRequest};

use accuracy_measured::Worlds;
use simulated::{Meets, run_by};
use undocumented::Judged;

/// Worlds, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: u64 = 2_000;
const MORE_WORLDS: &str = "PEERSCOPE_ACCURACY_WORLDS";
/// The environment variable with the file that the reliability plot is written to.
const PLOT: &str = "PEERSCOPE_RELIABILITY_PLOT";
/// Seeds that nothing was ever tuned on.
const FIRST_SEED: u64 = 1_000_000;

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 100, 2, 20));
const NAMED: u16 = 5432;

/// What is so, which the machine does not see.
#[derive(Clone, Copy, Debug)]
struct Truth {
    code: CauseCode,
    extent: Extent,
}

/// Draws one of these by their weights.
fn drawn<T: Copy>(lot: &mut Rng, weighed: impl Iterator<Item = (T, f64)> + Clone) -> T {
    let whole: f64 = weighed.clone().map(|(_, weight)| weight).sum();
    let mut left = lot.f64() * whole;
    let mut last = None;
    for (one, weight) in weighed {
        last = Some(one);
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last.expect("there are some")
}

fn truth(lot: &mut Rng, priors: &Priors) -> Truth {
    let code = drawn(lot, priors.unconfigured.iter().map(|prior| (prior.code, prior.weight)));
    Truth { code, extent: drawn(lot, extents(code).iter().copied()) }
}

/// A probe beside those of the named port, as the world sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Echo,
    OtherPort,
    Adjacent,
}

impl Beside {
    fn of(request: &ProbeRequest) -> Option<Self> {
        match (request.kind, request.address == TARGET, request.port == NAMED) {
            (ProbeKind::IcmpEcho, true, _) => Some(Self::Echo),
            (_, true, true) => None,
            (_, true, false) => Some(Self::OtherPort),
            (_, false, _) => Some(Self::Adjacent),
        }
    }

    /// How often it is answered where nothing stops it.
    fn chance(self) -> f64 {
        match self {
            Self::Echo => Chances::ECHO_ANYWHERE,
            Self::OtherPort => Chances::COMMON_PORT,
            Self::Adjacent => Chances::ADJACENT,
        }
    }

    /// Whether a fault of this extent stops it, written anew: a shared mistake would agree with itself.
    fn is_stopped_by(self, extent: Extent) -> bool {
        match extent {
            Extent::Port => false,
            Extent::PortOfNetworkAcl => self == Self::Adjacent,
            Extent::Host => self != Self::Adjacent,
            Extent::Subnet | Extent::NetworkAcl | Extent::RouteTable | Extent::Network => true,
        }
    }
}

/// What was asked beside the named port, and whether it was answered.
type Seen = Vec<(Beside, bool)>;

/// Diagnoses one world.
fn diagnosed(truth: Option<Truth>, explore: bool, lot: &mut Rng) -> (Diagnosis, Seen) {
    let case = Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from([10, 0, 128, 7])) },
        probing: true,
        echo: true,
        explore,
        ..starting::case(None, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20")
    };
    // By lot beforehand, for each that may be asked: what is asked must not change what is so.
    let luck: Vec<f64> = (0..64).map(|_| lot.f64()).collect();
    let meets = |request: &ProbeRequest, _| {
        let Some(truth) = truth else { return Meets::Connected };
        let Some(beside) = Beside::of(request) else { return Meets::Silent };
        let stopped = beside.is_stopped_by(truth.extent);
        let at = usize::from(request.port) * 7 + usize::from(request.address.is_ipv4()) + beside as usize;
        let own = match request.address {
            IpAddr::V4(address) => usize::from(address.octets()[3]),
            IpAddr::V6(_) => 0,
        };
        let answered = !stopped && luck[(at + own) % luck.len()] < beside.chance();
        match (answered, beside) {
            (false, _) => Meets::Silent,
            (true, Beside::Echo) => Meets::Connected,
            (true, _) => Meets::Refused,
        }
    };
    let run = run_by(case, meets);
    let report = run.machine.report(run.ended, Timestamp::UNIX_EPOCH);
    let seen = run.probes.iter().filter_map(|(request, met)| {
        Some((Beside::of(request)?, matches!(met, Meets::Connected | Meets::Refused)))
    });
    (report, seen.collect())
}

/// The best that can be said of each cause by who knows the priors: plain enumeration.
fn best(priors: &Priors, seen: &Seen) -> Vec<(CauseCode, f64)> {
    let fit = |extent: Extent| -> f64 {
        let one = |(beside, answered): &(Beside, bool)| {
            let chance = if beside.is_stopped_by(extent) { 0.0 } else { beside.chance() };
            if *answered { chance } else { 1.0 - chance }
        };
        seen.iter().map(one).product()
    };
    let of_cause = |code| extents(code).iter().map(|(extent, share)| share * fit(*extent)).sum::<f64>();
    let weighed = priors.unconfigured.iter().map(|prior| (prior.code, prior.weight * of_cause(prior.code)));
    let weighed: Vec<(CauseCode, f64)> = weighed.collect();
    let whole: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    weighed.into_iter().map(|(code, weight)| (code, weight / whole)).collect()
}

fn worlds() -> u64 {
    std::env::var(MORE_WORLDS).ok().and_then(|number| number.parse().ok()).unwrap_or(WORLDS)
}

/// Worlds of one fault each, drawn from these priors, of which the machine knows the default ones.
fn measured(name: &'static str, drawn_from: impl Fn(&mut Rng) -> Priors, first_seed: u64) -> Worlds<Judged> {
    let mut table = Worlds::new(name, first_seed);
    for seed in first_seed..first_seed + worlds() {
        let mut lot = Rng::with_seed(seed);
        let priors = drawn_from(&mut lot);
        let truth = truth(&mut lot, &priors);
        let explore = lot.bool();
        let (report, seen) = diagnosed(Some(truth), explore, &mut lot);
        let best = best(&Priors::default(), &seen);
        let class = best.iter().filter(|(_, confidence)| *confidence > 0.0).map(|(code, _)| *code).collect();
        let of_truth = best.iter().find(|(code, _)| *code == truth.code).map_or(0.0, |(_, one)| *one);
        let said = report.causes.iter().map(|cause| (cause.code, cause.confidence)).collect();
        table.add(Judged { truth: truth.code, said, best_of_truth: of_truth, class });
        assert_eq!(report.verdict, Verdict::Blocked, "seed {seed}");
    }
    println!("{table}");
    table
}

#[test]
fn without_configuration_the_truth_is_among_the_candidates_as_often_as_they_say() {
    let table = measured("no configuration", |_| Priors::default(), FIRST_SEED);
    if let Some(file) = std::env::var_os(PLOT) {
        std::fs::write(file, table.plot()).expect("the plot can be written");
    }
    assert!(table.within_set() >= 0.98, "{}", table.within_set());
    assert_eq!(table.wider_than_the_class(), 0);
    assert!(table.excess_log_loss() < 0.05, "{}", table.excess_log_loss());
    assert!(table.calibration_error() < 0.05, "{}", table.calibration_error());
}

#[test]
fn under_other_priors_the_probabilities_are_off_by_little() {
    let shifted = |lot: &mut Rng| {
        let mut priors = Priors::default();
        for prior in &mut priors.unconfigured {
            // Between half and twice as often.
            prior.weight *= 2.0_f64.powf(lot.f64() * 2.0 - 1.0);
        }
        priors
    };
    let table = measured("no configuration, shifted priors", shifted, 2 * FIRST_SEED);
    assert!(table.within_set() >= 0.98, "{}", table.within_set());
    assert!(table.calibration_error() < 0.1, "{}", table.calibration_error());
}

#[test]
fn nobody_is_accused_where_everything_answers() {
    for seed in 3 * FIRST_SEED..3 * FIRST_SEED + worlds() {
        let mut lot = Rng::with_seed(seed);
        let explore = lot.bool();
        let (report, _) = diagnosed(None, explore, &mut lot);
        assert_eq!(report.verdict, Verdict::Reachable, "seed {seed}");
        assert!(report.causes.is_empty(), "seed {seed}");
    }
}
