//! `peerscope diff`, through the binary: what changed is told in words, which paths broke or opened by it, and what
//! could not be compared.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "checking/documents.rs"]
#[expect(dead_code, reason = "each test edits in its own way")]
mod documents;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use documents::Documents;

fn diff(old: &Documents, new: &Documents, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["old", "new"].map(|name| folder.path().join(name));
    old.write(&paths[0]);
    new.write(&paths[1]);
    run(&paths[0], &paths[1], more)
}

fn run(old: &Path, new: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    command.arg("diff").args([old, new]).args(more).env_remove("DYNO").env_remove("HEROKU_PRIVATE_IP");
    command.output().expect("the binary runs")
}

fn report(old: &Documents, new: &Documents, more: &[&str]) -> (Value, Option<i32>) {
    let output = diff(old, new, &[&["--format", "json"], more].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code())
}

/// Without the route back of the table that serves the database's subnet.
fn without_route() -> Documents {
    let mut documents = Documents::healthy();
    documents.at("aws/route-tables.json", "/RouteTables/1/Routes").as_array_mut().expect("routes").pop();
    documents
}

#[test]
fn a_lost_route_breaks_the_path_and_is_named_with_what_became_of_it() {
    let (report, status) = report(&Documents::healthy(), &without_route(), &[]);
    assert_eq!((status, &report["schema"]), (Some(1), &json!("peerscope/diff/1")));
    let changes = report["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!(changes[0]["kind"], "changed");
    assert_eq!(changes[0]["component"]["id"], "rtb-0b1c00000000000db");
    assert_eq!(changes[0]["text"], "lost the route 10.0.0.0/16 → pcx-0111aaa111aaa1111");
    let paths = report["paths"].as_array().expect("paths");
    assert_eq!(paths.len(), 1, "{paths:#?}");
    let path = &paths[0];
    assert_eq!((&path["before"], &path["after"]), (&json!("reachable"), &json!("blocked")));
    assert_eq!(path["source"]["cidrs"], json!(["10.0.128.0/19"]));
    assert_eq!(path["target"]["component"]["id"], "eni-0db3000000000001");
    assert_eq!(path["target"]["id"], "eni-0db3000000000001");
    assert_eq!(
        (&path["target"]["protocol"], &path["target"]["ports"]),
        (&json!("tcp"), &json!([[5432, 5432]]))
    );
    let because = &path["because"][0];
    assert_eq!((&because["type"], &because["id"]), (&json!("route-table"), &json!("rtb-0b1c00000000000db")));
    assert_eq!((&because["code"], &because["stands"]), (&json!("NO_ROUTE_TO_DESTINATION"), &json!(true)));
    assert_eq!(because["changes"], json!(["lost the route 10.0.0.0/16 → pcx-0111aaa111aaa1111"]));
}

#[test]
fn what_is_mended_is_opened_and_what_stays_the_same_is_no_change() {
    let (report, status) = report(&without_route(), &Documents::healthy(), &[]);
    let path = &report["paths"][0];
    assert_eq!((&path["before"], &path["after"], status), (&json!("blocked"), &json!("reachable"), Some(1)));
    assert_eq!(path["because"][0]["stands"], json!(false));
    let output = diff(&Documents::healthy(), &Documents::healthy(), &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.starts_with("SAME  no path fares otherwise; nothing that decides about packets differs"),
        "{text}"
    );
}

#[test]
fn what_cuts_no_path_is_a_change_and_no_more() {
    let mut new = Documents::healthy();
    let rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.9/32"}]});
    new.add("aws/security-groups.json", "/SecurityGroups/0/IpPermissions", rule);
    let (report, status) = report(&Documents::healthy(), &new, &["--target", "tcp://10.100.2.20:5432"]);
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(report["changes"][0]["text"], "got the inbound rule tcp 22 from 203.0.113.9/32");
}

#[test]
fn the_text_tells_the_worst_first_and_the_rest_in_order() {
    let output = diff(&Documents::healthy(), &without_route(), &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for (part, what) in [
        (
            "CHANGED  1 path broke; one change\ntcp 5432 from 10.0.128.0/19 (space orders-space) to",
            "the worst first",
        ),
        ("was reachable, is blocked", "what became of it"),
        ("\nBroke     tcp 5432", "a list"),
        ("\nChanged   rtb-0b1c00000000000db \"db\" lost the route", "the change"),
    ] {
        assert!(text.contains(part), "{what}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_kind_that_one_snapshot_lacks_is_a_gap_and_no_loss() {
    let mut new = Documents::healthy();
    new.remove("aws/security-groups.json");
    let (report, _) = report(&Documents::healthy(), &new, &[]);
    assert_eq!(report["changes"], json!([]));
    let gaps = report["gaps"].to_string();
    assert!(gaps.contains("the security groups of the later snapshot"), "{gaps}");
    let broke = report["paths"].as_array().expect("paths").iter().any(|path| path["after"] == "blocked");
    assert!(!broke, "what is not known has not broken: {report:#}");
}

#[test]
fn what_came_and_went_is_told() {
    let mut new = Documents::healthy();
    let subnet =
        json!({"SubnetId": "subnet-0new", "VpcId": "vpc-0c0ffee0c0ffee001", "CidrBlock": "10.100.9.0/24"});
    new.add("aws/subnets.json", "/Subnets", subnet);
    for (old, new, kind) in [(&Documents::healthy(), &new, "added"), (&new, &Documents::healthy(), "removed")]
    {
        let (report, status) = report(old, new, &[]);
        let change = &report["changes"][0];
        assert_eq!(
            (&change["kind"], &change["component"]["id"], status),
            (&json!(kind), &json!("subnet-0new"), Some(0))
        );
    }
}

#[test]
fn wrong_input_of_both_is_said_in_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let snapshot = folder.path().join("snapshot");
    Documents::healthy().write(&snapshot);
    let missing = folder.path().join("missing");
    let output = run(&missing, &folder.path().join("lost"), &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 2), "{said}");
    let output = run(&snapshot, &snapshot, &["--target", "tcp://db.example.com:1"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("diff asks no DNS") && said.lines().count() == 1, "{said}");
}
