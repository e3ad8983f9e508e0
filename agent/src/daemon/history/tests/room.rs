//! Where there is too little room: on the disk, in the memory, within the size that was set.

use std::fs;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::super::writer::{FIRST_WAIT, LONGEST_WAIT};
use super::*;

#[test]
fn what_takes_too_much_room_goes_the_older_first_and_the_file_shrinks() {
    let folder = TempDir::new().unwrap();
    let mut kept = Kept::in_file(&folder);
    let begun = now() - 5 * 86_400;
    for minute in 0..3000 {
        for path in ["one", "two", "three", "four"] {
            kept.outcome(path, begun + 60 * minute, ProbeResult::Connected, Some(300));
        }
        if minute % 100 == 0 {
            kept.verdict("one", begun + 60 * minute, Verdict::Blocked);
            kept.turn();
        }
    }
    kept.turn();
    let used = |kept: &Kept| retention::used(lock(&kept.history.connection).as_ref().unwrap()).unwrap();
    let before = used(&kept);
    let limits = Limits { age: Duration::from_secs(90 * 86_400), size: before / 2 };
    kept.tidy(limits, now());
    assert!(used(&kept) <= before / 2 && used(&kept) > before / 3, "{before} {}", used(&kept));
    let oldest = kept.count("SELECT min(start) FROM minutes");
    assert!(oldest > begun + 3600);
    assert_eq!(kept.count("SELECT max(start) FROM minutes"), (begun + 60 * 2999) / 60 * 60);
    assert!(kept.count("SELECT min(at) FROM verdicts") / 1000 > begun + 3600);
    assert_eq!(kept.count("PRAGMA freelist_count"), 0);
    let place = lock(&kept.history.connection);
    place.as_ref().unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(place);
    let length = fs::metadata(folder.path().join("peerscope.db")).unwrap().len();
    assert!(length <= before / 2, "{length} {before}");
    assert!(kept.is_sound());
}

/// Writes until the disk is full, sees that nothing is lost and nothing said twice, has room made, and sees that
/// everything is there.
fn outlasts(mut kept: Kept, fill: impl Fn(&Kept), make_room: impl Fn(&Kept)) {
    fill(&kept);
    let mut told = 0;
    for round in 0..400 {
        for path in 0..200 {
            kept.outcome(&format!("path {path}"), now() - 60 * round, ProbeResult::Connected, Some(300));
        }
        told += 200;
        kept.turn();
        if kept.writer.said.is_some() {
            break;
        }
    }
    assert!(kept.writer.said.is_some(), "the disk is not full");
    assert_eq!(kept.writer.wait, Some(FIRST_WAIT));
    for _ in 0..7 {
        kept.outcome("path 0", now(), ProbeResult::Connected, None);
        told += 1;
        kept.turn();
    }
    assert_eq!(kept.writer.wait, Some(LONGEST_WAIT));
    assert_eq!(kept.history.dropped(), Dropped::default());
    make_room(&kept);
    kept.turn();
    assert!(kept.writer.said.is_none() && kept.writer.wait.is_none());
    let probes: u64 = (0..200).map(|path| kept.probes(&format!("path {path}"))).sum();
    assert_eq!(probes, told);
    assert!(kept.is_sound());
}

#[test]
fn a_file_that_may_not_grow_is_tried_again_until_it_may() {
    let folder = TempDir::new().unwrap();
    let pages = |kept: &Kept, count: i64| {
        let place = lock(&kept.history.connection);
        place
            .as_ref()
            .unwrap()
            .query_row(&format!("PRAGMA max_page_count = {count}"), [], |_| Ok(()))
            .unwrap();
    };
    outlasts(Kept::in_file(&folder), |kept| pages(kept, 60), |kept| pages(kept, 1 << 20));
}

#[test]
fn a_full_disk_is_tried_again_until_there_is_room() {
    // Another view of the file system, of this thread alone.
    let nothing: Option<&str> = None;
    let alone = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing));
    if let Err(error) = alone {
        eprintln!("not tried on a file system that is full: {error}");
        return;
    }
    let folder = TempDir::new().unwrap();
    let sized = |flags: MsFlags, size: &str| {
        mount(Some("tmpfs"), folder.path(), Some("tmpfs"), flags, Some(size)).unwrap();
    };
    sized(MsFlags::empty(), "size=1m");
    outlasts(
        Kept::in_file(&folder),
        |_| fs::write(folder.path().join("other"), vec![1; 500_000]).unwrap(),
        |_| sized(MsFlags::MS_REMOUNT, "size=64m"),
    );
    // A disk that is full from the beginning ends nothing either.
    sized(MsFlags::MS_REMOUNT, "size=16m");
    let other = fs::File::create(folder.path().join("filler")).unwrap();
    let mut other = std::io::BufWriter::new(other);
    while std::io::Write::write_all(&mut other, &[1; 4096]).is_ok() {}
    drop(other);
    let mut kept = Kept::of(Some(&folder.path().join("second.db")));
    kept.outcome("db", now(), ProbeResult::Connected, None);
    kept.turn();
    assert!(kept.writer.said.is_some());
    assert!(kept.history.remembered().is_empty());
    fs::remove_file(folder.path().join("filler")).unwrap();
    kept.turn();
    assert_eq!((kept.probes("db"), kept.writer.said.is_none()), (1, true));
    nix::mount::umount(folder.path()).ok();
}

#[test]
fn nobody_waits_for_a_file_that_another_has_locked() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("peerscope.db");
    let history = Arc::new(
        History::open(Some(&file), &RetentionSection::default(), Log::new(LogFormat::Logfmt)).unwrap(),
    );
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writing = Arc::clone(&history);
    let writer = std::thread::spawn(move || writing.run());
    history.event(clock::now(), Happening::Started, &[]);
    let begun = std::time::Instant::now();
    let mut told = 0;
    while begun.elapsed() < Duration::from_millis(500) {
        let at = Timestamp::from_second(now()).unwrap();
        let outcome = std::time::Instant::now();
        history.outcome("db", &Last { at, result: ProbeResult::Connected, rtt: None }, Turn::default());
        assert!(outcome.elapsed() < Duration::from_millis(100), "{:?}", outcome.elapsed());
        told += 1;
        // Who reads sees what there was before.
        let window = Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::from_second(now() + 60).unwrap() };
        let read = serde_json::to_value(history.path("db", window).unwrap()).unwrap();
        assert_eq!(read["buckets"], serde_json::json!([]));
        std::thread::sleep(Duration::from_millis(1));
    }
    other.execute_batch("ROLLBACK").unwrap();
    assert!(history.close(Duration::from_secs(10)));
    writer.join().unwrap();
    assert_eq!(Kept::in_file(&folder).probes("db"), told);
}

#[test]
fn memory_is_bounded_and_what_is_oldest_is_dropped_and_counted() {
    let mut pending = Pending::default();
    for minute in 0..100 {
        for path in 0..1000 {
            let at = Timestamp::from_second(60 * minute).unwrap();
            let last = Last { at, result: ProbeResult::Connected, rtt: None };
            pending.outcome(&format!("path {path}"), &last, Turn::default());
        }
    }
    let held: usize = pending.minutes.values().map(std::collections::HashMap::len).sum();
    assert!(held <= 60_000 && held > 58_000, "{held}");
    assert_eq!(pending.dropped.outcomes, 100_000 - u64::try_from(held).unwrap());
    assert!(pending.minutes.keys().min() >= Some(&(40 * 60)));
    for count in 0..1500_i64 {
        let at = Timestamp::from_second(count).unwrap();
        pending.record(Record::Event { at, event: Happening::Started, fields: Vec::new() });
    }
    assert_eq!((pending.records.len(), pending.dropped.records), (1000, 500));
    let Some(Record::Event { at, .. }) = pending.records.front() else { panic!("no event") };
    assert_eq!(at.as_second(), 500);
    let configured = Arc::new(Configured {
        documents: Snapshot::default(),
        topology: Topology::from(&Snapshot::default()),
        report: None,
        gaps: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
        revision: 0,
        judged: Judged::default(),
    });
    for _ in 0..20 {
        pending.record(Record::Snapshot(Arc::clone(&configured)));
    }
    let snapshots = pending.records.iter().filter(|record| matches!(record, Record::Snapshot(_)));
    assert_eq!((snapshots.count(), pending.dropped.records), (8, 521));
    // What could not be written comes before what came since, and is dropped first.
    let unwritten = pending.take();
    let at = Timestamp::from_second(1_000_000).unwrap();
    pending.record(Record::Event { at, event: Happening::Stopped, fields: Vec::new() });
    pending.take_back(unwritten);
    let Some(Record::Event { event, .. }) = pending.records.back() else { panic!("no event") };
    assert_eq!(*event, Happening::Stopped);
}

#[test]
fn without_a_file_it_is_kept_in_memory_within_bounds() {
    let mut kept = Kept::of(None);
    assert_eq!(kept.history.limits.size, SIZE_IN_MEMORY);
    kept.outcome("db", now(), ProbeResult::Connected, None);
    kept.verdict("db", now(), Verdict::Reachable);
    kept.turn();
    assert_eq!(kept.probes("db"), 1);
    assert_eq!(kept.history.remembered().len(), 1);
}
