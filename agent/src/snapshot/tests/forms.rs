//! Every form that a document may be saved in gives the same snapshot.

use peerscope_document::aws::AwsDocuments;
use peerscope_document::heroku::HerokuDocuments;
use serde_json::Value;

use super::super::Loaded;
use super::{load_files, load_texts, notes, samples};
use std::path::Path;

/// The counts of what was loaded: AWS's lists in their order, `-` for an absent one.
fn shape(loaded: &Loaded) -> String {
    fn count<T>(list: Option<&Vec<T>>) -> String {
        list.map_or_else(|| "-".to_owned(), |list| list.len().to_string())
    }
    let mut text = String::new();
    for collection in &loaded.snapshot.aws {
        let AwsDocuments {
            vpcs,
            subnets,
            route_tables,
            security_groups,
            security_group_rules,
            network_acls,
            vpc_peering_connections,
            network_interfaces,
            reservations,
            prefix_lists,
            internet_gateways,
            egress_only_internet_gateways,
            nat_gateways,
            transit_gateways,
            transit_gateway_attachments,
            transit_gateway_vpc_attachments,
            vpc_endpoints,
            vpn_gateways,
            vpc_attributes,
            db_instances,
            db_clusters,
            load_balancers,
            listeners,
            target_groups,
            target_group_health,
        } = &collection.documents;
        for (name, count) in [
            ("vpc", count(vpcs.as_ref())),
            ("subnet", count(subnets.as_ref())),
            ("rtb", count(route_tables.as_ref())),
            ("sg", count(security_groups.as_ref())),
            ("sgr", count(security_group_rules.as_ref())),
            ("acl", count(network_acls.as_ref())),
            ("pcx", count(vpc_peering_connections.as_ref())),
            ("eni", count(network_interfaces.as_ref())),
            ("r", count(reservations.as_ref())),
            ("pl", count(prefix_lists.as_ref())),
            ("igw", count(internet_gateways.as_ref())),
            ("eigw", count(egress_only_internet_gateways.as_ref())),
            ("nat", count(nat_gateways.as_ref())),
            ("tgw", count(transit_gateways.as_ref())),
            ("attachment", count(transit_gateway_attachments.as_ref())),
            ("vpc-attachment", count(transit_gateway_vpc_attachments.as_ref())),
            ("vpce", count(vpc_endpoints.as_ref())),
            ("vgw", count(vpn_gateways.as_ref())),
            ("vpc-attribute", count(vpc_attributes.as_ref())),
            ("db", count(db_instances.as_ref())),
            ("cluster", count(db_clusters.as_ref())),
            ("lb", count(load_balancers.as_ref())),
            ("listener", count(listeners.as_ref())),
            ("tg", count(target_groups.as_ref())),
            ("health", count(target_group_health.as_ref())),
        ] {
            if count != "-" {
                text += &format!("{name}{count} ");
            }
        }
    }
    let HerokuDocuments { space, peering_info, peerings, topology, nat, vpn_connections, apps, region } =
        &loaded.snapshot.heroku;
    for (name, is_there) in [
        ("space ", space.is_some()),
        ("info ", peering_info.is_some()),
        ("topology ", topology.is_some()),
        ("nat ", nat.is_some()),
        ("vpn ", vpn_connections.is_some()),
        ("apps ", apps.is_some()),
        ("region ", region.is_some()),
        ("manifest ", loaded.snapshot.manifest.is_some()),
    ] {
        if is_there {
            text += name;
        }
    }
    if let Some(peerings) = peerings {
        text += &format!("peering{}", peerings.len());
    }
    text.trim_end().to_owned()
}

#[test]
fn a_folder_of_raw_output_is_read_whole() {
    let loaded = load_texts(samples::ALL).unwrap();
    assert_eq!(
        shape(&loaded),
        "vpc1 subnet1 rtb1 sg1 sgr4 acl1 pcx1 eni1 r1 pl1 igw1 eigw1 nat1 tgw1 attachment1 vpc-attachment1 vpce1 vgw1 vpc-attribute1 db1 cluster1 lb1 listener1 tg1 health1 space info topology manifest peering2"
    );
    assert_eq!(loaded.notes, []);
    assert_eq!(loaded.snapshot.sources.len(), 1);
    assert_eq!(
        loaded.snapshot.manifest.as_ref().map(|manifest| manifest.at.as_str()),
        Some("2026-11-22T10:00:00Z")
    );
    let prefix_lists = loaded.snapshot.aws[0].documents.prefix_lists.as_ref().unwrap();
    assert_eq!(prefix_lists[0].blocks().map(|blocks| blocks.len()), Some(2));
}

#[test]
fn one_file_may_hold_them_all() {
    let whole = load_texts(samples::ALL).unwrap().snapshot;
    let concatenated: String = samples::ALL.iter().map(|(_, text)| *text).collect();
    let with_marks: String = samples::ALL.iter().map(|(_, text)| format!("\u{feff}{text}\r\n")).collect();
    let values: Vec<Value> = samples::ALL
        .iter()
        .flat_map(|(_, text)| serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap))
        .collect();
    let slurped = serde_json::to_string_pretty(&values).unwrap();
    let utf_16: Vec<u8> =
        format!("\u{feff}{concatenated}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let forms = [concatenated.into_bytes(), with_marks.into_bytes(), slurped.into_bytes(), utf_16];
    for (index, form) in forms.iter().enumerate() {
        let snapshot = load_files(&[("everything.json", form)]).unwrap().snapshot;
        assert_eq!(snapshot.aws, whole.aws, "form {index}");
        assert_eq!(snapshot.heroku, whole.heroku, "form {index}");
        assert_eq!(snapshot.manifest, whole.manifest, "form {index}");
    }
}

#[test]
fn elements_by_themselves_are_recognised_by_their_keys() {
    let whole = load_texts(samples::ALL).unwrap().snapshot.aws;
    let mut bare = Vec::new();
    for (name, text) in samples::ALL {
        for document in serde_json::Deserializer::from_str(text).into_iter::<Value>().map(Result::unwrap) {
            let documents = if document.is_array() { document } else { Value::Array(vec![document]) };
            for member in
                documents.as_array().unwrap().iter().flat_map(|document| document.as_object().unwrap())
            {
                if let (key, Value::Array(_)) = member
                    && key.starts_with(|first: char| first.is_ascii_uppercase())
                {
                    bare.push((format!("{}-{name}", bare.len()), member.1.to_string()));
                }
            }
        }
    }
    assert_eq!(bare.len(), 26);
    let files: Vec<_> = bare.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(load_texts(&files).unwrap().snapshot.aws, whole);
    // And each as one object, where there is one.
    let single: Vec<_> = bare
        .iter()
        .map(|(name, text)| (name.as_str(), text.trim_start_matches('[').trim_end_matches(']')))
        .collect();
    let single: Vec<_> = single
        .into_iter()
        .filter(|(name, _)| !["pl.json", "sgr.json"].iter().any(|several| name.ends_with(several)))
        .collect();
    assert_eq!(load_texts(&single).unwrap().snapshot.aws[0].documents.subnets, whole[0].documents.subnets);
}

#[test]
fn forms_are_told_apart() {
    for (name, text, expected) in [
        ("peerings.json", "[]", "peering0"),
        ("Vpcs.json", " [ ] ", "vpc0"),
        ("describe-vpcs.json", "[]", "vpc0"),
        ("route-tables.json", "[]", "rtb0"),
        ("x.json", r#"{"Vpcs": [], "Subnets": []}"#, "vpc0 subnet0"),
        ("x.json", r#"{"Vpcs": null, "KeyPairs": [{}], "ResponseMetadata": {}, "Subnets": []}"#, "subnet0"),
        ("x.json", r#"{"Comment": "mine", "Vpcs": []}"#, "vpc0"),
        ("x.json", r#"{"Vpcs": [{"VpcId": "v"}]}[{"Vpcs": [{"VpcId": "w"}]}]"#, "vpc2"),
        ("x.json", r#"[{"InstanceId": "i-1", "ImageId": "a", "NetworkInterfaces": []}]"#, "r1"),
        (
            "x.json",
            r#"[[{"InstanceId": "i-1", "ImageId": "a"}], [{"InstanceId": "i-2", "ImageId": "a"}]]"#,
            "r2",
        ),
        ("x.json", r#"{"PrefixListId": "pl-1", "Entries": [{"Cidr": "10.0.0.0/8"}]}"#, "pl1"),
        (
            "x.json",
            r#"{"cidr": "10.0.0.0/16", "state": "allocated", "outbound_ips": {"sources": []}}"#,
            "space",
        ),
        ("x.json", r#"[{"public_ip": "203.0.113.9", "tunnels": []}]"#, "vpn"),
        ("x.json", r#"{"vpc_cidr": "10.0.0.0/16"}"#, "info"),
        ("x.json", r#"{"pcx_id": "pcx-1"}"#, "peering1"),
        ("x.json", samples::TOPOLOGY, "topology"),
        ("nat-gateways.json", "[]", "nat0"),
        ("x.json", r#"{"TransitGatewayRouteTables": [{"TransitGatewayRouteTableId": "tgw-rtb-1"}]}"#, ""),
        ("x.json", r#"{"SecurityGroupVpcAssociations": [{"GroupId": "sg-1", "VpcId": "vpc-1"}]}"#, ""),
        (
            "x.json",
            r#"{"VpcId": "vpc-1", "EnableDnsSupport": {"Value": true}}{"VpcId": "vpc-1", "EnableDnsHostnames": {"Value": true}}"#,
            "vpc-attribute2",
        ),
        ("x.json", r#"{"TargetGroupArn": "t", "TargetHealthDescriptions": []}"#, "health1"),
        ("x.json", r#"[{"TargetGroupArn": "t", "TargetHealthDescriptions": []}]"#, "health1"),
        ("x.json", r#"[{"DBInstanceIdentifier": "a", "Endpoint": {"Address": "a.example"}}]"#, "db1"),
        ("db-instances.json", "[]", "db0"),
        ("x.json", r#"{"LoadBalancers": [], "Listeners": []}"#, "lb0 listener0"),
        ("x.json", samples::MANIFEST, "manifest"),
        ("x.json", samples::NAT, "nat"),
        ("x.json", samples::VPN_CONNECTIONS, "vpn"),
    ] {
        let loaded = load_texts(&[(name, text)]).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        assert_eq!(shape(&loaded), expected, "{name}: {text}");
    }
}

#[test]
fn other_json_beside_documents_is_noted() {
    for (text, what) in [
        ("5", "a value that is no object"),
        (
            "[[[[[[[[1]]]]]]]]",
            "a list with a list with a list with a list with a list with a value that is no object",
        ),
        ("[]", "an empty list in a file whose name does not tell of what"),
        ("{}", "an object"),
        (
            r#"{"version": 4, "\u001b": 1, "c": 2, "d": 3}"#,
            r#"an object with the keys "version", "\u{1b}", "c"…"#,
        ),
        // Elements of other services' lists, and projections that lost what matters.
        (
            r#"[{"LoadBalancerArn": "a", "SecurityGroups": ["sg-1"], "VpcId": "v"}]"#,
            r#"a list with an object with the keys "LoadBalancerArn", "SecurityGroups", "VpcId"…"#,
        ),
        (
            r#"[{"DBSubnetGroupName": "a", "Subnets": [{"SubnetIdentifier": "s"}]}]"#,
            r#"a list with an object with the keys "DBSubnetGroupName", "Subnets""#,
        ),
        (
            r#"{"AllocationId": "a", "InstanceId": "i", "NetworkInterfaceId": "e", "PrivateIpAddress": "10.0.0.1"}"#,
            r#"an object with the keys "AllocationId", "InstanceId", "NetworkInterfaceId"…"#,
        ),
        (
            r#"{"NatGatewayId": "n", "SubnetId": "s", "VpcId": "v"}"#,
            r#"an object with the keys "NatGatewayId", "SubnetId", "VpcId"…"#,
        ),
        (
            r#"[{"GroupId": "sg-1", "GroupName": "x"}]"#,
            r#"a list with an object with the keys "GroupId", "GroupName""#,
        ),
        // Of a rule without its peer nothing would be let through.
        (
            r#"[{"GroupId": "sg-1", "IsEgress": false, "IpProtocol": "tcp"}]"#,
            r#"a list with an object with the keys "GroupId", "IsEgress", "IpProtocol"…"#,
        ),
        (r#"{"Cidr": "10.0.0.0/8", "State": "provisioned"}"#, r#"an object with the keys "Cidr", "State""#),
        (r#"{"schema": "peerscope/diagnosis/1", "at": "x"}"#, r#"an object with the keys "schema", "at""#),
    ] {
        let loaded = load_texts(&[("a.json", samples::NETWORK_ACLS), ("other.json", text)]).unwrap();
        assert_eq!(shape(&loaded), "acl1");
        let notes: Vec<_> = loaded.notes.iter().map(|note| note.what.as_str()).collect();
        assert_eq!(notes, [what], "{text}");
    }
}

#[test]
fn what_is_passed_over_is_noted() {
    let top = tempfile::tempdir().unwrap();
    let loaded = load_texts(&[
        ("a.json", r#"{"Vpcs": [], "NextToken": "e30="} 7 {"x": 1} {"y": 2}"#),
        ("b.json", r#"{"Subnets": [], "NextToken": null}"#),
        ("nat.json", samples::NAT),
        ("vpn.json", samples::VPN_CONNECTIONS),
        ("notes.txt", "not JSON"),
        (".hidden.json", "not JSON"),
        (".git/x.json", "not JSON"),
    ])
    .unwrap();
    let notes: Vec<_> = notes(top.path(), &loaded)
        .iter()
        .map(|note| Path::new(note).iter().next_back().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        notes,
        [
            "a.json: the rest of a list passed over: the document ends with a NextToken: only its first pages were saved",
            "a.json: a value that is no object passed over: it is no AWS or Heroku document that peerscope knows",
        ]
    );
    let heroku = &loaded.snapshot.heroku;
    assert!(heroku.nat.is_some() && heroku.vpn_connections.is_some());
    assert!(!format!("{loaded:?}").contains("not-to-be-shown"));
    assert!(!serde_json::to_string(&loaded.snapshot).unwrap().contains("not-to-be-shown"));
}
