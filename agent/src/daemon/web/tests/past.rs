//! Of what was long ago, which the history has.

use std::thread;

use super::*;
use crate::daemon::configuration::{LogFormat, RetentionSection};
use crate::daemon::history::{History, Window};
use crate::daemon::log::Log;

/// Two hours of a path at 10 s, the second of which is bad, written and closed.
fn past(folder: &Path) -> Board {
    let log = Log::new(LogFormat::Json);
    let history = History::open(Some(&folder.join("h.db")), &RetentionSection::default(), log).unwrap();
    let history = Arc::new(history);
    let board = Board::new(std::time::Instant::now(), None, "web.1".to_string(), Arc::clone(&history));
    board.watch(&[section("orders-db", &[])]);
    let path = board.path("orders-db").unwrap();
    for second in (0..7200).step_by(10) {
        let result = if second < 3600 { ProbeResult::Connected } else { ProbeResult::Timeout };
        path.probed(Duration::from_secs(1), last(second, result));
    }
    _ = path.diagnosed(Duration::from_secs(1), at(3603), &Arc::new(diagnosis()), Duration::from_secs(1));
    board.happened(at(10), Happening::Started, &[]);
    board.happened(at(3590), Happening::SnapshotChanged, &[]);
    let writing = Arc::clone(&history);
    let writer = thread::spawn(move || writing.run());
    assert!(history.close(Duration::from_secs(20)));
    writer.join().unwrap();
    board
}

#[test]
fn what_was_long_ago_comes_from_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let board = past(folder.path());
    let hour = at(7200).checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let page = path(&board, "orders-db", "past=day", hour).unwrap();
    let words = all(&page, "#time > p").join(" ");
    assert!(
        words.contains("720 probes since 2026-09-20 17:13:20 UTC: 360 answered, 360 failed (360 timeout)"),
        "{words}"
    );
    assert!(words.contains("0.42 ms on average, 0.42 ms at the longest"), "{words}");
    // A minute each, and the one in which the hour ends belongs to neither alone.
    let bars = page.matches("class=\"failed\"").count();
    assert!((60..=61).contains(&bars), "{bars}");
    assert_eq!(all(&page, ".past .ranges").len(), 1);
    let told = all(&page, ".told li");
    assert!(told[0].contains("✗ blocked: "), "{told:?}");
    assert!(told.iter().any(|one| one.ends_with("daemon: this daemon started")), "{told:?}");
    assert_eq!(all(&page, ".stretch [aria-current]"), ["24 hours"]);
    assert!(page.contains("href=\"/paths/orders-db?past=week#time\""));
    assert!(page.contains("href=\"/paths/orders-db?past=day&amp;reload=1\""));
    // A week later the day is empty but for what still holds, and the week is not.
    let later = at(7200).checked_add(jiff::SignedDuration::from_hours(6 * 24)).unwrap();
    let empty = path(&board, "orders-db", "past=day", later).unwrap();
    assert!(all(&empty, "#time > p").join(" ").contains("No probe of this time is known."));
    assert_eq!(all(&empty, ".past .verdicts rect.bad").len(), 1);
    assert!(
        all(&path(&board, "orders-db", "past=week", later).unwrap(), "#time > p")
            .join(" ")
            .contains("720 probes")
    );
}

#[test]
fn a_history_that_cannot_be_read_is_said_and_nothing_else_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let board = past(folder.path());
    std::fs::remove_file(folder.path().join("h.db")).unwrap();
    let page = path(&board, "orders-db", "past=day", at(7300)).unwrap();
    assert!(all(&page, "#time > p").join(" ").contains("The history cannot be read now: "), "{page}");
    assert_eq!(all(&page, "#probes tbody tr").len(), 20);
}

#[test]
fn a_history_is_as_the_openapi_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let board = past(folder.path());
    let window = Window { from: at(3600), to: at(9000) };
    let told = serde_json::to_value(board.history.path("orders-db", window).unwrap()).unwrap();
    assert_eq!(told["before"]["verdict"], "reachable");
    let document = openapi();
    let schemas = &document["components"]["schemas"];
    let mut found = Vec::new();
    differences(&told, &schemas["PathHistory"], schemas, "history", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}
