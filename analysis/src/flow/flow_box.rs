//! One flow, and boxes of flows.

use core::net::IpAddr;

use super::{AddressRange, PortRange, ProtocolRange};

/// One flow as its initiator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The initiator's address.
    pub source: IpAddr,
    /// The address it calls.
    pub destination: IpAddr,
    /// The IP protocol number.
    pub protocol: u8,
    /// The initiator's port; 0 where the protocol has none.
    pub source_port: u16,
    /// The port it calls; for ICMP see [`PortRange::icmp`].
    pub port: u16,
}

/// All flows whose five coordinates lie in five ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowBox {
    /// The initiators' addresses.
    pub source: AddressRange,
    /// The addresses they call.
    pub destination: AddressRange,
    /// The IP protocols.
    pub protocol: ProtocolRange,
    /// The initiators' ports.
    pub source_ports: PortRange,
    /// The ports they call.
    pub ports: PortRange,
}

impl FlowBox {
    /// Whether the flow is in the box.
    #[must_use]
    pub fn contains(&self, flow: &Flow) -> bool {
        self.source.contains(flow.source)
            && self.destination.contains(flow.destination)
            && self.protocol.contains(flow.protocol)
            && self.source_ports.contains(flow.source_port)
            && self.ports.contains(flow.port)
    }

    /// Whether every flow of `other` is in the box.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.source.covers(other.source)
            && self.destination.covers(other.destination)
            && self.protocol.covers(other.protocol)
            && self.source_ports.covers(other.source_ports)
            && self.ports.covers(other.ports)
    }

    /// The flows of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Some(Self {
            source: self.source.intersection(other.source)?,
            destination: self.destination.intersection(other.destination)?,
            protocol: self.protocol.intersection(other.protocol)?,
            source_ports: self.source_ports.intersection(other.source_ports)?,
            ports: self.ports.intersection(other.ports)?,
        })
    }

    /// The flows of this box that are not in `other`, as at most ten disjoint boxes.
    pub(crate) fn difference(&self, other: &Self, mut keep: impl FnMut(Self)) {
        let Some(common) = self.intersection(other) else {
            keep(*self);
            return;
        };
        // Peels one dimension after another; what is left in the end is `common` itself.
        let mut rest = *self;
        for source in rest.source.around(common.source).into_iter().flatten() {
            keep(Self { source, ..rest });
        }
        rest.source = common.source;
        for destination in rest.destination.around(common.destination).into_iter().flatten() {
            keep(Self { destination, ..rest });
        }
        rest.destination = common.destination;
        for protocol in rest.protocol.around(common.protocol).into_iter().flatten() {
            keep(Self { protocol, ..rest });
        }
        rest.protocol = common.protocol;
        for source_ports in rest.source_ports.around(common.source_ports).into_iter().flatten() {
            keep(Self { source_ports, ..rest });
        }
        rest.source_ports = common.source_ports;
        for ports in rest.ports.around(common.ports).into_iter().flatten() {
            keep(Self { ports, ..rest });
        }
    }

    /// Both as one box, where they differ in one dimension at most and touch there.
    pub(crate) fn joined(&self, other: &Self) -> Option<Self> {
        let same = [
            self.source == other.source,
            self.destination == other.destination,
            self.protocol == other.protocol,
            self.source_ports == other.source_ports,
            self.ports == other.ports,
        ];
        if same.iter().filter(|same| !**same).count() > 1 {
            return None;
        }
        Some(Self {
            source: self.source.joined(other.source)?,
            destination: self.destination.joined(other.destination)?,
            protocol: self.protocol.joined(other.protocol)?,
            source_ports: self.source_ports.joined(other.source_ports)?,
            ports: self.ports.joined(other.ports)?,
        })
    }

    /// The smallest box around both; `None` for two families.
    pub(crate) fn around(&self, other: &Self) -> Option<Self> {
        let addresses = |one: AddressRange, other: AddressRange| {
            AddressRange::new(one.first().min(other.first()), one.last().max(other.last()))
        };
        let ports = |one: PortRange, other: PortRange| {
            PortRange::new(one.first().min(other.first()), one.last().max(other.last()))
        };
        let (protocol, others) = (self.protocol, other.protocol);
        Some(Self {
            source: addresses(self.source, other.source)?,
            destination: addresses(self.destination, other.destination)?,
            protocol: ProtocolRange::new(
                protocol.first().min(others.first()),
                protocol.last().max(others.last()),
            )?,
            source_ports: ports(self.source_ports, other.source_ports)?,
            ports: ports(self.ports, other.ports)?,
        })
    }

    /// The flow at the lowest corner.
    #[must_use]
    pub fn lowest(&self) -> Flow {
        Flow {
            source: self.source.first(),
            destination: self.destination.first(),
            protocol: self.protocol.first(),
            source_port: self.source_ports.first(),
            port: self.ports.first(),
        }
    }
}

impl From<Flow> for FlowBox {
    /// The box of that one flow.
    fn from(flow: Flow) -> Self {
        Self {
            source: AddressRange::from(flow.source),
            destination: AddressRange::from(flow.destination),
            protocol: ProtocolRange::single(flow.protocol),
            source_ports: PortRange::single(flow.source_port),
            ports: PortRange::single(flow.port),
        }
    }
}
