//! Puts a whole snapshot in place of another in one step.
//!
//! Whoever reads a snapshot while it is written, or after its writer was killed, must read a whole one: half of a
//! snapshot accuses the innocent. So documents go into a hidden folder beside the one that is meant, which no
//! loader looks into; when the manifest, the last of them, has reached the disk, both folders change places at once.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use peerscope_document::{MANIFEST_SCHEMA, Manifest};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Serialize;

/// What a manifest is called.
const MANIFEST: &str = "manifest.json";
/// What stands in hidden folders' names before a random end.
const MARK: &str = ".peerscope-";
/// The end of the name of a snapshot that is out of the way for a moment.
const ASIDE: &str = ".aside";

/// Why a folder is not replaced.
#[derive(Debug)]
pub(crate) enum NotReplaced {
    /// It is not peerscope's to replace.
    NotOurs(PathBuf, String),
    /// It cannot be written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for NotReplaced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs(path, why) => write!(
                formatter,
                "{}: expected a new or empty folder, or a snapshot that `peerscope collect` wrote, found {why}; nothing was changed",
                path.display()
            ),
            Self::Io(path, error) => write!(formatter, "{}: cannot be written: {error}", path.display()),
        }
    }
}

/// A moment in which a writer may be killed. Tests fail at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A document, or the manifest, is about to be written.
    Document,
    /// It is written, and not yet on the disk.
    Synchronise,
    /// All is there but for the exchange.
    Exchange,
    /// The old one was moved aside, where both cannot change places at once.
    Between,
    /// The new one stands; the old one is still there, hidden.
    Remove,
}

/// Writes one snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotWriter {
    target: PathBuf,
    /// The hidden folder, and its lock: who holds none is dead, and what it left is removed.
    hidden: PathBuf,
    lock: Option<Flock<File>>,
    files: BTreeSet<String>,
    /// Whether folders of this file system can change places.
    can_exchange: bool,
    /// The step that fails, for tests, and how many are left before it.
    fails_after: Option<usize>,
    is_done: bool,
}

impl SnapshotWriter {
    /// Begins to write in place of `target`.
    ///
    /// # Errors
    /// Where `target` is neither free nor a snapshot of peerscope's, or cannot be written beside.
    pub(crate) fn begin(target: &Path) -> Result<Self, NotReplaced> {
        let failed = |error| NotReplaced::Io(target.to_path_buf(), error);
        let resolved = resolve(target).map_err(failed)?;
        let (parent, name) = parts(&resolved)
            .ok_or_else(|| NotReplaced::NotOurs(target.to_path_buf(), "no folder of its own".to_string()))?;
        restore(&resolved, &parent, &name).map_err(failed)?;
        may_replace(&resolved).map_err(|why| match why {
            Ok(why) => NotReplaced::NotOurs(target.to_path_buf(), why),
            Err(error) => failed(error),
        })?;
        remove_left(&parent, &name);
        let mut hidden_name = hidden_prefix(&name);
        hidden_name.push(format!("{:016x}", fastrand::u64(..)));
        let hidden = parent.join(hidden_name);
        fs::create_dir(&hidden).map_err(failed)?;
        let lock = lock(&hidden).map_err(failed)?;
        Ok(Self {
            target: resolved,
            hidden,
            lock,
            files: BTreeSet::new(),
            can_exchange: true,
            fails_after: None,
            is_done: false,
        })
    }

    /// Writes a document under a name relative to the snapshot's folder, such as `heroku/nat.json`.
    ///
    /// # Errors
    /// Where it cannot be written, or the name leads elsewhere.
    pub(crate) fn document(&mut self, name: &str, document: &impl Serialize) -> io::Result<()> {
        let relative = Path::new(name);
        let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || name.is_empty() || name == MANIFEST || !self.files.insert(name.to_string()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name} is no name of a document"),
            ));
        }
        self.write(relative, document)
    }

    /// The documents so far, in order.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Writes the manifest, and puts the snapshot in its place.
    ///
    /// # Errors
    /// Where that cannot be done; then what stood there stands.
    pub(crate) fn finish(mut self, manifest: Manifest) -> Result<(), NotReplaced> {
        self.replace(manifest).map_err(|error| NotReplaced::Io(self.target.clone(), error))
    }

    fn replace(&mut self, manifest: Manifest) -> io::Result<()> {
        let manifest = Manifest { files: self.files().map(str::to_string).collect(), ..manifest };
        self.write(Path::new(MANIFEST), &manifest)?;
        let folders = self.files.iter().flat_map(|file| Path::new(file).ancestors().skip(1));
        let folders: BTreeSet<&Path> = folders.chain([Path::new("")]).collect();
        for folder in folders.iter().rev() {
            File::open(self.hidden.join(folder))?.sync_all()?;
        }
        self.step(Step::Exchange)?;
        self.exchange()?;
        self.is_done = true;
        if let Some(parent) = self.target.parent() {
            File::open(parent)?.sync_all()?;
        }
        self.step(Step::Remove)?;
        // What stood there before. It is of no use to anybody, and what is left of it goes with the next snapshot.
        let _ = fs::remove_dir_all(&self.hidden);
        Ok(())
    }

    /// Puts the new folder where it belongs. A folder takes the place of none, and of an empty one, in one step too.
    fn exchange(&mut self) -> io::Result<()> {
        match fs::rename(&self.hidden, &self.target) {
            Err(error) if is_in_the_way(&error) => {}
            other => return other,
        }
        // Somebody may have put something there since it was looked at.
        if let Err(why) = may_replace(&self.target) {
            return Err(
                why.map_or_else(|error| error, |why| io::Error::other(format!("{why} was put there")))
            );
        }
        if self.can_exchange {
            match renameat_with(CWD, &self.hidden, CWD, &self.target, RenameFlags::EXCHANGE) {
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {}
                other => return other.map_err(io::Error::from),
            }
        }
        // Some network file systems cannot exchange. For a moment there is no snapshot; whoever is killed in it leaves
        // both whole, and the next one to write puts the old one back.
        let mut aside = self.hidden.clone().into_os_string();
        aside.push(ASIDE);
        let aside = PathBuf::from(aside);
        fs::rename(&self.target, &aside)?;
        self.step(Step::Between)?;
        match fs::rename(&self.hidden, &self.target) {
            Ok(()) => {
                self.hidden = aside;
                Ok(())
            }
            Err(error) => fs::rename(&aside, &self.target).and(Err(error)),
        }
    }

    fn write(&mut self, relative: &Path, document: &impl Serialize) -> io::Result<()> {
        self.step(Step::Document)?;
        let path = self.hidden.join(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_vec_pretty(document)?;
        text.push(b'\n');
        let mut file = File::create_new(&path)?;
        file.write_all(&text)?;
        self.step(Step::Synchronise)?;
        file.sync_all()
    }

    fn step(&mut self, step: Step) -> io::Result<()> {
        match &mut self.fails_after {
            Some(0) => Err(io::Error::other(format!("killed at {step:?}"))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = fs::remove_dir_all(&self.hidden);
        }
        drop(self.lock.take());
    }
}

/// The folder that a path stands for, links followed: a link stays, and what it leads to is replaced.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (parent, name) = parts(path).ok_or(error)?;
            Ok(fs::canonicalize(parent)?.join(name))
        }
        other => other,
    }
}

fn parts(path: &Path) -> Option<(PathBuf, OsString)> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some((parent.to_path_buf(), path.file_name()?.to_os_string()))
}

fn hidden_prefix(name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(MARK);
    prefix
}

/// The lock of a folder; nothing where the file system knows no locks.
fn lock(folder: &Path) -> io::Result<Option<Flock<File>>> {
    Ok(Flock::lock(File::open(folder)?, FlockArg::LockExclusiveNonblock).ok())
}

/// The hidden folders of writers that are dead.
fn left(parent: &Path, name: &OsStr) -> io::Result<Vec<PathBuf>> {
    let prefix = hidden_prefix(name);
    let mut left = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if is_hidden && entry.file_type()?.is_dir() && lock(&entry.path()).is_ok_and(|lock| lock.is_some()) {
            left.push(entry.path());
        }
    }
    Ok(left)
}

/// Puts back what was moved aside by a writer that was killed before its own stood there.
fn restore(target: &Path, parent: &Path, name: &OsStr) -> io::Result<()> {
    if fs::symlink_metadata(target).is_ok() {
        return Ok(());
    }
    let aside = |path: &PathBuf| path.as_os_str().as_encoded_bytes().ends_with(ASIDE.as_bytes());
    match left(parent, name)?.into_iter().find(aside) {
        Some(aside) => fs::rename(aside, target),
        None => Ok(()),
    }
}

/// Removes what writers that are dead left. What cannot be removed, being another user's, harms nobody.
fn remove_left(parent: &Path, name: &OsStr) {
    for folder in left(parent, name).unwrap_or_default() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Whether a folder may be replaced: it is not there, or empty, or a snapshot of peerscope's with nothing added.
/// Otherwise says what it is.
fn may_replace(target: &Path) -> Result<(), Result<String, io::Error>> {
    let metadata = match fs::metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Err(error)),
    };
    if !metadata.is_dir() {
        return Err(Ok("a file".to_string()));
    }
    let mut entries = fs::read_dir(target).map_err(Err)?;
    if entries.next().is_none() {
        return Ok(());
    }
    let text = match fs::read(target.join(MANIFEST)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Ok(format!("files without a {MANIFEST}")));
        }
        Err(error) => return Err(Err(error)),
    };
    let manifest: Option<Manifest> = serde_json::from_slice(&text).ok();
    let ours = manifest.filter(|manifest| manifest.schema.starts_with("peerscope/snapshot/"));
    let Some(manifest) = ours else { return Err(Ok(format!("a {MANIFEST} without \"{MANIFEST_SCHEMA}\""))) };
    match added(target, &manifest).map_err(Err)? {
        Some(file) => Err(Ok(format!("{}, which peerscope did not write", file.display()))),
        None => Ok(()),
    }
}

/// A file beside those that the manifest lists: somebody's, who would miss it. A manifest written by hand lists none.
fn added(target: &Path, manifest: &Manifest) -> io::Result<Option<PathBuf>> {
    if manifest.files.is_empty() {
        return Ok(None);
    }
    let mut folders = vec![target.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let relative = path.strip_prefix(target).unwrap_or(&path);
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if relative != Path::new(MANIFEST)
                && !manifest.files.iter().any(|file| Path::new(file) == relative)
            {
                return Ok(Some(relative.to_path_buf()));
            }
        }
    }
    Ok(None)
}

fn is_in_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

#[cfg(test)]
mod tests;
