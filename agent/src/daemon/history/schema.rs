//! The tables, and how those of an earlier version become those of this one.
//!
//! Outcomes are ordered by time before path. So a second's outcomes of all paths lie side by side, on two or three pages
//! of the file rather than on one for each path; what is too old is the beginning of the table; and whoever reads one
//! path looks up each minute of it, which costs microseconds.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::super::result::ProbeResult;
use super::super::watched::BUCKETS;

/// Tells a history from any other file of SQLite: "peer".
pub(super) const APPLICATION: i32 = 0x7065_6572;

/// What makes each version of the tables from the one before. Those that were released stay as they are.
pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE paths (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    heard INTEGER NOT NULL,
    last_good INTEGER,
    first_bad INTEGER
);
CREATE TABLE minutes (
    start INTEGER NOT NULL,
    path INTEGER NOT NULL,
    connected INTEGER NOT NULL, refused INTEGER NOT NULL, timeout INTEGER NOT NULL,
    prohibited INTEGER NOT NULL, unreachable INTEGER NOT NULL, reset INTEGER NOT NULL,
    dns_error INTEGER NOT NULL, local_error INTEGER NOT NULL, app_error INTEGER NOT NULL,
    bucket_0 INTEGER NOT NULL, bucket_1 INTEGER NOT NULL, bucket_2 INTEGER NOT NULL,
    bucket_3 INTEGER NOT NULL, bucket_4 INTEGER NOT NULL, bucket_5 INTEGER NOT NULL,
    bucket_6 INTEGER NOT NULL, bucket_7 INTEGER NOT NULL, bucket_8 INTEGER NOT NULL,
    bucket_9 INTEGER NOT NULL, bucket_10 INTEGER NOT NULL, bucket_11 INTEGER NOT NULL,
    bucket_12 INTEGER NOT NULL, bucket_13 INTEGER NOT NULL,
    rtt_sum INTEGER NOT NULL,
    rtt_min INTEGER,
    rtt_max INTEGER,
    PRIMARY KEY (start, path)
) WITHOUT ROWID;
CREATE TABLE hours (
    start INTEGER NOT NULL,
    path INTEGER NOT NULL,
    connected INTEGER NOT NULL, refused INTEGER NOT NULL, timeout INTEGER NOT NULL,
    prohibited INTEGER NOT NULL, unreachable INTEGER NOT NULL, reset INTEGER NOT NULL,
    dns_error INTEGER NOT NULL, local_error INTEGER NOT NULL, app_error INTEGER NOT NULL,
    bucket_0 INTEGER NOT NULL, bucket_1 INTEGER NOT NULL, bucket_2 INTEGER NOT NULL,
    bucket_3 INTEGER NOT NULL, bucket_4 INTEGER NOT NULL, bucket_5 INTEGER NOT NULL,
    bucket_6 INTEGER NOT NULL, bucket_7 INTEGER NOT NULL, bucket_8 INTEGER NOT NULL,
    bucket_9 INTEGER NOT NULL, bucket_10 INTEGER NOT NULL, bucket_11 INTEGER NOT NULL,
    bucket_12 INTEGER NOT NULL, bucket_13 INTEGER NOT NULL,
    rtt_sum INTEGER NOT NULL,
    rtt_min INTEGER,
    rtt_max INTEGER,
    PRIMARY KEY (start, path)
) WITHOUT ROWID;
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    path INTEGER NOT NULL,
    at INTEGER NOT NULL,
    target TEXT NOT NULL,
    before TEXT,
    verdict TEXT NOT NULL,
    code TEXT,
    component TEXT,
    summary TEXT,
    diagnosis BLOB
);
CREATE INDEX verdicts_of_a_path ON verdicts (path, at);
CREATE INDEX verdicts_by_time ON verdicts (at);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (at);
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL
);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    content BLOB NOT NULL
);
CREATE TABLE snapshot_documents (
    snapshot INTEGER NOT NULL,
    place TEXT NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (snapshot, place)
) WITHOUT ROWID;
CREATE INDEX snapshots_of_a_document ON snapshot_documents (document);
"];

/// The columns of outcomes that are added up: the results, the buckets, the sum.
pub(super) fn sums() -> Vec<String> {
    let results = ProbeResult::ALL.into_iter().map(|result| result.word().to_string());
    let buckets = (0..BUCKETS).map(|bucket| format!("bucket_{bucket}"));
    results.chain(buckets).chain(["rtt_sum".to_string()]).collect()
}

/// The columns of outcomes that are read: those of [`sums`], the shortest and the longest round trip.
pub(super) fn columns() -> String {
    format!("{}, rtt_min, rtt_max", sums().join(", "))
}

/// What becomes of a row of outcomes that more of the same time and path come to.
pub(super) fn on_conflict(table: &str) -> String {
    let sums: Vec<String> =
        sums().iter().map(|column| format!("{column} = {table}.{column} + excluded.{column}")).collect();
    let extreme = |function: &str, column: &str| {
        format!(
            "{column} = {function}(coalesce({table}.{column}, excluded.{column}), coalesce(excluded.{column}, {table}.{column}))"
        )
    };
    format!(
        "ON CONFLICT (start, path) DO UPDATE SET {}, {}, {}",
        sums.join(", "),
        extreme("min", "rtt_min"),
        extreme("max", "rtt_max")
    )
}

/// Brings the tables to the newest version.
///
/// # Errors
/// Where the file cannot be written, or is damaged.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let version = version(connection)?;
    for (index, migration) in migrations.iter().enumerate().skip(usize::try_from(version).unwrap_or(0)) {
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

/// The version of the tables; 0 where there are none.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
