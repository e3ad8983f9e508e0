//! Flags of the commands that only send packets.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use peerscope_analysis::flow::PortRange;

use super::Format;
use super::values::{interval, port_range, timeout};

/// Flags of `probe`.
#[derive(Args, Debug)]
pub(crate) struct ProbeArgs {
    /// tcp://HOST:PORT, udp://HOST:PORT, icmp://HOST, https://HOST, …, HOST:PORT (tcp) or HOST (icmp);
    /// HOST is an address or a name. postgres, mysql, redis, rediss, http, https, tls and kafka are spoken to where
    /// a credential would be needed, and answered is who answers in the protocol. dns://SERVER[:PORT]/NAME[?type=A|AAAA] asks a name server,
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
