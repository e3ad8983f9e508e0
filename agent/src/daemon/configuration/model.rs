//! What a configuration holds. The types are the one place where it is said: the JSON Schema, the errors and the
//! documentation of keys are made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{Listen, PathName, Role, Span, Target};
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
    /// In which form the log is written.
    #[serde(default)]
    #[schemars(with = "Option<LogFormat>")]
    pub(crate) log_format: LogFormat,
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
    /// Labels of its series.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) labels: BTreeMap<String, String>,
}

/// Where more paths are found: in files, or among interfaces.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoverySection {
    /// Documents in the form of Prometheus's file_sd, in JSON; the last part of a path may hold one `*`.
    #[serde(default)]
    #[schemars(with = "Option<Vec<PathBuf>>")]
    pub(crate) files: Vec<PathBuf>,
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
