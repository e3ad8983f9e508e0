//! A file that is damaged, of another time, or another program's.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use super::*;

/// The names in a folder, without the times in them.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

/// A folder with a history of two paths.
fn written() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut kept = Kept::in_file(&folder);
    kept.outcome("db", now(), ProbeResult::Connected, Some(300));
    kept.verdict("db", now(), Verdict::Reachable);
    kept.snapshot(now(), snapshot());
    kept.turn();
    folder
}

#[test]
fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("no file of SQLite", |file| fs::write(file, "paths: []\n".repeat(1000)).unwrap()),
        ("another header", |file| overwrite(file, 0, &[0xa5; 100])),
        ("the root of the tables", |file| overwrite(file, 100, &[0xa5; 400])),
        ("every page but the first", |file| {
            let length = fs::metadata(file).unwrap().len();
            overwrite(file, 4096, &vec![0xa5; usize::try_from(length).unwrap() - 4096]);
        }),
        ("cut", |file| fs::OpenOptions::new().write(true).open(file).unwrap().set_len(5000).unwrap()),
    ];
    for (what, damage) in damages {
        let folder = written();
        let file = folder.path().join("peerscope.db");
        damage(&file);
        let damaged = fs::read(&file).unwrap();
        let mut kept = Kept::in_file(&folder);
        kept.outcome("db", now(), ProbeResult::Refused, None);
        kept.verdict("db", now(), Verdict::Blocked);
        kept.snapshot(now(), snapshot());
        kept.turn();
        kept.turn();
        assert!(kept.is_sound(), "{what}");
        let told = kept.told("db", now() - 3600, now() + 60);
        let last = told["verdicts"].as_array().unwrap().last().unwrap();
        assert_eq!(last["verdict"], "blocked", "{what}");
        drop(kept);
        let names = names(&folder);
        let aside =
            names.iter().find(|name| name.starts_with("peerscope.db.corrupt-2") && name.ends_with('Z'));
        let aside = aside.unwrap_or_else(|| panic!("{what}: {names:?}"));
        assert_eq!(fs::read(folder.path().join(aside)).unwrap(), damaged, "{what}");
    }
}

#[test]
fn what_is_found_damaged_while_it_is_used_is_set_aside_with_nothing_lost_that_came_since() {
    let folder = written();
    let file = folder.path().join("peerscope.db");
    let mut kept = Kept::in_file(&folder);
    let length = fs::metadata(&file).unwrap().len();
    overwrite(&file, 0, &vec![0xa5; usize::try_from(length).unwrap()]);
    // What is in the memory of this connection goes with it.
    let mut place = lock(&kept.history.connection);
    place.as_ref().unwrap().execute_batch("PRAGMA shrink_memory").unwrap();
    drop(place.take());
    drop(place);
    kept.outcome("db", now(), ProbeResult::Refused, None);
    kept.turn();
    assert_eq!((kept.probes("db"), kept.is_sound()), (1, true));
    assert!(kept.writer.said.is_none());
}

#[test]
fn what_readers_alone_find_damaged_is_set_aside_too() {
    let folder = written();
    let file = folder.path().join("peerscope.db");
    let mut kept = Kept::in_file(&folder);
    // The content of a snapshot's kind, which nobody writes again.
    let root = kept.count("SELECT rootpage FROM sqlite_schema WHERE name = 'documents'");
    overwrite(&file, u64::try_from(root - 1).unwrap() * 4096, &[0xa5; 4096]);
    kept.turn();
    let at = Timestamp::from_second(now() + 10).unwrap();
    assert!(kept.history.configured_at(at).is_none());
    kept.turn();
    assert!(kept.is_sound());
    assert_eq!(names(&folder).iter().filter(|name| name.contains(".corrupt-")).count(), 1);
}

#[test]
fn two_are_set_aside_under_two_names() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("peerscope.db");
    for _ in 0..2 {
        fs::write(&file, "not a database, and long enough to be no empty one".repeat(100)).unwrap();
        fs::write(folder.path().join("peerscope.db-wal"), "neither").unwrap();
        drop(Kept::in_file(&folder));
    }
    let names = names(&folder);
    assert_eq!(
        names.iter().filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal")).count(),
        2,
        "{names:?}"
    );
}

#[test]
fn tables_of_an_earlier_version_become_those_of_this_one() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, schema::MIGRATIONS).unwrap();
    connection.execute("INSERT INTO paths (name, heard) VALUES ('db', 7)", []).unwrap();
    let first = schema::version(&connection).unwrap();
    let mut more = schema::MIGRATIONS.to_vec();
    more.extend(["ALTER TABLE paths ADD COLUMN owner TEXT", "UPDATE paths SET owner = 'nobody'"]);
    schema::migrate(&mut connection, &more).unwrap();
    assert_eq!(schema::version(&connection).unwrap(), first + 2);
    let kept: (String, String) = connection
        .query_row("SELECT name, owner FROM paths", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(kept, ("db".to_string(), "nobody".to_string()));
    // Done once is done.
    schema::migrate(&mut connection, &more).unwrap();
    // One that fails leaves what was before it.
    more.extend(["UPDATE paths SET owner = 'somebody'; ALTER TABLE nothing ADD COLUMN x"]);
    assert!(schema::migrate(&mut connection, &more).is_err());
    assert_eq!(schema::version(&connection).unwrap(), first + 2);
    let owner: String = connection.query_row("SELECT owner FROM paths", [], |row| row.get(0)).unwrap();
    assert_eq!(owner, "nobody");
}

#[test]
fn what_is_not_ours_is_left_as_it_is() {
    let refused = |file: &Path| {
        let opened = History::open(Some(file), &RetentionSection::default(), Log::new(LogFormat::Logfmt));
        opened.err().map(|failure| failure.to_string()).unwrap_or_default()
    };
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("other.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE orders (id INTEGER)").unwrap();
    let before = fs::read(&file).unwrap();
    assert!(refused(&file).contains("expected a history of peerscope, found a database of another program"));
    assert_eq!(fs::read(&file).unwrap(), before);
    let folder = written();
    let file = folder.path().join("peerscope.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    assert!(refused(&file).contains("found one of version 1000, which a later peerscope wrote"));
    assert!(refused(folder.path()).contains("cannot be written"), "{}", refused(folder.path()));
    assert!(refused(&folder.path().join("none/peerscope.db")).contains("cannot be written"));
}
