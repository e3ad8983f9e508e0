//! How long a whole diagnosis takes that has several causes to mend, against the size of the organisation:
//! `make bench`. Most of it is the proof of the fixes, and what else each would open.

use std::time::Duration;

use divan::Bencher;
use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Diagnosis, Target};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    IpProtocol, NetworkAclEntry, PeeringStatus, PeeringStatusCode, Route, RuleAction,
};
use peerscope_organisation::{Size, organisation};

fn main() {
    divan::main();
}

const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// The first interface of the first VPC, which is peered with the space.
const TARGET: &str = "10.20.0.10";
const INTERFACE: &str = "eni-00000000";
const SUBNET: &str = "subnet-000000";
const PEERING: &str = "pcx-00000000";

/// What is broken on the way to the target.
#[derive(Clone, Copy)]
enum Broken {
    /// A group, an ACL and a route.
    Filters,
    /// The same, and the peering waits to be accepted.
    Everything,
}

/// An organisation in which nothing lets the space reach the target.
fn broken(interfaces: usize, broken: Broken) -> Snapshot {
    let mut snapshot = organisation(&Size::of_interfaces(interfaces), 1);
    let documents = snapshot.aws.iter_mut().map(|collection| &mut collection.documents);
    for documents in documents {
        let mut interfaces = documents.network_interfaces.iter().flatten();
        let target = interfaces.find(|one| one.network_interface_id.as_str() == INTERFACE);
        let groups: Vec<_> = target.iter().flat_map(|one| &one.groups).map(|group| &group.group_id).collect();
        for group in documents.security_groups.iter_mut().flatten() {
            if groups.contains(&&group.group_id) {
                group.ip_permissions.retain(|rule| rule.ip_protocol != IpProtocol::All);
                group.ip_permissions.retain(|rule| rule.from_port != Some(5432));
            }
        }
        for acl in documents.network_acls.iter_mut().flatten() {
            let deny = |entry: &NetworkAclEntry| NetworkAclEntry {
                rule_number: 50,
                rule_action: RuleAction::Deny,
                cidr_block: "10.0.0.0/16".parse().ok(),
                ..entry.clone()
            };
            if acl.is_default {
                acl.entries.extend(acl.entries.first().map(deny));
            }
        }
        let over =
            |route: &Route| route.vpc_peering_connection_id.as_ref().is_some_and(|id| id.as_str() == PEERING);
        for table in documents.route_tables.iter_mut().flatten() {
            let serves = |id: &peerscope_document::id::SubnetId| id.as_str() == SUBNET;
            if table.associations.iter().any(|one| one.subnet_id.as_ref().is_some_and(serves)) {
                table.routes.retain(|route| !over(route));
            }
        }
        for peering in documents.vpc_peering_connections.iter_mut().flatten() {
            let is_it = peering.vpc_peering_connection_id.as_str() == PEERING;
            if is_it && matches!(broken, Broken::Everything) {
                let code = Some(PeeringStatusCode::PendingAcceptance);
                peering.status = Some(PeeringStatus { code, message: None });
            }
        }
    }
    snapshot
}

fn case(snapshot: &Snapshot) -> Case {
    let address = TARGET.parse().unwrap_or_else(|_| unreachable!("an address"));
    let space = "10.0.128.0/19".parse::<ipnet::IpNet>().unwrap_or_else(|_| unreachable!("a block"));
    let target = Target {
        input: format!("tcp://{TARGET}:5432"),
        protocol: "tcp",
        host: TARGET.to_string(),
        addresses: vec![address],
        port: Some(5432),
    };
    let source = SourceSpec {
        input: "space".to_string(),
        ranges: vec![AddressRange::from(space)],
        network: Some(NetworkId::Space),
        source_ports: PortRange::new(32768, 60999).unwrap_or(PortRange::ALL),
    };
    Case {
        deadline: Duration::from_secs(10),
        ..Case::of_documents(target, 6, source, Some(Topology::from(snapshot)))
    }
}

fn diagnose(case: Case) -> Diagnosis {
    let mut machine = Machine::new(case, 1);
    machine.poll(Duration::ZERO);
    machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH)
}

fn timed(bencher: Bencher<'_, '_>, interfaces: usize, what: Broken, causes: usize) {
    let case = case(&broken(interfaces, what));
    let report = diagnose(case.clone());
    let found: Vec<_> = report.causes.iter().map(|cause| cause.code).collect();
    assert!(found.len() == causes && report.plan.is_some_and(|plan| plan.verified), "{found:?}");
    bencher.with_inputs(|| case.clone()).bench_values(diagnose);
}

/// Three causes: a route, an ACL and a group.
#[divan::bench(args = SIZES)]
fn three_causes(bencher: Bencher<'_, '_>, interfaces: usize) {
    timed(bencher, interfaces, Broken::Filters, 3);
}

/// Four causes: these, and a peering that waits to be accepted.
#[divan::bench(args = SIZES)]
fn four_causes(bencher: Bencher<'_, '_>, interfaces: usize) {
    timed(bencher, interfaces, Broken::Everything, 4);
}
