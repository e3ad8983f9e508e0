//! All documents of one moment, from all accounts and Regions.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::aws::AwsDocuments;
use crate::heroku::HerokuDocuments;
use crate::id::{AccountId, Region};

/// Everything that is known of the configuration at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What AWS said, one collection for each place that the documents came from.
    pub aws: Vec<AwsCollection>,
    /// What Heroku said of the space.
    pub heroku: HerokuDocuments,
    /// When it was taken, where a manifest says so.
    pub manifest: Option<Manifest>,
    /// Where it came from, as the user named it.
    pub sources: Vec<String>,
}

/// Documents of one account and Region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AwsCollection {
    /// The Region by the name of the folder that the documents lay in. What the documents themselves
    /// say (availability zones, peerings) goes before it.
    pub region: Option<Region>,
    /// The documents.
    pub documents: AwsDocuments,
}

/// `manifest.json`, as `peerscope collect` writes it beside the documents. All but schema and time is optional: one
/// written by hand has no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `peerscope/snapshot/1`
    pub schema: String,
    /// When the collection began (RFC 3339, UTC).
    pub at: String,
    /// The Heroku spaces that were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spaces: Vec<CollectedSpace>,
    /// The AWS accounts that were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountId>,
    /// The AWS Regions that were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// Every call that was made, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CollectedCall>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<CollectionGap>,
    /// The files beside the manifest, by their names relative to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Whether names, accounts and public addresses were replaced.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub redacted: bool,
}

/// A Heroku space that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedSpace {
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A call of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedCall {
    /// `heroku` or `aws`.
    #[serde(default)]
    pub provider: String,
    /// What was asked, such as `GET /spaces/{space}/nat`.
    #[serde(default)]
    pub call: String,
    /// `ok`, or what came in place of an answer, in a word or a status.
    #[serde(default)]
    pub result: String,
    /// How often it was asked, pages and repetitions together.
    #[serde(default)]
    pub requests: u32,
}

/// Something that a collection could not read, in the words of a report's gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionGap {
    /// Whose document is missing: `heroku` or `aws`.
    #[serde(default)]
    pub provider: String,
    /// `permission`, `document` or `scope`.
    #[serde(default)]
    pub kind: String,
    /// What is missing.
    #[serde(default)]
    pub what: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// What it would have told.
    #[serde(default)]
    pub would_tell: String,
}

/// The value of [`Manifest::schema`].
pub const MANIFEST_SCHEMA: &str = "peerscope/snapshot/1";
