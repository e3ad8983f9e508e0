//! One fault each, so that two can be combined.

use peerscope_document::aws::{IpProtocol, Route, RouteState};

use crate::documents::World;
use crate::documents::rules::{entry, open_entries, over_peering, permission, propagated, route, tcp};

/// A fault.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Whether an edit mends it.
    pub(crate) can_be_mended: bool,
    pub(crate) put_into: fn(&mut World),
}

macro_rules! faults {
    ($($name:literal $can:ident: $put_into:expr;)+) => {
        &[$(Fault { name: $name, can_be_mended: $can, put_into: $put_into },)+]
    };
}

/// Faults between the space and the database.
pub(crate) fn of_space() -> &'static [Fault] {
    faults! {
        "no route back" true: |world| world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
        "no route but the default one" true: |world| {
            world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
            world.routes("rtb-db").push(route("0.0.0.0/0", "igw-1"));
        };
        "a route for one block only" true: |world| {
            world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
            world.routes("rtb-db").push(route("10.0.128.0/20", "pcx-1"));
        };
        "a longer route" true: |world| world.routes("rtb-db").push(route("10.0.144.0/21", "igw-1"));
        "a longer propagated route" true: |world| {
            world.routes("rtb-db").push(propagated(route("10.0.128.0/20", "vgw-1")));
        };
        "a longer route of a prefix list" true: |world| {
            world.prefix_list("pl-9", &["10.0.152.0/21", "10.0.128.7/32"]);
            world.routes("rtb-db").push(route("pl-9", "igw-1"));
        };
        "a prefix list that loses to a static route" true: |world| {
            world.prefix_list("pl-1", &["10.0.0.0/16"]);
            world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
            world.routes("rtb-db").push(route("pl-1", "pcx-1"));
            world.routes("rtb-db").push(route("10.0.0.0/16", "igw-1"));
        };
        "a blackhole" true: |world| kill(world.routes("rtb-db"), "pcx-1");
        "a route to a peering of the past" true: |world| {
            world.peering("pcx-0", ("vpc-db", &[]), ("vpc-space", &[]), "deleted");
            world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
            world.routes("rtb-db").push(route("10.0.0.0/16", "pcx-0"));
            kill(world.routes("rtb-db"), "pcx-0");
        };
        "a table of its own without the route" true: |world| {
            let routes = vec![route("10.100.0.0/16", "local"), route("10.0.0.0/8", "tgw-1")];
            world.route_table("rtb-0", "vpc-db", &["subnet-db"], routes);
        };
        "an empty group" true: |world| world.rules("sg-db").ip_permissions.clear();
        "a group for one block only" true: |world| {
            world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.0.128.0/20")];
        };
        "a group for another port" true: |world| {
            world.rules("sg-db").ip_permissions = vec![tcp(5433, "10.0.0.0/16")];
        };
        "an entry that denies one block" true: |world| {
            let deny = entry("in", 50, "deny", IpProtocol::TCP, Some((5000, 6000)), "10.0.144.0/20");
            world.entries("acl-db").push(deny);
        };
        "an entry that denies, the number before it taken" true: |world| {
            for (number, block) in [(70, "10.0.0.0/16"), (69, "192.168.0.0/16")] {
                world.entries("acl-db").push(entry("in", number, "deny", IpProtocol::All, None, block));
            }
        };
        "an entry #1 that denies" false: |world| {
            world.entries("acl-db").push(entry("in", 1, "deny", IpProtocol::All, None, "10.0.144.0/20"));
        };
        "an ACL that lets nothing in" true: |world| {
            world.entries("acl-db").retain(|one| one.egress || ![100, 101].contains(&one.rule_number));
        };
        "an ACL that lets nothing out" true: |world| {
            world.entries("acl-db").retain(|one| !one.egress || ![100, 101].contains(&one.rule_number));
        };
        "an ACL for the wrong client ports" true: |world| {
            world.entries("acl-db").retain(|one| !one.egress);
            let allow = entry("out", 100, "allow", IpProtocol::TCP, Some((1024, 49151)), "0.0.0.0/0");
            world.entries("acl-db").push(allow);
        };
        "a pending peering" true: |world| shut(world, "pending-acceptance");
        "an expired peering" true: |world| shut(world, "expired");
        "a deleted peering" true: |world| shut(world, "deleted");
        "a rejected peering" true: |world| shut(world, "rejected");
        "a peering on its way" false: |world| shut(world, "provisioning");
    }
}

/// Faults between the application and the database.
pub(crate) fn of_two_vpcs() -> &'static [Fault] {
    faults! {
        "no route there" true: |world| world.routes("rtb-app").retain(|one| !over_peering(one, "pcx-1"));
        "no route back" true: |world| world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
        "a longer route there" true: |world| world.routes("rtb-app").push(route("10.2.0.0/24", "nat-1"));
        "a longer route back" true: |world| world.routes("rtb-db").push(route("10.1.0.0/28", "nat-1"));
        "a blackhole there" true: |world| kill(world.routes("rtb-app"), "pcx-1");
        "no rule for calls" true: |world| world.rules("sg-app").ip_permissions_egress.clear();
        "no rule for calls from others" true: |world| world.rules("sg-db").ip_permissions.clear();
        "a rule for one address only" true: |world| {
            world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.1.0.11/32")];
        };
        "a stale reference" true: |world| {
            let mut stale = permission(IpProtocol::TCP, Some((5432, 5432)), &["sg-app"]);
            for pair in &mut stale.user_id_group_pairs {
                pair.peering_status = Some("deleted".into());
            }
            world.rules("sg-db").ip_permissions = vec![stale];
        };
        "calls are not let out" true: |world| {
            world.entries("acl-app").retain(|one| !one.egress || one.rule_number >= 32767);
        };
        "replies are not let in" true: |world| {
            let deny = entry("in", 10, "deny", IpProtocol::TCP, Some((32768, 65535)), "10.2.0.0/16");
            world.entries("acl-app").push(deny);
        };
        "calls are not let in" true: |world| {
            world.entries("acl-db").push(entry("in", 10, "deny", IpProtocol::All, None, "10.1.0.0/24"));
        };
        "replies are not let out" true: |world| {
            *world.entries("acl-db") = open_entries();
            world.entries("acl-db").retain(|one| !one.egress);
        };
        "a pending peering" true: |world| shut(world, "pending-acceptance");
        "a failed peering" true: |world| shut(world, "failed");
    }
}

/// Ways in which two networks have no peering: its routes went with it, stayed behind, or in part.
pub(crate) fn without_peering() -> &'static [Fault] {
    faults! {
        "no peering" true: |world| {
            unpeer(world);
            each_table(world, |routes| routes.retain(|one| !over_peering(one, "pcx-1")));
        };
        "no peering, and its routes are left" true: |world| {
            unpeer(world);
            each_table(world, |routes| kill(routes, "pcx-1"));
        };
        "no peering, and a default route instead" true: |world| {
            unpeer(world);
            each_table(world, |routes| {
                routes.retain(|one| !over_peering(one, "pcx-1"));
                routes.push(route("0.0.0.0/0", "igw-1"));
            });
        };
        "no peering, and an older one long gone is what the table leads to" true: |world| {
            unpeer(world);
            each_table(world, |routes| {
                for route in routes.iter_mut().filter(|one| over_peering(one, "pcx-1")) {
                    route.vpc_peering_connection_id = Some("pcx-gone".into());
                }
                kill(routes, "pcx-gone");
            });
        };
    }
}

/// Takes the peering out of the list.
fn unpeer(world: &mut World) {
    let list = world.aws.vpc_peering_connections.get_or_insert_default();
    list.retain(|one| one.vpc_peering_connection_id.as_str() != "pcx-1");
}

fn each_table(world: &mut World, change: impl Fn(&mut Vec<Route>)) {
    world.aws.route_tables.iter_mut().flatten().for_each(|table| change(&mut table.routes));
}

fn kill(routes: &mut [Route], peering: &str) {
    for route in routes.iter_mut().filter(|route| over_peering(route, peering)) {
        route.state = Some(RouteState::Blackhole);
    }
}

/// Takes the peering out of service, and with it its routes.
fn shut(world: &mut World, status: &str) {
    world.status("pcx-1", status);
    for table in world.aws.route_tables.iter_mut().flatten() {
        kill(&mut table.routes, "pcx-1");
    }
}
