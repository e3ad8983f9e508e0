//! Running a program on a host of a twin, as the unprivileged user that it would be on a dyno.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use super::{Host, Twin};
use crate::enclosure::Right;
use crate::error::LaboratoryError;

/// `nobody` on every Linux.
const UNPRIVILEGED: &str = "65534";

impl Twin<'_> {
    /// A command that will run `program` in the namespace of `host` without any capability and without
    /// a way to gain one; add its arguments as usual. As root it runs as user and group 65534, who must
    /// be able to read the program; in a user namespace there is no other user than root, who has no
    /// capability either then.
    ///
    /// # Errors
    /// [`LaboratoryError::NoSuchHost`]
    pub fn command(&self, host: &Host, program: impl AsRef<OsStr>) -> Result<Command, LaboratoryError> {
        let mut command = Command::new(&self.enclosure.tools.ip);
        command.args(["netns", "exec", &self.namespace_of(host)?.name]);
        command.args(self.unprivileged()).arg(program);
        Ok(command)
    }

    /// What takes every privilege from the command that follows it.
    pub(crate) fn unprivileged(&self) -> Vec<OsString> {
        let mut words = vec![self.enclosure.tools.setpriv.clone().into_os_string()];
        if self.enclosure.right() == Right::Root {
            words.extend(
                ["--reuid", UNPRIVILEGED, "--regid", UNPRIVILEGED, "--clear-groups"].map(OsString::from),
            );
        }
        words.extend(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"].map(OsString::from));
        words
    }
}
