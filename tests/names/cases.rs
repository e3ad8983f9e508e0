//! What servers say and configurations hold, and the sentence that must come of it.

use std::net::IpAddr;

use peerscope_laboratory::{Condition, DnsBehaviour, Forbidding, Prohibition};

/// What a server says, and what must come of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) behaviour: DnsBehaviour,
    /// Beside the target's own address.
    pub(crate) has_public: bool,
    pub(crate) has_own: bool,
    /// An IPv6 address beside, which this host has no route to.
    pub(crate) has_ipv6: bool,
    pub(crate) verdict: &'static str,
    /// The first cause.
    pub(crate) cause: Option<&'static str>,
    /// What the server did, in the sentence that says so of it.
    pub(crate) did: &'static str,
}

pub(crate) const UNRESOLVED: Case = Case {
    name: "",
    behaviour: DnsBehaviour::Honest,
    has_public: false,
    has_own: true,
    has_ipv6: false,
    verdict: "blocked",
    cause: Some("NAME_NOT_RESOLVED"),
    did: "",
};

const RESOLVED: Case = Case { verdict: "reachable", cause: None, ..UNRESOLVED };

pub(crate) const CASES: [Case; 20] = [
    Case { name: "an_honest_server_leads_to_the_target", ..RESOLVED },
    Case { name: "an_answer_by_tcp_alone_is_fetched", behaviour: DnsBehaviour::OnlyByTcp, ..RESOLVED },
    Case { name: "of_both_families_the_one_with_a_route_counts", has_ipv6: true, ..RESOLVED },
    Case {
        name: "a_public_address_is_named",
        has_public: true,
        has_own: false,
        cause: Some("RESOLVES_TO_PUBLIC_ADDRESS"),
        did: "gives orders-db.internal the address 203.0.113.7 (public), after ",
        ..UNRESOLVED
    },
    Case {
        name: "of_two_addresses_each_is_diagnosed",
        has_public: true,
        verdict: "impaired",
        cause: Some("RESOLVES_TO_PUBLIC_ADDRESS"),
        did: "(private) and 203.0.113.7 (public), after ",
        ..UNRESOLVED
    },
    Case {
        name: "no_such_name",
        behaviour: DnsBehaviour::NoSuchName,
        did: "says that orders-db.internal does not exist (NXDOMAIN), after ",
        ..UNRESOLVED
    },
    Case {
        name: "a_name_without_an_address",
        behaviour: DnsBehaviour::NoAddress,
        did: "says that orders-db.internal exists and has no address, after ",
        ..UNRESOLVED
    },
    Case {
        name: "a_server_that_fails",
        behaviour: DnsBehaviour::Fails,
        did: "says that it failed (SERVFAIL), after ",
        ..UNRESOLVED
    },
    Case {
        name: "a_server_that_refuses",
        behaviour: DnsBehaviour::Refuses,
        did: "refuses to answer (REFUSED), after ",
        ..UNRESOLVED
    },
    Case {
        name: "a_server_that_is_mute",
        behaviour: DnsBehaviour::Mute,
        did: "does not answer, although it was asked twice, after 2.",
        ..UNRESOLVED
    },
    Case {
        name: "an_answer_that_is_cut_short",
        behaviour: DnsBehaviour::CutShort,
        did: "sends an answer that breaks off after 46 bytes, after ",
        ..UNRESOLVED
    },
    Case {
        name: "an_alias_of_itself",
        behaviour: DnsBehaviour::LoopingAlias,
        did: "says that orders-db.internal is an alias of alias.of.the.first, that of orders-db.internal: the aliases go round in a loop, after ",
        ..UNRESOLVED
    },
    Case {
        name: "a_name_compressed_into_itself",
        behaviour: DnsBehaviour::LoopingPointer,
        did: "sends garbage: 52 bytes that are no DNS answer, after ",
        ..UNRESOLVED
    },
    Case {
        name: "an_answer_under_another_id",
        behaviour: DnsBehaviour::OtherId,
        did: "sends nothing but answers to questions that nobody asked (2 datagrams)",
        ..UNRESOLVED
    },
    Case {
        name: "an_answer_to_another_question",
        behaviour: DnsBehaviour::OtherQuestion,
        did: "sends nothing but answers to questions that nobody asked (2 datagrams)",
        ..UNRESOLVED
    },
    Case {
        name: "an_answer_from_somebody_else",
        behaviour: DnsBehaviour::FromElsewhere,
        did: "does not answer, although it was asked twice, after 2.",
        ..UNRESOLVED
    },
    Case {
        name: "garbage",
        behaviour: DnsBehaviour::Garbage,
        did: "sends garbage: 99 bytes that are no DNS answer, after ",
        ..UNRESOLVED
    },
    Case {
        name: "a_cut_answer_and_silence_by_tcp",
        behaviour: DnsBehaviour::MuteByTcp,
        did: "says that its answer is too long for UDP and is to be had by TCP, but is silent there, after 2.",
        ..UNRESOLVED
    },
    Case {
        name: "a_cut_answer_and_a_hang_up_by_tcp",
        behaviour: DnsBehaviour::ClosesTcp,
        did: "ends the TCP connection after 0 bytes, before its answer is complete, after ",
        ..UNRESOLVED
    },
    Case {
        name: "thousands_of_addresses",
        behaviour: DnsBehaviour::Huge,
        verdict: "impaired",
        cause: Some("RESOLVES_TO_PUBLIC_ADDRESS"),
        did: "gives orders-db.internal 3501 addresses, ",
        ..UNRESOLVED
    },
];

/// Of a network for examples (RFC 5737): a dyno's way there ends in silence.
const NOBODY: [u8; 4] = [198, 51, 100, 53];
/// A resolver configuration that asks it.
pub(crate) const NOWHERE: &str = "nameserver 198.51.100.53\n";

/// Resolver configurations that lead nowhere: what the file says, and what must be said.
pub(crate) const CONFIGURED: [(&str, Configured); 7] = [
    (
        "no_resolver_configuration",
        Configured {
            file: None,
            says: &[
                "/etc/resolv.conf does not exist, so programs here ask 127.0.0.1",
                "name server 127.0.0.1 refuses by ICMP port unreachable from 127.0.0.1: nothing listens on its UDP port, after ",
            ],
            is_quick: true,
            condition: |_| None,
        },
    ),
    (
        "a_resolver_configuration_without_a_server",
        Configured {
            file: Some("# nothing\noptions timeout:1\n"),
            says: &[
                "/etc/resolv.conf names no name server, so programs here ask 127.0.0.1",
                "name server 127.0.0.1 refuses by ICMP port unreachable",
            ],
            is_quick: true,
            condition: |_| None,
        },
    ),
    (
        "a_name_server_whose_host_is_nowhere",
        Configured {
            file: Some(NOWHERE),
            says: &["name server 198.51.100.53 does not answer, although it was asked twice, after 2."],
            is_quick: false,
            condition: |_| None,
        },
    ),
    (
        "a_name_server_without_a_route",
        Configured {
            file: Some("nameserver 2001:db8::53\n"),
            says: &["name server 2001:db8::53 cannot be asked: this machine has no route (errno 101)"],
            is_quick: true,
            condition: |_| None,
        },
    ),
    (
        "a_name_server_behind_a_firewall_that_says_so",
        Configured {
            file: Some(NOWHERE),
            says: &[
                "name server 198.51.100.53 cannot be asked: ICMP type 3 code 13, prohibited, from 10.255.0.1, after ",
            ],
            is_quick: true,
            condition: |source| {
                let sender = IpAddr::from([10, 255, 0, 1]);
                let saying = Prohibition::Administrative;
                Some(Condition::BehindMiddlebox { port: 53, sender, saying, towards: source })
            },
        },
    ),
    (
        "a_name_server_that_this_machine_rejects",
        Configured {
            file: Some(NOWHERE),
            says: &["name server 198.51.100.53 cannot be asked: this machine's policy forbids it (errno 1)"],
            is_quick: true,
            condition: |_| Some(Condition::Forbids { to: IpAddr::from(NOBODY), how: Forbidding::Firewall }),
        },
    ),
    (
        "a_name_server_that_a_route_prohibits",
        Configured {
            file: Some(NOWHERE),
            says: &["name server 198.51.100.53 cannot be asked: this machine's policy forbids it (errno 13)"],
            is_quick: true,
            condition: |_| {
                Some(Condition::Forbids { to: IpAddr::from(NOBODY), how: Forbidding::ProhibitRoute })
            },
        },
    ),
];

#[derive(Clone, Copy)]
pub(crate) struct Configured {
    pub(crate) file: Option<&'static str>,
    pub(crate) says: &'static [&'static str],
    /// Whether this is known without waiting for silence.
    pub(crate) is_quick: bool,
    /// What the source's host, of this address, is put under.
    pub(crate) condition: fn(IpAddr) -> Option<Condition>,
}
