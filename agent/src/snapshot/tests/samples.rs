//! Documents of a small estate as people save them: a VPC with a database, peered with a space.

/// File names and contents, in the order in which a folder is read.
pub(super) const ALL: &[(&str, &str)] = &[
    ("gateways.json", GATEWAYS),
    ("instances.json", INSTANCES),
    ("interfaces.json", INTERFACES),
    ("manifest.json", MANIFEST),
    ("nacls.json", NETWORK_ACLS),
    ("named.json", NAMED),
    ("pcx.json", PEERING_CONNECTIONS),
    ("pl.json", PREFIX_LISTS),
    ("rtb.json", ROUTE_TABLES),
    ("sg.json", SECURITY_GROUPS),
    ("sgr.json", SECURITY_GROUP_RULES),
    ("space-info.json", PEERING_INFO),
    ("space-peerings.json", PEERINGS),
    ("space-topology.json", TOPOLOGY),
    ("space.json", SPACE),
    ("vpcs-subnets.json", VPCS_AND_SUBNETS),
];

/// Two documents one after the other, as `>>` makes them.
pub(super) const VPCS_AND_SUBNETS: &str = r#"{
    "Vpcs": [
        {
            "CidrBlock": "10.100.0.0/16",
            "DhcpOptionsId": "dopt-0c1",
            "State": "available",
            "VpcId": "vpc-0a11ce",
            "OwnerId": "111122223333",
            "InstanceTenancy": "default",
            "CidrBlockAssociationSet": [
                {
                    "AssociationId": "vpc-cidr-assoc-01",
                    "CidrBlock": "10.100.0.0/16",
                    "CidrBlockState": { "State": "associated" }
                }
            ],
            "IsDefault": false,
            "Tags": [ { "Key": "Name", "Value": "orders \u2192 db" } ]
        }
    ]
}
{
    "Subnets": [
        {
            "AvailabilityZone": "us-east-1b",
            "AvailableIpAddressCount": 250,
            "CidrBlock": "10.100.2.0/24",
            "MapPublicIpOnLaunch": false,
            "State": "available",
            "SubnetId": "subnet-0db",
            "VpcId": "vpc-0a11ce",
            "OwnerId": "111122223333",
            "Ipv6CidrBlockAssociationSet": []
        }
    ]
}
"#;

pub(super) const ROUTE_TABLES: &str = r#"{
  "RouteTables": [
    {
      "Associations": [
        { "Main": true, "RouteTableAssociationId": "rtbassoc-01", "RouteTableId": "rtb-0ma1",
          "AssociationState": { "State": "associated" } }
      ],
      "PropagatingVgws": [],
      "RouteTableId": "rtb-0ma1",
      "Routes": [
        { "DestinationCidrBlock": "10.100.0.0/16", "GatewayId": "local",
          "Origin": "CreateRouteTable", "State": "active" },
        { "DestinationCidrBlock": "10.0.0.0/16", "Origin": "CreateRoute",
          "State": "active", "VpcPeeringConnectionId": "pcx-0f00d" },
        { "DestinationPrefixListId": "pl-0123456789abcdef0", "NatGatewayId": "nat-01", "State": "blackhole" }
      ],
      "Tags": null,
      "VpcId": "vpc-0a11ce",
      "OwnerId": "111122223333"
    }
  ]
}
"#;

pub(super) const SECURITY_GROUPS: &str = r#"{"SecurityGroups": [{
  "Description": "database", "GroupName": "orders-db", "GroupId": "sg-0db", "OwnerId": "111122223333",
  "IpPermissions": [
    {"FromPort": 5432, "IpProtocol": "tcp", "ToPort": 5432, "Ipv6Ranges": [], "PrefixListIds": [],
     "IpRanges": [{"CidrIp": "10.0.128.0/20", "Description": "dynos"}],
     "UserIdGroupPairs": [{"GroupId": "sg-0app", "UserId": "111122223333"}]},
    {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
  "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
     "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}],
  "VpcId": "vpc-0a11ce"}]}"#;

pub(super) const SECURITY_GROUP_RULES: &str = r#"{"SecurityGroupRules": [
  {"SecurityGroupRuleId": "sgr-01", "GroupId": "sg-0db", "GroupOwnerId": "111122223333", "IsEgress": false,
   "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIpv4": "10.0.128.0/20", "Description": "dynos", "Tags": [],
   "SecurityGroupRuleArn": "arn:aws:ec2:us-east-1:111122223333:security-group-rule/sgr-01"},
  {"SecurityGroupRuleId": "sgr-02", "GroupId": "sg-0db", "GroupOwnerId": "111122223333", "IsEgress": false,
   "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
   "ReferencedGroupInfo": {"GroupId": "sg-0app", "UserId": "999900001111", "VpcId": "vpc-0e4",
     "VpcPeeringConnectionId": "pcx-0f00d", "PeeringStatus": "active"}},
  {"SecurityGroupRuleId": "sgr-03", "GroupId": "sg-0db", "IsEgress": true, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1,
   "CidrIpv6": "::/0"},
  {"SecurityGroupRuleId": "sgr-04", "GroupId": "sg-0db", "IsEgress": true, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1,
   "PrefixListId": "pl-0123456789abcdef0"}]}"#;

pub(super) const NETWORK_ACLS: &str = r#"{"NetworkAcls": [{
  "Associations": [{"NetworkAclAssociationId": "aclassoc-1", "NetworkAclId": "acl-01", "SubnetId": "subnet-0db"}],
  "Entries": [
    {"CidrBlock": "0.0.0.0/0", "Egress": true, "PortRange": {"From": 1024, "To": 65535},
     "Protocol": "6", "RuleAction": "allow", "RuleNumber": 100},
    {"CidrBlock": "0.0.0.0/0", "Egress": false, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767}],
  "IsDefault": false, "NetworkAclId": "acl-01", "VpcId": "vpc-0a11ce", "OwnerId": "111122223333"}]}"#;

pub(super) const PEERING_CONNECTIONS: &str = r#"{"VpcPeeringConnections": [{
  "AccepterVpcInfo": {"CidrBlock": "10.0.0.0/16", "CidrBlockSet": [{"CidrBlock": "10.0.0.0/16"}],
    "OwnerId": "999900001111", "VpcId": "vpc-0e4", "Region": "us-east-1",
    "PeeringOptions": {"AllowDnsResolutionFromRemoteVpc": false}},
  "RequesterVpcInfo": {"CidrBlock": "10.100.0.0/16", "OwnerId": "111122223333", "VpcId": "vpc-0a11ce"},
  "Status": {"Code": "active", "Message": "Active"},
  "Tags": [], "VpcPeeringConnectionId": "pcx-0f00d"}]}"#;

pub(super) const INTERFACES: &str = r#"{"NetworkInterfaces": [{
  "Attachment": {"AttachmentId": "ela-1", "InstanceOwnerId": "amazon-rds", "Status": "attached"},
  "AvailabilityZone": "us-east-1b", "Description": "RDSNetworkInterface",
  "Groups": [{"GroupName": "orders-db", "GroupId": "sg-0db"}], "InterfaceType": "interface",
  "Ipv6Addresses": [{"Ipv6Address": "fd00::20"}],
  "NetworkInterfaceId": "eni-0db", "OwnerId": "111122223333", "PrivateIpAddress": "10.100.2.20",
  "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": "10.100.2.20"}],
  "SourceDestCheck": true, "Status": "in-use", "SubnetId": "subnet-0db", "TagSet": [], "VpcId": "vpc-0a11ce"}]}"#;

pub(super) const INSTANCES: &str = r#"{"Reservations": [{"Groups": [], "OwnerId": "111122223333", "ReservationId": "r-1",
  "Instances": [{"ImageId": "ami-1", "InstanceId": "i-0a", "PrivateIpAddress": "10.100.2.9",
    "State": {"Code": 16, "Name": "running"}, "SubnetId": "subnet-0db", "VpcId": "vpc-0a11ce",
    "NetworkInterfaces": [{"NetworkInterfaceId": "eni-0a", "PrivateIpAddress": "10.100.2.9"}]}]}]}"#;

pub(super) const GATEWAYS: &str = r#"{
  "InternetGateways": [{"Attachments": [{"State": "available", "VpcId": "vpc-0a11ce"}], "InternetGatewayId": "igw-01",
    "OwnerId": "111122223333", "Tags": [{"Key": "Name", "Value": "out"}]}],
  "EgressOnlyInternetGateways": [{"Attachments": [{"State": "attached", "VpcId": "vpc-0a11ce"}],
    "EgressOnlyInternetGatewayId": "eigw-01", "Tags": []}],
  "NatGateways": [{"CreateTime": "2026-01-06T03:23:13+00:00", "NatGatewayAddresses": [{"AllocationId": "eipalloc-1",
    "NetworkInterfaceId": "eni-0nat", "PrivateIp": "10.100.2.7", "PublicIp": "203.0.113.7"}], "NatGatewayId": "nat-01",
    "State": "available", "SubnetId": "subnet-0db", "VpcId": "vpc-0a11ce", "ConnectivityType": "public", "Tags": null}],
  "TransitGateways": [{"TransitGatewayId": "tgw-01", "TransitGatewayArn": "arn:aws:ec2:us-east-1:999900001111:transit-gateway/tgw-01",
    "State": "available", "OwnerId": "999900001111", "Description": "core", "Options": {"AmazonSideAsn": 64512}, "Tags": []}],
  "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-01", "TransitGatewayId": "tgw-01",
    "TransitGatewayOwnerId": "999900001111", "ResourceOwnerId": "111122223333", "ResourceType": "vpc",
    "ResourceId": "vpc-0a11ce", "State": "available",
    "Association": {"TransitGatewayRouteTableId": "tgw-rtb-01", "State": "associated"}, "Tags": []}],
  "TransitGatewayVpcAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-01", "TransitGatewayId": "tgw-01",
    "VpcId": "vpc-0a11ce", "VpcOwnerId": "111122223333", "State": "available", "SubnetIds": ["subnet-0db"],
    "Options": {"DnsSupport": "enable"}}],
  "VpcEndpoints": [{"VpcEndpointId": "vpce-01", "VpcEndpointType": "GatewayLoadBalancer", "VpcId": "vpc-0a11ce",
    "ServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-01", "State": "available", "RouteTableIds": [],
    "SubnetIds": ["subnet-0db"], "Groups": [], "NetworkInterfaceIds": ["eni-0gw"], "OwnerId": "111122223333", "Tags": []}],
  "VpnGateways": [{"State": "available", "Type": "ipsec.1", "VpcAttachments": [{"State": "attached", "VpcId": "vpc-0a11ce"}],
    "VpnGatewayId": "vgw-01", "AmazonSideAsn": 64512, "Tags": []}]
}"#;

pub(super) const NAMED: &str = r#"{
  "VpcAttributes": [{"VpcId": "vpc-0a11ce", "EnableDnsSupport": {"Value": true}, "EnableDnsHostnames": {"Value": false}}],
  "DBInstances": [{"DBInstanceIdentifier": "orders", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
    "DBInstanceStatus": "available", "MasterUsername": "not-to-be-shown", "MultiAZ": false, "PubliclyAccessible": false,
    "Endpoint": {"Address": "orders.c9akciq32.us-east-1.rds.amazonaws.com", "Port": 5432, "HostedZoneId": "Z2R2ITUGPM61AM"},
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-0db", "Status": "active"}], "DBParameterGroups": [],
    "DBSubnetGroup": {"DBSubnetGroupName": "orders", "VpcId": "vpc-0a11ce", "SubnetGroupStatus": "Complete",
      "Subnets": [{"SubnetIdentifier": "subnet-0db", "SubnetAvailabilityZone": {"Name": "us-east-1b"}, "SubnetStatus": "Active"}]},
    "DBInstanceArn": "arn:aws:rds:us-east-1:111122223333:db:orders", "TagList": []}],
  "DBClusters": [{"DBClusterIdentifier": "ledger", "Status": "available", "Engine": "aurora-postgresql", "Port": 5432,
    "Endpoint": "ledger.cluster-c9akciq32.us-east-1.rds.amazonaws.com",
    "ReaderEndpoint": "ledger.cluster-ro-c9akciq32.us-east-1.rds.amazonaws.com", "DBSubnetGroup": "orders",
    "DBClusterMembers": [{"DBInstanceIdentifier": "ledger-1", "IsClusterWriter": true, "PromotionTier": 1}],
    "VpcSecurityGroups": [], "AvailabilityZones": ["us-east-1b"]}],
  "LoadBalancers": [{"LoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/front/0123456789abcdef",
    "DNSName": "front-0123456789abcdef.elb.us-east-1.amazonaws.com", "CanonicalHostedZoneId": "Z26RNL4JYFTOTI",
    "LoadBalancerName": "front", "Scheme": "internal", "VpcId": "vpc-0a11ce", "State": {"Code": "active"}, "Type": "network",
    "AvailabilityZones": [{"ZoneName": "us-east-1b", "SubnetId": "subnet-0db", "LoadBalancerAddresses": [
      {"PrivateIPv4Address": "10.100.2.30"}]}], "SecurityGroups": ["sg-0db"], "IpAddressType": "ipv4"}],
  "Listeners": [{"ListenerArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/net/front/0123456789abcdef/1",
    "LoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/front/0123456789abcdef",
    "Port": 5432, "Protocol": "TCP", "DefaultActions": [{"Type": "forward", "Order": 1,
      "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/back/0123456789abcdef"}]}],
  "TargetGroups": [{"TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/back/0123456789abcdef",
    "TargetGroupName": "back", "Protocol": "TCP", "Port": 5432, "VpcId": "vpc-0a11ce", "TargetType": "ip",
    "LoadBalancerArns": ["arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/front/0123456789abcdef"]}],
  "TargetGroupHealth": [{"TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/back/0123456789abcdef",
    "TargetHealthDescriptions": [{"Target": {"Id": "10.100.2.20", "Port": 5432, "AvailabilityZone": "us-east-1b"},
      "HealthCheckPort": "5432", "TargetHealth": {"State": "unhealthy", "Reason": "Target.FailedHealthChecks",
        "Description": "Health checks failed"}}]}]
}"#;

pub(super) const PREFIX_LISTS: &str = r#"[
  {"PrefixLists": [{"PrefixListId": "pl-0123456789abcdef0", "PrefixListName": "offices", "MaxEntries": 9,
    "OwnerId": "111122223333", "State": "create-complete"}]},
  {"Entries": [{"Cidr": "192.0.2.0/24", "Description": "headquarters"}, {"Cidr": "198.51.100.0/24"}]}
]"#;

pub(super) const SPACE: &str = r#"{"id": "6d1c", "name": "orders-space", "state": "allocated", "shield": false,
  "cidr": "10.0.0.0/16", "data_cidr": "172.23.0.0/20", "generation": "cedar", "region": {"id": "59ac", "name": "virginia"},
  "team": {"name": "orders"}, "created_at": "2026-01-06T03:23:13Z", "updated_at": null}"#;

pub(super) const PEERING_INFO: &str = r#"{
  "aws_account_id": "999900001111", "aws_region": "us-east-1", "vpc_id": "vpc-0e4", "vpc_cidr": "10.0.0.0/16",
  "dyno_cidr_blocks": ["10.0.128.0/20", "10.0.144.0/20"],
  "space_cidr_blocks": ["10.0.128.0/20", "10.0.144.0/20", "10.0.0.0/20", "10.0.16.0/20"],
  "unavailable_cidr_blocks": ["172.23.0.0/20"]
}"#;

pub(super) const PEERINGS: &str = r#"[
  {"pcx_id": "******", "type": "heroku-managed", "cidr_blocks": ["172.23.0.0/20"], "status": "active",
   "aws_vpc_id": "******", "aws_region": "******", "aws_account_id": "******", "expires": null},
  {"pcx_id": "pcx-0f00d", "type": "customer-managed", "cidr_blocks": ["10.100.0.0/16"], "status": "active",
   "aws_vpc_id": "vpc-0a11ce", "aws_region": "us-east-1", "aws_account_id": "111122223333"}
]"#;

pub(super) const TOPOLOGY: &str = r#"{"version": 1, "apps": [{"id": "a1", "domains": ["orders.herokuapp.com"],
  "formation": [{"id": "f1", "process_type": "web", "dynos": [
    {"id": "d1", "number": 1, "private_ip": "10.0.139.183", "hostname": "1.example.app.localspace"}]}]}]}"#;

pub(super) const MANIFEST: &str = r#"{"schema": "peerscope/snapshot/1", "at": "2026-11-22T10:00:00Z", "calls": [{"call": "DescribeVpcs"}]}"#;

pub(super) const NAT: &str =
    r#"{"state": "enabled", "sources": ["203.0.113.10"], "created_at": "2026-01-06T03:23:13Z"}"#;

pub(super) const VPN_CONNECTIONS: &str = r#"[{"id": "v1", "name": "office", "public_ip": "203.0.113.9",
  "routable_cidrs": ["192.0.2.0/24"], "space_cidr_block": "10.0.0.0/16", "status": "active",
  "tunnels": [{"ip": "203.0.113.2", "pre_shared_key": "not-to-be-shown", "status": "UP"}]}]"#;
