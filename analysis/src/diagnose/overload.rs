//! Packets that had to be sent again, or never were answered, of connects that otherwise come about: lost on the way, or
//! not taken by a host whose queue is full?
//!
//! A listener whose queue of connections is full (its application does not accept them) drops SYNs without a word, and
//! takes one when there is room again: to a client that is a path that loses packets on the way there. What tells the two
//! apart is what the kernel saw of each connection ([`TcpFacts`]), measured in namespaces against Linux 6.18:
//!
//! | happened | answer is to | later segments | SYN answered again |
//! |---|---|---|---|
//! | SYN lost on the way | the last SYN | lost as often | no |
//! | SYN not taken, the queue full | the last SYN | arrive, unless the queue fills up again before the handshake ends | no |
//! | answer lost on the way | an earlier SYN | lost as often | no |
//! | last packet of the handshake not taken, the queue full | the first SYN | not acknowledged | yes, a second later |
//! | the same, SYN cookies in use | the last SYN | not acknowledged | no |
//!
//! So answers that were lost are the path's. Lost SYNs alone leave both, and a later packet that is lost too does not
//! decide: where several connections are made to a queue with one place, all but one find it taken (measured: three of
//! five). That none is lost speaks for the queue.
//!
//! Systems that keep nothing of a SYN (SYN cookies) answer the last one whatever happened, so that this speaks for a loss
//! on the way there and does not prove it; an answer to an earlier SYN does prove that answers were lost.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{Observation, TcpFacts};

use super::observed::{Shows, shows};
use super::prior::Priors;
use crate::cause::CauseCode;
use crate::reach::Direction;

/// No SYN is sent again sooner than this (RFC 6298, section 2): an answer to one that is as old is not to the last.
const LEAST_GAP: Duration = Duration::from_secs(1);

/// A path loses packets one way as a rule, this one or that one alike, and seldom both ways.
const LOST_ONE_WAY: f64 = 0.4;
/// A host whose queue is full takes no SYNs; that it loses answers too needs a second fault...
const OVERLOADED_LOSES_ANSWERS: f64 = 0.03;
/// ...and that it does so once more, this often.
const OVERLOADED_LOSES_MORE: f64 = 0.3;
/// Whether any connection that was let begin finds the queue full again when the handshake ends: as often as not.
const OVERLOADED_LOSES_LATER: f64 = 0.5;
/// A connection of which the last packet found the queue full, where connections are made to a queue that is full.
const OVERLOADED_ANSWERS_AGAIN: f64 = 0.5;
/// How many packets in a row have to be lost for it otherwise: the last one of the handshake, and what follows it for a
/// second.
const LOST_IN_A_ROW: usize = 3;

/// What connects tell of packets that were lost, or not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// Connects of which the first SYN that was taken is the last one: earlier ones were lost, or not taken.
    pub(super) there: usize,
    /// Connects of which an earlier SYN than the last had been taken: answers to it were lost.
    pub(super) back: usize,
    /// Connects that took several attempts and do not tell which packets were lost.
    pub(super) untold: usize,
    /// Connections of several attempts of which the segments that followed were watched...
    followed: usize,
    /// ...and those of them of which some had to be sent again.
    disturbed: usize,
    /// Connections whose SYN was answered again, and in which nothing was acknowledged.
    pub(super) answered_again: usize,
    /// How many SYNs got no answer...
    lost: u32,
    /// ...and how many got one.
    answered: u32,
}

/// Whether the handshake took several attempts, of this side or the other.
pub(super) fn took_several(observation: &Observation) -> bool {
    observation.retransmissions > 0 || answered_late(observation).is_some()
}

fn answered_late(observation: &Observation) -> Option<Duration> {
    observation.tcp.and_then(|tcp| tcp.answered_syn_age).filter(|age| *age >= LEAST_GAP)
}

impl Losses {
    /// What connects tell.
    pub(super) fn of(deciding: &[&Observation]) -> Self {
        let mut losses = Self::default();
        for one in deciding {
            match shows(one) {
                Shows::Connected => losses.answered += 1,
                Shows::Silence => {
                    losses.lost += one.retransmissions + 1;
                    continue;
                }
                _ => continue,
            }
            let tcp = one.tcp.unwrap_or_default();
            losses.answered_again += usize::from(tcp.repeated_answers > 0);
            if !took_several(one) {
                continue;
            }
            losses.lost += one.retransmissions.max(1);
            match tcp.answered_syn_age {
                Some(age) if age >= LEAST_GAP => losses.back += 1,
                Some(_) => losses.there += 1,
                None => losses.untold += 1,
            }
            if let TcpFacts { is_acknowledged: Some(_), resent, .. } = tcp {
                losses.followed += 1;
                losses.disturbed += usize::from(resent > 0);
            }
        }
        losses
    }

    /// Which way the packets went that were lost, where all that is known of went one way.
    pub(super) fn direction(&self) -> Option<Direction> {
        match (self.there, self.back) {
            (0, 0) => None,
            (_, 0) => Some(Direction::Forward),
            (0, _) => Some(Direction::Return),
            _ => None,
        }
    }

    /// The share of packets that are lost, by those that were counted (Laplace's rule of succession).
    fn rate(&self) -> f64 {
        f64::from(self.lost + 1) / f64::from(self.lost + self.answered + 2)
    }

    /// How likely this is where the path loses packets.
    fn by_loss(&self) -> f64 {
        let way = match (self.there, self.back) {
            (0, 0) => 1.0,
            (_, 0) | (0, _) => LOST_ONE_WAY,
            _ => 1.0 - 2.0 * LOST_ONE_WAY,
        };
        let rate = self.rate();
        let undisturbed = power(1.0 - rate, self.followed);
        let later = match (self.followed, self.disturbed) {
            (0, _) => 1.0,
            (_, 0) => undisturbed,
            _ => 1.0 - undisturbed,
        };
        way * later * power(rate, LOST_IN_A_ROW * self.answered_again)
    }

    /// How likely this is where the host's queue is full.
    fn by_overload(&self) -> f64 {
        let told = self.there + self.back;
        let way = match (told, self.back) {
            (0, _) => 1.0,
            (_, 0) => 1.0 - OVERLOADED_LOSES_ANSWERS,
            (_, back) => OVERLOADED_LOSES_ANSWERS * power(OVERLOADED_LOSES_MORE, back - 1),
        };
        // Of connections that were not taken what follows is not acknowledged either.
        let later = match self.followed.saturating_sub(self.answered_again) {
            0 => 1.0,
            _ => OVERLOADED_LOSES_LATER,
        };
        way * later * power(OVERLOADED_ANSWERS_AGAIN, self.answered_again)
    }

    /// The weights of a lossy path and of a full queue, relative to each other, after what was seen.
    pub(super) fn weights(&self, priors: &Priors) -> (f64, f64) {
        (
            priors.of_mixed(CauseCode::PacketLoss) * self.by_loss(),
            priors.of_mixed(CauseCode::HostOverloaded) * self.by_overload(),
        )
    }

    /// What was seen that tells the two apart, each in a clause, and whether it speaks for loss.
    pub(super) fn words(&self) -> Vec<(String, bool)> {
        let mut words = Vec::new();
        let told = self.there + self.back;
        let connects = |count: usize| if count == 1 { "connect" } else { "connects" };
        if self.back > 0 {
            words.push((
                format!(
                    "of {} of {told} {} that took several attempts an earlier SYN had arrived (its timestamp came back): answers were lost on the way back",
                    self.back,
                    connects(told)
                ),
                true,
            ));
        }
        if self.there > 0 {
            words.push((
                format!(
                    "of {} of {told} {} that took several attempts only the last SYN was taken (its timestamp came back): the others were lost on the way there, or not taken",
                    self.there,
                    connects(told)
                ),
                self.back > 0,
            ));
        }
        if self.followed > 1 && self.disturbed == 0 {
            words.push((
                format!(
                    "in none of {} connections that stood at last a later packet was lost",
                    self.followed
                ),
                false,
            ));
        }
        if self.answered_again > 0 {
            words.push((
                "a connection stood, and its SYN was answered once more: the host's system had not taken the last packet of the handshake, nor what was said".into(),
                false,
            ));
        }
        words
    }
}

/// Whole powers: there are none without the standard library.
fn power(number: f64, times: usize) -> f64 {
    (0..times).fold(1.0, |product, _| product * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_of_loss(losses: Losses) -> f64 {
        let (loss, overload) = losses.weights(&Priors::default());
        loss / (loss + overload)
    }

    fn there(count: usize, followed: usize, disturbed: usize) -> Losses {
        Losses { there: count, followed, disturbed, lost: count as u32, answered: 5, ..Losses::default() }
    }

    #[test]
    fn answers_that_were_lost_are_the_paths() {
        let back = |count| Losses { there: 0, back: count, ..there(count, count, 0) };
        assert!(share_of_loss(back(1)) > 0.9, "{}", share_of_loss(back(1)));
        assert_eq!(back(2).direction(), Some(Direction::Return));
        assert_eq!(Losses { there: 1, ..back(1) }.direction(), None);
    }

    #[test]
    fn lost_syns_alone_leave_both() {
        let share = share_of_loss(there(2, 2, 0));
        assert!((0.2..0.8).contains(&share), "{share}");
        assert_eq!(there(2, 2, 0).direction(), Some(Direction::Forward));
        // Without timestamps nothing tells.
        let untold = Losses { there: 0, untold: 2, followed: 0, ..there(2, 0, 0) };
        assert!((0.5..0.8).contains(&share_of_loss(untold)));
        assert_eq!(untold.direction(), None);
    }

    #[test]
    fn later_packets_that_arrive_speak_for_the_queue_and_those_that_do_not_decide_nothing() {
        assert!(share_of_loss(there(4, 4, 0)) < share_of_loss(there(4, 0, 0)) - 0.05);
        let disturbed = share_of_loss(there(5, 5, 3));
        assert!((0.3..0.8).contains(&disturbed), "{disturbed}");
        let again = Losses { answered_again: 1, ..there(1, 1, 1) };
        assert!(share_of_loss(again) < share_of_loss(there(1, 1, 1)) / 2.0, "{}", share_of_loss(again));
    }

    #[test]
    fn every_sign_has_its_words() {
        let all = Losses { back: 1, answered_again: 1, ..there(2, 3, 0) };
        assert_eq!(all.words().len(), 4);
        assert!(Losses::default().words().is_empty());
    }
}
