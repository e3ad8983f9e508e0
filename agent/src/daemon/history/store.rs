//! The file: opened, found to be one of ours, and put aside where it is damaged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::Timestamp;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::schema::{APPLICATION, MIGRATIONS, migrate, version};

/// How long another process's lock of the file is waited for.
const BUSY: Duration = Duration::from_secs(2);
/// What the log beside the file is cut back to.
const LOG_BYTES: i64 = 4 << 20;

/// Why a file is not used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It is damaged, or no file of SQLite at all.
    Corrupt(Error),
    /// It is sound, and not ours to write: another program's, or a later version's.
    Foreign(String),
    /// The system does not let it be opened or written.
    Unavailable(Error),
}

impl From<Error> for Unusable {
    fn from(error: Error) -> Self {
        if is_corrupt(&error) { Self::Corrupt(error) } else { Self::Unavailable(error) }
    }
}

/// Whether an error says that the file is damaged.
pub(super) fn is_corrupt(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether an error says that the file cannot be had at all, which time does not mend.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly)
    )
}

/// Opens a history to write it, or a new one where there is none.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn open(file: &Path) -> Result<Connection, Unusable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    prepare(Connection::open_with_flags(file, flags)?)
}

/// A history that lives no longer than the process.
///
/// # Errors
/// Where there is no memory for it.
pub(super) fn in_memory() -> Result<Connection, Unusable> {
    prepare(Connection::open_in_memory()?)
}

/// Looks at every page.
///
/// # Errors
/// That the file is damaged.
pub(super) fn examine(connection: &Connection) -> rusqlite::Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(Error::SqliteFailure(code, Some(found)))
}

/// Opens a history beside its writer to read it.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn open_to_read(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn prepare(mut connection: Connection) -> Result<Connection, Unusable> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if tables > 0 && application != APPLICATION {
        return Err(Unusable::Foreign("a database of another program".to_string()));
    }
    let version = version(&connection)?;
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > newest {
        return Err(Unusable::Foreign(format!(
            "one of version {version}, which a later peerscope wrote; this one knows {newest}"
        )));
    }
    if tables == 0 {
        // It is taken before the first table alone.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    // A reader never waits for the writer, nor the writer for a reader, and a commit is one write at the end of a log.
    // Where a file system has no shared memory the journal stays what it was, which is slower and as safe.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    migrate(&mut connection, MIGRATIONS)?;
    has_all_tables(&connection)?;
    Ok(connection)
}

/// A file of our version without one of its tables was damaged in a way that SQLite itself does not see.
fn has_all_tables(connection: &Connection) -> Result<(), Unusable> {
    for table in
        ["paths", "minutes", "hours", "verdicts", "events", "snapshots", "documents", "snapshot_documents"]
    {
        connection.prepare(&format!("SELECT * FROM {table}")).map_err(|error| match error {
            Error::SqliteFailure(failure, _) if failure.code == ErrorCode::Unknown => {
                Unusable::Corrupt(error)
            }
            error => error.into(),
        })?;
    }
    Ok(())
}

/// Puts a damaged file aside, with what lies beside it; under which name.
///
/// # Errors
/// Where it cannot be renamed.
pub(super) fn set_aside(file: &Path, at: Timestamp) -> io::Result<PathBuf> {
    let stamp: String =
        at.to_string().chars().filter(char::is_ascii_alphanumeric).take("20260101T000000".len()).collect();
    let named = |count: u32| {
        let again = if count == 0 { String::new() } else { format!("-{count}") };
        with_suffix(file, &format!(".corrupt-{stamp}Z{again}"))
    };
    let aside = (0..1000).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| named(1000));
    // The log goes first: beside a new file the old one's would be taken for its own.
    for suffix in ["-wal", ""] {
        match fs::rename(with_suffix(file, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    match fs::remove_file(with_suffix(file, "-shm")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => other?,
    }
    Ok(aside)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    PathBuf::from(name)
}
