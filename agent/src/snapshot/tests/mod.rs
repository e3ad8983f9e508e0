//! Snapshots in folders of their own, as users leave them.

mod forms;
mod heroku;
mod mutations;
mod places;
mod samples;
mod wrong_input;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Loaded, load};

/// A folder with the given files; folders in their names are made.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Loads a folder with the given files, or says in lines what is wrong with them, their names shown
/// as from inside the folder.
fn load_files(files: &[(&str, &[u8])]) -> Result<Loaded, Vec<String>> {
    let folder = folder(files);
    load_paths(folder.path(), &[folder.path().to_path_buf()])
}

fn load_texts(files: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    load_files(&files)
}

fn load_paths(top: &Path, paths: &[PathBuf]) -> Result<Loaded, Vec<String>> {
    load(paths).map_err(|errors| errors.iter().map(|error| from_inside(top, &error.to_string())).collect())
}

fn notes(top: &Path, loaded: &Loaded) -> Vec<String> {
    loaded.notes.iter().map(|note| from_inside(top, &note.to_string())).collect()
}

fn from_inside(top: &Path, line: &str) -> String {
    let top = top.display().to_string();
    line.replace(&format!("{top}/"), "").replace(&top, "DIR")
}
