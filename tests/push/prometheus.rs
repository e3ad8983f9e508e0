//! Debian's Prometheus, which scrapes and is written to.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::wait_for;

/// A Prometheus, on loopback, with its data in a folder of its own.
pub(crate) struct Prometheus {
    child: Child,
    folder: TempDir,
    base: String,
    agent: ureq::Agent,
    authorization: Option<String>,
}

/// A series: its labels, and its values with their times.
pub(crate) type Series = (BTreeMap<String, String>, Vec<(f64, f64)>);

impl Prometheus {
    /// Whether it is installed; a test that needs it says so where it is not.
    pub(crate) fn is_missing() -> bool {
        let is_missing = Command::new("prometheus").arg("--version").output().is_err();
        if is_missing {
            eprintln!("left out: prometheus is not installed (make servers installs it)");
        }
        is_missing
    }

    /// One that scrapes a port of loopback each second.
    pub(crate) fn scraping(port: u16, scraped: Option<u16>) -> Self {
        let jobs = scraped.map_or_else(String::new, |scraped| {
            format!("- job_name: scraped\n  static_configs:\n  - targets: ['127.0.0.1:{scraped}']\n")
        });
        Self::start(port, &jobs, None, "")
    }

    /// One that scrapes as these jobs of its configuration say, each second.
    pub(crate) fn with_jobs(port: u16, jobs: &str) -> Self {
        Self::start(port, jobs, None, "")
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// One that talks TLS and asks for user and password; `web` is its web configuration.
    pub(crate) fn guarded(port: u16, web: &str, authorization: &str) -> Self {
        Self::start(port, "", Some(web), authorization)
    }

    fn start(port: u16, jobs: &str, web: Option<&str>, authorization: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration =
            format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}");
        fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("prometheus");
        command.args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--web.enable-remote-write-receiver",
        ]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        if let Some(web) = web {
            fs::write(folder.path().join("web.yml"), web).unwrap();
            command.arg("--web.config.file=web.yml");
        }
        command.current_dir(folder.path()).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let tls = ureq::tls::TlsConfig::builder()
            .disable_verification(true)
            .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).tls_config(tls).build().into();
        let scheme = if web.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://127.0.0.1:{port}");
        let authorization = web.map(|_| authorization.to_string());
        let prometheus = Self { child, folder, base, agent, authorization };
        wait_for("Prometheus is ready", || prometheus.get("/-/ready").filter(|text| text.contains("Ready")));
        prometheus
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut get = self.agent.get(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            get = get.header("Authorization", authorization);
        }
        get.call().ok()?.body_mut().read_to_string().ok()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What a query gives now.
    pub(crate) fn query(&self, query: &str) -> Vec<Series> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={encoded}")).unwrap_or_default();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{query}: {answer}"));
        assert_eq!(answer["status"], "success", "{answer}");
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
        let point = |value: &Value| (number(&value[0]), number(&value[1]));
        let one = |one: &Value| {
            let labels = one["metric"].as_object().unwrap().iter();
            let labels =
                labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_string())).collect();
            let points = match one["values"].as_array() {
                Some(points) => points.iter().map(point).collect(),
                None => vec![point(&one["value"])],
            };
            (labels, points)
        };
        answer["data"]["result"].as_array().unwrap().iter().map(one).collect()
    }

    /// The value of a query that gives one.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        self.query(query).first().and_then(|(_, points)| Some(points.first()?.1))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
