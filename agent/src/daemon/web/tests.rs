//! Whatever names there are, a page's markup is this program's own, and what it says is told without colour.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Gap, GapKind, Verdict};
use scraper::{Html, Selector};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{POLICY, SCRIPT, STYLE, openapi, overview, page_of, path};
use crate::command::analyze::diagnosis_for_test;
use crate::daemon::board::Board;
use crate::daemon::configuration::PathSection;
use crate::daemon::configured::{Configured, Judged};
use crate::daemon::recent::Happening;
use crate::daemon::result::ProbeResult;
use crate::daemon::watched::Last;
use crate::page;
use peerscope_analysis::topology::Topology;

mod past;

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\u{202e}gnp.exe\u{2066}",
    "&lt;b&gt;</title></style>",
    "日本語 é 100% a+b&c=d#e?f",
    "..",
    "javascript:alert(1)",
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn section(name: &str, labels: &[(&str, &str)]) -> PathSection {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
    let section = serde_json::json!({ "name": name, "target": "tcp://10.100.2.20:5432", "labels": labels });
    serde_json::from_value(section).unwrap()
}

fn diagnosis() -> Diagnosis {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    let loaded = crate::snapshot::load(&[example]).unwrap();
    diagnosis_for_test(&loaded, "space", "tcp://10.100.2.20:5432").unwrap()
}

fn last(second: i64, result: ProbeResult) -> Last {
    Last { at: at(second), result, rtt: result.is_up().then_some(Duration::from_micros(420)) }
}

/// A board with a path that is blocked, one that works, one that is about to fail, one that nothing is known of.
fn board() -> Board {
    let board = Board::without_past("web.1");
    let names = [("orders-db", "orders"), ("cache", "orders"), ("search", "shop"), ("mail", "shop")];
    board.watch(&names.map(|(name, team)| section(name, &[("team", team)])));
    let bad = Arc::new(diagnosis());
    let blocked = board.path("orders-db").unwrap();
    for second in 0..30 {
        let result = if second < 20 { ProbeResult::Connected } else { ProbeResult::Timeout };
        blocked.probed(Duration::from_secs(1), last(second, result));
    }
    _ = blocked.diagnosed(Duration::from_secs(25), at(25), &bad, Duration::from_secs(1));
    board.path("cache").unwrap().probed(Duration::from_secs(1), last(29, ProbeResult::Connected));
    let about = board.path("search").unwrap();
    about.probed(Duration::from_secs(1), last(29, ProbeResult::Connected));
    about.status().analysis = Some(bad);
    board.happened(at(15), Happening::SnapshotChanged, &[]);
    board.ready();
    board
}

fn all(text: &str, selector: &str) -> Vec<String> {
    let parsed = Html::parse_document(text);
    let selector = Selector::parse(selector).unwrap();
    let words = |words: String| words.split_whitespace().collect::<Vec<_>>().join(" ");
    parsed.select(&selector).map(|element| words(element.text().collect())).collect()
}

#[test]
fn the_bad_ones_come_first_each_with_its_cause_in_words() {
    let page = overview(&board(), "", at(60));
    assert_eq!(
        all(&page, ".paths h3"),
        ["✗ BLOCKED orders-db", "? UNKNOWN mail", "✓ REACHABLE search", "✓ REACHABLE cache"]
    );
    assert_eq!(
        all(&page, ".summary"),
        [
            "Of 4 paths: 1 blocked, 1 not known yet, 2 reachable. By what is configured 1 of the reachable should not be."
        ]
    );
    let causes = all(&page, ".paths .cause");
    assert!(
        causes[0].contains("sg-0db5ec0000000001") && causes[0].ends_with("ENI_SG_RULES_MISMATCH"),
        "{causes:?}"
    );
    assert_eq!(causes[1], "Nothing is known of it yet.");
    assert!(causes[2].starts_with("It works, but by what is configured now it should not:"), "{causes:?}");
    let facts = all(&page, ".paths > li:first-child dl div");
    let since = "Since 2026-09-21 14:13:45 UTC (35 s)";
    assert_eq!(facts[..2], ["Target tcp://10.100.2.20:5432".to_string(), since.to_string()]);
    assert_eq!(facts[2..], ["Last probe timeout, 31 s ago".to_string(), "Labels team=orders".to_string()]);
    assert_eq!(
        all(&page, "#matrix tbody tr:first-child > *"),
        ["orders-db", "✗ blocked ENI_SG_RULES_MISMATCH"]
    );
    let as_of = all(&page, "#as-of").concat();
    assert!(as_of.starts_with("As of 2026-09-21 14:14:20 UTC."), "{as_of}");
    // What is within is for browsers without JavaScript, which this parser is not.
    assert!(as_of.contains("<a href=\"/?reload=1\">Reload every 10 s</a>"), "{as_of}");
}

#[test]
fn the_query_says_which_paths_are_shown() {
    let board = board();
    let shown = |query: &str| all(&overview(&board, query, at(60)), ".paths h3 a");
    assert_eq!(shown("state=blocked&team=orders"), ["orders-db"]);
    assert_eq!(shown("team=shop"), ["mail", "search"]);
    assert_eq!(shown("state=blocked&team=shop"), Vec::<String>::new());
    assert_eq!(shown("state=nonsense"), Vec::<String>::new());
    assert_eq!(shown("state=&team="), ["orders-db", "mail", "search", "cache"]);
    let page = overview(&board, "state=reachable&team=shop", at(60));
    assert_eq!(all(&page, ".counted"), ["1 of 4 paths with state reachable, team=shop. Show all"]);
    assert_eq!(all(&page, "option[selected]"), ["reachable", "shop"]);
    let is_reloading =
        |query: &str| !all(&overview(&board, query, at(60)), "meta[http-equiv=refresh]").is_empty();
    assert!(is_reloading("reload=1") && !is_reloading(""));
}

#[test]
fn a_list_too_long_for_a_page_goes_on_on_the_next() {
    let board = Board::without_past("web.1");
    let sections: Vec<_> = (0..600).map(|number| section(&format!("path-{number:03}"), &[])).collect();
    board.watch(&sections);
    let mut seen = BTreeSet::new();
    for query in ["", "from=250", "from=500"] {
        let page = overview(&board, query, at(0));
        let names = all(&page, ".paths h3 a");
        assert!(names.len() <= 250);
        seen.extend(names);
    }
    assert_eq!(seen.len(), 600);
    assert_eq!(all(&overview(&board, "", at(0)), ".further"), ["350 paths more"]);
    let beyond = overview(&board, &format!("from={}", usize::MAX), at(0));
    assert!(all(&beyond, ".paths h3 a").is_empty());
}

#[test]
fn the_page_of_a_path_tells_what_to_do_and_what_was() {
    let board = board();
    let page = path(&board, "orders-db", "", at(60)).unwrap();
    assert_eq!(all(&page, "h1"), ["✗ BLOCKED orders-db"]);
    let titles = all(&page, "h2");
    let expected = ["What to do", "Why", "The path, hop by hop", "What was", "The last probes", "Sources"];
    assert!(expected.iter().all(|title| titles.iter().any(|one| one == title)), "{titles:?}");
    assert!(
        all(&page, "svg .dropped").iter().any(|hop| hop.contains("✗") && hop.contains("stops the packets"))
    );
    let commands = all(&page, "#do pre");
    assert!(commands.iter().any(|command| command.starts_with("aws ec2 create-route")), "{commands:?}");
    assert!(page.contains("To undo it"), "how to undo it");
    assert_eq!(all(&page, ".past svg").len(), 3);
    assert_eq!(page.matches("class=\"failed\"").count(), 10);
    let told = all(&page, ".told li");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("2026-09-21 14:13:45 UTC ✗ blocked: "), "{told:?}");
    assert_eq!(
        told[1],
        "2026-09-21 14:13:35 UTC configuration: what is configured in AWS and Heroku changed"
    );
    assert_eq!(told[2], "2026-09-21 14:13:20 UTC ✓ reachable");
    let words = all(&page, "#time > p").join(" ");
    assert!(
        words.contains("30 since 2026-09-21 14:13:20 UTC: 20 answered, 10 failed (10 timeout)"),
        "{words}"
    );
    assert!(words.contains("0.42 ms in the median"), "{words}");
    let probes = all(&page, "#probes tbody td");
    assert_eq!(
        (probes.len(), &probes[..3]),
        (60, &["2026-09-21 14:13:49", "✗ timeout", "none"].map(String::from)[..])
    );
    let good = path(&board, "cache", "", at(60)).unwrap();
    assert_eq!(all(&good, "header .cause"), ["It works."]);
    assert!(all(&good, ".diagnosed")[0].starts_with("It has not been diagnosed"));
    assert!(path(&board, "mail", "", at(60)).is_some());
    assert!(path(&board, "none", "", at(60)).is_none());
}

#[test]
fn hostile_names_become_words_alone() {
    let long = "x".repeat(100);
    let board = Board::without_past("<b>\u{1b}[2J\u{202e}");
    // A name has no slash; all else has.
    let names: Vec<String> =
        HOSTILE.iter().map(|name| name.replace('/', "\\")).chain([long.clone()]).collect();
    let sections: Vec<_> =
        names.iter().map(|name| section(name, &[("team", HOSTILE[0]), ("state", "<i>\u{1b}[0m")])).collect();
    board.watch(&sections);
    let mut bad = diagnosis();
    bad.summary = HOSTILE.join(" ");
    bad.causes[0].summary = HOSTILE.join(" ");
    bad.causes[0].fixes[0].command = HOSTILE.join("\n");
    bad.causes[0].component.id = Some("\"><script>\u{1b}".to_string());
    let bad = Arc::new(bad);
    for name in &names {
        let one = board.path(name).unwrap();
        one.probed(Duration::ZERO, last(0, ProbeResult::Refused));
        _ = one.diagnosed(Duration::ZERO, at(1), &bad, Duration::ZERO);
    }
    board.configure(Arc::new(Configured {
        documents: peerscope_document::Snapshot::default(),
        topology: Topology::default(),
        judged: Judged::default(),
        report: None,
        gaps: vec![Gap {
            kind: GapKind::Document,
            what: HOSTILE[0].to_string(),
            reason: HOSTILE[1].to_string(),
            would_tell: HOSTILE[3].to_string(),
        }],
        at: at(0),
        revision: 0,
    }));
    let mut pages = vec![overview(&board, "", at(2)), overview(&board, "state=%3Cb%3E&x=%22%3E%1b", at(2))];
    pages.extend(names.iter().map(|name| path(&board, name, "reload=1", at(2)).unwrap()));
    for text in &pages {
        let parsed = Html::parse_document(text);
        assert!(parsed.errors.is_empty(), "{:?} in {text}", parsed.errors);
        let controls = |one: char| {
            one.is_control() && one != '\n'
                || matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.contains(controls), "{text}");
        let mut ids = BTreeSet::new();
        let mut constants = BTreeMap::new();
        for node in parsed.tree.nodes() {
            assert!(!node.value().is_comment(), "{text}");
            let Some(element) = node.value().as_element() else { continue };
            assert!(!["img", "b", "i", "iframe", "object"].contains(&element.name()), "{element:?}");
            if matches!(element.name(), "script" | "style") {
                let content: String = node
                    .children()
                    .filter_map(|one| one.value().as_text().map(|text| text.to_string()))
                    .collect();
                constants.insert(content, element.name().to_string());
            }
            for (name, value) in element.attrs() {
                assert!(!name.starts_with("on") && name != "style" && name != "src", "{element:?}");
                let is_own = ["/", "/?", "/paths/", "#"].iter().any(|start| value.starts_with(start))
                    && !value.starts_with("//");
                assert!(!matches!(name, "href" | "action") || is_own, "{element:?}");
                assert!(name != "id" || ids.insert(value.to_string()), "{value} is twice in {text}");
            }
        }
        let meant = [(page::STYLE, "style"), (STYLE, "style"), (SCRIPT, "script"), (page::SCRIPT, "script")];
        let meant: BTreeMap<String, String> =
            meant.into_iter().map(|(text, name)| (text.into(), name.into())).collect();
        assert_eq!(constants, meant);
    }
    // Nothing is lost: a reader sees what the configuration says.
    let shown = all(&pages[0], ".paths h3 a");
    assert!(shown.iter().any(|name| *name == names[0]) && shown.contains(&long), "{shown:?}");
    assert!(shown.iter().any(|name| name.starts_with("\\u{202e}gnp.exe")), "{shown:?}");
}

#[test]
fn a_link_leads_to_the_path_that_it_names() {
    for (name, url) in
        [("orders-db", "/paths/orders-db"), ("a b/ü", "/paths/a%20b%2F%C3%BC"), ("..", "/paths/?name=..")]
    {
        assert_eq!(page_of(name), url);
    }
}

#[test]
fn the_policy_permits_these_styles_and_these_scripts() {
    let mut policy = POLICY.to_string();
    for constant in [page::STYLE, STYLE, SCRIPT, page::SCRIPT] {
        let hash = format!("'sha256-{}'", data_encoding::BASE64.encode(&Sha256::digest(constant)));
        assert!(policy.contains(&hash), "{hash} is missing, of {}", &constant[..60]);
        policy = policy.replace(&hash, "");
        assert!(!constant.contains("://") && !constant.contains("url(") && !constant.contains("</"));
    }
    assert!(!policy.contains("sha256") && !policy.contains("unsafe"), "{policy}");
}

/// What differs between a value and its schema.
fn differences(value: &Value, schema: &Value, all: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        assert!(all[name].is_object(), "no schema {name}");
        return differences(value, &all[name], all, place, found);
    }
    if let Some(one_of) = schema["anyOf"].as_array() {
        let fits = |one: &&Value| {
            let mut found = Vec::new();
            differences(value, one, all, place, &mut found);
            found.is_empty()
        };
        if !one_of.iter().any(|one| fits(&one)) {
            found.push(format!("{place}: none of the alternatives"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = |one: &Value| one == kind || one == "number" && kind == "integer";
    let is_meant = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is_kind),
        one => is_kind(one),
    };
    let words = schema["enum"].as_array();
    if !is_meant
        || words.is_some_and(|words| !words.contains(value))
        || schema.get("const").is_some_and(|one| one != value)
    {
        found.push(format!("{place}: {value} is not {schema}"));
    }
    for element in value.as_array().into_iter().flatten() {
        differences(element, &schema["items"], all, &format!("{place}[]"), found);
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            found.push(format!("{place}: no {required}"));
        }
    }
    for (key, one) in value.as_object().into_iter().flatten() {
        match properties.get(key) {
            Some(schema) => differences(one, schema, all, &format!("{place}.{key}"), found),
            None => found.push(format!("{place}: {key} is in no schema")),
        }
    }
}

#[test]
fn the_openapi_document_has_every_route_and_answers_are_as_it_says() {
    let document = openapi();
    let schemas = &document["components"]["schemas"];
    let paths = document["paths"].as_object().unwrap();
    let routes: BTreeSet<&str> = crate::daemon::routes::ROUTES.iter().map(|route| route.path).collect();
    assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), routes);
    let mut ids = BTreeSet::new();
    for operation in paths.values().flat_map(|path| path.as_object().unwrap().values()) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_string()), "{operation}");
        for answer in operation["responses"].as_object().unwrap().values() {
            let (_, content) = answer["content"].as_object().unwrap().iter().next().unwrap();
            if let Some(name) = content["schema"]["$ref"].as_str() {
                let name = name.strip_prefix("#/components/schemas/").unwrap();
                assert!(schemas[name].is_object(), "no schema {name}");
            }
        }
    }
    let diagnosis = serde_json::to_value(diagnosis()).unwrap();
    let mut found = Vec::new();
    differences(&diagnosis, &schemas["Diagnosis"], schemas, "diagnosis", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    // The schema can tell what is wrong.
    let mut wrong = diagnosis.clone();
    wrong["verdict"] = Value::from("fine");
    wrong["causes"][0]["component"]["type"] = Value::Null;
    differences(&wrong, &schemas["Diagnosis"], schemas, "diagnosis", &mut found);
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn all_verdicts_have_words() {
    for verdict in Verdict::ALL {
        let state = super::view::State::from(verdict);
        assert_eq!(Value::from(state.word()), serde_json::to_value(verdict).unwrap());
    }
}
