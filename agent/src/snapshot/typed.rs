//! Documents as what they are.
//!
//! Each object is read straight into its type, by the outline that was taken before. Where that
//! fails, the document is read once more with its path tracked, because tracking costs an allocation
//! a key and only a broken document needs it.

use std::fmt;
use std::path::Path;

use peerscope_document::aws::{AwsDocuments, Instance, PrefixListEntry, Reservation};
use peerscope_document::heroku::{Peering, PeeringInfo, Space, SpaceTopology};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::manifest::DatedManifest;
use super::outline::Outline;
use super::recognise::{Form, List};
use super::wording;
use crate::input_error::InputError;

/// The documents of one file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) aws: AwsDocuments,
    /// Entries of a prefix list that the document does not name; each document's by itself.
    pub(super) entries: Vec<Vec<PrefixListEntry>>,
    pub(super) heroku: HerokuBatch,
    pub(super) manifests: Vec<DatedManifest>,
}

/// The Heroku documents of one file.
#[derive(Debug, Default)]
pub(super) struct HerokuBatch {
    pub(super) spaces: Vec<Space>,
    pub(super) peering_infos: Vec<PeeringInfo>,
    pub(super) peerings: Option<Vec<Peering>>,
    pub(super) topologies: Vec<SpaceTopology>,
}

impl Batch {
    /// Adds a list without elements, which says that there is none of the kind.
    pub(super) fn add_empty(&mut self, list: List) {
        let aws = &mut self.aws;
        match list {
            List::Vpcs => extend(&mut aws.vpcs, []),
            List::Subnets => extend(&mut aws.subnets, []),
            List::RouteTables => extend(&mut aws.route_tables, []),
            List::SecurityGroups => extend(&mut aws.security_groups, []),
            List::NetworkAcls => extend(&mut aws.network_acls, []),
            List::VpcPeeringConnections => extend(&mut aws.vpc_peering_connections, []),
            List::NetworkInterfaces => extend(&mut aws.network_interfaces, []),
            List::Reservations => extend(&mut aws.reservations, []),
            List::PrefixLists => extend(&mut aws.prefix_lists, []),
            List::Entries => self.entries.push(Vec::new()),
            List::HerokuPeerings => extend(&mut self.heroku.peerings, []),
        }
    }
}

/// Adds elements to a list, which is there from now on even if there are none.
pub(super) fn extend<T>(list: &mut Option<Vec<T>>, elements: impl IntoIterator<Item = T>) {
    list.get_or_insert_default().extend(elements);
}

/// Reads the document that begins at `start`, of the shape `outline`, into `batch`.
pub(super) fn read(
    path: &Path,
    text: &str,
    start: usize,
    outline: &Outline,
    batch: &mut Batch,
) -> Result<(), InputError> {
    let document = text.get(start..).unwrap_or_default();
    let mut json = serde_json::Deserializer::from_str(document);
    let Err(error) = (OutlinedSeed { outline, batch }).deserialize(&mut json) else {
        return Ok(());
    };
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_str(document);
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    // It failed before, so it fails again, at the same place.
    let error =
        (OutlinedSeed { outline, batch: &mut Batch::default() }).deserialize(tracked).err().unwrap_or(error);
    Err(wording::data_error(path, text, start, &error, &track.path()))
}

/// Reads a value whose outline is known.
struct OutlinedSeed<'a> {
    outline: &'a Outline,
    batch: &'a mut Batch,
}

impl<'de> DeserializeSeed<'de> for OutlinedSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let form = match self.outline {
            Outline::Other => None,
            Outline::List(runs) => {
                return deserializer.deserialize_seq(RunsVisitor { runs, batch: self.batch });
            }
            Outline::Object(object) => object.form,
        };
        match form {
            None => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            Some(form) => object(deserializer, form, self.batch),
        }
    }
}

/// Reads a list element by element, each by its own outline.
struct RunsVisitor<'a> {
    runs: &'a [(Outline, usize)],
    batch: &'a mut Batch,
}

impl<'de> Visitor<'de> for RunsVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        for (outline, count) in self.runs {
            for _ in 0..*count {
                elements.next_element_seed(OutlinedSeed { outline, batch: self.batch })?;
            }
        }
        Ok(())
    }
}

fn object<'de, D: Deserializer<'de>>(deserializer: D, form: Form, batch: &mut Batch) -> Result<(), D::Error> {
    let Batch { aws, entries, heroku, manifests } = batch;
    match form {
        Form::AwsLists => return deserializer.deserialize_map(ListsVisitor { batch }),
        Form::Element(list) => match list {
            List::Vpcs => push(&mut aws.vpcs, deserializer)?,
            List::Subnets => push(&mut aws.subnets, deserializer)?,
            List::RouteTables => push(&mut aws.route_tables, deserializer)?,
            List::SecurityGroups => push(&mut aws.security_groups, deserializer)?,
            List::NetworkAcls => push(&mut aws.network_acls, deserializer)?,
            List::VpcPeeringConnections => push(&mut aws.vpc_peering_connections, deserializer)?,
            List::NetworkInterfaces => push(&mut aws.network_interfaces, deserializer)?,
            List::Reservations => push(&mut aws.reservations, deserializer)?,
            List::PrefixLists => push(&mut aws.prefix_lists, deserializer)?,
            // A bare list of entries is one list's; elements of one file are taken together.
            List::Entries => match entries.last_mut() {
                Some(last) => last.push(PrefixListEntry::deserialize(deserializer)?),
                None => entries.push(vec![PrefixListEntry::deserialize(deserializer)?]),
            },
            List::HerokuPeerings => push(&mut heroku.peerings, deserializer)?,
        },
        Form::Instance => {
            let instance = Instance::deserialize(deserializer)?;
            extend(&mut aws.reservations, [Reservation { owner_id: None, instances: vec![instance] }]);
        }
        Form::Space => heroku.spaces.push(Space::deserialize(deserializer)?),
        Form::PeeringInfo => heroku.peering_infos.push(PeeringInfo::deserialize(deserializer)?),
        Form::Topology => heroku.topologies.push(SpaceTopology::deserialize(deserializer)?),
        Form::Manifest => manifests.push(DatedManifest::deserialize(deserializer)?),
        Form::SpaceNat | Form::VpnConnection => {
            deserializer.deserialize_ignored_any(IgnoredAny)?;
        }
    }
    Ok(())
}

fn push<'de, D, T>(list: &mut Option<Vec<T>>, deserializer: D) -> Result<(), D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    extend(list, [T::deserialize(deserializer)?]);
    Ok(())
}

/// Reads the output of `describe-*`.
struct ListsVisitor<'a> {
    batch: &'a mut Batch,
}

impl<'de> Visitor<'de> for ListsVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Batch { aws, entries, .. } = self.batch;
        while let Some(key) = members.next_key::<ListKey>()? {
            match key {
                ListKey::Vpcs => list(&mut aws.vpcs, &mut members)?,
                ListKey::Subnets => list(&mut aws.subnets, &mut members)?,
                ListKey::RouteTables => list(&mut aws.route_tables, &mut members)?,
                ListKey::SecurityGroups => list(&mut aws.security_groups, &mut members)?,
                ListKey::NetworkAcls => list(&mut aws.network_acls, &mut members)?,
                ListKey::VpcPeeringConnections => list(&mut aws.vpc_peering_connections, &mut members)?,
                ListKey::NetworkInterfaces => list(&mut aws.network_interfaces, &mut members)?,
                ListKey::Reservations => list(&mut aws.reservations, &mut members)?,
                ListKey::PrefixLists => list(&mut aws.prefix_lists, &mut members)?,
                ListKey::Entries => entries.extend(members.next_value::<Option<Vec<_>>>()?),
                ListKey::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a list; null says nothing, as if the key were absent.
fn list<'de, A, T>(list: &mut Option<Vec<T>>, members: &mut A) -> Result<(), A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de>,
{
    match (members.next_value::<Option<Vec<T>>>()?, list.as_mut()) {
        (Some(elements), Some(list)) => list.extend(elements),
        (Some(elements), None) => *list = Some(elements),
        (None, _) => {}
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum ListKey {
    Vpcs,
    Subnets,
    RouteTables,
    SecurityGroups,
    NetworkAcls,
    VpcPeeringConnections,
    NetworkInterfaces,
    Reservations,
    PrefixLists,
    Entries,
    #[serde(other)]
    Other,
}
