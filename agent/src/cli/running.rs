//! Flags of the daemon.

use std::path::PathBuf;

use clap::Args;

/// Flags of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The configuration, in YAML
    #[arg(long, value_name = "FILE", required_unless_present = "schema")]
    pub(crate) config: Option<PathBuf>,

    /// Say what is wrong with the configuration, and start nothing
    #[arg(long)]
    pub(crate) check: bool,

    /// Print the JSON Schema of the configuration, and start nothing
    #[arg(long, conflicts_with_all = ["config", "check"])]
    pub(crate) schema: bool,
}
