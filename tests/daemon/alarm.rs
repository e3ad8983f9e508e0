//! Debian's Prometheus beside the daemon: its alert fires with the cause of what the kernel does.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::scenario::{Scenario, Stage};

use super::bench::Bench;
use super::process::{Daemon, Ended, Prepared, get, has, prepare, replace, wait};

/// The scenarios of which Prometheus, where it is installed, is to sound the alarm.
pub(super) const ALARMS: [&str; 2] = ["group-without-rule", "return-route-missing"];

/// Prometheus scrapes the daemon beside it; its alert fires with the cause of what the kernel does, and clears when that
/// is mended.
pub(super) fn alarm(
    enclosure: &Enclosure,
    bench: &Bench,
    scenario: &Scenario,
    seed: u64,
) -> Result<(), Failed> {
    let mut version = Command::new("prometheus");
    if version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        _ = writeln!(
            std::io::stderr(),
            "daemon: prometheus is not installed: no alert was seen (make servers)"
        );
        return Ok(());
    }
    let Prepared { healthy, broken, cause, component, folder, snapshot, configuration } =
        prepare(bench, scenario, seed, &format!("alarm-{}", scenario.name), "")?;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/rules").canonicalize()?;
    fs::write(
        folder.join("prometheus.yml"),
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [\"{}/*.yml\"]\nscrape_configs:\n\
             - {{job_name: peerscope, static_configs: [{{targets: [\"127.0.0.1:9805\"]}}]}}\n",
            rules.display()
        ),
    )?;
    let mut stage = Stage::set_lean(enclosure, scenario.healthy(seed)?)?;
    let mut daemon = Daemon::start(bench, &stage, &configuration)?;
    let mut prometheus = stage.twin.command(&stage.source(), "prometheus")?;
    let _prometheus = Ended(
        prometheus
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:9090")
            .stderr(Stdio::null())
            .spawn()?,
    );
    daemon.until(&stage, "the path is up", |page| {
        has(page, "peerscope_path_verdict", "verdict=\"reachable\"", 1)
    })?;
    let alerts = |stage: &Stage<'_>| get(stage, 9090, "/api/v1/alerts");
    wait("Prometheus has no alert of the path", || {
        Ok(alerts(&stage)
            .is_ok_and(|told| told.contains("\"success\"") && !told.contains("PeerscopePathDown")))
    })?;

    replace(&broken, &snapshot, seed)?;
    stage.twin.rebuild(&broken.snapshot)?;
    wait("the alert fires with the cause", || {
        let told = alerts(&stage)?;
        let Some((_, body)) = told.split_once("\r\n\r\n") else { return Ok(false) };
        let told: serde_json::Value = serde_json::from_str(body)?;
        let alerts = told["data"]["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.iter().any(|alert| {
            let summary = alert["annotations"]["summary"].as_str().unwrap_or_default();
            alert["labels"]["alertname"] == "PeerscopePathDown"
                && alert["state"] == "firing"
                && summary.contains(&cause)
                && summary.contains(&component)
        }))
    })?;

    replace(&healthy, &snapshot, seed)?;
    stage.twin.rebuild(&healthy.snapshot)?;
    wait("the alert clears", || Ok(!alerts(&stage)?.contains("PeerscopePathDown")))?;
    daemon.stop()?;
    Ok(fs::remove_dir_all(&folder)?)
}
