//! The engine against real sockets on this machine, through its public face alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod closing;
mod dns;
mod driver;
mod exchanges;
mod handshake;
mod late;
mod outcomes;
mod pace;
