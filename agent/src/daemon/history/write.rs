//! Writes what is pending, all of it in one transaction or nothing of it.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, TransactionBehavior, params};

use super::super::metrics::word;
use super::documents::{self, compressed};
use super::pending::{Pending, Record, VerdictChange};
use super::rolled::Rolled;
use super::schema::{columns, on_conflict, sums};

/// The numbers of paths, so that each is looked up once.
pub(super) type Numbers = HashMap<String, i64>;

/// Writes a batch.
///
/// # Errors
/// Where it cannot be written; then nothing of it is.
pub(super) fn write(
    connection: &mut Connection,
    numbers: &mut Numbers,
    batch: &Pending,
) -> rusqlite::Result<()> {
    let written = try_to_write(connection, numbers, batch);
    if written.is_err() {
        // Some may be of the transaction that was undone.
        numbers.clear();
    }
    written
}

fn try_to_write(connection: &mut Connection, numbers: &mut Numbers, batch: &Pending) -> rusqlite::Result<()> {
    // What was committed survives the end of this process however it comes: it is in the system's memory. Against the
    // loss of power as well a commit has to wait for the disk. A verdict change, a snapshot, an event is worth that, is
    // rare, and cannot be made again. The outcomes of a second are not, and would keep a disk busy all day.
    let synchronous = if batch.records.is_empty() { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    for (start, paths) in &batch.minutes {
        add_outcomes(&transaction, numbers, *start, paths)?;
    }
    for (path, turn) in &batch.turns {
        let number = number(&transaction, numbers, path, 0)?;
        let milliseconds = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
        transaction.execute(
            "UPDATE paths SET last_good = ?1, first_bad = ?2 \
             WHERE id = ?3 AND (last_good IS NOT ?1 OR first_bad IS NOT ?2)",
            params![milliseconds(turn.last_good), milliseconds(turn.first_bad), number],
        )?;
    }
    for record in &batch.records {
        match record {
            Record::Verdict(change) => add_verdict(&transaction, numbers, change)?,
            Record::Snapshot(configured) => {
                documents::write(&transaction, configured.at.as_millisecond(), &configured.documents)?;
            }
            Record::Event { at, event, fields } => {
                let fields: serde_json::Map<String, serde_json::Value> =
                    fields.iter().map(|(key, value)| ((*key).to_string(), value.as_str().into())).collect();
                transaction.execute(
                    "INSERT INTO events (at, event, fields) VALUES (?1, ?2, ?3)",
                    params![at.as_millisecond(), event.name(), serde_json::Value::Object(fields).to_string()],
                )?;
            }
        }
    }
    transaction.commit()
}

fn add_outcomes(
    transaction: &Transaction<'_>,
    numbers: &mut Numbers,
    start: i64,
    paths: &HashMap<String, Rolled>,
) -> rusqlite::Result<()> {
    let places: Vec<String> = (1..=sums().len() + 4).map(|index| format!("?{index}")).collect();
    let mut statement = transaction.prepare(&format!(
        "INSERT INTO minutes (start, path, {}) VALUES ({}) {}",
        columns(),
        places.join(", "),
        on_conflict("minutes")
    ))?;
    for (path, rolled) in paths {
        let number = number(transaction, numbers, path, start)?;
        let counts = rolled.results.iter().chain(&rolled.buckets);
        let mut values: Vec<Option<i64>> = vec![Some(start), Some(number)];
        values.extend(counts.map(|count| Some(i64::try_from(*count).unwrap_or(i64::MAX))));
        values.push(Some(nanoseconds(rolled.sum)));
        values.push(rolled.extremes.map(|(shortest, _)| nanoseconds(shortest)));
        values.push(rolled.extremes.map(|(_, longest)| nanoseconds(longest)));
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        statement.execute(&*values)?;
    }
    transaction.execute(
        "UPDATE paths SET heard = ?1 WHERE heard < ?1 AND id IN (SELECT path FROM minutes WHERE start = ?1)",
        params![start],
    )?;
    Ok(())
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn add_verdict(
    transaction: &Transaction<'_>,
    numbers: &mut Numbers,
    change: &VerdictChange,
) -> rusqlite::Result<()> {
    let number = number(transaction, numbers, &change.path, change.at.as_second())?;
    let diagnosis = change.diagnosis.as_deref();
    let cause = diagnosis.and_then(|diagnosis| diagnosis.causes.first());
    let kept = diagnosis.map(|diagnosis| {
        let json = serde_json::to_vec(diagnosis).map_err(std::io::Error::from);
        json.and_then(|json| compressed(&json))
    });
    let kept = kept.transpose().map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    transaction.execute(
        "INSERT INTO verdicts (path, at, target, before, verdict, code, component, summary, diagnosis) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            number,
            change.at.as_millisecond(),
            change.target,
            change.before.as_ref().map(word),
            word(&change.verdict),
            cause.map(|cause| cause.code.name()),
            cause.and_then(|cause| cause.component.id.as_deref()),
            diagnosis.map(|diagnosis| diagnosis.summary.as_str()),
            kept
        ],
    )?;
    Ok(())
}

/// The number of a path, heard of at a time (seconds since 1970) if it is new.
fn number(
    transaction: &Transaction<'_>,
    numbers: &mut Numbers,
    path: &str,
    heard: i64,
) -> rusqlite::Result<i64> {
    if let Some(number) = numbers.get(path) {
        return Ok(*number);
    }
    let known: Option<i64> = transaction
        .query_row("SELECT id FROM paths WHERE name = ?1", params![path], |row| row.get(0))
        .optional()?;
    let number = match known {
        Some(known) => known,
        None => {
            transaction.execute("INSERT INTO paths (name, heard) VALUES (?1, ?2)", params![path, heard])?;
            transaction.last_insert_rowid()
        }
    };
    numbers.insert(path.to_string(), number);
    Ok(number)
}
