//! Doing something inside a network namespace.
//!
//! A network namespace belongs to a thread, and sockets stay in the one that they were made in, so a
//! thread that enters, makes a socket or starts a command and ends is all that is needed.

use std::fs::File;
use std::path::PathBuf;
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::enclosure::NAMES;
use crate::error::LaboratoryError;

/// A named network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    fn path(&self) -> PathBuf {
        PathBuf::from(NAMES).join(&self.name)
    }

    /// Moves the calling thread inside, for good.
    pub(crate) fn enter(&self) -> Result<(), LaboratoryError> {
        let path = self.path();
        let file = File::open(&path)
            .map_err(|source| LaboratoryError::system(format!("open {}", path.display()), source))?;
        setns(file, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| LaboratoryError::system(format!("setns {}", path.display()), errno))
    }

    /// Does `work` on a thread of its own inside, and waits for it.
    pub(crate) fn within<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, LaboratoryError> + Send,
    ) -> Result<T, LaboratoryError> {
        thread::scope(|scope| {
            let entered = thread::Builder::new()
                .spawn_scoped(scope, || {
                    self.enter()?;
                    work()
                })
                .map_err(|source| LaboratoryError::system("start a thread", source))?;
            match entered.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
