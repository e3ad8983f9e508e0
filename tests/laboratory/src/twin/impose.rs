//! Imposing conditions on a twin that stands.

use std::net::IpAddr;

use super::condition::{
    Condition, Told, host_routes, host_rules, host_setting, lossy_wire, middlebox, narrow_wire,
    packets_as_they_are,
};
use super::gate::{Direction, Gate};
use super::plan::PlannedHost;
use super::{Host, Twin, setting};
use crate::enclosure::Right;
use crate::error::LaboratoryError;
use crate::tool::{Tools, run};

/// The conditions of one host, and its gates by the names of their counters.
#[derive(Debug, Default)]
pub(crate) struct Imposed {
    conditions: Vec<Condition>,
    pub(crate) gates: Vec<(String, Gate)>,
}

/// The groups that `setpriv` leaves to an unprivileged program: 65534 as root, else the only one there is.
const LAST_GROUP: u32 = 65534;

impl Twin<'_> {
    /// Imposes a condition on a host, beside those that it has. It stays while the host does, through
    /// [`Twin::rebuild`] too; its counters start from zero.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist, or the kernel refuses.
    pub fn impose(&mut self, host: &Host, condition: Condition) -> Result<(), LaboratoryError> {
        let planned = self.planned(host)?.clone();
        if let Condition::BehindMiddlebox { towards, .. } = &condition {
            self.place_middlebox(&planned, &condition, *towards)?;
        }
        if let Condition::BehindNarrowWire { bytes, towards, told } = condition {
            self.narrow_wire(&planned, (bytes, told), towards)?;
        }
        if let Condition::BehindLossyWire { bytes, towards, way } = condition {
            self.lossy_wire(&planned, bytes, towards, way)?;
        }
        let id = match host {
            Host::Interface(id) => id.to_string(),
            Host::Dyno(address) => address.to_string(),
        };
        let imposed = self.imposed.entry(host.clone()).or_default();
        imposed.conditions.push(condition.clone());
        let (rules, gates) = host_rules(&id, &imposed.conditions);
        imposed.gates = gates;
        let Tools { ip, nft, .. } = &self.enclosure.tools;
        let last_group = if self.enclosure.right() == Right::Root { LAST_GROUP } else { 0 };
        self.namespace(&planned.name).within(|| {
            run(nft, &["-f", "-"], &rules)?;
            if let Some((name, value)) = host_setting(&condition, last_group) {
                setting(name, &value)?;
            }
            let routes = host_routes(&condition);
            if routes.is_empty() { Ok(()) } else { run(ip, &["-batch", "-"], &routes).map(|_| ()) }
        })
    }

    /// A middlebox speaks from the router's namespace: it is a box in that network, not the host.
    fn place_middlebox(
        &self,
        host: &PlannedHost,
        condition: &Condition,
        towards: IpAddr,
    ) -> Result<(), LaboratoryError> {
        let way = self.way(&host.router, towards)?;
        let Some((rules, routes)) = middlebox(condition, &host.name, &way) else { return Ok(()) };
        let Tools { ip, nft, .. } = &self.enclosure.tools;
        self.namespace(&host.router).within(|| {
            setting("net/ipv4/icmp_ratelimit", "0")?;
            run(nft, &["-f", "-"], &rules)?;
            run(ip, &["-batch", "-"], &routes).map(|_| ())
        })
    }

    /// Makes the wire between a host's network and that of another address narrow, at both its ends.
    fn narrow_wire(
        &self,
        host: &PlannedHost,
        how: (u16, Told),
        towards: IpAddr,
    ) -> Result<(), LaboratoryError> {
        let wire = self.way(&host.router, towards)?;
        let ends = self.plan.wires.values().filter(|planned| planned.name == wire);
        let ends: Vec<&String> = ends.flat_map(|planned| &planned.routers).collect();
        let Tools { ip, nft, .. } = &self.enclosure.tools;
        for (number, router) in (1..).zip(ends) {
            let addresses = host.addresses.iter().chain([&towards]).filter(|address| address.is_ipv4());
            let ways: Result<Vec<_>, LaboratoryError> =
                addresses.map(|address| Ok((*address, self.way(router, *address)?))).collect();
            let sender = IpAddr::from([169, 254, 9, number]);
            let (rules, routes) = narrow_wire(how, sender, &wire, &ways?);
            self.namespace(router).within(|| {
                setting("net/ipv4/icmp_ratelimit", "0")?;
                run(nft, &["-f", "-"], &rules)?;
                run(ip, &["-batch", "-"], &routes).map(|_| ())
            })?;
        }
        Ok(())
    }

    /// Makes the wire between a host's network and that of another address lose large packets on one way.
    fn lossy_wire(
        &self,
        host: &PlannedHost,
        bytes: u16,
        towards: IpAddr,
        way: Direction,
    ) -> Result<(), LaboratoryError> {
        let wire = self.way(&host.router, towards)?;
        let ends = self.plan.wires.values().filter(|planned| planned.name == wire);
        let Tools { ip, nft, .. } = &self.enclosure.tools;
        for router in ends.flat_map(|planned| &planned.routers) {
            // Packets that come off the wire at the host's router are on their way to the host.
            let comes = if *router == host.router { Direction::Forward } else { Direction::Return };
            self.namespace(router).within(|| {
                run(ip, &["-batch", "-"], &packets_as_they_are(&wire))?;
                if comes == way {
                    run(nft, &["-f", "-"], &lossy_wire(bytes, &wire)).map(|_| ())
                } else {
                    Ok(())
                }
            })?;
        }
        Ok(())
    }

    /// The port by which a router reaches an address: the host's own, or that of the wire to its router.
    fn way(&self, router: &str, address: IpAddr) -> Result<String, LaboratoryError> {
        let has = |host: &&PlannedHost| host.addresses.contains(&address);
        let hosts = || self.plan.hosts.values().filter(has);
        if let Some(host) = hosts().find(|host| host.router == router) {
            return Ok(host.name.clone());
        }
        let joins = |other: &str| {
            let wires = self.plan.wires.values();
            let mut both = wires.filter(|wire| wire.routers.iter().all(|it| it == router || it == other));
            both.next().map(|wire| wire.name.clone())
        };
        hosts()
            .find_map(|host| joins(&host.router))
            .ok_or_else(|| LaboratoryError::NoSuchHost(format!("{address} behind a wire of {router}")))
    }
}
