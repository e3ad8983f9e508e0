//! As whom AWS is asked: credentials by the SDK's chain, a role if one is to be assumed, and who that is.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use peerscope_document::id;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use crate::wanted::Account;

/// The instance metadata service is beside the host, or is not there: it answers at once or never.
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);
/// How long one attempt of a call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a call is tried that AWS throttles or fails, with a wait that doubles; the deadline ends it earlier.
const ATTEMPTS: u32 = 8;
/// The Region that is asked for an identity where none is known; what comes back is the same in all.
const IDENTITY_REGION: &str = "us-east-1";
/// How much of the time that is left may be spent on the question who it is: there are networks with a way to EC2 and
/// none to STS.
const IDENTITY_SHARE: f64 = 0.25;

/// Credentials that AWS took, or may take.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// What the clients of each Region are made of.
    pub(super) config: SdkConfig,
    /// The Region that the account's settings name.
    pub(super) region: Option<id::Region>,
    /// Whose they are; unknown where nobody told.
    pub(super) account: Option<id::AccountId>,
    /// The ARN of the identity, or what stands for it.
    pub(super) identity: String,
}

/// Gets credentials, and asks AWS who they are.
///
/// # Errors
/// Where there are none, or AWS does not take them.
pub(super) async fn log_in(
    account: &Account,
    http_client: &SharedHttpClient,
    deadline: Instant,
) -> Result<Session, Failure> {
    let (config, region) = configure(account, http_client).await?;
    let session = Session {
        region: region.map(|region| id::Region::from(region.as_ref())),
        account: account.role.as_ref().and_then(|role| role.account()),
        identity: account.to_string(),
        config,
    };
    let ends = Instant::now() + deadline.saturating_duration_since(Instant::now()).mul_f64(IDENTITY_SHARE);
    let asked = aws_sdk_sts::Client::new(&session.config).get_caller_identity().send();
    let Ok(answer) = timeout_at(ends, asked).await else { return Ok(session) };
    match answer {
        Ok(caller) => Ok(Session {
            account: caller.account.map(id::AccountId::from).or(session.account),
            identity: caller.arn.unwrap_or(session.identity),
            ..session
        }),
        Err(error) => match Failure::from(error) {
            failure if failure.is_of_credentials() => Err(failure),
            // STS may be out of reach where EC2 is not; then the documents tell whose they are.
            _ => Ok(session),
        },
    }
}

/// What clients are made of, and the Region that the account's settings name.
async fn configure(
    account: &Account,
    http_client: &SharedHttpClient,
) -> Result<(SdkConfig, Option<Region>), Failure> {
    let provider_config = ProviderConfig::without_region().with_http_client(http_client.clone());
    let metadata = imds::Client::builder()
        .configure(&provider_config)
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .build();
    let named = region(account, &metadata).await;
    // Where the loader is given none, it asks the metadata service again, and more patiently.
    let region = named.clone().unwrap_or(Region::new(IDENTITY_REGION));
    let mut chain = DefaultCredentialsChain::builder()
        .configure(provider_config)
        .imds_client(metadata)
        .region(region.clone());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client.clone())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
        .region(region.clone());
    if let Ok(name) = AppName::new("peerscope") {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &account.profile {
        chain = chain.profile_name(profile);
        loader = loader.profile_name(profile);
    }
    let chain = chain.build().await;
    let config = with_credentials_of(loader.no_credentials().load().await, &chain).await?;
    let (Some(role), Some(own)) = (&account.role, config.credentials_provider()) else {
        return Ok((config, named));
    };
    let mut assumed =
        AssumeRoleProvider::builder(&role.arn).session_name("peerscope").configure(&config).region(region);
    if let Some(external_id) = &role.external_id {
        assumed = assumed.external_id(external_id);
    }
    let assumed = assumed.build_from_provider(own).await;
    Ok((with_credentials_of(config, &assumed).await?, named))
}

/// Gets credentials, once for all clients: each that has a provider asks it anew. They outlive a collection.
async fn with_credentials_of(
    config: SdkConfig,
    provider: &impl ProvideCredentials,
) -> Result<SdkConfig, Failure> {
    let credentials = provider.provide_credentials().await.map_err(|error| Failure::from(&error))?;
    Ok(config.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}

/// The Region that environment, profile or instance name, in the order of AWS's own tools.
async fn region(account: &Account, metadata: &imds::Client) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &account.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(ImdsRegionProvider::builder().imds_client(metadata.clone()).build())
        .region()
        .await
}
