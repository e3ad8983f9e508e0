//! The reading itself: accounts side by side, in each its Regions, in each its calls.

mod account;
mod asking;
mod document;
mod failure;
mod http;
mod names;
mod region;
mod scope;
mod session;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use peerscope_document::id::{AccountId, Region, VpcId};
use peerscope_document::{AwsCollection, CollectedCall, CollectionGap};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::wanted::Wanted;
use account::{AccountReading, Claims, Say};
use http::Names;

/// What was read of AWS.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The documents, a collection for each account and Region.
    pub collections: Vec<AwsCollection>,
    /// The accounts that were read.
    pub accounts: Vec<AccountId>,
    /// The Regions that were read.
    pub regions: Vec<Region>,
    /// Every call that was made.
    pub calls: Vec<CollectedCall>,
    /// What could not be read.
    pub gaps: Vec<CollectionGap>,
}

/// Why nothing was read, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRead(String);

impl fmt::Display for NotRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads what is wanted, after saying by `say`, a line at a time, of which account as whom. Names are looked up by
/// `look_up`, which may block, and says why it found none. Blocks until all is read or the deadline has come; what is
/// missing then is a gap.
///
/// # Errors
/// Where nothing at all could be read.
pub fn read(
    wanted: &Wanted,
    look_up: impl Fn(&str) -> Result<Vec<IpAddr>, String> + Send + Sync + 'static,
    say: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Reading, NotRead> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| NotRead(format!("AWS cannot be read: {error}")))?;
    let reading =
        runtime.block_on(read_accounts(Arc::new(wanted.clone()), Names(Arc::new(look_up)), Arc::new(say)));
    // A name that the system is still resolving must not hold up who waits for a deadline.
    runtime.shutdown_background();
    reading
}

async fn read_accounts(wanted: Arc<Wanted>, names: Names, say: Say) -> Result<Reading, NotRead> {
    let deadline = Instant::from_std(wanted.started + wanted.deadline);
    let http_client = http::client(names);
    let claims = Claims::default();
    let mut readings = JoinSet::new();
    for (number, account) in wanted.accounts.iter().cloned().enumerate() {
        let (wanted, say) = (Arc::clone(&wanted), Arc::clone(&say));
        let (http_client, claims) = (http_client.clone(), claims.clone());
        readings.spawn(async move {
            let name = account.to_string();
            let reading = account::read(account, &wanted, http_client, claims, say, deadline).await;
            (number, name, reading)
        });
    }
    let mut read = readings.join_all().await;
    read.sort_by_key(|(number, ..)| *number);
    let mut all = Reading::default();
    let (mut found, mut places) = (BTreeSet::new(), Vec::new());
    let mut failures = Vec::new();
    for (_, name, reading) in read {
        match reading {
            Ok(reading) => {
                found.extend(reading.found.iter().cloned());
                places.extend(reading.places.iter().cloned());
                add(&mut all, reading);
            }
            Err(failure) => failures.push((name, failure)),
        }
    }
    if all.collections.is_empty() {
        return Err(nothing_read(&all, &failures, &wanted, &places));
    }
    all.gaps.extend(failures.into_iter().map(|(name, failure)| CollectionGap {
        provider: "aws".to_string(),
        kind: if failure.is_permission() { "permission" } else { "document" }.to_string(),
        what: format!("what {name} can see of AWS"),
        reason: failure.to_string(),
        would_tell: "its VPCs, with their routes, security groups and network ACLs".to_string(),
    }));
    let missing: Vec<&VpcId> = wanted.vpcs.iter().filter(|vpc| !found.contains(*vpc)).collect();
    if !missing.is_empty() {
        all.gaps.push(CollectionGap {
            provider: "aws".to_string(),
            kind: "scope".to_string(),
            what: format!("the network {}", list(&missing)),
            reason: format!("it is in none of: {}; {NAME_ITS_PLACE}", places.join(", ")),
            would_tell: "its routes, security groups and network ACLs".to_string(),
        });
    }
    Ok(all)
}

/// What is said where a VPC was not found.
const NAME_ITS_PLACE: &str = "--region, --aws-profile and --assume-role name where else to look";

fn add(all: &mut Reading, reading: AccountReading) {
    all.collections.extend(reading.collections);
    for region in reading.regions {
        if !all.regions.contains(&region) {
            all.regions.push(region);
        }
    }
    if let Some(account) = reading.account.filter(|account| !all.accounts.contains(account)) {
        all.accounts.push(account);
    }
    all.calls.extend(reading.calls);
    all.gaps.extend(reading.gaps);
}

fn nothing_read(
    all: &Reading,
    failures: &[(String, failure::Failure)],
    wanted: &Wanted,
    places: &[String],
) -> NotRead {
    if let [(name, failure)] = failures {
        return NotRead(match wanted.accounts.len() {
            1 if wanted.accounts[0] == crate::Account::default() => failure.to_string(),
            _ => format!("{name}: {failure}"),
        });
    }
    if !failures.is_empty() {
        let each: Vec<String> = failures.iter().map(|(name, failure)| format!("{name}: {failure}")).collect();
        return NotRead(each.join("; "));
    }
    match all.gaps.first() {
        Some(gap) => {
            let more = match all.gaps.len() {
                1 => String::new(),
                several => format!(" (and {} more calls failed)", several - 1),
            };
            NotRead(format!("nothing of AWS could be read: {}{more}", gap.reason))
        }
        None => {
            let vpcs: Vec<&VpcId> = wanted.vpcs.iter().collect();
            NotRead(format!("{} is in none of: {}; {NAME_ITS_PLACE}", list(&vpcs), places.join(", ")))
        }
    }
}

fn list(vpcs: &[&VpcId]) -> String {
    vpcs.iter().map(|vpc| vpc.as_str()).collect::<Vec<_>>().join(", ")
}
