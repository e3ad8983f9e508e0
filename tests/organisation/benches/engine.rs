//! How long the engine takes, against the size of the organisation: `make bench`.

use divan::Bencher;
use peerscope_analysis::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::matrix::{MatrixQuery, matrix};
use peerscope_analysis::reach::reach;
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;
use peerscope_organisation::{Size, organisation};

fn main() {
    divan::main();
}

const SIZES: [usize; 3] = [100, 1_000, 10_000];

fn snapshot(interfaces: usize) -> Snapshot {
    organisation(&Size::of_interfaces(interfaces), 1)
}

/// From documents to the index.
#[divan::bench(args = SIZES)]
fn index(bencher: Bencher<'_, '_>, interfaces: usize) {
    let snapshot = snapshot(interfaces);
    bencher.bench(|| Topology::from(divan::black_box(&snapshot)));
}

/// One flow from a dyno to an interface of the first VPC.
#[divan::bench(args = SIZES)]
fn one_flow(bencher: Bencher<'_, '_>, interfaces: usize) {
    let topology = Topology::from(&snapshot(interfaces));
    let target = NetworkId::Vpc("vpc-00000000".into());
    let address = |text: &str| {
        AddressRange::from(text.parse::<std::net::IpAddr>().unwrap_or_else(|_| unreachable!("an address")))
    };
    let flow = FlowBox {
        source: address("10.0.128.7"),
        destination: address("10.20.0.10"),
        protocol: ProtocolRange::single(6),
        source_ports: PortRange::single(40_000),
        ports: PortRange::single(5432),
    };
    let flows = Flows::from(flow);
    bencher.bench(|| reach(&topology, &NetworkId::Space, &target, divan::black_box(&flows)).opening());
}

fn client() -> PortRange {
    PortRange::new(32768, 60999).unwrap_or(PortRange::ALL)
}

/// From the space to every interface that it is peered with.
#[divan::bench(args = SIZES)]
fn space_to_every_target(bencher: Bencher<'_, '_>, interfaces: usize) {
    let topology = Topology::from(&snapshot(interfaces));
    let query = MatrixQuery {
        sources: vec![NetworkId::Space],
        protocols: vec![6],
        ..MatrixQuery::everything(client())
    };
    bencher.bench(|| matrix(&topology, divan::black_box(&query)));
}

/// Every source to every interface.
#[divan::bench(args = SIZES, sample_count = 5)]
fn everything(bencher: Bencher<'_, '_>, interfaces: usize) {
    let topology = Topology::from(&snapshot(interfaces));
    let query = MatrixQuery::everything(client());
    bencher.bench(|| matrix(&topology, divan::black_box(&query)));
}
