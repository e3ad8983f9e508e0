//! Worlds whose service is asked by another protocol than TCP.

use peerscope_document::aws::IpProtocol;

use super::World;

impl World {
    /// Makes all rules say of UDP what they say of TCP, and the reverse: the world's service is asked by UDP
    /// then.
    pub fn exchange_tcp_and_udp(&mut self) {
        let exchange = |protocol: &mut IpProtocol| {
            *protocol = match *protocol {
                IpProtocol::TCP => IpProtocol::UDP,
                IpProtocol::UDP => IpProtocol::TCP,
                other => other,
            };
        };
        for documents in self.snapshot.aws.iter_mut().map(|one| &mut one.documents) {
            for group in documents.security_groups.iter_mut().flatten() {
                for rule in group.ip_permissions.iter_mut().chain(&mut group.ip_permissions_egress) {
                    exchange(&mut rule.ip_protocol);
                }
            }
            for entry in documents.network_acls.iter_mut().flatten().flat_map(|acl| &mut acl.entries) {
                exchange(&mut entry.protocol);
            }
        }
    }
}
