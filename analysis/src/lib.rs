//! Works out what a configuration MUST do to packets, and, from what happened to packets, why.
//!
//! No socket, clock, file, thread or async is in this crate: it is `no_std`, and a check of its
//! dependencies holds it there. Time and randomness come in as arguments. So every answer can be
//! computed again from its inputs, to the same words.
//!
//! Data flows one way: documents → [`topology`] → [`reach`] (gates over sets of flows, [`flow`]) →
//! [`diagnose`] (what was observed against what had to be) → [`report`]. [`repair`] edits a copy of the
//! topology and asks `reach` again. [`cause`] is the one table of every cause that can be named.
#![no_std]

extern crate alloc;

pub mod cause;
pub mod change;
pub mod check;
pub mod diagnose;
pub mod flow;
pub mod matrix;
pub mod reach;
pub mod repair;
pub mod report;
pub mod rule;
pub mod topology;
