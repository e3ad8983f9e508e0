//! What was seen of one address, sorted by what it may decide.
//!
//! Only packets from the source towards the named port decide the verdict. A probe from elsewhere is
//! shown and decides nothing; an echo beside connects tells of the host and nothing of the port; and a
//! datagram without an answer says nothing, since most services are silent towards what they do not
//! understand. But where a service does answer some of the same datagrams, those without an answer were
//! lost or dropped.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_vocabulary::{Observation, ProbeKind, Spoken};

use super::beside::Beside;
use super::case::{Case, Question};
use super::observed::{self, Shows, passes, shows};
use super::{application, segments, sizes, words};
use crate::flow::{FlowBox, Flows};

/// The observations of one address.
pub(super) struct Seen<'a> {
    /// Those that decide the verdict.
    pub(super) deciding: Vec<&'a Observation>,
    /// Datagrams without an answer, which decide nothing.
    pub(super) mute: Vec<&'a Observation>,
    /// What was seen beside them.
    pub(super) beside: Beside<'a>,
    /// Echoes that were to arrive whole: they tell which sizes pass, and of the named port nothing.
    pub(super) whole: Vec<&'a Observation>,
    /// Conversations that were made long: they tell which sizes a connection carries, and of the named port nothing.
    pub(super) padded: Vec<(&'a Observation, &'a Spoken)>,
    /// The flows of which packets pass both ways.
    pub(super) passing: Flows,
    /// The flows of which nothing came back.
    pub(super) silent: Flows,
    /// What was said in those of the deciding ones that went on in a protocol.
    pub(super) spoken: Vec<(&'a Observation, &'a Spoken)>,
    /// What the deciding ones saw, in one clause.
    pub(super) words: String,
}

impl<'a> Seen<'a> {
    /// What the observations say of the question.
    pub(super) fn of(
        case: &Case,
        question: &Question,
        observations: &'a [Observation],
        spoken: &'a [Spoken],
    ) -> Self {
        // Where this machine had no address to send from, its own refusal counts as that of the source.
        let from_source = |one: &&Observation| {
            let source = one.local.map(|local| local.ip()).or(one.request.source);
            source.map_or_else(
                || matches!(shows(one), Shows::LocalNoRoute | Shows::LocalPolicy),
                |source| case.source.ranges.iter().any(|range| range.contains(source)),
            )
        };
        let is_of_sizes =
            |one: &&Observation| sizes::is_of_size(&one.request) || segments::is_of_segments(&one.request);
        let (of_sizes, others): (Vec<&Observation>, Vec<&Observation>) =
            observations.iter().filter(from_source).partition(is_of_sizes);
        let of_sizes = of_sizes.into_iter().filter(|one| one.request.address == question.address);
        let (whole, padded): (Vec<&Observation>, Vec<&Observation>) =
            of_sizes.partition(|one| sizes::is_of_size(&one.request));
        let counting: Vec<&Observation> =
            others.into_iter().filter(|one| shows(one) != Shows::Nothing).collect();
        let named = |one: &&Observation| {
            let kind = match case.target.port {
                Some(port) => one.request.kind != ProbeKind::IcmpEcho && one.request.port == port,
                None => one.request.kind == ProbeKind::IcmpEcho,
            };
            kind && one.request.address == question.address
        };
        let beside = Beside::of(case, question, &counting);
        let (deciding, mute) = counting.into_iter().filter(named).partition(speaks(case, observations));
        let mut seen = Self {
            deciding,
            mute,
            beside,
            whole,
            padded: Vec::new(),
            passing: Flows::none(),
            silent: Flows::none(),
            spoken: Vec::new(),
            words: String::new(),
        };
        let flow_of = |one: &Observation| FlowBox::from(observed::flow(one, case.protocol));
        let said_in = |among: &[&'a Observation]| -> Vec<(&'a Observation, &'a Spoken)> {
            let of_them = |one: &'a Spoken| {
                let observation = observations.get(one.observation)?;
                among.iter().any(|known| core::ptr::eq(*known, observation)).then_some((observation, one))
            };
            spoken.iter().filter_map(of_them).collect()
        };
        seen.spoken = said_in(&seen.deciding);
        seen.padded = said_in(&padded);
        let deciding = &seen.deciding;
        seen.passing = deciding.iter().filter(|one| passes(one)).map(|one| flow_of(one)).collect();
        // A port from which a further connect succeeded lost a packet once, and is not shut.
        let silent = deciding.iter().filter(|one| shows(one) == Shows::Silence);
        let silent: Flows = silent.map(|one| flow_of(one)).collect();
        seen.silent = silent.difference(&seen.passing);
        seen.words = words::observed(deciding);
        if let Some(said) = application::said(&seen.spoken) {
            seen.words = format!("{}; it {said}", seen.words);
        }
        seen
    }
}

/// Whether an observation says something by itself: all but the silence of a service that was never
/// heard.
fn speaks<'a>(case: &Case, observations: &[Observation]) -> impl FnMut(&&'a Observation) -> bool + use<'a> {
    let answered = |one: &&Observation| one.request.kind == ProbeKind::Udp && passes(one);
    let heard: Vec<IpAddr> = observations.iter().filter(answered).map(|one| one.request.address).collect();
    let is_udp = case.is_udp();
    move |one| !is_udp || shows(one) != Shows::Silence || heard.contains(&one.request.address)
}
