//! Heroku's Platform API, as far as it tells of one space.
//!
//! What Heroku knows of a peering (its state there, the blocks that dynos live in, which dynos run) is nowhere else
//! to be had. It is read with whatever token the user's own tools would use, by GET alone: [`transport`] has no
//! other verb, so that nothing here can change a space. The token goes to one address, which no redirect can
//! change, and is shown nowhere ([`token`]).
//!
//! [`access`] finds token and address, [`client`] asks patiently under one deadline, [`reading`] makes the documents
//! of a space of the answers. Only the space itself must answer; whatever else fails is a gap.

mod access;
mod client;
mod error;
mod reading;
mod token;
mod transport;

pub(crate) use access::Access;

pub(crate) use reading::{is_identity, read_space};
