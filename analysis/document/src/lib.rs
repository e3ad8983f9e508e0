//! The documents of AWS and Heroku as types, in the shapes that `aws ec2 describe-*` and the Heroku
//! Platform API give them.
//!
//! Documents are the only door into the topology: what a user saved, what the SDK collected and what
//! the laboratory builds its kernel twins from are all these types. They hold every field that the
//! topology reads and no more. They are tolerant where the services change (unknown fields, nulls,
//! new enum values) and strict where a wrong value would make a wrong answer (types, CIDRs, ids).
#![no_std]

extern crate alloc;

pub mod aws;
pub mod cidr;
pub mod heroku;
pub mod id;
mod snapshot;
mod tolerant;

pub use cidr::Cidr;
pub use snapshot::{
    AwsCollection, CollectedCall, CollectedSpace, CollectionGap, MANIFEST_SCHEMA, Manifest, Snapshot,
};
