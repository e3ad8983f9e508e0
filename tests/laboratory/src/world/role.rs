//! Roles: how scenarios speak of a world's parts, since ids differ from world to world.
//!
//! A role is resolved in the documents as they are, so `target.subnet.route_table` is the table that
//! serves the subnet after a fault has changed the associations.

use std::fmt;
use std::net::IpAddr;

use peerscope_document::aws::{NetworkInterface, Subnet};

use super::World;
use crate::twin::Condition;
use crate::twin::estate::Estate;

/// A part of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its type in the diagnosis' words: `network-interface`, `route-table`, `space` and so on.
    pub component: &'static str,
    /// Its id; for a dyno its address.
    pub id: String,
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
}

/// A path that names no part of this world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRole(pub String);

impl fmt::Display for UnknownRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} names no part of this world", self.0)
    }
}

impl std::error::Error for UnknownRole {}

impl World {
    /// Resolves a dotted path: `target` and `source`, and below whichever is an interface of the customer's
    /// `.host` (its address), `.subnet`, `.subnet.network_acl`, `.subnet.route_table`, `.vpc`,
    /// `.vpc.main_route_table` and `.security_group` (the one that admits the flow); `dyno` and `dyno.other`
    /// (of the other block); `peering` and `peering.vpc` (the VPC at its customer's end, or at the target's);
    /// `space`; `middlebox` (the address that it speaks from).
    ///
    /// # Errors
    /// [`UnknownRole`] where the path is not one of these, or the documents lack what it leads to.
    pub fn role(&self, path: &str) -> Result<Role, UnknownRole> {
        self.resolve(path).ok_or_else(|| UnknownRole(path.to_owned()))
    }

    fn resolve(&self, path: &str) -> Option<Role> {
        let role = |component, id: &str| Role { component, id: id.to_owned(), address: None };
        let dyno = |index: usize| {
            let address = self.dynos().get(index).copied()?;
            Some(Role { component: "host", id: address.to_string(), address: Some(address) })
        };
        match path {
            "dyno" => return dyno(0),
            "dyno.other" => return dyno(1),
            "peering.vpc" => return Some(role("vpc", self.site.vpc.as_str())),
            "middlebox" => {
                let sender = self.conditions.iter().find_map(|(_, condition)| match condition {
                    Condition::BehindMiddlebox { sender, .. } => Some(*sender),
                    _ => None,
                })?;
                return Some(Role { component: "host", id: sender.to_string(), address: Some(sender) });
            }
            "peering" => return Some(role("vpc-peering-connection", self.site.peering.as_str())),
            "space" => return Some(role("space", &self.site.space()?.id)),
            _ => {}
        }
        let (asks, below) = match (path.strip_prefix("source"), path.strip_prefix("target")) {
            (Some(below), _) => (true, below),
            (None, Some(below)) => (false, below),
            (None, None) => return None,
        };
        let Some(site) = self.site_that(asks) else {
            return dyno(0).filter(|_| below.is_empty());
        };
        let estate = Estate::new(&self.snapshot);
        let interface: &NetworkInterface = estate.interfaces.get(&site.interface)?;
        let subnet: &Subnet = estate.subnets.get(interface.subnet_id.as_ref()?)?;
        Some(match below {
            "" => Role {
                address: interface.private_ip_address.map(IpAddr::V4),
                ..role("network-interface", interface.network_interface_id.as_str())
            },
            ".host" => {
                let address = interface.private_ip_address.map(IpAddr::V4)?;
                Role { component: "host", id: address.to_string(), address: Some(address) }
            }
            ".subnet" => role("subnet", subnet.subnet_id.as_str()),
            ".subnet.network_acl" => {
                role("network-acl", estate.network_acl_of(subnet)?.network_acl_id.as_str())
            }
            ".subnet.route_table" => {
                role("route-table", estate.route_table_of(subnet)?.route_table_id.as_str())
            }
            ".vpc" => role("vpc", subnet.vpc_id.as_str()),
            ".vpc.main_route_table" => {
                let mut tables = estate.route_tables.values().filter(|table| table.vpc_id == subnet.vpc_id);
                let main = tables.find(|table| table.associations.iter().any(|it| it.main))?;
                role("route-table", main.route_table_id.as_str())
            }
            ".security_group" => role("security-group", site.admitting_group.as_str()),
            _ => return None,
        })
    }
}
