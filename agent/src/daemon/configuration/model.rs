//! What a configuration holds. The types are the one place where it is said: the JSON Schema, the errors and the
//! documentation of keys are made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::Secret;
use super::values::{Block, HttpUrl, Listen, PathName, Role, Size, Span, Target};
use crate::daemon::access::Access;

/// A configuration of `peerscope run`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "peerscope run")]
pub(crate) struct Document {
    /// Who asks.
    pub(crate) source: Option<Source>,
    /// Where the daemon is asked over HTTP.
    #[serde(default = "listen")]
    #[schemars(with = "Option<Listen>")]
    pub(crate) listen: Listen,
    /// TLS and who may ask, in a file that exporters of Prometheus take too (`tls_server_config` with `cert_file`,
    /// `key_file`, `client_ca_file`, `client_auth_type` and `min_version`; `basic_auth_users` with bcrypt hashes;
    /// `http_server_config` with `headers`). It is read again with this one.
    pub(crate) web_config_file: Option<PathBuf>,
    /// What is in that file.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) access: Arc<Access>,
    /// The file in which what was seen is kept, a database of SQLite; without one it is kept in memory alone.
    pub(crate) history: Option<PathBuf>,
    /// How much of it is kept.
    #[serde(default)]
    #[schemars(with = "Option<RetentionSection>")]
    pub(crate) history_retention: RetentionSection,
    /// Where what is configured in AWS and Heroku is read.
    #[serde(default)]
    #[schemars(with = "Option<SnapshotSection>")]
    pub(crate) snapshot: SnapshotSection,
    /// What is watched.
    #[serde(default)]
    #[schemars(with = "Option<Vec<PathSection>>")]
    pub(crate) paths: Vec<PathSection>,
    /// Where more paths are found.
    #[serde(default)]
    #[schemars(with = "Option<Vec<DiscoverySection>>")]
    pub(crate) discovery: Vec<DiscoverySection>,
    /// Whether this file is looked at each second, and taken where it has changed. That of `web_config_file` is always, with
    /// what it names.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(crate) reload_on_change: bool,
    /// In which form the log is written.
    #[serde(default)]
    #[schemars(with = "Option<LogFormat>")]
    pub(crate) log_format: LogFormat,
    /// Where the metrics are sent, by Prometheus remote write, where nobody can scrape them.
    pub(crate) remote_write: Option<RemoteWriteSection>,
    /// Whether metrics are written to standard output, in lines that Heroku's log drains make metrics of (l2met).
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(crate) log_metrics: bool,
    /// How often they are.
    #[serde(default = "metrics_interval")]
    #[schemars(with = "Option<Span>")]
    pub(crate) log_metrics_interval: Span,
    /// Where changes of verdicts are sent, as logs of OpenTelemetry.
    pub(crate) otlp_logs: Option<OtlpLogsSection>,
    /// Where others find what this daemon serves; otherwise the address that it listens on.
    pub(crate) external_url: Option<HttpUrl>,
    /// What `GET /probe` may be asked.
    #[serde(default)]
    #[schemars(with = "Option<ProbeEndpointSection>")]
    pub(crate) probe_endpoint: ProbeEndpointSection,
}

fn listen() -> Listen {
    Listen(std::net::SocketAddr::from(([127, 0, 0, 1], 9805)))
}

/// Who asks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// What this daemon is called; otherwise the dyno's name, or the host's.
    pub(crate) name: String,
}

/// How much of what was seen is kept. The older goes first; what still holds stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionSection {
    /// How long: 90d where nothing is said, an hour at the least.
    pub(crate) age: Option<Span>,
    /// How much room it takes: 1GiB of a file, 64MiB of memory where nothing is said, 1MiB at the least.
    pub(crate) size: Option<Size>,
}

/// Where what is configured is read, and how often.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotSection {
    /// Snapshots, as `peerscope collect` or the command lines wrote them.
    #[serde(default)]
    #[schemars(with = "Option<Vec<PathBuf>>")]
    pub(crate) paths: Vec<PathBuf>,
    /// How often they are looked at again.
    pub(crate) refresh: Option<Span>,
    /// AWS, read by its API.
    pub(crate) aws: Option<AwsSection>,
    /// Heroku, read by its API.
    pub(crate) heroku: Option<HerokuSection>,
}

/// How often what is configured is read where nothing is said.
pub(crate) const REFRESH: Duration = Duration::from_secs(60);

/// What is read of AWS.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AwsSection {
    /// The Regions; otherwise the account's own, and where peerings lead.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) regions: Vec<String>,
    /// The VPCs; otherwise those of the space's peerings, else all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) vpcs: Vec<String>,
    /// Profiles of AWS's shared configuration to read as.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) profiles: Vec<String>,
    /// Roles to assume, as `--assume-role` takes them.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Role>>")]
    pub(crate) assume_roles: Vec<Role>,
    /// How often they are read.
    pub(crate) refresh: Option<Span>,
}

/// What is read of Heroku.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HerokuSection {
    /// The space, by name or id; otherwise the only one that the token can see.
    pub(crate) space: Option<String>,
    /// How often it is read.
    pub(crate) refresh: Option<Span>,
}

/// A path that is watched.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathSection {
    /// What it is called.
    pub(crate) name: PathName,
    /// What is asked.
    pub(crate) target: Target,
    /// How often.
    #[serde(default = "interval")]
    #[schemars(with = "Option<Span>")]
    pub(crate) interval: Span,
    /// How long an answer is waited for.
    #[serde(default = "timeout")]
    #[schemars(with = "Option<Span>")]
    pub(crate) timeout: Span,
    /// A port of the same host to which a connection is kept standing, over which nothing is said: whether it goes on
    /// while new ones are not answered tells a rule of a security group that was removed from a path that was cut. For
    /// a service that lets others stand silent; a database cuts or logs them.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) canary: Option<u16>,
    /// Labels of its series.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) labels: BTreeMap<String, String>,
}

/// Where more paths are found: in files, by asking a service, or among interfaces.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoverySection {
    /// Documents in the form of Prometheus's file_sd, in JSON; the last part of a path may hold one `*`.
    #[serde(default)]
    #[schemars(with = "Option<Vec<PathBuf>>")]
    pub(crate) files: Vec<PathBuf>,
    /// The address of a service that names targets in the form of Prometheus's http_sd.
    pub(crate) url: Option<HttpUrl>,
    /// A user and a password for it.
    pub(crate) basic_auth: Option<BasicAuthSection>,
    /// A token for it.
    pub(crate) bearer_token: Option<Secret>,
    /// A file that holds the token. It is read for every request.
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// How the service proves who it is, and this daemon to it.
    #[serde(default)]
    #[schemars(with = "Option<TlsSection>")]
    pub(crate) tls: TlsSection,
    /// Interfaces of the snapshot.
    pub(crate) interfaces: Option<InterfaceSelector>,
    /// How often it is looked.
    pub(crate) refresh: Option<Span>,
    /// How often each path is asked; no oftener than its target may be.
    pub(crate) interval: Option<Span>,
    /// How long an answer is waited for.
    pub(crate) timeout: Option<Span>,
    /// Labels of the series of all paths found.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) labels: BTreeMap<String, String>,
}

impl DiscoverySection {
    /// Whether it looks where another does, if not in the same way.
    pub(crate) fn is_of_the_place_of(&self, other: &Self) -> bool {
        (&self.files, &self.url, &self.interfaces) == (&other.files, &other.url, &other.interfaces)
    }

    /// Where it looks, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.url, &self.interfaces) {
            (Some(_), _) => "http",
            (None, Some(_)) => "interfaces",
            (None, None) => "files",
        }
    }
}

/// Which interfaces are watched.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InterfaceSelector {
    /// Tags that the interface, or its instance, has: all of them.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) tags: BTreeMap<String, String>,
    /// The VPC that it is in.
    pub(crate) vpc: Option<String>,
    /// The port that is asked.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) port: u16,
    /// What is spoken there, as the scheme of a target.
    pub(crate) scheme: Option<String>,
}

/// How often a path is asked where nothing is said.
pub(crate) fn interval() -> Span {
    Span(Duration::from_secs(10))
}

/// How long an answer is waited for where nothing is said.
pub(crate) fn timeout() -> Span {
    Span(Duration::from_secs(2))
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// `key=value`, a line each.
    #[default]
    Logfmt,
    /// A JSON object, a line each.
    Json,
}

fn metrics_interval() -> Span {
    Span(Duration::from_secs(15))
}

/// Where metrics are sent.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteWriteSection {
    /// The address of whoever receives them.
    pub(crate) url: HttpUrl,
    /// How often all of them are sent.
    #[serde(default = "metrics_interval")]
    #[schemars(with = "Option<Span>")]
    pub(crate) interval: Span,
    /// A user and a password.
    pub(crate) basic_auth: Option<BasicAuthSection>,
    /// A token.
    pub(crate) bearer_token: Option<Secret>,
    /// A file that holds the token. It is read for every request.
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// How the receiver proves who it is, and this daemon to it.
    #[serde(default)]
    #[schemars(with = "Option<TlsSection>")]
    pub(crate) tls: TlsSection,
    /// What waits while the receiver does not answer.
    #[serde(default)]
    #[schemars(with = "Option<QueueSection>")]
    pub(crate) queue: QueueSection,
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicAuthSection {
    /// The user.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: Option<Secret>,
    /// A file that holds the password. It is read for every request.
    pub(crate) password_file: Option<PathBuf>,
}

/// How both sides of a connection prove who they are. Files are read again where they have changed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    /// The authorities that are trusted, in PEM; otherwise the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// This side's certificate, in PEM.
    pub(crate) cert_file: Option<PathBuf>,
    /// Its key.
    pub(crate) key_file: Option<PathBuf>,
    /// The name that the receiver's certificate has to have; otherwise the URL's host.
    pub(crate) server_name: Option<String>,
}

impl TlsSection {
    /// The files that it names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        [&self.ca_file, &self.cert_file, &self.key_file].into_iter().flatten().cloned().collect()
    }
}

/// What waits for a receiver.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueSection {
    /// The most samples that wait; of more the oldest are dropped, and counted. A sample takes about 10 bytes.
    #[serde(default = "samples")]
    #[schemars(with = "Option<u32>", range(min = 1000, max = 100_000_000))]
    pub(crate) samples: u32,
}

impl Default for QueueSection {
    fn default() -> Self {
        Self { samples: samples() }
    }
}

fn samples() -> u32 {
    1_000_000
}

/// Where changes of verdicts are sent.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtlpLogsSection {
    /// The collector's address for logs over HTTP, such as `http://127.0.0.1:4318/v1/logs`.
    pub(crate) url: HttpUrl,
    /// Headers that are sent along, such as one with a key.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, Secret>>")]
    pub(crate) headers: BTreeMap<String, Secret>,
    /// How the collector proves who it is, and this daemon to it.
    #[serde(default)]
    #[schemars(with = "Option<TlsSection>")]
    pub(crate) tls: TlsSection,
}

/// What `GET /probe` may be asked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeEndpointSection {
    /// The addresses that it may reach; otherwise those of the paths' targets, and their ports, alone.
    pub(crate) allow: Option<Vec<Block>>,
    /// A configuration of blackbox_exporter, of which the modules are taken; otherwise there are `icmp`, `tcp_connect`,
    /// `http_2xx` and `dns`.
    pub(crate) modules_file: Option<PathBuf>,
}
