use std::fs;

use super::*;

fn parsed(text: &str) -> Result<Document, Vec<String>> {
    let environment = |name: &str| match name {
        "DATABASE_URL" => Some("postgres://app:hunter2@10.100.2.20/orders".to_string()),
        "EVERY" => Some("30s".to_string()),
        _ => None,
    };
    parse(Path::new("peerscope.yml"), text, &environment)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn the_example_of_the_contract_is_read() {
    let document = parsed(
        "source: {name: worker-dyno}\nlisten: 127.0.0.1:9806\nsnapshot:\n  paths: [./snapshot]\n  \
         aws: {regions: [us-east-1], vpcs: [vpc-0a11ce], refresh: 60s}\n  heroku: {space: my-space, refresh: 60s}\n\
         paths:\n  - {name: orders-db, target: \"postgres://10.100.2.20\", interval: 10s, timeout: 2s, labels: {team: orders}}\n",
    )
    .unwrap();
    assert_eq!(document.source.unwrap().name, "worker-dyno");
    assert_eq!(document.listen.0.port(), 9806);
    assert_eq!(document.snapshot.aws.unwrap().refresh, Some(Span(Duration::from_secs(60))));
    let path = &document.paths[0];
    assert_eq!((path.name.0.as_str(), path.target.0.port), ("orders-db", Some(5432)));
    assert_eq!(path.labels["team"], "orders");
}

#[test]
fn what_is_left_out_has_its_default() {
    let document = parsed("paths: [{name: 1234, target: 10.0.0.1:80}]").unwrap();
    assert_eq!(document.listen.0.to_string(), "127.0.0.1:9805");
    let path = &document.paths[0];
    assert_eq!(
        (path.name.0.as_str(), path.interval.0, path.timeout.0),
        ("1234", Duration::from_secs(10), Duration::from_secs(2))
    );
    assert_eq!(parsed("listen:\n").unwrap().listen.0.port(), 9805);
}

#[test]
fn the_environment_fills_in_and_is_shown_to_nobody() {
    let document = parsed(
        "paths:\n- name: db\n  target: ${DATABASE_URL}\n  interval: ${EVERY}\n  labels: {cost: 'a$${b}'}\n",
    )
    .unwrap();
    assert_eq!(document.paths[0].interval.0, Duration::from_secs(30));
    assert_eq!(document.paths[0].labels["cost"], "a${b}");
    assert_eq!(
        parsed("paths:\n- name: db\n  target: ${NOT_SET}\n  interval: ${DATABASE_URL}\n  labels: ${open\n")
            .unwrap_err(),
        [
            "peerscope.yml:3:11: expected the environment variable NOT_SET, which is not set",
            "peerscope.yml:3:11: at paths[0].target: expected a target such as postgres://10.100.2.20 or tcp://10.100.2.20:5432, found nothing",
            "peerscope.yml:4:13: at paths[0].interval: expected a duration such as 500ms, 10s, 5m, 24h or 90d, found a value that is not shown",
            "peerscope.yml:5:11: expected ${NAME}, found a ${ that no name and } follow; $${ stands for ${",
            "peerscope.yml:5:11: at paths[0].labels: expected a section of keys and values, found a value that is not shown",
        ]
    );
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let errors = parsed(
        "listen: nowhere\nlog_format: xml\npats: []\npaths:\n  - name: a/b\n    target: ftp://x\n    interval: 10\n    interval: 5s\n  \
         - target: tcp://10.0.0.1:80\n  - just text\nsnapshot: [x]\n",
    )
    .unwrap_err();
    assert_eq!(
        errors,
        [
            "peerscope.yml:1:9: at listen: expected an address and a port such as 127.0.0.1:9805, found \"nowhere\"",
            "peerscope.yml:2:13: at log_format: expected logfmt or json, found \"xml\"",
            "peerscope.yml:3:1: expected source, listen, web_config_file, history, history_retention, snapshot, paths, discovery, reload_on_change, log_format, remote_write, log_metrics, log_metrics_interval, otlp_logs, external_url or probe_endpoint, found \"pats\"",
            "peerscope.yml:5:11: at paths[0].name: expected a name of 1 to 100 characters without / and control characters, found \"a/b\"",
            "peerscope.yml:6:13: at paths[0].target: expected a target such as postgres://10.100.2.20 or tcp://10.100.2.20:5432, found \"ftp://x\" (unknown scheme \"ftp\", expected one of tcp, udp, icmp, http, https, tls, postgres, postgresql, mysql, mysql2, redis, rediss, kafka, kafka+ssl)",
            "peerscope.yml:7:15: at paths[0].interval: expected a duration such as 500ms, 10s, 5m, 24h or 90d, found \"10\"",
            "peerscope.yml:8:5: expected each key once, found \"interval\" again, first on line 7",
            "peerscope.yml:9:5: at paths[1]: expected name, found none",
            "peerscope.yml:10:5: at paths[2]: expected a section of keys and values, found \"just text\"",
            "peerscope.yml:11:11: at snapshot: expected a section of keys and values, found a list",
        ]
    );
}

#[test]
fn what_does_not_go_together_is_told() {
    let errors = parsed(
        "paths:\n  - {name: a, target: \"10.0.0.1:80\", interval: 50ms, timeout: 2s}\n  \
         - {name: a, target: \"mysql://10.0.0.1\", interval: 10s, labels: {path: x, 9: y}}\n  \
         - {name: b, target: \"10.0.0.1:3306\", interval: 60s}\n  \
         - {name: c, target: \"10.0.0.1:80\", canary: 33060}\n  \
         - {name: d, target: \"mysql://10.0.0.1:4000\", interval: 60s, canary: 4000}\n  \
         - {name: e, target: \"10.0.0.1:80\", canary: 9000}\n",
    )
    .unwrap_err();
    let said: Vec<&str> = errors.iter().map(|error| error.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        said,
        [
            "at paths[0].interval",
            "at paths[0].timeout",
            "at paths[1].name",
            "at paths[1].interval",
            "at paths[1].labels",
            "at paths[1].labels",
            "at paths[2].interval",
            "at paths[3].canary",
            "at paths[4].canary"
        ],
        "{errors:#?}"
    );
}

#[test]
fn no_secret_is_shown_and_what_carries_it_is_named_once() {
    let document = parsed(
        "remote_write: {url: 'https://mimir.example/api/v1/push?key=hunter2', basic_auth: {username: u, password: hunter2, }}\n\
         otlp_logs: {url: 'http://127.0.0.1:4318/v1/logs', headers: {x-key: hunter2}}\n",
    )
    .unwrap();
    assert!(!format!("{document:?}").contains("hunter2"), "{document:?}");
    let errors = parsed(
        "remote_write:\n  url: https://u:hunter2@mimir.example/\n  basic_auth: hunter2\n  bearer_token: [hunter2]\n\
         otlp_logs: {url: hunter2, headers: hunter2}\n",
    )
    .unwrap_err();
    assert_eq!((errors.len(), errors.join("\n").contains("hunter2")), (5, false), "{errors:#?}");
    let errors = parsed(
        "remote_write:\n  url: http://127.0.0.1/\n  interval: 10ms\n  basic_auth: {username: u}\n  bearer_token: hunter2\n  \
         bearer_token_file: b\n  tls: {cert_file: c}\notlp_logs: {url: 'http://127.0.0.1/', headers: {'a b': c}}\n",
    )
    .unwrap_err();
    let said: Vec<&str> = errors.iter().map(|error| error.split(": ").nth(1).unwrap()).collect();
    let expected = [
        "at remote_write.interval",
        "at remote_write.basic_auth",
        "at remote_write.bearer_token",
        "at remote_write.bearer_token",
        "at remote_write.tls",
        "at otlp_logs.headers",
    ];
    assert_eq!(said, expected, "{errors:#?}");
}

#[test]
fn a_history_has_a_file_beside_the_configuration_and_bounds() {
    let document = parsed("history: peerscope.db\nhistory_retention: {age: 30d, size: 256MiB}").unwrap();
    let here = env::current_dir().unwrap();
    assert_eq!(document.history, Some(here.join("peerscope.db")));
    assert_eq!(document.history_retention.age.unwrap().0, Duration::from_secs(30 * 86_400));
    assert_eq!(document.history_retention.size.unwrap().0, 256 << 20);
    assert_eq!(parsed("listen: 127.0.0.1:1").unwrap().history, None);
    assert_eq!(parsed("history: ':memory:'").unwrap().history, Some(here.join(":memory:")));
    assert_eq!(
        parsed("history_retention:\n  age: 5m\n  size: 1kB").unwrap_err(),
        [
            "peerscope.yml:2:8: at history_retention.age: expected 3600 s or more, found 300 s",
            "peerscope.yml:3:9: at history_retention.size: expected 1MiB or more, found 1000 bytes",
        ]
    );
    assert_eq!(
        parsed("history_retention: {size: 5}").unwrap_err(),
        [
            "peerscope.yml:1:27: at history_retention.size: expected a size such as 64MiB, 1GiB or 500MB, found \"5\""
        ]
    );
}

#[test]
fn no_text_is_read_for_long_or_makes_it_panic() {
    for text in [
        "",
        "---",
        "a: [",
        "a: &a [*a, *a]",
        "- a",
        "a: 1\n---\nb: 2",
        "? [a]\n: b",
        "\u{0}",
        "a: *b",
        "[[[[[[[[",
    ] {
        assert!(parsed(text).is_err(), "{text}");
    }
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
    for step in 1..12 {
        laughs += &format!("a{step}: &a{step} [{}]\n", vec![format!("*a{}", step - 1); 10].join(", "));
    }
    assert!(parsed(&laughs).is_err());
    assert!(parsed(&format!("paths: {}{}", "[".repeat(10_000), "]".repeat(10_000))).is_err());
}

#[test]
fn the_schema_describes_every_key() {
    fn look(value: &Value, place: &str) {
        for (name, property) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
            assert!(property.get("description").is_some(), "{place}.{name}");
        }
        for (name, definition) in value.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            look(definition, name);
        }
    }
    look(&schema(), "");
    look(&modules::schema(), "blackbox.yml ");
}

#[test]
fn a_discovery_looks_in_one_place_and_asks_as_whoever_asks_may() {
    let document = parsed(
        "discovery:\n  - {url: 'https://sd.example/targets?key=hunter2', refresh: 30s, bearer_token: hunter2, tls: {ca_file: ca.pem}}\n  \
         - {files: [a.json]}\n  - {interfaces: {vpc: vpc-1, port: 80}}\n",
    )
    .unwrap();
    let kinds: Vec<&str> = document.discovery.iter().map(DiscoverySection::kind).collect();
    assert_eq!(kinds, ["http", "files", "interfaces"]);
    assert!(!format!("{document:?}").contains("hunter2"), "{document:?}");
    let errors = parsed(
        "discovery:\n  - {}\n  - {url: 'http://sd.example/', files: [a.json]}\n  \
         - files: [a.json]\n    bearer_token: hunter2\n    tls: {ca_file: a}\n  \
         - url: http://sd.example/\n    refresh: 10ms\n    basic_auth: {username: u}\n    bearer_token_file: a\n    tls: {key_file: a}\n  \
         - url: http://u:hunter2@sd.example/\n  - interfaces: {port: 80, scheme: ftp}\n    labels: {job: x}\n",
    )
    .unwrap_err();
    assert!(!errors.join("\n").contains("hunter2"), "{errors:#?}");
    assert_eq!(
        errors,
        [
            "peerscope.yml:12:10: at discovery[4].url: expected http:// or https://, a host, and a path if there is one, without user and password, found another text"
        ]
    );
    let errors = parsed(
        "discovery:\n  - {}\n  - {url: 'http://sd.example/', files: [a.json]}\n  \
         - files: [a.json]\n    bearer_token: hunter2\n    tls: {ca_file: a}\n  \
         - url: http://sd.example/\n    refresh: 10ms\n    basic_auth: {username: u}\n    bearer_token_file: a\n    tls: {key_file: a}\n  \
         - interfaces: {port: 80}\n    labels: {job: x}\n",
    )
    .unwrap_err();
    let said: Vec<&str> =
        errors.iter().map(|error| error.split(": expected").next().unwrap_or_default()).collect();
    assert!(!errors.join("\n").contains("hunter2"), "{errors:#?}");
    let expected = [
        "peerscope.yml:2:5: at discovery[0]",
        "peerscope.yml:3:5: at discovery[1]",
        "peerscope.yml:5:19: at discovery[2].bearer_token",
        "peerscope.yml:6:10: at discovery[2].tls",
        "peerscope.yml:7:5: at discovery[3].bearer_token",
        "peerscope.yml:8:14: at discovery[3].refresh",
        "peerscope.yml:9:17: at discovery[3].basic_auth",
        "peerscope.yml:11:10: at discovery[3].tls",
        "peerscope.yml:12:17: at discovery[4].interfaces",
        "peerscope.yml:13:13: at discovery[4].labels",
    ];
    assert_eq!(said, expected, "{errors:#?}");
}

#[test]
fn the_configurations_of_the_documentation_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("web.yml"), "basic_auth_users: {}\n").unwrap();
    let environment = |name: &str| match name {
        "REDIS_URL" => Some("redis://10.100.2.21".to_string()),
        "DATABASE_URL" => Some("postgres://app:hunter2@10.100.2.20/orders".to_string()),
        "REMOTE_WRITE_URL" => Some("https://mimir.example/api/v1/push".to_string()),
        name if name.ends_with("_TOKEN") => Some("hunter2".to_string()),
        _ => None,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = 0;
    for page in ["README.md", "docs/daemon.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            // That is the file of web_config_file, which names certificates.
            if block.contains("tls_server_config:") {
                continue;
            }
            let read = parse(&folder.path().join("peerscope.yml"), block, &environment);
            assert!(read.is_ok(), "{page}: {:?}\n{block}", read.err());
            found += 1;
        }
    }
    assert!(found >= 5, "{found}");
}
