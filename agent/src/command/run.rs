//! `peerscope run`: the daemon.

use crate::cli::RunArgs;
use crate::daemon::{self, configuration};
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};

/// Runs the daemon, or looks at its configuration.
pub(crate) fn run(arguments: &RunArgs) -> Result<Status, Failure> {
    let Some(file) = arguments.config.as_deref().filter(|_| !arguments.schema) else {
        print_json(&configuration::schema())?;
        return Ok(Status::Good);
    };
    if arguments.check {
        let document = configuration::read(file).map_err(Failure::Input)?;
        let paths = document.paths.len();
        print(&format!(
            "The configuration is sound: {paths} {}.\n",
            if paths == 1 { "path" } else { "paths" }
        ))?;
        return Ok(Status::Good);
    }
    daemon::run(file)
}
