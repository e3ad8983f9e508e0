//! Flags of the commands about snapshots as a whole: whether they keep the rules, and what differs between two.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use peerscope_analysis::flow::PortRange;

use super::values::{port_range, seconds};
use super::{Format, LiveArgs};

/// Flags of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// AWS and Heroku documents: a file or folder of `aws ec2 describe-*` and `heroku spaces:… --json`
    /// output (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) snapshot: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) live: LiveArgs,

    /// How long reading the accounts may take with --live, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) deadline: Duration,

    /// Apply the rules about groups, ACLs and routes to this: tcp://HOST:PORT and the like; HOST is an address,
    /// i-… or eni-…, or a name that the snapshot knows (repeatable) [default: every interface with a group rule
    /// whose source meets the space]
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// The client's ports that replies must get out to [default: 32768-60999]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_ports: Option<PortRange>,

    /// Write what came out to this file too, as JUnit XML: a test case for each rule and thing that it looked at
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Say of rules that hold what was seen
    #[arg(long)]
    pub(crate) verbose: bool,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CheckFormat,
}

/// How a check is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
    /// For a ticket or a chat: what is broken, by the account whose owner has to act
    Markdown,
}

/// Flags of `diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The earlier snapshot: a file or folder of AWS and Heroku documents
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// The later one
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    /// Only paths from this network: space, or a VPC's id (repeatable)
    #[arg(long, value_name = "NETWORK")]
    pub(crate) from: Vec<String>,

    /// Only paths to this: tcp://HOST:PORT and the like; HOST is an address, i-… or eni-…, or a name that a snapshot
    /// knows (repeatable) [default: every interface, at the ports that its groups open in either snapshot]
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// Ask of every interface for these ports too (repeatable)
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) ports: Vec<PortRange>,

    /// The client's ports that the answer is for [default: 32768-60999]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_ports: Option<PortRange>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Flags of `rules`.
#[derive(Args, Debug)]
pub(crate) struct RulesArgs {
    /// A rule; without one, all are listed
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
