//! `create-network-acl-entry`, `replace-network-acl-entry` and `delete-network-acl-entry`.

use peerscope_document::Snapshot;
use peerscope_document::aws::{IcmpTypeCode, IpProtocol, NetworkAclEntry, PortRange, RuleAction};

use super::Printed;
use super::error::Refusal;
use super::options::{Form, Options, block, parsed};
use super::places::{change, check_region, network_acl, network_acls_mut};
use super::ports::{port_range, protocol, type_and_code};
use super::shorthand;

const FORM: Form = Form {
    flags: &["--ingress", "--egress"],
    values: &[&[
        "--region",
        "--network-acl-id",
        "--rule-number",
        "--protocol",
        "--rule-action",
        "--cidr-block",
        "--ipv6-cidr-block",
        "--port-range",
        "--icmp-type-code",
    ]],
    lists: &[],
    positional: 0,
};
const DELETE_FORM: Form = Form {
    flags: &["--ingress", "--egress"],
    values: &[&["--region", "--network-acl-id", "--rule-number"]],
    lists: &[],
    positional: 0,
};

/// The highest number that an entry of one's own may have.
const LAST: i32 = 32766;

pub(super) fn create(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let new = entry(&options)?;
    change_entries(snapshot, &options, |entries| {
        if entries.iter().any(|it| (it.rule_number, it.egress) == (new.rule_number, new.egress)) {
            let message = format!("The network acl entry identified by {} already exists.", new.rule_number);
            return Err(Refusal::service("NetworkAclEntryAlreadyExists", message));
        }
        entries.push(new);
        Ok(())
    })
}

pub(super) fn replace(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let new = entry(&options)?;
    change_entries(snapshot, &options, |entries| {
        let place = place(entries, new.rule_number, new.egress)?;
        entries[place] = new;
        Ok(())
    })
}

pub(super) fn delete(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&DELETE_FORM, arguments)?;
    let (number, egress) = identity(&options)?;
    change_entries(snapshot, &options, |entries| {
        let place = place(entries, number, egress)?;
        entries.remove(place);
        Ok(())
    })
}

fn change_entries(
    snapshot: &mut Snapshot,
    options: &Options<'_>,
    work: impl FnOnce(&mut Vec<NetworkAclEntry>) -> Result<(), Refusal>,
) -> Result<Printed, Refusal> {
    let id = options.required("--network-acl-id")?;
    let acl = network_acl(snapshot, id)?;
    check_region(snapshot, options, Some(&acl.vpc_id), "InvalidNetworkAclID.NotFound", id)?;
    let copies = network_acls_mut(snapshot).filter(|it| it.network_acl_id.as_str() == id);
    change(copies, |acl| &mut acl.entries, work)?;
    Ok(Some(String::new()))
}

fn place(entries: &[NetworkAclEntry], number: i32, egress: bool) -> Result<usize, Refusal> {
    let place = entries.iter().position(|it| (it.rule_number, it.egress) == (number, egress));
    place.ok_or_else(|| {
        let way = if egress { "egress" } else { "ingress" };
        let message = format!("The {way} entry {number} does not exist");
        Refusal::service("InvalidNetworkAclEntry.NotFound", message)
    })
}

/// The number and the way, which together name an entry.
fn identity(options: &Options<'_>) -> Result<(i32, bool), Refusal> {
    let number = parsed("--rule-number", options.required("--rule-number")?)?;
    if !(1..=LAST).contains(&number) {
        return Err(Refusal::invalid(format!(
            "Value ({number}) for ruleNumber is invalid: 1 to {LAST} are one's own"
        )));
    }
    let (way, _) = options.one_of(&["--ingress", "--egress"])?;
    Ok((number, way == "--egress"))
}

fn entry(options: &Options<'_>) -> Result<NetworkAclEntry, Refusal> {
    let (rule_number, egress) = identity(options)?;
    let rule_action = match options.required("--rule-action")? {
        "allow" => RuleAction::Allow,
        "deny" => RuleAction::Deny,
        other => return Err(Refusal::invalid(format!("Value ({other}) for ruleAction is invalid"))),
    };
    // The CLI translates these names; EC2 itself knows numbers.
    let protocol = protocol(options.required("--protocol")?, &["tcp", "udp", "icmp", "all"])?;
    let (name, value) = options.one_of(&["--cidr-block", "--ipv6-cidr-block"])?;
    let block = block(name, value)?;
    let is_six = name == "--ipv6-cidr-block";
    let ports = pair(options, "--port-range", ["From", "To"])?;
    let codes = pair(options, "--icmp-type-code", ["Type", "Code"])?;
    let (port_range, icmp_type_code) = match (protocol, ports, codes) {
        (IpProtocol::TCP | IpProtocol::UDP, Some((from, to)), None) => {
            let (from, to) = port_range(from, to)?;
            (Some(PortRange { from: Some(from), to: Some(to) }), None)
        }
        (IpProtocol::ICMP | IpProtocol::ICMPV6, None, Some((kind, code))) => {
            let (kind, code) = type_and_code(kind, code)?;
            (None, Some(IcmpTypeCode { icmp_type: Some(kind), code: Some(code) }))
        }
        (IpProtocol::TCP | IpProtocol::UDP, None, _) => {
            return Err(Refusal::missing("portRange is required"));
        }
        (IpProtocol::ICMP | IpProtocol::ICMPV6, _, None) => {
            return Err(Refusal::missing("icmpTypeCode is required"));
        }
        (_, None, None) => (None, None),
        // AWS would take them and match every port: whoever wrote them meant something else.
        (other, ..) => {
            return Err(Refusal::invalid(format!("the protocol {other} has no such ports or types")));
        }
    };
    Ok(NetworkAclEntry {
        rule_number,
        egress,
        rule_action,
        protocol,
        cidr_block: (!is_six).then_some(block),
        ipv6_cidr_block: is_six.then_some(block),
        port_range,
        icmp_type_code,
    })
}

/// Two numbers of a structure, where the option was given.
type Pair = Option<(Option<i32>, Option<i32>)>;

fn pair(options: &Options<'_>, option: &str, keys: [&str; 2]) -> Result<Pair, Refusal> {
    let Some(text) = options.get(option) else { return Ok(None) };
    let mut map = shorthand::read(text)?;
    let [first, second] = keys.map(|key| {
        let word = map.take_word(key)?;
        word.map(|word| parsed::<i32>(key, &word)).transpose()
    });
    map.finish()?;
    Ok(Some((first?, second?)))
}
