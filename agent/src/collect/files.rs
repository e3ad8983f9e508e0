//! In which file each document of a snapshot lies, in its service's own shape.

use std::collections::BTreeSet;
use std::io;

use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::AccountId;
use peerscope_document::{AwsCollection, Snapshot};
use serde::Serialize;
use serde_json::{Map, Value};

use super::writer::SnapshotWriter;

/// Writes the documents of a snapshot; what is not there has no file, what is there and empty has one.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn write_snapshot(snapshot: &Snapshot, writer: &mut SnapshotWriter) -> io::Result<()> {
    write_heroku(&snapshot.heroku, writer)?;
    let mut names = BTreeSet::new();
    for collection in &snapshot.aws {
        write_aws(collection, &unused_name(collection, &mut names), writer)?;
    }
    Ok(())
}

fn write_heroku(heroku: &HerokuDocuments, writer: &mut SnapshotWriter) -> io::Result<()> {
    let HerokuDocuments { space, peering_info, peerings, topology, nat, vpn_connections, apps, region } =
        heroku;
    let mut one = |name: &str, document: Option<Value>| match document {
        Some(document) => writer.document(&format!("heroku/{name}.json"), &document),
        None => Ok(()),
    };
    one("space", value(space.as_ref())?)?;
    one("peering-info", value(peering_info.as_ref())?)?;
    one("peerings", value(peerings.as_ref())?)?;
    // A topology is known by its version; the shape has had one alone.
    let topology = value(topology.as_ref())?.map(|topology| with(topology, "version", 1.into()));
    one("topology", topology)?;
    // A NAT is known by its state.
    one("nat", value(nat.as_ref())?.map(|nat| with(nat, "state", Value::Null)))?;
    one("vpn-connections", value(vpn_connections.as_ref())?)?;
    one("apps", value(apps.as_ref().filter(|apps| !apps.is_empty()))?)?;
    // A region is known by what spaces may be in it.
    one("region", value(region.as_ref())?.map(|region| with(region, "private_capable", Value::Null)))
}

/// One file for each kind, as `aws ec2 describe-…` gives it.
fn write_aws(collection: &AwsCollection, folder: &str, writer: &mut SnapshotWriter) -> io::Result<()> {
    let AwsCollection { documents, .. } = collection;
    let Value::Object(kinds) = serde_json::to_value(documents)? else { return Ok(()) };
    for (kind, list) in kinds {
        let document = Value::Object(Map::from_iter([(kind.clone(), list)]));
        writer.document(&format!("aws/{folder}/{}.json", kebab(&kind)), &document)?;
    }
    Ok(())
}

/// A folder's name for a collection: its account and Region, as far as they are known.
fn unused_name(collection: &AwsCollection, used: &mut BTreeSet<String>) -> String {
    let account = collection.documents.owner().map_or("unknown-account", AccountId::as_str);
    let region = collection.region.as_ref().map_or("unknown-region", |region| region.as_str());
    let name = format!("{account}_{region}");
    let numbered = (2..).map(|number| format!("{account}_{number}_{region}"));
    let name = std::iter::once(name).chain(numbered).find(|name| !used.contains(name)).unwrap_or_default();
    used.insert(name.clone());
    name
}

fn value<T: Serialize>(document: Option<&T>) -> io::Result<Option<Value>> {
    Ok(document.map(serde_json::to_value).transpose()?)
}

/// The same object with a member, where it has none of that name.
fn with(document: Value, name: &str, member: Value) -> Value {
    match document {
        Value::Object(mut members) => {
            members.entry(name).or_insert(member);
            Value::Object(members)
        }
        other => other,
    }
}

/// `RouteTables` as `route-tables`, `DBInstances` as `db-instances`.
fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 8);
    let mut characters = name.chars().peekable();
    let mut follows_lower = false;
    while let Some(character) = characters.next() {
        let is_upper = character.is_ascii_uppercase();
        let begins_word = follows_lower || characters.peek().is_some_and(char::is_ascii_lowercase);
        if is_upper && begins_word && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(character.to_ascii_lowercase());
        follows_lower = !is_upper;
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::kebab;

    #[test]
    fn a_kind_is_a_file_name_in_lower_case() {
        for (kind, name) in [
            ("Vpcs", "vpcs"),
            ("RouteTables", "route-tables"),
            ("DBInstances", "db-instances"),
            ("TargetGroupHealth", "target-group-health"),
        ] {
            assert_eq!(kebab(kind), name);
        }
    }
}
