//! Where a world lies: its addresses, accounts, Regions and the ids that documents of both sides share.

use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use peerscope_document::id::{
    AccountId, NetworkInterfaceId, PrefixListId, Region, RouteTableId, SecurityGroupId, SubnetId, VpcId,
    VpcPeeringConnectionId,
};

use super::Base;
use super::draw::{Draw, Lot, Vary};

/// Docker's default network, which a VPC that is peered with a space must not overlap.
pub(crate) const DOCKER: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 17, 0, 0), 16);

/// One of the customer's VPCs and what it is peered with: drawn first, because everything else refers to it.
#[derive(Clone)]
pub(crate) struct Site {
    /// Whether the interface is the one that asks.
    pub(crate) asks: bool,
    pub(crate) port: u16,
    pub(crate) remote: Side,
    pub(crate) owner: AccountId,
    pub(crate) region: Region,
    pub(crate) vpc: VpcId,
    /// The primary CIDR.
    pub(crate) block: Ipv4Net,
    /// A secondary CIDR, which holds the interface's subnet.
    pub(crate) secondary: Option<Ipv4Net>,
    /// The interface's subnet is the first.
    pub(crate) subnets: Vec<SubnetSite>,
    pub(crate) peering: VpcPeeringConnectionId,
    pub(crate) interface: NetworkInterfaceId,
    pub(crate) address: Ipv4Addr,
    /// The group that lets the flow of this world through.
    pub(crate) admitting_group: SecurityGroupId,
    /// An explicit table that has no route to the other side.
    pub(crate) spare_route_table: RouteTableId,
    /// A prefix list of the other side's blocks, and one of others.
    pub(crate) prefix_lists: [PrefixListId; 2],
}

/// One side of the peering as the other sees it: a space, or a VPC of the customer.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) owner: AccountId,
    pub(crate) region: Region,
    pub(crate) vpc: VpcId,
    /// The primary CIDR.
    pub(crate) block: Ipv4Net,
    /// A secondary CIDR, which holds the first of the blocks of hosts.
    pub(crate) secondary: Option<Ipv4Net>,
    /// Blocks that hosts are in: the dyno blocks of a space, two subnets of a VPC. The host in use lives in
    /// the first.
    pub(crate) host_blocks: Vec<Ipv4Net>,
    /// Everything to route, the blocks of hosts among it.
    pub(crate) all_blocks: Vec<Ipv4Net>,
    /// Addresses of hosts: of a dyno in each dyno block, or of the other VPC's interface.
    pub(crate) hosts: Vec<Ipv4Addr>,
    /// Its blocks of IPv6, where it has any.
    pub(crate) version_six: Option<VersionSix>,
    pub(crate) kind: SideKind,
}

/// What a side is.
#[derive(Clone)]
pub(crate) enum SideKind {
    Space(SpaceSite),
    /// An ordinary VPC, the group of its interface, and whether rules of the other side name that group.
    Vpc {
        group: SecurityGroupId,
        is_referenced: bool,
    },
}

/// The IPv6 blocks of a VPC.
#[derive(Clone)]
pub(crate) struct VersionSix {
    pub(crate) whole: Ipv6Net,
    /// In the order of the IPv4 ones.
    pub(crate) subnets: Vec<Ipv6Net>,
    /// The address of the interface.
    pub(crate) address: Ipv6Addr,
}

/// What faults ask of the other side, in the version of IP that the flow is of.
pub(crate) struct RemoteBlocks {
    /// The address in use.
    pub(crate) host: IpAddr,
    /// Blocks of hosts; the address in use is in the first.
    pub(crate) hosts: Vec<IpNet>,
    /// Everything to route, the blocks of hosts among it.
    pub(crate) all: Vec<IpNet>,
    /// The network, or its part that the address in use is in.
    pub(crate) network: IpNet,
    pub(crate) anywhere: IpNet,
}

/// What only a space has.
#[derive(Clone)]
pub(crate) struct SpaceSite {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) data_block: Ipv4Net,
}

/// A subnet of the customer's VPC.
#[derive(Clone)]
pub(crate) struct SubnetSite {
    pub(crate) id: SubnetId,
    pub(crate) block: Ipv4Net,
    pub(crate) name: &'static str,
    pub(crate) zone: String,
}

impl Site {
    /// The customer's VPC of a world with a space.
    pub(crate) fn draw(base: Base, draw: &mut Draw) -> Self {
        let lot = &mut draw.addresses;
        let region = some_region(lot);
        let remote = Side::draw_space(&region, lot);
        let length = lot.pick([16, 16, 18, 20]);
        let block = lot.block(length, &remote.taken());
        let subnets = subnets(&region, block, lot);
        let address = lot.address(subnets[0].block, &[]);
        // 3306 is left out: what greets as MySQL is probed by other rules.
        let port = match base {
            Base::VpcToDyno => lot.pick([3000, 5000, 8080, 9100, 8443]),
            Base::DynoToVpc | Base::VpcToVpc => service_port(lot),
        };
        Self {
            asks: base == Base::VpcToDyno,
            port,
            owner: lot.account().into(),
            vpc: lot.id("vpc").into(),
            block,
            secondary: None,
            subnets,
            peering: lot.id("pcx").into(),
            interface: lot.id("eni").into(),
            address,
            admitting_group: lot.id("sg").into(),
            spare_route_table: lot.id("rtb").into(),
            prefix_lists: [lot.id("pl").into(), lot.id("pl").into()],
            region,
            remote,
        }
    }

    /// Two VPCs of the customer that are peered with each other: the one that is asked, and the one that
    /// asks.
    pub(crate) fn draw_two(draw: &mut Draw, vary: &[Vary]) -> [Self; 2] {
        let lot = &mut draw.addresses;
        let region = some_region(lot);
        let elsewhere = Region::from(lot.pick(["us-east-2", "eu-north-1"]));
        // References to groups are possible within a Region only.
        let is_one_region = lot.chance(60) || vary.contains(&Vary::References);
        let owner = AccountId::from(lot.account());
        let other_owner = if lot.chance(50) { owner.clone() } else { AccountId::from(lot.account()) };
        let (port, peering) = (service_port(lot), VpcPeeringConnectionId::from(lot.id("pcx")));
        let other_region = if is_one_region { region.clone() } else { elsewhere };
        let mut taken = vec![DOCKER];
        let mut side = |owner, region| Side::draw_vpc(owner, region, vary, &mut taken, lot);
        let (target, target_subnets) = side(owner, region);
        let (source, source_subnets) = side(other_owner, other_region);
        let mut site = |asks, own: &Side, subnets, remote: &Side| Self {
            asks,
            port,
            owner: own.owner.clone(),
            region: own.region.clone(),
            vpc: own.vpc.clone(),
            block: own.block,
            secondary: own.secondary,
            subnets,
            peering: peering.clone(),
            interface: lot.id("eni").into(),
            address: own.hosts[0],
            admitting_group: match &own.kind {
                SideKind::Vpc { group, .. } => group.clone(),
                SideKind::Space(_) => lot.id("sg").into(),
            },
            spare_route_table: lot.id("rtb").into(),
            prefix_lists: [lot.id("pl").into(), lot.id("pl").into()],
            remote: remote.clone(),
        };
        [site(false, &target, target_subnets, &source), site(true, &source, source_subnets, &target)]
    }

    /// Whether requests leave the customer's interface, so that its egress rules admit them.
    pub(crate) fn requests_leave(&self) -> bool {
        self.asks
    }

    pub(crate) fn subnet(&self) -> &SubnetSite {
        &self.subnets[0]
    }

    /// The VPC's CIDRs, the primary one first.
    pub(crate) fn networks(&self) -> Vec<Ipv4Net> {
        iter::once(self.block).chain(self.secondary).collect()
    }

    /// The space at the other side, where there is one.
    pub(crate) fn space(&self) -> Option<&SpaceSite> {
        match &self.remote.kind {
            SideKind::Space(space) => Some(space),
            SideKind::Vpc { .. } => None,
        }
    }

    /// The group of the other VPC's interface, where rules name it.
    pub(crate) fn referenced_group(&self) -> Option<&SecurityGroupId> {
        match &self.remote.kind {
            SideKind::Vpc { group, is_referenced: true } => Some(group),
            SideKind::Vpc { .. } | SideKind::Space(_) => None,
        }
    }

    /// What a further network must not overlap.
    pub(crate) fn taken(&self) -> Vec<Ipv4Net> {
        self.networks().into_iter().chain(self.remote.taken()).collect()
    }
}

fn some_region(lot: &mut Lot) -> Region {
    Region::from(lot.pick(["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"]))
}

fn service_port(lot: &mut Lot) -> u16 {
    lot.pick([5432, 6379, 8080, 443, 9200, 27017, 5672, 8443])
}

impl Side {
    fn draw_space(region: &Region, lot: &mut Lot) -> Self {
        let block = match lot.number(0, 9) {
            // The default, and with it the most frequent.
            0..=3 => Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16),
            4 => Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
            _ => lot.block(16, &[DOCKER]),
        };
        let standard = Ipv4Net::new_assert(Ipv4Addr::new(10, 1, 0, 0), 16);
        let data_block = if block == standard { lot.block(20, &[block]) } else { standard };
        let part = |third: u8| {
            let [first, second, ..] = block.network().octets();
            Ipv4Net::new_assert(Ipv4Addr::new(first, second, third, 0), 20)
        };
        let mut dyno_blocks = lot.pick([[128, 144], [128, 144], [64, 80], [160, 176]]).map(part).to_vec();
        lot.shuffle(&mut dyno_blocks);
        let all_blocks = dyno_blocks.iter().copied().chain([part(0), part(16)]).collect();
        let hosts = dyno_blocks.iter().map(|block| lot.address(*block, &[])).collect();
        let elsewhere = Region::from(lot.pick(["us-east-1", "us-west-2", "eu-west-1"]));
        let id = lot.uuid();
        let name = lot.pick(["acme-production", "orders-eu", "my-space", "blue-7", "data-platform"]);
        Self {
            owner: lot.account().into(),
            region: if lot.chance(70) { region.clone() } else { elsewhere },
            vpc: lot.id("vpc").into(),
            block,
            secondary: None,
            host_blocks: dyno_blocks,
            all_blocks,
            hosts,
            version_six: None,
            kind: SideKind::Space(SpaceSite { id, name, data_block }),
        }
    }

    /// A VPC of the customer, with its subnets. What it takes is added to `taken`.
    fn draw_vpc(
        owner: AccountId,
        region: Region,
        vary: &[Vary],
        taken: &mut Vec<Ipv4Net>,
        lot: &mut Lot,
    ) -> (Self, Vec<SubnetSite>) {
        let length = lot.pick([16, 16, 18, 20]);
        let block = lot.block(length, taken);
        taken.push(block);
        let secondary = vary.contains(&Vary::SecondaryCidrs).then(|| {
            // 100.64.0.0/10 is legal as a secondary block, and a favourite.
            let shared = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);
            if lot.chance(50) { lot.part(shared, 18, taken) } else { lot.block(20, taken) }
        });
        taken.extend(secondary);
        let mut subnets = subnets(&region, block, lot);
        if let Some(secondary) = secondary {
            subnets[0].block = lot.part(secondary, 24, &[]);
        }
        let blocks: Vec<Ipv4Net> = subnets.iter().map(|subnet| subnet.block).collect();
        let side = Self {
            owner,
            region,
            vpc: lot.id("vpc").into(),
            block,
            secondary,
            host_blocks: blocks[..2].to_vec(),
            hosts: vec![lot.address(blocks[0], &[])],
            all_blocks: blocks,
            version_six: None,
            kind: SideKind::Vpc {
                group: lot.id("sg").into(),
                is_referenced: vary.contains(&Vary::References),
            },
        };
        (side, subnets)
    }

    /// Its blocks in IPv6, or in IPv4.
    pub(crate) fn blocks(&self, is_version_six: bool) -> RemoteBlocks {
        match &self.version_six {
            Some(six) if is_version_six => {
                let all: Vec<IpNet> = six.subnets.iter().copied().map(IpNet::from).collect();
                RemoteBlocks {
                    host: six.address.into(),
                    hosts: all[..self.host_blocks.len()].to_vec(),
                    all,
                    network: six.whole.into(),
                    anywhere: Ipv6Net::default().into(),
                }
            }
            _ => RemoteBlocks {
                host: self.hosts[0].into(),
                hosts: self.host_blocks.iter().copied().map(IpNet::from).collect(),
                all: self.all_blocks.iter().copied().map(IpNet::from).collect(),
                network: self.secondary.unwrap_or(self.block).into(),
                anywhere: Ipv4Net::default().into(),
            },
        }
    }

    /// Its CIDRs that packets can reach, the primary one first.
    pub(crate) fn networks(&self) -> Vec<Ipv4Net> {
        iter::once(self.block).chain(self.secondary).collect()
    }

    /// What a VPC that is peered with it must not overlap, and the network that no such VPC may have.
    fn taken(&self) -> Vec<Ipv4Net> {
        let data_block = match &self.kind {
            SideKind::Space(space) => Some(space.data_block),
            SideKind::Vpc { .. } => None,
        };
        self.networks().into_iter().chain(data_block).chain([DOCKER]).collect()
    }
}

fn subnets(region: &Region, block: Ipv4Net, lot: &mut Lot) -> Vec<SubnetSite> {
    let mut names = ["db", "app", "public-a", "public-b", "batch"];
    lot.shuffle(&mut names);
    let count = lot.number(3, 5) as usize;
    let mut taken = Vec::new();
    let mut subnets = Vec::new();
    for name in names.into_iter().take(count) {
        let length = lot.pick([24, 24, 25, 26]);
        let part = lot.part(block, length, &taken);
        taken.push(part);
        let zone = format!("{region}{}", lot.pick(['a', 'b', 'c']));
        subnets.push(SubnetSite { id: lot.id("subnet").into(), block: part, name, zone });
    }
    subnets
}
