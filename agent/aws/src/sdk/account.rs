//! One account: who it is, and its Regions, those among them that its peerings lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use peerscope_document::id::{AccountId, Region, VpcId};
use peerscope_document::{AwsCollection, CollectedCall, CollectionGap};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::region::{self, RegionReading};
use super::session::{self, Session};
use crate::wanted::{Account, Wanted};

/// Says a line to the user.
pub(super) type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// What was read of an account.
#[derive(Debug, Default)]
pub(super) struct AccountReading {
    pub(super) account: Option<AccountId>,
    pub(super) collections: Vec<AwsCollection>,
    pub(super) regions: Vec<Region>,
    pub(super) calls: Vec<CollectedCall>,
    pub(super) gaps: Vec<CollectionGap>,
    /// The VPCs that were asked for and are in it.
    pub(super) found: BTreeSet<VpcId>,
    /// Where it was looked for them, in words.
    pub(super) places: Vec<String>,
}

/// Which accounts and Regions are somebody's already: two profiles may lead to one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(Arc<Mutex<BTreeMap<Region, BTreeSet<AccountId>>>>);

impl Claims {
    fn claim(&self, account: Option<&AccountId>, region: &Region) -> bool {
        // Whose account is not known is nobody else's.
        let Some(account) = account else { return true };
        let mut claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.entry(region.clone()).or_default().insert(account.clone())
    }
}

/// Reads an account.
///
/// # Errors
/// Where its credentials are none, or no Region is known.
pub(super) async fn read(
    account: Account,
    wanted: &Wanted,
    http_client: SharedHttpClient,
    claims: Claims,
    say: Say,
    deadline: Instant,
) -> Result<AccountReading, Failure> {
    let session = timeout_at(deadline, session::log_in(&account, &http_client, deadline)).await;
    let session = session.unwrap_or(Err(Failure::Deadline))?;
    let mut waiting = regions(&session, wanted)?;
    let mut reading = AccountReading { account: session.account.clone(), ..AccountReading::default() };
    let mut done = BTreeSet::new();
    // A peering may lead to another Region of the account, and from there to a third.
    while !waiting.is_empty() {
        let mut tasks = JoinSet::new();
        for (region, vpcs) in std::mem::take(&mut waiting) {
            if !done.insert(region.clone()) || !claims.claim(session.account.as_ref(), &region) {
                continue;
            }
            let place = place(&session, &region);
            say(&format!("reads {place} as {}", session.identity));
            reading.places.push(place.clone());
            let session = session.clone();
            tasks.spawn(async move {
                let read = region::read(&session, &region, vpcs, place, deadline).await;
                (region, read)
            });
        }
        let mut read = tasks.join_all().await;
        read.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (region, read) in read {
            let RegionReading { documents, found, beyond, calls, gaps, credentials_failed } = read;
            if let Some(failure) = credentials_failed {
                return Err(failure);
            }
            reading.calls.extend(calls);
            reading.gaps.extend(gaps);
            reading.found.extend(found);
            if let Some(documents) = documents {
                reading.collections.push(AwsCollection { region: Some(region.clone()), documents });
                reading.regions.push(region);
            }
            for (region, vpcs) in beyond {
                if !done.contains(&region) {
                    waiting.entry(region).or_default().extend(vpcs);
                }
            }
        }
    }
    Ok(reading)
}

/// The Regions to begin with, each with the VPCs that are looked for in it.
fn regions(session: &Session, wanted: &Wanted) -> Result<BTreeMap<Region, BTreeSet<VpcId>>, Failure> {
    let vpcs: BTreeSet<VpcId> = wanted.vpcs.iter().cloned().collect();
    let named: BTreeSet<&Region> = if wanted.regions.is_empty() {
        session.region.iter().chain(&wanted.hints).collect()
    } else {
        wanted.regions.iter().collect()
    };
    if named.is_empty() {
        return Err(Failure::NoCredentials(
            "no Region is known: expected --region, AWS_REGION, or a profile with one".to_string(),
        ));
    }
    Ok(named.into_iter().map(|region| (region.clone(), vpcs.clone())).collect())
}

fn place(session: &Session, region: &Region) -> String {
    match &session.account {
        Some(account) => format!("account {account} in {region}"),
        None => format!("an account in {region}"),
    }
}
