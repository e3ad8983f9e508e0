//! Where a world lies: its addresses, accounts, Regions and the ids that documents of both sides share.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use peerscope_document::id::{
    AccountId, NetworkInterfaceId, PrefixListId, Region, RouteTableId, SecurityGroupId, SubnetId, VpcId,
    VpcPeeringConnectionId,
};

use super::Base;
use super::draw::{Draw, Lot};

/// Docker's default network, which a VPC that is peered with a space must not overlap.
pub(crate) const DOCKER: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 17, 0, 0), 16);

/// What is drawn first, because everything else refers to it.
pub(crate) struct Site {
    pub(crate) base: Base,
    pub(crate) port: u16,
    pub(crate) space: SpaceSite,
    pub(crate) owner: AccountId,
    pub(crate) region: Region,
    pub(crate) vpc: VpcId,
    pub(crate) block: Ipv4Net,
    /// The interface's subnet is the first.
    pub(crate) subnets: Vec<SubnetSite>,
    pub(crate) peering: VpcPeeringConnectionId,
    pub(crate) interface: NetworkInterfaceId,
    pub(crate) address: Ipv4Addr,
    /// The group that lets the flow of this world through.
    pub(crate) admitting_group: SecurityGroupId,
    /// An explicit table that has no route to the space.
    pub(crate) spare_route_table: RouteTableId,
    /// A prefix list of the space's blocks, and one of others.
    pub(crate) prefix_lists: [PrefixListId; 2],
}

/// Heroku's side.
pub(crate) struct SpaceSite {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) owner: AccountId,
    pub(crate) region: Region,
    pub(crate) vpc: VpcId,
    pub(crate) block: Ipv4Net,
    pub(crate) data_block: Ipv4Net,
    /// The dyno in use lives in the first.
    pub(crate) dyno_blocks: Vec<Ipv4Net>,
    /// Everything to route, the dyno blocks among it.
    pub(crate) all_blocks: Vec<Ipv4Net>,
    /// One dyno in each dyno block.
    pub(crate) dynos: Vec<Ipv4Addr>,
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
    pub(crate) fn draw(base: Base, draw: &mut Draw) -> Self {
        let lot = &mut draw.addresses;
        let region =
            Region::from(lot.pick(["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"]));
        let space = SpaceSite::draw(&region, lot);
        let length = lot.pick([16, 16, 18, 20]);
        let block = lot.block(length, &[space.block, space.data_block, DOCKER]);
        let subnets = subnets(&region, block, lot);
        let address = lot.address(subnets[0].block, &[]);
        // 3306 is left out: what greets as MySQL is probed by other rules.
        let port = match base {
            Base::DynoToVpc => lot.pick([5432, 6379, 8080, 443, 9200, 27017, 5672, 8443]),
            Base::VpcToDyno => lot.pick([3000, 5000, 8080, 9100, 8443]),
        };
        Self {
            base,
            port,
            owner: lot.account().into(),
            vpc: lot.id("vpc").into(),
            block,
            subnets,
            peering: lot.id("pcx").into(),
            interface: lot.id("eni").into(),
            address,
            admitting_group: lot.id("sg").into(),
            spare_route_table: lot.id("rtb").into(),
            prefix_lists: [lot.id("pl").into(), lot.id("pl").into()],
            region,
            space,
        }
    }

    /// Whether requests leave the customer's interface, so that its egress rules admit them.
    pub(crate) fn requests_leave(&self) -> bool {
        self.base == Base::VpcToDyno
    }

    pub(crate) fn subnet(&self) -> &SubnetSite {
        &self.subnets[0]
    }
}

impl SpaceSite {
    fn draw(region: &Region, lot: &mut Lot) -> Self {
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
        let dynos = dyno_blocks.iter().map(|block| lot.address(*block, &[])).collect();
        let elsewhere = Region::from(lot.pick(["us-east-1", "us-west-2", "eu-west-1"]));
        Self {
            id: lot.uuid(),
            name: lot.pick(["acme-production", "orders-eu", "my-space", "blue-7", "data-platform"]),
            owner: lot.account().into(),
            region: if lot.chance(70) { region.clone() } else { elsewhere },
            vpc: lot.id("vpc").into(),
            block,
            data_block,
            dyno_blocks,
            all_blocks,
            dynos,
        }
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
