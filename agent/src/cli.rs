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
    /// Say what a cause means, what shows it and what mends it
    #[command(after_help = "Example:
  peerscope explain NO_ROUTE_TO_DESTINATION")]
    Explain(ExplainArgs),
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

    /// Sweep the client's ports, in up to 50 connects: finds to the port what a network ACL lets through,
    /// and tells loss from it. A MySQL is spared
    #[arg(long, conflicts_with_all = ["no_probe", "replay", "until_reachable"])]
    pub(crate) thorough: bool,

    /// Where the target is silent, connect to a few other ports of it and to a few of its neighbours too: what
    /// they answer tells what they share. To whoever watches it looks like a scan
    #[arg(long, conflicts_with_all = ["no_probe", "replay", "until_reachable"])]
    pub(crate) explore: bool,

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

    #[command(flatten)]
    pub(crate) case: CaseArgs,
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

/// Flags of `probe`.
#[derive(Args, Debug)]
pub(crate) struct ProbeArgs {
    /// tcp://HOST:PORT, udp://HOST:PORT, icmp://HOST, https://HOST, …, HOST:PORT (tcp) or HOST (icmp);
    /// HOST is an address or a name. dns://SERVER[:PORT]/NAME[?type=A|AAAA] asks a name server,
    /// dns:NAME those of this machine; answered is what has an address
    #[arg(value_name = "TARGET", required_unless_present = "targets")]
    pub(crate) target: Vec<String>,

    /// Take targets from this file too, one a line; # begins a comment, - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) targets: Option<PathBuf>,

    /// How many probes to each target; a MySQL gets three at the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,

    /// The time between two probes of one target
    #[arg(long, value_name = "D", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,

    /// The most probes in a second, all targets together; one address gets at most 5 in half a second
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,

    /// How long an answer is waited for
    #[arg(long, value_name = "D", default_value = "1s", value_parser = timeout)]
    pub(crate) timeout: Duration,

    /// The source address [default: as this machine's routes have it]
    #[arg(long, value_name = "IP")]
    pub(crate) source: Option<std::net::IpAddr>,

    /// The source ports, taken in turn [default: the system's choice]
    #[arg(long, value_name = "LO-HI", value_parser = port_range)]
    pub(crate) source_port: Option<PortRange>,

    /// By which sockets: connect asks from ordinary ones, raw from raw ones (ICMP alone), auto takes what
    /// is permitted
    #[arg(long, value_enum, default_value_t)]
    pub(crate) engine: EngineChoice,

    /// How to show the result: text or json at the end, or jsonl, an observation a line as it comes
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ProbeFormat,
}

/// By which sockets probes are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineChoice {
    /// Ordinary sockets, and raw ones where ICMP needs them
    #[default]
    Auto,
    /// Ordinary sockets
    Connect,
    /// Raw sockets
    Raw,
}

/// How probes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProbeFormat {
    /// For people
    #[default]
    Text,
    /// For scripts: one document at the end
    Json,
    /// For scripts: one observation a line, as it comes
    Jsonl,
}

/// Flags of `trace`.
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// tcp://HOST:PORT, udp://HOST:PORT, icmp://HOST and the like; HOST is an address or a name
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,

    /// How far to look
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=255))]
    pub(crate) max_hops: u8,

    /// How long an answer is waited for; a silent hop is asked twice
    #[arg(long, value_name = "D", default_value = "1s", value_parser = timeout)]
    pub(crate) timeout: Duration,

    /// The source address [default: as this machine's routes have it]
    #[arg(long, value_name = "IP")]
    pub(crate) source: Option<std::net::IpAddr>,

    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Flags of `capabilities`.
#[derive(Args, Debug)]
pub(crate) struct CapabilitiesArgs {
    /// How to show the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
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

/// Flags of `rehearse`.
#[cfg(feature = "laboratory")]
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

/// Reads `LO-HI`, or a single port.
pub(crate) fn port_range(text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ends = first.trim().parse::<u16>().ok().zip(last.trim().parse::<u16>().ok());
    let range = ends.and_then(|(first, last)| PortRange::new(first, last)).filter(|range| range.first() > 0);
    range.ok_or_else(|| "expected LO-HI, ports from 1 to 65535, as in 32768-60999".to_string())
}

fn interval(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "expected a duration up to 1h, as in 500ms or 2s".to_string())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let valid = duration(text).filter(|duration| *duration >= Duration::from_millis(1));
    valid.ok_or_else(|| "expected a duration from 1ms to 1h, as in 500ms or 2s".to_string())
}

/// Reads `500ms`, `2s`, `1.5s`, `1m`; up to an hour.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
    let duration = Duration::try_from_secs_f64(number * seconds).ok()?;
    (duration <= Duration::from_secs(3600)).then_some(duration)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: Option<f64> = text.trim_end_matches('s').parse().ok();
    let valid = number.filter(|number| (0.1..=3600.0).contains(number));
    valid.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds from 0.1 to 3600".to_string())
}
