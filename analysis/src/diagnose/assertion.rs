//! What somebody intended of a path, held against what the configuration does to all of it.
//!
//! A verdict sums up: a path that is open for one of two dyno blocks is impaired. An intention is stricter in
//! both directions. What is to be reachable must be so from every source and port that was asked; what is to
//! be blocked, from none. What nobody knows is neither kept nor broken.

use serde::{Deserialize, Serialize};

use crate::flow::Flows;
use crate::reach::Opening;

/// What a path is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// All of it passes.
    Reachable,
    /// None of it does.
    Blocked,
}

/// Whether an intention is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is.
    Holds,
    /// It is not, for some of the flows at least.
    Differs,
    /// Nothing contradicts it, but the documents do not tell of all flows.
    Undetermined,
}

/// An intention held against a configuration.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What came out.
    pub standing: Standing,
    /// The flows that it rests on: those that contradict it, those that nobody knows, or all.
    pub flows: Flows,
}

impl Expectation {
    /// `reachable` or `blocked`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Blocked => "blocked",
        }
    }

    /// Holds the intention against what the configuration does. Where nothing was asked (no source has an
    /// address of the target's family) nothing is proven.
    #[must_use]
    pub fn judge(self, opening: &Opening) -> Judgement {
        let (wanted, contrary) = match self {
            Self::Reachable => (&opening.admitted, &opening.blocked),
            Self::Blocked => (&opening.blocked, &opening.admitted),
        };
        let (standing, flows) = if !contrary.is_empty() {
            (Standing::Differs, contrary)
        } else if opening.unknown.is_empty() && !wanted.is_empty() {
            (Standing::Holds, wanted)
        } else {
            (Standing::Undetermined, &opening.unknown)
        };
        Judgement { standing, flows: flows.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{AddressRange, FlowBox, PortRange, ProtocolRange};

    fn flows(source: &str) -> Flows {
        let flows = FlowBox {
            source: AddressRange::from(source.parse::<ipnet::IpNet>().unwrap()),
            destination: AddressRange::from(core::net::IpAddr::from([10, 1, 0, 1])),
            protocol: ProtocolRange::single(6),
            source_ports: PortRange::ALL,
            ports: PortRange::single(443),
        };
        core::iter::once(flows).collect()
    }

    #[test]
    fn all_must_pass_and_none_may_and_what_is_unknown_proves_neither() {
        use Expectation::{Blocked, Reachable};
        use Standing::{Differs, Holds, Undetermined};
        let (one, other, third) = (flows("10.0.0.0/24"), flows("10.0.1.0/24"), flows("10.0.2.0/24"));
        let none = Flows::none;
        for (admitted, blocked, unknown, reachable, shut) in [
            (one.clone(), none(), none(), Holds, Differs),
            (none(), one.clone(), none(), Differs, Holds),
            (one.clone(), other.clone(), none(), Differs, Differs),
            (none(), none(), one.clone(), Undetermined, Undetermined),
            (one.clone(), none(), other.clone(), Undetermined, Differs),
            (none(), one.clone(), other.clone(), Differs, Undetermined),
            (one.clone(), other.clone(), third.clone(), Differs, Differs),
            (none(), none(), none(), Undetermined, Undetermined),
        ] {
            let opening = Opening { admitted, blocked, unknown };
            assert_eq!(Reachable.judge(&opening).standing, reachable, "{opening:?}");
            assert_eq!(Blocked.judge(&opening).standing, shut, "{opening:?}");
        }
    }

    #[test]
    fn a_difference_is_exactly_the_part_that_differs() {
        let opening =
            Opening { admitted: flows("10.0.0.0/24"), blocked: flows("10.0.1.0/24"), unknown: Flows::none() };
        assert_eq!(Expectation::Reachable.judge(&opening).flows, opening.blocked);
        assert_eq!(Expectation::Blocked.judge(&opening).flows, opening.admitted);
    }
}
