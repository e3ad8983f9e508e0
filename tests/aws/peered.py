"""Makes two VPCs by the EC2 API and lets one reach a database in the other, and prints the ids of what it made.

    peered.py ENDPOINT REGION
"""

import json
import sys

import boto3

endpoint, region = sys.argv[1:]
ec2 = boto3.client("ec2", endpoint_url=endpoint, region_name=region, aws_access_key_id="AKIAMOTO", aws_secret_access_key="secret")


def side(name, block, subnet_block, address):
    vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=subnet_block)["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    group = ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"]
    interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=[group])
    return {
        "vpc": vpc,
        "subnet": subnet,
        "route_table": table,
        "group": group,
        "interface": interface["NetworkInterface"]["NetworkInterfaceId"],
        "block": block,
        "address": address,
    }


def network_acl(of, other):
    """An ACL that lets through requests to the database and their answers, and nothing else."""
    acl = ec2.create_network_acl(VpcId=of["vpc"])["NetworkAcl"]["NetworkAclId"]
    for egress in (False, True):
        for number, first, last in ((100, 5432, 5432), (110, 1024, 65535)):
            ec2.create_network_acl_entry(
                NetworkAclId=acl, RuleNumber=number, Protocol="6", RuleAction="allow", Egress=egress,
                CidrBlock=other["block"], PortRange={"From": first, "To": last},
            )
    filters = [{"Name": "association.subnet-id", "Values": [of["subnet"]]}]
    (present,) = ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
    (association,) = [one for one in present["Associations"] if one["SubnetId"] == of["subnet"]]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)
    return acl


source = side("web", "10.20.0.0/16", "10.20.1.0/24", "10.20.1.10")
target = side("db", "10.30.0.0/16", "10.30.1.0/24", "10.30.1.20")
peering = ec2.create_vpc_peering_connection(VpcId=source["vpc"], PeerVpcId=target["vpc"])
peering = peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
for one, other in ((source, target), (target, source)):
    ec2.create_route(RouteTableId=one["route_table"], DestinationCidrBlock=other["block"], VpcPeeringConnectionId=peering)
    one["network_acl"] = network_acl(one, other)
permission = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": source["block"], "Description": "orders"}]}
ec2.authorize_security_group_ingress(GroupId=target["group"], IpPermissions=[permission])
print(json.dumps({"source": source, "target": target, "peering": peering}))
