//! What the accounts say now, in memory: for `collect`, and for commands that were given `--live`.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::{AwsCollection, CollectionGap, MANIFEST_SCHEMA, Manifest, Snapshot};

use super::aws;
use crate::cli::{AccountArgs, Provider};
use crate::escape::escape;
use crate::heroku::{Access, is_identity, read_space};
use crate::snapshot::remove_kinds_of;

/// What is asked of the accounts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Whose, and what of them.
    pub(crate) accounts: &'a AccountArgs,
    /// One provider alone.
    pub(crate) only: Option<Provider>,
    /// From when the deadline counts.
    pub(crate) started: Instant,
    /// How long all of it may take.
    pub(crate) deadline: Duration,
    /// The calendar time of the start.
    pub(crate) at: Timestamp,
}

/// What the accounts told: of each provider its documents, or why there are none.
#[derive(Debug)]
pub(crate) struct Live {
    heroku: Option<Result<Snapshot, NotRead>>,
    aws: Option<Result<Snapshot, NotRead>>,
}

impl Live {
    /// The documents of all that was read; `None` where nothing was.
    pub(crate) fn snapshot(&mut self) -> Option<Snapshot> {
        let [heroku, aws] =
            [&mut self.heroku, &mut self.aws].map(|read| read.as_mut()?.as_mut().ok().map(std::mem::take));
        match (heroku, aws) {
            (Some(heroku), Some(aws)) => Some(join(heroku, aws)),
            (heroku, aws) => heroku.or(aws),
        }
    }

    /// Why nothing was read of a provider that was asked for.
    pub(crate) fn unread(&self) -> impl Iterator<Item = &NotRead> {
        [&self.heroku, &self.aws].into_iter().filter_map(|read| read.as_ref()?.as_ref().err())
    }
}

/// Why nothing was read of a provider.
#[derive(Debug)]
pub(crate) struct NotRead {
    provider: Provider,
    kind: NotReadKind,
}

#[derive(Debug)]
enum NotReadKind {
    /// There is no token.
    NoToken,
    /// What was given cannot be used, or nothing could be read with it.
    Failed(String),
}

impl NotRead {
    fn heroku(kind: NotReadKind) -> Self {
        Self { provider: Provider::Heroku, kind }
    }

    /// Why, in one line.
    pub(crate) fn reason(&self) -> String {
        match &self.kind {
            NotReadKind::NoToken => {
                "no token of Heroku's was found: expected HEROKU_API_KEY, or an entry for api.heroku.com in ~/.netrc (`heroku login` or `heroku authorizations:create -s read` makes one)"
                    .to_string()
            }
            NotReadKind::Failed(why) => why.clone(),
        }
    }

    /// Of whom, in the word of labels and manifests.
    pub(crate) fn provider(&self) -> &'static str {
        match self.provider {
            Provider::Aws => "aws",
            Provider::Heroku => "heroku",
        }
    }

    /// The same as a gap of a report.
    pub(crate) fn gap(&self) -> Gap {
        let (what, would_tell) = side(self.provider);
        Gap {
            kind: GapKind::Permission,
            what: what.to_string(),
            reason: self.reason(),
            would_tell: would_tell.to_string(),
        }
    }

    /// The same as a gap of a manifest.
    pub(crate) fn collection_gap(&self) -> CollectionGap {
        let (what, would_tell) = side(self.provider);
        CollectionGap {
            provider: self.provider().to_string(),
            kind: "permission".to_string(),
            what: what.to_string(),
            reason: self.reason(),
            would_tell: would_tell.to_string(),
        }
    }
}

/// What a provider knows, and what it would tell.
fn side(provider: Provider) -> (&'static str, &'static str) {
    match provider {
        Provider::Heroku => {
            ("Heroku's side of the configuration, as it is now", "the space's blocks, dynos and peerings")
        }
        Provider::Aws => (
            "AWS's side of the configuration, as it is now",
            "the VPCs' peerings, routes, security groups and network ACLs",
        ),
    }
}

/// Reads every provider that is asked for, Heroku first: its peerings say which VPCs matter.
pub(crate) fn read_accounts(wanted: Wanted<'_>) -> Live {
    let asks = |provider: Provider| wanted.only.is_none_or(|only| only == provider);
    let heroku = asks(Provider::Heroku).then(|| read_heroku(wanted));
    let documents = match &heroku {
        Some(Ok(snapshot)) => snapshot.heroku.clone(),
        _ => HerokuDocuments::default(),
    };
    let aws = asks(Provider::Aws).then(|| {
        aws::read(&aws::wanted(wanted.accounts, &documents, wanted), wanted.at)
            .map_err(|why| NotRead { provider: Provider::Aws, kind: NotReadKind::Failed(why) })
    });
    Live { heroku, aws }
}

/// Reads Heroku's side with the token at hand, after saying which and what it is used for.
///
/// # Errors
/// Why nothing was read. What could be read but for a part has its gaps in the manifest.
fn read_heroku(wanted: Wanted<'_>) -> Result<Snapshot, NotRead> {
    let failed = |why: String| NotRead::heroku(NotReadKind::Failed(why));
    let access = Access::find().map_err(failed)?.ok_or(NotRead::heroku(NotReadKind::NoToken))?;
    let space = wanted.accounts.space.as_deref();
    if space.is_some_and(|space| !is_identity(space)) {
        let expected = "--space: expected the name or id of a space: letters, digits and hyphens";
        return Err(failed(expected.to_string()));
    }
    let named = match space {
        Some(space) => format!("the space {space}"),
        None => "the only space that it can see".to_string(),
    };
    let place =
        if access.base.is_heroku() { String::new() } else { format!(" at {}", access.base.address()) };
    let source = access.token.source().to_string();
    eprintln!("peerscope: reads {named} of Heroku{place} with the token of {}", escape(&source));
    let reading = read_space(access, space, wanted.started, wanted.deadline).map_err(failed)?;
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

/// What two providers told at one time.
fn join(heroku: Snapshot, aws: Snapshot) -> Snapshot {
    let manifest = match (heroku.manifest, aws.manifest) {
        (Some(heroku), Some(aws)) => {
            let mut regions = heroku.regions;
            regions.extend(
                aws.regions.iter().filter(|region| !regions.contains(region)).cloned().collect::<Vec<_>>(),
            );
            let (calls, gaps) = ([heroku.calls, aws.calls].concat(), [heroku.gaps, aws.gaps].concat());
            Some(Manifest { spaces: heroku.spaces, regions, calls, gaps, ..aws })
        }
        (heroku, aws) => heroku.or(aws),
    };
    let sources = [heroku.sources, aws.sources].concat();
    Snapshot { aws: aws.aws, heroku: heroku.heroku, manifest, sources }
}

/// What was read now, before what files tell: Heroku's documents of the same space, and AWS's of the same account and
/// Region, are completed by the files', and give way to none of another.
pub(crate) fn merge(live: Snapshot, files: Snapshot) -> Snapshot {
    let has_heroku = live.heroku != HerokuDocuments::default();
    let heroku = if !has_heroku || is_same_space(&live.heroku, &files.heroku) {
        complete(live.heroku, files.heroku)
    } else {
        live.heroku
    };
    let manifest = match (live.manifest, files.manifest) {
        (Some(live_manifest), Some(files)) => {
            // What could not be read of the space then was tried again now.
            let tried_again = |gap: &CollectionGap| has_heroku && gap.provider == "heroku";
            let files_gaps = files.gaps.into_iter().filter(|gap| !tried_again(gap));
            let gaps = files_gaps.chain(live_manifest.gaps).collect();
            // An answer is as old as the oldest of what it rests on.
            Some(Manifest { at: files.at, gaps, ..live_manifest })
        }
        // Files of unknown age make the whole of unknown age, but not what could not be read known.
        (Some(live), None) => Some(Manifest { at: String::new(), ..live }),
        (None, files) => files,
    };
    let sources = files.sources.into_iter().chain(live.sources).collect();
    let older = files.aws.into_iter().map(|collection| without_what_was_read(collection, &live.aws));
    // What comes later counts where both have one of the same id.
    Snapshot { aws: older.chain(live.aws.clone()).collect(), heroku, manifest, sources }
}

/// Files' documents of an account and Region without the kinds that were read of the same now: what is in the older
/// list and not in the newer one is gone.
fn without_what_was_read(files: AwsCollection, live: &[AwsCollection]) -> AwsCollection {
    let place = |collection: &AwsCollection| {
        Some((collection.documents.owner()?.clone(), collection.region.clone()?))
    };
    let mut files = files;
    let Some(own) = place(&files) else { return files };
    for newer in live.iter().filter(|newer| place(newer).as_ref() == Some(&own)) {
        remove_kinds_of(&newer.documents, &mut files.documents);
    }
    files
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

/// That accounts could be read, and were not asked to be.
pub(crate) fn credentials_seen() -> Vec<Gap> {
    let token = Access::find().ok().flatten().map(|access| access.token.source().to_string());
    let heroku = token.map(|source| {
        (Provider::Heroku, format!("a token was seen ({source}) and not used: --live, or PEERSCOPE_LIVE=1, reads the space with it"))
    });
    let aws = aws::seen().map(|place| {
        (Provider::Aws, format!("credentials were seen ({place}) and not used: --live, or PEERSCOPE_LIVE=1, reads the account with them"))
    });
    let gap = |(provider, reason): (Provider, String)| {
        let (what, would_tell) = side(provider);
        Gap { kind: GapKind::Scope, what: what.to_string(), reason, would_tell: would_tell.to_string() }
    };
    heroku.into_iter().chain(aws).map(gap).collect()
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
    use serde_json::json;

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

    /// A snapshot of one account and Region, with a VPC, and route tables where they were read.
    fn of_aws(account: &str, region: &str, vpc: &str, route_tables: Option<&[&str]>) -> Snapshot {
        let tables = route_tables
            .map(|ids| ids.iter().map(|id| json!({ "RouteTableId": id, "VpcId": vpc })).collect::<Vec<_>>());
        let mut documents = json!({
            "Vpcs": [{ "VpcId": vpc, "OwnerId": account, "CidrBlock": "10.1.0.0/16", "State": "available" }],
        });
        if let Some(tables) = tables {
            documents["RouteTables"] = json!(tables);
        }
        let documents = serde_json::from_value(documents).unwrap();
        let collection = AwsCollection { region: Some(region.into()), documents };
        let manifest = Manifest {
            at: "2026-11-22T00:00:00Z".to_string(),
            accounts: vec![account.into()],
            regions: vec![region.into()],
            ..Manifest::default()
        };
        Snapshot { aws: vec![collection], manifest: Some(manifest), ..Snapshot::default() }
    }

    #[test]
    fn a_kind_that_was_read_now_takes_the_place_of_the_files_own_in_the_same_account_and_region() {
        let live = of_aws("111122223333", "us-east-1", "vpc-1", Some(&["rtb-new"]));
        let tables = |merged: &Snapshot| -> Vec<String> {
            let lists = merged.aws.iter().filter_map(|collection| collection.documents.route_tables.as_ref());
            lists.flatten().map(|table| table.route_table_id.to_string()).collect()
        };
        for (account, region, expected) in [
            ("111122223333", "us-east-1", vec!["rtb-new"]),
            ("111122223333", "eu-west-1", vec!["rtb-old", "rtb-new"]),
            ("444455556666", "us-east-1", vec!["rtb-old", "rtb-new"]),
        ] {
            let files = of_aws(account, region, "vpc-1", Some(&["rtb-old"]));
            assert_eq!(tables(&merge(live.clone(), files)), expected, "{account} {region}");
        }
        // What may not be read now is known as it was.
        let denied = of_aws("111122223333", "us-east-1", "vpc-1", None);
        let files = of_aws("111122223333", "us-east-1", "vpc-1", Some(&["rtb-old"]));
        assert_eq!(tables(&merge(denied, files)), ["rtb-old"]);
    }

    #[test]
    fn both_providers_are_one_snapshot_and_one_alone_is_as_good() {
        let mut heroku = snapshot("a", Some("2026-11-22T00:00:00Z"), "the space's NAT");
        heroku.manifest.as_mut().unwrap().regions = vec!["us-east-1".into()];
        let aws = of_aws("111122223333", "us-east-1", "vpc-1", None);
        let failed = || Err(NotRead { provider: Provider::Aws, kind: NotReadKind::Failed("no".to_string()) });
        let mut both = Live { heroku: Some(Ok(heroku.clone())), aws: Some(Ok(aws.clone())) };
        let joined = both.snapshot().unwrap();
        let manifest = joined.manifest.unwrap();
        assert_eq!((manifest.regions.len(), manifest.gaps.len(), manifest.accounts.len()), (1, 1, 1));
        assert_eq!((joined.aws, joined.heroku), (aws.aws.clone(), heroku.heroku.clone()));
        let mut one = Live { heroku: Some(Ok(heroku.clone())), aws: Some(failed()) };
        assert_eq!(one.unread().map(NotRead::reason).collect::<Vec<_>>(), ["no"]);
        assert_eq!(one.snapshot().unwrap().heroku, heroku.heroku);
        let mut other =
            Live { heroku: Some(Err(NotRead::heroku(NotReadKind::NoToken))), aws: Some(Ok(aws.clone())) };
        assert_eq!(other.snapshot().unwrap().aws, aws.aws);
        let mut none = Live { heroku: None, aws: Some(failed()) };
        assert_eq!(none.snapshot(), None);
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
