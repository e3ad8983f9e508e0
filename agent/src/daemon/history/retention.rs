//! What is old is rolled up, what is too old or too much is deleted, and the room is given back: a little at a time, each
//! in a transaction of its own, so that nothing that is to be written waits for long.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::schema::{columns, on_conflict, sums};

/// How long outcomes are kept by the minute; then by the hour.
pub(super) const MINUTES_KEPT: Duration = Duration::from_secs(7 * 86_400);
const HOUR: i64 = 3600;
/// How many rows are deleted of a table at a time.
const ROWS: i64 = 1000;
/// How many pages are given back at a time: 2 MiB.
const PAGES: i64 = 512;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long.
    pub(super) age: Duration,
    /// How many bytes.
    pub(super) size: u64,
}

/// Does one step of what is to be done at a time (seconds since 1970); whether there may be more.
///
/// # Errors
/// Where the file cannot be written.
pub(super) fn step(connection: &mut Connection, limits: Limits, now: i64) -> rusqlite::Result<bool> {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let mut more = roll_up(connection, now.saturating_sub(seconds(MINUTES_KEPT)))?;
    more |= expire(connection, now.saturating_sub(seconds(limits.age)))?;
    if used(connection)? > limits.size
        && let Some(oldest) = oldest(connection)?
    {
        more |= expire(connection, oldest.saturating_add(HOUR))?;
    }
    more |= give_back(connection)?;
    Ok(more)
}

/// How many bytes are in use.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(u64::try_from(pages.saturating_mul(pragma("page_size")?)).unwrap_or(0))
}

fn begun(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new(connection, TransactionBehavior::Immediate)
}

/// Rolls up the oldest hour of minutes, where it ended by a time.
fn roll_up(connection: &mut Connection, until: i64) -> rusqlite::Result<bool> {
    let oldest: Option<i64> = connection.query_row("SELECT min(start) FROM minutes", [], |row| row.get(0))?;
    let hour = oldest.map(|oldest| oldest.div_euclid(HOUR) * HOUR);
    let Some(hour) = hour.filter(|hour| hour.saturating_add(HOUR) <= until) else { return Ok(false) };
    let transaction = begun(connection)?;
    let summed: Vec<String> = sums().iter().map(|column| format!("sum({column})")).collect();
    transaction.execute(
        &format!(
            "INSERT INTO hours (start, path, {}) SELECT ?1, path, {}, min(rtt_min), max(rtt_max) FROM minutes \
             WHERE start >= ?1 AND start < ?1 + {HOUR} GROUP BY path {}",
            columns(),
            summed.join(", "),
            on_conflict("hours")
        ),
        params![hour],
    )?;
    transaction
        .execute(&format!("DELETE FROM minutes WHERE start >= ?1 AND start < ?1 + {HOUR}"), params![hour])?;
    transaction.commit()?;
    Ok(true)
}

/// Deletes what ended before a time. What still holds is kept, however long ago it began: each path's last verdict, and
/// the last snapshot.
fn expire(connection: &mut Connection, before: i64) -> rusqlite::Result<bool> {
    let milliseconds = before.saturating_mul(1000);
    let transaction = begun(connection)?;
    let mut deleted = 0;
    for table in ["minutes", "hours"] {
        // One hour's rows of all paths.
        deleted += transaction.execute(
            &format!("DELETE FROM {table} WHERE start < min(?1, (SELECT min(start) FROM {table}) + {HOUR})"),
            params![before],
        )?;
    }
    deleted += transaction.execute(
        &format!(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 ORDER BY at LIMIT {ROWS})"
        ),
        params![milliseconds],
    )?;
    deleted += transaction.execute(
        &format!(
            "DELETE FROM verdicts WHERE id IN (SELECT id FROM verdicts AS old WHERE at < ?1 AND EXISTS \
             (SELECT 1 FROM verdicts AS new WHERE new.path = old.path AND new.id > old.id AND new.at >= old.at) \
             ORDER BY at LIMIT {ROWS})"
        ),
        params![milliseconds],
    )?;
    let snapshots = transaction.execute(
        "DELETE FROM snapshots WHERE id IN (SELECT id FROM snapshots WHERE until < ?1 \
         AND id < (SELECT max(id) FROM snapshots) ORDER BY id LIMIT 10)",
        params![milliseconds],
    )?;
    if snapshots > 0 {
        transaction.execute_batch(
            "DELETE FROM snapshot_documents WHERE snapshot NOT IN (SELECT id FROM snapshots);
             DELETE FROM documents WHERE NOT EXISTS \
             (SELECT 1 FROM snapshot_documents WHERE document = documents.id);",
        )?;
    }
    let gone: Option<i64> = transaction
        .query_row("SELECT id FROM paths WHERE heard < ?1 LIMIT 1", params![before], |row| row.get(0))
        .optional()?;
    if let Some(gone) = gone {
        deleted += transaction.execute("DELETE FROM verdicts WHERE path = ?1", params![gone])?;
        deleted += transaction.execute("DELETE FROM paths WHERE id = ?1", params![gone])?;
    }
    transaction.commit()?;
    Ok(deleted + snapshots > 0)
}

/// The time of the oldest that may be deleted, in seconds since 1970.
fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let oldest: Option<i64> = connection.query_row(
        "SELECT min(oldest) FROM (SELECT min(start) AS oldest FROM minutes UNION ALL SELECT min(start) FROM hours \
         UNION ALL SELECT min(at) / 1000 FROM events \
         UNION ALL SELECT min(at) / 1000 FROM verdicts AS old WHERE EXISTS (SELECT 1 FROM verdicts AS new \
             WHERE new.path = old.path AND new.id > old.id AND new.at >= old.at) \
         UNION ALL SELECT min(until) / 1000 FROM snapshots WHERE id < (SELECT max(id) FROM snapshots))",
        [],
        |row| row.get(0),
    )?;
    Ok(oldest)
}

/// Gives room that is free back to the system.
fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free == 0 {
        return Ok(false);
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(free > PAGES)
}
