//! Why each probe beside the named port was asked, and what its answer did: for who wants to follow a diagnosis.
//!
//! All of it follows from the observations and their times, so that saved evidence tells the same.

use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind};

use super::accounted::Accounted;
use super::approach::EARLY_SILENCE;
use super::beside::place_words;
use super::case::{Case, Question};
use super::choice::{self, Permitted, Weighing};
use super::hypothesis::{Clue, weigh};
use super::seen::Seen;
use super::silence;
use crate::cause::CauseCode;
use crate::report::{AskedReport, HypothesisReport};

/// What was asked, in the order of sending, and what was not since it would have told nothing.
pub(super) fn asked(
    case: &Case,
    question: &Question,
    observations: &[Observation],
    seen: &Seen<'_>,
    accounted: &Accounted<'_>,
) -> Vec<AskedReport> {
    let mut told = seen.beside.told(case, question);
    told.sort_by_key(|(one, _)| (one.sent_at, one.request.id));
    let mut fallen = Fallen::of(case, question, seen, accounted);
    let clues: Vec<Clue> = told.iter().map(|(_, clue)| clue.clone()).collect();
    let mut asked: Vec<AskedReport> = Vec::new();
    for (place, (one, clue)) in told.iter().enumerate() {
        let known = told.iter().take(place);
        let under_way = known.filter(|(other, _)| is_under_way(other, one.sent_at)).map(|(_, clue)| clue);
        let so_far = so_far(observations, one.sent_at);
        let weighing = Weighing::of(case, question, &so_far, &[]);
        asked.push(AskedReport {
            address: one.request.address,
            port: (one.request.kind != ProbeKind::IcmpEcho).then_some(one.request.port),
            after_seconds: Some(one.sent_at.as_secs_f64()),
            bits: weighing.adds(clue, &under_way.collect::<Vec<_>>()),
            answered: Some(clue.answered),
            text: clue.text.clone(),
            fell: fallen.by(clues.get(..=place).unwrap_or_default()),
        });
    }
    // Who is not silent is why nobody else is asked.
    if case.probing && case.explore && !seen.silent.is_empty() {
        let weighing = Weighing::of_seen(case, question, seen);
        let is_told = |permitted: &Permitted| told.iter().any(|(one, _)| permitted.is_of(one));
        let left = Permitted::others(case, question).into_iter().filter(|one| !is_told(one));
        let spared = left.filter_map(|one| {
            let bits = weighing.information(&[&one.clue]);
            (bits < choice::LEAST).then(|| AskedReport {
                address: one.address,
                port: Some(one.port),
                after_seconds: None,
                bits,
                answered: None,
                text: place_words(one.address, one.port, one.clue.near),
                fell: Vec::new(),
            })
        });
        asked.extend(spared);
    }
    asked
}

/// Whether it had neither ended at this time nor been silent for as long as an answer takes.
fn is_under_way(one: &Observation, at: Duration) -> bool {
    one.finished_at > at && at < one.sent_at + EARLY_SILENCE
}

/// What had been observed at this time, with all that was silent so far as if it stayed so.
fn so_far(observations: &[Observation], at: Duration) -> Vec<Observation> {
    let sent = observations.iter().filter(|one| one.sent_at < at || one.finished_at <= at);
    let known = sent.filter(|one| !is_under_way(one, at));
    known
        .map(|one| match one.finished_at <= at {
            true => *one,
            false => Observation { outcome: Outcome::Timeout, finished_at: at, ..*one },
        })
        .collect()
}

/// What has been given up, as clues come in.
struct Fallen {
    hypotheses: Vec<(f64, crate::report::CauseReport)>,
    second_fault: f64,
    fallen: Vec<HypothesisReport>,
}

impl Fallen {
    fn of(case: &Case, question: &Question, seen: &Seen<'_>, accounted: &Accounted<'_>) -> Self {
        let is_weighed = !accounted.unexplained.is_empty() && seen.passing.is_empty();
        let hypotheses = match is_weighed {
            true => silence::hypotheses(case, question, accounted.suspected(question)),
            false => Vec::new(),
        };
        Self { hypotheses, second_fault: case.priors.second_fault, fallen: Vec::new() }
    }

    /// The causes that fell by the last of these clues.
    fn by(&mut self, clues: &[Clue]) -> Vec<CauseCode> {
        let mut now = weigh(self.hypotheses.clone(), clues, self.second_fault).hypotheses;
        now.retain(|one| one.fell);
        let same = |one: &HypothesisReport, other: &HypothesisReport| {
            (one.code, &one.component, one.direction) == (other.code, &other.component, other.direction)
        };
        let mut codes: Vec<CauseCode> = Vec::new();
        for one in &now {
            if !self.fallen.iter().any(|known| same(known, one)) && !codes.contains(&one.code) {
                codes.push(one.code);
            }
        }
        self.fallen = now;
        codes
    }
}
