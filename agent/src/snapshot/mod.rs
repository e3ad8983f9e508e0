//! From the paths that a user gave to the documents that the analysis reads.
//!
//! People save snapshots as they come: a folder of `aws … > vpcs.json`, one file with everything, the
//! `--query` that a colleague suggested, a redirection in PowerShell. So documents are recognised by
//! what they hold and not by their names, everything that is broken is reported in one run, and what
//! is passed over is noted, because a document that was silently ignored makes a wrong answer.
//!
//! [`files`] finds the files, [`text`] reads one, [`outline`] and [`recognise`] tell what its
//! documents are, [`typed`] reads them as what they are, [`collections`] and [`heroku`] join them.

mod collections;
mod files;
mod heroku;
mod json;
mod lists;
mod manifest;
mod names;
mod note;
mod outline;
mod recognise;
mod target_health;
mod text;
mod typed;
mod wording;

#[cfg(test)]
mod tests;

use std::mem;
use std::path::{Path, PathBuf};

use peerscope_document::Snapshot;

use crate::input_error::{InputError, Position};
use collections::Collections;
use files::{Origin, SnapshotFile};
use heroku::HerokuParts;
use manifest::Manifests;
use outline::Outline;
use typed::Batch;

pub(crate) use lists::remove_kinds_of;
pub(crate) use note::Note;

/// How often a snapshot may be replaced while it is read.
const MOST_REPLACED: usize = 8;

/// What was expected where nothing was recognised.
const EXPECTED: &str = "AWS or Heroku documents, such as the output of `aws ec2 describe-vpcs`";

/// The documents at the paths given, and what was passed over on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    /// The documents.
    pub(crate) snapshot: Snapshot,
    /// What was passed over, each with the reason: gaps of the report.
    pub(crate) notes: Vec<Note>,
}

/// Reads the documents at `paths`, files or folders.
///
/// # Errors
/// Every path that cannot be read and every document that cannot be parsed, at once; or, where
/// nothing at all is recognised, what was expected of each path.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Loaded, Vec<InputError>> {
    load_watched(paths, &mut || {})
}

/// The same, calling `listed` between listing the files and reading them.
pub(crate) fn load_watched(paths: &[PathBuf], listed: &mut dyn FnMut()) -> Result<Loaded, Vec<InputError>> {
    let mut replaced = 0;
    loop {
        let mut found = files::find(paths);
        listed();
        let loaded = read(paths, &mut found);
        // Half of one snapshot and half of the next are no snapshot: where one took the place of another while it was
        // read, that one is read. Who is replaced again and again is given up on at last.
        if found.still_stands() || replaced == MOST_REPLACED {
            return loaded;
        }
        replaced += 1;
    }
}

fn read(paths: &[PathBuf], found: &mut files::Found) -> Result<Loaded, Vec<InputError>> {
    let (errors, notes) = (mem::take(&mut found.errors), mem::take(&mut found.notes));
    let mut loader = Loader { errors, notes, ..Loader::default() };
    for file in &found.files {
        if loader.file(file)
            && let Some(origin) = found.origins.get_mut(file.origin)
        {
            origin.recognised = true;
        }
    }
    if loader.errors.is_empty() && !found.origins.iter().any(|origin| origin.recognised) {
        loader.errors = found.origins.iter().map(|origin| loader.nothing_recognised(origin)).collect();
    }
    if !loader.errors.is_empty() {
        return Err(loader.errors);
    }
    for origin in found.origins.iter().filter(|origin| !origin.recognised) {
        if origin.is_folder && origin.files == 0 {
            loader.notes.push(Note::passed_over(&origin.path, "a folder", "no *.json file is in it"));
        }
    }
    Ok(loader.finish(paths))
}

/// What was read so far.
#[derive(Default)]
struct Loader {
    collections: Collections,
    heroku: HerokuParts,
    manifests: Manifests,
    notes: Vec<Note>,
    errors: Vec<InputError>,
    /// The documents that are none of AWS's or Heroku's: where, and what is there instead.
    unrecognised: Vec<(PathBuf, Position, String)>,
}

impl Loader {
    /// Reads one file; whether any document in it was recognised.
    fn file(&mut self, file: &SnapshotFile) -> bool {
        let text = match text::read(&file.path) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(error);
                return false;
            }
        };
        let errors_before = self.errors.len();
        let mut batch = Batch::default();
        let mut recognised = false;
        let mut offset = 0;
        while let Some(start) = json::next_document(&text, offset) {
            match outline::read(&text[start..]) {
                Ok((outline, length)) => {
                    recognised |= self.document(file, &text, start, &outline, &mut batch);
                    offset = start + length;
                }
                Err(error) => {
                    self.errors.push(wording::syntax_error(&file.path, &text, start, &error));
                    break;
                }
            }
        }
        if self.errors.len() == errors_before {
            self.join(file, batch);
        }
        recognised
    }

    /// Reads the document that begins at `start` as what its outline says it is; whether that is
    /// anything.
    fn document(
        &mut self,
        file: &SnapshotFile,
        text: &str,
        start: usize,
        outline: &Outline,
        batch: &mut Batch,
    ) -> bool {
        let empty_list = if outline.is_empty_list() { names::list_of_file_name(&file.path) } else { None };
        if let Some(list) = empty_list {
            batch.add_empty(list);
            return true;
        }
        let recognised = outline.is_recognised();
        if outline.has_unrecognised() {
            // One note a file is enough: a file may hold a million lines of something else.
            if self.unrecognised.last().is_none_or(|(path, ..)| *path != file.path) {
                let what = outline.describe_unrecognised();
                self.notes.push(Note::unrecognised(&file.path, &what));
                self.unrecognised.push((file.path.clone(), Position::of(text, start), what));
            }
        }
        if !recognised {
            return false;
        }
        if outline.is_incomplete() {
            self.notes.push(Note::incomplete(&file.path));
        }
        if let Err(error) = typed::read(&file.path, text, start, outline, batch) {
            self.errors.push(error);
        }
        true
    }

    /// Puts a file's documents where they belong.
    fn join(&mut self, file: &SnapshotFile, batch: Batch) {
        self.manifests.add(&file.path, batch.manifests);
        self.collections.add(file, batch.aws, batch.entries);
        self.heroku.add(&file.path, batch.heroku);
    }

    /// The error for a path with nothing in it that was recognised.
    fn nothing_recognised(&self, origin: &Origin) -> InputError {
        let inside: Vec<_> =
            self.unrecognised.iter().filter(|(path, ..)| path.starts_with(&origin.path)).collect();
        match (origin.is_folder, inside.first()) {
            (false, Some((path, position, what))) => InputError::expected(path, EXPECTED, what).at(*position),
            (true, Some((path, _, what))) => {
                let first = path.strip_prefix(&origin.path).unwrap_or(path);
                let found = match origin.files {
                    1 => format!("one *.json file, {}, with {what}", first.display()),
                    count => format!(
                        "{count} *.json files without any, the first, {}, with {what}",
                        first.display()
                    ),
                };
                InputError::expected(&origin.path, EXPECTED, found)
            }
            (_, None) => InputError::expected(&origin.path, EXPECTED, "no *.json file"),
        }
    }

    fn finish(mut self, paths: &[PathBuf]) -> Loaded {
        let heroku = self.heroku.resolve(&mut self.notes);
        let manifest = self.manifests.resolve(&mut self.notes);
        let aws = self.collections.resolve(&mut self.notes);
        let sources = paths.iter().map(|path| lossy(path)).collect();
        Loaded { snapshot: Snapshot { aws, heroku, manifest, sources }, notes: self.notes }
    }
}

fn lossy(path: &Path) -> String {
    path.as_os_str().to_string_lossy().into_owned()
}
