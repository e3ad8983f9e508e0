//! Paths from what is configured in AWS: every interface that has some tags.

use std::collections::BTreeMap;

use peerscope_document::Snapshot;
use peerscope_document::aws::Tag;
use peerscope_document::id::InstanceId;

use super::super::configuration::{DiscoverySection, InterfaceSelector, PathSection};
use super::{MOST, distinct, path};
use crate::target::TargetUrl;

/// The interfaces that have all the tags, or whose instance has, each at its primary address.
pub(super) fn found(
    section: &DiscoverySection,
    selector: &InterfaceSelector,
    snapshot: &Snapshot,
) -> Vec<PathSection> {
    let instances: BTreeMap<&InstanceId, &Vec<Tag>> = snapshot
        .aws
        .iter()
        .flat_map(|collection| collection.documents.reservations.iter().flatten())
        .flat_map(|reservation| &reservation.instances)
        .map(|instance| (&instance.instance_id, &instance.tags))
        .collect();
    let interfaces =
        snapshot.aws.iter().flat_map(|collection| collection.documents.network_interfaces.iter().flatten());
    let mut paths: Vec<PathSection> = Vec::new();
    for interface in interfaces {
        let instance = interface.attachment.as_ref().and_then(|attachment| attachment.instance_id.as_ref());
        let of_instance = instance.and_then(|id| instances.get(id)).into_iter().copied().flatten();
        let tags: Vec<&Tag> = interface.tag_set.iter().chain(of_instance).collect();
        let tagged = |key: &str| tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str());
        let is_in = selector
            .vpc
            .as_ref()
            .is_none_or(|vpc| interface.vpc_id.as_ref().is_some_and(|own| own.as_str() == vpc));
        let is_meant = is_in && selector.tags.iter().all(|(key, value)| tagged(key) == Some(value));
        let Some(address) = interface.private_ip_address.filter(|_| is_meant) else { continue };
        let scheme = selector.scheme.as_deref().unwrap_or("tcp");
        let Ok(target) = TargetUrl::parse(&format!("{scheme}://{address}:{}", selector.port)) else {
            continue;
        };
        let id = interface.network_interface_id.to_string();
        let name = tagged("Name").filter(|name| !name.is_empty()).unwrap_or(&id);
        let labels = BTreeMap::from([("interface".to_string(), id.clone())]);
        paths.push(path(section, format!("{name}:{}", selector.port), target, labels));
    }
    // In an order that does not hang on that of the documents, so that the same host keeps its name.
    paths.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
    paths.dedup();
    paths.truncate(MOST);
    distinct(paths)
}

#[cfg(test)]
mod tests {
    use peerscope_document::AwsCollection;
    use serde_json::json;

    use super::*;

    #[test]
    fn interfaces_are_chosen_by_their_tags_and_their_instances() {
        let documents = serde_json::from_value(json!({
            "NetworkInterfaces": [
                { "NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.1",
                  "TagSet": [{ "Key": "role", "Value": "db" }, { "Key": "Name", "Value": "orders/db" }] },
                { "NetworkInterfaceId": "eni-2", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.2",
                  "Attachment": { "InstanceId": "i-1" } },
                { "NetworkInterfaceId": "eni-3", "VpcId": "vpc-2", "PrivateIpAddress": "10.1.0.3",
                  "TagSet": [{ "Key": "role", "Value": "db" }, { "Key": "Name", "Value": "orders/db" }] },
                { "NetworkInterfaceId": "eni-4", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.4",
                  "TagSet": [{ "Key": "role", "Value": "web" }] },
            ],
            "Reservations": [{ "Instances": [{ "InstanceId": "i-1", "Tags": [{ "Key": "role", "Value": "db" }] }] }],
        }))
        .unwrap();
        let collection = AwsCollection { region: Some("us-east-1".into()), documents };
        let snapshot = Snapshot { aws: vec![collection], ..Snapshot::default() };
        let chosen = |selector: serde_json::Value| -> Vec<(String, String)> {
            let section = json!({ "interfaces": selector, "labels": { "team": "orders" } });
            let section: DiscoverySection = serde_json::from_value(section).unwrap();
            let paths = found(&section, section.interfaces.as_ref().unwrap(), &snapshot);
            assert!(paths.iter().all(|path| path.labels["team"] == "orders"));
            paths.into_iter().map(|path| (path.name.0, path.target.0.shown())).collect()
        };
        let pair = |name: &str, target: &str| (name.to_string(), target.to_string());
        assert_eq!(
            chosen(json!({ "tags": { "role": "db" }, "port": 5432, "scheme": "postgres" })),
            [
                pair("eni-2:5432", "postgres://10.0.0.2:5432"),
                pair("orders_db:5432", "postgres://10.0.0.1:5432"),
                pair("orders_db:5432 (2)", "postgres://10.1.0.3:5432"),
            ]
        );
        assert_eq!(
            chosen(json!({ "tags": { "role": "db" }, "vpc": "vpc-2", "port": 80 })),
            [pair("orders_db:80", "tcp://10.1.0.3:80")]
        );
        assert_eq!(chosen(json!({ "tags": { "role": "cache" }, "port": 80 })), []);
    }
}
