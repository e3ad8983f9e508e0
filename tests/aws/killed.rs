//! Whoever kills a collection finds the old snapshot or the new one, never half of either.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::folder::files;
use crate::stub::{ACCOUNT, REGION, Room, rich, run};

/// How often a collection is killed: half of them at any moment, half while files are written.
const TIMES: u32 = 32;

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
        let left = hidden(folder.path());
        let mut child = room.collect(&target).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if number % 2 == 0 {
            thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * lot.f64() * 1.1));
        } else {
            wait_for_files(folder.path(), &left, lot.usize(0..=old.len()), whole * 3);
        }
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
    assert!(stayed > 0 && stayed + came == TIMES, "{stayed} and {came} of {TIMES}");
    println!("{TIMES} killed: {stayed} times the old one stood, {came} times the new one");
    run(&mut room.collect(&target)).good();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["snapshot"], "what killed writers left is removed by the next");
}

/// Waits until a hidden folder beside the snapshot, beside those that were left, holds so many files: the moments that
/// matter are few and short.
fn wait_for_files(beside: &Path, left: &BTreeSet<PathBuf>, count: usize, longest: Duration) {
    let started = Instant::now();
    while started.elapsed() < longest {
        let now = hidden(beside);
        if now.difference(left).any(|folder| count_files(folder) >= count) {
            return;
        }
    }
}

fn hidden(beside: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(beside).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect()
}

/// How many files there are below a folder, which may vanish meanwhile.
fn count_files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}
