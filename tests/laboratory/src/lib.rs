//! The laboratory: a snapshot of AWS and Heroku documents becomes a network that real packets go through.
//!
//! A diagnosis that is only held against its own model is a second opinion of the same person. Here the
//! documents become a *kernel twin*, network namespaces in which Linux's own routing, filtering and
//! connection tracking do what AWS's would: what is asserted of a snapshot can be tried. The crate knows
//! documents, never the analysis, and reads them by itself.
//!
//! - [`Enclosure`]: the process moves into namespaces of its own, as root or not, before it has threads.
//! - [`Twin`]: a snapshot as namespaces, with a counter at every gate that can drop a packet.
//! - [`world`]: random documents in which everything works; [`fault`]: one mistake put into them.
//! - [`scenario`]: worlds with faults as data, what the kernel does to them and what a diagnosis must say.
//!
//! A scenario, proven, and then a program run where its dyno is:
//!
//! ```no_run
//! use peerscope_laboratory::Enclosure;
//! use peerscope_laboratory::scenario::{Scenario, Stage, prove_in_kernel};
//! use peerscope_laboratory::world::Style;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let enclosure = Enclosure::enter()?; // first of all: nothing may be threaded yet
//! for scenario in Scenario::all(&Scenario::directory())? {
//!     for seed in scenario.seeds().take(5) {
//!         let stage = Stage::set(&enclosure, scenario.world(seed)?)?;
//!         prove_in_kernel(&scenario, &stage.world, &stage.twin).map_err(|wrong| wrong.join("; "))?;
//!         stage.world.write("/tmp/snapshot".as_ref(), Style::of_seed(seed))?;
//!         let target = format!("tcp://{}", stage.world.target_address());
//!         let mut why = stage.twin.command(&stage.source(), "/usr/bin/peerscope")?;
//!         println!("{:?}", why.args(["why", &target, "--snapshot", "/tmp/snapshot"]).output()?);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod enclosure;
mod error;
pub mod fault;
mod minimise;
pub mod operator;
pub mod scenario;
mod tool;
mod twin;
pub mod world;

pub use enclosure::{Enclosure, Right};
pub use error::LaboratoryError;
pub use minimise::{fewest, fewest_documents};
pub use twin::{
    Answering, Call, Called, Capture, Captured, Condition, DatagramService, DatagramServiceKind, Direction,
    DnsBehaviour, DnsServer, DrainingQueue, Dropped, FlowProtocol, Forbidding, FullQueue, Gate, GateKind,
    Heard, Host, KernelOutcome, Listener, ListenerKind, LostFlow, NameFiles, NoRoute, Prohibition, Told,
    Twin,
};
