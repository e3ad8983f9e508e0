//! Running a program on a host of a twin, as the unprivileged user that it would be on a dyno.

use std::ffi::OsStr;
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
        let tools = &self.enclosure.tools;
        let mut command = Command::new(&tools.ip);
        command.args(["netns", "exec", &self.namespace_of(host)?.name]).arg(&tools.setpriv);
        if self.enclosure.right() == Right::Root {
            command.args(["--reuid", UNPRIVILEGED, "--regid", UNPRIVILEGED, "--clear-groups"]);
        }
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]).arg(program);
        Ok(command)
    }
}
