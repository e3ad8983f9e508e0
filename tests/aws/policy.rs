//! The policy permits what is asked, and nothing more.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stub::{Room, peerscope, run};

/// Actions by the services' prefixes in IAM, which are the names that requests are signed for.
fn actions(document: &Value) -> BTreeSet<String> {
    let statements = document["Statement"].as_array().unwrap();
    let [statement] = &statements[..] else { panic!("{document}") };
    assert_eq!((&statement["Effect"], &statement["Resource"]), (&"Allow".into(), &"*".into()));
    statement["Action"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action.as_str().unwrap().to_string())
        .collect()
}

/// Every action that a full collection takes is permitted, and every permitted one is taken. Who the caller is may be
/// asked without permission (STS API reference, GetCallerIdentity).
#[test]
fn the_policy_permits_exactly_what_a_full_collection_asks() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    run(&mut room.collect(&folder.path().join("snapshot"))).good();
    let asked: BTreeSet<String> = room
        .asked()
        .iter()
        .filter(|asked| asked.action != "GetCallerIdentity")
        .map(|asked| format!("{}:{}", asked.service, asked.action))
        .collect();
    let said = run(peerscope("http://127.0.0.1:9").args(["collect", "--iam-policy"])).good();
    let permitted = actions(&said.json());
    let (missing, idle): (Vec<_>, Vec<_>) =
        (asked.difference(&permitted).collect(), permitted.difference(&asked).collect());
    assert!(
        missing.is_empty() && idle.is_empty(),
        "asked and not permitted: {missing:?}; permitted and not asked: {idle:?}"
    );
}
