//! The five dimensions of a box, for what does the same in each of them.

use core::cmp::Ordering;

use super::{FlowBox, PortRange, ProtocolRange};

/// A dimension of the boxes, in the order in which they are cut: that which rules differ in least first.
#[derive(Clone, Copy)]
pub(super) enum Dimension {
    Protocol,
    Source,
    Destination,
    SourcePorts,
    Ports,
}

impl Dimension {
    pub(super) const ALL: [Self; 5] =
        [Self::Protocol, Self::Source, Self::Destination, Self::SourcePorts, Self::Ports];

    /// The first and the last value of the box.
    pub(super) fn span(self, flows: &FlowBox) -> (u128, u128) {
        let ports = |range: PortRange| (u128::from(range.first()), u128::from(range.last()));
        match self {
            Self::Protocol => (u128::from(flows.protocol.first()), u128::from(flows.protocol.last())),
            Self::Source => flows.source.span(),
            Self::Destination => flows.destination.span(),
            Self::SourcePorts => ports(flows.source_ports),
            Self::Ports => ports(flows.ports),
        }
    }

    /// The box with other values in this dimension; they lie within the ones that it has.
    pub(super) fn with(self, flows: FlowBox, first: u128, last: u128) -> Option<FlowBox> {
        let ports = || PortRange::new(u16::try_from(first).ok()?, u16::try_from(last).ok()?);
        Some(match self {
            Self::Protocol => FlowBox {
                protocol: ProtocolRange::new(u8::try_from(first).ok()?, u8::try_from(last).ok()?)?,
                ..flows
            },
            Self::Source => FlowBox { source: flows.source.within_span(first, last), ..flows },
            Self::Destination => FlowBox { destination: flows.destination.within_span(first, last), ..flows },
            Self::SourcePorts => FlowBox { source_ports: ports()?, ..flows },
            Self::Ports => FlowBox { ports: ports()?, ..flows },
        })
    }

    /// The order of two boxes by all other dimensions, and by this one only if they agree in these.
    pub(super) fn compare(self, one: &FlowBox, other: &FlowBox) -> Ordering {
        let protocol = || one.protocol.cmp(&other.protocol);
        let source = || one.source.cmp(&other.source);
        let destination = || one.destination.cmp(&other.destination);
        let source_ports = || one.source_ports.cmp(&other.source_ports);
        let ports = || one.ports.cmp(&other.ports);
        // What most boxes differ in comes first.
        match self {
            Self::Protocol => {
                ports().then_with(source).then_with(destination).then_with(source_ports).then_with(protocol)
            }
            Self::Source => {
                ports().then_with(destination).then_with(source_ports).then_with(protocol).then_with(source)
            }
            Self::Destination => {
                ports().then_with(source).then_with(source_ports).then_with(protocol).then_with(destination)
            }
            Self::SourcePorts => {
                ports().then_with(source).then_with(destination).then_with(protocol).then_with(source_ports)
            }
            Self::Ports => {
                source().then_with(destination).then_with(source_ports).then_with(protocol).then_with(ports)
            }
        }
    }
}
