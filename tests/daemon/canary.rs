//! A connection that stands, under which a path is cut.

use std::fs;

use libtest_mimic::Failed;
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::scenario::{Scenario, Stage};

use super::bench::Bench;
use super::process::{Daemon, INTERVAL, get, has, metrics};

/// What becomes of a connection that stands where no document is known: whether it goes on, and what is the likeliest.
pub(super) const CANARIES: [(&str, bool, &[&str]); 4] = [
    ("group-without-rule", true, &["ENI_SG_RULES_MISMATCH", "HOST_FIREWALL"]),
    ("return-route-missing", false, &["NO_ROUTE_TO_DESTINATION", "SUBNET_ACL_RESTRICTION"]),
    ("network-acl-no-return-ports", false, &["NO_ROUTE_TO_DESTINATION", "SUBNET_ACL_RESTRICTION"]),
    ("peering-deleted", false, &["NO_ROUTE_TO_DESTINATION", "SUBNET_ACL_RESTRICTION"]),
];

/// Cuts a path under a connection that stands, of which the kernel decides whether it outlives that.
pub(super) fn sing(
    enclosure: &Enclosure,
    bench: &Bench,
    scenario: &Scenario,
    seed: u64,
    (goes_on, first): (bool, &[&str]),
) -> Result<(), Failed> {
    let (healthy, broken) = (scenario.healthy(seed)?, scenario.world(seed)?);
    let folder = bench.shared_folder(&format!("canary-{}", scenario.name))?;
    let configuration = folder.join("peerscope.yml");
    let target = healthy.target_url();
    let (_, port) = target.rsplit_once(':').ok_or("the target has no port")?;
    fs::write(
        &configuration,
        format!(
            "listen: 127.0.0.1:9805\n\
             paths: [{{name: db, target: \"{target}\", interval: {INTERVAL}s, timeout: {INTERVAL}s, canary: {port}}}]\n"
        ),
    )?;
    let mut stage = Stage::set_lean(enclosure, scenario.healthy(seed)?)?;
    let mut daemon = Daemon::start(bench, &stage, &configuration)?;
    daemon.line("event=canary_stands")?;
    daemon.until(&stage, "the path is up", |page| {
        has(page, "peerscope_path_verdict", "verdict=\"reachable\"", 1)
            && page.contains("peerscope_path_canary_up{path=\"db\"} 1")
    })?;
    stage.twin.rebuild(&broken.snapshot)?;
    let told = daemon.line("event=verdict_changed")?;
    if !first.iter().any(|code| told.contains(&format!("cause={code} "))) {
        return Err(format!("expected one of {first:?} first: {told}").into());
    }
    let diagnosis = get(&stage, 9805, "/api/v1/paths/db")?;
    let words = if goes_on { "older than the first bad probe, goes on" } else { "is silent too" };
    if !diagnosis.contains("a connection to port") || !diagnosis.contains(words) {
        return Err(format!("expected \"{words}\": {diagnosis}").into());
    }
    // What judges each packet is out of the question where it goes on.
    for code in ["NO_ROUTE_TO_DESTINATION", "PEERING_NOT_ACTIVE", "HOST_SILENT"] {
        let page = metrics(&stage)?;
        let is_named = page.lines().any(|line| {
            line.starts_with("peerscope_path_cause{") && line.contains(&format!("code=\"{code}\""))
        });
        if is_named == goes_on {
            return Err(format!("{code} is {}named: {page}", if is_named { "" } else { "not " }).into());
        }
    }
    daemon.until(&stage, "how the canary fares is on /metrics", |page| {
        page.contains(&format!("peerscope_path_canary_up{{path=\"db\"}} {}", u8::from(goes_on)))
    })?;
    daemon.stop()?;
    Ok(fs::remove_dir_all(&folder)?)
}
