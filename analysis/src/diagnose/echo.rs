//! What an ICMP echo beside the connects tells: whether the host lives, and whether packets of any kind
//! pass both ways between the same two ends.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind};

use super::observed::seconds;
use crate::cause::CauseCode;
use crate::report::{Basis, CauseReport, Evidence};

/// How much more likely a host is silent altogether whose echo is silent too: groups that admit no ICMP
/// make it silent as well, so it is no proof.
const SILENT_TOO: f64 = 1.5;
/// How much less likely then only the port is.
const NOT_THE_PORT_ALONE: f64 = 0.6;

/// What became of the echo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo<'a>(&'a Observation);

impl<'a> Echo<'a> {
    /// The echo among observations, where one was sent and ended.
    pub(super) fn of(observations: &[&'a Observation]) -> Option<Self> {
        let is_echo = |one: &&&Observation| one.request.kind == ProbeKind::IcmpEcho;
        let told = |one: &&&Observation| matches!(one.outcome, Outcome::Echo | Outcome::Timeout);
        observations.iter().filter(is_echo).find(told).map(|one| Self(one))
    }

    /// Whether the host answered.
    pub(super) fn answered(self) -> bool {
        self.0.outcome == Outcome::Echo
    }

    /// What it proves wrong, protocol or no: routes, peerings and hosts carry an echo like any packet.
    pub(super) fn disproves(self, code: CauseCode) -> bool {
        use CauseCode::{
            BadStateRoute, HigherPriorityRoute, HostSilent, MoreSpecificRoute, NoRouteToDestination,
            PeeringMissing, PeeringNotActive, PeeringPendingAcceptance, SecondaryCidrUnreachable,
            TransitivePeering, UnknownDestination,
        };
        self.answered()
            && matches!(
                code,
                BadStateRoute
                    | HigherPriorityRoute
                    | HostSilent
                    | MoreSpecificRoute
                    | NoRouteToDestination
                    | PeeringMissing
                    | PeeringNotActive
                    | PeeringPendingAcceptance
                    | SecondaryCidrUnreachable
                    | TransitivePeering
                    | UnknownDestination
            )
    }

    /// Weighs candidates anew, and adds what was seen to each.
    pub(super) fn weigh(self, candidates: &mut Vec<CauseReport>) {
        candidates.retain(|cause| !self.disproves(cause.code));
        for cause in candidates.iter_mut() {
            let supports = match (cause.code, self.answered()) {
                (CauseCode::HostSilent, false) => {
                    cause.confidence *= SILENT_TOO;
                    true
                }
                (CauseCode::HostFirewall, false) => {
                    cause.confidence *= NOT_THE_PORT_ALONE;
                    false
                }
                (_, answered) => answered,
            };
            cause.evidence.push(Evidence { kind: Basis::Probes, text: self.words(), supports });
        }
        let whole: f64 = candidates.iter().map(|cause| cause.confidence).sum();
        for cause in candidates.iter_mut().filter(|_| whole > 0.0) {
            cause.confidence /= whole;
        }
        candidates.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    }

    fn words(self) -> String {
        let time = self.0.rtt.map(|rtt| format!(" in {}", seconds(rtt))).unwrap_or_default();
        if self.answered() {
            format!("the same host answered an ICMP echo{time}")
        } else {
            "an ICMP echo to the same host got no answer either".to_string()
        }
    }
}
