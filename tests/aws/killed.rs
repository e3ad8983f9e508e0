//! Whoever kills a collection finds the old snapshot or the new one, never half of either.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stub::{ACCOUNT, REGION, Room, files, rich, run};

/// How often a collection is killed.
const TIMES: u32 = 24;

/// `rich.json` with another name in each document that has one.
fn named(name: &str) -> Value {
    let mut documents = rich();
    for list in documents.as_object_mut().unwrap().values_mut() {
        for document in list.as_array_mut().unwrap() {
            let tags = if document.get("NetworkInterfaceId").is_some() { "TagSet" } else { "Tags" };
            if document.get("Tags").is_some() || document.get("TagSet").is_some() {
                document[tags] = json!([{"Key": "Name", "Value": name}]);
            }
        }
    }
    documents
}

#[test]
fn a_killed_collection_leaves_the_old_snapshot_or_the_new_one() {
    let (room, folder) = (Room::empty(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    room.serve(ACCOUNT, REGION, &named("number-0"));
    let whole = run(&mut room.collect(&target)).good().took;
    let mut old = files(&target);
    let (mut stayed, mut came) = (0, 0);
    let mut lot = fastrand::Rng::with_seed(7);
    for number in 1..=TIMES {
        let name = format!("number-{number}");
        room.serve(ACCOUNT, REGION, &named(&name));
        let mut child = room.collect(&target).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // More often near the end, where files are written, than before.
        let share = lot.f64().sqrt() * 1.1;
        thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * share));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = files(&target);
        let (documents, manifests): (Vec<_>, Vec<_>) =
            now.iter().partition(|(file, _)| file != "manifest.json");
        assert_eq!(manifests.len(), 1, "kill {number}");
        let listed: Value = serde_json::from_str(&manifests[0].1).unwrap();
        let listed: Vec<&str> =
            listed["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
        assert_eq!(
            listed,
            documents.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>(),
            "kill {number}"
        );
        if now == old {
            stayed += 1;
            continue;
        }
        came += 1;
        for (file, text) in &documents {
            assert!(
                !text.contains("number-") || text.contains(&format!("\"{name}\"")),
                "kill {number}, {file}: {text}"
            );
        }
        assert_eq!(documents.len(), old.len() - 1, "kill {number}");
        old = now;
    }
    // Else nothing was tried.
    assert!(stayed > 0, "{came} of {TIMES} came");
    println!("{TIMES} killed: {stayed} times the old one stood, {came} times the new one");
    run(&mut room.collect(&target)).good();
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["snapshot"], "what killed writers left is removed by the next");
}
