//! AWS's side: which credentials are at hand, without using them, and what was read with them.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use peerscope_aws::{Account, Wanted};
use peerscope_document::Snapshot;
use peerscope_document::heroku::{HerokuDocuments, PeeringType};
use peerscope_document::id::{Region, VpcId};

use crate::cli::AccountArgs;

/// What is wanted of AWS: what the arguments say, and where they are silent what the space's peerings lead to.
pub(super) fn wanted(arguments: &AccountArgs, heroku: &HerokuDocuments, within: super::Wanted<'_>) -> Wanted {
    let profile = arguments.aws_profile.first().cloned();
    let profiles =
        arguments.aws_profile.iter().map(|profile| Account { profile: Some(profile.clone()), role: None });
    let roles = arguments
        .assume_role
        .iter()
        .map(|role| Account { profile: profile.clone(), role: Some(role.clone()) });
    let mut accounts: Vec<Account> = profiles.chain(roles).collect();
    if accounts.is_empty() {
        accounts.push(Account::default());
    }
    // Heroku's own peerings are masked, and lead to no account of the customer's.
    let own = |kind: &Option<PeeringType>| !matches!(kind, Some(PeeringType::HerokuManaged));
    let peerings = || heroku.peerings.iter().flatten().filter(move |peering| own(&peering.peering_type));
    let vpcs = match &arguments.vpc[..] {
        [] => peerings().filter_map(|peering| peering.aws_vpc_id.clone()).collect(),
        named => named.iter().map(|vpc| VpcId::from(vpc.as_str())).collect(),
    };
    Wanted {
        accounts,
        regions: arguments.region.iter().map(|region| Region::from(region.as_str())).collect(),
        hints: peerings().filter_map(|peering| peering.aws_region.clone()).collect(),
        vpcs,
        started: within.started,
        deadline: within.deadline,
    }
}

/// The longest that a name of AWS's is looked up for.
#[cfg(feature = "aws")]
const LONGEST_LOOKUP: std::time::Duration = std::time::Duration::from_secs(5);

/// Reads AWS, after saying as whom.
///
/// # Errors
/// Why nothing was read, in one line.
#[cfg(feature = "aws")]
pub(super) fn read(wanted: &Wanted, at: jiff::Timestamp) -> Result<Snapshot, String> {
    use crate::escape::escape;
    use crate::resolve::addresses;
    use peerscope_document::{MANIFEST_SCHEMA, Manifest};

    let look_up = |name: &str| addresses(name, LONGEST_LOOKUP);
    let say = |line: &str| eprintln!("peerscope: {}", escape(line));
    // On a thread of its own: the caller may be within a runtime, and this makes one.
    let read = std::thread::scope(|scope| scope.spawn(|| peerscope_aws::read(wanted, look_up, say)).join());
    let reading = match read {
        Ok(reading) => reading.map_err(|why| why.to_string())?,
        Err(_) => return Err("reading AWS failed within peerscope".to_string()),
    };
    let places =
        reading.collections.iter().map(|one| one.region.as_ref().map_or_else(String::new, Region::to_string));
    let sources = places.map(|region| format!("AWS in {region}, read now")).collect();
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA.to_string(),
        at: at.to_string(),
        accounts: reading.accounts,
        regions: reading.regions,
        calls: reading.calls,
        gaps: reading.gaps,
        ..Manifest::default()
    };
    Ok(Snapshot { aws: reading.collections, manifest: Some(manifest), sources, ..Snapshot::default() })
}

/// A build without the SDK reads nothing, and says how to get one that does.
///
/// # Errors
/// Always.
#[cfg(not(feature = "aws"))]
pub(super) fn read(_: &Wanted, _: jiff::Timestamp) -> Result<Snapshot, String> {
    Err("this build reads no AWS account: expected one with the feature aws, as `make dist` makes it (or documents that `aws ec2 describe-…` wrote, by --snapshot)"
        .to_string())
}

/// Where credentials of AWS seem to be, looking at names alone: nothing is read of them, and nobody is asked.
pub(super) fn seen() -> Option<String> {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let named = [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if let Some(name) = named.into_iter().find(|name| set(name)) {
        return Some(name.to_string());
    }
    let files = [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")];
    files.into_iter().find_map(|(variable, file)| {
        let default = || Some(PathBuf::from(env::var_os("HOME")?).join(".aws").join(file));
        let path = env::var_os(variable).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
        path.or_else(default)?.is_file().then(|| match env::var_os(variable) {
            Some(_) => variable.to_string(),
            None => format!("~/.aws/{file}"),
        })
    })
}
