//! AWS's API, from the outside: what is asked of it, and what becomes of every way in which it may answer.
//!
//! A stub on loopback plays AWS by the models of its services that botocore carries, and moto does where a network has
//! to be made, broken and mended. `scripts/prepare-aws` installs both.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "aws/credentials.rs"]
mod credentials;
#[path = "aws/documents.rs"]
mod documents;
#[path = "aws/faults.rs"]
mod faults;
#[path = "folder/mod.rs"]
mod folder;
#[path = "aws/killed.rs"]
mod killed;
#[path = "aws/metadata.rs"]
mod metadata;
#[path = "aws/moto.rs"]
mod moto;
#[path = "aws/policy.rs"]
mod policy;
#[path = "aws/stub.rs"]
mod stub;
