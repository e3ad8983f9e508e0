//! A packet as it is on the wire.

use std::net::IpAddr;

/// One packet. A reply is a packet of its own, with its ends exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packet {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) protocol: u8,
    /// The source port; nothing where the protocol has none.
    pub(crate) from_port: u16,
    /// The destination port; for ICMP the type times 256 and the code.
    pub(crate) to_port: u16,
}

/// The number of ICMP and of ICMPv6 echo requests and replies.
const ECHOES: [(u8, u8, u8); 2] = [(1, 8, 0), (58, 128, 129)];

impl Packet {
    /// What the called side sends back.
    pub(crate) fn reply(self) -> Self {
        let Self { from, to, protocol, from_port, to_port } = self;
        for (icmp, request, reply) in ECHOES {
            if protocol == icmp {
                assert_eq!(to_port >> 8, u16::from(request), "only an echo request is answered");
                return Self { from: to, to: from, protocol, from_port, to_port: u16::from(reply) << 8 };
            }
        }
        Self { from: to, to: from, protocol, from_port: to_port, to_port: from_port }
    }

    pub(crate) fn is_icmp(self) -> bool {
        matches!(self.protocol, 1 | 58)
    }

    /// Whether a rule of this protocol and these two numbers is about the packet. They are the lowest
    /// and the highest destination port, or ICMP's type and code; -1 and nothing mean any.
    pub(crate) fn is_meant_by(
        self,
        protocol: peerscope_document::aws::IpProtocol,
        from: Option<i32>,
        to: Option<i32>,
    ) -> bool {
        use peerscope_document::aws::IpProtocol;
        match protocol {
            IpProtocol::All => return true,
            IpProtocol::Number(number) if number != self.protocol => return false,
            IpProtocol::Number(_) => {}
        }
        let (from, to) = (from.unwrap_or(-1), to.unwrap_or(-1));
        let port = i32::from(self.to_port);
        match self.protocol {
            6 | 17 => (from == -1 || from <= port) && (to == -1 || port <= to),
            1 | 58 => {
                let (icmp_type, code) = (port >> 8, port & 0xff);
                // A rule for any type with a code of its own matches nothing.
                (from == icmp_type && (to == -1 || to == code)) || (from == -1 && to == -1)
            }
            // "For any other number all ports are meant."
            _ => true,
        }
    }
}
