//! From what is configured and what happened to packets to the causes.
//!
//! [`Machine`] is a state machine without I/O: it says what to send and is told what came back, and time
//! comes in as an argument, so a run is the log of its calls and replays to the same words. What it
//! concludes is worked out by pure functions from the observations and the answers of
//! [`crate::reach`].

mod accounted;
mod alternatives;
mod application;
mod approach;
mod asked;
mod assertion;
mod battery;
mod beside;
mod by_hand;
mod case;
mod causes;
mod changed;
mod choice;
mod conclude;
mod explore;
mod findings;
mod fixes;
mod handshake;
mod hypothesis;
mod information;
mod latency;
mod lookup;
mod loss;
mod machine;
mod naming;
mod nat_rules;
mod next;
mod observed;
mod overload;
mod pace;
mod partition;
mod path;
mod path_mtu;
mod plan;
mod posterior;
mod prior;
mod remedy;
mod scope;
mod seen;
mod segments;
mod service;
mod show;
mod silence;
mod sizes;
mod stale;
mod sweep;
mod together;
mod undecided;
mod unshown;
mod words;

pub use assertion::{Expectation, Judgement, Standing};
pub use case::{Baseline, Case, SourceSpec, StandingConnection};
pub use explore::MYSQL_PORTS;
pub use handshake::handshake_report;
pub use hypothesis::{Chances, Extent, extents};
pub use lookup::{Lookup, Resolution, dns_report, lookup_sentence, resolution, server_sentence};
pub use machine::{Action, Event, Machine};
pub use prior::{Prior, Priors};
pub use scope::AddressScope;
pub use show::component as shown;
pub use words::observation_report;

pub(crate) use alternatives::free_block;
pub(crate) use remedy::{Remedy, remedies};
pub(crate) use show::fix;
