//! What the accounts say now, in memory: for `collect`, and for commands that were given `--live`.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::{CollectionGap, MANIFEST_SCHEMA, Manifest, Snapshot};

use crate::escape::escape;
use crate::heroku::{Access, is_identity, read_space};

/// What is asked of the accounts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The Heroku space by its name or id; without it, the only one that the token can see.
    pub(crate) space: Option<&'a str>,
    /// From when the deadline counts.
    pub(crate) started: Instant,
    /// How long all of it may take.
    pub(crate) deadline: Duration,
    /// The calendar time of the start.
    pub(crate) at: Timestamp,
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// There is no token.
    NoToken,
    /// What was given cannot be used: the environment, or the name of a space.
    Wrong(String),
    /// The space itself could not be read.
    Failed(String),
}

impl NotRead {
    /// Why, in one line.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NoToken => {
                "no token of Heroku's was found: expected HEROKU_API_KEY, or an entry for api.heroku.com in ~/.netrc (`heroku login` or `heroku authorizations:create -s read` makes one)"
                    .to_string()
            }
            Self::Wrong(why) | Self::Failed(why) => why.clone(),
        }
    }
}

/// Reads Heroku's side with the token at hand, after saying which and what it is used for.
///
/// # Errors
/// Why nothing was read. What could be read but for a part has its gaps in the manifest.
pub(crate) fn read_heroku(wanted: Wanted<'_>) -> Result<Snapshot, NotRead> {
    let access = Access::find().map_err(NotRead::Wrong)?.ok_or(NotRead::NoToken)?;
    if wanted.space.is_some_and(|space| !is_identity(space)) {
        let expected = "--space: expected the name or id of a space: letters, digits and hyphens";
        return Err(NotRead::Wrong(expected.to_string()));
    }
    let space = match wanted.space {
        Some(space) => format!("the space {space}"),
        None => "the only space that it can see".to_string(),
    };
    let place =
        if access.base.is_heroku() { String::new() } else { format!(" at {}", access.base.address()) };
    let source = access.token.source().to_string();
    eprintln!("peerscope: reads {space} of Heroku{place} with the token of {}", escape(&source));
    let reading =
        read_space(access, wanted.space, wanted.started, wanted.deadline).map_err(NotRead::Failed)?;
    for warning in &reading.warnings {
        eprintln!("peerscope: Heroku warns: {}", escape(warning));
    }
    let space = reading.space();
    let name = space.name.as_deref().or(space.id.as_deref()).unwrap_or_default();
    let info = reading.documents.peering_info.as_ref();
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA.to_string(),
        at: wanted.at.to_string(),
        regions: info.and_then(|info| info.aws_region.clone()).into_iter().collect(),
        calls: reading.calls,
        gaps: reading.gaps,
        ..Manifest::default()
    };
    Ok(Snapshot {
        sources: vec![format!("Heroku's space {name}, read now")],
        manifest: Some(Manifest { spaces: vec![space], ..manifest }),
        heroku: reading.documents,
        aws: Vec::new(),
    })
}

/// What was read now, before what files tell: Heroku's documents of the same space are completed by the files', and
/// give way to none of another.
pub(crate) fn merge(live: Snapshot, files: Snapshot) -> Snapshot {
    let heroku = if is_same_space(&live.heroku, &files.heroku) {
        complete(live.heroku, files.heroku)
    } else {
        live.heroku
    };
    let manifest = match (live.manifest, files.manifest) {
        (Some(live), Some(files)) => {
            // What could not be read of the space then was tried again now.
            let files_gaps = files.gaps.into_iter().filter(|gap| gap.provider != "heroku");
            let gaps = files_gaps.chain(live.gaps).collect();
            // An answer is as old as the oldest of what it rests on.
            Some(Manifest { at: files.at, gaps, ..live })
        }
        // Files of unknown age make the whole of unknown age, but not what could not be read known.
        (Some(live), None) => Some(Manifest { at: String::new(), ..live }),
        (None, files) => files,
    };
    let sources = files.sources.into_iter().chain(live.sources).collect();
    Snapshot { aws: files.aws.into_iter().chain(live.aws).collect(), heroku, manifest, sources }
}

fn is_same_space(live: &HerokuDocuments, files: &HerokuDocuments) -> bool {
    let id = |documents: &HerokuDocuments| documents.space.as_ref()?.id.clone();
    let vpc = |documents: &HerokuDocuments| documents.peering_info.as_ref()?.vpc_id.clone();
    let cidr = |documents: &HerokuDocuments| {
        let info = documents.peering_info.as_ref().and_then(|info| info.vpc_cidr);
        info.or_else(|| documents.space.as_ref()?.cidr).map(|cidr| cidr.network())
    };
    match (id(live).zip(id(files)), vpc(live).zip(vpc(files)), cidr(live).zip(cidr(files))) {
        (Some((live, files)), ..) => live == files,
        (_, Some((live, files)), _) => live == files,
        (.., Some((live, files))) => live == files,
        // Documents that say of no space of theirs are taken for this one's, as anywhere.
        _ => true,
    }
}

fn complete(live: HerokuDocuments, files: HerokuDocuments) -> HerokuDocuments {
    HerokuDocuments {
        space: live.space.or(files.space),
        peering_info: live.peering_info.or(files.peering_info),
        peerings: live.peerings.or(files.peerings),
        topology: live.topology.or(files.topology),
        nat: live.nat.or(files.nat),
        vpn_connections: live.vpn_connections.or(files.vpn_connections),
        apps: live.apps.or(files.apps),
        region: live.region.or(files.region),
    }
}

/// That nothing was read although it was asked for.
pub(crate) fn unread(why: &NotRead) -> Gap {
    Gap {
        kind: GapKind::Permission,
        what: "Heroku's side of the configuration, as it is now".to_string(),
        reason: why.reason(),
        would_tell: "the space's blocks, dynos and peerings".to_string(),
    }
}

/// That accounts could be read, and were not asked to be.
pub(crate) fn credentials_seen() -> Option<Gap> {
    let access = Access::find().ok().flatten()?;
    Some(Gap {
        kind: GapKind::Scope,
        what: "Heroku's side of the configuration, as it is now".to_string(),
        reason: format!(
            "a token was seen ({}) and not used: --live, or PEERSCOPE_LIVE=1, reads the space with it",
            access.token.source()
        ),
        would_tell: "the space's blocks, dynos and peerings".to_string(),
    })
}

/// A gap of a collection in the words of a report.
pub(crate) fn report_gap(gap: &CollectionGap) -> Gap {
    Gap {
        kind: match gap.kind.as_str() {
            "permission" => GapKind::Permission,
            "scope" => GapKind::Scope,
            _ => GapKind::Document,
        },
        what: gap.what.clone(),
        reason: gap.reason.clone(),
        would_tell: gap.would_tell.clone(),
    }
}

#[cfg(test)]
mod tests {
    use peerscope_document::heroku::{Space, SpaceNat, VpnConnection};

    use super::*;

    fn snapshot(id: &str, at: Option<&str>, what: &str) -> Snapshot {
        let manifest = at.map(|at| Manifest {
            at: at.to_string(),
            gaps: vec![CollectionGap { what: what.to_string(), ..CollectionGap::default() }],
            ..Manifest::default()
        });
        let heroku = HerokuDocuments {
            space: Some(Space { id: Some(id.to_string()), ..Space::default() }),
            ..HerokuDocuments::default()
        };
        Snapshot { heroku, manifest, sources: vec![what.to_string()], ..Snapshot::default() }
    }

    #[test]
    fn what_was_read_now_goes_before_what_was_saved() {
        let mut files = snapshot("a", Some("2026-11-01T00:00:00Z"), "files");
        files.heroku.nat = Some(SpaceNat::default());
        files.heroku.vpn_connections = Some(vec![VpnConnection::default()]);
        let mut live = snapshot("a", Some("2026-11-22T00:00:00Z"), "live");
        live.heroku.vpn_connections = Some(Vec::new());
        let merged = merge(live.clone(), files.clone());
        assert_eq!(
            (merged.heroku.nat, merged.heroku.vpn_connections),
            (Some(SpaceNat::default()), Some(vec![]))
        );
        let manifest = merged.manifest.unwrap();
        assert_eq!((manifest.at.as_str(), manifest.gaps.len()), ("2026-11-01T00:00:00Z", 2));
        assert_eq!(merged.sources, ["files", "live"]);
        files.manifest.as_mut().unwrap().gaps[0].provider = "heroku".to_string();
        let gaps = merge(live.clone(), files.clone()).manifest.unwrap().gaps;
        assert_eq!((gaps.len(), gaps[0].what.as_str()), (1, "live"));
        // Of another space's documents none is taken.
        files.heroku.space.as_mut().unwrap().id = Some("b".to_string());
        let merged = merge(live.clone(), files.clone());
        assert_eq!((merged.heroku.nat, merged.heroku.space.unwrap().id.as_deref()), (None, Some("a")));
        // The age of what has none is not known.
        files.manifest = None;
        assert_eq!(merge(live, files).manifest.unwrap().at, "");
    }
}
