//! The connect engine against real listeners on this machine, through its public face alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod closing;
mod driver;
mod outcomes;
mod pace;
