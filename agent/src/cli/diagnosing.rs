//! Flags of the commands that diagnose a path.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use peerscope_analysis::flow::PortRange;

use super::values::{Keep, port_range, seconds};
use super::{DiagnosisFormat, LiveArgs};

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

    #[command(flatten)]
    pub(crate) live: LiveArgs,

    /// The client's ports that the answer is for [default: this machine's own range for `why`,
    /// 32768-60999 for `analyze`]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_ports: Option<PortRange>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DiagnosisFormat,
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

    /// Keep the evidence in this file: observations, vantage, and the snapshot used. With `-` it is one line of
    /// standard output, in place of the report, for where no file outlives the process
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<Keep>,

    /// Diagnose saved evidence and send no packet (repeatable; `-`: from standard input); a --snapshot given with
    /// it takes the place of the saved one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "source_ports", "resolve", "save", "until_reachable"])]
    pub(crate) replay: Vec<PathBuf>,

    /// An earlier snapshot: what changed since then is evidence
    #[arg(long, value_name = "OLD")]
    pub(crate) baseline: Vec<PathBuf>,

    /// How likely each cause of a silence is in your estate: TOML, [unconfigured], [unexplained], [mixed] and
    /// [stalled] with CODE = WEIGHT; what is not named keeps peerscope's own weight
    #[arg(long, value_name = "FILE")]
    pub(crate) priors: Option<PathBuf>,

    /// Sweep the client's ports, in up to 50 connects: finds to the port what a network ACL lets through,
    /// and tells loss from it; a MySQL is spared. And, where ICMP echoes may be sent and are answered, find
    /// which sizes of packets pass, by up to 14 of them
    #[arg(long, conflicts_with_all = ["no_probe", "replay", "until_reachable"])]
    pub(crate) thorough: bool,

    /// Where the target is silent, connect to a few other ports of it and to a few of its neighbours too: what
    /// they answer tells what they share. To whoever watches it looks like a scan
    #[arg(long, conflicts_with_all = ["no_probe", "replay", "until_reachable"])]
    pub(crate) explore: bool,

    /// Probe again until it works, then say how long it took
    #[arg(long, conflicts_with = "no_probe")]
    pub(crate) until_reachable: bool,

    /// Say of everything that was thought of how likely it was, before and after, and what made it fall
    #[arg(long)]
    pub(crate) verbose: bool,

    /// How long the whole may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) deadline: Duration,
}

/// Flags of `analyze`.
#[derive(Args, Debug)]
pub(crate) struct AnalyzeArgs {
    /// tcp://HOST:PORT and the like; HOST is an address, i-… or eni-…, or a name that the snapshot knows
    #[arg(long, value_name = "TARGET", required_unless_present = "assert")]
    pub(crate) to: Option<String>,

    /// Hold what this file asserts against the snapshot. It is TOML: [[assertion]] entries, each with
    /// from = "SOURCE", to = "TARGET" or a list of them, expect = "reachable" (all of it, from every source
    /// and port) or "blocked" (none of it), and, where wanted, source_ports = "LO-HI", cause = "CODE" and
    /// comment
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "from"])]
    pub(crate) assert: Option<PathBuf>,

    /// Write what came out of --assert to this file too, as JUnit XML: a test case for each path, an error where
    /// nobody can tell
    #[arg(long, value_name = "FILE", requires = "assert", conflicts_with_all = ["to", "from"])]
    pub(crate) junit: Option<PathBuf>,

    /// How long reading the accounts may take with --live, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) deadline: Duration,

    #[command(flatten)]
    pub(crate) case: CaseArgs,
}
