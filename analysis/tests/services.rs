//! Targets that are databases and load balancers: which interfaces a name means, and what is said of the service, each
//! by the one document that decides it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::check::{CheckCase, CheckTarget, RuleStatus, check};
use peerscope_analysis::diagnose::{Lookup, Machine};
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::report::{Diagnosis, Severity};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::{NetworkInterface, PeeringOptions};
use peerscope_vocabulary::{
    AddressRecord, DnsAddress, DnsObservation, DnsQuestion, DnsReply, DnsSaid, Observation, Outcome, ProbeId,
    ProbeKind, ProbeRequest,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use documents::World;

const DATABASE: &str = "orders.c9akciq32.us-east-1.rds.amazonaws.com";
const BALANCER: &str = "front-0123456789abcdef.elb.us-east-1.amazonaws.com";
const BALANCER_ARN: &str =
    "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/front/0123456789abcdef";
const GROUP_ARN: &str =
    "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/back/0123456789abcdef";

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a document")
}

/// A document with some of its members otherwise; null takes one away.
fn changed(mut document: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut document, changes) else {
        panic!("no objects")
    };
    for (key, value) in changes {
        match value {
            Value::Null => _ = members.remove(&key),
            value => _ = members.insert(key, value),
        }
    }
    document
}

/// The interface of the world's database is RDS's.
fn with_database(changes: Value) -> World {
    let mut world = World::space_and_database();
    interface(&mut world, "eni-db").description = Some("RDSNetworkInterface".into());
    let database = json!({
        "DBInstanceIdentifier": "orders", "DBInstanceStatus": "available", "MultiAZ": false,
        "PubliclyAccessible": false, "AvailabilityZone": "us-east-1a",
        "DBInstanceArn": "arn:aws:rds:us-east-1:111122223333:db:orders",
        "Endpoint": {"Address": DATABASE, "Port": 5432},
        "DBSubnetGroup": {"VpcId": "vpc-db", "Subnets": [{"SubnetIdentifier": "subnet-db"}]},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-db", "Status": "active"}]});
    world.aws.db_instances = Some(vec![read(changed(database, changes))]);
    world
}

/// The interface of the world's database is a network load balancer's, which listens and is healthy.
fn with_balancer(changes: Value) -> World {
    let mut world = World::space_and_database();
    interface(&mut world, "eni-db").description = Some("ELB net/front/0123456789abcdef".into());
    let balancer = json!({
        "LoadBalancerArn": BALANCER_ARN, "LoadBalancerName": "front", "DNSName": BALANCER, "Type": "network",
        "Scheme": "internal", "VpcId": "vpc-db", "State": {"Code": "active"},
        "AvailabilityZones": [{"ZoneName": "us-east-1a"}, {"ZoneName": "us-east-1b"}]});
    world.aws.load_balancers = Some(vec![read(changed(balancer, changes))]);
    world.aws.listeners = Some(vec![read(json!({
        "LoadBalancerArn": BALANCER_ARN, "Port": 5432, "Protocol": "TCP",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": GROUP_ARN}]}))]);
    world.aws.target_groups =
        Some(vec![read(json!({"TargetGroupArn": GROUP_ARN, "TargetGroupName": "back"}))]);
    health(&mut world, json!([["us-east-1a", {"State": "healthy"}], ["us-east-1b", {"State": "healthy"}]]));
    world
}

/// The targets of the load balancer: each its zone and its health.
fn health(world: &mut World, targets: Value) {
    let targets = targets.as_array().expect("targets").iter().enumerate();
    let targets: Vec<Value> = targets
        .map(|(index, target)| {
            let id = format!("10.100.3.{index}");
            json!({"Target": {"Id": id, "Port": 5432, "AvailabilityZone": target[0]}, "TargetHealth": target[1]})
        })
        .collect();
    world.aws.target_group_health =
        Some(vec![read(json!({"TargetGroupArn": GROUP_ARN, "TargetHealthDescriptions": targets}))]);
}

fn interface<'w>(world: &'w mut World, id: &str) -> &'w mut NetworkInterface {
    let mut interfaces = world.aws.network_interfaces.iter_mut().flatten();
    interfaces.find(|one| one.network_interface_id.as_str() == id).expect("an interface")
}

/// An analysis of the dynos' calls to a name, at the addresses that documents give it.
fn analysed(world: &World, name: &str, port: u16) -> Diagnosis {
    let topology = Topology::from(&world.snapshot());
    let mut case =
        starting::case(Some(topology.clone()), NetworkId::Space, &["10.0.128.0/20", "10.0.144.0/20"], name);
    if let Some((service, found)) = topology.service_named(name) {
        let places = found.places(&topology, service.vpc.as_ref());
        case.target.addresses = places.iter().map(|(address, _)| *address).collect();
        case.target_networks =
            places.into_iter().filter_map(|(address, network)| Some((address, network?))).collect();
    }
    case.target.port = Some(port);
    Machine::new(case, 0).report(Duration::ZERO, Timestamp::UNIX_EPOCH)
}

/// What is said of the service: each finding as `severity RULE message`.
fn said(diagnosis: &Diagnosis) -> Vec<String> {
    let findings = diagnosis.findings.iter();
    let findings = findings.map(|one| {
        let severity = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        format!("{severity} {} {}", one.rule, one.message)
    });
    findings.collect()
}

fn verdict(diagnosis: &Diagnosis) -> String {
    serde_json::to_value(diagnosis).expect("JSON")["verdict"].as_str().unwrap_or_default().to_string()
}

#[test]
fn a_name_means_the_interfaces_that_documents_tell_and_what_it_rests_on_is_said() {
    let diagnosis = analysed(&with_database(json!({})), &DATABASE.to_uppercase(), 5432);
    assert_eq!(verdict(&diagnosis), "reachable");
    assert_eq!(diagnosis.target.addresses, ["10.100.2.20".parse::<std::net::IpAddr>().expect("an address")]);
    assert_eq!(
        said(&diagnosis),
        [format!(
            "info SERVICE_INTERFACES {DATABASE} is the RDS instance orders: eni-db, the only interface of RDS where it may be, with its security groups. No DNS was asked."
        )]
    );
    // The path is as the interface's: what stops packets to it stops packets to the name.
    let mut world = with_database(json!({}));
    world.routes("rtb-db").retain(|route| route.vpc_peering_connection_id.is_none());
    assert_eq!(verdict(&analysed(&world, DATABASE, 5432)), "blocked");

    let diagnosis = analysed(&with_balancer(json!({})), BALANCER, 5432);
    assert_eq!(verdict(&diagnosis), "reachable");
    assert_eq!(
        said(&diagnosis),
        [format!(
            "info SERVICE_INTERFACES {BALANCER} is the load balancer front: eni-db, by what these interfaces are described as. No DNS was asked."
        )]
    );
}

/// What tells a database's interface from others': each of them by itself.
#[test]
fn an_interface_is_a_databases_only_where_it_may_be() {
    type Change = fn(&mut NetworkInterface);
    let changes: [(&str, Change, bool); 6] = [
        ("as it is", |_| {}, true),
        ("in another zone", |one| one.availability_zone = Some("us-east-1b".into()), false),
        ("in the same zone", |one| one.availability_zone = Some("us-east-1a".into()), true),
        ("in another subnet", |one| one.subnet_id = Some("subnet-other".into()), false),
        ("somebody else's", |one| one.description = Some("mine".into()), false),
        ("with other groups", |one| one.groups.clear(), false),
    ];
    for (what, change, is_its) in changes {
        let mut world = with_database(json!({}));
        world.interface("eni-2", "vpc-db", "subnet-db", &["10.100.2.21"], &["sg-db"]);
        interface(&mut world, "eni-2").description = Some("RDSNetworkInterface".into());
        change(interface(&mut world, "eni-2"));
        let topology = Topology::from(&world.snapshot());
        let (_, name) = topology.service_named(DATABASE).expect("a service");
        let expected: &[&str] = if is_its { &["eni-2", "eni-db"] } else { &["eni-db"] };
        let found: Vec<&str> = name.interfaces.iter().map(|id| id.as_str()).collect();
        assert_eq!(found, expected, "{what}");
        assert_eq!(name.is_certain, !is_its, "{what}");
        let diagnosis = analysed(&world, DATABASE, 5432);
        assert_eq!(diagnosis.target.addresses.len(), expected.len());
        let is_doubted =
            diagnosis.gaps.iter().any(|gap| gap.what.starts_with("which of eni-2, eni-db the name"));
        assert_eq!(is_doubted, is_its, "{what}");
    }
    // Of a standby's zone nothing follows.
    let mut world = with_database(json!({"MultiAZ": true}));
    world.interface("eni-2", "vpc-db", "subnet-db", &["10.100.2.21"], &["sg-db"]);
    let second = interface(&mut world, "eni-2");
    second.description = Some("RDSNetworkInterface".into());
    second.availability_zone = Some("us-east-1b".into());
    assert_eq!(analysed(&world, DATABASE, 5432).target.addresses.len(), 2);
    // And where there is nothing to tell by, nothing is told.
    let nowhere = with_database(json!({"DBSubnetGroup": null, "VpcSecurityGroups": []}));
    let topology = Topology::from(&nowhere.snapshot());
    assert!(topology.service_named(DATABASE).expect("a service").1.interfaces.is_empty());
}

#[test]
fn the_names_of_a_cluster_lead_to_its_writer_and_its_readers() {
    let mut world = with_database(json!({"DBClusterIdentifier": "ledger"}));
    world.subnet("subnet-2", "vpc-db", &["10.100.3.0/24"]);
    world.interface("eni-2", "vpc-db", "subnet-2", &["10.100.3.21"], &["sg-db"]);
    interface(&mut world, "eni-2").description = Some("RDSNetworkInterface".into());
    let reader = changed(
        serde_json::to_value(&world.aws.db_instances.as_ref().expect("instances")[0]).expect("JSON"),
        json!({"DBInstanceIdentifier": "orders-2", "Endpoint": {"Address": "orders-2.example", "Port": 5432},
            "DBSubnetGroup": {"VpcId": "vpc-db", "Subnets": [{"SubnetIdentifier": "subnet-2"}]}}),
    );
    world.aws.db_instances.get_or_insert_default().push(read(reader));
    let cluster = json!({"DBClusterIdentifier": "ledger", "Status": "available", "Port": 5432,
        "Endpoint": "ledger.cluster.example", "ReaderEndpoint": "ledger.cluster-ro.example",
        "CustomEndpoints": ["ledger.cluster-custom.example"],
        "DBClusterMembers": [{"DBInstanceIdentifier": "orders", "IsClusterWriter": true},
            {"DBInstanceIdentifier": "orders-2", "IsClusterWriter": false}]});
    world.aws.db_clusters = Some(vec![read(cluster)]);
    let topology = Topology::from(&world.snapshot());
    let found = |name: &str| {
        let (_, name) = topology.service_named(name).expect("a service");
        let ids: Vec<&str> = name.interfaces.iter().map(|id| id.as_str()).collect();
        (ids.join(" "), name.is_certain)
    };
    assert_eq!(found("ledger.cluster.example"), ("eni-db".into(), true));
    assert_eq!(found("ledger.cluster-ro.example."), ("eni-2".into(), true));
    assert_eq!(found("ledger.cluster-custom.example"), ("eni-2 eni-db".into(), false));
    // An address is its instance's rather than its cluster's.
    let (service, _) = topology.service_at(&"eni-db".into()).expect("a service");
    assert_eq!(service.component.id().as_deref(), Some("orders"));
    // Where nobody else reads, the writer does.
    let members = &mut world.aws.db_clusters.as_mut().expect("clusters")[0].db_cluster_members;
    members.truncate(1);
    let topology = Topology::from(&world.snapshot());
    let (_, name) = topology.service_named("ledger.cluster-ro.example").expect("a service");
    assert_eq!(name.interfaces, ["eni-db".into()]);
}

/// Each document by itself and the one finding that it makes; a service of which nothing is wrong has none.
#[test]
fn what_is_wrong_with_a_service_is_found_beside_the_path() {
    let database = |changes: Value, port: u16| analysed(&with_database(changes), DATABASE, port);
    let balancer = |changes: Value, port: u16| analysed(&with_balancer(changes), BALANCER, port);
    let of_targets = |targets: Value| {
        let mut world = with_balancer(json!({}));
        health(&mut world, targets);
        analysed(&world, BALANCER, 5432)
    };
    let healthy = json!({"State": "healthy"});
    let silent = json!({"State": "unhealthy", "Reason": "Target.Timeout"});
    let table = [
        (
            database(json!({"DBInstanceStatus": "stopped"}), 5432),
            "warning DATABASE_NOT_AVAILABLE The RDS instance orders was stopped",
        ),
        (
            database(json!({"DBInstanceStatus": "backing-up"}), 5432),
            "info DATABASE_NOT_AVAILABLE The RDS instance orders was backing-up and not available when the snapshot was taken: it may",
        ),
        (
            database(json!({}), 3306),
            "warning DATABASE_PORT The RDS instance orders listens on port 5432, and 3306 was asked for",
        ),
        (
            balancer(json!({"State": {"Code": "provisioning"}}), 5432),
            "warning LOAD_BALANCER_NOT_ACTIVE The load balancer front was provisioning",
        ),
        (
            balancer(json!({}), 443),
            "warning ELBV2_LISTENERS_MISMATCH The load balancer front has no listener on tcp 443: it listens on TCP 5432.",
        ),
        (
            balancer(json!({"Scheme": "internet-facing"}), 5432),
            "warning RESOLVES_TO_PUBLIC_ADDRESS Who asks in the space gets a public address for front-",
        ),
        (
            of_targets(json!([])),
            "warning NO_HEALTHY_TARGET The load balancer front leads to the target group back, in which no target is registered.",
        ),
        (
            of_targets(json!([["us-east-1a", silent], ["us-east-1b", silent]])),
            "warning NO_HEALTHY_TARGET The load balancer front leads to the target group back, of which no target was healthy when the snapshot was taken: 2 unhealthy (Target.Timeout).",
        ),
        (
            of_targets(json!([["us-east-1a", healthy], ["us-east-1b", silent]])),
            "info NO_HEALTHY_TARGET_IN_ZONE The load balancer front has no healthy target of back in us-east-1b: unless",
        ),
    ];
    for (diagnosis, expected) in table {
        let said = said(&diagnosis);
        let beside: Vec<&String> = said.iter().filter(|one| !one.contains(" SERVICE_INTERFACES ")).collect();
        let [found] = beside[..] else { panic!("{expected}: {said:#?}") };
        assert!(found.starts_with(expected), "{expected}: {found}");
        // Documents alone establish nothing of what listens.
        assert!(
            diagnosis.causes.iter().all(|cause| cause.code.name() == "ENI_SG_RULES_MISMATCH"),
            "{expected}"
        );
    }
    for quiet in [
        of_targets(json!([[null, healthy], ["us-east-1b", silent]])),
        of_targets(json!([["all", healthy]])),
        of_targets(json!([["us-east-1a", {"State": "unavailable"}], ["us-east-1b", healthy]])),
        analysed(
            &with_balancer(json!({"Type": "application", "AvailabilityZones": [{"ZoneName": "us-east-1c"}]})),
            BALANCER,
            5432,
        ),
    ] {
        assert_eq!(said(&quiet).len(), 1, "{:#?}", said(&quiet));
    }
}

/// An address that is a service's for certain tells as much as its name.
#[test]
fn a_service_is_known_by_its_address_too() {
    let world = with_database(json!({"DBInstanceStatus": "stopped"}));
    let said_of = |world: &World| {
        let topology = Topology::from(&world.snapshot());
        let case = starting::case(Some(topology), NetworkId::Space, &["10.0.128.0/20"], "10.100.2.20");
        said(&Machine::new(case, 0).report(Duration::ZERO, Timestamp::UNIX_EPOCH))
    };
    let said = said_of(&world);
    let [found] = &said[..] else { panic!("{said:#?}") };
    assert!(found.starts_with("warning DATABASE_NOT_AVAILABLE "), "{found}");
    let mut doubted = world;
    doubted.interface("eni-2", "vpc-db", "subnet-db", &["10.100.2.21"], &["sg-db"]);
    interface(&mut doubted, "eni-2").description = Some("RDSNetworkInterface".into());
    assert_eq!(said_of(&doubted), [""; 0]);
}

/// To what the name of a publicly accessible database leads, by every document that decides it, and what the rule
/// about public targets makes of it.
#[test]
fn a_public_databases_name_leads_inside_only_where_all_of_it_is_arranged_for() {
    let public = json!({"PubliclyAccessible": true});
    let allow = |world: &mut World, value: Option<bool>| {
        for peering in world.aws.vpc_peering_connections.iter_mut().flatten() {
            let side = peering.requester_vpc_info.as_mut().expect("a side");
            side.peering_options = Some(PeeringOptions { allow_dns_resolution_from_remote_vpc: value });
        }
    };
    let attributes = |world: &mut World, support: bool, hostnames: bool| {
        world.aws.vpc_attributes = Some(vec![
            read(json!({"VpcId": "vpc-db", "EnableDnsSupport": {"Value": support}})),
            read(json!({"VpcId": "vpc-db", "EnableDnsHostnames": {"Value": hostnames}})),
        ]);
    };
    let mut table: Vec<(World, Option<&str>, RuleStatus, &str)> = Vec::new();
    table.push((with_database(json!({})), None, RuleStatus::Pass, "No target is a public address."));
    let unknown = with_database(public.clone());
    table.push((
        unknown,
        Some("info"),
        RuleStatus::NotChecked,
        "whether vpc-db's side of pcx-1 allows DNS resolution",
    ));
    let mut denied = with_database(public.clone());
    allow(&mut denied, Some(false));
    table.push((
        denied,
        Some("warning"),
        RuleStatus::Violation,
        "vpc-db's side of pcx-1 does not allow DNS resolution from the other VPC",
    ));
    let mut without_names = with_database(public.clone());
    allow(&mut without_names, Some(true));
    attributes(&mut without_names, true, false);
    table.push((
        without_names,
        Some("warning"),
        RuleStatus::Violation,
        "vpc-db has DNS hostnames switched off",
    ));
    let mut without_support = with_database(public.clone());
    allow(&mut without_support, Some(true));
    attributes(&mut without_support, false, true);
    table.push((
        without_support,
        Some("warning"),
        RuleStatus::Violation,
        "vpc-db has DNS support switched off",
    ));
    // What is off is off whatever the peering allows, of which nothing is known.
    let mut off = with_database(public.clone());
    attributes(&mut off, true, false);
    table.push((off, Some("warning"), RuleStatus::Violation, "vpc-db has DNS hostnames switched off"));
    // All of the customer's side is as it should be, and nobody sees Heroku's.
    let mut arranged = with_database(public);
    allow(&mut arranged, Some(true));
    attributes(&mut arranged, true, true);
    table.push((arranged, Some("info"), RuleStatus::NotChecked, "Heroku shows nobody whether"));
    for (world, severity, status, words) in table {
        let said = said(&analysed(&world, DATABASE, 5432));
        let finding = said.iter().find(|one| one.contains(" RESOLVES_TO_PUBLIC_ADDRESS "));
        match (severity, finding) {
            (None, None) => {}
            (Some(severity), Some(finding)) => {
                assert!(finding.starts_with(severity), "{words}: {finding}");
                assert!(finding.to_lowercase().contains(&words.to_lowercase()), "{words}: {finding}");
            }
            other => panic!("{words}: {other:?}"),
        }
        let snapshot = world.snapshot();
        let topology = Topology::from(&snapshot);
        let target = CheckTarget {
            input: format!("tcp://{DATABASE}:5432"),
            name: Some(DATABASE.into()),
            addresses: vec![(
                "10.100.2.20".parse().expect("an address"),
                Some(NetworkId::Vpc("vpc-db".into())),
            )],
            protocol: 6,
            ports: PortRange::single(5432),
        };
        let check = check(&CheckCase {
            version: String::new(),
            at: Timestamp::UNIX_EPOCH,
            documents: &snapshot,
            topology: &topology,
            snapshot: None,
            targets: vec![target],
            source_ports: PortRange::new(32_768, 60_999).expect("a range"),
            gaps: Vec::new(),
        });
        let results: Vec<_> = check.results.iter().filter(|one| one.rule.name() == "HPS-NET-06").collect();
        let [result] = results[..] else { panic!("{words}: {results:#?}") };
        assert_eq!(result.status, status, "{words}");
        assert!(result.message.contains(words), "{words}: {}", result.message);
        // What is off is switched on, and off again.
        let fixes: Vec<(&str, &str)> =
            result.fixes.iter().map(|fix| (fix.command.as_str(), fix.undo.as_str())).collect();
        let expected = match words {
            _ if status != RuleStatus::Violation => None,
            words if words.contains("side of") => {
                let command = "aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id pcx-1 --requester-peering-connection-options AllowDnsResolutionFromRemoteVpc=";
                Some((
                    format!("{command}true --region us-east-1"),
                    format!("{command}false --region us-east-1"),
                ))
            }
            words => {
                let option = if words.contains("hostnames") { "hostnames" } else { "support" };
                let command = |value: bool| {
                    format!(
                        "aws ec2 modify-vpc-attribute --vpc-id vpc-db --enable-dns-{option} '{{\"Value\":{value}}}' --region us-east-1"
                    )
                };
                Some((command(true), command(false)))
            }
        };
        let expected = expected.as_ref().map(|(command, undo)| (command.as_str(), undo.as_str()));
        assert_eq!(fixes, expected.into_iter().collect::<Vec<_>>(), "{words}");
    }
}

/// Between VPCs both have their own DNS.
#[test]
fn dns_that_is_off_where_the_name_is_asked_is_said() {
    let mut world = World::two_vpcs();
    interface(&mut world, "eni-db").description = Some("RDSNetworkInterface".into());
    world.aws.db_instances = Some(vec![read(json!({
        "DBInstanceIdentifier": "orders", "DBInstanceStatus": "available", "PubliclyAccessible": false,
        "Endpoint": {"Address": DATABASE, "Port": 5432}, "DBSubnetGroup": {"VpcId": "vpc-db", "Subnets": []}}))]);
    let said_of = |world: &World| {
        let topology = Topology::from(&world.snapshot());
        let mut case =
            starting::case(Some(topology), NetworkId::Vpc("vpc-app".into()), &["10.1.0.10/32"], DATABASE);
        case.target.addresses = vec!["10.2.0.20".parse().expect("an address")];
        said(&Machine::new(case, 0).report(Duration::ZERO, Timestamp::UNIX_EPOCH))
    };
    assert_eq!(said_of(&world).len(), 1);
    world.aws.vpc_attributes =
        Some(vec![read(json!({"VpcId": "vpc-app", "EnableDnsSupport": {"Value": false}}))]);
    let said = said_of(&world);
    assert!(
        said.iter().any(|one| one.starts_with("warning VPC_DNS vpc-app has DNS support switched off")),
        "{said:#?}"
    );
}

/// What the DNS said is held against what documents tell; an alias leads to the service as its own name does.
#[test]
fn what_the_dns_said_is_held_against_the_documents() {
    let said_of = |world: &World, host: &str, alias: Option<&str>, address: &str| {
        let topology = Topology::from(&world.snapshot());
        let dynos = ["10.0.128.0/20", "10.0.144.0/20"];
        let mut case = starting::case(Some(topology), NetworkId::Space, &dynos, host);
        case.target.addresses = vec![address.parse().expect("an address")];
        let servers = alias.map(|alias| answer(host, alias, address));
        case.lookup = Some(Lookup { servers: servers.into_iter().collect(), ..Lookup::default() });
        said(&Machine::new(case, 0).report(Duration::ZERO, Timestamp::UNIX_EPOCH))
    };
    let starts = |said: &[String], expected: &[&str]| {
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (one, expected) in said.iter().zip(expected) {
            assert!(one.starts_with(expected), "{expected}: {one}");
        }
    };
    let world = with_database(json!({"DBInstanceStatus": "stopped"}));
    let is_bound = format!("info SERVICE_INTERFACES {DATABASE} is the RDS instance orders: eni-db, ");
    let is_down = "warning DATABASE_NOT_AVAILABLE ";
    starts(&said_of(&world, DATABASE, None, "10.100.2.20"), &[&is_bound, is_down]);
    starts(&said_of(&world, "db.acme.example", Some(DATABASE), "10.100.2.20"), &[&is_bound, is_down]);
    // No server was asked for the alias, and the address tells whose it is.
    starts(&said_of(&world, "db.acme.example", None, "10.100.2.20"), &[is_down]);
    starts(&said_of(&world, "db.acme.example", None, "10.100.2.99"), &[]);
    starts(
        &said_of(&world, DATABASE, None, "198.51.100.7"),
        &[&is_bound, "warning CONFIGURATION_DISAGREES By the documents orders.", is_down],
    );
    let mut public = with_database(json!({"PubliclyAccessible": true}));
    for peering in public.aws.vpc_peering_connections.iter_mut().flatten() {
        let options = PeeringOptions { allow_dns_resolution_from_remote_vpc: Some(false) };
        peering.requester_vpc_info.as_mut().expect("a side").peering_options = Some(options);
    }
    starts(
        &said_of(&public, DATABASE, None, "198.51.100.7"),
        &[&is_bound, "info RESOLVES_TO_PUBLIC_ADDRESS That orders."],
    );
}

/// A server's answer: an alias, and the address of what it leads to.
fn answer(host: &str, alias: &str, address: &str) -> DnsObservation {
    let request =
        ProbeRequest::plain(ProbeId(0), ProbeKind::Dns, [10, 0, 0, 2].into(), 53, Duration::from_secs(1));
    let observation = Observation::bare(request, Outcome::Answered);
    let address = DnsAddress { address: address.parse().expect("an address"), ttl_seconds: 5 };
    let said = DnsSaid::Addresses { addresses: vec![address], count: 1, aliases: vec![alias.into()] };
    DnsObservation {
        question: DnsQuestion { name: host.into(), record_type: AddressRecord::A },
        observation,
        reply: DnsReply { said: Some(said), ..DnsReply::default() },
    }
}
