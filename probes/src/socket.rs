//! The sockets themselves.
//!
//! Above this module is no file descriptor and no error number without its call; below it is the
//! kernel. All of the project's `unsafe` lives in [`option`], for the socket options
//! that neither `nix` nor `socket2` knows in the shape needed here.

mod connection;
mod datagram;
mod ends;
mod error_queue;
mod option;
mod stamp;

pub(crate) use connection::{Connection, Heard};
pub(crate) use datagram::{DatagramSocket, Packet, Received, Transport};
pub(crate) use ends::Ends;
pub(crate) use error_queue::{IcmpVersion, QueuedIcmp};
pub(crate) use option::Measurement;
pub(crate) use stamp::{Stamping, WallTime};
