//! Rules about route tables: of every table that serves a target, what it does with the space's addresses.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::Cidr;
use peerscope_document::aws::{AwsDocuments, Route, RouteState};
use peerscope_document::id::{RouteTableId, SubnetId, VpcPeeringConnectionId};

use super::Results;
use super::judged::{Broken, Judged, tables};
use super::situation::{Situation, overlap, space_blocks};
use super::space::missing_info;
use crate::repair::Edit;
use crate::report::{Fix, Severity};
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId, RouteDestination, RouteTable, RouteTarget, Space};

/// The rules that are about each table.
const OF_TABLES: [RuleId; 6] = [
    RuleId::RouteToDynosExists,
    RuleId::EverySpaceBlockIsRouted,
    RuleId::RoutesAreAlive,
    RuleId::RouteIsNotShadowed,
    RuleId::TablesAreNamed,
    RuleId::InternalRoutingIsRouted,
];

pub(super) fn check(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    canonical(situation, results);
    let Some(space) = situation.space.filter(|_| !judged.is_empty()) else {
        for rule in OF_TABLES {
            results.not_checked(rule, nothing_judged(situation));
        }
        return;
    };
    let tables = tables(situation, judged);
    for (id, subnets) in &tables {
        let Some(table) = situation.topology.route_table(id) else { continue };
        let one = Table { situation, space, id, table, peering: peering_of(situation, table) };
        one.route_to_dynos(judged, results);
        one.dead_routes(judged, results);
        one.shadowing(judged, results);
        one.every_block(results);
        one.internal_routing(judged, results);
        results.pass(RuleId::TablesAreNamed, one.named(subnets), &one.about());
    }
    unserved(situation, judged, results);
}

/// Why nothing that a target would tell is told.
pub(super) fn nothing_judged(situation: &Situation<'_>) -> String {
    if situation.space.is_none() || situation.dyno_blocks().is_empty() {
        return missing_info();
    }
    if situation.places.is_empty() {
        return "no target was given (--target), and no interface of a VPC that is joined with the space has a group rule whose source meets it"
            .to_string();
    }
    let outside: Vec<&str> = situation.places.iter().map(|place| place.input.as_str()).collect();
    format!("no VPC of the snapshot nor the space has the address of {}", outside.join(", "))
}

/// The peering between the table's VPC and the space.
fn peering_of<'a>(situation: &'a Situation<'_>, table: &RouteTable) -> Option<&'a VpcPeeringConnectionId> {
    let there = NetworkId::Vpc(table.vpc.clone());
    situation.topology.intended_peering(&NetworkId::Space, &there).map(|(id, _)| id)
}

/// A table that serves targets.
struct Table<'a> {
    situation: &'a Situation<'a>,
    space: &'a Space,
    id: &'a RouteTableId,
    table: &'a RouteTable,
    peering: Option<&'a VpcPeeringConnectionId>,
}

impl Table<'_> {
    fn about(&self) -> [ComponentId; 1] {
        [ComponentId::RouteTable(self.id.clone())]
    }

    /// What targets say of the rule about this table: the worst, and for how many it is so.
    fn broken<'j>(&self, judged: &'j [Judged<'_>], rule: RuleId) -> Option<(&'j Broken, usize)> {
        let component = ComponentId::RouteTable(self.id.clone());
        let mut all =
            judged.iter().flat_map(|one| one.breaks(rule)).filter(|broken| broken.component == component);
        let first = all.next()?;
        let (mut worst, mut count) = (first, 1);
        for broken in all {
            count += 1;
            if worst.severity == Severity::Warning && broken.severity == Severity::Error {
                worst = broken;
            }
        }
        Some((worst, count))
    }

    /// Why the rule cannot be told of this table.
    fn open<'j>(&self, judged: &'j [Judged<'_>], rule: RuleId) -> Option<&'j str> {
        let component = ComponentId::RouteTable(self.id.clone());
        let mut all = judged.iter().flat_map(|one| one.leaves_open(rule));
        all.find(|(of, _)| **of == component).map(|(_, reason)| reason)
    }

    fn route_to_dynos(&self, judged: &[Judged<'_>], results: &mut Results<'_>) {
        let rule = RuleId::RouteToDynosExists;
        if let Some((broken, count)) = self.broken(judged, rule) {
            let message = format!("{}{}", broken.message, more(count));
            return results.broken(rule, broken, message, &self.about());
        }
        if let Some(reason) = self.open(judged, rule) {
            return results.not_checked_of(rule, reason.to_string(), &self.about());
        }
        let Some(over) = self.peering else {
            return results.not_checked_of(rule, self.no_peering(), &self.about());
        };
        let blocks: Vec<String> = self.space.dyno_blocks.iter().map(ToString::to_string).collect();
        let message =
            format!("{} has routes over {over} for all blocks of dynos ({}).", self.id, blocks.join(", "));
        results.pass(rule, message, &self.about());
    }

    fn no_peering(&self) -> String {
        format!(
            "{} has no peering with the space that is known, over which {} could route",
            self.table.vpc, self.id
        )
    }

    /// Routes that meet the space's blocks, with their destinations.
    fn routes_for(&self, blocks: &[IpNet]) -> Vec<(&Route, IpNet)> {
        let with_destination =
            self.table.routes.iter().filter_map(|route| match RouteDestination::of(route)? {
                RouteDestination::Cidr(cidr) => Some((route, cidr)),
                RouteDestination::PrefixList(_) => None,
            });
        with_destination.filter(|(_, cidr)| blocks.iter().any(|block| overlap(cidr, block))).collect()
    }

    /// Blackholes, and routes over a peering that is not this one.
    fn dead_routes(&self, judged: &[Judged<'_>], results: &mut Results<'_>) {
        let rule = RuleId::RoutesAreAlive;
        if let Some((broken, count)) = self.broken(judged, rule) {
            let message = format!("{}{}", broken.message, more(count));
            return results.broken(rule, broken, message, &self.about());
        }
        let blocks = space_blocks(self.space);
        let active = self
            .peering
            .and_then(|id| self.situation.topology.peering(id))
            .is_some_and(|one| one.is_active());
        let mut dead = Vec::new();
        let mut consequences = Vec::new();
        for (route, cidr) in self.routes_for(&blocks) {
            let over = route.vpc_peering_connection_id.as_ref();
            let is_space_route = over.is_some() || blocks.iter().any(|block| block.contains(&cidr));
            let is_blackhole = route.state == Some(RouteState::Blackhole);
            if over.is_some() && over == self.peering && is_blackhole && !active {
                consequences.push(cidr.to_string());
            } else if is_space_route
                && (is_blackhole || over.is_some_and(|over| self.peering.is_some_and(|own| own != over)))
            {
                dead.push(format!("{cidr} ({})", target_words(route, is_blackhole)));
            }
        }
        if !dead.is_empty() {
            let message = format!(
                "{} has routes for the space that lead nowhere or elsewhere: {}. No target is cut off by them now.",
                self.id,
                dead.join(", ")
            );
            return results.lesser(rule, Severity::Warning, message, &self.about(), Vec::new());
        }
        if !consequences.is_empty() {
            let message = format!(
                "{}'s route to {} is a blackhole because its peering is not active: a consequence, not a second cause.",
                self.id,
                consequences.join(", ")
            );
            return results.lesser(rule, Severity::Info, message, &self.about(), Vec::new());
        }
        if let Some(reason) = self.open(judged, rule) {
            return results.not_checked_of(rule, reason.to_string(), &self.about());
        }
        results.pass(rule, format!("No route of {} for the space is dead.", self.id), &self.about());
    }

    /// Longer or preferred routes that take the space's addresses elsewhere.
    fn shadowing(&self, judged: &[Judged<'_>], results: &mut Results<'_>) {
        let rule = RuleId::RouteIsNotShadowed;
        if let Some((broken, count)) = self.broken(judged, rule) {
            let message = format!("{}{}", broken.message, more(count));
            return results.broken(rule, broken, message, &self.about());
        }
        // Blocks without dynos matter too: the space's own balancers may be in any of them.
        let blocks = space_blocks(self.space);
        let elsewhere: Vec<String> = self
            .routes_for(&blocks)
            .into_iter()
            .filter(|(route, cidr)| {
                !matches!(RouteTarget::of(route), RouteTarget::Peering(_) | RouteTarget::Local)
                    && blocks.iter().any(|block| block.contains(cidr))
            })
            .map(|(route, cidr)| {
                format!("{cidr} ({})", target_words(route, route.state == Some(RouteState::Blackhole)))
            })
            .collect();
        if !elsewhere.is_empty() {
            let message = format!(
                "{} takes a part of the space elsewhere than over the peering: {}. No dyno's block is in it, but an app with internal routing may be.",
                self.id,
                elsewhere.join(", ")
            );
            return results.lesser(rule, Severity::Warning, message, &self.about(), Vec::new());
        }
        if let Some(reason) = self.open(judged, rule) {
            return results.not_checked_of(rule, reason.to_string(), &self.about());
        }
        results.pass(
            rule,
            format!("No route of {} shadows the one over the peering.", self.id),
            &self.about(),
        );
    }

    /// The space's blocks for which this table has no route over the peering.
    fn unrouted(&self) -> Vec<IpNet> {
        let over = self.destinations();
        let blocks = self.space.space_blocks.iter();
        blocks.filter(|block| !over.iter().any(|route| route.contains(*block))).copied().collect()
    }

    /// What this table routes over the peering.
    fn destinations(&self) -> Vec<IpNet> {
        let topology = self.situation.topology;
        let own = self.table.routes.iter().filter(|route| {
            route.vpc_peering_connection_id.is_some()
                && route.vpc_peering_connection_id.as_ref() == self.peering
        });
        let mut found = Vec::new();
        for route in own {
            match RouteDestination::of(route) {
                Some(RouteDestination::Cidr(cidr)) => found.push(cidr),
                Some(RouteDestination::PrefixList(list)) => {
                    found.extend(
                        topology.prefix_list(&list).and_then(|list| list.blocks.clone()).unwrap_or_default(),
                    );
                }
                None => {}
            }
        }
        found
    }

    /// One route for the whole space, or one for each of its blocks.
    fn every_block(&self, results: &mut Results<'_>) {
        let rule = RuleId::EverySpaceBlockIsRouted;
        if self.space.space_blocks.is_empty() {
            return results.not_checked_of(rule, missing_info(), &self.about());
        }
        if self.peering.is_none() {
            return results.not_checked_of(rule, self.no_peering(), &self.about());
        }
        let over = self.destinations();
        let whole = self.space.cidr.filter(|cidr| over.iter().any(|route| route.contains(cidr)));
        if let Some(cidr) = whole {
            let message = format!("{} routes {cidr}, the space's whole network.", self.id);
            return results.pass(rule, message, &self.about());
        }
        let blocks = &self.space.space_blocks;
        let unrouted = self.unrouted();
        let odd: Vec<&IpNet> = over
            .iter()
            .filter(|route| blocks.iter().any(|block| overlap(block, route)) && !blocks.contains(route))
            .collect();
        if over.is_empty() {
            let message =
                format!("{} has no route over the peering at all (HPS-RT-01 says for whom).", self.id);
            return results.not_checked_of(rule, message, &self.about());
        }
        if unrouted.is_empty() && odd.is_empty() {
            let message = format!("{} has a route for each block of the space.", self.id);
            return results.pass(rule, message, &self.about());
        }
        let mut faults = Vec::new();
        if !unrouted.is_empty() {
            faults.push(format!("has no route for {}", words(&unrouted)));
        }
        if !odd.is_empty() {
            let odd: Vec<IpNet> = odd.into_iter().copied().collect();
            faults.push(format!("routes {}, which is no block of the space", words(&odd)));
        }
        let message = format!("{} {}.", self.id, faults.join(" and "));
        results.violation(rule, message, &self.about(), self.routes_to(&unrouted));
    }

    fn internal_routing(&self, judged: &[Judged<'_>], results: &mut Results<'_>) {
        let rule = RuleId::InternalRoutingIsRouted;
        if self.space.space_blocks.is_empty() {
            return results.not_checked_of(rule, missing_info(), &self.about());
        }
        if self.peering.is_none() {
            return results.not_checked_of(rule, self.no_peering(), &self.about());
        }
        let unrouted = self.unrouted();
        if unrouted.is_empty() {
            let message = format!("{} routes all blocks of the space.", self.id);
            return results.pass(rule, message, &self.about());
        }
        let blocks = words(&unrouted);
        // Who calls the space at an address that is no dyno's calls its router.
        let is_of_dyno = |address| self.space.dyno_blocks.iter().any(|block| block.contains(&address));
        let called = judged
            .iter()
            .find(|one| one.is_in_space && one.vpc == self.table.vpc && !is_of_dyno(one.place.address));
        match called {
            Some(one) => {
                let message = format!(
                    "{} is the space's router, which may move to any of its blocks, and {} has no route for {blocks}.",
                    one.words(),
                    self.id
                );
                results.violation(rule, message, &self.about(), self.routes_to(&unrouted));
            }
            None => {
                let message = format!(
                    "No target is an app with internal routing; for one, {} would lack routes for {blocks}.",
                    self.id
                );
                results.pass(rule, message, &self.about());
            }
        }
    }

    /// Routes over the peering for these blocks, as something to run.
    fn routes_to(&self, blocks: &[IpNet]) -> Vec<Fix> {
        let Some(peering) = self.peering else { return Vec::new() };
        let edits: Vec<Edit> = blocks
            .iter()
            .map(|block| Edit::CreateRoute {
                table: self.id.clone(),
                destination: *block,
                peering: peering.clone(),
            })
            .collect();
        super::made(self.situation.topology, &edits).into_iter().collect()
    }

    fn named(&self, subnets: &BTreeSet<SubnetId>) -> String {
        let by = if self.table.main { ", the VPC's main one," } else { "" };
        let subnets: Vec<String> = subnets.iter().map(ToString::to_string).collect();
        format!("{}{by} serves {} and was looked at.", self.id, subnets.join(", "))
    }
}

/// Targets whose subnet or table nobody knows.
fn unserved(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    let is_unserved = |one: &&Judged<'_>| {
        let mut subnets = one.subnets.iter();
        one.subnets.is_empty()
            || subnets.any(|subnet| situation.topology.effective_route_table(subnet).is_none())
    };
    let unserved: Vec<&Judged<'_>> = judged.iter().filter(is_unserved).collect();
    let Some(first) = unserved.first() else { return };
    let also = match unserved.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    for rule in OF_TABLES {
        let reason = format!("which route table serves {}{also} is not in the snapshot", first.words());
        results.not_checked_of(rule, reason, &[ComponentId::Vpc(first.vpc.clone())]);
    }
}

/// CIDRs with host bits, wherever one may be written.
fn canonical(situation: &Situation<'_>, results: &mut Results<'_>) {
    let rule = RuleId::CidrsAreCanonical;
    let mut looked_at = 0;
    let mut found: Vec<(Cidr, ComponentId)> = Vec::new();
    let mut look = |cidr: Cidr, of: ComponentId| {
        looked_at += 1;
        if cidr.has_host_bits() && !found.contains(&(cidr, of.clone())) {
            found.push((cidr, of));
        }
    };
    for documents in situation.case.documents.aws.iter().map(|collection| &collection.documents) {
        of_aws(documents, &mut look);
    }
    if let Some(info) = &situation.heroku.peering_info {
        let lists = [&info.dyno_cidr_blocks, &info.space_cidr_blocks, &info.unavailable_cidr_blocks];
        let blocks = lists.into_iter().flatten().flatten().chain(&info.vpc_cidr);
        blocks.for_each(|cidr| look(*cidr, ComponentId::Space));
    }
    for (cidr, of) in &found {
        let message = format!("{cidr} means {}: AWS clears the host bits.", cidr.network());
        results.violation(rule, message, core::slice::from_ref(of), Vec::new());
    }
    match (found.is_empty(), looked_at) {
        (true, 0) => results
            .not_checked(rule, "the snapshot has no route, group, ACL nor networks of a space".to_string()),
        (true, count) => results.pass(rule, format!("None of {count} CIDRs has host bits set."), &[]),
        (false, _) => {}
    }
}

fn of_aws(documents: &AwsDocuments, look: &mut impl FnMut(Cidr, ComponentId)) {
    for table in documents.route_tables.iter().flatten() {
        let destinations = table.routes.iter().filter_map(|route| route.destination_cidr_block);
        destinations.for_each(|cidr| look(cidr, ComponentId::RouteTable(table.route_table_id.clone())));
    }
    for group in documents.security_groups.iter().flatten() {
        let permissions = group.ip_permissions.iter().chain(&group.ip_permissions_egress);
        let ranges = permissions.flat_map(|permission| &permission.ip_ranges);
        ranges.for_each(|range| look(range.cidr_ip, ComponentId::SecurityGroup(group.group_id.clone())));
    }
    for acl in documents.network_acls.iter().flatten() {
        let blocks = acl.entries.iter().filter_map(|entry| entry.cidr_block);
        blocks.for_each(|cidr| look(cidr, ComponentId::NetworkAcl(acl.network_acl_id.clone())));
    }
}

/// For how many more targets something is so.
pub(super) fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " So it is for one more target.".to_string(),
        count => format!(" So it is for {} more targets.", count - 1),
    }
}

fn target_words(route: &Route, is_blackhole: bool) -> String {
    let target = RouteTarget::of(route);
    if is_blackhole { format!("{target}, a blackhole") } else { target.to_string() }
}

fn words(blocks: &[IpNet]) -> String {
    let words: Vec<String> = blocks.iter().map(IpNet::to_string).collect();
    words.join(", ")
}
