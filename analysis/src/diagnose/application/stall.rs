//! A connection that was taken, and then nothing: who may be the silent one.
//!
//! What decides is on the wire. Where the other side's system acknowledged what it was sent, packets pass both ways
//! and the application is left, unless its answer is larger than one packet: that may be lost for its size. Where
//! nothing was acknowledged, something lets connections begin and no more. Each cause predicts these clues, and
//! Bayes weighs it by them with the priors of [`Priors::stalled`](crate::diagnose::Priors).

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use peerscope_vocabulary::ApplicationProtocol;

use super::{listeners, takes_connections};
use crate::cause::CauseCode;
use crate::diagnose::case::{Case, Question};
use crate::diagnose::handshake::CONNECTS;
use crate::diagnose::hypothesis::Weighed;
use crate::diagnose::posterior::posterior;
use crate::diagnose::prior::{LOSS_WHERE_SEEN, Prior};
use crate::diagnose::show;
use crate::flow::Flows;
use crate::reach::Direction;
use crate::report::{Basis, CauseStatus, Evidence, HypothesisReport, Tool};
use crate::topology::{ComponentId, ComponentType};

/// From this probability on the others are no alternatives any more.
const CERTAIN: f64 = 0.98;
/// Below it a cause is not named.
const FORGOTTEN: f64 = 0.02;

/// What was seen of a silence.
pub(super) struct Stall {
    /// Whether the other side's system acknowledged all that it was sent; none where nothing was sent or this
    /// system does not tell.
    pub(super) is_acknowledged: Option<bool>,
    /// Whether its system answered the SYN again although the connection stood; none where nobody looked for long
    /// enough.
    pub(super) is_answered_again: Option<bool>,
    /// Whether a part of the answer came.
    pub(super) is_partial: bool,
    /// Whether the answer that was waited for is larger than one packet, as a server's certificates are.
    pub(super) is_large: bool,
    /// Where long conversations stalled whatever the size of their packets: the smallest that was tried.
    pub(super) at_every_size: Option<u32>,
    /// Whether the application had said something before.
    pub(super) has_spoken: bool,
    /// Whether packets were lost beside.
    pub(super) loses: bool,
    /// Whether echoes of full size passed.
    pub(super) large_pass: bool,
    /// The protocol.
    pub(super) protocol: ApplicationProtocol,
    /// The port.
    pub(super) port: u16,
}

/// What a cause predicts, as probabilities.
struct Predicts {
    /// That what was sent is acknowledged.
    acknowledged: f64,
    /// That the SYN is answered again, of what was not acknowledged.
    answered_again: f64,
    /// That a part of the answer comes.
    partial: f64,
    /// That the application had spoken before.
    spoke: f64,
    /// That an answer of one packet does not come.
    stops_small: f64,
    /// That an echo of full size passes, its answer too.
    passes_echo: f64,
}

fn predicts(code: CauseCode) -> Predicts {
    // By IPv4 routers may divide an echo's answer, and both ways need not take the same links.
    let passes_echo = if code == CauseCode::PathMtuBlackhole { 0.2 } else { 1.0 };
    let (acknowledged, partial, spoke, stops_small) = match code {
        // A box that answers SYNs for a backend that is not there acknowledges nothing more.
        CauseCode::ApplicationSilent => (0.9, 0.05, 0.1, 1.0),
        // The request is small; of the answer the last, shorter packet may pass.
        CauseCode::PathMtuBlackhole => (0.98, 0.5, 0.95, 0.0),
        CauseCode::HostFirewall | CauseCode::HostOverloaded => (0.02, 0.01, 0.01, 1.0),
        _ => (0.5, 0.2, 0.5, 1.0),
    };
    let answered_again = match code {
        // By a queue that is full, unless the system takes the connection for a flood and keeps nothing of it (SYN cookies).
        CauseCode::HostOverloaded => 0.8,
        // By a filter that lets SYNs alone through, as one does that sees but one way; not by one that reads what is said.
        CauseCode::HostFirewall => 0.4,
        // All that followed the SYN has to be lost.
        CauseCode::PacketLoss => 0.2,
        _ => 0.02,
    };
    Predicts { acknowledged, answered_again, partial, spoke, stops_small, passes_echo }
}

/// How likely the clues are where this is the cause.
fn likelihood(code: CauseCode, stall: &Stall) -> f64 {
    let Predicts { acknowledged, answered_again, partial, spoke, stops_small, passes_echo } = predicts(code);
    let of = |is: bool, chance: f64| if is { chance } else { 1.0 - chance };
    let is_for_size = stall.is_large && stall.at_every_size.is_none();
    let size = if is_for_size { 1.0 } else { stops_small };
    // Only in the one protocol that speaks in clear before TLS could it have spoken.
    let before = if stall.has_spoken { spoke } else { 1.0 };
    // What acknowledged something has taken the connection.
    let again = stall.is_answered_again.filter(|_| stall.is_acknowledged != Some(true));
    stall.is_acknowledged.map_or(1.0, |is| of(is, acknowledged))
        * again.map_or(1.0, |is| of(is, answered_again))
        * of(stall.is_partial, partial)
        * size
        * before
        * if stall.large_pass { passes_echo } else { 1.0 }
}

/// The weight of a cause before the clues.
fn weight(prior: &Prior, stall: &Stall) -> f64 {
    match prior.code {
        CauseCode::PacketLoss if stall.loses => LOSS_WHERE_SEEN,
        _ => prior.weight,
    }
}

/// The weight of each cause, after the clues; they sum to 1.
fn weighed<'a>(priors: &'a [Prior], stall: &Stall) -> Vec<(f64, &'a Prior)> {
    let fits = |prior: &Prior| (weight(prior, stall), likelihood(prior.code, stall));
    let all: Vec<(f64, f64)> = priors.iter().map(fits).collect();
    let named = posterior(&all).into_iter().zip(priors).filter(|(weight, _)| *weight >= FORGOTTEN);
    let (left, named): (Vec<(f64, f64)>, Vec<&Prior>) =
        named.map(|(weight, prior)| ((weight, 1.0), prior)).unzip();
    let mut weighed: Vec<(f64, &Prior)> = posterior(&left).into_iter().zip(named).collect();
    weighed.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    weighed
}

/// The cause, or the group of candidates, of a silence towards `flows`; `words` is what was seen.
pub(super) fn causes(case: &Case, question: &Question, stall: &Stall, flows: &Flows, words: &str) -> Weighed {
    let priors = &case.priors.stalled;
    let weighed = weighed(priors, stall);
    let is_certain = weighed.first().is_some_and(|(weight, _)| *weight >= CERTAIN);
    let group = format!("stall-{}", question.address);
    let count = if is_certain { 1 } else { weighed.len() };
    let cause = |(weight, prior): &(f64, &Prior)| {
        let owner = match prior.code.cause().component {
            ComponentType::Path => ComponentId::Unknown(ComponentType::Path),
            _ => show::owner(case, question, question.address),
        };
        let mut cause = show::candidate(case, prior.code, &owner, flows);
        cause.evidence.push(Evidence { kind: Basis::Probes, text: words.to_string(), supports: true });
        cause.evidence.extend(clue(prior.code, stall));
        cause.confidence = *weight;
        // What was said arrived: it is the answer that is lost.
        if prior.code == CauseCode::PathMtuBlackhole && stall.is_acknowledged == Some(true) {
            cause.direction = Some(Direction::Return);
        }
        cause.summary = prior.summary.to_string();
        cause.alternatives = Some(group.clone());
        if is_certain {
            cause.status = CauseStatus::Established;
            cause.alternatives = None;
            cause.summary =
                takes_connections(question, stall.port, words.strip_prefix(CONNECTS).unwrap_or(words));
        }
        if prior.code == CauseCode::ApplicationSilent {
            let (command, explanation) = (listeners(stall.port), look(question, stall));
            let topology = case.topology.as_ref();
            cause.fixes.push(show::fix(topology, &owner, Tool::Manual, command, explanation));
        }
        cause
    };
    let whole: f64 = priors.iter().map(|prior| weight(prior, stall)).sum();
    let hypothesis = |prior: &Prior| {
        let place = weighed.iter().position(|(_, one)| one.code == prior.code);
        let fell = place.is_none_or(|place| place >= count);
        let confidence = place.and_then(|place| weighed.get(place)).map_or(0.0, |(weight, _)| *weight);
        let mut told = cause(&(confidence, prior));
        told.alternatives = Some(group.clone());
        let because = told.evidence.drain(1..).filter(|one| one.supports != fell).map(|one| one.text);
        let because = because.collect();
        HypothesisReport::of(&told, weight(prior, stall) / whole, fell, because)
    };
    let mut hypotheses: Vec<HypothesisReport> = priors.iter().map(hypothesis).collect();
    hypotheses.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    Weighed { causes: weighed.iter().take(count).map(cause).collect(), hypotheses }
}

/// What speaks for or against a cause beside the silence itself.
fn clue(code: CauseCode, stall: &Stall) -> Option<Evidence> {
    let is_about_size = code == CauseCode::PathMtuBlackhole
        || code == CauseCode::ApplicationSilent && stall.is_acknowledged == Some(true);
    if let Some(size) = stall.at_every_size.filter(|_| is_about_size) {
        let text = format!(
            "it is as silent where both ends keep to packets of {size} bytes, so it is not for the size of packets"
        );
        let supports = code == CauseCode::ApplicationSilent;
        return Some(Evidence { kind: Basis::Probes, text, supports });
    }
    let (text, supports) = match (code, stall.is_acknowledged) {
        (CauseCode::HostOverloaded | CauseCode::HostFirewall, _) if stall.is_answered_again == Some(true) => {
            (
                "its system answered the SYN again although the connection stood: it has not taken the last packet of the handshake, as where its queue is full, or where a filter lets SYNs alone through",
                true,
            )
        }
        (CauseCode::ApplicationSilent, _) if stall.is_answered_again == Some(true) => (
            "its system answered the SYN again although the connection stood: no application was handed it yet",
            false,
        ),
        (CauseCode::ApplicationSilent, Some(true)) if !stall.is_large => (
            "packets that carry data pass both ways, and the answer that was waited for fits into one: the path is not the cause",
            true,
        ),
        (CauseCode::ApplicationSilent, Some(false)) => (
            "its system did not acknowledge what it was sent, which that of a host does whatever the application does",
            false,
        ),
        (CauseCode::HostFirewall | CauseCode::HostOverloaded, Some(false)) => {
            ("nothing that was sent in the connection was acknowledged", true)
        }
        (CauseCode::PathMtuBlackhole, _) => (
            "the answer that was waited for, a server's certificates, takes packets of full size; what passed was smaller",
            true,
        ),
        _ => return None,
    };
    Some(Evidence { kind: Basis::Probes, text: text.to_string(), supports })
}

fn look(question: &Question, stall: &Stall) -> alloc::string::String {
    let names = match stall.protocol {
        ApplicationProtocol::Mysql => {
            " A MySQL that looks up its clients' names greets when the DNS has answered: skip_name_resolve spares it that."
        }
        _ => "",
    };
    format!(
        "On {}: shows what listens there, and how many connections wait to be taken (Recv-Q). Restart a service that hangs, or see in its log what keeps it busy; behind a balancer or proxy, see that a backend is healthy.{names}",
        question.address
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Priors;

    fn stall(is_acknowledged: Option<bool>) -> Stall {
        Stall {
            is_acknowledged,
            is_answered_again: None,
            is_partial: false,
            is_large: false,
            at_every_size: None,
            has_spoken: false,
            loses: false,
            large_pass: false,
            protocol: ApplicationProtocol::Redis,
            port: 6379,
        }
    }

    fn told(stall: &Stall) -> Vec<(f64, CauseCode)> {
        let priors = Priors::default().stalled;
        weighed(&priors, stall).into_iter().map(|(weight, prior)| (weight, prior.code)).collect()
    }

    fn codes(stall: &Stall) -> Vec<CauseCode> {
        told(stall).into_iter().map(|(_, code)| code).collect()
    }

    #[test]
    fn weights_sum_to_one_whatever_was_seen() {
        for bits in 0..16_u8 {
            for is_acknowledged in [None, Some(true), Some(false)] {
                let is = |bit: u8| bits & (1 << bit) != 0;
                let seen = Stall {
                    is_answered_again: is_acknowledged.map(|_| is(0) != is(2)),
                    large_pass: is(1) && is(2),
                    is_partial: is(0),
                    is_large: is(1),
                    has_spoken: is(2),
                    loses: is(3),
                    ..stall(is_acknowledged)
                };
                let sum: f64 = told(&seen).iter().map(|(weight, _)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{bits:b} {is_acknowledged:?}: {sum}");
            }
        }
    }

    #[test]
    fn what_was_acknowledged_leaves_the_application_alone() {
        assert_eq!(codes(&stall(Some(true))), [CauseCode::ApplicationSilent]);
    }

    #[test]
    fn what_nobody_acknowledged_leaves_what_stands_before_it() {
        let found = codes(&stall(Some(false)));
        for code in [CauseCode::ApplicationSilent, CauseCode::HostFirewall, CauseCode::HostOverloaded] {
            assert!(found.contains(&code), "{found:?}");
        }
        assert!(told(&stall(Some(false)))[0].0 < CERTAIN);
    }

    #[test]
    fn a_syn_that_is_answered_again_is_no_application() {
        for is_acknowledged in [None, Some(false)] {
            let again = Stall { is_answered_again: Some(true), ..stall(is_acknowledged) };
            assert_eq!(codes(&again)[0], CauseCode::HostOverloaded, "{is_acknowledged:?}");
            assert!(told(&again)[0].0 < CERTAIN, "a filter may do the same");
        }
        let once = Stall { is_answered_again: Some(false), ..stall(Some(false)) };
        let of = |code, seen: &Stall| told(seen).into_iter().find(|(_, known)| *known == code).unwrap().0;
        assert!(of(CauseCode::HostOverloaded, &once) < of(CauseCode::HostFirewall, &once));
        // Nothing is weighed twice.
        let taken = Stall { is_answered_again: Some(false), ..stall(Some(true)) };
        assert_eq!(told(&taken), told(&stall(Some(true))));
    }

    #[test]
    fn the_path_is_suspected_of_large_answers_alone() {
        let large = Stall { is_large: true, ..stall(Some(true)) };
        assert_eq!(codes(&large), [CauseCode::ApplicationSilent, CauseCode::PathMtuBlackhole]);
        // Where the application had answered, or a part came, rather than the application.
        for told in [
            Stall { has_spoken: true, ..large },
            Stall { is_large: true, is_partial: true, ..stall(Some(true)) },
        ] {
            assert_eq!(codes(&told)[0], CauseCode::PathMtuBlackhole);
        }
        // Where echoes of full size pass, less than before.
        let path = |seen: &Stall| {
            let path = told(seen).into_iter().find(|(_, code)| *code == CauseCode::PathMtuBlackhole);
            path.map(|(weight, _)| weight).unwrap_or_default()
        };
        assert!(path(&Stall { large_pass: true, ..large }) < path(&large) / 3.0);
        for is_acknowledged in [None, Some(true), Some(false)] {
            assert!(!codes(&stall(is_acknowledged)).contains(&CauseCode::PathMtuBlackhole));
        }
    }

    #[test]
    fn whoever_is_silent_at_every_size_is_not_so_for_the_size() {
        let large = Stall { is_large: true, ..stall(Some(true)) };
        let seen = Stall { at_every_size: Some(576), ..large };
        assert_eq!(codes(&seen), [CauseCode::ApplicationSilent]);
        assert!(clue(CauseCode::ApplicationSilent, &seen).is_some_and(|clue| clue.supports));
        assert!(clue(CauseCode::PathMtuBlackhole, &seen).is_some_and(|clue| !clue.supports));
        // Where nobody acknowledged, that speaks against the application first.
        let dropped = Stall { is_acknowledged: Some(false), ..seen };
        assert!(clue(CauseCode::ApplicationSilent, &dropped).is_some_and(|clue| !clue.supports));
    }

    #[test]
    fn where_packets_are_lost_the_application_is_not_certain() {
        let seen = Stall { loses: true, ..stall(Some(true)) };
        assert!(codes(&seen).contains(&CauseCode::PacketLoss));
        assert!(told(&seen)[0].0 < CERTAIN);
    }
}
