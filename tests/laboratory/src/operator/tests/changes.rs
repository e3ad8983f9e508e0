//! What commands change.

use serde_json::{Value, json};

use super::estate;
use crate::operator::run;

fn after(commands: &str) -> Value {
    let mut snapshot = estate();
    run(&mut snapshot, commands).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_value(&snapshot).unwrap()
}

fn find<'v>(list: &'v Value, key: &str, id: &str) -> &'v Value {
    list.as_array().into_iter().flatten().find(|it| it[key] == id).unwrap_or(&Value::Null)
}

/// The route to a destination in each copy of the table.
fn routes<'v>(snapshot: &'v Value, destination: &str) -> [&'v Value; 2] {
    [0, 1].map(|copy| {
        let routes = &snapshot["aws"][copy]["documents"]["RouteTables"][0]["Routes"];
        ["DestinationCidrBlock", "DestinationIpv6CidrBlock"]
            .map(|key| find(routes, key, destination))
            .into_iter()
            .find(|route| !route.is_null())
            .unwrap_or(&Value::Null)
    })
}

#[test]
fn routes_change_in_every_copy() {
    let table = "--route-table-id rtb-1 --region us-east-1";
    for (command, destination, key, value, state) in [
        (
            "create-route --destination-cidr-block 10.2.1.0/20 --vpc-peering-connection-id pcx-live",
            "10.2.0.0/20",
            "VpcPeeringConnectionId",
            "pcx-live",
            "active",
        ),
        (
            "create-route --destination-cidr-block 10.9.0.0/16 --vpc-peering-connection-id pcx-asked",
            "10.9.0.0/16",
            "State",
            "active",
            "active",
        ),
        (
            "create-route --destination-ipv6-cidr-block 2001:db8::1/64 --egress-only-internet-gateway-id eigw-1",
            "2001:db8::/64",
            "EgressOnlyInternetGatewayId",
            "eigw-1",
            "active",
        ),
        (
            "create-route --destination-cidr-block 10.100.1.0/24 --vpc-endpoint-id vpce-1",
            "10.100.1.0/24",
            "GatewayId",
            "vpce-1",
            "active",
        ),
        (
            "create-route --destination-cidr-block 10.3.0.0/16 --instance-id i-1",
            "10.3.0.0/16",
            "NetworkInterfaceId",
            "eni-1",
            "active",
        ),
        (
            "replace-route --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id pcx-gone",
            "10.0.0.0/16",
            "VpcPeeringConnectionId",
            "pcx-gone",
            "blackhole",
        ),
        (
            "replace-route --destination-cidr-block 10.0.0.0/16 --transit-gateway-id tgw-1",
            "10.0.0.0/16",
            "TransitGatewayId",
            "tgw-1",
            "active",
        ),
    ] {
        let snapshot = after(&format!("aws ec2 {command} {table}"));
        for route in routes(&snapshot, destination) {
            assert_eq!((&route[key], &route["State"]), (&json!(value), &json!(state)), "{command}: {route}");
        }
    }
    let snapshot = after(&format!("aws ec2 delete-route {table} --destination-cidr-block 10.0.0.1/16"));
    assert!(routes(&snapshot, "10.0.0.0/16").iter().all(|route| route.is_null()));
}

#[test]
fn rules_of_groups_are_joined_and_taken_back() {
    let group = "--group-id sg-1 --region us-east-1";
    for (way, rule) in [
        ("ingress", "--protocol tcp --port 5432 --cidr 10.0.144.0/20"),
        ("ingress", "--protocol udp --port 53-54 --cidr=10.0.144.0/20"),
        ("egress", "--protocol all --cidr 10.0.144.0/20"),
        ("egress", "--protocol icmp --port -1 --cidr 10.0.144.0/20"),
        (
            "ingress",
            "--ip-permissions 'IpProtocol=icmp,FromPort=8,ToPort=-1,IpRanges=[{CidrIp=10.0.0.0/16}]'",
        ),
        (
            "ingress",
            "--ip-permissions 'IpProtocol=-1,Ipv6Ranges=[{CidrIpv6=2001:db8::/56,Description=x},{CidrIpv6=::1/128}]'",
        ),
        (
            "ingress",
            "--ip-permissions 'IpProtocol=tcp,FromPort=1,ToPort=2,UserIdGroupPairs=[{GroupId=sg-1}]' 'IpProtocol=47,IpRanges=[{CidrIp=10.0.0.0/16}]'",
        ),
    ] {
        let authorize = format!("aws ec2 authorize-security-group-{way} {group} {rule}");
        let mut snapshot = estate();
        run(&mut snapshot, &authorize).unwrap();
        assert_ne!(snapshot, estate(), "{rule}");
        let again = run(&mut snapshot, &authorize).unwrap_err();
        assert_eq!(again.code(), Some("InvalidPermission.Duplicate"), "{rule}");
        run(&mut snapshot, &authorize.replace("authorize", "revoke")).unwrap();
        assert_eq!(snapshot, estate(), "{rule}");
    }
    let snapshot = after(&format!(
        "aws ec2 authorize-security-group-ingress {group} --protocol tcp --port 5432 --cidr 10.0.144.9/20"
    ));
    let permission = &snapshot["aws"][0]["documents"]["SecurityGroups"][0]["IpPermissions"][0];
    assert_eq!(permission["IpRanges"][1]["CidrIp"], "10.0.144.0/20");
}

#[test]
fn entries_of_acls_come_change_and_go() {
    let acl = "--network-acl-id acl-1 --region us-east-1";
    let entry = "--egress --rule-number 90 --rule-action allow";
    for what in [
        "--protocol tcp --port-range From=32768,To=60999 --cidr-block 10.0.128.0/20",
        "--protocol icmp --icmp-type-code Type=0,Code=-1 --cidr-block 10.0.128.0/20",
        "--protocol 58 --icmp-type-code Code=-1,Type=129 --ipv6-cidr-block 2001:db8::/56",
        "--protocol -1 --cidr-block 10.0.128.0/20",
    ] {
        let mut snapshot = estate();
        run(&mut snapshot, &format!("aws ec2 create-network-acl-entry {acl} {entry} {what}")).unwrap();
        assert_eq!(snapshot.aws[0].documents.network_acls.as_ref().unwrap()[0].entries.len(), 3, "{what}");
        run(&mut snapshot, &format!("aws ec2 delete-network-acl-entry {acl} --egress --rule-number 90"))
            .unwrap();
        assert_eq!(snapshot, estate(), "{what}");
    }
    let snapshot = after(&format!(
        "aws ec2 replace-network-acl-entry {acl} --ingress --rule-number 100 --rule-action deny --protocol -1 --cidr-block 10.0.0.0/16"
    ));
    let entries = &snapshot["aws"][0]["documents"]["NetworkAcls"][0]["Entries"];
    assert_eq!((&entries[0]["RuleAction"], &entries[0]["PortRange"]), (&json!("deny"), &Value::Null));
}

#[test]
fn a_peering_is_asked_for_anew_and_accepted_by_heroku() {
    let request = "PCX=$(aws ec2 create-vpc-peering-connection --vpc-id vpc-own \\\n  --peer-vpc-id vpc-space --peer-owner-id 222222222222 --peer-region us-west-2 --region us-east-1 --query VpcPeeringConnection.VpcPeeringConnectionId --output text)";
    let delete = "aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id pcx-live";
    let pointed = "aws ec2 replace-route --route-table-id rtb-1 --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id \"$PCX\"";
    let accept = "heroku spaces:peerings:accept \"$PCX\" --space 'my space'";
    let id = "pcx-00000000000000001";

    let pending = after(&format!("# a comment, isn't it\n{delete}\n{request}\n{pointed}"));
    let listed = |snapshot: &Value| find(&snapshot["heroku"]["peerings"], "pcx_id", id)["status"].clone();
    let at_aws = |snapshot: &Value, id: &str| {
        let list = &snapshot["aws"][0]["documents"]["VpcPeeringConnections"];
        find(list, "VpcPeeringConnectionId", id).clone()
    };
    assert_eq!(at_aws(&pending, "pcx-live")["Status"]["Code"], "deleted");
    assert_eq!(at_aws(&pending, id)["Status"]["Code"], "pending-acceptance");
    assert_eq!(at_aws(&pending, id)["AccepterVpcInfo"]["CidrBlock"], Value::Null);
    assert_eq!(listed(&pending), "pending-acceptance");
    assert_eq!(routes(&pending, "10.0.0.0/16")[1]["State"], "blackhole");
    let groups = &pending["aws"][0]["documents"]["SecurityGroups"][0]["IpPermissions"];
    assert_eq!(groups[1]["UserIdGroupPairs"][0]["PeeringStatus"], "deleted");

    let active = after(&format!("{delete}\n{request}\n{pointed}\n{accept}"));
    assert_eq!(at_aws(&active, id)["Status"]["Code"], "active");
    assert_eq!(at_aws(&active, id)["AccepterVpcInfo"]["CidrBlock"], "10.0.0.0/16");
    assert_eq!(listed(&active), "active");
    assert_eq!(routes(&active, "10.0.0.0/16")[1]["State"], "active");

    let destroy = "heroku spaces:peerings:destroy \"$PCX\" --space 'my space' --confirm \"$PCX\"";
    let gone = after(&format!("{delete}\n{request}\n{pointed}\n{accept}\n{destroy}"));
    assert_eq!(listed(&gone), "deleted");
    assert_eq!(routes(&gone, "10.0.0.0/16")[0]["State"], "blackhole");
}

#[test]
fn an_account_accepts_and_a_wrong_request_fails() {
    let accepted = after(
        "aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id pcx-asked --region us-east-1",
    );
    assert_eq!(routes(&accepted, "10.50.0.0/16")[0]["State"], "active");
    let delete = "aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id pcx-live";
    for (request, accept) in [
        (
            "--peer-vpc-id vpc-twin",
            "aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id pcx-00000000000000001",
        ),
        (
            "--peer-vpc-id vpc-space --peer-owner-id 222222222222",
            "heroku spaces:peerings:accept pcx-00000000000000001 --space 5e1f",
        ),
    ] {
        let mut snapshot = estate();
        run(
            &mut snapshot,
            &format!("{delete}\naws ec2 create-vpc-peering-connection --vpc-id vpc-own {request}"),
        )
        .unwrap();
        let list = snapshot.aws[0].documents.vpc_peering_connections.as_ref().unwrap();
        let status = list.last().and_then(|it| it.status.as_ref()?.code.clone());
        assert_eq!(status.unwrap().as_str(), "failed", "{request}");
        assert!(run(&mut snapshot, accept).is_err(), "{request}");
    }
}
