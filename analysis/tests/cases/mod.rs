//! How many random cases a property gets, and from which seed.
//!
//! The seed is fixed, so that a run that passed here passes everywhere and a failure can be had again.
//! `PEERSCOPE_TORTURE=100` asks for a hundred times the cases, from a new seed each time; on a failure
//! proptest prints the smallest input, which is what to keep.

use proptest::test_runner::{Config, RngSeed};

/// `count` cases, or as many times that as `PEERSCOPE_TORTURE` says.
pub(crate) fn cases(count: u32) -> Config {
    let torture = std::env::var("PEERSCOPE_TORTURE").ok().and_then(|times| times.parse::<u32>().ok());
    let rng_seed = if torture.is_some() { RngSeed::Random } else { RngSeed::Fixed(0x7065_6572) };
    Config {
        cases: count.saturating_mul(torture.unwrap_or(1)),
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}
