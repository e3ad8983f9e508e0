//! All documents of one moment, from all accounts and Regions.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::aws::AwsDocuments;
use crate::heroku::HerokuDocuments;
use crate::id::Region;

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

/// `manifest.json`, as `peerscope collect` writes it beside the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `peerscope/snapshot/1`
    pub schema: String,
    /// When the collection began (RFC 3339, UTC).
    pub at: String,
}

/// The value of [`Manifest::schema`].
pub const MANIFEST_SCHEMA: &str = "peerscope/snapshot/1";
