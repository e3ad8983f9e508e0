//! What is kept is what was told, by whatever name, for as long as it should be.

use super::*;

const DAY: i64 = 86_400;
/// 2026-01-01T00:00:00Z
const BEGINNING: i64 = 1_767_225_600;

#[test]
fn the_columns_are_those_of_the_results_and_the_buckets() {
    let kept = Kept::of(None);
    for table in ["minutes", "hours"] {
        let place = lock(&kept.history.connection);
        let statement = place.as_ref().unwrap().prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_names().collect::<Vec<_>>().join(", ");
        assert_eq!(columns, format!("start, path, {}", schema::columns()));
    }
    // Counts of other bounds lie in the files that there are: these may change with a migration alone.
    let bounds = super::super::super::watched::ROUND_TRIPS;
    assert_eq!(bounds, [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]);
}

#[test]
fn outcomes_are_told_by_the_minute_as_they_were() {
    let folder = TempDir::new().unwrap();
    let mut kept = Kept::in_file(&folder);
    for second in 0..90 {
        let result = if second < 70 { ProbeResult::Connected } else { ProbeResult::Refused };
        let rtt = (second < 70).then_some(100 + 100 * u64::try_from(second).unwrap());
        kept.outcome("db", BEGINNING + second, result, rtt);
        kept.outcome("other", BEGINNING + second, ProbeResult::Timeout, None);
        // Whether a minute comes at once or in parts.
        if second % 7 == 0 {
            kept.turn();
        }
    }
    kept.turn();
    let told = kept.told("db", BEGINNING, BEGINNING + 120);
    assert_eq!(told["bucket_seconds"], 60);
    let buckets = told["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 2);
    assert_eq!(buckets[0]["at"], "2026-01-01T00:00:00Z");
    assert_eq!(buckets[0]["results"], serde_json::json!({ "connected": 60 }));
    assert_eq!(buckets[1]["results"], serde_json::json!({ "connected": 10, "refused": 20 }));
    let rtt = &buckets[0]["rtt_seconds"];
    assert_eq!(
        (rtt["count"].as_u64(), rtt["min"].as_f64(), rtt["max"].as_f64()),
        (Some(60), Some(0.0001), Some(0.006))
    );
    assert_eq!(rtt["sum"].as_f64(), Some(0.183));
    // 100 and 200 µs are no longer than the first bound; 6 ms lie below the sixth, 10 ms.
    let bounds = &told["histogram_bounds_seconds"];
    assert_eq!((bounds[0].as_f64(), bounds[5].as_f64()), (Some(0.0002), Some(0.01)));
    let histogram: Vec<u64> = serde_json::from_value(rtt["histogram"].clone()).unwrap();
    assert_eq!(histogram, [2, 5, 10, 20, 50, 60, 60, 60, 60, 60, 60, 60, 60, 60]);
    // The end does not belong to it, and the beginning's minute does.
    let part = kept.told("db", BEGINNING + 30, BEGINNING + 60);
    assert_eq!(part["buckets"].as_array().unwrap().len(), 1);
    assert_eq!(kept.told("unknown", BEGINNING, BEGINNING + 120)["buckets"], serde_json::json!([]));
}

#[test]
fn minutes_become_hours_and_add_up_to_the_same() {
    let mut kept = Kept::of(None);
    for minute in 0..180 {
        for path in ["one", "two"] {
            let result = ProbeResult::ALL[usize::try_from(minute % 9).unwrap()];
            kept.outcome(path, BEGINNING + 60 * minute, result, (minute % 9 == 0).then_some(70 * 60));
        }
    }
    kept.turn();
    let total = |kept: &Kept| {
        let told = kept.told("one", BEGINNING, BEGINNING + 3 * 3600);
        let mut results = BTreeMap::<String, u64>::new();
        for bucket in told["buckets"].as_array().unwrap() {
            for (result, count) in bucket["results"].as_object().unwrap() {
                *results.entry(result.clone()).or_default() += count.as_u64().unwrap();
            }
        }
        results
    };
    let before = total(&kept);
    assert_eq!(before.values().sum::<u64>(), 180);
    let limits = Limits { age: Duration::from_secs(90 * 86_400), size: 1 << 30 };
    // Of the third hour, not all is older than a week.
    kept.tidy(limits, BEGINNING + 3 * 3600 - 60 + 7 * DAY);
    assert_eq!(kept.count("SELECT count(*) FROM minutes"), 120);
    assert_eq!(kept.count("SELECT count(*) FROM hours"), 4);
    assert_eq!(total(&kept), before);
    let told = kept.told("one", BEGINNING, BEGINNING + 3 * 3600);
    let seconds: Vec<i64> = told["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| bucket["seconds"].as_i64().unwrap())
        .collect();
    assert_eq!((&seconds[..3], seconds.len()), (&[3600, 3600, 60][..], 62));
    assert_eq!(told["buckets"][0]["rtt_seconds"]["max"].as_f64(), Some(0.0042));
    // What comes late is added to the hour that was rolled up.
    kept.outcome("one", BEGINNING + 30, ProbeResult::Connected, Some(1));
    kept.turn();
    kept.tidy(limits, BEGINNING + 4 * 3600 + 7 * DAY);
    assert_eq!(kept.count("SELECT count(*) FROM minutes"), 0);
    assert_eq!(kept.probes("one"), 181);
    assert_eq!(
        kept.told("one", BEGINNING, BEGINNING + 60)["buckets"][0]["rtt_seconds"]["min"].as_f64(),
        Some(1e-6)
    );
}

#[test]
fn an_answer_is_bounded_whatever_is_asked() {
    let mut kept = Kept::of(None);
    for hour in 0..3000 {
        kept.outcome("db", BEGINNING + 3600 * hour, ProbeResult::Connected, None);
    }
    for change in 0..700 {
        kept.verdict("db", BEGINNING + 60 * change, Verdict::Blocked);
        kept.turn();
    }
    kept.tidy(Limits { age: Duration::from_secs(400 * 86_400), size: 1 << 30 }, BEGINNING + 3000 * 3600);
    for (from, to) in [
        (BEGINNING, BEGINNING + 1),
        (BEGINNING, BEGINNING + DAY),
        (BEGINNING, BEGINNING + 3000 * 3600),
        (0, 2 * BEGINNING),
        (-377_705_023_201, 253_402_207_200),
    ] {
        let told = kept.told("db", from, to);
        let buckets = told["buckets"].as_array().unwrap();
        assert!((1..=1501).contains(&buckets.len()), "{from} {to}: {}", buckets.len());
        assert!(told["verdicts"].as_array().unwrap().len() <= 500);
    }
    let told = kept.told("db", BEGINNING, BEGINNING + DAY);
    assert_eq!(told["truncated"], true);
    // The latest are told, in their order.
    assert_eq!(told["verdicts"][0]["at"], "2026-01-01T03:20:00Z");
    assert_eq!(told["verdicts"][499]["at"], "2026-01-01T11:39:00Z");
}

#[test]
fn a_verdict_is_told_with_its_diagnosis_and_remembered() {
    let folder = TempDir::new().unwrap();
    let mut kept = Kept::in_file(&folder);
    kept.verdict("db", BEGINNING, Verdict::Reachable);
    kept.verdict("db", BEGINNING + 60, Verdict::Impaired);
    kept.history.outcome(
        "db",
        &Last {
            at: Timestamp::from_second(BEGINNING + 70).unwrap(),
            result: ProbeResult::Refused,
            rtt: None,
        },
        Turn {
            last_good: Timestamp::from_second(BEGINNING + 50).ok(),
            first_bad: Timestamp::from_second(BEGINNING + 55).ok(),
        },
    );
    kept.turn();
    let told = kept.told("db", BEGINNING, BEGINNING + DAY);
    assert_eq!(told["verdicts"][1]["verdict"], "impaired");
    let id = told["verdicts"][1]["id"].as_i64().unwrap();
    let told = kept.history.diagnosis("db", id).unwrap().unwrap();
    assert_eq!(told.get(), serde_json::to_string(&diagnosis()).unwrap());
    assert!(kept.history.diagnosis("other", id).unwrap().is_none());
    assert!(kept.history.diagnosis("db", id + 1).unwrap().is_none());
    drop(kept);
    let remembered = Kept::in_file(&folder).history.remembered().remove("db").unwrap();
    let since = Timestamp::from_second(BEGINNING + 60).unwrap();
    assert_eq!(remembered.verdict, Some((Verdict::Impaired, since)));
    assert_eq!(remembered.turn.last_good, Timestamp::from_second(BEGINNING + 50).ok());
    assert_eq!(remembered.turn.first_bad, Timestamp::from_second(BEGINNING + 55).ok());
    assert_eq!(remembered.target, "tcp://10.0.0.1:5432");
}

/// A snapshot in whose groups no rule is left.
fn without_rules(snapshot: Snapshot) -> Snapshot {
    let mut snapshot = snapshot;
    let collections = snapshot.aws.iter_mut();
    for group in collections.flat_map(|collection| collection.documents.security_groups.iter_mut().flatten())
    {
        group.ip_permissions.clear();
    }
    snapshot
}

#[test]
fn a_snapshot_is_kept_once_and_had_again_as_of_any_time() {
    let mut kept = Kept::of(None);
    let first = snapshot();
    let second = without_rules(first.clone());
    let mut collected_again = second.clone();
    collected_again.manifest.as_mut().unwrap().at = "2026-01-02T00:00:00Z".to_string();
    kept.snapshot(BEGINNING, first.clone());
    kept.turn();
    let kinds = kept.count("SELECT count(*) FROM documents");
    assert!(kinds > 8, "{kinds}");
    let kept_at =
        [(100, second.clone()), (200, collected_again), (300, first.clone()), (400, second.clone())];
    for (after, snapshot) in kept_at {
        kept.snapshot(BEGINNING + after, snapshot);
        kept.turn();
    }
    // Of the second, its groups are new; what was collected again is the same; the others were there before.
    assert_eq!(kept.count("SELECT count(*) FROM documents"), kinds + 1);
    assert_eq!(kept.count("SELECT count(*) FROM snapshots"), 4);
    assert_eq!(kept.count("SELECT until FROM snapshots WHERE id = 2"), (BEGINNING + 200) * 1000);
    let as_of = |after: i64| {
        let place = lock(&kept.history.connection);
        let connection = place.as_ref().unwrap();
        let number = documents::number(connection, (BEGINNING + after) * 1000).unwrap();
        number.map(|number| documents::read(connection, number).unwrap())
    };
    assert_eq!(as_of(-1), None);
    for (after, expected) in
        [(0, &first), (99, &first), (100, &second), (250, &second), (300, &first), (9999, &second)]
    {
        assert_eq!(as_of(after).as_ref(), Some(expected), "{after}");
    }
    let at = |after: i64| Timestamp::from_second(BEGINNING + after).unwrap();
    assert!(kept.history.configured_at(at(-1)).is_none());
    let groups = |after| {
        let topology = kept.history.configured_at(at(after)).unwrap();
        peerscope_analysis::change::changes(&Topology::from(&first), &topology).changes.is_empty()
    };
    assert_eq!((groups(50), groups(150), groups(350), groups(450)), (true, false, true, false));
    let told = kept.told("db", BEGINNING, BEGINNING + 1000);
    let events: Vec<&str> =
        told["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["snapshot_changed"; 4]);
}

#[test]
fn names_are_nothing_but_names() {
    let folder = TempDir::new().unwrap();
    let mut kept = Kept::in_file(&folder);
    let names = [
        "'; DROP TABLE paths; --",
        "\"",
        "%",
        "_",
        "a\u{202e}b",
        "ünd 🦀",
        "<script>",
        "\\",
        "?1",
        " ",
        "NULL",
    ];
    for (index, name) in names.iter().enumerate() {
        for _ in 0..=index {
            kept.outcome(name, BEGINNING, ProbeResult::Connected, None);
        }
        kept.verdict(name, BEGINNING, Verdict::Reachable);
    }
    kept.history.event(clock::now(), Happening::Rejected, &[("error", "'\"\u{1b}[2J\n{}")]);
    kept.turn();
    drop(kept);
    let kept = Kept::in_file(&folder);
    for (index, name) in names.iter().enumerate() {
        assert_eq!(kept.probes(name), u64::try_from(index).unwrap() + 1, "{name}");
        let told = kept.told(name, BEGINNING, BEGINNING + DAY);
        assert_eq!((told["path"].as_str(), told["verdicts"].as_array().unwrap().len()), (Some(*name), 1));
    }
    let told = kept.told("%", 0, 2 * BEGINNING);
    assert_eq!(told["events"][0]["fields"]["error"], "'\"\u{1b}[2J\n{}");
}

#[test]
fn all_that_is_pending_is_written_at_the_end_and_readers_wait_for_nobody() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("peerscope.db");
    let history = Arc::new(
        History::open(Some(&file), &RetentionSection::default(), Log::new(LogFormat::Logfmt)).unwrap(),
    );
    let writing = Arc::clone(&history);
    let writer = std::thread::spawn(move || writing.run());
    let at = Timestamp::from_second(BEGINNING).unwrap();
    for _ in 0..1000 {
        let last = Last { at, result: ProbeResult::Connected, rtt: None };
        history.outcome("db", &last, Turn::default());
        _ = history
            .path("db", Window { from: at, to: Timestamp::from_second(BEGINNING + 1).unwrap() })
            .unwrap();
    }
    history.event(clock::now(), Happening::Stopped, &[]);
    assert!(history.close(Duration::from_secs(5)));
    writer.join().unwrap();
    assert!(!folder.path().join("peerscope.db-wal").exists());
    let kept = Kept::in_file(&folder);
    assert_eq!((kept.probes("db"), kept.count("SELECT count(*) FROM events")), (1000, 1));
}

#[test]
fn what_is_older_than_its_age_goes_and_what_still_holds_stays() {
    let mut kept = Kept::of(None);
    let first = snapshot();
    let second = without_rules(first.clone());
    kept.snapshot(BEGINNING, first);
    kept.snapshot(BEGINNING + DAY, second.clone());
    kept.history.record(Record::Event {
        at: Timestamp::from_second(BEGINNING).unwrap(),
        event: Happening::Started,
        fields: Vec::new(),
    });
    for day in 0..100 {
        kept.outcome("db", BEGINNING + day * DAY, ProbeResult::Connected, None);
        kept.outcome("old", BEGINNING + (day % 3) * DAY, ProbeResult::Connected, None);
    }
    for (path, day, verdict) in [
        ("db", 0, Verdict::Blocked),
        ("db", 1, Verdict::Reachable),
        ("old", 0, Verdict::Blocked),
        ("old", 2, Verdict::Reachable),
    ] {
        kept.verdict(path, BEGINNING + day * DAY, verdict);
    }
    kept.turn();
    let limits = Limits { age: Duration::from_secs(30 * 86_400), size: 1 << 30 };
    kept.tidy(limits, BEGINNING + 100 * DAY);
    // 30 days and one that is not over; a path that nobody asks any more is gone, and the only verdict of one that has
    // been good since is not.
    assert_eq!(kept.probes("db"), 30);
    assert_eq!(kept.count("SELECT count(*) FROM paths"), 1);
    assert_eq!(kept.count("SELECT count(*) FROM verdicts"), 1);
    assert_eq!(kept.history.remembered()["db"].verdict.map(|(verdict, _)| verdict), Some(Verdict::Reachable));
    assert_eq!(kept.count("SELECT count(*) FROM events"), 0);
    assert_eq!(kept.count("SELECT count(*) FROM snapshots"), 1);
    let orphans = "SELECT count(*) FROM documents WHERE id NOT IN (SELECT document FROM snapshot_documents)";
    assert_eq!(kept.count(orphans), 0);
    let place = lock(&kept.history.connection);
    let connection = place.as_ref().unwrap();
    let number = documents::number(connection, i64::MAX).unwrap().unwrap();
    assert_eq!(documents::read(connection, number).unwrap(), second);
}
