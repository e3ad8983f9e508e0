//! How likely each cause of silence is before anything else is known, each with its reason.
//!
//! From one end many causes are one and the same silence. Where nothing else decides between them,
//! these weights do, and the report says that they are no more than that. Whoever knows an estate better
//! replaces them ([`Priors`]).

use alloc::vec::Vec;

use crate::cause::CauseCode;
use crate::reach::Direction;

/// A cause of silence and its weight among the others.
#[derive(Clone, Copy, Debug)]
pub struct Prior {
    /// The cause.
    pub code: CauseCode,
    /// Which way the packets travel that it stops, where that is one.
    pub direction: Option<Direction>,
    /// How likely it is, relative to the other entries of the same list: above 0, to no certain sum.
    pub weight: f64,
    /// What this would be, in one sentence.
    pub summary: &'static str,
}

/// All weights of a diagnosis. The default ones are peerscope's own.
#[derive(Clone, Debug)]
pub struct Priors {
    /// Silence where nothing is known of the configuration.
    pub unconfigured: Vec<Prior>,
    /// Silence that no setting of the snapshot accounts for, beside what may have changed since.
    pub unexplained: Vec<Prior>,
    /// Some source ports are answered and some are not, and no setting of the snapshot accounts for it.
    pub mixed: Vec<Prior>,
    /// A connection is taken, and nothing more is heard.
    pub stalled: Vec<Prior>,
    /// How likely, where one thing is wrong, another is too that no document shows: 0 to 1.
    pub second_fault: f64,
}

/// Hidden things mostly go wrong one at a time: each is done by other people on another day, and who finds the path
/// broken by the first mends that. But a path that nobody has used yet, or no more, gathers several: one in twenty.
const SECOND_FAULT: f64 = 0.05;

impl Default for Priors {
    fn default() -> Self {
        Self {
            unconfigured: UNCONFIGURED.to_vec(),
            unexplained: UNEXPLAINED.to_vec(),
            mixed: MIXED.to_vec(),
            stalled: STALLED.to_vec(),
            second_fault: SECOND_FAULT,
        }
    }
}

/// Linux drops SYNs to a listener whose queue is full without a word, as long as it is. An application that hangs fills
/// it within minutes of traffic, and is restarted soon as a rule.
const FULL_QUEUE: &str = "The service takes no connections: its queue of those that wait to be taken is full, and its system drops new ones without a word.";

/// Silence where nothing is known of the configuration. The order follows the complaints that Heroku's
/// article and public support threads answer: routes and groups first, because a peering needs both by
/// hand; ACLs are seldom changed; a peering that is not active is seen in the console.
const UNCONFIGURED: &[Prior] = &[
    Prior {
        code: CauseCode::EniSgRulesMismatch,
        direction: Some(Direction::Forward),
        weight: 0.30,
        summary: "No security group of the target lets the packets in.",
    },
    Prior {
        code: CauseCode::NoRouteToDestination,
        direction: Some(Direction::Return),
        weight: 0.28,
        summary: "The route table of the target's subnet has no way back over the peering.",
    },
    Prior {
        code: CauseCode::SubnetAclRestriction,
        direction: None,
        weight: 0.12,
        summary: "The network ACL of the target's subnet drops the packets or their replies.",
    },
    Prior {
        code: CauseCode::PeeringNotActive,
        direction: None,
        weight: 0.10,
        summary: "The VPC peering connection is not active.",
    },
    Prior {
        code: CauseCode::PeeringMissing,
        direction: None,
        weight: 0.04,
        summary: "There is no VPC peering connection between the two networks.",
    },
    Prior {
        code: CauseCode::HostSilent,
        direction: None,
        weight: 0.10,
        summary: "The host is stopped, or nothing has this address.",
    },
    Prior {
        code: CauseCode::HostFirewall,
        direction: None,
        weight: 0.10,
        summary: "The host's own firewall drops packets to this port.",
    },
    Prior { code: CauseCode::HostOverloaded, direction: None, weight: 0.02, summary: FULL_QUEUE },
];

/// Silence that no setting of the snapshot accounts for: what a snapshot cannot show comes first.
const UNEXPLAINED: &[Prior] = &[
    Prior {
        code: CauseCode::HostSilent,
        direction: None,
        weight: 0.36,
        summary: "Nothing comes back: the host is stopped, or its own firewall drops everything.",
    },
    Prior {
        code: CauseCode::HostFirewall,
        direction: None,
        weight: 0.32,
        summary: "The host's own firewall drops packets to this port.",
    },
    Prior { code: CauseCode::HostOverloaded, direction: None, weight: 0.04, summary: FULL_QUEUE },
    Prior {
        code: CauseCode::ConfigurationDisagrees,
        direction: None,
        weight: 0.08,
        summary: "Heroku's own side, which nobody can see and which was assumed to be open, drops the packets.",
    },
];

/// Some source ports are answered and some are not. A network ACL that forgets part of the ports that replies
/// go to is the classic; packets are lost, or not taken by a host, as often, since this is asked only where some were; a
/// queue that is full drains or fills up within a diagnosis less often than a path loses packets. What a host's firewall
/// judges by is hardly ever the client's port.
const MIXED: &[Prior] = &[
    Prior {
        code: CauseCode::SubnetAclRestriction,
        direction: Some(Direction::Return),
        weight: 0.50,
        summary: "A network ACL lets replies to some of the client's ports through and others not.",
    },
    Prior {
        code: CauseCode::PacketLoss,
        direction: None,
        weight: 0.30,
        summary: "Packets are lost on the way.",
    },
    Prior {
        code: CauseCode::HostOverloaded,
        direction: None,
        weight: 0.15,
        summary: "The service does not keep up: its queue of connections is full, and new ones are dropped.",
    },
    Prior {
        code: CauseCode::HostFirewall,
        direction: None,
        weight: 0.05,
        summary: "The host's own firewall judges by the client's port.",
    },
];

impl Priors {
    /// The weight of a cause where some source ports are answered and some are not.
    pub(super) fn of_mixed(&self, code: CauseCode) -> f64 {
        self.mixed.iter().filter(|prior| prior.code == code).map(|prior| prior.weight).sum()
    }
}

/// How much less likely a setting is at fault that documents of this age show to be in order, than one that no
/// document shows.
pub(super) fn shown_in_order(code: CauseCode, age_seconds: Option<i64>) -> f64 {
    changed_since(code) * doubt_by_age(age_seconds) / UNKNOWN_GATE_WEIGHT
}

/// A connection is taken, and nothing more is heard. A service that hangs or is slow is what public threads end at
/// most often; a path that drops large packets needs a tunnel and a filtered ICMP; a filter that lets SYNs through
/// and data not, and a queue of the system that is full, are rare.
const STALLED: &[Prior] = &[
    Prior {
        code: CauseCode::ApplicationSilent,
        direction: None,
        weight: 0.80,
        summary: "The connection is taken, and the application says nothing: it hangs or is slow, or a proxy or balancer takes connections for a backend that is not there.",
    },
    Prior {
        code: CauseCode::PathMtuBlackhole,
        direction: None,
        weight: 0.30,
        summary: "Packets as large as this answer are lost on the way: a link takes smaller ones only, and the ICMP message that says so does not arrive.",
    },
    Prior {
        code: CauseCode::HostFirewall,
        direction: None,
        weight: 0.05,
        summary: "A firewall lets connections begin and drops what is said in them.",
    },
    Prior {
        code: CauseCode::HostOverloaded,
        direction: None,
        weight: 0.05,
        summary: "The host is overloaded: its queue of connections that wait to be taken is full, and it drops what belongs to them.",
    },
    Prior {
        code: CauseCode::PacketLoss,
        direction: None,
        weight: 0.02,
        summary: "Packets are lost on the way.",
    },
];

/// The weight of loss among the above where connects had to be sent again, or were lost.
pub(super) const LOSS_WHERE_SEEN: f64 = 1.0;

/// A gate of unknown content beside the above: the documents do not tell, so it may be.
pub(super) const UNKNOWN_GATE_WEIGHT: f64 = 0.40;

/// A setting that let the packets through when the snapshot was taken may have been changed since. The
/// weights follow how often each kind is changed by hand; a peering hardly ever is.
pub(super) fn changed_since(code: CauseCode) -> f64 {
    match code {
        CauseCode::EniSgRulesMismatch => 0.08,
        CauseCode::NoRouteToDestination => 0.06,
        CauseCode::SubnetAclRestriction => 0.03,
        _ => 0.02,
    }
}

/// How much more, or less, an old snapshot is to be doubted. `None` is a snapshot of unknown age.
pub(super) fn doubt_by_age(age_seconds: Option<i64>) -> f64 {
    const HOUR: i64 = 3600;
    match age_seconds {
        Some(age) if age < HOUR / 6 => 0.4,
        Some(age) if age < 24 * HOUR => 1.0,
        Some(_) => 2.0,
        None => 1.5,
    }
}
