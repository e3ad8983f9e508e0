//! `peerscope analyze --assert`, through the binary: what differs is told exactly, and the exit status is what a
//! pipeline goes by.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/documents/orders-db");

/// Asserts `file` of the example, in which the space's second block has no rule, and no reply a way back.
fn asserted(file: &str, more: &[&str]) -> Output {
    asserted_of(&Path::new(EXAMPLE).canonicalize().expect("the example"), file, more)
}

fn asserted_of(snapshot: &Path, file: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("reach.toml"), file).expect("a file");
    Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["analyze", "--assert", "reach.toml", "--snapshot"])
        .arg(snapshot)
        .args(more)
        .current_dir(folder.path())
        .env_remove("DYNO")
        .env_remove("HEROKU_PRIVATE_IP")
        .output()
        .expect("the binary runs")
}

fn json(file: &str) -> (Value, Option<i32>) {
    let output = asserted(file, &["--format", "json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), output.status.code())
}

fn entry(from: &str, to: &str, expect: &str, more: &str) -> String {
    format!("[[assertion]]\nfrom = \"{from}\"\nto = {to}\nexpect = \"{expect}\"\n{more}\n")
}

const DATABASE: &str = "\"tcp://10.100.2.20:5432\"";

#[test]
fn the_exit_status_tells_whether_all_hold_some_differ_or_nobody_can_tell() {
    let holding = entry("space", DATABASE, "blocked", "");
    let by_route = entry("space", DATABASE, "blocked", "cause = \"NO_ROUTE_TO_DESTINATION\"");
    let by_peering = entry("space", DATABASE, "blocked", "cause = \"PEERING_MISSING\"");
    let differing = entry("space", DATABASE, "reachable", "");
    let unknown = entry("192.0.2.1", DATABASE, "reachable", "");
    for (files, status, standings) in [
        (vec![&holding], 0, vec!["holds"]),
        (vec![&holding, &by_route], 0, vec!["holds", "holds"]),
        (vec![&by_peering], 1, vec!["differs"]),
        (vec![&holding, &differing], 1, vec!["holds", "differs"]),
        (vec![&holding, &unknown], 3, vec!["holds", "undetermined"]),
        (vec![&unknown, &differing], 1, vec!["undetermined", "differs"]),
    ] {
        let file: String = files.into_iter().cloned().collect();
        let (report, code) = json(&file);
        assert_eq!(report["schema"], "peerscope/assertions/1");
        let results = report["results"].as_array().expect("results");
        let found: Vec<&str> = results.iter().filter_map(|result| result["standing"].as_str()).collect();
        assert_eq!(found, standings, "{file}");
        assert_eq!(code, Some(status), "{file}");
        for (word, count) in report["totals"].as_object().expect("totals") {
            let counted = standings.iter().filter(|standing| **standing == word.as_str()).count();
            assert_eq!(count, counted, "{word} of {file}");
        }
    }
}

#[test]
fn what_differs_is_told_exactly_with_its_causes_and_their_fixes() {
    let (report, _) = json(&entry("space", DATABASE, "reachable", "source_ports = \"40000-41000\""));
    let result = &report["results"][0];
    assert_eq!(result["verdict"], "blocked");
    assert_eq!(result["affects"]["sources"], serde_json::json!(["10.0.128.0/19"]));
    assert_eq!(result["affects"]["source_ports"], serde_json::json!([[40000, 41000]]));
    let causes = result["causes"].as_array().expect("causes");
    let named: Vec<(&str, &str)> = causes
        .iter()
        .filter_map(|cause| Some((cause["code"].as_str()?, cause["component"]["id"].as_str()?)))
        .collect();
    assert_eq!(
        named,
        [
            ("ENI_SG_RULES_MISMATCH", "eni-0db3000000000001"),
            ("NO_ROUTE_TO_DESTINATION", "rtb-0b1c00000000000db")
        ]
    );
    assert!(causes.iter().all(|cause| cause["fixes"][0]["verified"] == true), "{causes:#?}");
}

#[test]
fn what_is_let_through_is_told_exactly_and_which_settings_do_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["peering-info.json", "peerings.json", "space.json"] {
        fs::copy(Path::new(EXAMPLE).join(file), folder.path().join(file)).expect("a copy");
    }
    for file in fs::read_dir(Path::new(EXAMPLE).join("us-east-1")).expect("the example").flatten() {
        let text = fs::read_to_string(file.path()).expect("a document");
        let mut document: Value = serde_json::from_str(&text).expect("JSON");
        // The reply's way back, which the example lacks.
        for table in document["RouteTables"].as_array_mut().into_iter().flatten() {
            let route = serde_json::json!({
                "DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-0111aaa111aaa1111",
                "State": "active", "Origin": "CreateRoute",
            });
            table["Routes"].as_array_mut().expect("routes").push(route);
        }
        fs::write(folder.path().join(file.file_name()), document.to_string()).expect("a copy");
    }
    let file = entry("space", DATABASE, "blocked", "");
    let output = asserted_of(folder.path(), &file, &["--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let result = &report["results"][0];
    assert_eq!(result["verdict"], "impaired", "the second dyno block has no rule");
    assert_eq!(result["affects"]["sources"], serde_json::json!(["10.0.128.0/20"]));
    let steps = result["let_through_by"]["forward"].as_array().expect("a way");
    assert!(steps.iter().any(|step| step["component"]["id"] == "eni-0db3000000000001"), "{steps:#?}");
    let text = String::from_utf8(asserted_of(folder.path(), &file, &[]).stdout).expect("UTF-8");
    for expected in [
        "is meant to be blocked, and a part of it is\nlet through.",
        "Found     let through: from 10.0.128.0/20 (source ports 32768-60999)",
        "eni-0db3000000000001 \"orders-db\": sg-0db5ec0000000001 tcp 5432 from",
        "rtb-0b1c00000000000db \"db\": ",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn the_words_tell_what_was_meant_what_holds_and_what_mends_it() {
    let file = [
        entry("10.0.139.183", DATABASE, "reachable", "comment = \"the shop needs its orders\""),
        entry("space", "[\"tcp://10.100.2.20:22\", \"tcp://10.100.1.99:22\"]", "blocked", ""),
        entry("space", DATABASE, "blocked", "cause = \"PEERING_MISSING\""),
        entry("192.0.2.1", DATABASE, "reachable", ""),
    ];
    let output = asserted(&file.concat(), &[]);
    let text = String::from_utf8(output.stdout).expect("text is UTF-8");
    let (kept, last) = text.trim_end().rsplit_once("\n\n").expect("several parts");
    assert!(last.starts_with("peerscope "), "{last}");
    insta::assert_snapshot!(kept);
}

#[test]
fn everything_wrong_with_a_file_and_with_what_it_names_is_said_in_one_run() {
    let file = [
        entry("eni-00000000000000aa", DATABASE, "reachable", ""),
        entry("spaces", "[\"tcp://db.internal:1\", \"tcp://i-0123456789\"]", "reachable", ""),
        entry("space", DATABASE, "open\\u001b[2J", ""),
    ];
    let output = asserted(&file.concat(), &[]);
    let text = String::from_utf8(output.stderr).expect("text is UTF-8");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    assert!(!text.contains('\u{1b}'), "{text:?}");
    for expected in [
        "reach.toml:2:8: at assertion 1, from: eni-00000000000000aa is not in the snapshot",
        "reach.toml:8:30: at assertion 2, to: expected a port",
        "reach.toml:14:10: at assertion 3, expect: expected reachable or blocked, found \"open\\u{1b}[2J\"",
    ] {
        assert!(text.lines().any(|line| line.contains(expected)), "{expected}\n{text}");
    }
    assert_eq!(text.lines().count(), 3, "{text}");
    let names = asserted(&entry("spaces", "[\"tcp://db.internal:1\"]", "reachable", ""), &[]);
    let text = String::from_utf8(names.stderr).expect("text is UTF-8");
    assert!(text.contains(":2:8: at assertion 1, from: \"spaces\": expected an address, a CIDR"), "{text}");
    assert!(text.contains(":3:7: at assertion 1, to: the snapshot knows no host db.internal"), "{text}");
}

/// Holds `file` against a snapshot and gives the JUnit report, with the text and status that go with it.
fn junit_of(snapshot: &Path, name: &str, file: &str) -> (String, Output) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), file).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["analyze", "--assert", name, "--junit", "report.xml", "--snapshot"])
        .arg(snapshot)
        .current_dir(folder.path())
        .env_remove("DYNO")
        .env_remove("HEROKU_PRIVATE_IP")
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let report = fs::read_to_string(folder.path().join("report.xml"));
    (report.unwrap_or_else(|error| panic!("{error}: {said}")), output)
}

#[test]
fn a_junit_report_has_a_case_for_each_path_with_its_cause_and_its_fix() {
    let file = [
        entry("10.0.139.183", DATABASE, "reachable", "comment = \"the shop needs its orders\""),
        entry("space", "[\"tcp://10.100.2.20:22\", \"tcp://10.100.1.99:22\"]", "blocked", ""),
        entry("192.0.2.1", DATABASE, "reachable", ""),
        entry("10.0.139.183", DATABASE, "reachable", "source_ports = \"40000-41000\""),
    ];
    let example = Path::new(EXAMPLE).canonicalize().expect("the example");
    let (report, output) = junit_of(&example, "reach.toml", &file.concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("DIFFERS  2 of 5"),
        "the text is told as ever"
    );
    let document = roxmltree::Document::parse(&report).unwrap_or_else(|error| panic!("{error}\n{report}"));
    let suites = document.root_element();
    assert_eq!(suites.tag_name().name(), "testsuites");
    let suite = suites.first_element_child().expect("a suite");
    for (attribute, value) in [("name", "reach.toml"), ("tests", "5"), ("failures", "2"), ("errors", "1")] {
        assert_eq!(suite.attribute(attribute), Some(value), "{attribute}\n{report}");
    }
    let cases: Vec<_> = suite.children().filter(|child| child.has_tag_name("testcase")).collect();
    let outcome = |case: &roxmltree::Node<'_, '_>| {
        let inner = case.first_element_child();
        (
            inner.map(|it| it.tag_name().name().to_string()),
            inner.and_then(|it| it.attribute("type")).map(String::from),
        )
    };
    let named: Vec<_> =
        cases.iter().filter_map(|case| Some((case.attribute("line")?, outcome(case)))).collect();
    let failed = (Some("failure".to_string()), Some("NO_ROUTE_TO_DESTINATION".to_string()));
    let unknown = (Some("error".to_string()), Some("undetermined".to_string()));
    assert_eq!(
        named,
        [("1", failed.clone()), ("6", (None, None)), ("6", (None, None)), ("11", unknown), ("16", failed)]
    );
    let names: std::collections::BTreeSet<_> =
        cases.iter().filter_map(|case| case.attribute("name")).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names.contains("10.0.139.183 → tcp 10.100.2.20:5432 is reachable"), "{names:?}");
    for case in &cases {
        assert_eq!(
            (case.attribute("classname"), case.attribute("file")),
            (Some("reach"), Some("reach.toml"))
        );
        assert!(case.attribute("time").is_some_and(|time| time.parse::<f64>().is_ok()));
    }
    let failure = cases[0].first_element_child().expect("a failure");
    let message = failure.attribute("message").expect("a message");
    assert!(message.ends_with("is meant to be reachable, and all of it is blocked."), "{message}");
    let told = failure.text().expect("a text");
    for expected in [
        "the shop needs its orders",
        "NO_ROUTE_TO_DESTINATION rtb-0b1c00000000000db \"db\"",
        "aws ec2 create-route --route-table-id rtb-0b1c00000000000db",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}

/// Names are whatever somebody wrote: none may end an element, begin one, or make of the report what is no XML.
#[test]
fn hostile_names_are_text_of_a_junit_report_and_nothing_else() {
    const EVIL: &str = "</failure><script a=\"b\" c='d'>&lol;]]><![CDATA[ <!-- \u{1b}[2J\u{8}\u{202e}\u{fffe}\u{ffff}\r\n\t\u{85}";
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["peering-info.json", "peerings.json", "space.json"] {
        fs::copy(Path::new(EXAMPLE).join(file), folder.path().join(file)).expect("a copy");
    }
    for file in fs::read_dir(Path::new(EXAMPLE).join("us-east-1")).expect("the example").flatten() {
        let text = fs::read_to_string(file.path()).expect("a document");
        let mut document: Value = serde_json::from_str(&text).expect("JSON");
        for key in ["NetworkInterfaces", "RouteTables", "SecurityGroups", "Vpcs", "Subnets"] {
            for one in document[key].as_array_mut().into_iter().flatten() {
                let tags =
                    serde_json::json!([{"Key": "Name", "Value": EVIL}, {"Key": "ManagedBy", "Value": EVIL}]);
                one[if key == "NetworkInterfaces" { "TagSet" } else { "Tags" }] = tags;
            }
        }
        fs::write(folder.path().join(file.file_name()), document.to_string()).expect("a copy");
    }
    let quoted = serde_json::to_string(EVIL).expect("JSON, of which TOML reads this too");
    let file = entry("space", DATABASE, "reachable", &format!("comment = {quoted}"));
    let (report, output) = junit_of(folder.path(), "a<b>&\"'\u{1b}\n].toml", &file);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let document = roxmltree::Document::parse(&report).unwrap_or_else(|error| panic!("{error}\n{report}"));
    let elements: Vec<&str> =
        document.descendants().filter(|node| node.is_element()).map(|node| node.tag_name().name()).collect();
    let expected = ["testsuites", "testsuite", "properties", "property", "testcase", "failure", "system-out"];
    assert_eq!(elements, expected, "{report}");
    let text: String = document.descendants().filter_map(|node| node.text()).collect();
    assert!(
        text.contains("</failure>") && text.contains("<![CDATA[") && text.contains("\\u{1b}[2J"),
        "{text}"
    );
    let suite = document.root_element().first_element_child().expect("a suite");
    assert_eq!(suite.attribute("name"), Some("a<b>&\"'\\u{1b} ].toml"), "{report}");
    assert!(report.chars().all(|character| character == '\n' || !character.is_control()), "{report:?}");
}

#[test]
fn a_junit_report_that_cannot_be_written_is_wrong_usage_and_a_pipe_takes_one() {
    let file = entry("space", DATABASE, "blocked", "");
    let output = asserted(&file, &["--junit", "no/such/folder.xml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("no/such/folder.xml: cannot be written: "), "{said}");
    let output = asserted(&file, &["--junit", "/dev/stdout"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let both = String::from_utf8_lossy(&output.stdout);
    assert!(both.starts_with("<?xml ") && both.contains("\nHOLDS  "), "{both}");
    let alone = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["analyze", "--to", "tcp://10.100.2.20:5432", "--snapshot", EXAMPLE, "--junit", "report.xml"])
        .output()
        .expect("the binary runs");
    assert_eq!(alone.status.code(), Some(2), "a diagnosis has no cases");
}
