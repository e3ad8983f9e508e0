//! Heroku's API, from the outside: what is asked of it, and what becomes of every way in which it may answer.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "heroku/api.rs"]
mod api;
#[path = "folder/mod.rs"]
mod folder;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use api::{Api, Reply};
use folder::files;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use servers::{Authority, missing};

const TOKEN: &str = "HRKU-AA-not-to-be-shown";
const KEY: &str = "psk-not-to-be-shown";

const SPACE: &str = r#"{"id": "6d1c", "name": "orders-space", "state": "allocated", "shield": false,
  "cidr": "10.0.0.0/16", "data_cidr": "172.23.0.0/20", "generation": {"id": "c", "name": "cedar"},
  "region": {"id": "59ac", "name": "virginia"}, "team": {"id": "t", "name": "orders-team"}}"#;
const INFO: &str = r#"{"aws_account_id": "012345678900", "vpc_id": "vpc-0e4", "vpc_cidr": "10.0.0.0/16",
  "dyno_cidr_blocks": ["10.0.128.0/20"], "space_cidr_blocks": ["10.0.128.0/20", "10.0.0.0/20"],
  "unavailable_cidr_blocks": ["172.23.0.0/20"]}"#;
const MASKED: &str = r#"{"pcx_id": "******", "type": "heroku-managed", "cidr_blocks": ["172.23.0.0/20"],
  "status": "active", "aws_vpc_id": "******", "aws_region": "******", "aws_account_id": "******", "expires": null}"#;
const PEERING: &str = r#"{"pcx_id": "pcx-0f00d", "type": "customer-managed", "cidr_blocks": ["10.100.0.0/16"],
  "status": "active", "aws_vpc_id": "vpc-0a11ce", "aws_region": "us-east-1", "aws_account_id": "111122223333"}"#;
const TOPOLOGY: &str = r#"{"version": 1, "apps": [{"id": "a1", "domains": ["old-name.herokuapp.com"],
  "formation": [{"id": "f1", "process_type": "web", "dynos": [
    {"id": "d1", "number": 1, "private_ip": "10.0.139.183", "hostname": "1.example.app.localspace"}]}]}]}"#;
const NAT: &str =
    r#"{"state": "enabled", "sources": ["203.0.113.10"], "created_at": "2026-01-06T03:23:13Z"}"#;
const REGION: &str = r#"{"id": "59ac", "name": "virginia", "country": "US", "locale": "Virginia",
  "private_capable": true, "provider": {"name": "amazon-web-services", "region": "us-east-1"}}"#;
const APP: &str =
    r#"{"id": "a1", "name": "orders", "internal_routing": true, "space": {"name": "orders-space"}}"#;

fn vpn() -> String {
    format!(
        r#"[{{"id": "v1", "name": "office", "public_ip": "203.0.113.9", "routable_cidrs": ["192.0.2.0/24"],
        "space_cidr_block": "10.0.0.0/16", "status": "active",
        "tunnels": [{{"ip": "203.0.113.2", "pre_shared_key": "{KEY}", "status": "UP"}}]}}]"#
    )
}

/// An API that answers everything, each list in pages.
fn api() -> Api {
    Api::new(replies())
}

fn replies() -> Vec<(String, Reply)> {
    let path = |part: &str| format!("/spaces/orders-space{part}");
    let peerings = Reply::Then(
        Box::new(Reply::page(&format!("[{MASKED}]"), "id x..; max=200")),
        Box::new(Reply::ok(format!("[{PEERING}]"))),
    );
    vec![
        ("/spaces".to_string(), Reply::ok(format!("[{SPACE}]"))),
        (path(""), Reply::ok(SPACE)),
        ("/spaces/6d1c".to_string(), Reply::ok(SPACE)),
        (path("/peering-info"), Reply::ok(INFO)),
        (path("/peerings"), peerings),
        (path("/topology"), Reply::ok(TOPOLOGY)),
        (path("/nat"), Reply::ok(NAT)),
        (path("/vpn-connections"), Reply::ok(vpn())),
        ("/regions/virginia".to_string(), Reply::ok(REGION)),
        ("/apps/a1".to_string(), Reply::ok(APP)),
    ]
}

fn peerscope(api: &Api) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    for name in
        ["DYNO", "HEROKU_PRIVATE_IP", "NETRC", "PEERSCOPE_LIVE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
    {
        command.env_remove(name);
    }
    command.env("HOME", "/nonexistent").env("HEROKU_HOST", api.host()).env("HEROKU_API_KEY", TOKEN);
    command
}

fn collect(api: &Api, target: &Path) -> Command {
    let mut command = peerscope(api);
    command
        .args(["collect", "--only", "heroku", "--space", "orders-space", "--deadline", "6", "-o"])
        .arg(target);
    command
}

/// What a command said, which shows no secret and asked nothing but by GET.
fn said(api: &Api, output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    for secret in [TOKEN, KEY] {
        assert!(!out.contains(secret) && !error.contains(secret), "{out}{error}");
    }
    for asked in api.asked() {
        assert_eq!(asked.method, "GET", "{asked:?}");
    }
    (out, error)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A diagnosis without what differs between two runs, or two places of the same documents.
fn lasting(report: &str) -> Value {
    let mut report = json(report);
    for changing in ["at", "snapshot", "elapsed_seconds", "gaps"] {
        report[changing] = Value::Null;
    }
    report
}

fn document(target: &Path, name: &str) -> Value {
    json(&fs::read_to_string(target.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
}

#[test]
fn a_space_is_collected_whole() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    let output = collect(&api, &target).output().unwrap();
    let (out, error) = said(&api, &output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    let expected =
        format!("reads the space orders-space of Heroku at {} with the token of HEROKU_API_KEY", api.host());
    assert!(error.contains(&expected), "{error}");
    assert!(out.contains("9 requests, nothing is missing"), "{out}");

    let written = files(&target);
    let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "heroku/apps.json",
            "heroku/nat.json",
            "heroku/peering-info.json",
            "heroku/peerings.json",
            "heroku/region.json",
            "heroku/space.json",
            "heroku/topology.json",
            "heroku/vpn-connections.json",
            "manifest.json",
        ]
    );
    for (name, text) in &written {
        assert!(!text.contains(KEY) && !text.contains(TOKEN), "{name}: {text}");
    }
    let peerings = document(&target, "heroku/peerings.json");
    assert_eq!((&peerings[0]["pcx_id"], &peerings[1]["pcx_id"]), (&"******".into(), &"pcx-0f00d".into()));
    let manifest = document(&target, "manifest.json");
    assert_eq!(
        (&manifest["schema"], &manifest["spaces"][0]["name"]),
        (&"peerscope/snapshot/1".into(), &"orders-space".into())
    );
    assert_eq!(manifest["files"].as_array().unwrap().len(), 8);
    assert_eq!(manifest["calls"][2]["requests"], 2, "two pages: {manifest}");

    // Each request says what it wants, and has an id of its own.
    let mut ids = BTreeSet::new();
    for asked in api.asked() {
        let header = |name: &str| asked.headers.get(name).map(String::as_str).unwrap_or_default();
        assert_eq!(header("accept"), "application/vnd.heroku+json; version=3");
        assert_eq!(header("accept-expansion"), "region");
        assert_eq!(header("authorization"), format!("Bearer {TOKEN}"));
        assert!(header("user-agent").starts_with("peerscope/"));
        assert!(ids.insert(header("request-id").to_string()) && header("request-id").len() == 36);
    }

    // What was written is what was read: from the files and live, the analysis is the same.
    let arguments = ["analyze", "--to", "tcp://10.100.2.20:5432", "--format", "json"];
    let from_files = peerscope(&api).args(arguments).arg("--snapshot").arg(&target).output().unwrap();
    let live = peerscope(&api).args(arguments).args(["--live", "--space", "orders-space"]).output().unwrap();
    let (from_files, live) = (said(&api, &from_files).0, said(&api, &live));
    assert!(!from_files.contains("no AWS or Heroku document"), "{from_files}");
    assert!(live.1.contains("reads the space orders-space"), "{}", live.1);
    let (from_files, live) = (lasting(&from_files), lasting(&live.0));
    assert_eq!(from_files, live);
    assert_eq!(live["source"]["cidrs"][0], "10.0.128.0/20");
}

#[test]
fn rules_are_checked_of_what_is_read_now_as_of_what_was_written() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    let collect = peerscope(&api)
        .args(["collect", "--only", "heroku", "--space", "orders-space", "-o"])
        .arg(&target)
        .output()
        .unwrap();
    assert_eq!(collect.status.code(), Some(0), "{}", String::from_utf8_lossy(&collect.stderr));
    // Each reading begins with the first page.
    let results = |arguments: &[&str]| -> Vec<Value> {
        let api = self::api();
        let command = peerscope(&api).args(["check", "--format", "json"]).args(arguments).output().unwrap();
        lasting(&said(&api, &command).0)["results"].as_array().unwrap().clone()
    };
    let from_files = results(&["--snapshot", target.to_str().unwrap()]);
    let live = results(&["--live", "--space", "orders-space"]);
    assert_eq!(from_files.len(), live.len());
    for (one, other) in from_files.iter().zip(&live) {
        assert_eq!(one, other);
    }
}

#[test]
fn without_a_name_the_only_space_is_meant() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    for part in ["peering-info", "topology", "nat"] {
        api.set(&format!("/spaces/6d1c/{part}"), Reply::error(404, "not_found", "no"));
    }
    let run = |api: &Api| {
        let output = peerscope(api)
            .args(["collect", "--only", "heroku", "--deadline", "6", "-o"])
            .arg(&target)
            .output()
            .unwrap();
        (output.status.code(), said(api, &output).1)
    };
    let (status, error) = run(&api);
    assert_eq!(status, Some(0), "{error}");
    assert!(error.contains("reads the only space that it can see of Heroku"), "{error}");
    assert!(api.paths().contains(&"/spaces/6d1c/nat".to_string()));
    api.set("/spaces", Reply::page(&format!("[{SPACE}]"), "id x..; max=200"));
    let second = SPACE.replace("orders-space", "other-space").replace("6d1c", "7e2d");
    api.set(
        "/spaces",
        Reply::Then(
            Box::new(Reply::page(&format!("[{SPACE}]"), "id x..; max=200")),
            Box::new(Reply::ok(format!("[{second}]"))),
        ),
    );
    let (status, error) = run(&api);
    assert_eq!(status, Some(2), "{error}");
    assert!(error.contains("--space NAME: expected one of orders-space, other-space"), "{error}");
    api.set("/spaces", Reply::ok("[]"));
    assert!(run(&api).1.contains("sees no space"));
}

#[test]
fn both_variants_of_the_schema_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, space: &str, topology: &str| {
        let (api, target) = (api(), folder.path().join(name));
        api.set("/spaces/orders-space", Reply::ok(space));
        api.set("/spaces/orders-space/topology", Reply::ok(topology));
        let output = collect(&api, &target).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&api, &output).1);
        let analysed = peerscope(&api)
            .args([
                "analyze",
                "--to",
                "tcp://10.100.2.20:5432",
                "--from",
                "space",
                "--format",
                "json",
                "--snapshot",
            ])
            .arg(&target)
            .output()
            .unwrap();
        (lasting(&said(&api, &analysed).0), api.paths())
    };
    let word = SPACE.replace(r#"{"id": "c", "name": "cedar"}"#, "\"cedar\"");
    let plural = TOPOLOGY.replace("formation", "formations");
    let expanded = word.replace(
        r#""name": "virginia"}"#,
        r#""name": "virginia", "provider": {"name": "amazon-web-services", "region": "us-east-1"}}"#,
    );
    assert!(word != SPACE && plural != TOPOLOGY && expanded != word);
    let (first, paths) = of("a", SPACE, TOPOLOGY);
    assert!(paths.contains(&"/regions/virginia".to_string()));
    assert_eq!(of("b", &word, &plural).0, first);
    let (third, paths) = of("c", &expanded, TOPOLOGY);
    assert_eq!(third, first);
    assert!(!paths.contains(&"/regions/virginia".to_string()), "the answer had the region already");
}

/// Each call but the space's own may fail in each way, and is a gap, with the rest written.
#[test]
fn a_call_that_fails_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let calls = ["peering-info", "peerings", "topology", "nat", "vpn-connections"];
    let ways = [
        (
            Reply::error(401, "unauthorized", "no"),
            "permission",
            "`heroku authorizations:create -s read` makes a new one",
        ),
        (
            Reply::error(403, "forbidden", "not yours"),
            "permission",
            "(403: forbidden: not yours): either its scope",
        ),
        (Reply::error(404, "not_found", "no"), "document", "(404)"),
        (
            Reply::Answer(302, vec![("Location", "http://127.0.0.1:9/".to_string())], String::new()),
            "document",
            "redirect",
        ),
        (Reply::ok("{\"psk-not-to-be-shown"), "document", "not what it should be"),
        (Reply::ok("<html>psk-not-to-be-shown</html>"), "document", "not what it should be"),
        (Reply::Endless, "document", "larger than any"),
        (Reply::error(422, "invalid_params", "bad"), "document", "status 422: invalid_params: bad"),
    ];
    thread::scope(|scope| {
        for (number, call) in calls.iter().enumerate() {
            let (ways, folder) = (&ways, &folder);
            scope.spawn(move || {
                for (way, (reply, kind, reason)) in ways.iter().enumerate() {
                    let (api, target) = (api(), folder.path().join(format!("{number}-{way}")));
                    api.set(&format!("/spaces/orders-space/{call}"), reply.clone());
                    let output = collect(&api, &target).args(["--format", "json"]).output().unwrap();
                    let (out, error) = said(&api, &output);
                    assert_eq!(output.status.code(), Some(0), "{call} {reason}: {error}");
                    assert!(!target.join(format!("heroku/{call}.json")).exists());
                    let report = json(&out);
                    assert_eq!(report["gaps"].as_array().unwrap().len(), 1, "{call}: {out}");
                    let mut gap = report["gaps"][0].clone();
                    assert_eq!(gap.as_object_mut().unwrap().remove("provider"), Some("heroku".into()));
                    assert_eq!(gap["kind"], *kind, "{call} {reason}");
                    let told = gap["reason"].as_str().unwrap();
                    assert!(told.contains(reason) && told.contains("Request-Id"), "{call}: {told}");
                    assert!(error.contains("peerscope: not read: "), "{error}");
                    // The gap goes with the snapshot.
                    let analysed = peerscope(&api)
                        .args([
                            "analyze",
                            "--to",
                            "tcp://10.100.2.20:5432",
                            "--from",
                            "10.0.139.183",
                            "--format",
                            "json",
                            "--snapshot",
                        ])
                        .arg(&target)
                        .output()
                        .unwrap();
                    let gaps = json(&said(&api, &analysed).0)["gaps"].clone();
                    assert!(gaps.as_array().unwrap().contains(&gap), "{gaps}");
                }
            });
        }
    });
}

#[test]
fn what_passes_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let limited =
        Reply::Answer(429, vec![("Retry-After", "1".to_string())], r#"{"id": "rate_limit"}"#.to_string());
    for (way, first) in [
        Reply::error(503, "unavailable", "later"),
        limited,
        Reply::Truncated(NAT.to_string()),
        Reply::Garbage,
    ]
    .into_iter()
    .enumerate()
    {
        let (api, target) = (api(), folder.path().join(way.to_string()));
        api.set("/spaces/orders-space/nat", Reply::Then(Box::new(first), Box::new(Reply::ok(NAT))));
        let output = collect(&api, &target).output().unwrap();
        let (out, error) = said(&api, &output);
        assert!(out.contains("10 requests, nothing is missing"), "{way}: {out}{error}");
    }
}

#[test]
fn one_call_that_hangs_takes_no_longer_than_the_deadline() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    api.set("/spaces/orders-space/nat", Reply::Silence);
    let target = folder.path().join("snapshot");
    let started = Instant::now();
    let mut command = peerscope(&api);
    let output = command
        .args(["collect", "--only", "heroku", "--space", "orders-space", "--deadline", "2", "-o"])
        .arg(&target)
        .output()
        .unwrap();
    let (_, error) = said(&api, &output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(error.contains("not read: the space's NAT: no answer came before the deadline"), "{error}");
    assert!(target.join("heroku/peering-info.json").exists());
}

#[test]
fn where_the_space_cannot_be_read_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("snapshot");
    for (reply, reason) in [
        (
            Reply::error(401, "unauthorized", "Invalid credentials provided."),
            "Heroku does not take the token of HEROKU_API_KEY (401): it has expired or was revoked",
        ),
        (Reply::error(403, "two_factor", "second factor"), "(403: two_factor: second factor)"),
        (
            Reply::error(404, "not_found", "no"),
            "there is no space orders-space, or none that the token's account can see",
        ),
        (Reply::ok("[]"), "expected a JSON object"),
    ] {
        let api = api();
        api.set("/spaces/orders-space", reply);
        let output = collect(&api, &target).output().unwrap();
        let (out, error) = said(&api, &output);
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains(reason) && error.contains("Request-Id"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{reason}");
    }
    // Nobody there, and no token.
    let api = api();
    let output = collect(&api, &target).env("HEROKU_HOST", "http://127.0.0.1:9").output().unwrap();
    let (_, error) = said(&api, &output);
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("the API cannot be reached"), "{error}");
    let output = collect(&api, &target).env_remove("HEROKU_API_KEY").output().unwrap();
    let (_, error) = said(&api, &output);
    assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("no token of Heroku's was found: expected HEROKU_API_KEY"), "{error}");
    let output = collect(&api, &target).env("HEROKU_HOST", "http://192.0.2.1").output().unwrap();
    assert!(said(&api, &output).1.contains("which would show the token to the network"));
    assert!(api.asked().is_empty());
}

#[test]
fn a_token_of_netrc_serves_and_warnings_are_said() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    let netrc = folder.path().join("netrc");
    fs::write(&netrc, format!("machine 127.0.0.1\n  login me@example.com\n  password {TOKEN}\n")).unwrap();
    let warned = vec![("X-Heroku-Warning", "this \u{7}is old".to_string())];
    api.set("/spaces/orders-space/nat", Reply::Answer(200, warned, NAT.to_string()));
    let target = folder.path().join("snapshot");
    let output = collect(&api, &target).env_remove("HEROKU_API_KEY").env("NETRC", &netrc).output().unwrap();
    let (_, error) = said(&api, &output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.contains(&format!("the entry for 127.0.0.1 in {}", netrc.display())), "{error}");
}

/// What is shown to others names nobody, in what was read and in what was not.
#[test]
fn a_redacted_snapshot_names_nobody_and_is_analysed_alike() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    api.set("/spaces/orders-space/topology", Reply::error(403, "forbidden", "no"));
    let (plain, redacted) = (folder.path().join("plain"), folder.path().join("redacted"));
    let output = collect(&api, &plain).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&api, &output).1);
    let peerings = Reply::Then(
        Box::new(Reply::page(&format!("[{MASKED}]"), "id x..; max=200")),
        Box::new(Reply::ok(format!("[{PEERING}]"))),
    );
    api.set("/spaces/orders-space/peerings", peerings);
    let output = collect(&api, &redacted).args(["--redact", "--format", "json"]).output().unwrap();
    let (out, error) = said(&api, &output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    let shown: String =
        files(&redacted).into_iter().map(|(name, text)| name + &text).collect::<String>() + &out;
    for secret in ["orders", "012345678900", "111122223333", "203.0.113.10", "office", "192.0.2.0"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("pcx-0f00d") && shown.contains("GET /spaces/space-1/topology"), "{shown}");
    assert_eq!(document(&redacted, "manifest.json")["redacted"], true);
    let analysed = |snapshot: &Path| {
        let mut command = peerscope(&api);
        command
            .args(["analyze", "--to", "tcp://10.100.2.20:5432", "--format", "json", "--snapshot"])
            .arg(snapshot);
        let report = json(&said(&api, &command.output().unwrap()).0);
        let causes = report["causes"].as_array().unwrap().iter();
        let causes: Vec<Value> = causes
            .map(|cause| [&cause["code"], &cause["component"]["id"]].into_iter().cloned().collect())
            .collect();
        (report["verdict"].clone(), causes)
    };
    assert_eq!(analysed(&plain), analysed(&redacted));
}

/// The token goes to who can prove to be the API, and to nobody else.
#[test]
fn over_tls_the_system_s_roots_decide_whom_the_token_is_shown() {
    if let Some(missing) = missing(&[Authority::PROGRAM]) {
        println!("not tried, since {missing} is not installed");
        return;
    }
    let (authority, other) = (Authority::named("own"), Authority::named("other"));
    let [chain, key] = authority.certificate("api", "IP:127.0.0.1", 2);
    let chain = CertificateDer::pem_file_iter(chain).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (api, folder) = (Api::encrypted(replies(), tls), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    let with = |root: &Authority| collect(&api, &target).env("SSL_CERT_FILE", root.root()).output().unwrap();
    let output = with(&other);
    let (_, error) = said(&api, &output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("cannot be reached: TLS: invalid peer certificate: UnknownIssuer"), "{error}");
    assert!(api.asked().is_empty() && !target.exists());
    let output = with(&authority);
    let (out, error) = said(&api, &output);
    assert!(out.contains("nothing is missing"), "{out}{error}");
    assert_eq!(api.asked().len(), 9);
}

/// A folder that is not peerscope's stays, and nobody is asked.
#[test]
fn what_is_not_peerscopes_is_left_alone() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let output = collect(&api, folder.path()).output().unwrap();
    let (_, error) = said(&api, &output);
    assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("found files without a manifest.json; nothing was changed"), "{error}");
    assert_eq!(files(folder.path()), [("letter.txt".to_string(), "dear".to_string())]);
    assert!(api.asked().is_empty());
}

/// Killed while it waits for any of its calls, the old snapshot stands, and nothing else is read.
#[test]
fn killed_at_any_call_the_old_snapshot_stands() {
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    let output = collect(&api, &target).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&api, &output).1);
    let old = files(&target);
    let calls = api.asked().len();
    api.set("/spaces/orders-space/nat", Reply::ok(NAT.replace("203.0.113.10", "203.0.113.99")));
    for call in 0..calls - 1 {
        api.stall_after(Some(call));
        let mut child = collect(&api, &target).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while api.asked().len() <= call {
            assert!(started.elapsed() < Duration::from_secs(20), "call {call} was never made");
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(files(&target), old, "killed at call {call}");
        let analysed = peerscope(&api)
            .args(["analyze", "--to", "tcp://10.100.2.20:5432", "--format", "json", "--snapshot"])
            .arg(folder.path())
            .output()
            .unwrap();
        let sources = json(&said(&api, &analysed).0)["source"]["cidrs"].clone();
        assert_eq!(sources[0], "10.0.128.0/20", "killed at call {call}");
    }
    // The next one that is not killed takes its place, and what the others left is gone.
    api.stall_after(None);
    let output = collect(&api, &target).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&api, &output).1);
    assert!(fs::read_to_string(target.join("heroku/nat.json")).unwrap().contains("203.0.113.99"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Nothing is used that was not asked for, and what is asked for and fails costs no diagnosis.
#[test]
fn why_reads_accounts_only_where_that_was_said_and_goes_on_without() {
    let api = api();
    let why = |change: &dyn Fn(&mut Command)| {
        let mut command = peerscope(&api);
        command.args(["why", "tcp://127.0.0.1:9", "--format", "json", "--deadline", "5"]);
        change(&mut command);
        let started = Instant::now();
        let output = command.output().unwrap();
        let (out, error) = said(&api, &output);
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        assert_eq!(output.status.code(), Some(1), "{error}");
        let report = json(&out);
        assert_eq!(report["causes"][0]["code"], "PORT_CLOSED", "{out}");
        (report["gaps"].to_string(), error)
    };
    let (gaps, error) = why(&|_| {});
    assert!(api.asked().is_empty() && error.is_empty(), "{error}");
    assert!(gaps.contains("a token was seen (HEROKU_API_KEY) and not used: --live"), "{gaps}");
    let (gaps, error) = why(&|command| _ = command.args(["--live", "--space", "orders-space"]));
    assert!(error.contains("reads the space orders-space") && !gaps.contains("token was seen"), "{gaps}");
    assert!(api.paths().contains(&"/spaces/orders-space/peering-info".to_string()));
    let (_, error) = why(&|command| _ = command.env("PEERSCOPE_LIVE", "1"));
    assert!(error.contains("reads the only space"), "{error}");
    api.stall_after(None);
    let (gaps, error) = why(&|command| _ = command.env("PEERSCOPE_LIVE", "0"));
    assert!(api.asked().is_empty() && error.is_empty() && gaps.contains("token was seen"), "{error}");
    let (gaps, _) = why(&|command| _ = command.arg("--live").env_remove("HEROKU_API_KEY"));
    assert!(gaps.contains("no token of Heroku's was found"), "{gaps}");
    // Nobody there; a name that does not resolve; somebody who never answers.
    let (gaps, _) = why(&|command| _ = command.arg("--live").env("HEROKU_HOST", "http://127.0.0.1:9"));
    assert!(gaps.contains("cannot be reached"), "{gaps}");
    api.stall_after(Some(0));
    let (gaps, _) = why(&|command| _ = command.args(["--live", "--space", "orders-space"]));
    assert!(gaps.contains("no answer came before the deadline"), "{gaps}");
}
