//! Dashboards and rules against the real thing: Prometheus scrapes the daemon, every panel's query returns data from it,
//! and an alert fires with its cause and clears when the path is mended.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// After so long what was to come will not come any more, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A tool of Debian's prometheus, which `make servers` installs; where that cannot be, what is left out is said, past what
/// the test harness captures.
fn tool(name: &str) -> Option<Command> {
    let there = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        _ = writeln!(
            std::io::stderr(),
            "dashboards: {name} is not installed: nothing was held against it (make servers)"
        );
        return None;
    }
    Some(Command::new(name))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("dashboards").join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

#[test]
fn rules_hold_their_unit_tests() {
    for (subcommand, folder) in [("check", "rules"), ("test", "rules/tests")] {
        let Some(mut promtool) = tool("promtool") else { return };
        let output = promtool.args([subcommand, "rules"]).args(files(folder, "yml")).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn every_alert_has_its_runbook_and_its_test() {
    let alerts = fs::read_to_string(root().join("dashboards/rules/alerts.yml")).unwrap();
    let tests = fs::read_to_string(root().join("dashboards/rules/tests/alerts.yml")).unwrap();
    let named = |text: &str, key: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| {
                Some(line.trim().trim_start_matches("- ").strip_prefix(key)?.trim().to_string())
            })
            .collect()
    };
    let alerts_named = named(&alerts, "alert:");
    assert_eq!(alerts_named, named(&tests, "alertname:"));
    let runbooks: BTreeSet<String> = files("runbooks", "md")
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(alerts_named, runbooks);
    for alert in &alerts_named {
        assert!(alerts.contains(&format!("runbook: dashboards/runbooks/{alert}.md")), "{alert}");
    }
}

#[test]
fn prometheus_draws_every_panel_and_fires_with_the_cause() {
    let Some(mut server) = tool("prometheus") else { return };
    let folder = tempfile::tempdir().unwrap();
    let good = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let good_address = good.local_addr().unwrap();
    let canary = good_address.port();
    thread::spawn(move || good.incoming().for_each(drop));
    // Nobody listens on this one until it is mended.
    let bad = free();
    let (listen, prometheus) = (free(), free());
    write_snapshot(&folder.path().join("snapshot"));
    fs::write(
        folder.path().join("peerscope.yml"),
        format!(
            "listen: {listen}\nsnapshot: {{paths: [snapshot], heroku: {{space: orders, refresh: 5s}}}}\npaths:\n\
             - {{name: good, target: \"tcp://{good_address}\", interval: 1s, timeout: 1s}}\n\
             - {{name: bad, target: \"tcp://{bad}\", interval: 1s, timeout: 1s, canary: {canary}, labels: {{team: orders}}}}\n"
        ),
    )
    .unwrap();
    let _daemon = Ended(
        Command::new(env!("CARGO_BIN_EXE_peerscope"))
            .args(["run", "--config"])
            .arg(folder.path().join("peerscope.yml"))
            // A reading that fails, for the panel of those.
            .env("HEROKU_API_KEY", "not-a-token")
            .env("HEROKU_HOST", format!("http://{}", free()))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let rules: Vec<String> =
        files("rules", "yml").iter().map(|file| format!("\"{}\"", file.display())).collect();
    fs::write(
        folder.path().join("prometheus.yml"),
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{}]\nscrape_configs:\n\
             - {{job_name: peerscope, static_configs: [{{targets: [\"{listen}\"]}}]}}\n",
            rules.join(", ")
        ),
    )
    .unwrap();
    let _prometheus = Ended(
        server
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={prometheus}"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let alert = until("the alert fires", || {
        let alerts = api(prometheus, "/api/v1/alerts")?;
        let alerts = alerts["data"]["alerts"].as_array()?.clone();
        alerts
            .into_iter()
            .find(|alert| alert["labels"]["alertname"] == "PeerscopePathDown" && alert["state"] == "firing")
    });
    assert_eq!(alert["labels"]["path"], "bad");
    assert_eq!(alert["labels"]["team"], "orders");
    assert_eq!(alert["labels"]["code"], "PORT_CLOSED");
    assert_eq!(alert["labels"]["component"], "127.0.0.1");
    assert!(
        alert["annotations"]["summary"].as_str().unwrap().contains("PORT_CLOSED at host 127.0.0.1"),
        "{alert}"
    );
    let link = alert["annotations"]["diagnosis"]
        .as_str()
        .unwrap()
        .strip_prefix(&format!("http://{listen}"))
        .unwrap();
    let diagnosis = api(listen, link).unwrap();
    assert_eq!(diagnosis["causes"][0]["code"], "PORT_CLOSED");
    assert!(diagnosis["causes"][0]["fixes"][0]["command"].as_str().unwrap().contains("ss -ltnp"));

    every_panel_has_data(prometheus);

    let mended = TcpListener::bind(bad).unwrap();
    thread::spawn(move || mended.incoming().for_each(drop));
    until("the alert clears", || {
        let alerts = api(prometheus, "/api/v1/alerts")?;
        let fires = |alert: &Value| alert["labels"]["alertname"] == "PeerscopePathDown";
        (!alerts["data"]["alerts"].as_array()?.iter().any(fires)).then_some(())
    });
}

fn every_panel_has_data(prometheus: SocketAddr) {
    let mut queries = 0;
    for file in files("grafana", "json") {
        let board: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let data_sources = board["templating"]["list"].as_array().unwrap();
        assert!(data_sources.iter().any(|one| one["type"] == "datasource"), "{}", file.display());
        let mut identities = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            assert!(identities.insert(panel["id"].as_u64().unwrap()), "{}: an id twice", file.display());
            assert!(
                !panel["description"].as_str().unwrap().is_empty(),
                "{}: {}",
                file.display(),
                panel["title"]
            );
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                let asked = expression.replace("$path", "bad").replace("$__rate_interval", "1m");
                let path = format!("/api/v1/query?query={}", encoded(&asked));
                let place = format!("{}: {}: {asked}", file.display(), panel["title"]);
                until(&place, || {
                    let answer = api(prometheus, &path)?;
                    assert_eq!(answer["status"], "success", "{place}: {answer}");
                    (!answer["data"]["result"].as_array()?.is_empty()).then_some(())
                });
                queries += 1;
            }
        }
        for annotation in board["annotations"]["list"].as_array().unwrap() {
            let asked = annotation["expr"].as_str().unwrap().replace("$path", "bad");
            let answer = api(prometheus, &format!("/api/v1/query?query={}", encoded(&asked))).unwrap();
            assert_eq!(answer["status"], "success", "{}: {asked}: {answer}", file.display());
        }
    }
    assert!(queries > 20, "{queries}");
}

/// A peering that waits to be accepted, so that there are peerings, an end of the request, and violated rules.
fn write_snapshot(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let documents = serde_json::json!({
        "Vpcs": [{ "VpcId": "vpc-0a11ce", "CidrBlock": "10.100.0.0/16", "OwnerId": "111122223333", "State": "available" }],
        "VpcPeeringConnections": [{
            "VpcPeeringConnectionId": "pcx-0f00d",
            "Status": { "Code": "pending-acceptance", "Message": "Pending Acceptance by 111122223333" },
            "ExpirationTime": "2099-01-01T00:00:00Z",
            "RequesterVpcInfo": { "VpcId": "vpc-0e4", "CidrBlock": "10.0.0.0/16", "OwnerId": "012345678900", "Region": "us-east-1" },
            "AccepterVpcInfo": { "VpcId": "vpc-0a11ce", "CidrBlock": "10.100.0.0/16", "OwnerId": "111122223333", "Region": "us-east-1" },
        }],
        "RouteTables": [], "NetworkAcls": [], "SecurityGroups": [], "Subnets": [], "NetworkInterfaces": [],
    });
    fs::write(folder.join("aws.json"), documents.to_string()).unwrap();
    let space = serde_json::json!({
        "aws_account_id": "012345678900", "vpc_id": "vpc-0e4", "vpc_cidr": "10.0.0.0/16",
        "dyno_cidr_blocks": ["10.0.128.0/20"], "space_cidr_blocks": ["10.0.128.0/20", "10.0.0.0/20"],
        "unavailable_cidr_blocks": [],
    });
    fs::write(folder.join("peering-info.json"), space.to_string()).unwrap();
    let peerings = serde_json::json!([{
        "pcx_id": "pcx-0f00d", "type": "customer-managed", "cidr_blocks": ["10.100.0.0/16"],
        "status": "pending-acceptance", "aws_vpc_id": "vpc-0a11ce", "aws_account_id": "111122223333", "aws_region": "us-east-1",
    }]);
    fs::write(folder.join("peerings.json"), peerings.to_string()).unwrap();
}

/// A port that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// What comes, as soon as it does.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(250));
    }
}

/// An answer in JSON; none where nobody listens yet.
fn api(address: SocketAddr, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

fn encoded(query: &str) -> String {
    query
        .bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
