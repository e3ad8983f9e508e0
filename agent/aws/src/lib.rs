//! Reads AWS accounts through AWS's SDK, into documents.
//!
//! A crate of its own because the SDK takes longer to build than all the rest: only who asks for the feature `sdk`
//! builds it. What is known without it is here always: which calls are made ([`Call`]), the policy that permits just
//! these ([`iam_policy`], [`iam_policy_terraform`]), and what may be asked for ([`Wanted`]).

mod call;
mod policy;
#[cfg(feature = "sdk")]
mod sdk;
mod wanted;

pub use call::{Call, Service};
pub use policy::{iam_policy, iam_policy_terraform};
#[cfg(feature = "sdk")]
pub use sdk::{NotRead, Reading, read};
pub use wanted::{Account, AssumedRole, Wanted};
