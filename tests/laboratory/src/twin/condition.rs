//! Conditions: what hosts, and boxes before them, do to packets although no document shows it.
//!
//! Configuration is half of the truth. Hosts have firewalls of their own, are switched off, lose packets,
//! route wrongly; a firewall may stand in the way that is in nobody's AWS account. A twin is built from
//! documents alone, and conditions are imposed on it afterwards, so that neither can be taken for the
//! other. What a host drops is counted, as at every gate.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::gate::{Direction, Gate, GateKind};
use super::ruleset::{Ruleset, TABLE};

/// Something about a host that is in no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is stopped, or its firewall drops everything: nothing that arrives is answered.
    Silent,
    /// Its firewall drops what comes to this port, TCP and UDP.
    FirewallDrops {
        /// The port.
        port: u16,
        /// From where; absent: from everywhere.
        from: Option<IpNet>,
    },
    /// Its firewall lets connections to this port begin, and drops what is said in them.
    FirewallDropsData {
        /// The port.
        port: u16,
    },
    /// Packets of more than 1,000 bytes that it sends are lost on the way, and nobody says so.
    LosesLargePackets,
    /// The wire between its network and another takes packets of so many bytes at the most.
    BehindNarrowWire {
        /// How many, IP header included.
        bytes: u16,
        /// Who is in the other network.
        towards: IpAddr,
        /// Who is told of it.
        told: Told,
    },
    /// The wire between its network and another loses packets of more than so many bytes on one way, and nobody is told;
    /// the other way takes all.
    BehindLossyWire {
        /// How many it takes, IP header included.
        bytes: u16,
        /// Who is in the other network.
        towards: IpAddr,
        /// Forward is to the host.
        way: Direction,
    },
    /// Its firewall rejects what comes to this port and says so, from the host's own address.
    FirewallRejects {
        /// The port.
        port: u16,
        /// In which words.
        saying: Prohibition,
    },
    /// Something before it, in its network, rejects what it sends or is sent to this port.
    BehindMiddlebox {
        /// The port.
        port: u16,
        /// The address that the prohibition comes from.
        sender: IpAddr,
        /// In which words.
        saying: Prohibition,
        /// Who is told: the one who began.
        towards: IpAddr,
    },
    /// Three of five packets that are sent to it are lost: of SYNs exactly three of any five that follow
    /// each other, so that no test depends on luck, of others at random.
    LosesPackets,
    /// Three of five packets that come to it are lost on its last hop, and no SYN: of answers to SYNs exactly three of any
    /// five. Imposed on who connects, it is loss on the way back. A host's own filter would not do: Linux forgets a SYN
    /// as soon as it cannot send its answer a second time.
    LosesAnswers,
    /// What comes from this block is dropped on its last hop, like by the side of a space that nobody can see.
    ShutTowards {
        /// The block.
        from: IpNet,
    },
    /// It has no route to an address.
    NoRoute {
        /// The address.
        to: IpAddr,
        /// How it comes to have none.
        how: NoRoute,
    },
    /// Its own policy forbids packets to an address.
    Forbids {
        /// The address.
        to: IpAddr,
        /// How.
        how: Forbidding,
    },
    /// Every process may send ICMP echo requests (ping sockets), which a dyno's may not.
    MayPing,
}

/// Who is told that a wire takes small packets only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nobody: the ICMP message that would say so is filtered, as by firewalls that drop all ICMP.
    Nobody,
    /// The sender of each packet that is too large, by the router before the wire (IPv4 alone).
    Senders,
    /// Both ends of every connection as it begins: a router lowers the MSS of their SYNs. Nobody else is.
    Connections,
}

/// The ICMP messages by which firewalls reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prohibition {
    /// Communication administratively prohibited (3/13).
    Administrative,
    /// Communication with this host prohibited (3/10).
    Host,
    /// Communication with this network prohibited (3/9).
    Network,
    /// Port unreachable (3/3): what iptables says where it is not told otherwise.
    Port,
}

/// How a host comes to have no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// There is no default route, and no other that fits (ENETUNREACH).
    Missing,
    /// A route says that the address is unreachable (EHOSTUNREACH).
    Unreachable,
}

/// How a host forbids its own packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidding {
    /// A route that prohibits (EACCES).
    ProhibitRoute,
    /// A route that swallows (EINVAL).
    BlackholeRoute,
    /// Its own firewall rejects what it sends (EHOSTUNREACH, from its own address).
    Firewall,
}

/// What a middlebox says may leave its router, which is silent otherwise.
pub(crate) const SPOKEN: &str = "0x70737021";

/// The table of the routes that a middlebox's words take.
const MIDDLEBOX_ROUTES: &str = "900";

impl Prohibition {
    fn name(self) -> &'static str {
        match self {
            Self::Administrative => "admin-prohibited",
            Self::Host => "host-prohibited",
            Self::Network => "net-prohibited",
            Self::Port => "port-unreachable",
        }
    }
}

fn is_to(port: u16) -> String {
    format!("meta l4proto {{ tcp, udp }} th dport {port}")
}

fn is_to_address(to: IpAddr) -> String {
    let version = if to.is_ipv4() { "ip" } else { "ip6" };
    format!("{version} daddr {to}")
}

fn is_from(block: IpNet) -> String {
    let version = if block.addr().is_ipv4() { "ip" } else { "ip6" };
    format!("{version} saddr {block} ")
}

/// The rules of a host under all its conditions, and the gate that counts what they drop.
pub(crate) fn host_rules(id: &str, conditions: &[Condition]) -> (String, Vec<(String, Gate)>) {
    let mut rules = Ruleset::default();
    let drop = rules.gate(GateKind::Host, id);
    let (mut input, mut output) = (Vec::new(), Vec::new());
    for condition in conditions {
        match condition {
            Condition::Silent => input.push(format!("iif != \"lo\" goto {drop}")),
            Condition::FirewallDrops { port, from } => {
                let from = from.map(is_from).unwrap_or_default();
                input.push(format!("{from}{} goto {drop}", is_to(*port)));
            }
            Condition::ShutTowards { from } => input.push(format!("{}goto {drop}", is_from(*from))),
            Condition::FirewallDropsData { port } => {
                // Headers with TCP's usual options are 52 bytes long, 72 by IPv6.
                for (version, headers) in [("ipv4", 52), ("ipv6", 72)] {
                    input.push(format!(
                        "meta nfproto {version} tcp dport {port} tcp flags & (syn | rst) == 0 meta length > {headers} goto {drop}"
                    ));
                }
            }
            Condition::LosesLargePackets => {
                output.push(format!("oif != \"lo\" meta length > 1000 goto {drop}"));
            }
            Condition::FirewallRejects { port, saying } => {
                input.push(format!("{} reject with icmp type {}", is_to(*port), saying.name()));
            }
            Condition::LosesPackets => {
                input.push(format!(
                    "tcp flags & (fin | syn | rst | ack) == syn numgen inc mod 5 < 3 goto {drop}"
                ));
                input.push("tcp flags & (fin | syn | rst | ack) == syn accept".to_owned());
                input.push(format!("iif != \"lo\" numgen random mod 5 < 3 goto {drop}"));
            }
            Condition::LosesAnswers => {
                let is_answer = "tcp flags & (fin | syn | rst | ack) == (syn | ack)";
                input.push(format!("{is_answer} numgen inc mod 5 < 3 goto {drop}"));
                input.push(format!("{is_answer} accept"));
                input.push(format!("iif != \"lo\" numgen random mod 5 < 3 goto {drop}"));
            }
            Condition::Forbids { to, how: Forbidding::Firewall } => {
                output.push(format!("{} reject with icmp type admin-prohibited", is_to_address(*to)));
            }
            Condition::BehindMiddlebox { .. }
            | Condition::BehindNarrowWire { .. }
            | Condition::BehindLossyWire { .. }
            | Condition::NoRoute { .. }
            | Condition::Forbids { .. }
            | Condition::MayPing => {}
        }
    }
    rules.finish_host(&input, &output)
}

/// The routes of a host under a condition, for `ip -batch`.
pub(crate) fn host_routes(condition: &Condition) -> String {
    match condition {
        Condition::NoRoute { how: NoRoute::Missing, .. } => "route del default\n".to_owned(),
        Condition::NoRoute { to, how: NoRoute::Unreachable } => {
            format!("route replace unreachable {}\n", IpNet::from(*to))
        }
        Condition::Forbids { to, how: Forbidding::ProhibitRoute } => {
            format!("route replace prohibit {}\n", IpNet::from(*to))
        }
        Condition::Forbids { to, how: Forbidding::BlackholeRoute } => {
            format!("route replace blackhole {}\n", IpNet::from(*to))
        }
        _ => String::new(),
    }
}

/// The settings of a host's namespace under a condition: a name below `/proc/sys`, and the value.
pub(crate) fn host_setting(condition: &Condition, last_group: u32) -> Option<(&'static str, String)> {
    match condition {
        // At most one message a second would otherwise make later connects silent.
        Condition::FirewallRejects { .. } => Some(("net/ipv4/icmp_ratelimit", "0".to_owned())),
        Condition::MayPing => Some(("net/ipv4/ping_group_range", format!("0 {last_group}"))),
        _ => None,
    }
}

/// What a middlebox is made of in its router: rules for `nft`, routes for `ip -batch`. `host_port` leads
/// to the host that it stands before, `way` to the one who is told.
pub(crate) fn middlebox(condition: &Condition, host_port: &str, way: &str) -> Option<(String, String)> {
    let Condition::BehindMiddlebox { port, sender, saying, towards } = condition else { return None };
    let (service, word) = (is_to(*port), saying.name());
    let mut rules = format!("table inet {TABLE}-middlebox\ndelete table inet {TABLE}-middlebox\n");
    // Writing to a String cannot fail.
    let _ = write!(
        rules,
        "table inet {TABLE}-middlebox {{\n chain forward {{\n  \
         type filter hook forward priority filter - 10; policy accept;\n  \
         iifname \"{host_port}\" {service} reject with icmp type {word}\n  \
         oifname \"{host_port}\" {service} reject with icmp type {word}\n }}\n chain output {{\n  \
         type filter hook output priority filter - 10; policy accept;\n  \
         ip saddr {sender} meta mark set {SPOKEN}\n }}\n}}\n"
    );
    // Only the middlebox's own words are routed by this table: what is forwarded came in by a port.
    let routes = format!(
        "addr replace {} dev lo\nrule add pref 50 iif lo lookup {MIDDLEBOX_ROUTES}\n\
         route replace {} dev {way} table {MIDDLEBOX_ROUTES}\n",
        IpNet::from(*sender),
        IpNet::from(*towards)
    );
    Some((rules, routes))
}

/// What the router at one end of a narrow wire does about it: rules for `nft`, routes for `ip -batch`. `wire` is its
/// port there, `ways` the ports that lead to the ends of the flow. Its own address is `sender`.
pub(crate) fn narrow_wire(
    (bytes, told): (u16, Told),
    sender: IpAddr,
    wire: &str,
    ways: &[(IpAddr, String)],
) -> (String, String) {
    let mut routes = format!("link set {wire} mtu {bytes}\n");
    let rules = match told {
        Told::Nobody => String::new(),
        Told::Senders => {
            // Writing to a String cannot fail.
            let _ = write!(
                routes,
                "addr replace {} dev lo\nrule add pref 50 iif lo lookup {MIDDLEBOX_ROUTES}\n",
                IpNet::from(sender)
            );
            for (address, way) in ways {
                let _ = writeln!(
                    routes,
                    "route replace {} dev {way} table {MIDDLEBOX_ROUTES}",
                    IpNet::from(*address)
                );
            }
            format!(
                " chain output {{\n  type filter hook output priority filter - 10; policy accept;\n  \
                 icmp type destination-unreachable icmp code frag-needed meta mark set {SPOKEN}\n }}\n"
            )
        }
        Told::Connections => {
            let segment = bytes.saturating_sub(40);
            format!(
                " chain forward {{\n  type filter hook forward priority filter - 10; policy accept;\n  \
                 oifname \"{wire}\" tcp flags & (syn | rst) == syn tcp option maxseg size set {segment}\n }}\n"
            )
        }
    };
    let table = format!("inet {TABLE}-narrow");
    (format!("table {table}\ndelete table {table}\ntable {table} {{\n{rules}}}\n"), routes)
}

/// What the router at the end of a wire does that loses large packets on their way to it: rules for `nft`. `wire` is its
/// port there.
pub(crate) fn lossy_wire(bytes: u16, wire: &str) -> String {
    let table = format!("inet {TABLE}-lossy");
    format!(
        "table {table}\ndelete table {table}\ntable {table} {{\n chain prerouting {{\n  \
         type filter hook prerouting priority raw - 10; policy accept;\n  \
         iifname \"{wire}\" meta length > {bytes} drop\n }}\n}}\n"
    )
}

/// Has a router cut what is to leave by a port into packets as they are on a wire, for `ip -batch`. Linux hands on
/// several of a connection as one.
pub(crate) fn packets_as_they_are(wire: &str) -> String {
    format!("link set {wire} gso_max_segs 1\n")
}
