//! A snapshot that can be shown to others, and is analysed to the same answer.
//!
//! Account ids, names, tags, descriptions and public addresses are replaced, each by one thing of its form in the whole
//! snapshot. Ids of resources, private addresses, ports and states stay: they decide, and tell nobody whose they are.
//! What is kept is listed here by its field's name; a text of any other field is replaced, so that a field that is
//! added later cannot slip through.

mod addresses;
mod aws_name;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::{Manifest, Snapshot};
use serde_json::Value;

use addresses::AddressMap;
use aws_name::Part;

/// What a text is, by its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// An id, a state, a Region: as it is.
    Kept,
    /// An account's id.
    Account,
    /// AWS's own words, in which an account's id may stand.
    Words,
    /// The key or the value of a tag.
    TagKey,
    TagValue,
    /// An ARN, or an id.
    Arn,
    /// A name in AWS's DNS.
    DnsName,
    /// What is said of something, by its owner or by AWS.
    Description,
    /// A domain of an app.
    Domain,
    /// Somebody's words, replaced by this one and a number.
    Named(&'static str),
}

/// The kind of the text in a field of an object, by the field that holds the object (for a list, the list's field).
fn kind(holder: &str, field: &str) -> Kind {
    match (holder, field) {
        ("Tags" | "TagSet", "Key") => Kind::TagKey,
        ("Tags" | "TagSet", "Value") => Kind::TagValue,
        ("space", "name") => Kind::Named("space"),
        ("team", "name") => Kind::Named("team"),
        ("apps", "name") => Kind::Named("app"),
        ("vpn_connections", "name") => Kind::Named("vpn"),
        ("generation" | "region" | "provider", "name") => Kind::Kept,
        (_, "OwnerId" | "UserId" | "GroupOwnerId" | "TransitGatewayOwnerId" | "aws_account_id") => {
            Kind::Account
        }
        ("Target", "Id")
        | (
            _,
            "DBInstanceArn" | "DBClusterArn" | "LoadBalancerArn" | "LoadBalancerArns" | "ListenerArn"
            | "TargetGroupArn",
        ) => Kind::Arn,
        ("Endpoint", "Address") | (_, "Endpoint" | "ReaderEndpoint" | "CustomEndpoints" | "DNSName") => {
            Kind::DnsName
        }
        (_, "DBInstanceIdentifier") => Kind::Named(aws_name::DATABASE),
        (_, "DBClusterIdentifier") => Kind::Named(aws_name::CLUSTER),
        (_, "LoadBalancerName") => Kind::Named(aws_name::LOAD_BALANCER),
        (_, "TargetGroupName") => Kind::Named(aws_name::TARGET_GROUP),
        (_, "DBSubnetGroup" | "DBSubnetGroupName") => Kind::Named("subnet-group"),
        ("TargetHealth", "Reason") => Kind::Kept,
        (_, "Message" | "CoreNetworkArn" | "Reason") => Kind::Words,
        (_, "domains") => Kind::Domain,
        (_, "hostname") => Kind::Named("host"),
        (_, "process_type") => Kind::Named("process"),
        (_, "Description") => Kind::Description,
        (_, "GroupName") => Kind::Named("group"),
        (_, "PrefixListName") => Kind::Named("prefix-list"),
        (_, "ServiceName") => Kind::Named("service"),
        (
            _,
            "VpcId"
            | "SubnetId"
            | "RouteTableId"
            | "GroupId"
            | "SecurityGroupRuleId"
            | "NetworkAclId"
            | "VpcPeeringConnectionId"
            | "NetworkInterfaceId"
            | "InstanceId"
            | "PrefixListId"
            | "GatewayId"
            | "NatGatewayId"
            | "TransitGatewayId"
            | "LocalGatewayId"
            | "CarrierGatewayId"
            | "InternetGatewayId"
            | "EgressOnlyInternetGatewayId"
            | "VpnGatewayId"
            | "VpcEndpointId"
            | "TransitGatewayAttachmentId"
            | "TransitGatewayRouteTableId"
            | "DestinationPrefixListId"
            | "ResourceId"
            | "ResourceType"
            | "AvailabilityZone"
            | "Region"
            | "State"
            | "Status"
            | "Code"
            | "Name"
            | "Origin"
            | "InterfaceType"
            | "IpProtocol"
            | "Protocol"
            | "RuleAction"
            | "PeeringStatus"
            | "ExpirationTime"
            | "ConnectivityType"
            | "VpcEndpointType"
            | "SecurityGroups"
            | "VpcSecurityGroupId"
            | "SubnetIdentifier"
            | "ZoneName"
            | "Engine"
            | "DBInstanceStatus"
            | "Scheme"
            | "Type"
            | "TargetType"
            | "id"
            | "state"
            | "status"
            | "type"
            | "pcx_id"
            | "vpc_id"
            | "aws_vpc_id"
            | "aws_region"
            | "region"
            | "generation"
            | "expires",
        ) => Kind::Kept,
        _ => Kind::Named("text"),
    }
}

/// One mapping, for a whole run.
#[derive(Debug)]
pub(crate) struct Redaction {
    addresses: AddressMap,
    accounts: BTreeMap<String, String>,
    /// By what they are names of.
    names: BTreeMap<&'static str, BTreeMap<String, String>>,
}

/// The snapshot with everything replaced, and the mapping.
///
/// # Errors
/// Where what was made of it cannot be read as a snapshot, which no snapshot comes to.
pub(crate) fn redact(
    snapshot: &Snapshot,
    mut random: fastrand::Rng,
) -> Result<(Snapshot, Redaction), String> {
    let Snapshot { manifest, sources: _, aws, heroku } = snapshot;
    // The manifest is written by peerscope itself, and read by its types below.
    let documents = Snapshot { aws: aws.clone(), heroku: heroku.clone(), ..Snapshot::default() };
    let mut value = serde_json::to_value(&documents).map_err(|error| error.to_string())?;
    let mut found = Found::default();
    found.look(&value, "", "");
    for account in manifest.iter().flat_map(|manifest| &manifest.accounts) {
        found.accounts.insert(account.as_str().to_string());
    }
    let mut redaction = Redaction {
        addresses: AddressMap::of(&found.blocks, &mut random),
        accounts: renumbered(&found.accounts, &mut random),
        names: BTreeMap::new(),
    };
    redaction.replace(&mut value, "", "");
    let redacted: Snapshot = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let manifest = manifest.as_ref().map(|manifest| redaction.manifest(manifest));
    let sources = vec!["a redacted snapshot".to_string()];
    Ok((Snapshot { manifest, sources, ..redacted }, redaction))
}

impl Redaction {
    /// What stands for an address, so that it can be asked about.
    #[cfg(test)]
    pub(crate) fn address(&self, address: IpAddr) -> IpAddr {
        self.addresses.address(address)
    }

    /// What stands for a DNS name of AWS's, so that it can be asked about.
    #[cfg(test)]
    pub(crate) fn dns_name(&mut self, name: &str) -> String {
        self.parts(&aws_name::of_dns_name(name))
    }

    fn replace(&mut self, value: &mut Value, holder: &str, field: &str) {
        match value {
            Value::Object(members) => {
                let key = members.get("Key").and_then(Value::as_str).map(str::to_ascii_lowercase);
                for (name, member) in members.iter_mut() {
                    match (member, field, name.as_str(), &key) {
                        (Value::String(text), "Tags" | "TagSet", "Value", Some(key)) => {
                            *text = self.tag_value(key, text)
                        }
                        (member, ..) => self.replace(member, field, name),
                    }
                }
            }
            Value::Array(elements) => {
                for element in elements {
                    self.replace(element, holder, field);
                }
            }
            Value::String(text) => *text = self.text(holder, field, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, holder: &str, field: &str, text: &str) -> String {
        if let Some(address) = as_address(text) {
            return match address {
                Address::One(address) => self.addresses.address(address).to_string(),
                Address::Block(block) => self.addresses.block(block).to_string(),
            };
        }
        match kind(holder, field) {
            _ if text.is_empty() || is_mask(text) => text.to_string(),
            Kind::Kept => text.to_string(),
            Kind::Named(_) | Kind::Description if is_well_known(field, text) => text.to_string(),
            Kind::Account => self.accounts.get(text).cloned().unwrap_or_else(|| text.to_string()),
            Kind::Words => self.accounts_in(text),
            Kind::Arn => match aws_name::of_arn(text) {
                Some(parts) => self.parts(&parts),
                None => text.to_string(),
            },
            Kind::DnsName => self.parts(&aws_name::of_dns_name(text)),
            Kind::Description => match aws_name::of_description(text) {
                Some(parts) => self.parts(&parts),
                None => self.name("description", text),
            },
            Kind::TagKey if is_known_key(&text.to_ascii_lowercase()) => text.to_string(),
            Kind::TagKey => self.name("key", text),
            Kind::TagValue => self.name("value", text),
            Kind::Domain => match text.strip_suffix(".herokuapp.com") {
                Some(app) => format!("{}.herokuapp.com", self.name("app", app)),
                None => format!("{}.example.com", self.name("domain", text)),
            },
            Kind::Named(word) => self.name(word, text),
        }
    }

    /// The value of a tag, by its key: what a tool is called stays, as the fixes are for its users.
    fn tag_value(&mut self, key: &str, value: &str) -> String {
        const TOOLS: &[&str] = &[
            "terraform",
            "cloudformation",
            "pulumi",
            "cdk",
            "opentofu",
            "ansible",
            "true",
            "false",
            "yes",
            "no",
            "1",
            "0",
        ];
        match key {
            _ if value.is_empty() => String::new(),
            "name" => self.name("name", value),
            "aws:cloudformation:stack-name" => self.name("stack", value),
            _ if is_known_key(key) && TOOLS.contains(&value.to_ascii_lowercase().as_str()) => {
                value.to_string()
            }
            _ => self.name("value", value),
        }
    }

    /// A name of AWS's, its owner's parts replaced.
    fn parts(&mut self, parts: &[Part<'_>]) -> String {
        let one = |part: &Part<'_>| match *part {
            Part::Kept(text) => text.to_string(),
            Part::Account(text) => self.accounts.get(text).cloned().unwrap_or_else(|| text.to_string()),
            Part::Named(word, text) => self.name(word, text),
        };
        parts.iter().map(one).collect()
    }

    /// One name for one name, by what it is a name of.
    fn name(&mut self, word: &'static str, text: &str) -> String {
        let known = self.names.entry(word).or_default();
        let number = known.len() + 1;
        known.entry(text.to_string()).or_insert_with(|| format!("{word}-{number}")).clone()
    }

    /// A text with its accounts replaced.
    fn accounts_in(&self, text: &str) -> String {
        let mut replaced = text.to_string();
        for (from, to) in &self.accounts {
            replaced = replaced.replace(from, to);
        }
        replaced
    }

    /// A manifest: what peerscope wrote of calls stays, names in it are replaced.
    fn manifest(&mut self, manifest: &Manifest) -> Manifest {
        let mut redacted = manifest.clone();
        redacted.redacted = true;
        for space in &mut redacted.spaces {
            space.name = space.name.as_deref().map(|name| self.name("space", name));
        }
        for account in &mut redacted.accounts {
            *account = self.accounts_in(account.as_str()).into();
        }
        for call in &mut redacted.calls {
            call.call = self.names_in(&without_identities(&call.call));
        }
        for gap in &mut redacted.gaps {
            for text in [&mut gap.what, &mut gap.reason, &mut gap.would_tell] {
                *text = self.names_in(&without_identities(text));
            }
        }
        redacted
    }

    /// A sentence of peerscope's with what it names replaced: whole words, the longest first.
    fn names_in(&self, text: &str) -> String {
        let names = self.names.values().flatten();
        let mut all: Vec<(&String, &String)> = names.chain(&self.accounts).collect();
        all.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
        let mut replaced = String::new();
        let mut rest = text;
        let mut before = None;
        'text: while let Some(character) = rest.chars().next() {
            if before.is_none_or(|before| !is_word(before)) {
                for (from, to) in &all {
                    let after = rest.strip_prefix(from.as_str()).filter(|_| !from.is_empty());
                    if let Some(after) = after.filter(|after| !after.starts_with(is_word)) {
                        replaced += to;
                        (rest, before) = (after, to.chars().next_back());
                        continue 'text;
                    }
                }
            }
            replaced.push(character);
            before = Some(character);
            rest = &rest[character.len_utf8()..];
        }
        replaced
    }
}

/// A sentence without who asked AWS: users, roles and profiles are named in denials, and in no document.
fn without_identities(text: &str) -> String {
    let mut after_profile = false;
    let words = text.split(' ').map(|word| {
        let is_named = std::mem::replace(&mut after_profile, word == "profile");
        let bare = word.trim_start_matches(['(', '"', '\'']);
        let hidden = if bare.starts_with("arn:") {
            "arn:…"
        } else if is_named {
            "…"
        } else {
            return word.to_string();
        };
        let start = &word[..word.len() - bare.len()];
        let end = &bare[bare.trim_end_matches([')', '"', '\'', ',', ';', '.', ':']).len()..];
        format!("{start}{hidden}{end}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// All that the mapping has to hold, before anything is replaced.
#[derive(Default)]
struct Found {
    blocks: BTreeSet<IpNet>,
    accounts: BTreeSet<String>,
}

impl Found {
    fn look(&mut self, value: &Value, holder: &str, field: &str) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| self.look(member, field, name))
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.look(element, holder, field)),
            Value::String(text) => match (as_address(text), kind(holder, field)) {
                (Some(Address::One(address)), _) => _ = self.blocks.insert(IpNet::from(address)),
                (Some(Address::Block(block)), _) => _ = self.blocks.insert(block.trunc()),
                // Resources' ids may have as many digits in a row, and are nobody's account.
                (None, Kind::Account | Kind::Words | Kind::Arn) => self.accounts.extend(accounts_of(text)),
                (None, _) => {}
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The accounts in an id, an ARN or a sentence of AWS's.
fn accounts_of(text: &str) -> impl Iterator<Item = String> + '_ {
    let runs = text.split(|character: char| !character.is_ascii_digit());
    runs.filter(|digits| digits.len() == 12).map(str::to_string)
}

/// Other accounts for these, none of which is one of them.
fn renumbered(accounts: &BTreeSet<String>, random: &mut fastrand::Rng) -> BTreeMap<String, String> {
    let mut used = accounts.clone();
    let mut other = || loop {
        let account = format!("{:012}", random.u64(0..1_000_000_000_000));
        if used.insert(account.clone()) {
            return account;
        }
    };
    accounts.iter().map(|account| (account.clone(), other())).collect()
}

enum Address {
    One(IpAddr),
    Block(IpNet),
}

fn as_address(text: &str) -> Option<Address> {
    let one = text.parse().ok().map(Address::One);
    one.or_else(|| text.parse().ok().map(Address::Block))
}

fn is_mask(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'*')
}

/// Whether a tag's key, in lower case, is one that says which tool manages the resource, or the name itself.
fn is_known_key(key: &str) -> bool {
    key.starts_with("aws:")
        || matches!(
            key,
            "name" | "managedby" | "managed-by" | "managed_by" | "manager" | "provisioner" | "terraform"
        )
}

/// Whether a name is everybody's, and none of the user's.
fn is_well_known(field: &str, text: &str) -> bool {
    match field {
        "GroupName" => text == "default",
        "Description" => text == "RDSNetworkInterface",
        "PrefixListName" | "ServiceName" => text.starts_with("com.amazonaws.") || text.starts_with("aws."),
        "process_type" => matches!(text, "web" | "worker" | "release" | "run" | "scheduler"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
