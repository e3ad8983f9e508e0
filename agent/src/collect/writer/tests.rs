//! Killed at each step, the old snapshot stands whole or the new one does.

use serde_json::json;

use super::*;
use crate::snapshot;

const TAKEN: &str = "2026-11-22T10:00:00Z";

/// A space whose NAT has one address, so that old and new can be told apart.
fn write(
    target: &Path,
    address: &str,
    change: impl Fn(&mut SnapshotWriter),
) -> Result<(), (SnapshotWriter, io::Error)> {
    let mut writer = SnapshotWriter::begin(target).unwrap();
    change(&mut writer);
    let manifest =
        Manifest { schema: MANIFEST_SCHEMA.to_string(), at: TAKEN.to_string(), ..Manifest::default() };
    let nat = json!({"state": "enabled", "sources": [address]});
    let space = json!({"name": "orders", "cidr": "10.0.0.0/16", "state": "allocated"});
    let written = writer
        .document("heroku/space.json", &space)
        .and_then(|()| writer.document("heroku/nat.json", &nat))
        .and_then(|()| writer.replace(manifest));
    match written {
        Ok(()) => Ok(()),
        Err(error) => Err((writer, error)),
    }
}

/// The address in the snapshot that stands there, which must be whole.
fn read(target: &Path) -> String {
    let loaded = snapshot::load(&[target.to_path_buf()]).unwrap();
    assert_eq!(loaded.notes, []);
    let heroku = loaded.snapshot.heroku;
    assert!(heroku.space.is_some() && loaded.snapshot.manifest.is_some());
    heroku.nat.unwrap().sources[0].to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_writer_killed_at_any_step_leaves_a_whole_snapshot() {
    for can_exchange in [true, false] {
        let mut steps = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("snapshot");
            write(&target, "192.0.2.1", |_| {}).unwrap();
            let killed = write(&target, "192.0.2.2", |writer| {
                writer.can_exchange = can_exchange;
                writer.fails_after = Some(steps);
            });
            let Err((mut writer, error)) = killed else { break };
            // Killed: nothing is cleared up, and the system lets go of the lock.
            drop(writer.lock.take());
            std::mem::forget(writer);
            let moment = error.to_string();
            if moment.ends_with("Between") {
                assert!(!target.exists() && !can_exchange);
            } else {
                let expected = if moment.ends_with("Remove") { "192.0.2.2" } else { "192.0.2.1" };
                assert_eq!(read(&target), expected, "{moment}");
                // The folder around it is read too, by who gives it: hidden folders are nobody's snapshots.
                assert_eq!(read(folder.path()), expected, "{moment}");
            }
            // The next writer finds the old one, and takes away what is left.
            let mut next = SnapshotWriter::begin(&target).unwrap();
            assert_eq!(read(&target), if moment.ends_with("Remove") { "192.0.2.2" } else { "192.0.2.1" });
            assert_eq!(names(folder.path()).len(), 2, "{moment}: {:?}", names(folder.path()));
            next.fails_after = None;
            drop(next);
            assert_eq!(names(folder.path()), ["snapshot"], "{moment}");
            steps += 1;
        }
        // Two documents and the manifest, twice each, and what follows.
        assert_eq!(steps, if can_exchange { 8 } else { 9 });
    }
}

#[test]
fn only_a_free_folder_or_a_snapshot_of_ours_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let ours = r#"{"schema": "peerscope/snapshot/1", "at": "2026-11-22T10:00:00Z"}"#;
    for (name, files, may) in [
        ("empty", &[][..], true),
        ("ours", &[("manifest.json", ours), ("vpcs.json", "{}")], true),
        ("home", &[("letter.txt", "dear")], false),
        ("foreign", &[("manifest.json", r#"{"schema": "other", "at": "x"}"#)], false),
        ("broken", &[("manifest.json", "{")], false),
    ] {
        let target = folder.path().join(name);
        fs::create_dir(&target).unwrap();
        for (file, text) in files {
            fs::write(target.join(file), text).unwrap();
        }
        match (SnapshotWriter::begin(&target), may) {
            (Ok(_), true) => write(&target, "192.0.2.1", |_| {}).unwrap(),
            (Err(NotReplaced::NotOurs(..)), false) => assert_eq!(names(&target).len(), files.len(), "{name}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
    // A file that somebody added to a snapshot of ours is not thrown away.
    let target = folder.path().join("ours");
    fs::write(target.join("heroku/notes.json"), "[]").unwrap();
    let error = SnapshotWriter::begin(&target).unwrap_err().to_string();
    assert!(error.contains("found heroku/notes.json, which peerscope did not write"), "{error}");
    assert!(target.join("heroku/notes.json").exists());
    // A file is no folder, and the root has no place beside it.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(SnapshotWriter::begin(&file), Err(NotReplaced::NotOurs(..))));
    assert!(SnapshotWriter::begin(Path::new("/")).is_err());
    assert!(SnapshotWriter::begin(&folder.path().join("none/snapshot")).is_err());
}

/// Whoever reads while snapshots take each other's place reads one of them, and no mixture.
#[test]
fn what_is_read_meanwhile_is_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("snapshot");
    let put = |number: u8| {
        let mut writer = SnapshotWriter::begin(&target).unwrap();
        let cidr = format!("10.{number}.0.0/16");
        writer.document("heroku/space.json", &json!({"cidr": cidr, "state": "allocated"})).unwrap();
        // An old file that the new snapshot has not, and the other way round.
        writer.document(&format!("heroku/{number}.json"), &json!({"version": number, "apps": []})).unwrap();
        writer
            .finish(Manifest {
                schema: MANIFEST_SCHEMA.to_string(),
                at: TAKEN.to_string(),
                ..Manifest::default()
            })
            .unwrap();
    };
    for replaced in 0..5 {
        put(0);
        let mut listings = 0;
        let loaded = snapshot::load_watched(&[folder.path().to_path_buf()], &mut || {
            listings += 1;
            if listings <= replaced {
                put(listings);
            }
        });
        let heroku = loaded.unwrap().snapshot.heroku;
        assert_eq!(heroku.space.unwrap().cidr, format!("10.{replaced}.0.0/16").parse().ok());
        assert_eq!(heroku.topology.unwrap().version, Some(u32::from(replaced)));
        assert_eq!(listings, replaced + 1);
    }
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("real"), folder.path().join("link"));
    write(&target, "192.0.2.1", |_| {}).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    write(&link, "192.0.2.2", |_| {}).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(read(&target), "192.0.2.2");
}

#[test]
fn two_writers_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("snapshot");
    let first = SnapshotWriter::begin(&target).unwrap();
    write(&target, "192.0.2.2", |_| {}).unwrap();
    assert!(first.hidden.exists(), "the hidden folder of a writer that lives is its own");
    drop(first);
    assert_eq!(read(&target), "192.0.2.2");
    assert_eq!(names(folder.path()), ["snapshot"]);
}

#[test]
fn a_document_lies_in_the_snapshot_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = SnapshotWriter::begin(&folder.path().join("snapshot")).unwrap();
    for name in ["../x.json", "/tmp/x.json", "", "manifest.json", "a/../../x.json"] {
        assert!(writer.document(name, &json!({})).is_err(), "{name}");
    }
    writer.document("a/x.json", &json!({})).unwrap();
    assert!(writer.document("a/x.json", &json!({})).is_err(), "one name is one document");
}
