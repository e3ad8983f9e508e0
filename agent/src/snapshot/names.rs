//! What names of files and folders tell, where a document itself does not: a Region, a prefix list's
//! id, and what an empty list is a list of.

use std::path::Path;

use peerscope_document::id::{PrefixListId, Region};

use super::files::folder_names;
use super::lists::List;

/// What lists are called in file names, as words: more words go before fewer, since
/// `vpc-peering-connections` has `peering-connections` in it.
const LIST_NAMES: &[(&[&str], List)] = &[
    (&["vpc", "peering", "connections"], List::VpcPeeringConnections),
    (&["managed", "prefix", "lists"], List::PrefixLists),
    (&["egress", "only", "internet", "gateways"], List::EgressOnlyInternetGateways),
    (&["transit", "gateway", "vpc", "attachments"], List::TransitGatewayVpcAttachments),
    (&["transit", "gateway", "attachments"], List::TransitGatewayAttachments),
    (&["transit", "gateways"], List::TransitGateways),
    (&["internet", "gateways"], List::InternetGateways),
    (&["nat", "gateways"], List::NatGateways),
    (&["vpn", "gateways"], List::VpnGateways),
    (&["vpc", "endpoints"], List::VpcEndpoints),
    (&["prefix", "list", "entries"], List::Entries),
    (&["security", "group", "rules"], List::SecurityGroupRules),
    (&["route", "tables"], List::RouteTables),
    (&["security", "groups"], List::SecurityGroups),
    (&["network", "acls"], List::NetworkAcls),
    (&["peering", "connections"], List::VpcPeeringConnections),
    (&["vpc", "peerings"], List::VpcPeeringConnections),
    (&["network", "interfaces"], List::NetworkInterfaces),
    (&["prefix", "lists"], List::PrefixLists),
    (&["vpc", "attributes"], List::VpcAttributes),
    (&["db", "instances"], List::DBInstances),
    (&["db", "clusters"], List::DBClusters),
    (&["load", "balancers"], List::LoadBalancers),
    (&["listeners"], List::Listeners),
    (&["target", "groups"], List::TargetGroups),
    (&["target", "group", "health"], List::TargetGroupHealth),
    (&["vpcs"], List::Vpcs),
    (&["subnets"], List::Subnets),
    (&["reservations"], List::Reservations),
    (&["instances"], List::Reservations),
    (&["peerings"], List::HerokuPeerings),
    (&["vpn", "connections"], List::HerokuVpnConnections),
];

/// What an empty list is a list of, by its file's name: `route-tables.json`, `RouteTables.json`,
/// `aws_ec2_describe-route-tables.json`. `None` where it names nothing, or two things.
pub(super) fn list_of_file_name(file: &Path) -> Option<List> {
    let stem = file.file_stem()?.to_string_lossy();
    let mut words = words(&stem);
    let mut list = None;
    for (name, named) in LIST_NAMES {
        while let Some(at) = words.windows(name.len()).position(|window| window == *name) {
            if list.is_some_and(|list| list != *named) {
                return None;
            }
            list = Some(*named);
            // What is taken must not count as a shorter name again; what surrounds it must not join.
            words.splice(at..at + name.len(), [String::new()]);
        }
    }
    list
}

/// The words of a name in kebab, snake or Pascal case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut follows_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && follows_lower) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        follows_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The Region that a file's name or, nearest first, the folders that it lies in are named after, alone
/// or inside a longer name such as `prod_us-east-1`.
pub(super) fn region(file: &Path) -> Option<Region> {
    names(file).iter().find_map(|name| region_in(name)).map(|name| Region::from(name.as_str()))
}

/// The prefix list that a file or its folder is named after.
pub(super) fn prefix_list(file: &Path) -> Option<PrefixListId> {
    names(file).iter().take(2).find_map(|name| prefix_list_in(name)).map(PrefixListId::from)
}

fn names(file: &Path) -> Vec<String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    std::iter::once(stem).chain(folder_names(file)).collect()
}

fn region_in(name: &str) -> Option<String> {
    /// The first parts of Regions. They are listed, because `db-west-2` is nobody's Region.
    const AREAS: &[&str] = &["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us"];
    const PARTITIONS: &[&str] = &["gov", "iso", "isob", "isoe", "isof"];
    const DIRECTIONS: &[&str] =
        &["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];
    let lower = name.to_lowercase();
    lower.split(|character: char| !character.is_ascii_alphanumeric() && character != '-').find_map(|part| {
        let words: Vec<&str> = part.split('-').collect();
        let is_number = |word: &str| matches!(word.as_bytes(), [b'1'..=b'9']);
        let is_region = |words: &[&str]| match words {
            [area, direction, number] => {
                AREAS.contains(area) && DIRECTIONS.contains(direction) && is_number(number)
            }
            // The European Sovereign Cloud: eusc-de-east-1.
            ["eusc", country, direction, number] => {
                country.len() == 2 && DIRECTIONS.contains(direction) && is_number(number)
            }
            [area, partition, direction, number] => {
                AREAS.contains(area)
                    && PARTITIONS.contains(partition)
                    && DIRECTIONS.contains(direction)
                    && is_number(number)
            }
            _ => false,
        };
        [4, 3]
            .into_iter()
            .find_map(|length| words.windows(length).find(|window| is_region(window)))
            .map(|window| window.join("-"))
    })
}

fn prefix_list_in(name: &str) -> Option<&str> {
    let is_id = |part: &&str| {
        part.strip_prefix("pl-").is_some_and(|digits| {
            matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    name.match_indices("pl-").find_map(|(at, _)| {
        let starts_word = !name.get(..at)?.ends_with(|before: char| before.is_ascii_alphanumeric());
        let part = name.get(at..)?;
        let end = part
            .char_indices()
            .skip(3)
            .find(|(_, character)| !character.is_ascii_alphanumeric())
            .map_or(part.len(), |(index, _)| index);
        part.get(..end).filter(|id| starts_word && is_id(id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lists_are_named_by_their_files() {
        for (name, list) in [
            ("peerings.json", Some(List::HerokuPeerings)),
            ("heroku-spaces-peerings.json", Some(List::HerokuPeerings)),
            ("vpn-connections.json", Some(List::HerokuVpnConnections)),
            ("describe-vpn-gateways.json", Some(List::VpnGateways)),
            ("Vpcs.json", Some(List::Vpcs)),
            ("describe-vpcs.json", Some(List::Vpcs)),
            ("route-tables.json", Some(List::RouteTables)),
            ("prod_RouteTables_us-east-1.json", Some(List::RouteTables)),
            ("describe-vpc-peering-connections.json", Some(List::VpcPeeringConnections)),
            ("VpcPeeringConnections.json", Some(List::VpcPeeringConnections)),
            ("describe_managed_prefix_lists.json", Some(List::PrefixLists)),
            ("get-managed-prefix-list-entries.json", Some(List::Entries)),
            ("instances.json", Some(List::Reservations)),
            ("nat-gateways.json", Some(List::NatGateways)),
            ("describe-egress-only-internet-gateways.json", Some(List::EgressOnlyInternetGateways)),
            ("TransitGatewayVpcAttachments.json", Some(List::TransitGatewayVpcAttachments)),
            ("load-balancers.json", Some(List::LoadBalancers)),
            ("describe-db-instances.json", Some(List::DBInstances)),
            ("rds-db-clusters.json", Some(List::DBClusters)),
            ("target-groups.json", Some(List::TargetGroups)),
            ("key-pairs.json", None),
            ("vpcs-and-subnets.json", None),
            ("vpcs-vpcs.json", Some(List::Vpcs)),
            ("security-group-rules.json", Some(List::SecurityGroupRules)),
            ("x.json", None),
            (".json", None),
        ] {
            assert_eq!(list_of_file_name(Path::new(name)), list, "{name}");
        }
    }

    #[test]
    fn regions_are_found_in_names_nearest_first() {
        for (path, region) in [
            ("us-east-1/vpcs.json", Some("us-east-1")),
            ("prod_us-east-1/vpcs.json", Some("us-east-1")),
            ("prod-eu-west-2-old/vpcs.json", Some("eu-west-2")),
            ("US-GOV-WEST-1/x/vpcs.json", Some("us-gov-west-1")),
            ("eu-west-2/us-east-1/vpcs.json", Some("us-east-1")),
            ("eu-west-2/vpcs.us-east-1.json", Some("us-east-1")),
            ("eusc-de-east-1/vpcs.json", Some("eusc-de-east-1")),
            ("ap-southeast-4/vpcs.json", Some("ap-southeast-4")),
            ("us-east-10/vpcs.json", None),
            ("us-east-1a/vpcs.json", None),
            ("db-west-2/vpcs.json", None),
            ("bus-east-1/vpcs.json", None),
            ("vpcs.json", None),
        ] {
            let found = super::region(Path::new(path));
            assert_eq!(found.as_ref().map(Region::as_str), region, "{path}");
        }
    }

    #[test]
    fn prefix_lists_are_found_in_the_names_of_file_and_folder() {
        for (path, id) in [
            ("pl-0123456789abcdef0.json", Some("pl-0123456789abcdef0")),
            ("entries_pl-12345678.json", Some("pl-12345678")),
            ("pl-12345678/entries.json", Some("pl-12345678")),
            ("pl-12345678/x/entries.json", None),
            ("xpl-12345678.json", None),
            ("pl-1234567.json", None),
            ("pl-entries-pl-12345678.json", Some("pl-12345678")),
            ("pl-é.json", None),
        ] {
            let found = prefix_list(Path::new(path));
            assert_eq!(found.as_ref().map(PrefixListId::as_str), id, "{path}");
        }
    }
}
