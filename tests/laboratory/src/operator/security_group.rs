//! `authorize-security-group-…` and `revoke-security-group-…`.

use peerscope_document::aws::{
    IpPermission, IpProtocol, IpRange, Ipv6Range, PrefixListIdentifier, UserIdGroupPair,
};
use peerscope_document::id::{PrefixListId, SecurityGroupId};
use peerscope_document::{Cidr, Snapshot};

use super::Printed;
use super::error::Refusal;
use super::options::{Form, Options, block, parsed};
use super::places::{absent, change, check_region, documents, security_group, security_groups_mut};
use super::ports::{port_range, protocol, type_and_code};
use super::shorthand::{self, Map};

const FORM: Form = Form {
    flags: &[],
    values: &[&["--region", "--group-id", "--protocol", "--port", "--cidr"]],
    lists: &["--ip-permissions"],
    positional: 0,
};

/// What of a permission is one rule: AWS joins those of equal protocol and ports when it lists them.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    service: Service,
    peer: Peer,
    description: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Service {
    protocol: IpProtocol,
    /// Or ICMP's type and code; none where the protocol has neither.
    ports: Option<(i32, i32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Peer {
    Block(Cidr),
    Block6(Cidr),
    List(PrefixListId),
    Group(SecurityGroupId),
}

pub(super) fn authorize(
    snapshot: &mut Snapshot,
    ingress: bool,
    arguments: &[&str],
) -> Result<Printed, Refusal> {
    with_rules(snapshot, ingress, arguments, |permissions, rule| {
        if permissions.iter().any(|permission| has(permission, rule)) {
            let message = format!("the specified rule \"{}\" already exists", words(rule));
            return Err(Refusal::service("InvalidPermission.Duplicate", message));
        }
        match permissions.iter_mut().find(|permission| service_of(permission) == rule.service) {
            Some(permission) => add(permission, rule),
            None => {
                let mut permission = empty(rule.service);
                add(&mut permission, rule);
                permissions.push(permission);
            }
        }
        Ok(())
    })
}

pub(super) fn revoke(snapshot: &mut Snapshot, ingress: bool, arguments: &[&str]) -> Result<Printed, Refusal> {
    with_rules(snapshot, ingress, arguments, |permissions, rule| {
        let Some(place) = permissions.iter().position(|permission| has(permission, rule)) else {
            let message =
                format!("The specified rule \"{}\" does not exist in this security group", words(rule));
            return Err(Refusal::service("InvalidPermission.NotFound", message));
        };
        let permission = &mut permissions[place];
        remove(permission, &rule.peer);
        if peers(permission).next().is_none() {
            permissions.remove(place);
        }
        Ok(())
    })
}

/// Does the same for every rule that was given; all of them, or none.
fn with_rules(
    snapshot: &mut Snapshot,
    ingress: bool,
    arguments: &[&str],
    work: impl Fn(&mut Vec<IpPermission>, &Rule) -> Result<(), Refusal>,
) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let id = options.required("--group-id")?;
    let group = security_group(snapshot, id)?;
    check_region(snapshot, &options, group.vpc_id.as_ref(), "InvalidGroup.NotFound", id)?;
    let rules = if options.has("--ip-permissions") {
        if let Some(other) = ["--protocol", "--port", "--cidr"].into_iter().find(|name| options.has(name)) {
            return Err(Refusal::usage(format!("{other} and --ip-permissions exclude each other")));
        }
        let mut rules = Vec::new();
        for text in options.all("--ip-permissions") {
            rules.extend(structured(snapshot, shorthand::read(text)?)?);
        }
        rules
    } else {
        vec![simple(&options)?]
    };
    for (place, rule) in rules.iter().enumerate() {
        if rules[..place]
            .iter()
            .any(|earlier| (&earlier.service, &earlier.peer) == (&rule.service, &rule.peer))
        {
            return Err(Refusal::invalid("The same permission must not appear multiple times"));
        }
    }
    let copies = security_groups_mut(snapshot).filter(|it| it.group_id.as_str() == id);
    change(
        copies,
        |group| if ingress { &mut group.ip_permissions } else { &mut group.ip_permissions_egress },
        |permissions| rules.iter().try_for_each(|rule| work(permissions, rule)),
    )?;
    // AWS answers with the rules, as a document.
    Ok(None)
}

/// The rule of `--protocol`, `--port` and `--cidr`, which the CLI makes a permission of.
fn simple(options: &Options<'_>) -> Result<Rule, Refusal> {
    let protocol = protocol(options.required("--protocol")?, &["tcp", "udp", "icmp", "all"])?;
    let number = |text: &str| parsed::<i32>("--port", text).map(Some);
    let (from, to) = match options.get("--port") {
        None => (None, None),
        Some("-1" | "all") => (Some(-1), Some(-1)),
        Some(text) => match text.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(text)?, number(text)?),
        },
    };
    let service = service(protocol, from, to)?;
    let peer = Peer::Block(block("--cidr", options.required("--cidr")?)?);
    Ok(Rule { service, peer, description: None })
}

/// The rules of one permission of `--ip-permissions`.
fn structured(snapshot: &Snapshot, mut map: Map) -> Result<Vec<Rule>, Refusal> {
    let name = map.take_word("IpProtocol")?.ok_or_else(|| Refusal::missing("IpProtocol is required"))?;
    let protocol = protocol(&name, &["tcp", "udp", "icmp", "icmpv6"])?;
    let number = |word: Option<String>, key: &str| word.map(|word| parsed::<i32>(key, &word)).transpose();
    let from = number(map.take_word("FromPort")?, "FromPort")?;
    let to = number(map.take_word("ToPort")?, "ToPort")?;
    let service = service(protocol, from, to)?;
    let mut rules = Vec::new();
    for (list, key) in [
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
        ("UserIdGroupPairs", "GroupId"),
    ] {
        for mut one in map.take_maps(list)? {
            let value = one.take_word(key)?.ok_or_else(|| Refusal::missing(format!("{key} is required")))?;
            let description = one.take_word("Description")?;
            one.finish()?;
            let peer = match key {
                "CidrIp" => Peer::Block(block(key, &value)?),
                "CidrIpv6" => Peer::Block6(block(key, &value)?),
                "PrefixListId" => Peer::List(prefix_list(snapshot, &value)?),
                _ => Peer::Group(security_group(snapshot, &value)?.group_id.clone()),
            };
            rules.push(Rule { service, peer, description });
        }
    }
    map.finish()?;
    if rules.is_empty() {
        return Err(Refusal::missing("a permission needs IpRanges or another peer"));
    }
    Ok(rules)
}

fn prefix_list(snapshot: &Snapshot, id: &str) -> Result<PrefixListId, Refusal> {
    let mut lists = documents(snapshot).flat_map(|it| it.prefix_lists.iter().flatten());
    let list = lists.find(|it| it.prefix_list_id.as_str() == id);
    list.map(|it| it.prefix_list_id.clone())
        .ok_or_else(|| absent("InvalidPrefixListID.NotFound", "prefix list", id))
}

fn service(protocol: IpProtocol, from: Option<i32>, to: Option<i32>) -> Result<Service, Refusal> {
    let ports = match protocol {
        IpProtocol::TCP | IpProtocol::UDP => Some(port_range(from, to)?),
        IpProtocol::ICMPV6 if from.is_none() && to.is_none() => Some((-1, -1)),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => Some(type_and_code(from, to)?),
        // AWS would take ports and let every port through: whoever wrote them meant something else.
        other if [from, to].into_iter().flatten().any(|port| port != -1) => {
            return Err(Refusal::invalid(format!("the protocol {other} has no ports")));
        }
        _ => None,
    };
    Ok(Service { protocol, ports })
}

/// The same of a permission in a document, in which what is absent means all.
fn service_of(permission: &IpPermission) -> Service {
    let given = |port: Option<i32>| port.filter(|port| *port != -1);
    let (from, to) = (given(permission.from_port), given(permission.to_port));
    let ports = match permission.ip_protocol {
        IpProtocol::TCP | IpProtocol::UDP => Some((from.unwrap_or(0), to.unwrap_or(65535))),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => Some((from.unwrap_or(-1), to.unwrap_or(-1))),
        _ => None,
    };
    Service { protocol: permission.ip_protocol, ports }
}

fn empty(service: Service) -> IpPermission {
    IpPermission {
        ip_protocol: service.protocol,
        from_port: service.ports.map(|(from, _)| from),
        to_port: service.ports.map(|(_, to)| to),
        ip_ranges: Vec::new(),
        ipv6_ranges: Vec::new(),
        prefix_list_ids: Vec::new(),
        user_id_group_pairs: Vec::new(),
    }
}

fn has(permission: &IpPermission, rule: &Rule) -> bool {
    service_of(permission) == rule.service && peers(permission).any(|peer| peer == rule.peer)
}

fn peers(permission: &IpPermission) -> impl Iterator<Item = Peer> {
    let blocks = permission.ip_ranges.iter().map(|it| Peer::Block(it.cidr_ip.network().into()));
    let blocks6 = permission.ipv6_ranges.iter().map(|it| Peer::Block6(it.cidr_ipv6.network().into()));
    let lists = permission.prefix_list_ids.iter().map(|it| Peer::List(it.prefix_list_id.clone()));
    let groups = permission.user_id_group_pairs.iter().filter_map(|it| it.group_id.clone()).map(Peer::Group);
    blocks.chain(blocks6).chain(lists).chain(groups)
}

fn add(permission: &mut IpPermission, rule: &Rule) {
    let description = rule.description.clone();
    match &rule.peer {
        Peer::Block(cidr_ip) => permission.ip_ranges.push(IpRange { cidr_ip: *cidr_ip, description }),
        Peer::Block6(cidr_ipv6) => {
            permission.ipv6_ranges.push(Ipv6Range { cidr_ipv6: *cidr_ipv6, description });
        }
        Peer::List(id) => {
            let prefix_list_id = id.clone();
            permission.prefix_list_ids.push(PrefixListIdentifier { prefix_list_id, description });
        }
        Peer::Group(id) => permission.user_id_group_pairs.push(UserIdGroupPair {
            group_id: Some(id.clone()),
            user_id: None,
            vpc_id: None,
            vpc_peering_connection_id: None,
            peering_status: None,
            description,
        }),
    }
}

fn remove(permission: &mut IpPermission, peer: &Peer) {
    match peer {
        Peer::Block(block) => permission.ip_ranges.retain(|it| it.cidr_ip.network() != block.network()),
        Peer::Block6(block) => permission.ipv6_ranges.retain(|it| it.cidr_ipv6.network() != block.network()),
        Peer::List(id) => permission.prefix_list_ids.retain(|it| it.prefix_list_id != *id),
        Peer::Group(id) => permission.user_id_group_pairs.retain(|it| it.group_id.as_ref() != Some(id)),
    }
}

fn words(rule: &Rule) -> String {
    let peer = match &rule.peer {
        Peer::Block(block) | Peer::Block6(block) => block.to_string(),
        Peer::List(id) => id.to_string(),
        Peer::Group(id) => id.to_string(),
    };
    let ports = rule.service.ports.map(|(from, to)| format!(", from port: {from}, to port: {to}"));
    format!("peer: {peer}, {}{}, ALLOW", rule.service.protocol, ports.unwrap_or_default())
}
