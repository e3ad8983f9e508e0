//! What is asked of AWS.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use peerscope_document::id::{AccountId, Region, VpcId};

/// What to read of AWS.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As whom, each in turn; at least one.
    pub accounts: Vec<Account>,
    /// The Regions to read; without any, the one that the account's settings name and those that `hints` names.
    pub regions: Vec<Region>,
    /// Regions in which the VPCs may lie, where none are asked for by name.
    pub hints: Vec<Region>,
    /// The VPCs to read, with those that a peering joins to them; without any, all.
    pub vpcs: Vec<VpcId>,
    /// From when the deadline counts.
    pub started: Instant,
    /// How long all of it may take.
    pub deadline: Duration,
}

/// Whose credentials are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// A profile of the shared configuration files; `None` is the SDK's default chain: environment, the default
    /// profile, web identity, container, instance.
    pub profile: Option<String>,
    /// The role that is assumed with them.
    pub role: Option<AssumedRole>,
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.role, &self.profile) {
            (Some(role), Some(profile)) => write!(formatter, "{} (by the profile {profile})", role.arn),
            (Some(role), None) => formatter.write_str(&role.arn),
            (None, Some(profile)) => write!(formatter, "the profile {profile}"),
            (None, None) => formatter.write_str("the credentials at hand"),
        }
    }
}

/// A role to assume (STS, AssumeRole).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumedRole {
    /// Its ARN.
    pub arn: String,
    /// The external id that its trust policy demands.
    pub external_id: Option<String>,
}

impl AssumedRole {
    /// The account that the role belongs to.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.arn.split(':').nth(4).map(AccountId::from)
    }
}

impl FromStr for AssumedRole {
    type Err = String;

    /// `arn:aws:iam::ACCOUNT:role/NAME`, and where one is demanded `,EXTERNAL-ID`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (arn, external_id) = match text.split_once(',') {
            Some((arn, id)) => (arn, Some(id)),
            None => (text, None),
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let is_role = match parts[..] {
            ["arn", partition, "iam", "", account, role] => {
                partition.starts_with("aws")
                    && account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && role.strip_prefix("role/").is_some_and(|name| !name.is_empty())
            }
            _ => false,
        };
        if !is_role || external_id == Some("") {
            return Err(
                "expected arn:aws:iam::ACCOUNT:role/NAME, and after a comma the external id if there is one"
                    .to_string(),
            );
        }
        Ok(Self { arn: arn.to_string(), external_id: external_id.map(str::to_string) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_its_arn_and_its_external_id() {
        let role: AssumedRole = "arn:aws:iam::111122223333:role/ops/reads,with,commas".parse().unwrap();
        assert_eq!(
            (role.arn.as_str(), role.external_id.as_deref()),
            ("arn:aws:iam::111122223333:role/ops/reads", Some("with,commas"))
        );
        assert_eq!(role.account(), Some(AccountId::from("111122223333")));
        for wrong in [
            "",
            "reads",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/x,",
        ] {
            assert!(wrong.parse::<AssumedRole>().is_err(), "{wrong}");
        }
    }
}
