//! The rows of UDP, ICMP echo and hop limits, asked where ping sockets are permitted.

use nix::errno::Errno;
use peerscope_vocabulary::{LocalRefusal, Outcome, UnreachableScope};

use crate::cases::{
    CLIENT, CLIENT_V6, Case, R1, R1_V6, R2, R2_V6, SERVER, SERVER_V6, case, icmp, local, numbered,
    prohibited, unreachable,
};
use crate::server::{CLOSED, ECHOING, MUTE, UNCOUNTED};

/// Every case, numbered. Unreachable networks are the far router's filter's: of its own accord Linux
/// sends such errors five at once and then one a second, and other errors count towards that.
pub(crate) fn all() -> Vec<Case> {
    numbered(ipv4().into_iter().chain(ipv6()).collect())
}

/// Echo requests by raw sockets, which hear everybody's errors: the silent one is asked first and must
/// not take those of the others, of the same target, for its own.
pub(crate) fn raw() -> Vec<Case> {
    use Outcome::{Echo, Timeout};
    numbered(vec![
        case("raw_echo_dropped", "10.2.0.3", 0, Timeout).echo(),
        case("raw_echo_hop_1", "10.2.0.3", 0, exceeded(R1)).echo().hops(1),
        case("raw_echo_hop_2", "10.2.0.3", 0, exceeded(R2)).echo().hops(2),
        case("raw_echo", SERVER, 0, Echo).echo(),
        case("raw_echo_prohibited", "10.2.0.4", 0, prohibited(3, 13, R2)).echo(),
        case("raw_echo_dropped_ipv6", "fd00:2::3", 0, Timeout).echo(),
        case("raw_echo_hop_1_ipv6", "fd00:2::3", 0, exceeded(R1_V6)).echo().hops(1),
        case("raw_echo_ipv6", SERVER_V6, 0, Echo).echo(),
        case("raw_echo_whole_and_lost", SILENTLY_NARROW, 0, Timeout).echo().whole(1401, 1500),
        case("raw_echo_whole_and_too_big", NARROW, 0, too_big(R2)).echo().whole(1401, 1400),
        case("raw_echo_whole_and_too_big_ipv6", NARROW_V6, 0, too_big(R2_V6)).echo().whole(1401, 1400),
    ])
}

/// Behind a link of 1,400 bytes, whose router says so or does not.
const NARROW: &str = "10.2.0.7";
const NARROW_V6: &str = "fd00:2::7";
const SILENTLY_NARROW: &str = "10.2.0.8";
/// The link of 1,400 bytes is on the way back alone.
const NARROW_BACK: &str = "10.2.0.9";
const SILENTLY_NARROW_V6: &str = "fd00:2::8";

fn too_big(from: &str) -> Outcome {
    let (icmp_type, code) = if from.contains(':') { (2, 0) } else { (3, 4) };
    unreachable(UnreachableScope::TooBig, icmp_type, code, from)
}

fn exceeded(from: &str) -> Outcome {
    let (icmp_type, code) = if from.contains(':') { (3, 0) } else { (11, 0) };
    Outcome::TimeExceeded { icmp: icmp(icmp_type, code, from) }
}

fn ipv4() -> Vec<Case> {
    use LocalRefusal::{NoRoute, Policy, TooLarge};
    use Outcome::{Answered, Connected, Echo, Refused, Timeout};
    use UnreachableScope::{Host, Network};
    vec![
        case("tcp_hop_1", SERVER, UNCOUNTED, exceeded(R1)).hops(1),
        case("tcp_hop_2", SERVER, UNCOUNTED, exceeded(R2)).hops(2).source_port(40_102),
        case("tcp_hop_3", SERVER, UNCOUNTED, Connected).hops(3),
        case("tcp_hop_3_of_a_closed_port", SERVER, CLOSED, Refused).hops(3),
        case("tcp_hop_2_of_a_port_that_the_router_drops", SERVER, 1001, exceeded(R2)).hops(2),
        case("udp_open", SERVER, ECHOING, Answered).udp().source_port(40_001).from(CLIENT),
        case("udp_mute", SERVER, MUTE, Timeout).udp(),
        case("udp_closed", SERVER, CLOSED, Refused).udp(),
        case("udp_dropped", SERVER, 1001, Timeout).udp(),
        case("udp_reply_dropped", SERVER, 1010, Timeout).udp(),
        case("udp_port_unreachable_of_a_router", SERVER, 1003, prohibited(3, 3, R2)).udp(),
        case("udp_prohibited", SERVER, 1009, prohibited(3, 13, R2)).udp(),
        case("udp_own_firewall_drops", SERVER, 1013, local(Policy, Errno::EPERM)).udp(),
        case("udp_own_firewall_rejects", SERVER, 1014, local(Policy, Errno::EPERM)).udp(),
        case("udp_net_unreachable", SERVER, 1004, unreachable(Network, 3, 0, R2)).udp(),
        case("udp_no_own_route", "10.4.0.1", 53, local(NoRoute, Errno::ENETUNREACH)).udp(),
        case("udp_own_prohibit_route", "10.3.1.1", 53, local(Policy, Errno::EACCES)).udp(),
        case("udp_dead_neighbour", "10.1.0.98", 53, unreachable(Host, 3, 1, CLIENT)).udp().slow_neighbour(),
        case("udp_hop_1", SERVER, CLOSED, exceeded(R1)).udp().hops(1),
        case("udp_hop_2", SERVER, CLOSED, exceeded(R2)).udp().hops(2),
        case("udp_hop_3", SERVER, CLOSED, Refused).udp().hops(3),
        case("echo", SERVER, 0, Echo).echo().from(CLIENT),
        case("echo_dropped", "10.2.0.3", 0, Timeout).echo(),
        case("echo_prohibited", "10.2.0.4", 0, prohibited(3, 13, R2)).echo(),
        case("echo_reply_dropped", "10.2.0.5", 0, Timeout).echo(),
        case("echo_net_unreachable", "10.2.0.6", 0, unreachable(Network, 3, 0, R2)).echo(),
        case("echo_no_own_route", "10.4.0.1", 0, local(NoRoute, Errno::ENETUNREACH)).echo(),
        case("echo_dead_neighbour", "10.1.0.97", 0, unreachable(Host, 3, 1, CLIENT)).echo().slow_neighbour(),
        case("echo_hop_1", SERVER, 0, exceeded(R1)).echo().hops(1),
        case("echo_hop_2", SERVER, 0, exceeded(R2)).echo().hops(2),
        case("echo_hop_3", SERVER, 0, Echo).echo().hops(3),
        case("tcp_of_full_size", SERVER, UNCOUNTED, Connected).agreeing_on(1500),
        case("echo_whole", SERVER, 0, Echo).echo().whole(1500, 1500),
        case("echo_whole_and_larger_than_the_own_link", SERVER, 0, local(TooLarge, Errno::EMSGSIZE))
            .echo()
            .whole(1501, None),
        case("echo_whole_and_just_fitting", SILENTLY_NARROW, 0, Echo).echo().whole(1400, 1500),
        case("echo_whole_and_lost", SILENTLY_NARROW, 0, Timeout).echo().whole(1401, 1500),
        case("echo_whole_and_too_big", NARROW, 0, too_big(R2)).echo().whole(1401, 1400),
        // Whatever was heard of the way before, the packet is sent.
        case("echo_whole_and_too_big_again", NARROW, 0, too_big(R2)).echo().whole(1500, 1400),
        // Linux lets routers divide its answers, whatever the echo said of itself: a small link on the way back alone
        // goes unseen.
        case("echo_whole_and_answered_in_parts", NARROW_BACK, 0, Echo).echo().whole(1500, 1500),
        case("udp_whole", SERVER, ECHOING, Answered).udp().whole(1500, 1500),
        case("udp_whole_and_larger_than_the_own_link", SERVER, ECHOING, local(TooLarge, Errno::EMSGSIZE))
            .udp()
            .whole(1501, None),
        case("udp_whole_and_lost", SILENTLY_NARROW, ECHOING, Timeout).udp().whole(1401, 1500),
        case("udp_whole_and_too_big", NARROW, ECHOING, too_big(R2)).udp().whole(1401, 1400),
    ]
}

fn ipv6() -> Vec<Case> {
    use LocalRefusal::TooLarge;
    use Outcome::{Answered, Connected, Echo, Refused, Timeout};
    use UnreachableScope::Host;
    vec![
        case("tcp_hop_1_ipv6", SERVER_V6, UNCOUNTED, exceeded(R1_V6)).hops(1),
        case("tcp_hop_2_ipv6", SERVER_V6, UNCOUNTED, exceeded(R2_V6)).hops(2),
        case("tcp_hop_3_ipv6", SERVER_V6, UNCOUNTED, Connected).hops(3),
        case("udp_open_ipv6", SERVER_V6, ECHOING, Answered).udp().source_port(40_001),
        case("udp_closed_ipv6", SERVER_V6, CLOSED, Refused).udp(),
        case("udp_dropped_ipv6", SERVER_V6, 1001, Timeout).udp(),
        case("udp_port_unreachable_of_a_router_ipv6", SERVER_V6, 1003, prohibited(1, 4, R2_V6)).udp(),
        case("udp_prohibited_ipv6", SERVER_V6, 1009, prohibited(1, 1, R2_V6)).udp(),
        case("udp_hop_1_ipv6", SERVER_V6, CLOSED, exceeded(R1_V6)).udp().hops(1),
        case("udp_hop_2_ipv6", SERVER_V6, CLOSED, exceeded(R2_V6)).udp().hops(2),
        case("echo_ipv6", SERVER_V6, 0, Echo).echo().from(CLIENT_V6),
        case("echo_dropped_ipv6", "fd00:2::3", 0, Timeout).echo(),
        case("echo_prohibited_ipv6", "fd00:2::4", 0, prohibited(1, 1, R2_V6)).echo(),
        case("echo_dead_neighbour_ipv6", "fd00:1::97", 0, unreachable(Host, 1, 3, CLIENT_V6))
            .echo()
            .slow_neighbour(),
        case("echo_hop_1_ipv6", SERVER_V6, 0, exceeded(R1_V6)).echo().hops(1),
        case("echo_hop_2_ipv6", SERVER_V6, 0, exceeded(R2_V6)).echo().hops(2),
        case("echo_hop_3_ipv6", SERVER_V6, 0, Echo).echo().hops(3),
        case("tcp_of_full_size_ipv6", SERVER_V6, UNCOUNTED, Connected).agreeing_on(1500),
        case("echo_whole_ipv6", SERVER_V6, 0, Echo).echo().whole(1500, 1500),
        case("echo_whole_and_larger_than_the_own_link_ipv6", SERVER_V6, 0, local(TooLarge, Errno::EMSGSIZE))
            .echo()
            .whole(1501, None),
        case("echo_whole_and_just_fitting_ipv6", SILENTLY_NARROW_V6, 0, Echo).echo().whole(1400, 1500),
        case("echo_whole_and_lost_ipv6", SILENTLY_NARROW_V6, 0, Timeout).echo().whole(1401, 1500),
        case("echo_whole_and_too_big_ipv6", NARROW_V6, 0, too_big(R2_V6)).echo().whole(1401, 1400),
        case("udp_whole_and_too_big_ipv6", NARROW_V6, ECHOING, too_big(R2_V6)).udp().whole(1401, 1400),
    ]
}
