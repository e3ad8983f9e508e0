//! Every command on one small estate: what it changes, and in which words it is refused.

use peerscope_document::aws::AwsDocuments;
use peerscope_document::{AwsCollection, Snapshot};
use serde_json::{Value, json};

mod changes;
mod refusals;

/// A VPC with an active peering to the space, a pending one with another VPC, and a deleted one.
fn estate() -> Snapshot {
    let side = |vpc: &str, owner: &str, region: &str, block: &str| {
        let set = json!([{ "CidrBlock": block }]);
        json!({ "VpcId": vpc, "OwnerId": owner, "Region": region, "CidrBlock": block, "CidrBlockSet": set })
    };
    let own = side("vpc-own", "111111111111", "us-east-1", "10.100.0.0/16");
    let peering = |id: &str, code: &str, accepter: &Value| {
        json!({
            "VpcPeeringConnectionId": id,
            "Status": { "Code": code },
            "RequesterVpcInfo": own,
            "AccepterVpcInfo": accepter,
        })
    };
    let space = side("vpc-space", "222222222222", "us-west-2", "10.0.0.0/16");
    let other = side("vpc-other", "111111111111", "us-east-1", "10.50.0.0/16");
    let documents = json!({
        "Vpcs": [
            { "VpcId": "vpc-own", "OwnerId": "111111111111", "CidrBlock": "10.100.0.0/16" },
            { "VpcId": "vpc-other", "OwnerId": "111111111111", "CidrBlock": "10.50.0.0/16" },
            { "VpcId": "vpc-twin", "OwnerId": "111111111111", "CidrBlock": "10.100.0.0/20" },
        ],
        "Subnets": [
            { "SubnetId": "subnet-1", "VpcId": "vpc-own", "CidrBlock": "10.100.1.0/24", "AvailabilityZone": "us-east-1a" },
        ],
        "RouteTables": [{
            "RouteTableId": "rtb-1", "VpcId": "vpc-own",
            "Routes": [
                { "DestinationCidrBlock": "10.100.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active" },
                { "DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-live", "Origin": "CreateRoute", "State": "active" },
                { "DestinationCidrBlock": "10.50.0.0/16", "VpcPeeringConnectionId": "pcx-asked", "Origin": "CreateRoute", "State": "blackhole" },
                { "DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "vgw-1", "Origin": "EnableVgwRoutePropagation", "State": "active" },
            ],
        }],
        "SecurityGroups": [{
            "GroupId": "sg-1", "VpcId": "vpc-own",
            "IpPermissions": [
                { "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{ "CidrIp": "10.0.128.0/20" }] },
                { "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                  "UserIdGroupPairs": [{ "GroupId": "sg-far", "VpcPeeringConnectionId": "pcx-live", "PeeringStatus": "active" }] },
            ],
            "IpPermissionsEgress": [{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }],
        }],
        "NetworkAcls": [{
            "NetworkAclId": "acl-1", "VpcId": "vpc-own",
            "Entries": [
                { "RuleNumber": 100, "Egress": false, "RuleAction": "allow", "Protocol": "6", "CidrBlock": "10.0.0.0/16", "PortRange": { "From": 5432, "To": 5432 } },
                { "RuleNumber": 32767, "Egress": false, "RuleAction": "deny", "Protocol": "-1", "CidrBlock": "0.0.0.0/0" },
            ],
        }],
        "VpcPeeringConnections": [
            peering("pcx-live", "active", &space),
            peering("pcx-asked", "pending-acceptance", &other),
            peering("pcx-gone", "deleted", &space),
        ],
        "NetworkInterfaces": [
            { "NetworkInterfaceId": "eni-1", "VpcId": "vpc-own", "SubnetId": "subnet-1", "Attachment": { "InstanceId": "i-1" } },
            { "NetworkInterfaceId": "eni-2", "VpcId": "vpc-other" },
        ],
    });
    let documents: AwsDocuments = serde_json::from_value(documents).unwrap();
    let heroku = json!({
        "space": { "id": "5e1f", "name": "my space" },
        "peering_info": {
            "aws_account_id": "222222222222", "aws_region": "us-west-2", "vpc_id": "vpc-space", "vpc_cidr": "10.0.0.0/16",
        },
        "peerings": [
            { "pcx_id": "pcx-live", "type": "customer-managed", "status": "active", "aws_vpc_id": "vpc-own" },
            { "pcx_id": "pcx-data", "type": "heroku-postgresql", "status": "active" },
        ],
        "topology": null,
    });
    // The tables are listed twice, as an account's snapshot taken twice would.
    let again = AwsDocuments { route_tables: documents.route_tables.clone(), ..AwsDocuments::default() };
    let collection = |documents| AwsCollection { region: None, documents };
    Snapshot {
        aws: vec![collection(documents), collection(again)],
        heroku: serde_json::from_value(heroku).unwrap(),
        ..Snapshot::default()
    }
}
