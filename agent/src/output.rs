//! Results to standard output, where a reader that has gone away is no error, and to files.

use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::input_error::InputError;

/// How much is written at once.
const ROOM: usize = 64 << 10;

/// Writes a result.
///
/// # Errors
/// Where standard output cannot be written to for any reason but a closed pipe.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_on(text).map(|_| ())
}

/// Writes a part of a result; false where the reader has gone away, so that there is no point in more.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_on(text: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
        Ok(()) => Ok(true),
    }
}

/// Writes a result as JSON, as it is made: a whole matrix has hundreds of megabytes.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut stdout = BufWriter::with_capacity(ROOM, io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut stdout, value).map_err(io::Error::from);
    match written.and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a file, whole or not at all. What is no file but a pipe or a terminal is written to as it is.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let written = match fs::metadata(path) {
        Ok(known) if !known.is_file() => {
            fs::File::options().write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()))
        }
        _ => write_in_place_of(path, text),
    };
    written
        .map_err(|error| Failure::Input(vec![InputError::new(path, format!("cannot be written: {error}"))]))
}

fn write_in_place_of(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_os_string();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    let mut file = fs::File::create(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}
