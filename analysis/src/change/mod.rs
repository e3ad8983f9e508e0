//! What differs between two snapshots, component by component, and which paths fare otherwise by it.
//!
//! A path that worked and does not any more was cut by something that changed, so a change of a
//! component on the path is the best evidence there is. Only what decides about packets is compared.

mod paths;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{Debug, Display};

use ipnet::IpNet;
use peerscope_document::id::{PrefixListId, VpcId};
use serde::Serialize;

use crate::reach::gate::{entry_words, permission_words, route_words};
use crate::topology::{ComponentId, Topology, Vpc};

pub use paths::{Decisive, PathChange, path_changes};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What differs.
    pub component: ComponentId,
    /// Whether it came, went, or is otherwise.
    pub kind: ChangeKind,
    /// How, in a clause: `lost the route 10.0.0.0/16 → pcx-…`.
    pub text: String,
}

/// What became of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is there, and was not.
    Added,
    /// It is there no more.
    Removed,
    /// It is otherwise.
    Changed,
}

/// A kind of component of which one of two snapshots has none at all: that the other's came or went is not said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncompared {
    /// What it is, in the plural: `security groups`.
    pub what: &'static str,
    /// Whether the earlier snapshot lacks it; else the later one does.
    pub lacks_before: bool,
}

/// Every difference between two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// By kind and id.
    pub changes: Vec<Change>,
    /// What could not be compared.
    pub uncompared: Vec<Uncompared>,
}

impl Changes {
    fn changed(&mut self, component: ComponentId, text: String) {
        self.changes.push(Change { component, kind: ChangeKind::Changed, text });
    }

    /// Compares which components of a kind there are.
    fn existence<'a, I: Ord + 'a, T: 'a>(
        &mut self,
        what: &'static str,
        before: impl Iterator<Item = (&'a I, &'a T)>,
        after: impl Iterator<Item = (&'a I, &'a T)>,
        component: impl Fn(&I) -> ComponentId,
    ) {
        let before: Vec<&I> = before.map(|(id, _)| id).collect();
        let after: Vec<&I> = after.map(|(id, _)| id).collect();
        if before.is_empty() != after.is_empty() {
            self.uncompared.push(Uncompared { what, lacks_before: before.is_empty() });
            return;
        }
        // Both are in the order of ids.
        let came = after.iter().filter(|id| before.binary_search(id).is_err());
        let went = before.iter().filter(|id| after.binary_search(id).is_err());
        for (ids, kind, text) in [
            (Vec::from_iter(came), ChangeKind::Added, "is new"),
            (Vec::from_iter(went), ChangeKind::Removed, "is gone"),
        ] {
            let change = |id: &&I| Change { component: component(id), kind, text: text.to_string() };
            self.changes.extend(ids.into_iter().map(change));
        }
    }

    /// What a list lost and got.
    fn blocks(&mut self, component: &ComponentId, what: &str, then: &[IpNet], now: &[IpNet]) {
        for text in differences(then, now, what, ToString::to_string) {
            self.changed(component.clone(), text);
        }
    }
}

/// Every difference from `before` to `after`, by kind and id.
#[must_use]
pub fn changes(before: &Topology, after: &Topology) -> Changes {
    let mut found = Changes::default();
    existing(&mut found, before, after);
    peerings(&mut found, before, after);
    networks(&mut found, before, after);
    filters(&mut found, before, after);
    uses(&mut found, before, after);
    interfaces(&mut found, before, after);
    found
}

fn existing(found: &mut Changes, before: &Topology, after: &Topology) {
    let documented = |(_, vpc): &(&VpcId, &Vpc)| vpc.documented;
    let (old, new) = (before.vpcs().filter(documented), after.vpcs().filter(documented));
    found.existence("VPCs", old, new, |id| ComponentId::Vpc(id.clone()));
    found.existence("subnets", before.subnets(), after.subnets(), |id| ComponentId::Subnet(id.clone()));
    found.existence("route tables", before.route_tables(), after.route_tables(), |id| {
        ComponentId::RouteTable(id.clone())
    });
    found.existence("security groups", before.security_groups(), after.security_groups(), |id| {
        ComponentId::SecurityGroup(id.clone())
    });
    found.existence("network ACLs", before.network_acls(), after.network_acls(), |id| {
        ComponentId::NetworkAcl(id.clone())
    });
    found.existence("network interfaces", before.interfaces(), after.interfaces(), |id| {
        ComponentId::NetworkInterface(id.clone())
    });
    if before.space().is_some() != after.space().is_some() {
        found
            .uncompared
            .push(Uncompared { what: "documents of the space", lacks_before: before.space().is_none() });
    }
}

fn peerings(found: &mut Changes, before: &Topology, after: &Topology) {
    let id_of = |id: &_| ComponentId::VpcPeeringConnection(Clone::clone(id));
    // That there is none is a fact where a list says so, and peerings come one by one.
    for (id, _) in after.peerings().filter(|(id, _)| before.peering(id).is_none()) {
        found.changes.push(Change {
            component: id_of(id),
            kind: ChangeKind::Added,
            text: "is new".to_string(),
        });
    }
    for (id, _) in before.peerings().filter(|(id, _)| after.peering(id).is_none()) {
        found.changes.push(Change {
            component: id_of(id),
            kind: ChangeKind::Removed,
            text: "is gone".to_string(),
        });
    }
    for (id, now) in after.peerings() {
        let Some(then) = before.peering(id) else { continue };
        if then.status != now.status {
            found.changed(
                id_of(id),
                format!("was {}, is {}", word(then.status.as_ref()), word(now.status.as_ref())),
            );
        }
        for (then, now) in [(&then.requester, &now.requester), (&then.accepter, &now.accepter)] {
            found.blocks(&id_of(id), "block", &then.cidrs, &now.cidrs);
        }
    }
}

fn word<T: Display>(status: Option<&T>) -> String {
    status.map_or_else(|| "of unknown state".to_string(), ToString::to_string)
}

/// The blocks of VPCs, subnets, prefix lists and the space.
fn networks(found: &mut Changes, before: &Topology, after: &Topology) {
    for (id, now) in after.vpcs().filter(|(_, vpc)| vpc.documented) {
        if let Some(then) = before.vpc(id).filter(|vpc| vpc.documented) {
            found.blocks(&ComponentId::Vpc(id.clone()), "CIDR", &then.cidrs, &now.cidrs);
        }
    }
    for (id, now) in after.subnets() {
        if let Some(then) = before.subnet(id) {
            found.blocks(&ComponentId::Subnet(id.clone()), "CIDR", &then.cidrs, &now.cidrs);
        }
    }
    for (id, now) in after.prefix_lists() {
        let then = before.prefix_list(id).and_then(|list| list.blocks.as_ref());
        if let (Some(then), Some(now)) = (then, &now.blocks) {
            // A list is no component that packets pass: it is told of with the tables and groups that name it.
            let text = differences(then, now, "block", ToString::to_string);
            for (component, text) in users_of(after, id).into_iter().flat_map(|user| {
                text.iter().map(move |text| (user.clone(), format!("has {id}, which {text}")))
            }) {
                found.changed(component, text);
            }
        }
    }
    let (Some(then), Some(now)) = (before.space(), after.space()) else { return };
    let lists = [
        ("network", Vec::from_iter(then.cidr), Vec::from_iter(now.cidr)),
        ("block of dynos", then.dyno_blocks.clone(), now.dyno_blocks.clone()),
        ("block", then.space_blocks.clone(), now.space_blocks.clone()),
    ];
    for (what, then, now) in lists {
        found.blocks(&ComponentId::Space, what, &then, &now);
    }
}

/// The tables and groups that name a prefix list.
fn users_of(topology: &Topology, id: &PrefixListId) -> Vec<ComponentId> {
    let tables = topology.route_tables().filter(|(_, table)| {
        table.routes.iter().any(|route| route.destination_prefix_list_id.as_ref() == Some(id))
    });
    let groups = topology.security_groups().filter(|(_, group)| {
        let mut lists =
            group.ingress.iter().chain(&group.egress).flat_map(|permission| &permission.prefix_list_ids);
        lists.any(|list| list.prefix_list_id == *id)
    });
    let tables = tables.map(|(id, _)| ComponentId::RouteTable(id.clone()));
    tables.chain(groups.map(|(id, _)| ComponentId::SecurityGroup(id.clone()))).collect()
}

/// Routes, rules and entries.
fn filters(found: &mut Changes, before: &Topology, after: &Topology) {
    for (id, now) in after.route_tables() {
        let Some(then) = before.route_table(id) else { continue };
        for text in differences(&then.routes, &now.routes, "route", route_words) {
            found.changed(ComponentId::RouteTable(id.clone()), text);
        }
    }
    for (id, now) in after.security_groups() {
        let Some(then) = before.security_group(id) else { continue };
        for (ingress, what) in [(true, "inbound rule"), (false, "outbound rule")] {
            let permissions = then.permissions(ingress).zip(now.permissions(ingress));
            let Some((then, now)) = permissions else { continue };
            for text in differences(then, now, what, |rule| permission_words(rule, ingress)) {
                found.changed(ComponentId::SecurityGroup(id.clone()), text);
            }
        }
    }
    for (id, now) in after.network_acls() {
        let Some(then) = before.network_acl(id) else { continue };
        for text in differences(&then.entries, &now.entries, "entry", entry_words) {
            found.changed(ComponentId::NetworkAcl(id.clone()), text);
        }
    }
}

/// Which table and which ACL each subnet has.
fn uses(found: &mut Changes, before: &Topology, after: &Topology) {
    for (id, _) in after.subnets().filter(|(id, _)| before.subnet(id).is_some()) {
        let tables =
            [before, after].map(|topology| topology.effective_route_table(id).map(|(id, _)| id.clone()));
        if let ([Some(then), Some(now)], true) = (&tables, tables[0] != tables[1]) {
            found.changed(ComponentId::RouteTable(now.clone()), format!("serves {id}, which {then} served"));
        }
        let acls =
            [before, after].map(|topology| topology.effective_network_acl(id).map(|(id, _)| id.clone()));
        if let ([Some(then), Some(now)], true) = (&acls, acls[0] != acls[1]) {
            found.changed(ComponentId::NetworkAcl(now.clone()), format!("guards {id}, which {then} guarded"));
        }
    }
}

fn interfaces(found: &mut Changes, before: &Topology, after: &Topology) {
    for (id, now) in after.interfaces() {
        let Some(then) = before.interface(id) else { continue };
        let component = || ComponentId::NetworkInterface(id.clone());
        for group in then.security_groups.iter().filter(|group| !now.security_groups.contains(group)) {
            found.changed(component(), format!("lost the security group {group}"));
        }
        for group in now.security_groups.iter().filter(|group| !then.security_groups.contains(group)) {
            found.changed(component(), format!("got the security group {group}"));
        }
        for text in differences(&then.addresses, &now.addresses, "address", ToString::to_string) {
            found.changed(component(), text);
        }
        if let (Some(then), Some(now)) = (&then.subnet, &now.subnet)
            && then != now
        {
            found.changed(component(), format!("was in {then}, is in {now}"));
        }
        if let (Some(then), Some(now)) = (then.source_dest_check, now.source_dest_check)
            && then != now
        {
            let text = match now {
                true => "checks source and destination now",
                false => "does not check source and destination any more",
            };
            found.changed(component(), text.to_string());
        }
    }
    for (id, now) in after.instances() {
        let then = before.instance(id).and_then(|then| then.state.clone());
        if let (Some(then), Some(state), [interface, ..]) = (then, &now.state, now.interfaces.as_slice())
            && then != *state
        {
            found.changed(
                ComponentId::NetworkInterface(interface.clone()),
                format!("its instance {id} was {then}, is {state}"),
            );
        }
    }
}

fn differences<T: PartialEq + Debug>(
    then: &[T],
    now: &[T],
    what: &str,
    words: impl Fn(&T) -> String,
) -> Vec<String> {
    let lost =
        then.iter().filter(|one| !now.contains(one)).map(|one| format!("lost the {what} {}", words(one)));
    let got =
        now.iter().filter(|one| !then.contains(one)).map(|one| format!("got the {what} {}", words(one)));
    lost.chain(got).collect()
}
