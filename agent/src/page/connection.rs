//! What the team on the other side looks first: whether this is theirs. The peering's id, both sides by account, VPC,
//! Region and addresses, and of when all of it is.

use peerscope_analysis::check::Check;
use peerscope_analysis::report::{Diagnosis, PeeredReport, SideReport, SnapshotReport, VantageKind};
use peerscope_analysis::topology::ComponentType;

use super::content::list;
use super::hops::{called, id_and_name};
use super::sentence::sentence;
use super::{Block, Span, code, plain, strong};
use crate::escape::escape;
use crate::text::words::{age_words, end_of_target, places};

/// How many peerings are told with both sides.
const TOLD: usize = 8;

/// Of a path: who calls whom over which peering, and when that was measured.
pub(super) fn of_diagnosis(diagnosis: &Diagnosis) -> Vec<Block> {
    let target = &diagnosis.target;
    let mut to = vec![strong("To"), plain(" "), code(escape(&end_of_target(diagnosis)))];
    to.push(plain(format!(", {}", target.protocol)));
    if target.addresses.first().is_some_and(|address| address.to_string() != target.host) {
        to.extend([plain(", asked for as "), code(escape(&target.host))]);
    }
    let mut facts = peerings(&diagnosis.peerings);
    let from: Vec<Span> = places(diagnosis).iter().enumerate().flat_map(separated).collect();
    if !from.is_empty() {
        facts.push([vec![strong("From"), plain(" ")], from].concat());
    }
    facts.extend([to, measured(diagnosis)]);
    facts.extend(documents(diagnosis.snapshot.as_ref()));
    list(facts)
}

/// Of a check: the peerings that it is about, and of when the documents are.
pub(super) fn of_check(check: &Check) -> Vec<Block> {
    let mut facts = peerings(&check.peerings);
    facts.push(vec![strong("Measured"), plain(" nothing: no packet was sent.")]);
    facts.extend(documents(check.snapshot.as_ref()));
    list(facts)
}

fn peerings(peerings: &[PeeredReport]) -> Vec<Vec<Span>> {
    let mut facts = Vec::new();
    for peering in peerings.iter().take(TOLD) {
        let (id, name) = id_and_name(&peering.component);
        let called = called("", id.as_deref(), name.as_deref());
        let mut words = [vec![strong("Peering")], called].concat();
        let state = peering.state.as_deref().map(|state| [plain(", "), code(escape(state))]);
        words.extend(state.into_iter().flatten());
        facts.push(words);
        facts.push(side("Requester", &peering.requester));
        facts.push(side("Accepter", &peering.accepter));
    }
    if peerings.len() > TOLD {
        facts.push(vec![plain(format!("{} more peerings.", peerings.len() - TOLD))]);
    }
    facts
}

/// A side by all that its owner may know it by.
fn side(label: &str, side: &SideReport) -> Vec<Span> {
    let mut words = vec![strong(label), plain(" ")];
    let mut parts: Vec<Vec<Span>> = Vec::new();
    let vpc = side.vpc.as_deref();
    if let Some(network) = &side.network {
        let (id, name) = id_and_name(network);
        let kind = match network.component_type {
            ComponentType::Space => "Heroku Private Space",
            kind => kind.words(),
        };
        parts.push(called(kind, id.as_deref(), name.as_deref()));
    }
    let is_named = side.network.as_ref().is_some_and(|network| network.id.as_deref() == vpc);
    parts.extend(vpc.filter(|_| !is_named).map(|vpc| vec![plain("VPC "), code(escape(vpc))]));
    let known = |kind: &str, value: Option<&str>| match value {
        Some(value) => vec![plain(format!("{kind} ")), code(escape(value))],
        None => vec![plain(format!("{kind} not in the documents"))],
    };
    parts.push(known("account", side.account.as_deref()));
    parts.push(known("Region", side.region.as_deref()));
    parts.extend(side.cidrs.iter().map(|cidr| vec![code(cidr.to_string())]));
    for (index, part) in parts.into_iter().enumerate() {
        words.extend((index > 0).then(|| plain(", ")));
        words.extend(part);
    }
    words
}

fn separated((index, words): (usize, &String)) -> Vec<Span> {
    let comma = (index > 0).then(|| plain(", "));
    comma.into_iter().chain([code(escape(words))]).collect()
}

/// When packets were sent, and from where.
fn measured(diagnosis: &Diagnosis) -> Vec<Span> {
    let times = diagnosis.observations.iter().map(|one| one.at);
    let label = [strong("Measured"), plain(" ")].to_vec();
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
        return [label, vec![plain("nothing: no packet was sent.")]].concat();
    };
    let place = match diagnosis.vantage.kind {
        VantageKind::Dyno => "in a dyno",
        VantageKind::VpcHost => "on a host of the VPC",
        VantageKind::Outside => "outside of both networks",
        VantageKind::Unknown => "at a place that is not known",
    };
    let address = diagnosis.vantage.address.map(|address| format!(" ({address})")).unwrap_or_default();
    let time = if first == last { format!("at {first}") } else { format!("from {first} to {last}") };
    let count = diagnosis.observations.len();
    let probes = if count == 1 { "probe" } else { "probes" };
    [label, sentence(&format!("{time} (UTC), {count} {probes}, {place}{address}"))].concat()
}

/// Of when the documents are.
fn documents(snapshot: Option<&SnapshotReport>) -> Option<Vec<Span>> {
    let snapshot = snapshot?;
    let words = match (&snapshot.at, snapshot.age_seconds) {
        (Some(at), Some(age)) => format!("read at {at} (UTC), {} before this report", age_words(age)),
        _ => "of a time that they do not say".to_string(),
    };
    Some([vec![strong("Documents"), plain(" ")], sentence(&words)].concat())
}
