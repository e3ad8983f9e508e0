//! How each rule is broken.

use serde_json::{Value, json};

use super::documents::Documents;

/// One way to break rules.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) edit: fn(&mut Documents),
    pub(crate) flags: &'static [&'static str],
    /// Every violation: the rule and how bad it is.
    pub(crate) violated: &'static [&'static str],
    /// What their messages say.
    pub(crate) says: &'static [&'static str],
    /// What their fixes' commands hold.
    pub(crate) mends: &'static [&'static str],
}

/// Rules that are notes: there is nothing that breaks them.
pub(crate) const NEVER_VIOLATED: [&str; 5] =
    ["HPS-IAM-01", "HPS-PCX-08", "HPS-RT-06", "HPS-DST-01", "HPS-DOC-01"];

const INFO: &str = "peering-info.json";
const PEERINGS: &str = "peerings.json";
const PX: &str = "aws/peering.json";
const TABLES: &str = "aws/route-tables.json";
const GROUPS: &str = "aws/security-groups.json";
const ACLS: &str = "aws/network-acls.json";
const VPCS: &str = "aws/vpcs.json";
const ROUTES: &str = "/RouteTables/1/Routes";
const STATUS: &str = "/VpcPeeringConnections/0/Status";

/// Both lists give the peering's state.
fn state(documents: &mut Documents, code: &str) {
    documents.set(PX, STATUS, json!({"Code": code, "Message": "as AWS says"}));
    documents.set(PEERINGS, "/0/status", json!(code));
    // Routes over a peering that is not active are blackholes.
    documents.set(TABLES, "/RouteTables/1/Routes/2/State", json!("blackhole"));
}

/// Everything that names the VPC's primary CIDR names this one.
fn primary(documents: &mut Documents, cidr: &str) {
    documents.set(VPCS, "/Vpcs/0/CidrBlock", json!(cidr));
    documents.set(VPCS, "/Vpcs/0/CidrBlockAssociationSet/0/CidrBlock", json!(cidr));
    documents.set(PEERINGS, "/0/cidr_blocks/0", json!(cidr));
    documents.set(PX, "/VpcPeeringConnections/0/RequesterVpcInfo/CidrBlock", json!(cidr));
    documents.set(PX, "/VpcPeeringConnections/0/RequesterVpcInfo/CidrBlockSet/0/CidrBlock", json!(cidr));
}

/// A secondary CIDR of the VPC.
fn secondary(documents: &mut Documents, cidr: &str) {
    let block = json!({"AssociationId": "vpc-cidr-assoc-02", "CidrBlock": cidr, "CidrBlockState": {"State": "associated"}});
    documents.add(VPCS, "/Vpcs/0/CidrBlockAssociationSet", block);
}

fn route(cidr: &str, target: (&str, &str), state: &str) -> Value {
    json!({"DestinationCidrBlock": cidr, target.0: target.1, "Origin": "CreateRoute", "State": state})
}

fn entry(number: u32, egress: bool, action: &str, ports: Option<(u16, u16)>, cidr: &str) -> Value {
    let mut entry = json!({"RuleNumber": number, "Egress": egress, "RuleAction": action, "Protocol": "6", "CidrBlock": cidr});
    if let Some((from, to)) = ports {
        entry["PortRange"] = json!({"From": from, "To": to});
    }
    entry
}

const NOTHING: &[&str] = &[];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "fir",
        edit: |documents| documents.set("space.json", "/generation", json!({"name": "fir"})),
        flags: NOTHING,
        violated: &["HPS-GEN-01 error"],
        says: &["orders-space is of the generation fir"],
        mends: &["--generation cedar"],
    },
    Row {
        name: "allocating",
        edit: |documents| documents.set("space.json", "/state", json!("allocating")),
        flags: NOTHING,
        violated: &["HPS-SPC-02 error"],
        says: &["allocating"],
        mends: &["heroku spaces:wait orders-space"],
    },
    Row {
        name: "no IPv4",
        edit: |documents| {
            documents.set(VPCS, "/Vpcs/0/CidrBlock", json!("2001:db8::/56"));
            documents.set(VPCS, "/Vpcs/0/CidrBlockAssociationSet", json!([]));
        },
        flags: &["--target", "tcp://eni-0db3000000000001:5432"],
        violated: &["HPS-CIDR-01 error", "HPS-PCX-10 error", "HPS-NET-02 error"],
        says: &["has no primary IPv4 CIDR"],
        mends: &[],
    },
    Row {
        name: "a public plan",
        edit: |documents| {
            primary(documents, "100.64.0.0/16");
            documents.set("aws/subnets.json", "/Subnets/0/CidrBlock", json!("100.64.2.0/24"));
            documents.set("aws/subnets.json", "/Subnets/1/CidrBlock", json!("100.64.1.0/24"));
            documents.set(
                "aws/network-interfaces.json",
                "/NetworkInterfaces/0/PrivateIpAddress",
                json!("100.64.2.20"),
            );
            documents.set(
                "aws/network-interfaces.json",
                "/NetworkInterfaces/0/PrivateIpAddresses/0/PrivateIpAddress",
                json!("100.64.2.20"),
            );
        },
        flags: NOTHING,
        violated: &["HPS-CIDR-02 error"],
        says: &["100.64.0.0/16, is not private"],
        mends: &[],
    },
    Row {
        name: "a secondary CIDR in the space's",
        edit: |documents| secondary(documents, "10.0.64.0/20"),
        flags: NOTHING,
        violated: &["HPS-CIDR-03 error", "HPS-CIDR-08 info"],
        says: &["10.0.64.0/20 overlaps 10.0.0.0/16", "cannot be changed"],
        mends: &["heroku spaces:create --space NAME --team TEAM --generation cedar --cidr 10.2.0.0/16"],
    },
    Row {
        name: "a secondary CIDR in what the space keeps",
        edit: |documents| {
            documents.set(INFO, "/unavailable_cidr_blocks", json!(["10.1.0.0/16", "10.9.0.0/16"]));
            secondary(documents, "10.9.1.0/24");
        },
        flags: NOTHING,
        violated: &["HPS-CIDR-04 error", "HPS-CIDR-08 info"],
        says: &["10.9.1.0/24 overlaps 10.9.0.0/16"],
        mends: &["--data-cidr"],
    },
    Row {
        name: "Docker's network",
        edit: |documents| secondary(documents, "172.17.4.0/24"),
        flags: NOTHING,
        violated: &["HPS-CIDR-05 error"],
        says: &["172.17.4.0/24 overlaps 172.17.0.0/16"],
        mends: &[],
    },
    Row {
        name: "another peering's network",
        edit: |documents| {
            let other = json!({"pcx_id": "pcx-0222bbb", "type": "customer-managed", "cidr_blocks": ["10.7.0.0/16"],
                "status": "active", "aws_vpc_id": "vpc-0777", "aws_account_id": "999900001111"});
            documents.add(PEERINGS, "", other);
            secondary(documents, "10.7.8.0/24");
        },
        flags: &["--target", "tcp://10.100.2.20:5432"],
        violated: &["HPS-CIDR-07 error"],
        says: &["10.7.8.0/24 overlaps 10.7.0.0/16 of the peering with vpc-0777"],
        mends: &[],
    },
    Row {
        name: "another Region, not asked yet",
        edit: |documents| {
            documents.set(INFO, "/aws_region", json!("eu-west-1"));
            documents.set(PX, "/VpcPeeringConnections", json!([]));
            documents.set(PEERINGS, "", json!([]));
            documents.set(TABLES, "/RouteTables/0/Routes", json!([]));
            documents.set(TABLES, ROUTES, json!([]));
        },
        flags: NOTHING,
        violated: &["HPS-RGN-01 warning", "HPS-PCX-02 error"],
        says: &["us-east-1 and the space in eu-west-1"],
        mends: &["--peer-region eu-west-1"],
    },
    Row {
        name: "a request for the wrong account",
        edit: |documents| {
            documents.set(PX, "/VpcPeeringConnections/0/AccepterVpcInfo/OwnerId", json!("444455556667"));
        },
        flags: NOTHING,
        violated: &["HPS-PCX-01 error"],
        says: &["was asked of account 444455556667"],
        mends: &["--peer-owner-id 444455556666"],
    },
    Row {
        name: "no peering",
        edit: |documents| {
            documents.set(PX, "/VpcPeeringConnections", json!([]));
            documents.set(PEERINGS, "", json!([]));
            documents.set(TABLES, "/RouteTables/0/Routes", json!([]));
            documents.set(TABLES, ROUTES, json!([]));
        },
        flags: NOTHING,
        violated: &["HPS-PCX-02 error"],
        says: &["vpc-0c0ffee0c0ffee001 has no peering with the space"],
        mends: &[
            "aws ec2 create-vpc-peering-connection --vpc-id vpc-0c0ffee0c0ffee001 --peer-vpc-id vpc-0a11ce5bace000001 --peer-owner-id 444455556666",
        ],
    },
    Row {
        name: "pending",
        edit: |documents| {
            state(documents, "pending-acceptance");
            documents.at(PX, "/VpcPeeringConnections/0")["ExpirationTime"] = json!("2099-01-01T00:00:00Z");
        },
        flags: NOTHING,
        violated: &["HPS-PCX-03 error", "HPS-RT-04 info"],
        says: &["waits to be accepted; it expires in", "a consequence"],
        mends: &["heroku spaces:peerings:accept pcx-0111aaa111aaa1111 --space orders-space"],
    },
    Row {
        name: "provisioning",
        edit: |documents| state(documents, "provisioning"),
        flags: NOTHING,
        violated: &["HPS-PCX-04 warning", "HPS-RT-04 info"],
        says: &["provisioning still"],
        mends: &["heroku spaces:peerings orders-space"],
    },
    Row {
        name: "expired",
        edit: |documents| state(documents, "expired"),
        flags: NOTHING,
        violated: &["HPS-PCX-05 error", "HPS-RT-04 info"],
        says: &["expired (as AWS says) and cannot be revived"],
        mends: &["create-vpc-peering-connection"],
    },
    Row {
        name: "Heroku's by its type",
        edit: |documents| documents.set(PEERINGS, "/0/type", json!("heroku-managed")),
        flags: NOTHING,
        violated: &["HPS-PCX-06 warning"],
        says: &["should be customer-managed"],
        mends: &[],
    },
    Row {
        name: "two words for one state",
        edit: |documents| documents.set(PEERINGS, "/0/status", json!("pending-acceptance")),
        flags: NOTHING,
        violated: &["HPS-PCX-07 warning"],
        says: &["active by AWS and pending-acceptance by Heroku"],
        mends: &[],
    },
    Row {
        name: "five peerings",
        edit: |documents| {
            for number in 0..4 {
                let other = json!({"pcx_id": format!("pcx-0222bb{number}"), "type": "unknown",
                    "cidr_blocks": [format!("10.2{number}.0.0/16")], "status": "active",
                    "aws_vpc_id": format!("vpc-077{number}"), "aws_account_id": "999900001111"});
                documents.add(PEERINGS, "", other);
            }
        },
        flags: &["--target", "tcp://10.100.2.20:5432"],
        violated: &["HPS-PCX-09 warning"],
        says: &["5 of at most 5"],
        mends: &[],
    },
    Row {
        name: "another network than it seems",
        edit: |documents| documents.set(PEERINGS, "/0/cidr_blocks/0", json!("10.101.0.0/16")),
        flags: NOTHING,
        violated: &["HPS-PCX-10 error"],
        says: &["has 10.101.0.0/16, and the VPC's primary CIDR is 10.100.0.0/16"],
        mends: &[],
    },
    Row {
        name: "no route in the table that serves the subnet",
        edit: |documents| {
            documents.at(TABLES, ROUTES).as_array_mut().expect("routes").pop();
        },
        flags: NOTHING,
        violated: &["HPS-RT-01 error"],
        says: &["rtb-0b1c00000000000db"],
        mends: &[
            "aws ec2 create-route --route-table-id rtb-0b1c00000000000db --destination-cidr-block 10.0.0.0/16",
        ],
    },
    Row {
        name: "routes for the dynos' blocks alone",
        edit: |documents| {
            documents.at(TABLES, ROUTES).as_array_mut().expect("routes").pop();
            for block in ["10.0.128.0/20", "10.0.144.0/20"] {
                documents.add(
                    TABLES,
                    ROUTES,
                    route(block, ("VpcPeeringConnectionId", "pcx-0111aaa111aaa1111"), "active"),
                );
            }
        },
        flags: NOTHING,
        violated: &["HPS-RT-02 warning"],
        says: &["has no route for 10.0.0.0/20, 10.0.16.0/20"],
        mends: &["--destination-cidr-block 10.0.16.0/20"],
    },
    Row {
        name: "a route for half of a block too",
        edit: |documents| {
            documents.at(TABLES, ROUTES).as_array_mut().expect("routes").pop();
            for block in ["10.0.128.0/20", "10.0.144.0/20", "10.0.0.0/20", "10.0.16.0/20", "10.0.16.0/21"] {
                documents.add(
                    TABLES,
                    ROUTES,
                    route(block, ("VpcPeeringConnectionId", "pcx-0111aaa111aaa1111"), "active"),
                );
            }
        },
        flags: NOTHING,
        violated: &["HPS-RT-02 warning"],
        says: &["routes 10.0.16.0/21, which is no block of the space"],
        mends: &[],
    },
    Row {
        name: "an app's router behind blocks without routes",
        edit: |documents| {
            documents.at(TABLES, ROUTES).as_array_mut().expect("routes").pop();
            for table in ["/RouteTables/0/Routes", ROUTES] {
                documents.set(
                    TABLES,
                    table,
                    json!([route("10.100.0.0/16", ("GatewayId", "local"), "active")]),
                );
                for block in ["10.0.128.0/20", "10.0.144.0/20", "10.0.0.0/20"] {
                    documents.add(
                        TABLES,
                        table,
                        route(block, ("VpcPeeringConnectionId", "pcx-0111aaa111aaa1111"), "active"),
                    );
                }
            }
        },
        flags: &["--target", "https://10.0.1.9"],
        violated: &["HPS-RT-02 warning", "HPS-NET-07 error"],
        says: &["https://10.0.1.9:443 is the space's router"],
        mends: &["--destination-cidr-block 10.0.16.0/20"],
    },
    Row {
        name: "host bits",
        edit: |documents| {
            documents.add(
                GROUPS,
                "/SecurityGroups/0/IpPermissions/0/IpRanges",
                json!({"CidrIp": "10.0.145.0/20"}),
            );
        },
        flags: NOTHING,
        violated: &["HPS-RT-03 warning"],
        says: &["10.0.145.0/20 means 10.0.144.0/20"],
        mends: &[],
    },
    Row {
        name: "a route over a peering that is gone",
        edit: |documents| {
            documents.set(TABLES, "/RouteTables/1/Routes/2/VpcPeeringConnectionId", json!("pcx-0999dead"));
            documents.set(TABLES, "/RouteTables/1/Routes/2/State", json!("blackhole"));
        },
        flags: NOTHING,
        violated: &["HPS-RT-04 error"],
        says: &["pcx-0999dead"],
        mends: &["aws ec2 replace-route"],
    },
    Row {
        name: "a dead route that cuts no dyno off",
        edit: |documents| {
            documents.add(
                TABLES,
                ROUTES,
                route("10.0.16.0/20", ("VpcPeeringConnectionId", "pcx-0999dead"), "blackhole"),
            );
        },
        flags: NOTHING,
        violated: &["HPS-RT-04 warning"],
        says: &["10.0.16.0/20 (pcx-0999dead, a blackhole)"],
        mends: &[],
    },
    Row {
        name: "a longer route",
        edit: |documents| {
            documents.add(TABLES, ROUTES, route("10.0.128.0/20", ("TransitGatewayId", "tgw-0abc"), "active"));
        },
        flags: NOTHING,
        violated: &["HPS-RT-05 error"],
        says: &["10.0.128.0/20"],
        mends: &["aws ec2 replace-route"],
    },
    Row {
        name: "a longer route for a block without dynos",
        edit: |documents| {
            documents.add(TABLES, ROUTES, route("10.0.16.0/20", ("TransitGatewayId", "tgw-0abc"), "active"));
        },
        flags: NOTHING,
        violated: &["HPS-RT-05 warning"],
        says: &["10.0.16.0/20 (tgw-0abc)"],
        mends: &[],
    },
    Row {
        name: "no rule for the port",
        edit: |_| {},
        flags: &["--target", "tcp://10.100.2.20:6379"],
        violated: &["HPS-SG-01 error"],
        says: &["6379"],
        mends: &["aws ec2 authorize-security-group-ingress"],
    },
    Row {
        name: "a rule for one block of two",
        edit: |documents| {
            documents
                .at(GROUPS, "/SecurityGroups/0/IpPermissions/0/IpRanges")
                .as_array_mut()
                .expect("ranges")
                .pop();
        },
        flags: NOTHING,
        violated: &["HPS-SG-01 error", "HPS-SG-02 warning"],
        says: &["dynos in 10.0.144.0/20 are not let in and others are"],
        mends: &["--cidr 10.0.144.0/20"],
    },
    Row {
        name: "nothing let out to a dyno",
        edit: |documents| documents.set(GROUPS, "/SecurityGroups/0/IpPermissionsEgress", json!([])),
        flags: &["--target", "tcp://10.0.16.9:8080"],
        violated: &["HPS-SG-03 error"],
        says: &["eni-0db3000000000001"],
        mends: &["aws ec2 authorize-security-group-egress"],
    },
    Row {
        name: "the NAT's address in a rule",
        edit: |documents| {
            documents.add(
                GROUPS,
                "/SecurityGroups/0/IpPermissions/0/IpRanges",
                json!({"CidrIp": "203.0.113.7/32"}),
            );
        },
        flags: NOTHING,
        violated: &["HPS-SG-04 warning"],
        says: &["lets in 203.0.113.7"],
        mends: &[],
    },
    Row {
        name: "an ACL that denies the port",
        edit: |documents| {
            documents.add(
                ACLS,
                "/NetworkAcls/0/Entries",
                entry(90, false, "deny", Some((5432, 5432)), "10.0.0.0/8"),
            );
        },
        flags: NOTHING,
        violated: &["HPS-ACL-01 error"],
        says: &["acl-0777000000000001"],
        mends: &["aws ec2 create-network-acl-entry"],
    },
    Row {
        name: "an ACL that lets half of the replies out",
        edit: |documents| {
            documents.add(
                ACLS,
                "/NetworkAcls/0/Entries",
                entry(90, true, "deny", Some((49152, 65535)), "10.0.0.0/8"),
            );
        },
        flags: NOTHING,
        violated: &["HPS-ACL-02 error"],
        says: &["49152-60999"],
        mends: &["aws ec2 create-network-acl-entry"],
    },
    Row {
        name: "an ACL for just Linux's ports",
        edit: |documents| {
            documents.add(
                ACLS,
                "/NetworkAcls/0/Entries",
                entry(90, true, "allow", Some((32768, 60999)), "10.0.0.0/8"),
            );
            documents.add(ACLS, "/NetworkAcls/0/Entries", entry(91, true, "deny", None, "10.0.0.0/8"));
        },
        flags: NOTHING,
        violated: &["HPS-ACL-02 info"],
        says: &["not to 1024-32767, 61000-65535"],
        mends: &[],
    },
    Row {
        name: "a target in a secondary CIDR",
        edit: |documents| {
            secondary(documents, "10.200.0.0/16");
            documents.set("aws/subnets.json", "/Subnets/0/CidrBlock", json!("10.200.2.0/24"));
            documents.set(
                "aws/network-interfaces.json",
                "/NetworkInterfaces/0/PrivateIpAddress",
                json!("10.200.2.20"),
            );
            documents.set(
                "aws/network-interfaces.json",
                "/NetworkInterfaces/0/PrivateIpAddresses/0/PrivateIpAddress",
                json!("10.200.2.20"),
            );
        },
        flags: NOTHING,
        violated: &["HPS-NET-01 error"],
        says: &["10.200.2.20"],
        mends: &[],
    },
    Row {
        name: "a target in a VPC behind the peered one",
        edit: |documents| {
            documents.add(
                VPCS,
                "/Vpcs",
                json!({"VpcId": "vpc-0bbb", "CidrBlock": "10.50.0.0/16", "OwnerId": "111122223333"}),
            );
            documents.add(PX, "/VpcPeeringConnections", json!({
                "VpcPeeringConnectionId": "pcx-0333ccc", "Status": {"Code": "active"},
                "RequesterVpcInfo": {"CidrBlock": "10.100.0.0/16", "OwnerId": "111122223333", "VpcId": "vpc-0c0ffee0c0ffee001", "Region": "us-east-1"},
                "AccepterVpcInfo": {"CidrBlock": "10.50.0.0/16", "OwnerId": "111122223333", "VpcId": "vpc-0bbb", "Region": "us-east-1"}
            }));
        },
        flags: &["--target", "tcp://10.50.1.1:5432"],
        violated: &["HPS-NET-02 error", "HPS-PCX-02 error"],
        says: &["vpc-0bbb"],
        mends: &[],
    },
    Row {
        name: "a data service",
        edit: |_| {},
        flags: &["--target", "postgres://10.1.2.3"],
        violated: &["HPS-NET-03 error"],
        says: &["one of Heroku's data services"],
        mends: &["heroku data:privatelink:create"],
    },
    Row {
        name: "a dyno",
        edit: |_| {},
        flags: &["--target", "tcp://10.0.128.9:8080"],
        violated: &["HPS-NET-05 warning"],
        says: &["changes at every restart"],
        mends: &["heroku spaces:topology orders-space"],
    },
    Row {
        name: "an app that is called over the internet",
        edit: |documents| {
            let app = json!([{"id": "0a1b", "name": "shop", "internal_routing": false}]);
            documents.insert("apps.json", app);
        },
        flags: &["--target", "https://shop.herokuapp.com", "--target", "tcp://10.100.2.20:5432"],
        violated: &["HPS-NET-04 warning"],
        says: &["shop.herokuapp.com has no internal routing"],
        mends: &["heroku apps:create --internal-routing --space orders-space"],
    },
    Row {
        name: "a public target",
        edit: |_| {},
        flags: &["--target", "tcp://198.51.100.7:5432"],
        violated: &["HPS-NET-06 warning"],
        says: &["is public: dynos call it over the space's NAT", "203.0.113.7"],
        mends: &[],
    },
    Row {
        name: "defaults assumed",
        edit: |documents| {
            documents.remove(INFO);
            documents.remove(PX);
            documents.set("space.json", "/cidr", Value::Null);
            documents.set("space.json", "/data_cidr", Value::Null);
            secondary(documents, "10.0.64.0/20");
        },
        flags: NOTHING,
        violated: &["HPS-CIDR-06 warning"],
        says: &["assumed default"],
        mends: &["heroku spaces:peering:info orders-space"],
    },
];
