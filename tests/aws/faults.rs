//! What becomes of a collection where AWS denies, throttles, fails, breaks off, or does not answer.

use std::path::Path;
use std::thread;
use std::time::Duration;

use peerscope_aws::{Call, Service};
use peerscope_document::Manifest;
use serde_json::{Value, json};

use crate::documents::collected;
use crate::stub::{Room, Said, manifest, run};

/// How long all of a collection may take here, in seconds.
const DEADLINE: u64 = 4;
/// What may be over after the deadline (starting and ending a process included).
const GRACE: Duration = Duration::from_secs(1);

/// Collects with something going wrong; what was said, and the manifest where one was written.
fn collect(rules: &Value, target: &Path, deadline: u64) -> (Said, Option<Manifest>) {
    let room = Room::rich();
    room.faults(rules);
    let said = run(room.collect(target).args(["--deadline", &deadline.to_string()]));
    let manifest = target.exists().then(|| manifest(target));
    (said, manifest)
}

/// The calls that `collect` makes of the rich documents.
fn calls() -> Vec<Call> {
    let folder = tempfile::tempdir().unwrap();
    let (said, manifest) = collect(&json!([]), &folder.path().join("snapshot"), 30);
    let made = manifest.unwrap_or_else(|| panic!("{}", said.error)).calls;
    let is_made = |call: &Call| made.iter().any(|one| one.call.starts_with(&format!("{call},")));
    Call::ALL.iter().copied().filter(is_made).collect()
}

/// Runs a test of each, a few at a time.
fn side_by_side<T: Sync>(cases: &[T], test: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        let test = &test;
        for part in cases.chunks(cases.len().div_ceil(3).max(1)) {
            scope.spawn(move || part.iter().for_each(test));
        }
    });
}

/// Whether a report's or a manifest's line is of a call.
fn of(call: Call, reason: &str) -> bool {
    reason.contains(&format!("{call} ")) || reason.contains(&format!("{call}:"))
}

/// What may pass is tried again, for every call at once.
#[test]
fn what_passes_is_waited_for() {
    let cases = [
        ("throttled", json!({"error": "throttled", "first": 2})),
        ("unavailable", json!({"error": "unavailable", "first": 1})),
        ("an error of AWS's", json!({"error": "failure", "first": 1})),
        ("a proxy's error", json!({"status": 502, "first": 1})),
        ("reset", json!({"reset": true, "first": 1})),
        ("truncated", json!({"truncate": true, "first": 1})),
    ];
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    collect(&json!([]), &whole, 30).0.good();
    side_by_side(&cases, |(name, rule)| {
        let target = folder.path().join(name);
        let (said, manifest) = collect(&json!([rule]), &target, 60);
        let said = said.good();
        let manifest = manifest.unwrap();
        assert_eq!(manifest.gaps, [], "{name}: {}", said.error);
        assert!(
            manifest.calls.iter().all(|call| call.result == "ok" && call.requests > 1),
            "{name}: {manifest:?}"
        );
        assert_eq!(collected(&target), collected(&whole), "{name}");
    });
}

/// Of each call: denied, it is a gap that names the action and what its absence leaves undecided, and the rest is read.
#[test]
fn a_denied_call_is_a_gap_that_names_its_action() {
    let folder = tempfile::tempdir().unwrap();
    let calls = calls();
    side_by_side(&calls, |call| {
        let target = folder.path().join(call.operation());
        let (said, manifest) =
            collect(&json!([{"action": call.operation(), "error": "denied"}]), &target, 30);
        let said = said.good();
        let manifest = manifest.unwrap();
        let [gap] = &manifest.gaps[..] else { panic!("{call}: {:?}", manifest.gaps) };
        assert_eq!((gap.provider.as_str(), gap.kind.as_str()), ("aws", "permission"), "{call}");
        assert!(gap.reason.contains(&format!("the action {call} is not allowed")), "{call}: {gap:?}");
        assert!(!gap.reason.contains("Encoded authorization"), "{call}: {gap:?}");
        assert_eq!(gap.would_tell, call.would_tell());
        assert!(gap.what.contains(call.what().trim_start_matches("the ")), "{call}: {gap:?}");
        assert!(said.error.contains(&call.to_string()), "{call}: {}", said.error);
        // Without load balancers nobody is asked for their listeners, their target groups and the health of these.
        let expected = calls.len() - 3;
        let results: Vec<&str> = manifest.calls.iter().map(|call| call.result.as_str()).collect();
        assert!(
            results.iter().filter(|result| **result == "ok").count() + 2 >= expected,
            "{call}: {manifest:?}"
        );
        assert_eq!(results.iter().filter(|result| **result == "denied").count(), 1, "{call}: {manifest:?}");
        is_a_gap_of_a_diagnosis(*call, &target);
    });
}

fn is_a_gap_of_a_diagnosis(call: Call, target: &Path) {
    if call.service() != Service::Ec2 {
        return;
    }
    let mut command = crate::stub::peerscope("http://127.0.0.1:9");
    command.args(["analyze", "--to", "tcp://10.0.1.20:5432", "--from", "10.1.2.30", "--format", "json"]);
    let said = run(command.arg("--snapshot").arg(target));
    let gaps = said.json()["gaps"].clone();
    let is_one = |gap: &Value| {
        gap["kind"] == "permission"
            && gap["reason"].as_str().is_some_and(|reason| of(call, reason))
            && gap["would_tell"] == call.would_tell()
    };
    assert!(gaps.as_array().unwrap().iter().any(is_one), "{call}: {gaps}");
}

/// Of each call: what does not pass is a gap before the deadline, and the rest is read.
#[test]
fn what_does_not_pass_is_a_gap() {
    let ways = [
        ("slow", json!({"wait": 60}), "no answer came in the time that --deadline leaves"),
        ("trickling", json!({"trickle": 0.5}), "no answer came in the time that --deadline leaves"),
        (
            "another error",
            json!({"error": "InvalidState", "message": "not now", "status": 400}),
            "InvalidState: not now",
        ),
        ("truncated", json!({"truncate": true}), "no answer came in the time"),
        ("malformed", json!({"malformed": true}), "not what it should be"),
        ("not enabled", json!({"error": "not-enabled"}), "the Region is not enabled"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let calls = calls();
    // Each way for each call would take minutes: the ways go round the calls.
    let turns: Vec<_> = calls.iter().copied().zip(ways.iter().cycle()).collect();
    side_by_side(&turns, |(call, (way, rule, reason))| {
        let mut rule = rule.clone();
        rule["action"] = call.operation().into();
        let target = folder.path().join(call.operation());
        let (said, manifest) = collect(&json!([rule]), &target, DEADLINE);
        let said = said.good();
        assert!(said.took < Duration::from_secs(DEADLINE) + GRACE, "{call}, {way}: {:?}", said.took);
        let manifest = manifest.unwrap();
        let gaps = &manifest.gaps;
        assert!(
            gaps.iter().any(|gap| of(*call, &gap.reason) && gap.reason.contains(reason)),
            "{call}, {way}: {gaps:?}"
        );
        let ok = manifest.calls.iter().filter(|call| call.result == "ok").count();
        assert!(ok + 2 >= calls.len() - 3, "{call}, {way}: {manifest:?}");
    });
}

/// Where nobody answers at all, there is one line and no snapshot, and not after the deadline.
#[test]
fn where_nothing_is_read_nothing_is_written() {
    let cases = [
        ("slow", json!([{"wait": 60}]), "no answer came"),
        (
            "slow but for who is asked",
            json!([{"action": "GetCallerIdentity"}, {"wait": 60}]),
            "no answer came",
        ),
        (
            "failing",
            json!([{"error": "failure"}]),
            "AWS answered InternalError: An internal error has occurred",
        ),
        ("a proxy's error", json!([{"status": 502}]), "AWS answered status 502"),
        ("throttling", json!([{"error": "throttled"}]), "it is asked too often"),
        ("resetting", json!([{"reset": true}]), "AWS cannot be reached: "),
        ("denying", json!([{"error": "denied"}]), "the action ec2:DescribeVpcs is not allowed"),
        ("a captive portal", json!([{"status": 200, "malformed": true}]), "not what it should be"),
    ];
    let folder = tempfile::tempdir().unwrap();
    side_by_side(&cases, |(name, rules, why)| {
        let (said, manifest) = collect(rules, &folder.path().join(name), DEADLINE);
        assert_eq!((said.status, said.out.as_str(), manifest), (Some(2), "", None), "{name}: {}", said.error);
        let lines: Vec<&str> =
            said.error.lines().filter(|line| !line.contains("peerscope: reads ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(why), "{name}: {}", said.error);
        assert!(said.took < Duration::from_secs(DEADLINE) + GRACE, "{name}: {:?}", said.took);
    });
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "hidden folders are removed too");
}

/// There are networks with a way to EC2 and none to STS: documents tell whose they are.
#[test]
fn who_it_is_may_stay_unknown() {
    let folder = tempfile::tempdir().unwrap();
    for (name, rule) in [
        ("slow", json!({"wait": 60})),
        ("failing", json!({"error": "failure"})),
        ("denied", json!({"error": "denied"})),
    ] {
        let mut rule = rule.clone();
        rule["action"] = "GetCallerIdentity".into();
        let target = folder.path().join(name);
        let (said, manifest) = collect(&json!([rule]), &target, DEADLINE);
        let said = said.good();
        assert_eq!(manifest.unwrap().gaps, [], "{name}: {}", said.error);
        assert!(
            said.error.contains("reads an account in us-east-1 as the credentials at hand"),
            "{name}: {}",
            said.error
        );
        assert_eq!(collected(&target).into_keys().collect::<Vec<_>>(), ["111122223333_us-east-1"], "{name}");
    }
}
