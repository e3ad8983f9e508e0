//! Which files a snapshot consists of.
//!
//! What a user names may be anything: a folder with links that lead in circles, a device, a pipe that
//! nobody writes to, `/`. Finding ends all the same: each folder and file is entered once, however
//! many links lead there, depth and number are bounded, and what is not a regular file is never
//! opened.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::note::Note;
use crate::input_error::InputError;

/// How deep folders may lie in the one that was given.
const MAX_DEPTH: usize = 32;
/// How many entries the folders of one path may have in all. A snapshot has tens; more than this is
/// somebody's whole disk.
const MAX_ENTRIES: usize = 200_000;

/// A path as the user gave it.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) path: PathBuf,
    pub(super) is_folder: bool,
    /// The files found under it.
    pub(super) files: usize,
    /// Whether anything in them is a document.
    pub(super) recognised: bool,
}

/// A file to read.
#[derive(Debug)]
pub(super) struct SnapshotFile {
    pub(super) path: PathBuf,
    /// The index of the path that led to it.
    pub(super) origin: usize,
}

/// What was found, in the order in which paths were given, sorted under each.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) origins: Vec<Origin>,
    pub(super) files: Vec<SnapshotFile>,
    pub(super) notes: Vec<Note>,
    pub(super) errors: Vec<InputError>,
    /// Device and inode of what was entered already.
    entered: HashSet<(u64, u64)>,
    /// The same of each folder that was listed.
    folders: HashMap<PathBuf, (u64, u64)>,
}

impl Found {
    /// Whether the folders of all files are those that were listed: while one was read, another may have taken its
    /// place, as whoever writes snapshots has it.
    pub(super) fn still_stands(&self) -> bool {
        let folders: HashSet<&Path> = self.files.iter().filter_map(|file| file.path.parent()).collect();
        folders.into_iter().all(|folder| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            // A file that was given by itself is in no folder that was entered.
            self.folders.get(folder).is_none_or(|entered| {
                fs::metadata(folder).is_ok_and(|now| (now.dev(), now.ino()) == *entered)
            })
        })
    }
}

/// Finds the files of all paths.
pub(super) fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) => found.path(path, &metadata),
            Err(error) => found.errors.push(InputError::new(path, cannot_open(&error))),
        }
    }
    found
}

impl Found {
    fn path(&mut self, path: &Path, metadata: &Metadata) {
        let origin = self.origins.len();
        let is_folder = metadata.is_dir();
        // The same path given twice has nothing left to tell, which is no fault.
        let is_new = self.entered.insert((metadata.dev(), metadata.ino()));
        self.origins.push(Origin { path: path.to_path_buf(), is_folder, files: 0, recognised: !is_new });
        if is_folder {
            if is_new {
                self.folder(path, origin);
            }
        } else if !metadata.is_file() {
            self.errors.push(InputError::expected(
                path,
                "a regular file or a folder",
                kind(metadata.file_type()),
            ));
        } else if is_new {
            self.add(path.to_path_buf(), origin);
        }
    }

    fn folder(&mut self, top: &Path, origin: usize) {
        let mut files = Vec::new();
        let mut entries = 0;
        let mut folders = vec![(top.to_path_buf(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            if let Ok(metadata) = fs::metadata(&folder) {
                self.folders.insert(folder.clone(), (metadata.dev(), metadata.ino()));
            }
            let listing = match fs::read_dir(&folder) {
                Ok(listing) => listing,
                Err(error) => {
                    self.errors.push(InputError::new(&folder, cannot_open(&error)));
                    continue;
                }
            };
            for entry in listing {
                entries += 1;
                if entries > MAX_ENTRIES {
                    let found = format!("more than {MAX_ENTRIES} files and folders in it");
                    self.errors.push(InputError::expected(top, "the folder of a snapshot", found));
                    return;
                }
                match entry {
                    Ok(entry) => self.entry(entry.path(), depth, &mut folders, &mut files),
                    Err(error) => self.errors.push(InputError::new(&folder, cannot_open(&error))),
                }
            }
        }
        files.sort();
        for path in files {
            self.add_once(path, origin);
        }
    }

    fn entry(
        &mut self,
        path: PathBuf,
        depth: usize,
        folders: &mut Vec<(PathBuf, usize)>,
        files: &mut Vec<PathBuf>,
    ) {
        let name = path.file_name().unwrap_or_default();
        // As in a shell's `*.json`. Among hidden files are macOS's `._x.json` and editors' locks,
        // among hidden folders .git and .terraform.
        if name.as_bytes().starts_with(b".") {
            return;
        }
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => {
                if is_json && fs::symlink_metadata(&path).is_ok() {
                    let what = "a symbolic link";
                    self.notes.push(Note::passed_over(&path, what, format!("it leads nowhere: {error}")));
                } else if is_json {
                    self.errors.push(InputError::new(&path, cannot_open(&error)));
                }
                return;
            }
        };
        if metadata.is_dir() {
            if depth >= MAX_DEPTH {
                let reason = format!("folders are read {MAX_DEPTH} levels deep");
                self.notes.push(Note::passed_over(&path, "a folder", reason));
            } else if self.entered.insert((metadata.dev(), metadata.ino())) {
                folders.push((path, depth + 1));
            }
        } else if is_json && metadata.is_file() {
            files.push(path);
        } else if is_json {
            let what = kind(metadata.file_type());
            self.notes.push(Note::passed_over(&path, what, "only regular files are read"));
        }
    }

    /// Adds a file unless another path or link led to it before. Only after sorting: which of two
    /// names counts must not depend on the order in which a file system lists them.
    fn add_once(&mut self, path: PathBuf, origin: usize) {
        match fs::metadata(&path) {
            Ok(metadata) if !self.entered.insert((metadata.dev(), metadata.ino())) => {
                if let Some(origin) = self.origins.get_mut(origin) {
                    origin.recognised = true;
                }
            }
            // What became of it in the meantime shows when it is read.
            _ => self.add(path, origin),
        }
    }

    fn add(&mut self, path: PathBuf, origin: usize) {
        self.files.push(SnapshotFile { path, origin });
        if let Some(origin) = self.origins.get_mut(origin) {
            origin.files += 1;
        }
    }
}

/// Why a path cannot be opened, in words.
pub(super) fn cannot_open(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// What a file is that is not regular.
pub(super) fn kind(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "a named pipe"
    } else if file_type.is_socket() {
        "a socket"
    } else if file_type.is_char_device() || file_type.is_block_device() {
        "a device"
    } else if file_type.is_dir() {
        "a folder"
    } else {
        "a special file"
    }
}

/// The folder that a file lies in, as text for looking for names in it. For `.` and `..`, which say
/// nothing, the folder that they stand for.
pub(super) fn folder_names(file: &Path) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let is_named = folder.file_name().is_some();
    let canonical = if is_named { None } else { fs::canonicalize(Path::new(".").join(folder)).ok() };
    let nearest_first = folder.iter().rev().map(OsStr::to_string_lossy);
    let last_of_canonical = canonical.as_deref().and_then(Path::file_name).map(OsStr::to_string_lossy);
    last_of_canonical.into_iter().chain(nearest_first).map(|name| name.into_owned()).collect()
}
