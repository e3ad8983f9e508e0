//! Tells what is kept of a path, no more of it than an answer holds.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::report::Verdict;
use rusqlite::{Connection, OptionalExtension, Row, params};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::recent::Happening;
use super::super::result::ProbeResult;
use super::super::watched::ROUND_TRIPS;
use super::documents::expanded;
use super::pending::Turn;
use super::rolled::Rolled;
use super::schema::{columns, sums};
use super::window::Window;

/// The value of [`PathHistory::schema`].
const SCHEMA: &str = "peerscope/history/1";
/// How many buckets an answer has at the most.
const BUCKETS: i64 = 1500;
/// How many verdict changes, and how many events; of more, the latest.
const ROWS: i64 = 500;
/// How long a bucket may be, in seconds.
const WIDTHS: [i64; 8] = [60, 300, 900, 3600, 6 * 3600, DAY, 7 * DAY, 30 * DAY];
const DAY: i64 = 86_400;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// What is kept of a path, within a time.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PathHistory {
    /// `peerscope/history/1`
    schema: &'static str,
    /// What the path is called.
    path: String,
    /// The beginning, in RFC 3339.
    #[schemars(with = "String")]
    from: Timestamp,
    /// The end, which is not included.
    #[schemars(with = "String")]
    to: Timestamp,
    /// How long each bucket is that does not say otherwise.
    pub(crate) bucket_seconds: i64,
    /// The bounds of each bucket's histogram.
    histogram_bounds_seconds: [f64; ROUND_TRIPS.len()],
    /// What its probes came to; times without one are left out.
    pub(crate) buckets: Vec<Bucket>,
    /// What held at the beginning: the last change of its verdict before it.
    pub(crate) before: Option<Change>,
    /// How its verdict changed.
    pub(crate) verdicts: Vec<Change>,
    /// What happened to the daemon, and when what is configured was other than before.
    pub(crate) events: Vec<Event>,
    /// Whether there are earlier verdict changes or events than these.
    pub(crate) truncated: bool,
}

/// What the probes of a while came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HistoryBucket")]
pub(crate) struct Bucket {
    /// Its beginning, in RFC 3339.
    #[schemars(with = "String")]
    pub(crate) at: Timestamp,
    /// Longer than `bucket_seconds` where no less is known any more.
    pub(crate) seconds: i64,
    /// How many probes came to what.
    #[serde(serialize_with = "by_word")]
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) results: BTreeMap<ProbeResult, u64>,
    /// The round trips, where there was one.
    #[serde(rename = "rtt_seconds")]
    pub(crate) round_trips: Option<RoundTrips>,
}

/// Round trips, in seconds.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HistoryRoundTrips")]
pub(crate) struct RoundTrips {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// How many took no longer than each of `histogram_bounds_seconds`, and how many there were.
    histogram: Vec<u64>,
}

/// A change of a verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HistoryVerdict")]
pub(crate) struct Change {
    pub(crate) id: i64,
    /// When, in RFC 3339.
    #[schemars(with = "String")]
    pub(crate) at: Timestamp,
    /// What was asked then, without credentials.
    target: String,
    before: Option<String>,
    pub(crate) verdict: String,
    /// The code of the first cause.
    pub(crate) code: Option<String>,
    component: Option<String>,
    pub(crate) summary: Option<String>,
    /// Whether its diagnosis is kept, to be asked for by its id.
    pub(crate) has_diagnosis: bool,
}

/// Something that happened to the daemon, or to what is configured.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HistoryEvent")]
pub(crate) struct Event {
    /// When, in RFC 3339.
    #[schemars(with = "String")]
    pub(crate) at: Timestamp,
    pub(crate) event: String,
    fields: Value,
}

/// What a path was like when it was heard of last.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    /// What it led to then.
    pub(crate) target: String,
    /// Its last verdict, and since when it holds.
    pub(crate) verdict: Option<(Verdict, Timestamp)>,
    /// When it was good, and since when it is bad.
    pub(crate) turn: Turn,
}

fn by_word<S: Serializer>(results: &BTreeMap<ProbeResult, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(results.iter().map(|(result, count)| (result.word(), count)))
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// What is kept of a path within a time; empty for a path that nothing is kept of.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn path(connection: &Connection, name: &str, window: Window) -> rusqlite::Result<PathHistory> {
    let (from, to) = (window.from.as_millisecond(), window.to.as_millisecond());
    let number: Option<i64> = connection
        .query_row("SELECT id FROM paths WHERE name = ?1", params![name], |row| row.get(0))
        .optional()?;
    let span = (to - from).div_euclid(1000);
    let longest = WIDTHS[WIDTHS.len() - 1];
    let fitting = WIDTHS.into_iter().find(|width| span / width < BUCKETS);
    // Centuries: so long that as many buckets as there may be hold them.
    let width = fitting.unwrap_or_else(|| (span / BUCKETS / longest + 1) * longest);
    let (mut buckets, mut verdicts, mut before) = (Vec::new(), Vec::new(), None);
    if let Some(number) = number {
        buckets = outcomes(connection, number, from.div_euclid(1000), to, width)?;
        verdicts = changes(connection, number, from, to, ROWS + 1)?;
        before = changes(connection, number, i64::MIN, from, 1)?.pop();
    }
    let mut events = events(connection, from, to)?;
    let limit = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let truncated = verdicts.len() > limit || events.len() > limit;
    verdicts.truncate(limit);
    events.truncate(limit);
    verdicts.reverse();
    events.reverse();
    Ok(PathHistory {
        schema: SCHEMA,
        path: name.to_string(),
        from: window.from,
        to: window.to,
        bucket_seconds: width,
        histogram_bounds_seconds: ROUND_TRIPS,
        buckets,
        before,
        verdicts,
        events,
        truncated,
    })
}

fn outcomes(
    connection: &Connection,
    path: i64,
    from: i64,
    to: i64,
    width: i64,
) -> rusqlite::Result<Vec<Bucket>> {
    let mut all: BTreeMap<(i64, i64), Rolled> = BTreeMap::new();
    for (table, step) in [("hours", HOUR), ("minutes", MINUTE)] {
        let ends: (Option<i64>, Option<i64>) = connection.query_row(
            &format!("SELECT (SELECT min(start) FROM {table}), (SELECT max(start) FROM {table})"),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (Some(first), Some(last)) = ends else { continue };
        let sql = format!("SELECT {} FROM {table} WHERE start = ?1 AND path = ?2", columns());
        let mut statement = connection.prepare(&sql)?;
        let mut start = from.div_euclid(step) * step;
        start = start.max(first.div_euclid(step) * step);
        while start <= last && start.saturating_mul(1000) < to {
            let rolled = statement.query_row(params![start, path], rolled).optional()?;
            if let Some(rolled) = rolled {
                let width = width.max(step);
                all.entry((start.div_euclid(width) * width, width)).or_default().add(&rolled);
            }
            start += step;
        }
    }
    Ok(all.into_iter().map(|((at, seconds), rolled)| bucket(at, seconds, &rolled)).collect())
}

fn rolled(row: &Row<'_>) -> rusqlite::Result<Rolled> {
    let mut rolled = Rolled::default();
    let count =
        |index: usize| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0));
    let counts = rolled.results.iter_mut().chain(&mut rolled.buckets);
    for (index, place) in counts.enumerate() {
        *place = count(index)?;
    }
    let after = sums().len();
    rolled.sum = Duration::from_nanos(count(after - 1)?);
    let extreme = |index: usize| {
        let nanoseconds: Option<i64> = row.get(index)?;
        Ok::<_, rusqlite::Error>(
            nanoseconds.and_then(|one| u64::try_from(one).ok()).map(Duration::from_nanos),
        )
    };
    rolled.extremes = extreme(after)?.zip(extreme(after + 1)?);
    Ok(rolled)
}

fn bucket(at: i64, seconds: i64, rolled: &Rolled) -> Bucket {
    let results = ProbeResult::ALL.into_iter().zip(rolled.results);
    let results = results.filter(|(_, count)| *count > 0);
    let mut below = 0;
    let histogram = rolled.buckets.iter().map(|inside| {
        below += inside;
        below
    });
    Bucket {
        at: time(at.saturating_mul(1000)),
        seconds,
        results: results.collect(),
        round_trips: rolled.extremes.map(|(shortest, longest)| RoundTrips {
            count: rolled.buckets.iter().sum(),
            sum: rolled.sum.as_secs_f64(),
            min: shortest.as_secs_f64(),
            max: longest.as_secs_f64(),
            histogram: histogram.collect(),
        }),
    }
}

/// The latest, first the last.
fn changes(
    connection: &Connection,
    path: i64,
    from: i64,
    to: i64,
    most: i64,
) -> rusqlite::Result<Vec<Change>> {
    let mut statement = connection.prepare(
        "SELECT id, at, target, before, verdict, code, component, summary, diagnosis IS NOT NULL FROM verdicts \
         WHERE path = ?1 AND at >= ?2 AND at < ?3 ORDER BY at DESC, id DESC LIMIT ?4",
    )?;
    let rows = statement.query_map(params![path, from, to, most], |row| {
        Ok(Change {
            id: row.get(0)?,
            at: time(row.get(1)?),
            target: row.get(2)?,
            before: row.get(3)?,
            verdict: row.get(4)?,
            code: row.get(5)?,
            component: row.get(6)?,
            summary: row.get(7)?,
            has_diagnosis: row.get(8)?,
        })
    })?;
    rows.collect()
}

/// The latest first, and one more than are told.
fn events(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<Event>> {
    let mut statement = connection.prepare(
        "SELECT at, event, fields FROM events WHERE at >= ?1 AND at < ?2 \
         UNION ALL SELECT at, ?4, '{}' FROM snapshots WHERE at >= ?1 AND at < ?2 \
         ORDER BY at DESC LIMIT ?3",
    )?;
    let rows =
        statement.query_map(params![from, to, ROWS + 1, Happening::SnapshotChanged.name()], |row| {
            let fields: String = row.get(2)?;
            Ok(Event {
                at: time(row.get(0)?),
                event: row.get(1)?,
                fields: serde_json::from_str(&fields).unwrap_or_else(|_| Value::Object(Map::new())),
            })
        })?;
    rows.collect()
}

/// The diagnosis of a verdict change of a path, as it was told then.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn diagnosis(
    connection: &Connection,
    name: &str,
    id: i64,
) -> rusqlite::Result<Option<Box<RawValue>>> {
    let kept: Option<Vec<u8>> = connection
        .query_row(
            "SELECT diagnosis FROM verdicts JOIN paths ON paths.id = path WHERE verdicts.id = ?1 AND name = ?2",
            params![id, name],
            |row| row.get(0),
        )
        .optional()?
        .flatten();
    let expanded = kept.and_then(|kept| expanded(&kept).ok());
    Ok(expanded.and_then(|json| serde_json::from_slice(&json).ok()))
}

/// What every path was like last.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn remembered(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Remembered>> {
    let mut statement = connection.prepare(
        "SELECT name, last_good, first_bad, target, verdict, at FROM paths LEFT JOIN verdicts ON verdicts.id = \
         (SELECT id FROM verdicts WHERE path = paths.id ORDER BY id DESC LIMIT 1)",
    )?;
    let rows = statement.query_map([], |row| {
        let time = |index: usize| {
            let milliseconds: Option<i64> = row.get(index)?;
            Ok::<_, rusqlite::Error>(milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok()))
        };
        let word: Option<String> = row.get(4)?;
        let remembered = Remembered {
            target: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            verdict: word.and_then(|word| verdict(&word)).zip(time(5)?),
            turn: Turn { last_good: time(1)?, first_bad: time(2)? },
        };
        Ok((row.get(0)?, remembered))
    })?;
    rows.collect()
}

/// The verdict of a word.
pub(crate) fn verdict(word: &str) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| super::super::metrics::word(verdict) == word)
}
