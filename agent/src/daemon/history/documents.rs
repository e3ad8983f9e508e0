//! Snapshots, divided so that what has not changed since is kept once.
//!
//! A snapshot is kept as its kinds of documents (one account's route tables, a space's peerings), each by its content
//! and compressed: of a snapshot that is read again where one rule was changed, one kind is new. By measurement DEFLATE
//! takes a diagnosis to a sixth and a long list of interfaces to a twentieth, a third of what Snappy leaves of that;
//! the milliseconds that it takes are the writer's alone.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use peerscope_document::Snapshot;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The largest content that is made of a compressed one: a file may have been damaged, or made, to hold more.
const LARGEST: u64 = 1 << 30;

/// The kinds whose change alone makes no new snapshot: when it was collected, and by which calls.
const PLACE_OF_MANIFEST: &str = "/manifest";

/// What is kept of a snapshot: the content of each kind by its place, as a JSON Pointer (RFC 6901).
type Divided = BTreeMap<String, Vec<u8>>;

/// Divides a snapshot.
fn divide(snapshot: &Snapshot) -> serde_json::Result<Divided> {
    let mut parts = Divided::new();
    let Value::Object(top) = serde_json::to_value(snapshot)? else { return Ok(parts) };
    let mut put = |place: String, value: &Value| {
        if !value.is_null() {
            parts.insert(place, serde_json::to_vec(value)?);
        }
        Ok::<(), serde_json::Error>(())
    };
    for (key, value) in &top {
        match (key.as_str(), value) {
            ("aws", Value::Array(collections)) => {
                for (index, collection) in collections.iter().enumerate() {
                    put(format!("/aws/{index}"), &Value::Object(Map::new()))?;
                    for (key, value) in collection.as_object().into_iter().flatten() {
                        match (key.as_str(), value) {
                            ("documents", Value::Object(kinds)) => {
                                for (kind, value) in kinds {
                                    put(format!("/aws/{index}/documents/{kind}"), value)?;
                                }
                            }
                            _ => put(format!("/aws/{index}/{key}"), value)?,
                        }
                    }
                }
            }
            ("heroku", Value::Object(kinds)) => {
                for (kind, value) in kinds {
                    put(format!("/heroku/{kind}"), value)?;
                }
            }
            _ => put(format!("/{key}"), value)?,
        }
    }
    Ok(parts)
}

/// Makes a snapshot of its parts again.
fn join(parts: &Divided) -> serde_json::Result<Snapshot> {
    let mut top = serde_json::json!({ "aws": [], "heroku": {}, "manifest": null, "sources": [] });
    for (place, content) in parts {
        let content: Value = serde_json::from_slice(content)?;
        let mut at = Some(&mut top);
        for part in place.split('/').skip(1) {
            at = at.and_then(|at| within(at, part));
        }
        let Some(at) = at else { continue };
        // Where a collection has no document at all, its place alone is kept.
        let is_place = at.is_object() && content.as_object().is_some_and(Map::is_empty);
        if !is_place {
            *at = content;
        }
    }
    serde_json::from_value(top)
}

/// The part of a value by its name, made where there is none.
fn within<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Array(list) => {
            // Places come in the order of their text, "10" before "2".
            let index = part.parse::<usize>().ok().filter(|index| *index < 1 << 16)?;
            while list.len() <= index {
                list.push(serde_json::json!({ "region": null, "documents": {} }));
            }
            list.get_mut(index)
        }
        Value::Object(map) => Some(map.entry(part).or_insert(Value::Null)),
        _ => None,
    }
}

/// Compresses.
pub(super) fn compressed(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

/// What was compressed.
pub(super) fn expanded(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    DeflateDecoder::new(compressed).take(LARGEST).read_to_end(&mut content)?;
    Ok(content)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(error))
}

/// Writes a snapshot that was read at a time (milliseconds since 1970). Where nothing has changed but when it was
/// collected, the last one lasts until then.
///
/// # Errors
/// Where the file cannot be written.
pub(super) fn write(transaction: &Transaction<'_>, at: i64, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let parts = divide(snapshot).map_err(other)?;
    let hashed: BTreeMap<&str, Vec<u8>> =
        parts.iter().map(|(place, content)| (place.as_str(), Sha256::digest(content).to_vec())).collect();
    let last: Option<i64> =
        transaction.query_row("SELECT max(id) FROM snapshots", [], |row| row.get(0)).optional()?.flatten();
    if let Some(last) = last {
        let before = hashes(transaction, last)?;
        let without = |place: &&str| *place != PLACE_OF_MANIFEST;
        let is_same = before.len() == hashed.keys().copied().filter(|place| without(place)).count()
            && before.iter().all(|(place, hash)| hashed.get(place.as_str()) == Some(hash));
        if is_same {
            transaction
                .execute("UPDATE snapshots SET until = max(until, ?1) WHERE id = ?2", params![at, last])?;
            return Ok(());
        }
    }
    transaction.execute("INSERT INTO snapshots (at, until) VALUES (?1, ?1)", params![at])?;
    let id = transaction.last_insert_rowid();
    for (place, hash) in &hashed {
        let known: Option<i64> = transaction
            .query_row("SELECT id FROM documents WHERE hash = ?1", params![hash], |row| row.get(0))
            .optional()?;
        let document = match known {
            Some(known) => known,
            None => {
                let content = parts.get(*place).map_or(&[][..], Vec::as_slice);
                transaction.execute(
                    "INSERT INTO documents (hash, content) VALUES (?1, ?2)",
                    params![hash, compressed(content).map_err(other)?],
                )?;
                transaction.last_insert_rowid()
            }
        };
        transaction.execute(
            "INSERT INTO snapshot_documents (snapshot, place, document) VALUES (?1, ?2, ?3)",
            params![id, place, document],
        )?;
    }
    Ok(())
}

/// The hashes of a snapshot's parts, but for its manifest's.
fn hashes(connection: &Connection, snapshot: i64) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    let mut statement = connection.prepare(
        "SELECT place, hash FROM snapshot_documents JOIN documents ON documents.id = document \
         WHERE snapshot = ?1 AND place <> ?2",
    )?;
    let rows =
        statement.query_map(params![snapshot, PLACE_OF_MANIFEST], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// A snapshot by its number.
///
/// # Errors
/// Where the file cannot be read, or holds what is no snapshot.
pub(super) fn read(connection: &Connection, id: i64) -> rusqlite::Result<Snapshot> {
    let mut statement = connection.prepare(
        "SELECT place, content FROM snapshot_documents JOIN documents ON documents.id = document \
         WHERE snapshot = ?1",
    )?;
    let rows =
        statement.query_map(params![id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut parts = Divided::new();
    for row in rows {
        let (place, content) = row?;
        parts.insert(place, expanded(&content).map_err(damaged)?);
    }
    join(&parts).map_err(damaged)
}

/// The number of the snapshot that held at a time (milliseconds since 1970); none where none was read by then.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn number(connection: &Connection, at: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT id FROM snapshots WHERE at <= ?1 ORDER BY id DESC LIMIT 1", params![at], |row| {
            row.get(0)
        })
        .optional()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn what_was_divided_is_joined_to_the_same() {
        let empty = Snapshot::default();
        assert_eq!(join(&divide(&empty).unwrap()).unwrap(), empty);
        let snapshot = super::super::tests::snapshot();
        assert!(divide(&snapshot).unwrap().len() > 8);
        assert_eq!(join(&divide(&snapshot).unwrap()).unwrap(), snapshot);
        let mut many = snapshot.clone();
        many.aws = vec![snapshot.aws[0].clone(); 12];
        many.aws[3] = peerscope_document::AwsCollection::default();
        many.aws[11].documents.vpcs = Some(Vec::new());
        assert_eq!(join(&divide(&many).unwrap()).unwrap(), many);
    }

    #[test]
    fn no_parts_make_it_panic() {
        for (place, content) in [
            ("/aws/99999999999", "{}"),
            ("/aws/x/y", "1"),
            ("/aws/70000", "1"),
            ("/sources", "7"),
            ("", "[]"),
            ("/", "{}"),
            ("/heroku/space", "[["),
            ("/aws/0/documents/Vpcs/0", "1"),
        ] {
            let parts = Divided::from([(place.to_string(), content.as_bytes().to_vec())]);
            _ = join(&parts);
        }
        assert!(expanded(&[0xff; 32]).is_err());
    }
}
