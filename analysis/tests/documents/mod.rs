//! Documents in few words, so that a test shows the one setting that it is about.
//!
//! Only `peerscope_document`'s types are used here: what is built is what AWS and Heroku would say, not
//! what the engine makes of it.

pub(crate) mod rules;

use peerscope_document::aws::{
    AwsDocuments, CidrBlockAssociation, GroupIdentifier, IpPermission, Ipv6Address, Ipv6CidrBlockAssociation,
    NetworkAcl, NetworkAclAssociation, NetworkAclEntry, NetworkInterface, PeeringCidrBlock,
    PeeringIpv6CidrBlock, PeeringStatus, PeeringStatusCode, PeeringVpcInfo, PrefixList, PrivateIpAddress,
    Route, RouteTable, RouteTableAssociation, SecurityGroup, Subnet, Vpc, VpcPeeringConnection,
};
use peerscope_document::heroku::{HerokuDocuments, PeeringInfo, Space};
use peerscope_document::{AwsCollection, Cidr, Snapshot};

use rules::{open_entries, route, tcp};

/// A snapshot in the making. Every kind of document is there from the start, if only as an empty list.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) aws: AwsDocuments,
    pub(crate) heroku: HerokuDocuments,
}

/// A block by its text.
pub(crate) fn cidr(text: &str) -> Cidr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no block"))
}

impl World {
    pub(crate) fn new() -> Self {
        let aws = AwsDocuments {
            vpcs: Some(Vec::new()),
            subnets: Some(Vec::new()),
            route_tables: Some(Vec::new()),
            security_groups: Some(Vec::new()),
            network_acls: Some(Vec::new()),
            vpc_peering_connections: Some(Vec::new()),
            network_interfaces: Some(Vec::new()),
            reservations: Some(Vec::new()),
            prefix_lists: Some(Vec::new()),
            ..AwsDocuments::default()
        };
        Self { aws, heroku: HerokuDocuments::default() }
    }

    /// A healthy path from a space (10.0.0.0/16, two dyno blocks) to `eni-db`, 10.100.2.20, which
    /// serves tcp 5432.
    pub(crate) fn space_and_database() -> Self {
        let mut world = Self::new();
        world.space("10.0.0.0/16", &["10.0.128.0/20", "10.0.144.0/20"], "vpc-space");
        world.vpc("vpc-db", &["10.100.0.0/16"]);
        world.subnet("subnet-db", "vpc-db", &["10.100.2.0/24"]);
        let routes = vec![route("10.100.0.0/16", "local"), route("10.0.0.0/16", "pcx-1")];
        world.route_table("rtb-db", "vpc-db", &["main"], routes);
        world.network_acl("acl-db", "vpc-db", &["subnet-db"], open_entries());
        world.group("sg-db", "vpc-db", vec![tcp(5432, "10.0.0.0/16")], Vec::new());
        world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &["sg-db"]);
        world.peering("pcx-1", ("vpc-db", &["10.100.0.0/16"]), ("vpc-space", &["10.0.0.0/16"]), "active");
        world
    }

    /// A healthy path from `eni-app`, 10.1.0.10, over a peering to `eni-db`, 10.2.0.20, which serves
    /// tcp 5432.
    pub(crate) fn two_vpcs() -> Self {
        let mut world = Self::new();
        for (name, block, subnet, address, peer) in [
            ("app", "10.1.0.0/16", "10.1.0.0/24", "10.1.0.10", "10.2.0.0/16"),
            ("db", "10.2.0.0/16", "10.2.0.0/24", "10.2.0.20", "10.1.0.0/16"),
        ] {
            let vpc = format!("vpc-{name}");
            world.vpc(&vpc, &[block]);
            world.subnet(&format!("subnet-{name}"), &vpc, &[subnet]);
            let routes = vec![route(block, "local"), route(peer, "pcx-1")];
            world.route_table(&format!("rtb-{name}"), &vpc, &["main"], routes);
            let acl = format!("acl-{name}");
            world.network_acl(&acl, &vpc, &[&format!("subnet-{name}")], open_entries());
            world.group(&format!("sg-{name}"), &vpc, vec![tcp(5432, peer)], vec![tcp(5432, peer)]);
            world.interface(
                &format!("eni-{name}"),
                &vpc,
                &format!("subnet-{name}"),
                &[address],
                &[&format!("sg-{name}")],
            );
        }
        world.peering("pcx-1", ("vpc-app", &["10.1.0.0/16"]), ("vpc-db", &["10.2.0.0/16"]), "active");
        world
    }

    pub(crate) fn space(&mut self, network: &str, dyno_blocks: &[&str], vpc: &str) {
        let blocks: Vec<Cidr> = dyno_blocks.iter().map(|block| cidr(block)).collect();
        self.heroku.space =
            Some(Space { name: Some("myspace".into()), cidr: Some(cidr(network)), ..Space::default() });
        self.heroku.peering_info = Some(PeeringInfo {
            vpc_id: Some(vpc.into()),
            vpc_cidr: Some(cidr(network)),
            dyno_cidr_blocks: Some(blocks.clone()),
            space_cidr_blocks: Some(blocks),
            ..PeeringInfo::default()
        });
    }

    /// A VPC; the first block is the primary one.
    pub(crate) fn vpc(&mut self, id: &str, blocks: &[&str]) {
        let (ipv6, ipv4) = by_family(blocks);
        self.aws.vpcs.get_or_insert_default().push(Vpc {
            vpc_id: id.into(),
            cidr_block: ipv4.first().copied(),
            cidr_block_association_set: ipv4
                .iter()
                .map(|block| CidrBlockAssociation { cidr_block: *block, cidr_block_state: None })
                .collect(),
            ipv6_cidr_block_association_set: associations(&ipv6),
            owner_id: None,
            is_default: false,
            tags: Vec::new(),
        });
    }

    pub(crate) fn subnet(&mut self, id: &str, vpc: &str, blocks: &[&str]) {
        let (ipv6, ipv4) = by_family(blocks);
        self.aws.subnets.get_or_insert_default().push(Subnet {
            subnet_id: id.into(),
            vpc_id: vpc.into(),
            cidr_block: ipv4.first().copied(),
            ipv6_cidr_block_association_set: associations(&ipv6),
            availability_zone: Some("us-east-1a".into()),
            owner_id: None,
            tags: Vec::new(),
        });
    }

    /// A route table. `associations` are subnets, or `main`.
    pub(crate) fn route_table(&mut self, id: &str, vpc: &str, associations: &[&str], routes: Vec<Route>) {
        let association = |of: &&str| match *of {
            "main" => RouteTableAssociation { main: true, ..RouteTableAssociation::default() },
            subnet => {
                RouteTableAssociation { subnet_id: Some(subnet.into()), ..RouteTableAssociation::default() }
            }
        };
        self.aws.route_tables.get_or_insert_default().push(RouteTable {
            route_table_id: id.into(),
            vpc_id: vpc.into(),
            owner_id: None,
            associations: associations.iter().map(association).collect(),
            routes,
            tags: Vec::new(),
        });
    }

    /// A network ACL. `associations` are subnets, or `default`.
    pub(crate) fn network_acl(
        &mut self,
        id: &str,
        vpc: &str,
        associations: &[&str],
        entries: Vec<NetworkAclEntry>,
    ) {
        let subnets = associations.iter().filter(|of| **of != "default");
        self.aws.network_acls.get_or_insert_default().push(NetworkAcl {
            network_acl_id: id.into(),
            vpc_id: vpc.into(),
            is_default: associations.contains(&"default"),
            owner_id: None,
            associations: subnets
                .map(|subnet| NetworkAclAssociation { subnet_id: Some((*subnet).into()) })
                .collect(),
            entries,
            tags: Vec::new(),
        });
    }

    pub(crate) fn group(
        &mut self,
        id: &str,
        vpc: &str,
        ingress: Vec<IpPermission>,
        egress: Vec<IpPermission>,
    ) {
        self.aws.security_groups.get_or_insert_default().push(SecurityGroup {
            group_id: id.into(),
            group_name: String::new(),
            vpc_id: Some(vpc.into()),
            owner_id: None,
            ip_permissions: ingress,
            ip_permissions_egress: egress,
            tags: Vec::new(),
        });
    }

    pub(crate) fn interface(
        &mut self,
        id: &str,
        vpc: &str,
        subnet: &str,
        addresses: &[&str],
        groups: &[&str],
    ) {
        let ipv4: Vec<_> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let ipv6 = addresses.iter().filter_map(|address| address.parse().ok());
        self.aws.network_interfaces.get_or_insert_default().push(NetworkInterface {
            network_interface_id: id.into(),
            subnet_id: Some(subnet.into()),
            vpc_id: Some(vpc.into()),
            owner_id: None,
            availability_zone: None,
            description: None,
            interface_type: None,
            groups: groups
                .iter()
                .map(|group| GroupIdentifier { group_id: (*group).into(), group_name: None })
                .collect(),
            private_ip_address: ipv4.first().copied(),
            private_ip_addresses: ipv4
                .iter()
                .enumerate()
                .map(|(at, address)| PrivateIpAddress {
                    private_ip_address: Some(*address),
                    primary: at == 0,
                })
                .collect(),
            ipv6_addresses: ipv6.map(|address| Ipv6Address { ipv6_address: Some(address) }).collect(),
            attachment: None,
            source_dest_check: Some(true),
            status: Some("in-use".into()),
            tag_set: Vec::new(),
        });
    }

    /// A peering as AWS lists it, each side with its VPC and blocks.
    pub(crate) fn peering(
        &mut self,
        id: &str,
        requester: (&str, &[&str]),
        accepter: (&str, &[&str]),
        status: &str,
    ) {
        let side = |(vpc, blocks): (&str, &[&str])| {
            let (ipv6, ipv4) = by_family(blocks);
            PeeringVpcInfo {
                vpc_id: Some(vpc.into()),
                cidr_block: ipv4.first().copied(),
                cidr_block_set: ipv4.iter().map(|block| PeeringCidrBlock { cidr_block: *block }).collect(),
                ipv6_cidr_block_set: ipv6
                    .iter()
                    .map(|block| PeeringIpv6CidrBlock { ipv6_cidr_block: *block })
                    .collect(),
                ..PeeringVpcInfo::default()
            }
        };
        self.aws.vpc_peering_connections.get_or_insert_default().push(VpcPeeringConnection {
            vpc_peering_connection_id: id.into(),
            status: Some(PeeringStatus { code: Some(PeeringStatusCode::from(status)), message: None }),
            requester_vpc_info: Some(side(requester)),
            accepter_vpc_info: Some(side(accepter)),
            expiration_time: None,
            tags: Vec::new(),
        });
    }

    pub(crate) fn prefix_list(&mut self, id: &str, blocks: &[&str]) {
        self.aws.prefix_lists.get_or_insert_default().push(PrefixList {
            prefix_list_id: id.into(),
            prefix_list_name: None,
            owner_id: None,
            cidrs: Some(blocks.iter().map(|block| cidr(block)).collect()),
            entries: None,
        });
    }

    /// The routes of a table that the world has.
    pub(crate) fn routes(&mut self, id: &str) -> &mut Vec<Route> {
        let mut tables = self.aws.route_tables.iter_mut().flatten();
        let table = tables.find(|table| table.route_table_id.as_str() == id);
        &mut table.unwrap_or_else(|| panic!("no {id}")).routes
    }

    /// The entries of an ACL that the world has.
    pub(crate) fn entries(&mut self, id: &str) -> &mut Vec<NetworkAclEntry> {
        let mut acls = self.aws.network_acls.iter_mut().flatten();
        let acl = acls.find(|acl| acl.network_acl_id.as_str() == id);
        &mut acl.unwrap_or_else(|| panic!("no {id}")).entries
    }

    /// A group that the world has.
    pub(crate) fn rules(&mut self, id: &str) -> &mut SecurityGroup {
        let mut groups = self.aws.security_groups.iter_mut().flatten();
        let group = groups.find(|group| group.group_id.as_str() == id);
        group.unwrap_or_else(|| panic!("no {id}"))
    }

    /// Gives a peering that the world has another status.
    pub(crate) fn status(&mut self, id: &str, status: &str) {
        let all = self.aws.vpc_peering_connections.iter_mut().flatten();
        for peering in all.filter(|one| one.vpc_peering_connection_id.as_str() == id) {
            let code = Some(PeeringStatusCode::from(status));
            peering.status = Some(PeeringStatus { code, message: None });
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            aws: vec![AwsCollection { region: None, documents: self.aws.clone() }],
            heroku: self.heroku.clone(),
            ..Snapshot::default()
        }
    }
}

/// The blocks of IPv6, and those of IPv4.
fn by_family(blocks: &[&str]) -> (Vec<Cidr>, Vec<Cidr>) {
    blocks.iter().map(|block| cidr(block)).partition(|block| block.network().addr().is_ipv6())
}

fn associations(blocks: &[Cidr]) -> Vec<Ipv6CidrBlockAssociation> {
    let one =
        |block: &Cidr| Ipv6CidrBlockAssociation { ipv6_cidr_block: *block, ipv6_cidr_block_state: None };
    blocks.iter().map(one).collect()
}
