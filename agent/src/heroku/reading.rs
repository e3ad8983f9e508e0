//! The documents of one space, and what of them could not be had.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use peerscope_document::heroku::{App, HerokuDocuments, Space, SpaceTopology};
use peerscope_document::{CollectedCall, CollectedSpace, CollectionGap};
use serde::de::DeserializeOwned;

use super::access::Access;
use super::client::{Client, Pace};
use super::error::{CallError, ErrorKind};
use super::transport::Transport;

/// What was read of a space.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Its documents.
    pub(crate) documents: HerokuDocuments,
    /// Every call, in order.
    pub(crate) calls: Vec<CollectedCall>,
    /// What could not be read.
    pub(crate) gaps: Vec<CollectionGap>,
    /// What Heroku warned of.
    pub(crate) warnings: Vec<String>,
}

impl Reading {
    /// The space that was read.
    pub(crate) fn space(&self) -> CollectedSpace {
        let space = self.documents.space.clone().unwrap_or_default();
        CollectedSpace { id: space.id, name: space.name }
    }
}

/// What is missing where a call failed.
#[derive(Clone, Copy)]
struct Missing {
    what: &'static str,
    would_tell: &'static str,
}

const PEERING_INFO: Missing = Missing {
    what: "the space's peering-info",
    would_tell: "its AWS account, VPC and Region, and the blocks that routes and rules have to cover",
};
const PEERINGS: Missing = Missing {
    what: "the space's peerings",
    would_tell: "which peerings Heroku knows, in which state, and which are its own",
};
const TOPOLOGY: Missing =
    Missing { what: "the space's topology", would_tell: "which dynos run, at which addresses" };
const NAT: Missing =
    Missing { what: "the space's NAT", would_tell: "from which addresses its dynos call the internet" };
const VPN_CONNECTIONS: Missing = Missing {
    what: "the space's VPN connections",
    would_tell: "which networks the space reaches over a VPN, and not over a peering",
};
const REGION: Missing = Missing {
    what: "the space's region",
    would_tell: "which Region of AWS it is, where peering-info lacks it",
};
const APPS: Missing =
    Missing { what: "apps of the space", would_tell: "their names, and which are routed internally" };

/// Reads a space by its name or id; without one, the only one that there is for the token. All of it takes no longer
/// than until `deadline` after `started`.
///
/// # Errors
/// Why the space itself could not be read; everything else that fails is a gap.
pub(crate) fn read_space(
    access: Access,
    space: Option<&str>,
    started: Instant,
    deadline: Duration,
) -> Result<Reading, String> {
    read(&Client::new(access, started, deadline), space)
}

fn read<T: Transport, P: Pace>(client: &Client<T, P>, space: Option<&str>) -> Result<Reading, String> {
    let mut reader = Reader { client, reading: Reading::default() };
    let (space, path) = reader.space(space)?;
    let region = space.region.clone().unwrap_or_default();
    let documents = HerokuDocuments {
        space: Some(space),
        peering_info: reader.object(&path, "peering-info", PEERING_INFO),
        peerings: reader.list(&path, "peerings", PEERINGS),
        topology: reader.object(&path, "topology", TOPOLOGY),
        nat: reader.object(&path, "nat", NAT),
        vpn_connections: reader.list(&path, "vpn-connections", VPN_CONNECTIONS),
        region: match (&region.provider, &region.name) {
            // An expanded answer had it already.
            (None, Some(name)) => reader.region(name),
            _ => None,
        },
        apps: None,
    };
    let apps = documents.topology.as_ref().and_then(|topology| reader.apps(topology));
    let warnings = client.warnings();
    Ok(Reading { documents: HerokuDocuments { apps, ..documents }, warnings, ..reader.reading })
}

/// Whether a text can be a part of a path: the name or id of a space, an app or a region.
pub(crate) fn is_identity(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= 128 && text.bytes().all(plain)
}

struct Reader<'a, T, P> {
    client: &'a Client<T, P>,
    reading: Reading,
}

impl<T: Transport, P: Pace> Reader<'_, T, P> {
    /// The space, and the path of what belongs to it.
    fn space(&mut self, named: Option<&str>) -> Result<(Space, String), String> {
        let chosen = match named {
            Some(named) => named.to_string(),
            None => self.only_space()?,
        };
        if !is_identity(&chosen) {
            return Err("expected the name or id of a space: letters, digits and hyphens".to_string());
        }
        let path = format!("/spaces/{chosen}");
        let read = self.client.object::<Space>(&path);
        self.note("GET /spaces/{space}", read.as_ref().err());
        let space = read.map_err(|error| match error.kind {
            ErrorKind::NotFound => format!(
                "there is no space {chosen}, or none that the token's account can see (404; {}, Request-Id {})",
                error.call, error.request_id
            ),
            _ => error.to_string(),
        })?;
        Ok((space, path))
    }

    /// The id of the only space that the token can see.
    fn only_space(&mut self) -> Result<String, String> {
        let read = self.client.list::<Space>("/spaces");
        self.note("GET /spaces", read.as_ref().err());
        let spaces = read.map_err(|error| error.to_string())?;
        let identity = |space: &Space| space.id.clone().or_else(|| space.name.clone());
        match &spaces[..] {
            [] => Err("the token's account sees no space; --space NAME says which is meant".to_string()),
            [space] => {
                identity(space).ok_or_else(|| "the only space has neither an id nor a name".to_string())
            }
            several => {
                let mut names: Vec<&str> = several.iter().filter_map(|space| space.name.as_deref()).collect();
                names.sort_unstable();
                Err(format!("--space NAME: expected one of {}", names.join(", ")))
            }
        }
    }

    fn object<D: DeserializeOwned>(&mut self, space: &str, part: &str, missing: Missing) -> Option<D> {
        let read = self.client.object(&format!("{space}/{part}"));
        self.kept(&format!("GET /spaces/{{space}}/{part}"), read, missing)
    }

    fn list<D: DeserializeOwned>(&mut self, space: &str, part: &str, missing: Missing) -> Option<Vec<D>> {
        let read = self.client.list(&format!("{space}/{part}"));
        self.kept(&format!("GET /spaces/{{space}}/{part}"), read, missing)
    }

    fn region<D: DeserializeOwned>(&mut self, name: &str) -> Option<D> {
        if !is_identity(name) {
            return None;
        }
        let read = self.client.object(&format!("/regions/{name}"));
        self.kept("GET /regions/{region}", read, REGION)
    }

    /// The apps of the topology. What goes wrong with several of them is one gap.
    fn apps(&mut self, topology: &SpaceTopology) -> Option<Vec<App>> {
        let ids: BTreeSet<&str> = topology.apps.iter().filter_map(|app| app.id.as_deref()).collect();
        let (mut apps, mut failed, mut first) = (Vec::new(), 0, None);
        let mut requests = 0;
        for id in ids.iter().filter(|id| is_identity(id)) {
            match self.client.object::<App>(&format!("/apps/{id}")) {
                Ok(app) => apps.push(app),
                Err(error) => {
                    failed += 1;
                    first.get_or_insert(error);
                }
            }
            requests += self.client.take_requests();
        }
        if ids.is_empty() {
            return Some(apps);
        }
        let result = first.as_ref().map_or_else(|| "ok".to_string(), |error| error.kind.word());
        self.reading.calls.push(call("GET /apps/{app}", result, requests));
        if let Some(error) = first {
            let gap = gap(&error, APPS);
            let what = format!("{failed} of {} {}", ids.len(), APPS.what);
            self.reading.gaps.push(CollectionGap { what, ..gap });
        }
        (!apps.is_empty()).then_some(apps)
    }

    fn kept<D>(&mut self, name: &str, read: Result<D, CallError>, missing: Missing) -> Option<D> {
        self.note(name, read.as_ref().err());
        match read {
            Ok(document) => Some(document),
            Err(error) => {
                self.reading.gaps.push(gap(&error, missing));
                None
            }
        }
    }

    fn note(&mut self, name: &str, error: Option<&CallError>) {
        let result = error.map_or_else(|| "ok".to_string(), |error| error.kind.word());
        let requests = self.client.take_requests();
        self.reading.calls.push(call(name, result, requests));
    }
}

fn call(name: &str, result: String, requests: u32) -> CollectedCall {
    CollectedCall { provider: "heroku".to_string(), call: name.to_string(), result, requests }
}

fn gap(error: &CallError, missing: Missing) -> CollectionGap {
    let kind = if error.kind.is_permission() { "permission" } else { "document" };
    CollectionGap {
        provider: "heroku".to_string(),
        kind: kind.to_string(),
        what: missing.what.to_string(),
        reason: error.to_string(),
        would_tell: missing.would_tell.to_string(),
    }
}
