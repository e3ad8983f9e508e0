//! Flags of the commands that play networks on this machine.

use std::path::PathBuf;

use clap::Args;
use peerscope_analysis::flow::PortRange;

use super::Format;
use super::values::port_range;

/// Flags of `rehearse`.
#[derive(Args, Debug)]
pub(crate) struct RehearseArgs {
    /// AWS and Heroku documents, as for `analyze` (repeatable)
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) snapshot: Vec<PathBuf>,

    /// Commands that change the snapshot's copy, one a line, # begins a comment: those of aws ec2 and heroku that
    /// reports print
    #[arg(long, value_name = "FILE")]
    pub(crate) edit: Option<PathBuf>,

    /// Who connects: an address, a CIDR, i-…, eni-… or space [default: every dyno block and every interface]
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,

    /// To what: tcp://HOST:PORT, or HOST for every port that its groups open or, where it is a dyno's address,
    /// that the caller's let out [default: every interface and every dyno block]
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: Option<String>,

    /// The client's ports; one is tried in each part of them that network ACLs may treat differently
    /// [default: 32768-60999]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_ports: Option<PortRange>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Flags of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The fault to rehearse; `list` names them all
    #[arg(long, value_name = "FAULT", default_value = "return-route-missing")]
    pub(crate) fault: String,

    /// Which random world to build
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    pub(crate) seed: u64,
}
