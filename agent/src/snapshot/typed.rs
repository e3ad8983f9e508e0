//! Documents as what they are.
//!
//! Each object is read straight into its type, by the outline that was taken before. Where that
//! fails, the document is read once more with its path tracked, because tracking costs an allocation
//! a key and only a broken document needs it.

use std::fmt;
use std::path::Path;

use peerscope_document::aws::{AwsDocuments, Instance, PrefixListEntry, Reservation};
use peerscope_document::heroku::{
    App, HerokuRegion, Peering, PeeringInfo, Space, SpaceNat, SpaceTopology, VpnConnection,
};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::lists::{List, ListKey, extend, push};
use super::manifest::DatedManifest;
use super::outline::Outline;
use super::recognise::Form;
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
    pub(super) nats: Vec<SpaceNat>,
    pub(super) vpn_connections: Option<Vec<VpnConnection>>,
    pub(super) apps: Vec<App>,
    pub(super) regions: Vec<HerokuRegion>,
}

impl Batch {
    /// Adds a list without elements, which says that there is none of the kind.
    pub(super) fn add_empty(&mut self, list: List) {
        match list {
            List::Entries => self.entries.push(Vec::new()),
            List::HerokuPeerings => extend(&mut self.heroku.peerings, []),
            List::HerokuVpnConnections => extend(&mut self.heroku.vpn_connections, []),
            list => list.add_empty(&mut self.aws),
        }
    }
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
            // A bare list of entries is one list's; elements of one file are taken together.
            List::Entries => match entries.last_mut() {
                Some(last) => last.push(PrefixListEntry::deserialize(deserializer)?),
                None => entries.push(vec![PrefixListEntry::deserialize(deserializer)?]),
            },
            List::HerokuPeerings => push(&mut heroku.peerings, deserializer)?,
            List::HerokuVpnConnections => push(&mut heroku.vpn_connections, deserializer)?,
            list => list.push(aws, deserializer)?,
        },
        Form::Instance => {
            let instance = Instance::deserialize(deserializer)?;
            extend(&mut aws.reservations, [Reservation { owner_id: None, instances: vec![instance] }]);
        }
        Form::Space => heroku.spaces.push(Space::deserialize(deserializer)?),
        Form::PeeringInfo => heroku.peering_infos.push(PeeringInfo::deserialize(deserializer)?),
        Form::Topology => heroku.topologies.push(SpaceTopology::deserialize(deserializer)?),
        Form::Manifest => manifests.push(DatedManifest::deserialize(deserializer)?),
        Form::SpaceNat => heroku.nats.push(SpaceNat::deserialize(deserializer)?),
        Form::App => heroku.apps.push(App::deserialize(deserializer)?),
        Form::Region => heroku.regions.push(HerokuRegion::deserialize(deserializer)?),
        Form::VpnConnection => push(&mut heroku.vpn_connections, deserializer)?,
    }
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
                ListKey::Entries => entries.extend(members.next_value::<Option<Vec<_>>>()?),
                key => key.read(aws, &mut members)?,
            }
        }
        Ok(())
    }
}
