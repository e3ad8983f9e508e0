//! Names of databases and load balancers: asked for by name, before and after.

use peerscope_document::aws::NetworkInterface;
use peerscope_document::id::NetworkInterfaceId;
use peerscope_laboratory::Host;

use super::*;

const DATABASE: &str = "acme.c9akciq32.us-east-1.rds.amazonaws.com";
const BALANCER: &str = "acme-0123456789abcdef.elb.us-east-1.amazonaws.com";

/// Makes the target a database's or a load balancer's, by documents alone.
fn serve(snapshot: &mut Snapshot, target: &NetworkInterfaceId, port: u16, is_database: bool) {
    for documents in snapshot.aws.iter_mut().map(|collection| &mut collection.documents) {
        let of_instances = documents.reservations.iter_mut().flatten().flat_map(|one| &mut one.instances);
        let of_instances = of_instances.flat_map(|instance| &mut instance.network_interfaces);
        let listed = documents.network_interfaces.iter_mut().flatten();
        let mut own: Option<NetworkInterface> = None;
        for interface in listed.chain(of_instances) {
            let is_target = interface.network_interface_id == *target;
            if is_target {
                let word = if is_database { "RDSNetworkInterface" } else { "ELB net/acme/0123456789abcdef" };
                interface.description = Some(word.to_string());
                own = Some(interface.clone());
            } else if interface.description.as_deref() == Some("RDSNetworkInterface") {
                // Of several databases with the same groups nobody could tell which is meant.
                interface.description = None;
            }
        }
        let Some(own) = own else { continue };
        if is_database {
            let groups: Vec<Value> = own
                .groups
                .iter()
                .map(|group| serde_json::json!({"VpcSecurityGroupId": group.group_id, "Status": "active"}))
                .collect();
            documents.db_instances = Some(vec![
                serde_json::from_value(serde_json::json!({
                    "DBInstanceIdentifier": "acme", "DBInstanceStatus": "available", "PubliclyAccessible": false,
                    "Endpoint": {"Address": DATABASE, "Port": port}, "VpcSecurityGroups": groups,
                    "DBSubnetGroup": {"DBSubnetGroupName": "acme", "VpcId": own.vpc_id,
                        "Subnets": [{"SubnetIdentifier": own.subnet_id}]}}))
                .unwrap(),
            ]);
        } else {
            documents.load_balancers = Some(vec![
                serde_json::from_value(serde_json::json!({
                    "LoadBalancerArn":
                        "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/acme/0123456789abcdef",
                    "LoadBalancerName": "acme", "DNSName": BALANCER, "Type": "network", "Scheme": "internal",
                    "VpcId": own.vpc_id}))
                .unwrap(),
            ]);
        }
    }
}

/// Verdict and causes alone: what is found beside the path differs by how the target was named.
fn path(essence: &str) -> &str {
    essence.rsplit_once(" [").map_or(essence, |(path, _)| path)
}

/// In the laboratory's worlds, whose answers for the address are held against the kernel, the name is answered as the
/// address is; and after redaction, by the name that then stands there, from the files.
#[test]
fn a_name_is_answered_as_its_address_is_redacted_or_not() {
    let mut verdicts = BTreeSet::new();
    for seed in 0..40_u64 {
        let base = if seed % 2 == 0 { Base::DynoToVpc } else { Base::VpcToVpc };
        let mut world = World::generate(base, &Vary::ALL, seed);
        let changes: Vec<u64> = (0..seed % 5).map(|change| seed * 37 + change).collect();
        world.scramble(&changes);
        let Host::Interface(target) = world.target() else {
            panic!("world {seed}: the target is no interface")
        };
        let (source, address) = (world.source_address(), world.target_address());
        let is_database = seed % 4 < 2;
        let name = if is_database { DATABASE } else { BALANCER };
        serve(&mut world.snapshot, &target, address.port(), is_database);
        let by_id = ask(&world.snapshot, &source.to_string(), &format!("tcp://{target}:{}", address.port()));
        let by_name = ask(&world.snapshot, &source.to_string(), &format!("tcp://{name}:{}", address.port()));
        let (by_id, by_name) = (by_id.unwrap(), by_name.unwrap());
        assert_eq!(path(&by_name), path(&by_id), "world {seed}");
        assert!(by_name.contains("SERVICE_INTERFACES"), "world {seed}: {by_name}");

        let (redacted, mut redaction) = redact(&world.snapshot, fastrand::Rng::with_seed(seed)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("snapshot");
        let mut writer = SnapshotWriter::begin(&folder).unwrap();
        write_snapshot(&redacted, &mut writer).unwrap();
        let manifest = Manifest {
            schema: "peerscope/snapshot/1".to_string(),
            at: "2026-11-22T10:00:00Z".to_string(),
            ..Manifest::default()
        };
        writer.finish(manifest).unwrap();
        let loaded = snapshot::load(std::slice::from_ref(&folder)).unwrap();
        assert_eq!(loaded.notes, [], "world {seed}");
        let from = redaction.address(source).to_string();
        let renamed = redaction.dns_name(name);
        assert_ne!(renamed, name);
        let after = ask(&loaded.snapshot, &from, &format!("tcp://{renamed}:{}", address.port()));
        assert_eq!(after.as_ref(), Some(&by_name), "world {seed}");
        assert_eq!(ask(&loaded.snapshot, &from, &format!("tcp://{name}:{}", address.port())), None);
        verdicts.insert(by_name.split(' ').next().unwrap_or_default().to_string());
    }
    assert!(verdicts.len() >= 2, "{verdicts:?}");
}

/// What binds a name to its interfaces is still there, and means the same.
#[test]
fn names_of_services_are_replaced_alike_wherever_they_occur() {
    let balancer =
        "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/acme-front/0123456789abcdef";
    let group = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/acme-back/0123456789abcdef";
    let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
        "aws": [{"region": "us-east-1", "documents": {
            "NetworkInterfaces": [
                {"NetworkInterfaceId": "eni-1", "Description": "ELB net/acme-front/0123456789abcdef"},
                {"NetworkInterfaceId": "eni-2", "Description": "RDSNetworkInterface"},
                {"NetworkInterfaceId": "eni-3", "Description": "acme's own"}],
            "DBInstances": [{"DBInstanceIdentifier": "acme-1", "DBInstanceArn": "arn:aws:rds:us-east-1:111122223333:db:acme-1",
                "DBInstanceStatus": "available", "Engine": "postgres", "DBClusterIdentifier": "acme-cluster",
                "Endpoint": {"Address": "acme-1.c9akciq32.us-east-1.rds.amazonaws.com", "Port": 5432},
                "DBSubnetGroup": {"DBSubnetGroupName": "acme-subnets", "VpcId": "vpc-1", "Subnets": [{"SubnetIdentifier": "subnet-1"}]},
                "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}]}],
            "DBClusters": [{"DBClusterIdentifier": "acme-cluster", "DBSubnetGroup": "acme-subnets",
                "Endpoint": "acme-cluster.cluster-c9akciq32.us-east-1.rds.amazonaws.com",
                "DBClusterMembers": [{"DBInstanceIdentifier": "acme-1", "IsClusterWriter": true}]}],
            "LoadBalancers": [{"LoadBalancerArn": balancer, "LoadBalancerName": "acme-front", "Type": "network",
                "DNSName": "acme-front-0123456789abcdef.elb.us-east-1.amazonaws.com", "SecurityGroups": ["sg-1"],
                "State": {"Code": "active", "Reason": "of 111122223333"},
                "AvailabilityZones": [{"ZoneName": "us-east-1a", "SubnetId": "subnet-1",
                    "LoadBalancerAddresses": [{"IpAddress": "52.1.2.3"}]}]}],
            "Listeners": [{"LoadBalancerArn": balancer, "Port": 5432, "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}],
            "TargetGroups": [{"TargetGroupArn": group, "TargetGroupName": "acme-back", "LoadBalancerArns": [balancer]}],
            "TargetGroupHealth": [{"TargetGroupArn": group, "TargetHealthDescriptions": [
                {"Target": {"Id": "i-0123"}, "TargetHealth": {"State": "unhealthy", "Reason": "Target.Timeout",
                    "Description": "Request timed out"}}]}],
            "VpcAttributes": [{"VpcId": "vpc-1", "EnableDnsSupport": {"Value": true}}]}}],
        "heroku": {}, "manifest": null, "sources": []
    }))
    .unwrap();
    let (redacted, mut redaction) = redact(&snapshot, fastrand::Rng::with_seed(3)).unwrap();
    let text = serde_json::to_string(&redacted).unwrap();
    for secret in ["acme", "c9akciq32", "111122223333", "52.1.2.3"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let documents = &redacted.aws[0].documents;
    let descriptions: Vec<_> = documents.network_interfaces.iter().flatten().collect();
    let descriptions: Vec<&str> =
        descriptions.iter().map(|one| one.description.as_deref().unwrap_or_default()).collect();
    assert_eq!(
        descriptions,
        ["ELB net/load-balancer-1/0123456789abcdef", "RDSNetworkInterface", "description-1"]
    );
    let database = &documents.db_instances.as_ref().unwrap()[0];
    let address = database.endpoint.as_ref().unwrap().address.as_deref().unwrap();
    assert_eq!(address, redaction.dns_name("acme-1.c9akciq32.us-east-1.rds.amazonaws.com"));
    assert!(address.ends_with(".us-east-1.rds.amazonaws.com"), "{address}");
    assert_eq!(database.db_instance_identifier.as_str(), "database-1");
    assert!(database.db_instance_arn.as_deref().unwrap().ends_with(":db:database-1"));
    let cluster = &documents.db_clusters.as_ref().unwrap()[0];
    assert_eq!(
        cluster.db_cluster_members[0].db_instance_identifier.as_ref(),
        Some(&database.db_instance_identifier)
    );
    let same = documents.load_balancers.as_ref().unwrap()[0].load_balancer_arn.clone();
    assert!(same.as_str().ends_with("/net/load-balancer-1/0123456789abcdef"), "{same}");
    assert_eq!(documents.listeners.as_ref().unwrap()[0].load_balancer_arn.as_ref(), Some(&same));
    let group = &documents.target_groups.as_ref().unwrap()[0];
    assert_eq!(group.load_balancer_arns, [same]);
    let health = &documents.target_group_health.as_ref().unwrap()[0];
    assert_eq!(health.target_group_arn.as_ref(), Some(&group.target_group_arn));
    let state = health.target_health_descriptions[0].target_health.as_ref().unwrap();
    assert_eq!(state.reason.as_deref(), Some("Target.Timeout"));
    assert_eq!(documents.vpc_attributes, snapshot.aws[0].documents.vpc_attributes);
}
