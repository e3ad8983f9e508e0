//! Flags of the commands that read accounts.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::Format;
use super::values::seconds;

/// Flags of `collect`.
#[derive(Args, Debug)]
pub(crate) struct CollectArgs {
    /// The folder to write: a new or empty one, or a snapshot that `collect` wrote, which is replaced in one step
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// The Heroku space, by name or id [default: the only one that the token can see]
    #[arg(long, value_name = "NAME")]
    pub(crate) space: Option<String>,

    /// How long reading may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) deadline: Duration,

    /// Replace account ids, names, tags, descriptions and public addresses, each by one thing of its form, so that
    /// the snapshot can be shown to others and is analysed to the same answer
    #[arg(long)]
    pub(crate) redact: bool,

    /// How to show what was read and what was not
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Flags of the commands that may read accounts before they answer.
#[derive(Args, Debug)]
pub(crate) struct LiveArgs {
    /// Read the accounts whose credentials are at hand: Heroku's, by HEROKU_API_KEY or ~/.netrc. Reads alone;
    /// which is said first. Without it no credential is used
    #[arg(long, env = "PEERSCOPE_LIVE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) live: bool,

    /// The Heroku space to read, by name or id [default: the only one that the token can see]
    #[arg(long, value_name = "NAME")]
    pub(crate) space: Option<String>,
}
