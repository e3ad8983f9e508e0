//! `peerscope rehearse`, through the binary: a snapshot as a network of this machine, real packets through it,
//! and what an edit changes for them. The binary makes the namespaces; nothing of it is left.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::world::{Base, Style, Vary, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/documents/orders-db");

/// Random worlds, unless the environment variable asks for more than one for each kind of mistake.
const MORE_WORLDS: &str = "PEERSCOPE_REHEARSED_WORLDS";
const SIDE_BY_SIDE: usize = 4;

/// What the report of the example prints.
const MENDING: &str = "# the way back, and the second dyno block
aws ec2 create-route --route-table-id rtb-0b1c00000000000db \\
    --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id pcx-0111aaa111aaa1111 --region us-east-1
aws ec2 authorize-security-group-ingress --group-id sg-0db5ec0000000001 --protocol tcp --port 5432 --cidr 10.0.144.0/20
";

fn rehearse(snapshot: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["rehearse", "--snapshot"])
        .arg(snapshot)
        .args(arguments)
        .env_remove("DYNO")
        .env_remove("HEROKU_PRIVATE_IP")
        .output()
        .expect("the binary runs")
}

fn json_of(snapshot: &Path, arguments: &[&str]) -> Value {
    let output = rehearse(snapshot, &[arguments, &["--format", "json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn text_of(snapshot: &Path, arguments: &[&str]) -> String {
    let output = rehearse(snapshot, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text is UTF-8")
}

/// An edit in a file of its own.
struct Edit {
    folder: TempDir,
}

impl Edit {
    fn new(commands: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("edit.sh"), commands).expect("a file");
        Self { folder }
    }

    fn path(&self) -> String {
        self.folder.path().join("edit.sh").display().to_string()
    }
}

/// A snapshot of single documents.
fn snapshot_of(documents: &[(&str, Value)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, document) in documents {
        fs::write(folder.path().join(name), document.to_string()).expect("a file");
    }
    folder
}

fn totals(report: &Value) -> (u64, u64, u64, u64, u64) {
    let of = |key: &str| report["totals"][key].as_u64().expect("a number");
    (of("flows"), of("passes"), of("opens"), of("cuts"), of("disagree"))
}

#[test]
fn an_edit_that_mends_opens_what_it_says_and_cuts_nothing() {
    let edit = Edit::new(MENDING);
    let report = json_of(Path::new(EXAMPLE), &["--edit", &edit.path()]);
    assert_eq!(report["schema"], "peerscope/rehearsal/1");
    // Two calls to the database, and back from it two to each of the two dyno blocks.
    assert_eq!(totals(&report), (6, 0, 6, 0, 0), "{report:#}");
    let groups = report["groups"].as_array().expect("groups");
    let lost: Vec<(&str, &str, &str)> = groups
        .iter()
        .filter_map(|group| {
            let kernel = &group["before"]["kernel"];
            let block = group["sources"][0]["block"].as_str()?;
            Some((block, kernel["gate"]["kind"].as_str()?, kernel["direction"].as_str()?))
        })
        .collect();
    assert_eq!(
        lost,
        [("10.0.128.0/20", "route", "return"), ("10.0.144.0/20", "security-group-ingress", "forward")],
    );
    for group in groups {
        assert_eq!(group["change"], "opens");
        assert_eq!(group["after"]["kernel"]["result"], "passes");
        assert_eq!(group["after"]["analysis"]["verdict"], "reachable");
    }
}

#[test]
fn an_edit_cuts_exactly_the_ports_of_the_client_that_it_shuts() {
    let folder = mended();
    let edit = Edit::new(
        "aws ec2 replace-network-acl-entry --network-acl-id acl-0777000000000001 --egress --rule-number 100 \
         --rule-action allow --protocol tcp --port-range From=1024,To=49151 --cidr-block 0.0.0.0/0\n",
    );
    let report = json_of(folder.path(), &["--edit", &edit.path(), "--from", "10.0.139.183"]);
    // The one dyno, by both parts of its ports.
    assert_eq!(totals(&report), (2, 2, 0, 1, 0), "{report:#}");
    let cut = report["groups"].as_array().expect("groups").iter().find(|group| group["change"] == "cuts");
    let cut = cut.expect("something is cut");
    assert_eq!(cut["source_ports"], json!([[49152, 60999]]));
    assert_eq!(cut["after"]["kernel"]["gate"]["kind"], "network-acl-egress");
    assert_eq!(cut["after"]["kernel"]["direction"], "return");
    let text = text_of(folder.path(), &["--edit", &edit.path(), "--from", "10.0.139.183"]);
    assert!(text.starts_with("CUTS  "), "{text}");
    for expected in ["from the client's ports 49152-60999", "the analysis says blocked:", "Passes on"] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// What a database's host may call of a space: every block that its groups let it call, by the ports that they name.
#[test]
fn calls_to_dynos_are_tried_by_the_ports_that_groups_let_out() {
    let folder = mended();
    let edit = Edit::new(
        "aws ec2 revoke-security-group-egress --group-id sg-0db5ec0000000001 --protocol -1 --cidr 0.0.0.0/0
aws ec2 authorize-security-group-egress --group-id sg-0db5ec0000000001 --protocol tcp --port 443-8080 --cidr 10.0.128.0/20
aws ec2 authorize-security-group-egress --group-id sg-0db5ec0000000001 --protocol tcp --port 22 --cidr 0.0.0.0/0
",
    );
    let report = json_of(folder.path(), &["--edit", &edit.path(), "--from", "10.100.2.20"]);
    // Two blocks, by the ends of everything and of 443-8080, as far as a dyno can listen there.
    assert_eq!(totals(&report), (6, 6, 0, 4, 0), "{report:#}");
    let groups = report["groups"].as_array().expect("groups");
    let of = |block: &str, change: &str| -> Vec<(Value, Value)> {
        let some = groups.iter().filter(|one| one["target"]["block"] == block && one["change"] == change);
        some.map(|one| (one["ports"].clone(), one["after"]["kernel"].clone())).collect()
    };
    let lost = json!({
        "result": "lost", "gate": {"kind": "security-group-egress", "id": "eni-0db3000000000001"}, "direction": "forward",
    });
    assert_eq!(of("10.0.128.0/20", "none"), [(json!([1024, 8080]), json!({"result": "passes"}))]);
    assert_eq!(of("10.0.128.0/20", "cuts"), [(json!([65535]), lost.clone())]);
    assert_eq!(of("10.0.144.0/20", "cuts"), [(json!([1024, 8080, 65535]), lost)]);
    let named = json_of(folder.path(), &["--from", "10.100.2.20", "--to", "tcp://10.0.139.183:443"]);
    assert_eq!(totals(&named), (1, 1, 0, 0, 0), "{named:#}");
    assert_eq!(
        named["groups"][0]["target"],
        json!({"id": null, "name": null, "address": "10.0.139.183", "block": null})
    );
    let text = text_of(folder.path(), &["--from", "10.100.2.20", "--to", "10.0.139.183"]);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("→ tcp 10.0.139.183 ports 1024, 65535 (a dyno)"), "{text}");
}

/// A reply that finds no way back, and a group that lets nothing out: the same of calls to dynos as of calls from them.
#[test]
fn what_calls_no_dyno_is_said() {
    let folder = mended();
    let report = json_of(Path::new(EXAMPLE), &["--from", "10.100.2.20"]);
    let (flows, passes, .., disagree) = totals(&report);
    assert_eq!((flows, passes, disagree), (4, 0, 0), "{report:#}");
    let kernel = &report["groups"][0]["before"]["kernel"];
    assert_eq!((&kernel["gate"]["kind"], &kernel["direction"]), (&json!("route"), &json!("forward")));
    let groups = folder.path().join("security-groups.json");
    let text = fs::read_to_string(&groups).expect("a document");
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    document["SecurityGroups"][0]["IpPermissionsEgress"] =
        json!([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
    fs::write(&groups, document.to_string()).expect("a document");
    let report = json_of(folder.path(), &["--from", "10.100.2.20"]);
    assert_eq!(totals(&report).0, 0, "{report:#}");
    let gaps = report["gaps"].to_string();
    assert!(gaps.contains("calls of 1 interfaces to dynos"), "{gaps}");
    assert!(gaps.contains("no group of theirs lets TCP out to the space, to a port from 1024 on"), "{gaps}");
}

/// The example as it is once the report's commands were carried out.
fn mended() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let example = Path::new(EXAMPLE);
    for file in ["manifest.json", "peering-info.json", "peerings.json", "space.json"] {
        fs::copy(example.join(file), folder.path().join(file)).expect("a copy");
    }
    for file in fs::read_dir(example.join("us-east-1")).expect("the example").flatten() {
        let text = fs::read_to_string(file.path()).expect("a document");
        let mut document: Value = serde_json::from_str(&text).expect("JSON");
        for table in document["RouteTables"].as_array_mut().into_iter().flatten() {
            table["Routes"].as_array_mut().expect("routes").push(json!({
                "DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-0111aaa111aaa1111",
                "State": "active", "Origin": "CreateRoute",
            }));
        }
        fs::write(folder.path().join(file.file_name()), document.to_string()).expect("a copy");
    }
    folder
}

#[test]
fn the_words_are_those_of_a_person_and_fit() {
    let edit = Edit::new(MENDING);
    let text = text_of(Path::new(EXAMPLE), &["--edit", &edit.path()]);
    let text = text.replace(&edit.path(), "edit.sh");
    let (kept, last) = text.trim_end().rsplit_once("\n\n").expect("several parts");
    assert!(last.starts_with("peerscope "), "{last}");
    // The path of the edit decides how its first lines are broken.
    let (_, kept) = kept.split_once("\n\n").expect("a headline");
    insta::assert_snapshot!(kept);
    for line in kept.lines() {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
    }
}

/// The kernel and the analysis read the same documents by themselves: of random worlds with a mistake in each they
/// must say the same, flow by flow.
#[test]
fn of_random_worlds_the_kernel_and_the_analysis_say_the_same() {
    let kinds = [
        FaultKind::RouteMissing,
        FaultKind::RouteInMainTableOnly,
        FaultKind::RouteBlackhole,
        FaultKind::MoreSpecificRoute,
        FaultKind::GroupWithoutRule,
        FaultKind::GroupWrongDynoBlock,
        FaultKind::NetworkAclDenyLowerNumber,
        FaultKind::NetworkAclNoReturnPorts,
        FaultKind::PeeringPending,
        FaultKind::PeeringDeleted,
        FaultKind::TargetInSecondaryCidr,
    ];
    let number = std::env::var(MORE_WORLDS).ok().and_then(|number| number.parse().ok());
    let worlds: Vec<(FaultKind, Base, u64)> = (0..number.unwrap_or(kinds.len()))
        .map(|index| {
            let base = [Base::DynoToVpc, Base::VpcToVpc, Base::VpcToDyno][index % 3];
            (kinds[index % kinds.len()], base, 100 + index as u64)
        })
        .collect();
    let to_dynos = AtomicUsize::new(0);
    let tried = |(kind, base, seed): (FaultKind, Base, u64)| {
        let vary: Vec<Vary> =
            Vary::ALL.into_iter().chain(Some(Vary::Ipv6).filter(|_| seed % 2 == 0)).collect();
        let mut world = World::generate(base, &vary, seed);
        // Not every world has room for every mistake; then it is tried as it is.
        if Fault::new(kind).apply(&mut world).is_err() {
            world = World::generate(base, &vary, seed);
        }
        let folder = tempfile::tempdir().expect("a folder");
        world.write(folder.path(), Style::of_seed(seed)).expect("documents");
        let report = json_of(folder.path(), &[]);
        let (flows, _, _, _, disagree) = totals(&report);
        assert!(flows > 0, "{kind:?} {base:?} {seed}: nothing was tried");
        let groups = report["groups"].as_array().expect("groups");
        let differing: Vec<&Value> = groups.iter().filter(|group| group["agrees"] == false).collect();
        assert_eq!(disagree, 0, "{kind:?} {base:?} {seed}: {differing:#?}");
        let unexplained = groups.iter().find(|group| group["before"]["kernel"]["result"] == "unexplained");
        assert!(unexplained.is_none(), "{kind:?} {base:?} {seed}: {unexplained:#?}");
        let is_to_dyno = groups.iter().any(|group| group["target"]["id"].is_null());
        to_dynos.fetch_add(usize::from(is_to_dyno), Ordering::Relaxed);
    };
    thread::scope(|scope| {
        for some in worlds.chunks(worlds.len().div_ceil(SIDE_BY_SIDE)) {
            scope.spawn(|| some.iter().copied().for_each(&tried));
        }
    });
    assert!(to_dynos.into_inner() * 3 >= worlds.len(), "hardly any world has calls to dynos");
}

/// Two VPCs with the same block, both peered with a third, which routes to one of them alone.
#[test]
fn equal_addresses_are_never_taken_for_one_another() {
    let vpc = |id: &str, block: &str| json!({"VpcId": id, "CidrBlock": block});
    let subnet = |name: &str, block: &str| json!({"SubnetId": format!("subnet-{name}"), "VpcId": format!("vpc-{name}"), "CidrBlock": block});
    let group = |name: &str| {
        json!({
            "GroupId": format!("sg-{name}"), "GroupName": name, "VpcId": format!("vpc-{name}"),
            "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
                               "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        })
    };
    let interface = |name: &str, address: &str| {
        json!({
            "NetworkInterfaceId": format!("eni-{name}"), "SubnetId": format!("subnet-{name}"),
            "VpcId": format!("vpc-{name}"), "PrivateIpAddress": address,
            "Groups": [{"GroupId": format!("sg-{name}"), "GroupName": name}],
        })
    };
    let peering = |name: &str| {
        json!({
            "VpcPeeringConnectionId": format!("pcx-{name}"), "Status": {"Code": "active"},
            "RequesterVpcInfo": {"VpcId": "vpc-hub", "CidrBlock": "10.0.0.0/16"},
            "AccepterVpcInfo": {"VpcId": format!("vpc-{name}"), "CidrBlock": "10.1.0.0/16"},
        })
    };
    let table = |name: &str, own: &str, to: &str, peering: &str| {
        json!({
            "RouteTableId": format!("rtb-{name}"), "VpcId": format!("vpc-{name}"),
            "Associations": [{"Main": true}],
            "Routes": [
                {"DestinationCidrBlock": own, "GatewayId": "local", "State": "active"},
                {"DestinationCidrBlock": to, "VpcPeeringConnectionId": peering, "State": "active"},
            ],
        })
    };
    let acl = |name: &str| {
        let entry = |egress: bool| {
            json!({"RuleNumber": 100, "Egress": egress, "RuleAction": "allow", "Protocol": "-1",
                   "CidrBlock": "0.0.0.0/0"})
        };
        json!({
            "NetworkAclId": format!("acl-{name}"), "VpcId": format!("vpc-{name}"), "IsDefault": true,
            "Associations": [], "Entries": [entry(true), entry(false)],
        })
    };
    let folder = snapshot_of(&[
        (
            "vpcs.json",
            json!({"Vpcs": [vpc("vpc-hub", "10.0.0.0/16"), vpc("vpc-b", "10.1.0.0/16"), vpc("vpc-c", "10.1.0.0/16")]}),
        ),
        (
            "subnets.json",
            json!({"Subnets": [subnet("hub", "10.0.0.0/24"), subnet("b", "10.1.0.0/24"), subnet("c", "10.1.0.0/24")]}),
        ),
        ("groups.json", json!({"SecurityGroups": [group("hub"), group("b"), group("c")]})),
        ("acls.json", json!({"NetworkAcls": [acl("hub"), acl("b"), acl("c")]})),
        (
            "interfaces.json",
            json!({"NetworkInterfaces": [interface("hub", "10.0.0.10"), interface("b", "10.1.0.10"), interface("c", "10.1.0.10")]}),
        ),
        ("peerings.json", json!({"VpcPeeringConnections": [peering("b"), peering("c")]})),
        (
            "tables.json",
            json!({"RouteTables": [
                table("hub", "10.0.0.0/16", "10.1.0.0/16", "pcx-b"),
                table("b", "10.1.0.0/16", "10.0.0.0/16", "pcx-b"),
                table("c", "10.1.0.0/16", "10.0.0.0/16", "pcx-c"),
            ]}),
        ),
    ]);
    let report = json_of(folder.path(), &[]);
    let fate = |from: &str, to: &str| -> Value {
        let groups = report["groups"].as_array().expect("groups").iter();
        let mut fates = groups.filter(|group| {
            let sources = group["sources"].as_array().expect("sources");
            group["target"]["id"] == to && sources.iter().any(|source| source["id"] == from)
        });
        fates.next().map(|group| group["before"]["kernel"].clone()).unwrap_or_default()
    };
    assert_eq!(fate("eni-hub", "eni-b"), json!({"result": "passes"}), "{report:#}");
    assert_eq!(fate("eni-b", "eni-hub"), json!({"result": "passes"}));
    assert_eq!(fate("eni-hub", "eni-c"), json!({"result": "elsewhere", "by": "eni-b"}));
    // The reply goes to the other VPC, whose group never saw the call.
    let stray = json!({
        "result": "lost", "gate": {"kind": "security-group-ingress", "id": "eni-b"}, "direction": "return",
    });
    assert_eq!(fate("eni-c", "eni-hub"), stray);
    assert_eq!(totals(&report), (4, 2, 0, 0, 0), "{report:#}");
}

/// Whose rules no document tells, who does not run and what is no host has no part, and that is said.
#[test]
fn what_the_twin_cannot_play_is_left_out_and_said() {
    let interface = |number: u8, groups: Value, instance: Option<&str>| {
        json!({
            "NetworkInterfaceId": format!("eni-{number}"), "SubnetId": "subnet-1", "VpcId": "vpc-1",
            "PrivateIpAddress": format!("10.1.0.{number}"), "Groups": groups,
            "Attachment": instance.map(|id| json!({"InstanceId": id})),
        })
    };
    let open = json!([{"GroupId": "sg-open", "GroupName": "open"}]);
    let folder = snapshot_of(&[
        ("vpcs.json", json!({"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}]})),
        (
            "subnets.json",
            json!({"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.1.0.0/24"}]}),
        ),
        (
            "interfaces.json",
            json!({"NetworkInterfaces": [
                interface(10, open.clone(), None),
                interface(11, open.clone(), None),
                interface(12, json!([{"GroupId": "sg-unknown"}]), None),
                interface(13, json!([]), None),
                interface(14, open, Some("i-0123456789abcdef0")),
            ]}),
        ),
        (
            "instances.json",
            json!({"Reservations": [{"Instances": [{
                "InstanceId": "i-0123456789abcdef0", "State": {"Name": "stopped"},
                "NetworkInterfaces": [{"NetworkInterfaceId": "eni-14", "PrivateIpAddress": "10.1.0.14"}],
            }]}]}),
        ),
        (
            "groups.json",
            json!({"SecurityGroups": [{
                "GroupId": "sg-open", "GroupName": "open", "VpcId": "vpc-1",
                "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}],
                "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            }]}),
        ),
    ]);
    let report = json_of(folder.path(), &[]);
    let (flows, passes, .., disagree) = totals(&report);
    assert_eq!((flows, passes, disagree), (2, 2, 0), "{report:#}");
    let gaps = report["gaps"].to_string();
    for expected in [
        "1 interfaces of instances that do not run, as receivers",
        "1 interfaces without any security group, such as a NAT gateway's, as senders",
        "1 interfaces with a group that no document of describe-security-groups gives, as receivers",
        "no document of describe-network-acls is there",
    ] {
        assert!(gaps.contains(expected), "{expected}\n{gaps}");
    }
}

#[test]
fn what_cannot_be_rehearsed_is_wrong_input_in_one_line() {
    let example = Path::new(EXAMPLE);
    let unknown = Edit::new("# comment\n\naws ec2 run-instances --image-id ami-1\n");
    let broken = Edit::new("aws ec2 create-route --route-table-id 'rtb\n");
    let refused =
        Edit::new("aws ec2 delete-route --route-table-id rtb-no --destination-cidr-block 10.0.0.0/16\n");
    let foreign = Edit::new("rm -rf /\n");
    let hostile = Edit::new("aws ec2 '\u{1b}]0;owned\u{7}'\n");
    let empty = Edit::new("# nothing\n\n");
    for (edit, expected) in [
        (
            &unknown,
            ":3: `aws ec2 run-instances --image-id ami-1`: the operation aws ec2 run-instances is not known here, expected one of create-route,",
        ),
        (&broken, ":1: "),
        (
            &refused,
            ":1: `aws ec2 delete-route --route-table-id rtb-no --destination-cidr-block 10.0.0.0/16`: InvalidRouteTableID.NotFound",
        ),
        (&foreign, ":1: `rm -rf /`: the program rm is not known here, expected aws ec2 or heroku"),
        (&hostile, "\\u{1b}]0;owned\\u{7} is not known here"),
        (&empty, ": expected commands of aws ec2 or heroku"),
    ] {
        wrong(&rehearse(example, &["--edit", &edit.path()]), expected);
    }
    for (arguments, expected) in [
        (&["--edit", "/dev/null/edit.sh"][..], "Not a directory"),
        (&["--to", "udp://10.100.2.20:53"], "--to: expected tcp://HOST:PORT or HOST"),
        (&["--to", "tcp://10.9.9.9:53"], "--to tcp://10.9.9.9:53: expected an interface of the snapshot"),
        (&["--to", "eni-0000000000000000"], "expected an interface of the snapshot"),
        (&["--from", "10.9.9.9"], "--from 10.9.9.9: expected a source of which the snapshot has"),
        (&["--from", "everybody"], "--from \"everybody\": expected an address"),
        (&["--source-ports", "9-1"], "expected LO-HI"),
    ] {
        wrong(&rehearse(example, arguments), expected);
    }
    let folder = tempfile::tempdir().expect("a folder");
    wrong(&rehearse(folder.path(), &[]), "expected AWS or Heroku documents");
}

fn wrong(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(expected), "{expected}\n{said}");
    assert!(said.chars().all(|character| character == '\n' || !character.is_control()), "{said:?}");
}

#[test]
fn every_wrong_command_of_an_edit_is_said_in_one_run() {
    let edit = Edit::new(
        "aws ec2 delete-route --route-table-id rtb-no --destination-cidr-block 10.0.0.0/16
aws ec2 authorize-security-group-ingress --group-id sg-0db5ec0000000001 --protocol tcp --port 22 --cidr 10.0.0.0/8
aws ec2 delete-route --route-table rtb-0b1c00000000000db --destination-cidr-block 10.0.0.0/16
aws ec2 delete-route | cat
rm -rf /
aws ec2 delete-route --route-table-id \"rtb-1
",
    );
    let output = rehearse(Path::new(EXAMPLE), &["--edit", &edit.path()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    let expected = [
        (1, "InvalidRouteTableID.NotFound", "expected a command that the service would carry out"),
        (3, "the option --route-table is not known here", "expected one of --region, --route-table-id, "),
        (4, "| outside quotes", "expected a command that any shell reads as it looks"),
        (5, "the program rm is not known here", "expected aws ec2 or heroku"),
        (6, "a quote \" is open", "expected a command that any shell reads as it looks"),
    ];
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    for (line, (number, problem, wanted)) in said.lines().zip(expected) {
        let place = format!("peerscope: {}:{number}: `", edit.path());
        assert!(line.starts_with(&place), "{place}\n{said}");
        assert!(line.contains(problem) && line.contains(wanted), "{problem}, {wanted}\n{line}");
    }
}

#[test]
fn where_there_is_nothing_to_try_that_is_said() {
    let vpc = json!({"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}]});
    let alone = snapshot_of(&[("vpcs.json", vpc.clone())]);
    let bare = snapshot_of(&[("list.json", json!({"Vpcs": []}))]);
    for folder in [&alone, &bare] {
        let text = text_of(folder.path(), &[]);
        assert!(text.starts_with("NOTHING TO TRY"), "{text}");
        assert_eq!(totals(&json_of(folder.path(), &[])), (0, 0, 0, 0, 0));
    }
}

/// Ids are whatever a file says. None may become a command of the tools that build the twin, or of a terminal.
#[test]
fn hostile_ids_are_names_and_nothing_else() {
    const EVIL: &str = "x\"; } table inet t { chain c { type filter hook input priority 0; policy drop; } }\n\
                        netns add owned\u{1b}[2J'$(touch owned)`touch owned`|;\u{202e}";
    let id = |kind: &str| format!("{kind}-{EVIL}");
    let interface = |number: u8| {
        json!({
            "NetworkInterfaceId": format!("eni-{number}{EVIL}"), "SubnetId": id("subnet"), "VpcId": id("vpc"),
            "PrivateIpAddress": format!("10.1.0.{number}"), "Description": EVIL,
            "TagSet": [{"Key": "Name", "Value": EVIL}], "Groups": [{"GroupId": id("sg"), "GroupName": EVIL}],
        })
    };
    let all = json!([{"CidrIp": "0.0.0.0/0", "Description": EVIL}]);
    let pair = json!([{"GroupId": id("sg"), "Description": EVIL}]);
    let folder = snapshot_of(&[
        ("vpcs.json", json!({"Vpcs": [{"VpcId": id("vpc"), "CidrBlock": "10.1.0.0/16"}]})),
        (
            "subnets.json",
            json!({"Subnets": [{"SubnetId": id("subnet"), "VpcId": id("vpc"), "CidrBlock": "10.1.0.0/24"}]}),
        ),
        ("interfaces.json", json!({"NetworkInterfaces": [interface(10), interface(11)]})),
        (
            "groups.json",
            json!({"SecurityGroups": [{
                "GroupId": id("sg"), "GroupName": EVIL, "VpcId": id("vpc"), "Description": EVIL,
                "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": pair}],
                "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": all}],
            }]}),
        ),
        (
            "acls.json",
            json!({"NetworkAcls": [{
                "NetworkAclId": id("acl"), "VpcId": id("vpc"), "IsDefault": true, "Associations": [],
                "Entries": [
                    {"RuleNumber": 100, "Egress": true, "RuleAction": "allow", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"},
                    {"RuleNumber": 100, "Egress": false, "RuleAction": "allow", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"},
                ],
            }]}),
        ),
        (
            "tables.json",
            json!({"RouteTables": [{
                "RouteTableId": id("rtb"), "VpcId": id("vpc"), "Associations": [{"Main": true}],
                "Routes": [{"DestinationCidrBlock": "10.1.0.0/16", "GatewayId": "local", "State": "active"}],
            }]}),
        ),
    ]);
    let report = json_of(folder.path(), &[]);
    assert_eq!(totals(&report), (2, 2, 0, 0, 0), "{report:#}");
    let text = text_of(folder.path(), &[]);
    assert!(text.contains("eni-10"), "{text}");
    let harmless =
        |character: char| character == '\n' || (!character.is_control() && character != '\u{202e}');
    assert!(text.chars().all(harmless), "{text:?}");
    assert!(!Path::new("owned").exists() && !folder.path().join("owned").exists());
}

#[test]
fn an_interrupt_ends_it_with_everything_that_it_started() {
    let names = || -> Vec<PathBuf> {
        let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let before = names();
    let mut child = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["rehearse", "--snapshot", EXAMPLE])
        .process_group(0)
        .spawn()
        .expect("the binary runs");
    thread::sleep(Duration::from_millis(250));
    let group = format!("-{}", child.id());
    let interrupt = |signal: &str| {
        Command::new("kill").args([signal, "--", &group]).output().expect("kill runs").status.success()
    };
    assert!(interrupt("-INT"));
    let start = Instant::now();
    let status = child.wait().expect("it ends");
    assert!(start.elapsed() < Duration::from_secs(5) && !status.success(), "{status:?}");
    while interrupt("-0") && start.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!interrupt("-0"), "something of it lives on");
    assert_eq!(names(), before);
}
