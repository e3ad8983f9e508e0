//! Fixes as Terraform: what a provider takes, with the ids of the documents, and the same change as the
//! command beside it. No Terraform is at hand: a strict reader stands in for it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod terraform;

use peerscope_analysis::flow::PortRange;
use peerscope_analysis::repair::{Accepter, Edit, EntryPorts, NewPeering, instruction, terraform};
use peerscope_analysis::report::Tool;
use peerscope_analysis::topology::{NetworkId, RouteDestination, Topology};
use peerscope_document::aws::IpProtocol;

use documents::{World, cidr};
use terraform::{Block, Value, read};

fn block(text: &str) -> ipnet::IpNet {
    cidr(text).network()
}

/// The blocks of a plan for the world of two VPCs.
fn written(plan: &[Edit]) -> Vec<Block> {
    let topology = Topology::from(&World::two_vpcs().snapshot());
    let made = terraform(&topology, plan, None).expect("a plan has a form");
    assert_eq!(made.tool, Tool::Terraform);
    read(&made.command).unwrap_or_else(|error| panic!("{error} in\n{}", made.command))
}

fn rule(ingress: bool, protocol: IpProtocol, ports: EntryPorts, of: &str) -> Edit {
    Edit::Authorize { group: "sg-db".into(), ingress, protocol, ports, cidr: block(of) }
}

fn entry(egress: bool, protocol: IpProtocol, ports: EntryPorts, of: &str) -> Edit {
    Edit::AllowInNetworkAcl {
        acl: "acl-db".into(),
        rule_number: 90,
        egress,
        protocol,
        ports,
        cidr: block(of),
    }
}

fn text(words: &str) -> Value {
    Value::Text(words.to_string())
}

/// Every kind of edit, of every protocol and family: what the provider takes, and what it says.
#[test]
fn every_edit_has_a_resource_that_says_the_same() {
    let port = EntryPorts::Ports(PortRange::single(5432));
    let replies = EntryPorts::Ports(PortRange::new(32768, 60999).unwrap());
    type Expected<'a> = (&'a str, &'a [(&'a str, Value)]);
    let number = Value::Number;
    let cases: &[(Edit, Expected<'_>)] = &[
        (
            rule(true, IpProtocol::TCP, port, "10.1.0.0/16"),
            (
                "aws_vpc_security_group_ingress_rule",
                &[
                    ("security_group_id", text("sg-db")),
                    ("ip_protocol", text("tcp")),
                    ("cidr_ipv4", text("10.1.0.0/16")),
                    ("from_port", number(5432)),
                    ("to_port", number(5432)),
                ],
            ),
        ),
        (
            rule(false, IpProtocol::ICMPV6, EntryPorts::Icmp(128, None), "2001:db8::/56"),
            (
                "aws_vpc_security_group_egress_rule",
                &[
                    ("ip_protocol", text("icmpv6")),
                    ("cidr_ipv6", text("2001:db8::/56")),
                    ("from_port", number(128)),
                    ("to_port", number(-1)),
                ],
            ),
        ),
        (
            rule(false, IpProtocol::All, EntryPorts::All, "10.1.0.0/16"),
            ("aws_vpc_security_group_egress_rule", &[("ip_protocol", text("-1"))]),
        ),
        (
            entry(true, IpProtocol::TCP, replies, "10.1.0.0/16"),
            (
                "aws_network_acl_rule",
                &[
                    ("network_acl_id", text("acl-db")),
                    ("rule_number", number(90)),
                    ("egress", Value::Bool(true)),
                    ("rule_action", text("allow")),
                    ("protocol", text("tcp")),
                    ("cidr_block", text("10.1.0.0/16")),
                    ("from_port", number(32768)),
                    ("to_port", number(60999)),
                ],
            ),
        ),
        (
            entry(false, IpProtocol::ICMP, EntryPorts::Icmp(8, Some(0)), "10.1.0.0/16"),
            (
                "aws_network_acl_rule",
                &[("egress", Value::Bool(false)), ("icmp_type", number(8)), ("icmp_code", number(0))],
            ),
        ),
        (
            entry(false, IpProtocol::ICMPV6, EntryPorts::All, "2001:db8::/56"),
            ("aws_network_acl_rule", &[("protocol", text("58")), ("ipv6_cidr_block", text("2001:db8::/56"))]),
        ),
        (
            Edit::CreateRoute {
                table: "rtb-db".into(),
                destination: block("2001:db8::/56"),
                peering: "pcx-1".into(),
            },
            (
                "aws_route",
                &[
                    ("route_table_id", text("rtb-db")),
                    ("destination_ipv6_cidr_block", text("2001:db8::/56")),
                    ("vpc_peering_connection_id", text("pcx-1")),
                ],
            ),
        ),
        (
            Edit::AcceptPeering { peering: "pcx-1".into(), accepter: Accepter::Account },
            (
                "aws_vpc_peering_connection_accepter",
                &[("vpc_peering_connection_id", text("pcx-1")), ("auto_accept", Value::Bool(true))],
            ),
        ),
        (
            Edit::AcceptPeering { peering: "pcx-1".into(), accepter: Accepter::Space },
            ("heroku_space_peering_connection_accepter", &[("vpc_peering_connection_id", text("pcx-1"))]),
        ),
    ];
    for (edit, (kind, arguments)) in cases {
        let blocks = written(std::slice::from_ref(edit));
        let [made] = &blocks[..] else { panic!("{edit:?}: {blocks:?}") };
        assert_eq!((made.kind.as_str(), made.labels[0].as_str()), ("resource", *kind), "{edit:?}");
        for (name, value) in *arguments {
            assert_eq!(made.arguments.get(*name), Some(value), "{name} of {edit:?}");
        }
    }
}

#[test]
fn a_route_that_exists_is_imported_before_it_is_turned() {
    let edit = Edit::ReplaceRoute {
        table: "rtb-db".into(),
        destination: block("10.1.0.0/28"),
        peering: "pcx-1".into(),
        previous: None,
    };
    let blocks = written(&[edit]);
    let [import, route] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!(import.kind, "import");
    assert_eq!(import.arguments["id"], text("rtb-db_10.1.0.0/28"));
    assert_eq!(route.labels[0], "aws_route");
}

/// The new peering's id is known to nobody yet: whatever needs it refers to the resource that makes it.
#[test]
fn a_new_peering_is_referred_to_by_everything_that_leads_over_it() {
    let topology = Topology::from(&World::two_vpcs().snapshot());
    let replace = Edit::ReplacePeering {
        peering: "pcx-1".into(),
        accepter: Accepter::Account,
        routes: vec![
            ("rtb-app".into(), RouteDestination::Cidr(block("10.2.0.0/16"))),
            ("rtb-db".into(), RouteDestination::PrefixList("pl-1".into())),
        ],
    };
    let beside = Edit::CreateRoute {
        table: "rtb-db".into(),
        destination: block("10.1.0.0/16"),
        peering: "pcx-1".into(),
    };
    let edits = [replace, beside];
    let new = NewPeering::of(&topology, &edits);
    let made = terraform(&topology, &edits, new.as_ref()).expect("a plan has a form");
    let blocks = read(&made.command).unwrap_or_else(|error| panic!("{error} in\n{}", made.command));
    let request =
        blocks.iter().find(|one| one.labels.first().is_some_and(|kind| kind == "aws_vpc_peering_connection"));
    let address = request.expect("a request").labels.join(".");
    let users = blocks.iter().filter_map(|one| one.arguments.get("vpc_peering_connection_id"));
    let users: Vec<&Value> = users.collect();
    assert_eq!(users.len(), 4, "the acceptance and three routes");
    assert!(users.iter().all(|user| **user == Value::Reference(format!("{address}.id"))), "{users:?}");
}

/// A peering that nobody asked for yet: within one account and Region the request accepts itself, elsewhere
/// an accepter does.
#[test]
fn a_peering_that_is_made_has_an_accepter_where_the_request_cannot_accept_itself() {
    let create = Edit::CreatePeering {
        peering: "vpc-app_vpc-db".into(),
        requester: "vpc-app".into(),
        accepter: NetworkId::Vpc("vpc-db".into()),
    };
    let accept = Edit::AcceptPeering { peering: "vpc-app_vpc-db".into(), accepter: Accepter::Account };
    let beside = Edit::CreateRoute {
        table: "rtb-app".into(),
        destination: block("10.2.0.0/16"),
        peering: "vpc-app_vpc-db".into(),
    };
    for (owner, kinds) in [
        ("111111111111", &["aws_vpc_peering_connection", "aws_route"][..]),
        (
            "222222222222",
            &["aws_vpc_peering_connection", "aws_vpc_peering_connection_accepter", "aws_route"][..],
        ),
    ] {
        let mut world = World::two_vpcs();
        for vpc in world.aws.vpcs.iter_mut().flatten() {
            let is_asked = vpc.vpc_id.as_str() == "vpc-db";
            vpc.owner_id = Some(if is_asked { owner } else { "111111111111" }.into());
        }
        world.aws.vpc_peering_connections = Some(Vec::new());
        // Without a peering the Regions are those of the subnets' zones.
        let topology = Topology::from(&world.snapshot());
        let made = terraform(&topology, &[create.clone(), accept.clone(), beside.clone()], None)
            .expect("a plan has a form");
        let blocks = read(&made.command).unwrap_or_else(|error| panic!("{error} in\n{}", made.command));
        assert_eq!(blocks.iter().map(|one| one.labels[0].as_str()).collect::<Vec<_>>(), kinds);
        let accepts_itself = blocks[0].arguments.get("auto_accept") == Some(&Value::Bool(true));
        assert_eq!(accepts_itself, kinds.len() == 2);
        assert_eq!(blocks[0].arguments["vpc_id"], text("vpc-app"));
        assert_eq!(blocks[0].arguments["peer_vpc_id"], text("vpc-db"));
        let id = Value::Reference(format!("{}.id", blocks[0].labels.join(".")));
        for user in &blocks[1..] {
            assert_eq!(user.arguments["vpc_peering_connection_id"], id);
        }
        if let [_, accepter, _] = &blocks[..] {
            assert_eq!(accepter.arguments["provider"], Value::Reference("aws.accepter".to_string()));
        }
        assert_eq!(made.component.id(), None);
        assert_eq!(made.ownership.account.as_ref().map(|one| one.as_str()), Some("111111111111"));
    }
}

#[test]
fn an_accepter_elsewhere_has_a_provider_of_its_own() {
    let mut world = World::two_vpcs();
    for peering in world.aws.vpc_peering_connections.iter_mut().flatten() {
        let side = peering.accepter_vpc_info.as_mut().expect("a side");
        side.owner_id = Some("222222222222".into());
        side.region = Some("eu-west-1".into());
    }
    let topology = Topology::from(&world.snapshot());
    let plan = [Edit::AcceptPeering { peering: "pcx-1".into(), accepter: Accepter::Account }];
    let made = terraform(&topology, &plan, None).expect("a plan has a form");
    let blocks = read(&made.command).unwrap_or_else(|error| panic!("{error} in\n{}", made.command));
    assert_eq!(blocks[0].arguments["provider"], Value::Reference("aws.accepter".to_string()));
    assert!(
        made.command
            .contains("# aws.accepter: a provider with this alias for account 222222222222, eu-west-1")
    );
}

/// Ids are outside data.
#[test]
fn no_id_ends_a_string_a_comment_or_a_name_early() {
    for id in [
        "sg-\"\nresource \"evil\" \"x\" {}",
        "sg-${file(\"/etc/passwd\")}",
        "sg-\\",
        "9 %{ if true }",
        "sg-ü",
    ] {
        let group = id.into();
        let (protocol, ports) = (IpProtocol::TCP, EntryPorts::Ports(PortRange::single(5432)));
        let edit = Edit::Authorize { group, ingress: true, protocol, ports, cidr: block("10.1.0.0/16") };
        let blocks = written(std::slice::from_ref(&edit));
        let [made] = &blocks[..] else { panic!("{id:?}: {blocks:?}") };
        assert_eq!(made.arguments["security_group_id"], text(&id.replace('\n', " ")), "{id:?}");
    }
}

#[test]
fn the_command_and_the_terraform_are_of_one_component() {
    let topology = Topology::from(&World::two_vpcs().snapshot());
    let plan = [rule(true, IpProtocol::TCP, EntryPorts::Ports(PortRange::single(5432)), "10.1.0.0/16")];
    let (command, blocks) = (instruction(&topology, &plan, None), terraform(&topology, &plan, None));
    assert_eq!(command.map(|made| made.component), blocks.map(|made| made.component));
    assert_eq!(terraform(&topology, &[], None), None);
}

#[test]
fn the_reader_takes_nothing_that_terraform_would_not() {
    for wrong in [
        "resource \"aws_route\" \"r\" {\n  route_table_id = \"rtb-1\"\n}",
        "resource \"aws_rout\" \"r\" {\n}",
        "resource \"aws_vpc_peering_connection_accepter\" \"1r\" {\n  vpc_peering_connection_id = \"p\"\n  auto_accept = true\n}",
        "resource \"aws_vpc_peering_connection_accepter\" \"r\" {\n  vpc_peering_connection_id = \"p\"\n  auto_accept = \"true\"\n}",
        "resource \"aws_vpc_peering_connection_accepter\" \"r\" {\n  vpc_peering_connection_id = \"${p}\"\n  auto_accept = true\n}",
        "resource \"aws_vpc_peering_connection_accepter\" \"r\" {\n  vpc_peering_connection_id = \"p\" auto_accept = true\n}",
        "resource \"aws_vpc_peering_connection_accepter\" \"r\" {\n  vpc_peering_connection_id = \"p\"\n  auto_accept = true\n  pending = 1\n}",
        "resource \"aws_vpc_peering_connection_accepter\" \"r\" {\n  vpc_peering_connection_id = \"p\n  auto_accept = true\n}",
        "import {\n  to = aws_route.r\n  id = \"r\"\n}",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
