//! Whether files hold something else than before.
//!
//! Times say little: editors put another file in the place of one, and a volume of Kubernetes another folder behind a
//! link. So what is in them is compared; of a key no copy is kept for that.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::input_file::read_text;

/// What is in some files, each as a keyed hash; nothing of one that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content(Vec<(PathBuf, Option<u64>)>);

/// Files that are looked at time and again.
#[derive(Default)]
pub(super) struct Watched {
    key: RandomState,
    /// What was in them when they were taken last, or found wrong.
    seen: Mutex<Content>,
    /// What was in them at the last look.
    last: Mutex<Option<Content>>,
}

impl Watched {
    /// Notes what is in them, before they are read: what changes in between is a change at the next look.
    pub(super) fn note(&self, files: &[PathBuf]) {
        self.saw(self.content(files));
    }

    /// Notes that this was in them.
    pub(super) fn saw(&self, content: Content) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = content;
    }

    /// Whether they have changed, and are the same as at the last look: who writes them may be in the midst of it.
    pub(super) fn have_changed(&self, files: &[PathBuf]) -> bool {
        let found = self.content(files);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(found.clone()).is_some_and(|last| last == found) && self.are_other(&found)
    }

    /// Whether this is not what was in them when they were taken last.
    pub(super) fn are_other(&self, content: &Content) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != *content
    }

    /// Has them looked at twice from now on, whatever the last look was.
    pub(super) fn forget_the_last_look(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What is in them now.
    pub(super) fn content(&self, files: &[PathBuf]) -> Content {
        let hash = |file: &PathBuf| read_text(file, "text").ok().map(|text| self.key.hash_one(text));
        Content(files.iter().map(|file| (file.clone(), hash(file))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Watched;

    #[test]
    fn a_change_is_told_once_it_is_the_same_at_two_looks() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["one", "two"].map(|name| folder.path().join(name));
        fs::write(&files[0], "first").unwrap();
        let watched = Watched::default();
        watched.note(&files);
        assert_eq!([watched.have_changed(&files), watched.have_changed(&files)], [false, false]);
        fs::write(&files[1], "there now").unwrap();
        assert!(!watched.have_changed(&files));
        fs::write(&files[0], "second").unwrap();
        assert!(!watched.have_changed(&files), "it goes on changing");
        assert!(watched.have_changed(&files));
        watched.note(&files);
        assert!(!watched.have_changed(&files), "it was taken");
        fs::remove_file(&files[1]).unwrap();
        assert_eq!([watched.have_changed(&files), watched.have_changed(&files)], [false, true]);
    }

    #[test]
    fn other_files_are_a_change_too() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["one", "two"].map(|name| folder.path().join(name));
        let watched = Watched::default();
        watched.note(&files[..1]);
        assert_eq!([watched.have_changed(&files), watched.have_changed(&files)], [false, true]);
    }
}
