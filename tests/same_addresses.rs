//! Private addresses repeat between networks. Who names a machine by its id, or by a name that only one has, means that
//! machine, whatever else has its address; who names the address alone is told where that leaves a choice.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

const SOURCE: &str = "eni-0000000a";
const TWINS: [(&str, &str, &str); 2] =
    [("vpc-0000000b", "eni-0000000b", "billing"), ("vpc-0000000c", "eni-0000000c", "orders")];

/// Two VPCs whose machines have the same address, and one that calls; nothing is peered.
fn documents() -> Value {
    let mut kinds: [Vec<Value>; 6] = Default::default();
    let networks = [("vpc-0000000a", "10.1", SOURCE, "caller")]
        .into_iter()
        .chain(TWINS.map(|(vpc, interface, name)| (vpc, "10.2", interface, name)));
    for (vpc, prefix, interface, name) in networks {
        let id = |kind: &str| vpc.replace("vpc", kind);
        let block = format!("{prefix}.0.0/16");
        let [vpcs, subnets, tables, acls, groups, interfaces] = &mut kinds;
        vpcs.push(json!({"VpcId": vpc, "CidrBlock": block, "OwnerId": "111111111111",
            "CidrBlockAssociationSet": [{"CidrBlock": block, "CidrBlockState": {"State": "associated"}}]}));
        subnets.push(json!({"SubnetId": id("subnet"), "VpcId": vpc, "CidrBlock": block,
            "AvailabilityZone": "us-east-1a"}));
        tables.push(json!({"RouteTableId": id("rtb"), "VpcId": vpc, "Associations": [{"Main": true}],
            "Routes": [{"DestinationCidrBlock": block, "GatewayId": "local", "State": "active",
                "Origin": "CreateRouteTable"}]}));
        let entry = |egress: bool| {
            json!({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress,
                "CidrBlock": "0.0.0.0/0"})
        };
        acls.push(json!({"NetworkAclId": id("acl"), "VpcId": vpc, "Entries": [entry(false), entry(true)],
            "Associations": [{"NetworkAclId": id("acl"), "SubnetId": id("subnet")}]}));
        let anything = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
        groups.push(json!({"GroupId": id("sg"), "VpcId": vpc, "IpPermissions": anything,
            "IpPermissionsEgress": anything}));
        let address = format!("{prefix}.0.10");
        interfaces.push(json!({"NetworkInterfaceId": interface, "VpcId": vpc, "SubnetId": id("subnet"),
            "PrivateIpAddress": address, "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": true}],
            "SourceDestCheck": true, "Groups": [{"GroupId": id("sg")}],
            "TagSet": [{"Key": "Name", "Value": name}]}));
    }
    let [vpcs, subnets, tables, acls, groups, interfaces] = kinds;
    json!({"Vpcs": vpcs, "Subnets": subnets, "RouteTables": tables, "NetworkAcls": acls,
        "SecurityGroups": groups, "NetworkInterfaces": interfaces, "VpcPeeringConnections": []})
}

/// What `analyze` says of a target.
fn said(target: &str, format: &str) -> String {
    said_given(&documents(), target, format)
}

fn said_given(documents: &Value, target: &str, format: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    fs::write(&file, documents.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    command.args(["analyze", "--to", target, "--from", SOURCE, "--format", format, "--snapshot"]).arg(&file);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Its cause's first fix, and whether its plan is proven.
fn fix(target: &str) -> (Value, bool) {
    let report: Value = serde_json::from_str(&said(target, "json")).unwrap();
    let causes = report["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{report:#}");
    assert_eq!(causes[0]["code"], "PEERING_MISSING", "{report:#}");
    (causes[0]["fixes"][0].clone(), report["plan"]["verified"] == true)
}

#[test]
fn a_target_named_by_an_id_or_a_name_is_looked_for_where_it_is() {
    for (vpc, interface, name) in TWINS {
        for target in [format!("tcp://{interface}:5432"), format!("tcp://{name}:5432")] {
            let (fix, is_proven) = fix(&target);
            let command = fix["command"].as_str().unwrap();
            assert!(command.contains(&format!("--peer-vpc-id {vpc} ")), "{target}: {command}");
            assert!(command.contains(&vpc.replace("vpc", "rtb")), "{target}: {command}");
            assert!(fix["verified"] == true && is_proven, "{target}: {fix:#}");
        }
    }
}

#[test]
fn an_address_that_two_networks_hold_leaves_the_peering_to_a_person() {
    let (fix, is_proven) = fix("tcp://10.2.0.10:5432");
    assert!(fix["verified"] == false && !is_proven, "{fix:#}");
    let words = fix["explanation"].as_str().unwrap();
    assert!(TWINS.iter().all(|(vpc, ..)| words.contains(vpc)), "{words}");
}

/// The request, its acceptance, and a route on each side: all of them are steps for whoever reads the terminal too.
#[test]
fn every_step_that_makes_a_peering_is_written_out() {
    let text = said("tcp://orders:5432", "text");
    let order =
        ["create-vpc-peering-connection", "accept-vpc-peering-connection", "create-route", "create-route"];
    let mut rest = text.as_str();
    for step in order {
        let at = rest.find(step).unwrap_or_else(|| panic!("no {step} in its turn: {text}"));
        rest = &rest[at + step.len()..];
    }
    assert!(text.contains("4 steps") && !text.contains("by hand"), "{text}");
}

#[test]
fn a_long_doubt_is_a_paragraph_below_a_short_heading() {
    let text = said("tcp://10.2.0.10:5432", "markdown");
    let todo = text.split("### What to do").nth(1).unwrap().split("### Why").next().unwrap();
    let lines: Vec<&str> = todo.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[0], "#### Mend `PEERING_MISSING`", "{todo}");
    assert!(
        lines[1].starts_with("The addresses fit `vpc-0000000a` and `vpc-0000000b`, and as well"),
        "{todo}"
    );
    assert!(text.lines().all(|line| !line.starts_with('#') || line.len() < 160), "{text}");
}

#[test]
fn who_changes_accounts_is_told_to_bring_the_new_peerings_id() {
    let mut documents = documents();
    documents["Vpcs"][2]["OwnerId"] = json!("222222222222");
    let target = "tcp://eni-0000000c:5432";
    let words = "another shell set PCX first, to what it is in that of account 111111111111";
    let text = said_given(&documents, target, "text");
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // The acceptance, and the route of the other side.
    assert_eq!(flowing.matches(words).count(), 2, "{text}");
    // To undo it, too, one goes from account to account, the last step first.
    let undone = "# in account 222222222222: aws ec2 delete-route --route-table-id rtb-0000000c";
    let (_, undo) = flowing.split_once("to undo it: ").unwrap();
    assert!(undo.starts_with(undone), "{text}");
    assert_eq!(undo.matches("# in account 111111111111: aws ec2 ").count(), 2, "{text}");
    let page = said_given(&documents, target, "markdown");
    assert_eq!(page.matches(&format!("- In {words}")).count(), 2, "{page}");
    assert!(page.contains("To undo it: No acceptance can be taken back"), "{page}");
    // In one account there is one shell.
    assert!(!said(target, "text").contains("another shell"));
}

#[test]
fn an_id_that_was_asked_for_is_not_said_twice() {
    let text = said("tcp://eni-0000000c:5432", "text");
    let first = text.lines().next().unwrap();
    assert!(first.ends_with("tcp 10.2.0.10:5432 (eni-0000000c \"orders\")"), "{first}");
}
