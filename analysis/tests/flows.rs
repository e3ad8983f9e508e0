//! Laws of sets of flows, held against membership: a flow is in a set exactly where the words that
//! define the set say so. The boxes are made of few coordinates, among them both ends of each range of
//! values, so that edges meet all the time; membership is asked at every edge and beside it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cases;

use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::flow::{AddressRange, Family, Flow, FlowBox, Flows, PortRange, ProtocolRange};
use proptest::prelude::*;

use cases::cases;

/// Blocks whose edges coincide, touch, or are the ends of a family.
const BLOCKS: &[&str] = &[
    "0.0.0.0/0",
    "0.0.0.0/32",
    "0.0.0.1/32",
    "10.0.0.0/8",
    "10.0.0.0/31",
    "10.0.0.2/31",
    "10.0.0.0/30",
    "10.0.0.3/32",
    "128.0.0.0/1",
    "255.255.255.254/31",
    "255.255.255.255/32",
    "::/0",
    "::/128",
    "2001:db8::/32",
    "2001:db8::/127",
    "8000::/1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
];

const PORTS: &[(u16, u16)] =
    &[(0, 65535), (0, 0), (0, 1), (1, 1), (1, 1024), (1025, 65534), (65535, 65535), (443, 65535), (2, 3)];

const PROTOCOLS: &[(u8, u8)] = &[(0, 255), (0, 0), (6, 6), (1, 6), (7, 254), (255, 255)];

fn address_range() -> impl Strategy<Value = AddressRange> {
    prop::sample::select(BLOCKS).prop_map(|block| AddressRange::from(network(block)))
}

fn network(text: &str) -> IpNet {
    text.parse().expect("a block of this file")
}

fn flow_box() -> impl Strategy<Value = FlowBox> {
    let ports = || prop::sample::select(PORTS).prop_map(|(first, last)| ports(first, last));
    let protocol = prop::sample::select(PROTOCOLS)
        .prop_map(|(first, last)| ProtocolRange::new(first, last).expect("an ascending range"));
    (address_range(), address_range(), protocol, ports(), ports()).prop_map(
        |(source, destination, protocol, source_ports, ports)| FlowBox {
            source,
            destination,
            protocol,
            source_ports,
            ports,
        },
    )
}

fn ports(first: u16, last: u16) -> PortRange {
    PortRange::new(first, last).expect("an ascending range")
}

fn boxes() -> impl Strategy<Value = Vec<FlowBox>> {
    prop::collection::vec(flow_box(), 0..5)
}

/// The number of an address, and whether it is one of IPv6.
fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (false, u128::from(u32::from(address))),
        IpAddr::V6(address) => (true, u128::from(address)),
    }
}

fn address(ipv6: bool, number: u128) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if !ipv6 => IpAddr::from(number.to_be_bytes()),
        _ => IpAddr::from(number.to_be_bytes()),
    }
}

fn lies_in(value: IpAddr, range: AddressRange) -> bool {
    let ((family, value), (same, first), (_, last)) =
        (number(value), number(range.first()), number(range.last()));
    family == same && first <= value && value <= last
}

/// Membership by the numbers alone.
fn is_member(flow: &Flow, boxes: &[FlowBox]) -> bool {
    boxes.iter().any(|one| {
        lies_in(flow.source, one.source)
            && lies_in(flow.destination, one.destination)
            && one.protocol.first() <= flow.protocol
            && flow.protocol <= one.protocol.last()
            && one.source_ports.first() <= flow.source_port
            && flow.source_port <= one.source_ports.last()
            && one.ports.first() <= flow.port
            && flow.port <= one.ports.last()
    })
}

/// An address at an edge of the range, or one beside it.
fn address_at(range: AddressRange, edge: usize) -> IpAddr {
    let (ipv6, first) = number(range.first());
    let (_, last) = number(range.last());
    let highest = if ipv6 { u128::MAX } else { u128::from(u32::MAX) };
    let numbers = [first, last, first.saturating_sub(1), last.saturating_add(1).min(highest)];
    address(ipv6, numbers[edge % 4])
}

fn number_at(first: u16, last: u16, highest: u16, edge: usize) -> u16 {
    [first, last, first.saturating_sub(1), last.saturating_add(1).min(highest)][edge % 4]
}

/// A flow made of edges of the boxes, each coordinate from a box of its own.
fn flow_at(boxes: &[FlowBox], picks: [(usize, usize); 5]) -> Flow {
    let of = |pick: (usize, usize)| (boxes[pick.0 % boxes.len()], pick.1);
    let (source, destination, protocol) = (of(picks[0]), of(picks[1]), of(picks[2]));
    let (source_port, port) = (of(picks[3]), of(picks[4]));
    let protocol_range = protocol.0.protocol;
    Flow {
        source: address_at(source.0.source, source.1),
        destination: address_at(destination.0.destination, destination.1),
        protocol: number_at(
            u16::from(protocol_range.first()),
            u16::from(protocol_range.last()),
            255,
            protocol.1,
        ) as u8,
        source_port: number_at(
            source_port.0.source_ports.first(),
            source_port.0.source_ports.last(),
            u16::MAX,
            source_port.1,
        ),
        port: number_at(port.0.ports.first(), port.0.ports.last(), u16::MAX, port.1),
    }
}

fn picks() -> impl Strategy<Value = Vec<[(usize, usize); 5]>> {
    prop::collection::vec(prop::array::uniform5((0..8usize, 0..4usize)), 40)
}

/// Both corners of each box, and flows mixed of the edges of all of them.
fn probes(boxes: &[FlowBox], picks: &[[(usize, usize); 5]]) -> Vec<Flow> {
    let corner = |index: usize, edge: usize| [(index, edge); 5];
    let corners = (0..boxes.len()).flat_map(|index| [corner(index, 0), corner(index, 1)]);
    let picks: Vec<_> = corners.chain(picks.iter().copied()).collect();
    if boxes.is_empty() { Vec::new() } else { picks.iter().map(|pick| flow_at(boxes, *pick)).collect() }
}

fn set(boxes: &[FlowBox]) -> Flows {
    boxes.iter().copied().collect()
}

fn is_disjoint(flows: &Flows) -> bool {
    let boxes = flows.boxes();
    boxes
        .iter()
        .enumerate()
        .all(|(at, one)| boxes[at + 1..].iter().all(|two| one.intersection(two).is_none()))
}

/// Holds that the operations on two sets are those on membership in them, and gives what they made.
fn are_those_on_membership(
    one: &[FlowBox],
    two: &[FlowBox],
    picks: &[[(usize, usize); 5]],
) -> Result<[Flows; 4], TestCaseError> {
    let both: Vec<FlowBox> = one.iter().chain(two).copied().collect();
    let (first, second) = (set(one), set(two));
    let (union, intersection) = (first.union(&second), first.intersection(&second));
    let (difference, normalised) = (first.difference(&second), first.normalised());
    for flow in probes(&both, picks) {
        let (in_one, in_two) = (is_member(&flow, one), is_member(&flow, two));
        prop_assert_eq!(first.contains(&flow), in_one, "{:?}", flow);
        prop_assert_eq!(union.contains(&flow), in_one || in_two, "{:?}", flow);
        prop_assert_eq!(intersection.contains(&flow), in_one && in_two, "{:?}", flow);
        prop_assert_eq!(difference.contains(&flow), in_one && !in_two, "{:?}", flow);
        prop_assert_eq!(normalised.contains(&flow), in_one, "{:?}", flow);
    }
    Ok([union, intersection, difference, normalised])
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn every_operation_is_the_one_on_membership(one in boxes(), two in boxes(), picks in picks()) {
        are_those_on_membership(&one, &two, &picks)?;
    }

    #[test]
    fn no_operation_makes_boxes_that_overlap(one in boxes(), two in boxes(), limits in flow_box()) {
        let (first, second) = (set(&one), set(&two));
        let mut removed = first.clone();
        removed.remove(&limits);
        for made in [
            first.union(&second), first.intersection(&second), first.difference(&second),
            first.normalised(), first.within(&limits), removed,
        ] {
            prop_assert!(is_disjoint(&made), "{:?}", made.boxes());
        }
    }

    #[test]
    fn covers_and_equality_are_those_of_the_flows(one in boxes(), two in boxes(), picks in picks()) {
        let both: Vec<FlowBox> = one.iter().chain(&two).copied().collect();
        let (first, second) = (set(&one), set(&two));
        let union = first.union(&second);
        prop_assert!(union.covers(&first) && union.covers(&second));
        prop_assert_eq!(first.covers(&second), second.difference(&first).is_empty());
        prop_assert_eq!(first == second, first.covers(&second) && second.covers(&first));
        prop_assert!(first == first.normalised());
        prop_assert!(first == first.intersection(&second).union(&first.difference(&second)));
        if probes(&both, &picks).iter().any(|flow| is_member(flow, &two) && !is_member(flow, &one)) {
            prop_assert!(!first.covers(&second));
        }
        let lacking = second.difference(&first).sample();
        prop_assert!(lacking.is_none_or(|flow| is_member(&flow, &two) && !is_member(&flow, &one)));
    }

    #[test]
    fn a_set_does_not_depend_on_the_order_of_its_boxes(one in boxes()) {
        let mut reversed = one.clone();
        reversed.reverse();
        prop_assert!(set(&one) == set(&reversed));
        prop_assert_eq!(set(&one).is_empty(), one.is_empty());
    }

    #[test]
    fn normalised_boxes_are_ascending_no_more_than_before_and_cannot_be_joined(one in boxes()) {
        let (before, after) = (set(&one), set(&one).normalised());
        prop_assert!(after.boxes().len() <= before.boxes().len());
        prop_assert!(after.boxes().is_sorted());
        let again = after.normalised();
        prop_assert_eq!(after.boxes(), again.boxes());
        for (at, first) in after.boxes().iter().enumerate() {
            for second in &after.boxes()[at + 1..] {
                prop_assert!(!are_one_box(first, second), "{:?} and {:?}", first, second);
            }
        }
    }

    #[test]
    fn a_projection_names_what_occurs_and_nothing_else(one in boxes(), picks in picks()) {
        let flows = set(&one);
        for flow in probes(&one, &picks) {
            let sources = flows.sources();
            let occurs = one.iter().any(|one| lies_in(flow.source, one.source));
            prop_assert_eq!(sources.iter().any(|cidr| cidr.contains(&flow.source)), occurs);
            let occurs = one.iter().any(|one| lies_in(flow.destination, one.destination));
            let destinations = flows.destinations();
            prop_assert_eq!(destinations.iter().any(|cidr| cidr.contains(&flow.destination)), occurs);
            let occurs = one.iter().any(|one| one.source_ports.contains(flow.source_port));
            let source_ports = flows.source_ports();
            prop_assert_eq!(source_ports.iter().any(|range| range.contains(flow.source_port)), occurs);
            let occurs = one.iter().any(|one| one.ports.contains(flow.port));
            prop_assert_eq!(flows.ports().iter().any(|range| range.contains(flow.port)), occurs);
        }
        prop_assert!(flows.sources().windows(2).all(|pair| number(pair[0].broadcast()) < number(pair[1].network())));
        let apart = |pair: &[PortRange]| u32::from(pair[0].last()) + 1 < u32::from(pair[1].first());
        prop_assert!(flows.ports().windows(2).all(apart), "ranges that touch are one");
        prop_assert!(flows.source_ports().windows(2).all(apart));
    }

    #[test]
    fn cidrs_of_a_range_are_the_fewest_that_make_it_up(one in address_range(), two in address_range(), offsets in (0u128..9, 0u128..9)) {
        let (ipv6, first) = number(one.first());
        let two = if two.family() == one.family() { two } else { one };
        let highest = if ipv6 { u128::MAX } else { u128::from(u32::MAX) };
        let first = first.saturating_add(offsets.0).min(highest);
        let last = number(two.last()).1.saturating_sub(offsets.1);
        let (first, last) = (first.min(last), first.max(last));
        // A range that is no block comes from cutting one out of all addresses.
        let flows = between(ipv6, first, last);
        let cidrs = flows.sources();
        prop_assert_eq!(number(cidrs[0].network()).1, first);
        prop_assert_eq!(number(cidrs[cidrs.len() - 1].broadcast()).1, last);
        for pair in cidrs.windows(2) {
            prop_assert_eq!(number(pair[0].broadcast()).1 + 1, number(pair[1].network()).1);
            let (one, two) = (pair[0], pair[1]);
            let joined = one.prefix_len() == two.prefix_len() && one.supernet() == two.supernet();
            prop_assert!(!joined, "{} and {} are one block", one, two);
        }
    }
}

/// Whether two boxes differ in one range alone, and touch or overlap there.
fn are_one_box(one: &FlowBox, two: &FlowBox) -> bool {
    let touch = |first: (u128, u128), second: (u128, u128)| {
        let (low, high) = if first <= second { (first, second) } else { (second, first) };
        low.1.checked_add(1).is_none_or(|next| high.0 <= next)
    };
    let addresses = |range: AddressRange| (number(range.first()).1, number(range.last()).1);
    let range = |range: PortRange| (u128::from(range.first()), u128::from(range.last()));
    let protocols = |range: ProtocolRange| (u128::from(range.first()), u128::from(range.last()));
    if one.source.family() != two.source.family() || one.destination.family() != two.destination.family() {
        return false;
    }
    let sides = [
        (addresses(one.source), addresses(two.source)),
        (addresses(one.destination), addresses(two.destination)),
        (protocols(one.protocol), protocols(two.protocol)),
        (range(one.source_ports), range(two.source_ports)),
        (range(one.ports), range(two.ports)),
    ];
    let differing: Vec<_> = sides.iter().filter(|(first, second)| first != second).collect();
    differing.len() <= 1 && differing.iter().all(|(first, second)| touch(*first, *second))
}

/// All flows whose source lies between two addresses.
fn between(ipv6: bool, first: u128, last: u128) -> Flows {
    let family = if ipv6 { Family::V6 } else { Family::V4 };
    let all = AddressRange::all(family);
    let mut flows = Flows::from(everything(all));
    let single = |at: u128| AddressRange::from(address(ipv6, at));
    // What is left below and above is taken away block by block.
    let below = first.checked_sub(1).map(|end| blocks(ipv6, 0, end)).unwrap_or_default();
    let (_, highest) = number(all.last());
    let above = if last < highest { blocks(ipv6, last + 1, highest) } else { Vec::new() };
    for block in below.into_iter().chain(above) {
        flows.remove(&everything(block));
    }
    assert!(flows.boxes().iter().any(|one| one.source.covers(single(first))));
    flows
}

fn everything(source: AddressRange) -> FlowBox {
    FlowBox {
        source,
        destination: AddressRange::all(Family::V4),
        protocol: ProtocolRange::ALL,
        source_ports: PortRange::ALL,
        ports: PortRange::ALL,
    }
}

/// The aligned blocks from one number to another, found the slow way: the largest that fits, again and
/// again.
fn blocks(ipv6: bool, mut first: u128, last: u128) -> Vec<AddressRange> {
    let width: u8 = if ipv6 { 128 } else { 32 };
    let mut found = Vec::new();
    loop {
        let fits = |length: &u8| {
            let host_bits = width - length;
            let size_less_one = if host_bits == 128 { u128::MAX } else { (1u128 << host_bits) - 1 };
            first & size_less_one == 0 && first.checked_add(size_less_one).is_some_and(|end| end <= last)
        };
        let length = (0..=width).find(fits).unwrap_or(width);
        let block = IpNet::new(address(ipv6, first), length).expect("a length of the family");
        found.push(AddressRange::from(block));
        match number(block.broadcast()).1.checked_add(1).filter(|next| *next <= last) {
            Some(next) => first = next,
            None => return found,
        }
    }
}

#[test]
fn all_addresses_of_a_family_are_one_block() {
    assert_eq!(AddressRange::all(Family::V4).cidrs(), [network("0.0.0.0/0")]);
    assert_eq!(AddressRange::all(Family::V6).cidrs(), [network("::/0")]);
    for block in BLOCKS {
        assert_eq!(AddressRange::from(network(block)).cidrs(), [network(block)]);
    }
}

#[test]
fn a_range_that_ends_at_the_highest_address_is_cut_exactly() {
    for (whole, highest, rest) in [
        (Family::V4, "255.255.255.255", "255.255.255.254"),
        (Family::V6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
    ] {
        let highest: IpAddr = highest.parse().unwrap();
        let mut flows = Flows::from(everything(AddressRange::all(whole)));
        flows.remove(&everything(AddressRange::from(highest)));
        assert_eq!(flows.boxes().len(), 1);
        assert_eq!(flows.boxes()[0].source.last(), rest.parse::<IpAddr>().unwrap());
        let back = flows.union(&Flows::from(everything(AddressRange::from(highest)))).normalised();
        assert_eq!(back.boxes(), [everything(AddressRange::all(whole))]);
    }
}

#[test]
fn equal_numbers_of_two_families_are_different_addresses() {
    let zero4 = AddressRange::from(network("0.0.0.0/32"));
    let zero6 = AddressRange::from(network("::/128"));
    assert_eq!(zero4.intersection(zero6), None);
    assert!(!AddressRange::all(Family::V6).contains(zero4.first()));
    let both: Flows = [everything(zero4), everything(zero6)].into_iter().collect();
    assert_eq!(both.normalised().boxes().len(), 2);
    assert_eq!(both.sources(), [network("0.0.0.0/32"), network("::/128")]);
}

#[test]
fn an_icmp_type_is_the_range_of_all_its_codes() {
    assert_eq!(PortRange::icmp(8, None), ports(2048, 2303));
    assert_eq!(PortRange::icmp(8, Some(0)), ports(2048, 2048));
    assert_eq!(PortRange::icmp(0, None), ports(0, 255));
    assert_eq!(PortRange::icmp(255, None), ports(65280, 65535));
    assert_eq!(PortRange::icmp(255, Some(255)), ports(65535, 65535));
}

#[test]
fn cutting_a_box_out_of_the_middle_leaves_at_most_ten_pieces() {
    let whole = everything(AddressRange::all(Family::V4));
    let middle = FlowBox {
        source: AddressRange::from(network("10.0.0.0/8")),
        destination: AddressRange::from(network("10.0.0.0/8")),
        protocol: ProtocolRange::single(6),
        source_ports: ports(1024, 2047),
        ports: PortRange::single(443),
    };
    let mut rest = Flows::from(whole);
    rest.remove(&middle);
    assert_eq!(rest.boxes().len(), 10);
    assert!(rest.union(&Flows::from(middle)) == Flows::from(whole));
    assert!(rest.intersection(&Flows::from(middle)).is_empty());
}

prop_compose! {
    /// A box among few coordinates: of hundreds, many meet.
    fn fragment()(source in (0..200_u8, 0..4_u8), destination in (0..8_u8, 0..3_u8),
                  from in (0..4_u16, 0..3_u16), to in (0..60_u16, 0..6_u16)) -> FlowBox {
        let addresses = |(first, more): (u8, u8)| {
            let address = |last: u8| IpAddr::from([10, 0, 0, last]);
            AddressRange::new(address(first), address(first + more)).expect("a range")
        };
        let ports = |(first, more): (u16, u16)| PortRange::new(first, first + more).expect("a range");
        FlowBox {
            source: addresses(source),
            destination: addresses(destination),
            protocol: ProtocolRange::single(6),
            source_ports: ports(from),
            ports: ports(to),
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    /// Sets of very many boxes are put together in other ways than short ones.
    #[test]
    fn operations_on_long_sets_are_those_on_membership(
        one in prop::collection::vec(fragment(), 0..200),
        two in prop::collection::vec(fragment(), 0..200),
        picks in picks(),
    ) {
        for made in are_those_on_membership(&one, &two, &picks)? {
            prop_assert!(is_disjoint(&made), "{:?}", made.boxes());
        }
    }
}
