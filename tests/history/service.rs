//! A service on loopback that a group's rule lets callers to, and that can be cut off as that rule's end would do it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};

/// Where the service is: loopback, but not the address that callers have.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Something that takes connections until it is cut off.
pub(super) struct Service {
    socket: Arc<Socket>,
    is_cut: Arc<AtomicBool>,
    taking: Option<JoinHandle<()>>,
    waiting: Vec<TcpStream>,
    pub(super) address: SocketAddr,
}

impl Service {
    pub(super) fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((ADDRESS, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (socket, is_cut) = (Arc::new(socket), Arc::new(AtomicBool::new(false)));
        let (taken, told) = (Arc::clone(&socket), Arc::clone(&is_cut));
        let taking = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if taken.accept().is_err() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { socket, is_cut, taking: Some(taking), waiting: Vec::new(), address }
    }

    /// Lets nobody in any more: where connections wait that nobody takes, Linux drops the SYNs of others.
    pub(super) fn cut(&mut self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.taking.take().unwrap().join().unwrap();
        let connect = || TcpStream::connect_timeout(&self.address, Duration::from_millis(50));
        while let Ok(stream) = connect() {
            self.waiting.push(stream);
        }
        assert!(self.socket.local_addr().is_ok() && !self.waiting.is_empty());
    }
}

/// Writes the documents of a VPC in which the service is, whose group lets callers to a port, or nobody.
pub(super) fn write_snapshot(folder: &Path, open: Option<u16>) {
    let everywhere = json!([{ "CidrIp": "0.0.0.0/0" }]);
    let rule = |port: u16| {
        json!({
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            "IpRanges": [{ "CidrIp": "127.0.0.0/24" }],
        })
    };
    let entry = |egress: bool| {
        json!({
            "RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0",
        })
    };
    let interface = |id: &str, address: &str, group: &str| {
        json!({
            "NetworkInterfaceId": id, "SubnetId": "subnet-01", "VpcId": "vpc-01", "Status": "in-use",
            "Groups": [{ "GroupId": group }], "PrivateIpAddress": address,
            "PrivateIpAddresses": [{ "PrivateIpAddress": address, "Primary": true }],
        })
    };
    let group = |id: &str, rules: Vec<serde_json::Value>| {
        json!({
            "GroupId": id, "GroupName": id, "VpcId": "vpc-01", "IpPermissions": rules,
            "IpPermissionsEgress": [{ "IpProtocol": "-1", "IpRanges": everywhere }],
        })
    };
    let other = rule(1);
    let rules = open.map(rule).into_iter().chain([other]).collect();
    let documents = json!({
        "Vpcs": [{ "VpcId": "vpc-01", "CidrBlock": "127.0.0.0/24", "OwnerId": "111122223333" }],
        "Subnets": [{
            "SubnetId": "subnet-01", "VpcId": "vpc-01", "CidrBlock": "127.0.0.0/24",
            "AvailabilityZone": "us-east-1a",
        }],
        "RouteTables": [{
            "RouteTableId": "rtb-01", "VpcId": "vpc-01",
            "Associations": [{ "Main": true, "RouteTableId": "rtb-01" }],
            "Routes": [{ "DestinationCidrBlock": "127.0.0.0/24", "GatewayId": "local", "State": "active" }],
        }],
        "NetworkAcls": [{
            "NetworkAclId": "acl-01", "VpcId": "vpc-01", "IsDefault": true,
            "Associations": [{ "NetworkAclId": "acl-01", "SubnetId": "subnet-01" }],
            "Entries": [entry(false), entry(true)],
        }],
        "SecurityGroups": [group("sg-01", Vec::new()), group("sg-09", rules)],
        "NetworkInterfaces": [
            interface("eni-01", "127.0.0.1", "sg-01"),
            interface("eni-09", "127.0.0.9", "sg-09"),
        ],
    });
    let partial = folder.join("documents.partial");
    fs::create_dir_all(folder).unwrap();
    fs::write(&partial, documents.to_string()).unwrap();
    fs::rename(partial, folder.join("documents.json")).unwrap();
}
