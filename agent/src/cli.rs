//! The command line: every command, flag and example in one place. The flags of commands of one kind lie together.

mod checking;
mod collecting;
mod diagnosing;
mod probing;
#[cfg(feature = "laboratory")]
mod rehearsing;
mod running;
#[cfg(test)]
mod tests;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use peerscope_analysis::flow::PortRange;

pub(crate) use checking::{CheckArgs, CheckFormat, DiffArgs, RulesArgs};
pub(crate) use collecting::{AccountArgs, CollectArgs, LiveArgs, PolicyForm, Provider};
pub(crate) use diagnosing::{AnalyzeArgs, CaseArgs, WhyArgs};
pub(crate) use probing::{CapabilitiesArgs, EngineChoice, ProbeArgs, ProbeFormat, TraceArgs};
#[cfg(feature = "laboratory")]
pub(crate) use rehearsing::{DemoArgs, RehearseArgs};
pub(crate) use running::RunArgs;
pub(crate) use values::{Keep, port_range};

/// Answers "why can't I connect?" across an AWS VPC peering, above all between a Heroku Private Space
/// and a customer's VPC.
#[derive(Debug, Parser)]
#[command(
    name = "peerscope",
    version,
    max_term_width = 100,
    after_help = "Example:
  peerscope why postgres://10.100.2.20 --snapshot ./snapshot

Exit status: 0 reachable, 1 blocked or impaired, 2 wrong usage or input, 3 undetermined,
4 an internal failure."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Probe a target, read the configuration, and say what stands in the way
    #[command(after_help = "Example, in the dyno that cannot connect:
  peerscope why postgres://10.100.2.20 --snapshot ./snapshot")]
    Why(WhyArgs),
    /// Say what the configuration alone does to a path; no packet is sent
    #[command(after_help = "Examples:
  peerscope analyze --to tcp://10.100.2.20:5432 --from space --snapshot ./snapshot
  peerscope analyze --assert reach.toml --snapshot ./snapshot --junit reach.xml    # in a pipeline

where reach.toml says what is meant to pass and what is not:
  [[assertion]]
  from = \"space\"
  to = [\"tcp://10.100.2.20:5432\", \"tcp://10.100.2.21:5432\"]
  expect = \"reachable\"
  comment = \"the shop needs its orders\"

Exit status: 0 reachable, or every assertion holds; 1 blocked or impaired, or some differ;
2 wrong usage or input; 3 undetermined.")]
    Analyze(AnalyzeArgs),
    /// Say what the configuration lets through between networks that a peering joins: every source and
    /// interface, by the ports that groups open
    #[command(after_help = "Examples:
  peerscope matrix --snapshot ./snapshot
  peerscope matrix --snapshot ./snapshot --from space --ports 5432 --format csv")]
    Matrix(MatrixArgs),
    /// Hold every rule of a peering with a Private Space against a snapshot; no packet is sent
    #[command(after_help = "Examples:
  peerscope check --snapshot ./snapshot
  peerscope check --snapshot ./snapshot --target tcp://10.100.2.20:5432 --junit peering.xml    # in a pipeline

Exit status: 0 no rule of severity error is violated; 1 some are; 2 wrong usage or input; 3 none is,
but one could not be checked.")]
    Check(CheckArgs),
    /// Say what changed between two snapshots, and which paths it broke or opened
    #[command(after_help = "Examples:
  peerscope diff ./snapshot-of-last-week ./snapshot
  peerscope diff ./before ./after --target tcp://10.100.2.20:5432

Exit status: 0 no path fares otherwise; 1 some do; 2 wrong usage or input.")]
    Diff(DiffArgs),
    /// Probe targets alone, as one would use fping or tcping
    #[command(after_help = "Examples:
  peerscope probe tcp://10.100.2.20:5432 icmp://10.100.2.20 --count 10 --interval 200ms
  peerscope probe --targets hosts.txt --format jsonl
  peerscope probe dns://10.0.0.2/orders-db.example.com    # what this name server says of a name

Exit status: 0 every target answered, 1 some did not, 2 wrong usage or input.")]
    Probe(ProbeArgs),
    /// Show the hops on the way to a target, by TTL and without privileges
    #[command(after_help = "Example:
  peerscope trace tcp://10.100.2.20:5432

Exit status: 0 the target was reached, 1 it was not, 2 wrong usage, 3 nothing could be sent.
Across a VPC peering AWS shows no hops: stars there mean nothing.")]
    Trace(TraceArgs),
    /// Say what this process may do here, found by trying over loopback
    #[command(after_help = "Example:
  peerscope capabilities")]
    Capabilities(CapabilitiesArgs),
    /// Read what Heroku says of a space and AWS of VPCs, and write it as a snapshot that every other command takes
    #[command(after_help = "Examples, on a laptop, for evidence from a dyno:
  peerscope collect -o ./snapshot --space my-space    # and the VPCs that the space is peered with
  peerscope collect -o ./snapshot --only aws --aws-profile orders --vpc vpc-0a11ce
  peerscope why --replay evidence.json --snapshot ./snapshot

Heroku's token is HEROKU_API_KEY's, else that of api.heroku.com in ~/.netrc; AWS's credentials are
those of the chain of AWS's tools. None of them is in any file. Everything sent reads: GET of Heroku,
Describe and Get of AWS. What one of them does not permit is listed, on standard error and in the
snapshot, and is a gap of whatever is diagnosed from it.

Exit status: 0 written, gaps listed; 2 no credentials, nothing that can be read, or a folder that is
not peerscope's to replace.")]
    Collect(CollectArgs),
    /// Watch paths for months: probe each at its interval, diagnose it where it changes, say so over HTTP
    #[command(after_help = "Examples:
  peerscope run --config peerscope.yml
  peerscope run --config peerscope.yml --check    # every mistake in it, each with its place
  peerscope run --schema > peerscope.schema.json  # for editors

SIGHUP and POST /-/reload read the configuration again; SIGTERM ends within 5 s.

Exit status: 0 ended by a signal, or the configuration is sound; 2 it is not, or cannot be listened
on the address.")]
    Run(RunArgs),
    /// Say what a cause means, what shows it and what mends it
    #[command(after_help = "Example:
  peerscope explain NO_ROUTE_TO_DESTINATION")]
    Explain(ExplainArgs),
    /// List the rules that `check` knows, or say of one what it means and what mends it
    #[command(after_help = "Example:
  peerscope rules HPS-RT-01")]
    Rules(RulesArgs),
    /// Send real packets through a twin of a snapshot on this machine, before and after an edit of it
    #[cfg(feature = "laboratory")]
    #[command(after_help = "Examples:
  peerscope rehearse --snapshot ./snapshot --from space --to tcp://10.100.2.20:5432
  peerscope rehearse --snapshot ./snapshot --edit change.sh    # what the change opens, and cuts

where change.sh holds commands as a report prints them, one a line:
  aws ec2 create-route --route-table-id rtb-0b1c0de --destination-cidr-block 10.0.0.0/16 \\
      --vpc-peering-connection-id pcx-0111aaa

Nothing is sent to any network, and no account is changed: namespaces of this machine play the
VPCs. It needs `ip` and `nft`, and root or user namespaces.

Exit status: 0 rehearsed, whatever came out; 2 wrong usage or input.")]
    Rehearse(RehearseArgs),
    /// Rehearse a fault on this machine: real packets, the diagnosis, the mending
    #[cfg(feature = "laboratory")]
    #[command(after_help = "Example:
  peerscope demo")]
    Demo(DemoArgs),
}

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// How a diagnosis is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiagnosisFormat {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
    /// For a ticket or a chat: the answer, what to do, why, and the path in words
    Markdown,
    /// For a browser: the same as one file, with the path's picture
    Html,
}

/// Flags of `matrix`.
#[derive(Args, Debug)]
pub(crate) struct MatrixArgs {
    /// AWS and Heroku documents: a file or folder (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) snapshot: Vec<PathBuf>,

    /// Only packets from this network: space, or a VPC's id (repeatable)
    #[arg(long, value_name = "NETWORK")]
    pub(crate) from: Vec<String>,

    /// Ask of every interface for these ports too, beside those that its groups open (repeatable)
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) ports: Vec<PortRange>,

    /// The client's ports that the answer is for [default: 32768-60999]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_ports: Option<PortRange>,

    /// Within each VPC too; of VPCs with hundreds of interfaces that takes minutes
    #[arg(long)]
    pub(crate) within: bool,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: MatrixFormat,
}

/// How a matrix is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
    /// Comma-separated values, for spreadsheets
    Csv,
    /// A picture, for whatever draws Mermaid
    Mermaid,
}

/// Flags of `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// A cause code; without one, all are listed
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
