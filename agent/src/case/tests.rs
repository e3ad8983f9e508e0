//! What TARGET and SOURCE stand for.

use peerscope_document::aws::{Instance, NetworkInterface, Reservation};
use peerscope_document::{AwsCollection, Snapshot};
use peerscope_vocabulary::{
    AddressRecord, DnsObservation, DnsQuestion, DnsReply, DnsSaid, Observation, Outcome, ProbeId, ProbeKind,
    ProbeRequest,
};

use super::*;

fn interface(id: &str, vpc: &str, addresses: &[&str]) -> NetworkInterface {
    let ipv6 = addresses.iter().filter(|one| one.contains(':'));
    let ipv6: Vec<_> = ipv6.map(|one| serde_json::json!({"Ipv6Address": one})).collect();
    let ipv4 = addresses.iter().filter(|one| !one.contains(':'));
    let ipv4: Vec<_> = ipv4.map(|one| serde_json::json!({"PrivateIpAddress": one})).collect();
    serde_json::from_value(serde_json::json!({
        "NetworkInterfaceId": id, "VpcId": vpc, "Ipv6Addresses": ipv6, "PrivateIpAddresses": ipv4,
        "TagSet": [{"Key": "Name", "Value": format!("name of {id}")}],
    }))
    .unwrap()
}

fn topology() -> Topology {
    let interfaces = vec![
        interface("eni-00000001", "vpc-1", &["10.1.0.10", "10.1.0.11", "2001:db8::10"]),
        interface("eni-00000002", "vpc-1", &["10.1.1.10"]),
        interface("eni-00000003", "vpc-2", &["10.2.0.10"]),
    ];
    let instance: Instance = serde_json::from_value(serde_json::json!({
        "InstanceId": "i-00000001", "NetworkInterfaces": interfaces,
    }))
    .unwrap();
    let mut snapshot = Snapshot::default();
    let mut collection = AwsCollection::default();
    collection.documents.reservations = Some(vec![Reservation { owner_id: None, instances: vec![instance] }]);
    snapshot.aws.push(collection);
    snapshot.heroku.topology = serde_json::from_value(serde_json::json!({"apps": [{"formation": [{
        "process_type": "web",
        "dynos": [{"number": 1, "private_ip": "10.0.128.7", "hostname": "1.web.app.localspace"}],
    }]}]}))
    .unwrap();
    Topology::from(&snapshot)
}

fn of_target(text: &str) -> Vec<String> {
    let target = TargetUrl::parse(text).unwrap();
    let found = documented_addresses(&target, Some(&topology())).ok().flatten().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn an_id_stands_for_all_addresses_as_a_name_does() {
    let first = ["10.1.0.10", "10.1.0.11", "2001:db8::10"];
    assert_eq!(of_target("tcp://eni-00000001:5432"), first);
    assert_eq!(of_target("tcp://i-00000001:5432"), [&first[..], &["10.1.1.10", "10.2.0.10"]].concat());
    assert_eq!(of_target("tcp://eni-00000009:5432"), [""; 0]);
    assert_eq!(of_target("tcp://1.web.app.localspace:5432"), ["10.0.128.7"]);
}

/// Addresses repeat between networks; ids and names do not.
#[test]
fn what_an_id_or_name_stands_for_lies_in_the_network_of_its_interface() {
    let networks = |to: &str| {
        let networks = asked("10.9.0.9", to).target_networks;
        networks.iter().map(|(address, network)| format!("{address} {network}")).collect::<Vec<_>>()
    };
    assert_eq!(networks("tcp://eni-00000003:5432"), ["10.2.0.10 vpc-2"]);
    let each = networks("tcp://i-00000001:5432");
    assert!(each.contains(&"10.1.1.10 vpc-1".into()) && each.contains(&"10.2.0.10 vpc-2".into()), "{each:?}");
    assert_eq!(networks("tcp://1.web.app.localspace:5432"), [format!("10.0.128.7 {}", NetworkId::Space)]);
    assert_eq!(networks("tcp://10.2.0.10:5432"), [""; 0]);
}

#[test]
fn an_instance_calls_from_every_address_in_the_vpc_of_its_primary_interface() {
    let spec = source("i-00000001", Some(&topology()), None, PortRange::ALL).ok().unwrap();
    let addresses: Vec<String> = spec.ranges.iter().map(|range| range.first().to_string()).collect();
    assert_eq!(addresses, ["10.1.0.10", "10.1.0.11", "2001:db8::10", "10.1.1.10"]);
    assert_eq!(spec.network, Some(NetworkId::Vpc("vpc-1".into())));
}

fn asked(from: &str, to: &str) -> Case {
    let topology = topology();
    let target = TargetUrl::parse(to).unwrap();
    let addresses = documented_addresses(&target, Some(&topology)).ok().flatten().unwrap();
    let source = source(from, Some(&topology), None, PortRange::ALL).ok().unwrap();
    let vantage = Vantage { kind: VantageKind::Unknown, address: None };
    let known = Known { topology: Some(topology), ..Known::default() };
    case(&target, addresses.into(), source, vantage, known, false, Duration::from_secs(1))
}

#[test]
fn a_source_of_one_family_asks_about_addresses_of_that_family() {
    let addresses = |from: &str| asked(from, "tcp://eni-00000001:5432").target.addresses.len();
    assert_eq!([addresses("10.1.1.10"), addresses("2001:db8::1"), addresses("i-00000001")], [2, 1, 3]);
    let none = asked("10.1.1.10", "tcp://[2001:db8::10]:5432");
    assert_eq!(none.target.addresses.len(), 1, "what was named is not dropped");
    assert_eq!(none.gaps.len(), 1, "{:?}", none.gaps);
    assert_eq!(none.gaps[0].reason, "10.1.1.10 is IPv4 alone");
}

/// A service's name stands for its interfaces, and so does a name that the DNS says is an alias of it.
#[test]
fn a_services_name_stands_for_its_interfaces() {
    let mut interfaces = vec![
        interface("eni-00000001", "vpc-1", &["10.1.0.10"]),
        interface("eni-00000002", "vpc-1", &["10.1.1.10"]),
    ];
    interfaces[0].description = Some("RDSNetworkInterface".to_string());
    for one in &mut interfaces {
        one.tag_set.clear();
    }
    let mut collection = AwsCollection::default();
    collection.documents.network_interfaces = Some(interfaces);
    let databases = |vpc: &str| {
        serde_json::from_value(serde_json::json!([{"DBInstanceIdentifier": "orders",
            "Endpoint": {"Address": "orders.example", "Port": 5432}, "DBSubnetGroup": {"VpcId": vpc, "Subnets": []}}]))
        .unwrap()
    };
    collection.documents.db_instances = Some(databases("vpc-1"));
    let known = |collection: &AwsCollection| {
        let snapshot = Snapshot { aws: vec![collection.clone()], ..Snapshot::default() };
        Known::from_saved(snapshot, Timestamp::UNIX_EPOCH)
    };
    let target = |host: &str| TargetUrl::parse(&format!("tcp://{host}:5432")).unwrap();
    let found = |host: &str, collection: &AwsCollection| {
        let known = known(collection);
        documented_addresses(&target(host), known.topology.as_ref()).ok().flatten()
    };
    let address: IpAddr = "10.1.0.10".parse().unwrap();
    assert_eq!(found("orders.example", &collection), Some(vec![address]));
    assert_eq!(found("Orders.Example.", &collection), Some(vec![address]));
    assert_eq!(found("other.example", &collection), None);

    let aliased = |collection: &AwsCollection| {
        let known = known(collection);
        let source = source("10.9.0.9", known.topology.as_ref(), None, PortRange::ALL).ok().unwrap();
        let vantage = Vantage { kind: VantageKind::Unknown, address: None };
        let lookup = lookup_of_alias("orders.example");
        let resolved = Resolved { addresses: vec![address], lookup: Some(lookup) };
        let case =
            case(&target("db.acme.example"), resolved, source, vantage, known, false, Duration::from_secs(1));
        case.target_networks
    };
    assert_eq!(aliased(&collection), [(address, NetworkId::Vpc("vpc-1".into()))]);
    // Without an interface of its own it is known, and not where it is.
    collection.documents.db_instances = Some(databases("vpc-2"));
    assert_eq!(found("orders.example", &collection), None);
    assert_eq!(aliased(&collection), []);
    let known = known(&collection);
    let unknown = |host: &str| unknown_name(&Host::Name(host.to_string()), known.topology.as_ref());
    assert!(unknown("orders.example").starts_with("the snapshot knows orders.example, and none of its"));
    assert_eq!(unknown("other.example"), "the snapshot knows no host other.example");
}

/// A server says that a name is an alias of this one.
fn lookup_of_alias(name: &str) -> Lookup {
    let request = ProbeRequest::plain(
        ProbeId(0),
        ProbeKind::Dns,
        IpAddr::from([10, 0, 0, 2]),
        53,
        Duration::from_secs(1),
    );
    let observation = Observation::bare(request, Outcome::Answered);
    let said = DnsSaid::Addresses { addresses: Vec::new(), count: 0, aliases: vec![name.to_string()] };
    let question = DnsQuestion { name: "db.acme.example".to_string(), record_type: AddressRecord::A };
    let reply = DnsReply { said: Some(said), ..DnsReply::default() };
    Lookup { servers: vec![DnsObservation { question, observation, reply }], ..Lookup::default() }
}
