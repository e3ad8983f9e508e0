//! The network ACLs and security groups of the customer's VPC.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use peerscope_document::aws::{
    IpPermission, IpProtocol, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, PrefixList,
    PrefixListEntry, RuleAction, SecurityGroup,
};

use super::draw::{Draw, Lot};
use super::make::{
    anywhere, cidr, default_acl, entry, everything_out, final_denies, from_blocks, from_group,
    from_peered_group, from_prefix_list, group, permission,
};
use super::site::Site;

/// What is published as documentation (RFC 5737) and so never an address of a world.
const ELSEWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24);

pub(crate) fn network_acls(site: &Site, draw: &mut Draw) -> Vec<NetworkAcl> {
    let acl = |id: String, entries: Vec<NetworkAclEntry>, name: &str| NetworkAcl {
        network_acl_id: id.into(),
        vpc_id: site.vpc.clone(),
        is_default: false,
        owner_id: Some(site.owner.clone()),
        associations: Vec::new(),
        entries,
        tags: super::make::named(name),
    };
    let entries = restricted_entries(site, draw);
    let mut restricted = acl(draw.addresses.id("acl"), entries, "restricted");
    let mut default = default_acl(draw.addresses.id("acl"), &site.vpc, &site.owner);
    let is_restricted = draw.association.chance(50);
    // Sometimes the default ACL serves no subnet at all.
    let is_default_used = draw.decoys.chance(70);
    for (index, subnet) in site.subnets.iter().enumerate() {
        let serves = if index == 0 { is_restricted } else { !is_default_used || draw.association.chance(30) };
        let acl = if serves { &mut restricted } else { &mut default };
        acl.associations.push(NetworkAclAssociation { subnet_id: Some(subnet.id.clone()) });
    }
    let mut acls = vec![default, restricted];
    if draw.decoys.chance(50) {
        acls.push(acl(draw.addresses.id("acl"), final_denies().to_vec(), "quarantine"));
    }
    for acl in &mut acls {
        draw.order.shuffle(&mut acl.entries);
    }
    draw.order.shuffle(&mut acls);
    acls
}

/// Lets the world's flow through both ways and little else, in one of the ways that people write it.
fn restricted_entries(site: &Site, draw: &mut Draw) -> Vec<NetworkAclEntry> {
    let egress = site.requests_leave();
    let blocks =
        if draw.association.chance(50) { site.remote.host_blocks.clone() } else { site.remote.networks() };
    let replies = draw.association.pick([(1024, 65535), (32768, 60999), (32768, 65535)]);
    let allow =
        |egress, block, ports| entry(0, egress, RuleAction::Allow, IpProtocol::TCP, block, Some(ports));
    let deny = |egress, protocol, block, ports| entry(0, egress, RuleAction::Deny, protocol, block, ports);
    let mut entries: Vec<NetworkAclEntry> = Vec::new();
    if draw.decoys.chance(60) {
        entries.push(deny(false, IpProtocol::TCP, anywhere(), Some((22, 22))));
    }
    if draw.decoys.chance(60) {
        entries.push(deny(draw.decoys.chance(50), IpProtocol::All, ELSEWHERE, None));
    }
    for block in &blocks {
        entries.push(allow(egress, *block, (site.port, site.port)));
        entries.push(allow(!egress, *block, replies));
    }
    draw.order.shuffle(&mut entries);
    // What the subnet's hosts do themselves: after the flow's own, so that nothing hides behind it.
    entries.push(allow(true, anywhere(), (443, 443)));
    if draw.decoys.chance(50) {
        entries.push(allow(true, site.block, (1024, 65535)));
        entries.push(allow(false, site.block, (1, 65535)));
    }
    if draw.decoys.chance(50) {
        entries.push(deny(!egress, IpProtocol::UDP, site.remote.block, Some((0, 65535))));
    }
    let mut number = 0;
    for entry in &mut entries {
        number += draw.order.pick([10, 20, 50, 100]);
        entry.rule_number = number + 40;
    }
    entries.extend(final_denies());
    entries
}

/// The groups, and which of them (by their places) the interface has beside the admitting one.
pub(crate) struct Groups {
    pub(crate) groups: Vec<SecurityGroup>,
    pub(crate) prefix_lists: Vec<PrefixList>,
}

/// Names of groups that the world's interface may have beside the admitting one: none of them lets the
/// world's flow through.
pub(crate) const COMPANIONS: [&str; 3] = ["monitoring", "office", "ssh-from-bastion"];

pub(crate) fn groups(site: &Site, draw: &mut Draw) -> Groups {
    let new = |name: &str, lot: &mut Lot| group(&lot.id("sg").into(), &site.vpc, &site.owner, name);
    let ids = &mut draw.addresses;
    let mut default = new("default", ids);
    let within = from_group(permission(IpProtocol::All, None), &default.group_id, &site.owner);
    default.ip_permissions.push(within);
    let mut app = new("app", ids);
    app.ip_permissions.push(from_blocks(permission(IpProtocol::TCP, Some((443, 443))), &[anywhere()]));
    let bastion = new("bastion", ids);
    let mut ssh = new("ssh-from-bastion", ids);
    let from_bastion =
        from_group(permission(IpProtocol::TCP, Some((22, 22))), &bastion.group_id, &site.owner);
    ssh.ip_permissions.push(from_bastion);
    let mut office = new("office", ids);
    let other_ports = permission(IpProtocol::TCP, Some((8000, 8079)));
    office.ip_permissions.push(from_prefix_list(other_ports, &site.prefix_lists[1]));
    let mut monitoring = new("monitoring", ids);
    let echo = IpPermission { from_port: Some(8), to_port: Some(0), ..permission(IpProtocol::ICMP, None) };
    monitoring.ip_permissions.push(from_blocks(echo, &[ELSEWHERE]));

    let admitting = admitting(site, &app, draw);
    // Where requests leave the interface, what its other groups let out would hide the admitting one.
    let lot = &mut draw.decoys;
    for companion in [&mut ssh, &mut office, &mut monitoring] {
        if site.requests_leave() || lot.chance(50) {
            companion.ip_permissions_egress = restricted_out(site, lot);
        }
    }
    let mut groups = vec![default, app, bastion, ssh, office, monitoring, admitting];
    draw.order.shuffle(&mut groups);
    Groups { groups, prefix_lists: prefix_lists(site, draw) }
}

/// The group that lets the world's flow through, by blocks, whole networks, a prefix list or a reference.
fn admitting(site: &Site, app: &SecurityGroup, draw: &mut Draw) -> SecurityGroup {
    let mut admitting = group(&site.admitting_group, &site.vpc, &site.owner, "orders");
    let ports = match draw.association.number(0, 3) {
        0 => (site.port.saturating_sub(2), site.port + 3),
        _ => (site.port, site.port),
    };
    let service = permission(IpProtocol::TCP, Some(ports));
    let own = match (site.referenced_group(), draw.association.number(0, 2)) {
        (Some(group), _) => from_peered_group(service, group, site),
        (None, 0) => from_blocks(service, &site.remote.host_blocks),
        (None, 1) => from_blocks(service, &site.remote.networks()),
        (None, _) => from_prefix_list(service, &site.prefix_lists[0]),
    };
    let from_app =
        from_group(permission(IpProtocol::TCP, Some((site.port, site.port))), &app.group_id, &site.owner);
    if site.requests_leave() {
        admitting.ip_permissions_egress = restricted_out(site, &mut draw.decoys);
        admitting.ip_permissions_egress.push(own);
        admitting.ip_permissions.push(from_app);
    } else {
        let lot = &mut draw.decoys;
        // Replies are tracked: what the group lets out does not matter to them.
        admitting.ip_permissions_egress = match lot.number(0, 2) {
            0 => Vec::new(),
            1 => restricted_out(site, lot),
            _ => everything_out(),
        };
        admitting.ip_permissions.extend([own, from_app]);
    }
    draw.order.shuffle(&mut admitting.ip_permissions);
    draw.order.shuffle(&mut admitting.ip_permissions_egress);
    admitting
}

fn restricted_out(site: &Site, lot: &mut Lot) -> Vec<IpPermission> {
    let within = from_blocks(permission(IpProtocol::All, None), &[site.block]);
    match lot.number(0, 2) {
        0 => vec![within],
        1 => vec![from_blocks(permission(IpProtocol::TCP, Some((443, 443))), &[ELSEWHERE])],
        _ => {
            vec![within, from_prefix_list(permission(IpProtocol::UDP, Some((53, 53))), &site.prefix_lists[1])]
        }
    }
}

/// The space's blocks, and an office's.
fn prefix_lists(site: &Site, draw: &mut Draw) -> Vec<PrefixList> {
    let list = |index: usize, name: &str, blocks: &[Ipv4Net]| PrefixList {
        prefix_list_id: site.prefix_lists[index].clone(),
        prefix_list_name: Some(name.to_owned()),
        owner_id: Some(site.owner.clone()),
        cidrs: None,
        entries: Some(
            blocks.iter().map(|block| PrefixListEntry { cidr: cidr(*block), description: None }).collect(),
        ),
    };
    let blocks =
        if draw.association.chance(50) { site.remote.host_blocks.clone() } else { site.remote.networks() };
    let office = Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24);
    vec![list(0, "heroku-space", &blocks), list(1, "office", &[office, ELSEWHERE])]
}
