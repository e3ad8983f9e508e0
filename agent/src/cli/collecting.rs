//! Flags of the commands that read accounts.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use peerscope_aws::AssumedRole;

use super::Format;
use super::values::seconds;

/// Flags of `collect`.
#[derive(Args, Debug)]
pub(crate) struct CollectArgs {
    /// The folder to write: a new or empty one, or a snapshot that `collect` wrote, which is replaced in one step
    #[arg(short, long, value_name = "DIR", required_unless_present = "iam_policy")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) accounts: AccountArgs,

    /// Read one provider alone [default: both, as far as there are credentials]
    #[arg(long, value_enum)]
    pub(crate) only: Option<Provider>,

    /// How long reading may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) deadline: Duration,

    /// Replace account ids, names, tags, descriptions and public addresses, each by one thing of its form, so that
    /// the snapshot can be shown to others and is analysed to the same answer
    #[arg(long)]
    pub(crate) redact: bool,

    /// How to show what was read and what was not
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Print the IAM policy that permits exactly the calls that are made of AWS, and read nothing
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "json",
        conflicts_with = "output"
    )]
    pub(crate) iam_policy: Option<PolicyForm>,
}

/// Whose accounts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    /// AWS alone.
    Aws,
    /// Heroku alone.
    Heroku,
}

/// In which form a policy is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyForm {
    /// A policy document of IAM.
    Json,
    /// The same in Terraform's language.
    Terraform,
}

/// Which of the accounts is read, and what of it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AccountArgs {
    /// The Heroku space to read, by name or id [default: the only one that the token can see]
    #[arg(long, value_name = "NAME")]
    pub(crate) space: Option<String>,

    /// A profile of AWS's shared configuration to read with; repeat it for several accounts [default: the SDK's chain:
    /// environment, AWS_PROFILE, SSO, web identity, container, instance]
    #[arg(long, value_name = "NAME")]
    pub(crate) aws_profile: Vec<String>,

    /// A role of AWS to assume and read as, with the first profile's or the chain's credentials; after a comma the
    /// external id that it demands; repeat it for several accounts
    #[arg(long, value_name = "ARN[,EXTERNAL-ID]")]
    pub(crate) assume_role: Vec<AssumedRole>,

    /// A Region of AWS to read, repeatable [default: the account's own, that of the space's peerings, and where
    /// peerings lead]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,

    /// A VPC to read, with those that peerings join to it, repeatable [default: the VPCs of the space's peerings, else
    /// all]
    #[arg(long, value_name = "VPC")]
    pub(crate) vpc: Vec<String>,
}

/// Flags of the commands that may read accounts before they answer.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LiveArgs {
    /// Read the accounts whose credentials are at hand: Heroku's, by HEROKU_API_KEY or ~/.netrc, and AWS's, by the
    /// chain of its tools. Reads alone; as whom is said first. Without it no credential is used
    #[arg(long, env = "PEERSCOPE_LIVE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) live: bool,

    #[command(flatten)]
    pub(crate) accounts: AccountArgs,
}
