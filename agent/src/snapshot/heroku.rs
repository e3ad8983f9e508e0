//! Heroku's documents of one space, out of all that a snapshot holds.
//!
//! An answer is about one space. A snapshot may hold several: one folder for each, or the list that
//! `heroku spaces --json` gives. To refuse it would make the user sort files while something is down;
//! to mix two spaces would make a wrong answer. So the first space counts, in the order in which paths
//! were given, and what belongs to another one is passed over, with a note that says how to ask about
//! that one. What belongs together shows by the space's network and by the folder.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use peerscope_document::heroku::{
    App, HerokuDocuments, HerokuRegion, Peering, PeeringInfo, Space, SpaceNat, SpaceTopology, VpnConnection,
};
use peerscope_document::id::VpcPeeringConnectionId;

use super::note::Note;
use super::typed::HerokuBatch;

/// The Heroku documents of all paths.
#[derive(Debug, Default)]
pub(super) struct HerokuParts {
    spaces: Vec<Part<Space>>,
    peering_infos: Vec<Part<PeeringInfo>>,
    peerings: Vec<Part<Vec<Peering>>>,
    topologies: Vec<Part<SpaceTopology>>,
    nats: Vec<Part<SpaceNat>>,
    vpn_connections: Vec<Part<Vec<VpnConnection>>>,
    apps: Vec<Part<App>>,
    regions: Vec<Part<HerokuRegion>>,
}

/// A document and where it came from.
#[derive(Debug)]
struct Part<T> {
    file: PathBuf,
    value: T,
}

impl<T> Part<T> {
    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }
}

impl HerokuParts {
    /// Adds the documents of one file.
    pub(super) fn add(&mut self, file: &Path, batch: HerokuBatch) {
        fn parts<T>(file: &Path, values: impl IntoIterator<Item = T>) -> impl Iterator<Item = Part<T>> {
            values.into_iter().map(|value| Part { file: file.to_path_buf(), value })
        }
        self.spaces.extend(parts(file, batch.spaces));
        self.peering_infos.extend(parts(file, batch.peering_infos));
        self.peerings.extend(parts(file, batch.peerings));
        self.topologies.extend(parts(file, batch.topologies));
        self.nats.extend(parts(file, batch.nats));
        self.vpn_connections.extend(parts(file, batch.vpn_connections));
        self.apps.extend(parts(file, batch.apps));
        self.regions.extend(parts(file, batch.regions));
    }

    /// The documents of the space that counts.
    pub(super) fn resolve(self, notes: &mut Vec<Note>) -> HerokuDocuments {
        let Self { spaces, peering_infos, peerings, topologies, nats, vpn_connections, apps, regions } = self;
        let info = peering_infos.first();
        let space = choose(&spaces, info);
        let others = Others::of(&spaces, &peering_infos, space, info);

        for part in &spaces {
            if Some(&part.value) != space.map(|space| &space.value) {
                others.note(notes, &part.file, "a space", "another space is analysed");
            }
        }
        for part in &peering_infos {
            if Some(&part.value) != info.map(|info| &info.value) {
                others.note(notes, &part.file, "a peering-info", "another one came first");
            }
        }
        let mut topology: Option<SpaceTopology> = None;
        for part in topologies {
            if others.own(part.folder()) && topology.is_none() {
                topology = Some(part.value);
            } else if topology.as_ref() != Some(&part.value) {
                others.note(notes, &part.file, "a topology", "another one came first");
            }
        }
        let mut nat: Option<SpaceNat> = None;
        for part in nats {
            if others.own(part.folder()) && nat.is_none() {
                nat = Some(part.value);
            } else if nat.as_ref() != Some(&part.value) {
                others.note(notes, &part.file, "a NAT", "another one came first");
            }
        }
        let mut vpn: Option<Vec<VpnConnection>> = None;
        for part in vpn_connections {
            if !others.own(part.folder()) {
                others.note(notes, &part.file, "VPN connections", "they lie beside another space");
                continue;
            }
            let vpn = vpn.get_or_insert_default();
            for connection in part.value {
                if !vpn.contains(&connection) {
                    vpn.push(connection);
                }
            }
        }
        // Apps go by their ids and regions by their names, so another space's do no harm.
        let mut known_apps: Option<Vec<App>> = None;
        for part in apps {
            let known = known_apps.get_or_insert_default();
            if !known.contains(&part.value) {
                known.push(part.value);
            }
        }
        let region_name = space.and_then(|space| space.value.region.as_ref()?.name.clone());
        let mut regions = regions.into_iter().map(|part| part.value);
        let region = regions.find(|region| region_name.is_none() || region.name == region_name);
        HerokuDocuments {
            space: space.map(|space| space.value.clone()),
            peering_info: info.map(|info| info.value.clone()),
            peerings: join(peerings, &others, notes),
            topology,
            nat,
            vpn_connections: vpn,
            apps: known_apps,
            region,
        }
    }
}

/// The space that a peering-info is of: by the network if both tell it, else by the folder; the first
/// space where there is no peering-info.
fn choose<'a>(spaces: &'a [Part<Space>], info: Option<&Part<PeeringInfo>>) -> Option<&'a Part<Space>> {
    let Some(info) = info else { return spaces.first() };
    let fits = |space: &&Part<Space>| match (space.value.cidr, info.value.vpc_cidr) {
        (Some(space), Some(vpc)) => space.network() == vpc.network(),
        _ => space.folder() == info.folder() || spaces.len() == 1,
    };
    let is_near = |space: &&Part<Space>| space.folder() == info.folder();
    spaces.iter().filter(fits).find(is_near).or_else(|| spaces.iter().find(fits))
}

/// The folders of other spaces.
struct Others<'a> {
    folders: HashSet<&'a Path>,
}

impl<'a> Others<'a> {
    fn of(
        spaces: &'a [Part<Space>],
        infos: &'a [Part<PeeringInfo>],
        space: Option<&'a Part<Space>>,
        info: Option<&'a Part<PeeringInfo>>,
    ) -> Self {
        let is_own_space = |part: &&Part<Space>| space.is_some_and(|space| space.value == part.value);
        let is_own_info =
            |part: &&Part<PeeringInfo>| info.is_some_and(|info| same_network(&info.value, &part.value));
        let own: HashSet<&Path> = spaces
            .iter()
            .filter(is_own_space)
            .map(Part::folder)
            .chain(infos.iter().filter(is_own_info).map(Part::folder))
            .collect();
        let all = spaces.iter().map(Part::folder).chain(infos.iter().map(Part::folder));
        Self { folders: all.filter(|folder| !own.contains(folder)).collect() }
    }

    /// Whether a folder is not another space's.
    fn own(&self, folder: &Path) -> bool {
        !self.folders.contains(folder)
    }

    fn note(&self, notes: &mut Vec<Note>, file: &Path, what: &str, reason: &str) {
        notes.push(Note {
            file: file.to_path_buf(),
            what: what.to_owned(),
            reason: format!("{reason}; for this one, give it in a --snapshot without the other"),
            would_tell: "the paths from another Heroku space",
        });
    }
}

/// Whether two answers are about the same space, perhaps at different times.
fn same_network(one: &PeeringInfo, other: &PeeringInfo) -> bool {
    match (&one.vpc_id, &other.vpc_id) {
        (Some(one), Some(other)) => one == other,
        _ => one.vpc_cidr == other.vpc_cidr,
    }
}

/// The peerings of all files of the space: a peering that two files list is one.
fn join(parts: Vec<Part<Vec<Peering>>>, others: &Others<'_>, notes: &mut Vec<Note>) -> Option<Vec<Peering>> {
    let mut all: Option<Vec<Peering>> = None;
    let mut index: HashMap<VpcPeeringConnectionId, usize> = HashMap::new();
    // Heroku masks the ids of its own peerings, so these can only be compared as wholes; one file may
    // well list two that look the same.
    let mut masked_before: HashSet<String> = HashSet::new();
    for part in parts {
        if !others.own(part.folder()) {
            others.note(notes, &part.file, "peerings", "they lie beside another space");
            continue;
        }
        let all = all.get_or_insert_default();
        let mut masked_here = HashSet::new();
        let mut differs = false;
        for peering in part.value {
            match &peering.pcx_id {
                None => {
                    let text = serde_json::to_string(&peering).unwrap_or_default();
                    if !masked_before.contains(&text) {
                        all.push(peering);
                        masked_here.insert(text);
                    }
                }
                Some(id) => match index.get(id).and_then(|&at| all.get(at)) {
                    Some(known) => differs |= *known != peering,
                    None => {
                        index.insert(id.clone(), all.len());
                        all.push(peering);
                    }
                },
            }
        }
        masked_before.extend(masked_here);
        if differs {
            others.note(notes, &part.file, "a peering", "the same one came first, with other values");
        }
    }
    all
}
