//! The command line: every command, flag and example in one place.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use peerscope_analysis::flow::PortRange;

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
    #[command(after_help = "Example:
  peerscope analyze --to tcp://10.100.2.20:5432 --from space --snapshot ./snapshot")]
    Analyze(AnalyzeArgs),
    /// Say what a cause means, what shows it and what mends it
    #[command(after_help = "Example:
  peerscope explain NO_ROUTE_TO_DESTINATION")]
    Explain(ExplainArgs),
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

/// Flags of every command that diagnoses.
#[derive(Args, Debug)]
pub(crate) struct CaseArgs {
    /// Where the packets start: an address, a CIDR, i-…, eni-…, space (every dyno block), dyno (this
    /// dyno)
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,

    /// AWS and Heroku documents: a file or folder of `aws ec2 describe-*` and `heroku spaces:… --json`
    /// output (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) snapshot: Vec<PathBuf>,

    /// The client's ports that the answer is for [default: this machine's own range for `why`,
    /// 32768-60999 for `analyze`]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_ports: Option<PortRange>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Flags of `why`.
#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// tcp://HOST:PORT, postgres://HOST, https://HOST, … or HOST:PORT; HOST is an address, a name,
    /// i-… or eni-…
    #[arg(value_name = "TARGET", required_unless_present_any = ["target_env", "replay"], conflicts_with_all = ["target_env", "replay"])]
    pub(crate) target: Option<String>,

    /// Take TARGET from this environment variable, so that no secret is in the arguments
    #[arg(long, value_name = "NAME", conflicts_with = "replay")]
    pub(crate) target_env: Option<String>,

    #[command(flatten)]
    pub(crate) case: CaseArgs,

    /// Send no packet
    #[arg(long)]
    pub(crate) no_probe: bool,

    /// The address that a name stands for, in place of asking the DNS
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_probe")]
    pub(crate) resolve: Option<std::net::IpAddr>,

    /// Keep the evidence in this file: observations, vantage, and the snapshot used
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,

    /// Diagnose saved evidence and send no packet (repeatable); a --snapshot given with it takes the
    /// place of the saved one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "source_ports", "resolve", "save", "until_reachable"])]
    pub(crate) replay: Vec<PathBuf>,

    /// An earlier snapshot: what changed since then is evidence
    #[arg(long, value_name = "OLD")]
    pub(crate) baseline: Vec<PathBuf>,

    /// Probe again until it works, then say how long it took
    #[arg(long, conflicts_with = "no_probe")]
    pub(crate) until_reachable: bool,

    /// How long the whole may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) deadline: Duration,
}

/// Flags of `analyze`.
#[derive(Args, Debug)]
pub(crate) struct AnalyzeArgs {
    /// tcp://HOST:PORT and the like; HOST is an address, i-… or eni-…, or a name that the snapshot knows
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) case: CaseArgs,
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

/// Flags of `demo`.
#[cfg(feature = "laboratory")]
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The fault to rehearse; `list` names them all
    #[arg(long, value_name = "FAULT", default_value = "return-route-missing")]
    pub(crate) fault: String,

    /// Which random world to build
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    pub(crate) seed: u64,
}

fn port_range(text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ends = first.trim().parse::<u16>().ok().zip(last.trim().parse::<u16>().ok());
    let range = ends.and_then(|(first, last)| PortRange::new(first, last)).filter(|range| range.first() > 0);
    range.ok_or_else(|| "expected LO-HI, ports from 1 to 65535, as in 32768-60999".to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: Option<f64> = text.trim_end_matches('s').parse().ok();
    let valid = number.filter(|number| (0.1..=3600.0).contains(number));
    valid.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds from 0.1 to 3600".to_string())
}
