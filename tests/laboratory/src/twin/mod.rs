//! The kernel twin of a snapshot: its VPCs, peerings and hosts as network namespaces.
//!
//! The analysis says what a configuration does to packets. A twin does it: the same configuration, made
//! of Linux's own routing, filtering and connection tracking, which nobody here wrote. What differs from
//! AWS is written down: one namespace an interface (an instance with several is several hosts), MTU 1500
//! everywhere but on wires that a condition makes narrow, no untracked flows, connection tracking once a VPC instead of once an interface, route
//! targets other than local and active peerings lead nowhere, rejecting conditions speak IPv4 alone. Kinds
//! of documents that a snapshot lacks drop nothing, except groups: without their document no rule is known.
//! What hosts do beside the documents is imposed afterwards ([`Twin::impose`]).

mod capture;
mod command;
mod condition;
mod connect;
mod datagrams;
mod dns;
pub(crate) mod estate;
mod exchanges;
mod filter;
mod flows;
mod gate;
mod impose;
mod listener;
mod lost;
mod namespace;
mod plan;
mod queue;
mod readiness;
mod resolving;
mod route;
mod router;
mod ruleset;
mod serving;
mod socket;
mod talk;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use peerscope_document::Snapshot;
use serde::Deserialize;

pub use capture::{Capture, Captured};
pub use condition::{Condition, Forbidding, NoRoute, Prohibition, Told};
pub use connect::KernelOutcome;
pub use datagrams::{DatagramService, DatagramServiceKind};
pub use dns::{DnsBehaviour, DnsServer};
pub use flows::{Answering, Call, Called};
pub use gate::{Direction, Dropped, Gate, GateKind};
pub use listener::{Listener, ListenerKind};
pub use lost::{FlowProtocol, LostFlow};
pub use plan::Host;
pub use queue::{DrainingQueue, FullQueue};
pub use resolving::NameFiles;
pub use talk::Heard;

use crate::enclosure::Enclosure;
use crate::error::LaboratoryError;
use crate::tool::{Tools, run};
use impose::Imposed;
use namespace::Namespace;
use plan::{Names, Plan, PlannedHost, PlannedRouter, PlannedTable};
use ruleset::{NOWHERE_VERSION_SIX, TABLE};

/// A twin of a snapshot. It goes when it is dropped.
#[derive(Debug)]
pub struct Twin<'e> {
    enclosure: &'e Enclosure,
    prefix: String,
    dynos: Vec<IpAddr>,
    /// The hosts that have a namespace; absent: all.
    needed: Option<BTreeSet<Host>>,
    names: Names,
    plan: Plan,
    imposed: BTreeMap<Host, Imposed>,
    generation: u32,
}

/// How long the kernel may take to switch a twin's ports on.
const PORTS_PATIENCE: Duration = Duration::from_secs(10);

/// Several twins live side by side in one enclosure.
static TWINS: AtomicU32 = AtomicU32::new(0);

impl<'e> Twin<'e> {
    /// Builds the twin of `snapshot`. `dynos` are addresses at which the space has a dyno, beside those
    /// of its topology document; without any dyno the space has no host to send from.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the kernel refuses something; nothing of the twin is left then.
    pub fn build(
        enclosure: &'e Enclosure,
        snapshot: &Snapshot,
        dynos: &[IpAddr],
    ) -> Result<Self, LaboratoryError> {
        Self::make_of(enclosure, snapshot, dynos, None)
    }

    /// The same with these hosts alone: packets to others are lost uncounted, and what no wire joins with any
    /// of these is left out. Namespaces are what costs.
    ///
    /// # Errors
    /// As [`Twin::build`].
    pub fn build_lean(
        enclosure: &'e Enclosure,
        snapshot: &Snapshot,
        dynos: &[IpAddr],
        hosts: &[Host],
    ) -> Result<Self, LaboratoryError> {
        Self::make_of(enclosure, snapshot, dynos, Some(hosts.iter().cloned().collect()))
    }

    fn make_of(
        enclosure: &'e Enclosure,
        snapshot: &Snapshot,
        dynos: &[IpAddr],
        needed: Option<BTreeSet<Host>>,
    ) -> Result<Self, LaboratoryError> {
        let mut twin = Self {
            enclosure,
            prefix: format!("twin{}", TWINS.fetch_add(1, Ordering::Relaxed)),
            dynos: dynos.to_vec(),
            needed,
            names: Names::default(),
            plan: Plan::default(),
            imposed: BTreeMap::new(),
            generation: 0,
        };
        twin.rebuild(snapshot)?;
        Ok(twin)
    }

    /// Makes this the twin of another snapshot, in place. Hosts that stay keep their namespaces, with
    /// all that runs in them; each router's rules are exchanged in one step, each port's routes in one;
    /// tracked connections live on, as they do at AWS. All gates count from zero.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the kernel refuses something; the twin is then neither of the two.
    pub fn rebuild(&mut self, snapshot: &Snapshot) -> Result<(), LaboratoryError> {
        let new = Plan::new(snapshot, &self.dynos, self.needed.as_ref(), &mut self.names);
        let old = std::mem::take(&mut self.plan);
        let tools = &self.enclosure.tools;
        let (gone, links) = wiring::removals(&self.prefix, &old, &new);
        for (namespace, port) in links {
            run(&tools.ip, &["-n", &namespace, "link", "del", &port], "")?;
        }
        self.batch(&gone.iter().map(|name| format!("netns del {name}\n")).collect::<String>())?;
        let result = self.make(&old, &new);
        // Also after a failure, so that dropping the twin removes what was made.
        self.plan = new;
        // A host that goes, or moves, takes what was imposed on it along.
        let (plan, kept) = (&self.plan, |host: &Host| old.hosts.get(host));
        self.imposed.retain(|host, _| plan.hosts.get(host).is_some_and(|new| kept(host) == Some(new)));
        self.generation += 1;
        result
    }

    fn make(&self, old: &Plan, new: &Plan) -> Result<(), LaboratoryError> {
        self.batch(&wiring::namespaces(&self.prefix, old, new))?;
        self.batch(&wiring::links(&self.prefix, old, new))?;
        let routers: Vec<_> = new
            .routers
            .iter()
            .map(|(name, router)| {
                (self.namespace(name), wiring::ports(name, new), old.routers.get(name), router)
            })
            .collect();
        at_once(&routers, |(namespace, ports, old, router)| {
            namespace.within(|| self.set_up_router(ports, *old, router))
        })?;
        let mut hosts = wiring::new_hosts(old, new);
        hosts.retain(|host| host.is_real);
        at_once(&hosts, |host| self.namespace(&host.name).within(|| self.set_up_host(host)))?;
        at_once(&routers, |(namespace, ports, ..)| namespace.within(|| self.await_ports(ports)))
    }

    /// Waits until every port of the calling thread's router sends. The end of a wire that was brought up
    /// first is switched on by a worker of the kernel some time after the other; until then it drops all
    /// that it is given, and no counter tells.
    fn await_ports(&self, ports: &[String]) -> Result<(), LaboratoryError> {
        let start = Instant::now();
        loop {
            let links = run(&self.enclosure.tools.ip, &["-oneline", "link", "show"], "")?;
            let is_up = |line: &&str| line.contains(" state UP ") && !line.contains(NOWHERE_VERSION_SIX);
            let up = links.lines().filter(is_up).count();
            if up >= ports.len() {
                return Ok(());
            }
            if start.elapsed() > PORTS_PATIENCE {
                return Err(LaboratoryError::Answer {
                    command: "ip link show".to_owned(),
                    expected: format!("{} ports up, found {up}", ports.len()),
                });
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn set_up_host(&self, host: &PlannedHost) -> Result<(), LaboratoryError> {
        run(&self.enclosure.tools.ip, &["-batch", "-"], &wiring::host(host)).map(|_| ())
    }

    fn set_up_router(
        &self,
        ports: &[String],
        old: Option<&PlannedRouter>,
        new: &PlannedRouter,
    ) -> Result<(), LaboratoryError> {
        let Tools { ip, nft, .. } = &self.enclosure.tools;
        // Rules before routes: nothing may pass a router that does not filter yet.
        if old.is_none_or(|old| old.ruleset != new.ruleset) {
            run(nft, &["-f", "-"], &new.ruleset)?;
        } else {
            run(nft, &["reset", "counters", "table", "inet", TABLE], "")?;
            run(nft, &["-f", "-"], &lost::forgetting())?;
        }
        setting("net/ipv4/ip_forward", "1")?;
        for port in ports.iter().map(String::as_str).chain(["all", "lo"]) {
            setting(&format!("net/ipv4/conf/{port}/rp_filter"), "0")?;
        }
        run(ip, &["-batch", "-"], &wiring::tables(ports, &new.tables, self.generation))?;
        if let Some(six) = wiring::version_six_tables(ports, &new.tables, self.generation) {
            setting("net/ipv6/conf/all/forwarding", "1")?;
            // It is there if an earlier snapshot had IPv6; if it is not, the routes tell.
            let _ = run(ip, &["-force", "-batch", "-"], &six.nowhere);
            run(ip, &["-6", "-batch", "-"], &six.routes)?;
            run(ip, &["-6", "-batch", "-"], &six.rules)?;
        }
        if let Some(old) = old {
            let text = wiring::retire_tables(&old.tables, self.generation.wrapping_sub(1));
            if old.tables.iter().any(PlannedTable::has_version_six) {
                run(ip, &["-6", "-batch", "-"], &text)?;
            }
            run(ip, &["-batch", "-"], &text)?;
        }
        Ok(())
    }

    fn batch(&self, text: &str) -> Result<(), LaboratoryError> {
        if text.is_empty() {
            return Ok(());
        }
        run(&self.enclosure.tools.ip, &["-batch", "-"], text).map(|_| ())
    }

    fn namespace(&self, name: &str) -> Namespace {
        Namespace { name: format!("{}.{name}", self.prefix) }
    }

    fn namespace_of(&self, host: &Host) -> Result<Namespace, LaboratoryError> {
        Ok(self.namespace(&self.planned(host)?.name))
    }

    fn planned(&self, host: &Host) -> Result<&PlannedHost, LaboratoryError> {
        self.plan
            .hosts
            .get(host)
            .filter(|planned| planned.is_real)
            .ok_or_else(|| LaboratoryError::NoSuchHost(host.to_string()))
    }

    /// What the names of all its namespaces begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// All hosts, with their addresses.
    pub fn hosts(&self) -> impl Iterator<Item = (&Host, &[IpAddr])> {
        self.plan.hosts.iter().map(|(host, planned)| (host, planned.addresses.as_slice()))
    }

    /// What every gate has dropped since the twin was built or rebuilt; gates that dropped nothing are
    /// left out.
    ///
    /// # Errors
    /// [`LaboratoryError`] where `nft` fails.
    pub fn dropped(&self) -> Result<Vec<Dropped>, LaboratoryError> {
        let nft = &self.enclosure.tools.nft;
        let arguments = ["-j", "list", "counters", "table", "inet", TABLE];
        let read = |name: &String| self.namespace(name).within(|| run(nft, &arguments, ""));
        let routers = self.plan.routers.iter().map(|(name, router)| (name, &router.gates));
        let hosts = self.imposed.iter().filter_map(|(host, imposed)| {
            self.plan.hosts.get(host).map(|planned| (&planned.name, &imposed.gates))
        });
        let mut all = Vec::new();
        for (name, gates) in routers.chain(hosts) {
            let answer: Listing =
                serde_json::from_str(&read(name)?).map_err(|error| LaboratoryError::Answer {
                    command: "nft -j list counters".to_owned(),
                    expected: error.to_string(),
                })?;
            let counters = answer.nftables.into_iter().filter_map(|it| it.counter);
            for counter in counters.filter(|counter| counter.packets > 0) {
                let Some((chain, direction)) = counter.name.rsplit_once('/') else { continue };
                let gate = gates.iter().find(|(name, _)| name == chain).map(|(_, gate)| gate.clone());
                let direction = if direction == "return" { Direction::Return } else { Direction::Forward };
                all.extend(gate.map(|gate| Dropped { gate, direction, packets: counter.packets }));
            }
        }
        Ok(all)
    }
}

impl Drop for Twin<'_> {
    fn drop(&mut self) {
        let plan = &self.plan;
        let hosts = plan.hosts.values().filter(|host| host.is_real).map(|host| &host.name);
        let names = hosts.chain(plan.routers.keys());
        let text: String = names.map(|name| format!("netns del {}.{name}\n", self.prefix)).collect();
        // -force goes on where a half-built twin lacks one. What is left goes with the process.
        let _ = run(&self.enclosure.tools.ip, &["-force", "-batch", "-"], &text);
    }
}

/// Does the same for all items, each on a thread of its own; the first error counts.
fn at_once<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), LaboratoryError> + Sync,
) -> Result<(), LaboratoryError> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(move || work(item))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    counter: Option<Counter>,
}

#[derive(Deserialize)]
struct Counter {
    name: String,
    packets: u64,
}

/// Writes a setting of the calling thread's network namespace.
fn setting(name: &str, value: &str) -> Result<(), LaboratoryError> {
    let path = format!("/proc/sys/{name}");
    fs::write(&path, value).map_err(|source| LaboratoryError::system(format!("write {path}"), source))
}
