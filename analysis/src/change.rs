//! What differs between two snapshots, component by component.
//!
//! A path that worked and does not any more was cut by something that changed, so a change of a
//! component on the path is the best evidence there is. Only what decides about packets is compared.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::reach::gate::{entry_words, permission_words, route_words};
use crate::topology::{ComponentId, Topology};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What differs.
    pub component: ComponentId,
    /// How, in a clause: `lost the route 10.0.0.0/16 → pcx-…`.
    pub text: String,
}

/// Every difference from `before` to `after`, by kind and id.
#[must_use]
pub fn changes(before: &Topology, after: &Topology) -> Vec<Change> {
    let mut found = Vec::new();
    let mut add = |component: ComponentId, text: String| found.push(Change { component, text });
    for (id, now) in after.peerings() {
        let component = ComponentId::VpcPeeringConnection(id.clone());
        match before.peering(id) {
            None => add(component, "is new".to_string()),
            Some(then) if then.status != now.status => {
                let word = |status: &Option<_>| {
                    status.as_ref().map_or_else(|| "of unknown state".to_string(), ToString::to_string)
                };
                add(component, format!("was {}, is {}", word(&then.status), word(&now.status)));
            }
            Some(_) => {}
        }
    }
    for (id, _) in before.peerings().filter(|(id, _)| after.peering(id).is_none()) {
        add(ComponentId::VpcPeeringConnection(id.clone()), "is gone".to_string());
    }
    for (id, now) in after.route_tables() {
        let Some(then) = before.route_table(id) else { continue };
        for text in differences(&then.routes, &now.routes, "route", route_words) {
            add(ComponentId::RouteTable(id.clone()), text);
        }
    }
    for (id, now) in after.security_groups() {
        let Some(then) = before.security_group(id) else { continue };
        for (ingress, what) in [(true, "inbound rule"), (false, "outbound rule")] {
            let permissions = then.permissions(ingress).zip(now.permissions(ingress));
            let Some((then, now)) = permissions else { continue };
            for text in differences(then, now, what, |rule| permission_words(rule, ingress)) {
                add(ComponentId::SecurityGroup(id.clone()), text);
            }
        }
    }
    for (id, now) in after.network_acls() {
        let Some(then) = before.network_acl(id) else { continue };
        for text in differences(&then.entries, &now.entries, "entry", entry_words) {
            add(ComponentId::NetworkAcl(id.clone()), text);
        }
    }
    for (id, _) in after.subnets().filter(|(id, _)| before.subnet(id).is_some()) {
        let tables =
            [before, after].map(|topology| topology.effective_route_table(id).map(|(id, _)| id.clone()));
        if let ([Some(then), Some(now)], true) = (&tables, tables[0] != tables[1]) {
            add(ComponentId::RouteTable(now.clone()), format!("serves {id}, which {then} served"));
        }
        let acls =
            [before, after].map(|topology| topology.effective_network_acl(id).map(|(id, _)| id.clone()));
        if let ([Some(then), Some(now)], true) = (&acls, acls[0] != acls[1]) {
            add(ComponentId::NetworkAcl(now.clone()), format!("guards {id}, which {then} guarded"));
        }
    }
    for (id, now) in after.interfaces() {
        let Some(then) = before.interface(id) else { continue };
        let component = || ComponentId::NetworkInterface(id.clone());
        for group in then.security_groups.iter().filter(|group| !now.security_groups.contains(group)) {
            add(component(), format!("lost the security group {group}"));
        }
        for group in now.security_groups.iter().filter(|group| !then.security_groups.contains(group)) {
            add(component(), format!("got the security group {group}"));
        }
    }
    for (id, now) in after.instances() {
        let then = before.instance(id).and_then(|then| then.state.clone());
        if let (Some(then), Some(state), [interface, ..]) = (then, &now.state, now.interfaces.as_slice())
            && then != *state
        {
            add(
                ComponentId::NetworkInterface(interface.clone()),
                format!("its instance {id} was {then}, is {state}"),
            );
        }
    }
    found
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
