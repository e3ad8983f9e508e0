//! What is refused, by whom and in which words.

use super::estate;
use crate::operator::{run, run_all};

#[test]
fn what_a_service_refuses_has_its_code() {
    let table = "--route-table-id rtb-1";
    let to_space = "--destination-cidr-block 10.0.0.0/16";
    let tcp = "--protocol tcp --port 5432";
    let entry = "--network-acl-id acl-1 --rule-action allow --cidr-block 10.0.0.0/16";
    let pcx = "--vpc-peering-connection-id";
    let request = "create-vpc-peering-connection --vpc-id vpc-own";
    let cases: &[(&str, &str)] = &[
        (&format!("create-route {table} {to_space} {pcx} pcx-live"), "RouteAlreadyExists"),
        (
            &format!("create-route {table} --destination-cidr-block 10.0.3.0/16 {pcx} pcx-live"),
            "RouteAlreadyExists",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 10.100.0.0/16 {pcx} pcx-live"),
            "RouteAlreadyExists",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 10.100.1.0/24 {pcx} pcx-live"),
            "InvalidParameterValue",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 169.254.168.0/24 {pcx} pcx-live"),
            "InvalidParameterValue",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 10.1/16 {pcx} pcx-live"),
            "InvalidParameterValue",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 2001:db8::/64 {pcx} pcx-live"),
            "InvalidParameterValue",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 10.1.0.0/16 {pcx} pcx-no"),
            "InvalidVpcPeeringConnectionID.NotFound",
        ),
        (
            &format!(
                "create-route {table} --destination-cidr-block 10.1.0.0/16 --network-interface-id eni-no"
            ),
            "InvalidNetworkInterfaceID.NotFound",
        ),
        (
            &format!(
                "create-route {table} --destination-cidr-block 10.1.0.0/16 --network-interface-id eni-2"
            ),
            "InvalidParameterValue",
        ),
        (
            &format!("create-route {table} --destination-cidr-block 10.1.0.0/16 --gateway-id vpce-1"),
            "InvalidParameterValue",
        ),
        (&format!("create-route {table} --destination-cidr-block 10.1.0.0/16"), "MissingParameter"),
        (
            &format!(
                "create-route {table} --destination-cidr-block 10.1.0.0/16 {pcx} pcx-live --nat-gateway-id nat-1"
            ),
            "InvalidParameterCombination",
        ),
        (
            &format!("create-route --route-table-id rtb-no {to_space} {pcx} pcx-live"),
            "InvalidRouteTableID.NotFound",
        ),
        (&format!("delete-route {table} {to_space} --region eu-west-1"), "InvalidRouteTableID.NotFound"),
        (
            &format!("replace-route {table} --destination-cidr-block 10.7.0.0/16 {pcx} pcx-live"),
            "InvalidParameterValue",
        ),
        (&format!("delete-route {table} --destination-cidr-block 10.7.0.0/16"), "InvalidRoute.NotFound"),
        (&format!("delete-route {table} --destination-cidr-block 10.9.0.0/16"), "InvalidRoute.NotFound"),
        (&format!("delete-route {table} --destination-cidr-block 10.100.0.0/16"), "InvalidParameterValue"),
        (
            &format!("authorize-security-group-ingress --group-id sg-1 {tcp} --cidr 10.0.128.1/20"),
            "InvalidPermission.Duplicate",
        ),
        (
            &format!("authorize-security-group-ingress --group-id sg-no {tcp} --cidr 10.0.0.0/8"),
            "InvalidGroup.NotFound",
        ),
        (
            &format!(
                "authorize-security-group-ingress --group-id sg-1 {tcp} --cidr 10.0.0.0/8 --region eu-west-1"
            ),
            "InvalidGroup.NotFound",
        ),
        (
            &format!("authorize-security-group-ingress --group-id sg-1 {tcp} --cidr ::/0"),
            "InvalidParameterValue",
        ),
        (
            "authorize-security-group-ingress --group-id sg-1 --protocol tcp --cidr 10.0.0.0/8",
            "InvalidParameterValue",
        ),
        (
            "authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 9-1 --cidr 10.0.0.0/8",
            "InvalidParameterValue",
        ),
        (
            "authorize-security-group-ingress --group-id sg-1 --protocol icmpv6 --port -1 --cidr 10.0.0.0/8",
            "InvalidParameterValue",
        ),
        (
            "authorize-security-group-ingress --group-id sg-1 --protocol -1 --port 80 --cidr 10.0.0.0/8",
            "InvalidParameterValue",
        ),
        (
            &format!("revoke-security-group-ingress --group-id sg-1 {tcp} --cidr 10.0.0.0/8"),
            "InvalidPermission.NotFound",
        ),
        (
            &format!("create-network-acl-entry {entry} --ingress --rule-number 100 --protocol -1"),
            "NetworkAclEntryAlreadyExists",
        ),
        (
            &format!("create-network-acl-entry {entry} --ingress --rule-number 32767 --protocol -1"),
            "InvalidParameterValue",
        ),
        (
            &format!("create-network-acl-entry {entry} --ingress --rule-number 90 --protocol tcp"),
            "MissingParameter",
        ),
        (
            &format!("create-network-acl-entry {entry} --ingress --rule-number 90 --protocol icmp"),
            "MissingParameter",
        ),
        (
            &format!(
                "create-network-acl-entry {entry} --ingress --rule-number 90 --protocol icmpv6 --icmp-type-code Type=8,Code=-1"
            ),
            "InvalidParameterValue",
        ),
        (&format!("create-network-acl-entry {entry} --rule-number 90 --protocol -1"), "MissingParameter"),
        (
            &format!("replace-network-acl-entry {entry} --egress --rule-number 100 --protocol -1"),
            "InvalidNetworkAclEntry.NotFound",
        ),
        (
            "delete-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 101",
            "InvalidNetworkAclEntry.NotFound",
        ),
        (
            "delete-network-acl-entry --network-acl-id acl-no --ingress --rule-number 100",
            "InvalidNetworkAclID.NotFound",
        ),
        (
            &format!(
                "{request} --peer-vpc-id vpc-space --peer-owner-id 222222222222 --peer-region us-west-2"
            ),
            "VpcPeeringConnectionAlreadyExists",
        ),
        (&format!("{request} --peer-vpc-id vpc-no"), "InvalidVpcID.NotFound"),
        (&format!("{request} --peer-vpc-id vpc-twin --region us-west-2"), "InvalidVpcID.NotFound"),
        (&format!("accept-vpc-peering-connection {pcx} pcx-live"), "OperationNotPermitted"),
        (
            &format!("accept-vpc-peering-connection {pcx} pcx-asked --region us-west-2"),
            "InvalidVpcPeeringConnectionID.NotFound",
        ),
        (&format!("delete-vpc-peering-connection {pcx} pcx-gone"), "InvalidStateTransition"),
        (
            &format!("delete-vpc-peering-connection {pcx} pcx-live --region eu-west-1"),
            "InvalidVpcPeeringConnectionID.NotFound",
        ),
    ];
    for (command, code) in cases {
        let mut snapshot = estate();
        let error = run(&mut snapshot, &format!("aws ec2 {command}")).expect_err(command);
        assert_eq!(error.code(), Some(*code), "{error}");
        assert_eq!(snapshot, estate(), "{command}");
    }
    for (command, code) in [
        ("accept pcx-live --space 'my space'", "invalid_params"),
        ("accept pcx-asked --space 'my space'", "not_found"),
        ("accept pcx-live --space other", "not_found"),
        ("destroy pcx-data --space 5e1f --confirm pcx-data", "forbidden"),
    ] {
        let error = run(&mut estate(), &format!("heroku spaces:peerings:{command}")).expect_err(command);
        assert_eq!(error.code(), Some(code), "{error}");
    }
}

#[test]
fn nothing_is_passed_over() {
    let delete = "aws ec2 delete-route --route-table-id rtb-1 --destination-cidr-block 10.0.0.0/16";
    for (text, named) in [
        (format!("{delete} --dry-run"), "--dry-run"),
        (format!("{delete} --region"), "--region"),
        (format!("{delete} --region us-east-1 --region us-east-1"), "--region"),
        (format!("{delete} more"), "more"),
        ("aws ec2 terminate-instances --instance-ids i-1".to_owned(), "terminate-instances"),
        ("aws s3 ls".to_owned(), "s3"),
        ("heroku ps".to_owned(), "ps"),
        ("rm -rf /".to_owned(), "rm"),
        ("aws ec2 delete-route --destination-cidr-block 10.0.0.0/16".to_owned(), "--route-table-id"),
        (format!("{delete} --region \"$REGION\""), "REGION"),
        (format!("{delete} --region $REGION"), "quotes"),
        (format!("{delete}; {delete}"), ";"),
        (format!("{delete} | cat"), "|"),
        (format!("{delete} 'x"), "quote"),
        (format!("{delete} \"x"), "quote"),
        ("X=$(aws ec2 delete-route".to_owned(), "$("),
        ("X=$(aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id pcx-live)".to_owned(), "document"),
        (format!("X=1 {delete}"), "X="),
        ("aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions 'IpProtocol=-1,Ranges=[{CidrIp=10.0.0.0/8}]'".to_owned(), "Ranges"),
        ("aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions 'IpProtocol=-1,IpRanges=[{CidrIp=10.0.0.0/8,Extra=1}]'".to_owned(), "Extra"),
        ("aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions IpProtocol=-1,IpRanges=[{CidrIp=10.0.0.0/8}]".to_owned(), "["),
    ] {
        let error = run(&mut estate(), &text).expect_err(&text);
        assert!(error.refusal.to_string().contains(named), "{text}: {error}");
    }
}

#[test]
fn a_shell_stops_at_the_first_refusal() {
    let delete = "aws ec2 delete-route --route-table-id rtb-1 --destination-cidr-block";
    let mut snapshot = estate();
    let text = format!("\n# one\n{delete} 10.0.0.0/16\n{delete} \\\n 10.7.0.0/16\n{delete} 10.50.0.0/16\n");
    let error = run(&mut snapshot, &text).unwrap_err();
    assert_eq!((error.line, error.code()), (4, Some("InvalidRoute.NotFound")), "{error}");
    assert_eq!(snapshot.aws[1].documents.route_tables.as_ref().unwrap()[0].routes.len(), 3);
    let quoted = r#"heroku spaces:peerings:destroy 'pcx-live' --space "my"\ 'space' --confirm pcx-'live'"#;
    run(&mut snapshot, quoted).unwrap();
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let delete = "aws ec2 delete-route --route-table-id rtb-1 --destination-cidr-block";
    let mut snapshot = estate();
    let text = format!(
        "{delete} 10.7.0.0/16\n\
         {delete} 10.0.0.0/16\n\
         {delete} 'x \\\n  y\n\
         PCX=\"$(aws ec2 create-vpc-peering-connection --vpc-id vpc-no --peer-vpc-id vpc-own --query \
            VpcPeeringConnection.VpcPeeringConnectionId --output text)\"\n\
         aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id \"$PCX\"\n\
         OTHER=\"$PCX\"\n\
         aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id \"$OTHER\"\n\
         {delete} 10.50.0.0/16 --never\n\
         {delete} \"10.50.0.0/16\n\
         aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id \"$NOBODY\"\n"
    );
    let errors = run_all(&mut snapshot, &text).unwrap_err();
    let lines: Vec<usize> = errors.iter().map(|error| error.line).collect();
    // What has its id from a request that failed is accused of nothing.
    assert_eq!(lines, [1, 3, 5, 9, 10, 11], "{errors:#?}");
    assert_eq!(errors[2].code(), Some("InvalidVpcID.NotFound"), "{errors:#?}");
    assert!(errors[3].to_string().contains("--never is not known here, expected one of --"), "{errors:#?}");
    assert!(errors[5].to_string().contains("NOBODY was never set"), "{errors:#?}");
    // The one that is right was carried out.
    assert_eq!(snapshot.aws[1].documents.route_tables.as_ref().unwrap()[0].routes.len(), 3);
    assert!(run_all(&mut snapshot, &format!("{delete} 10.50.0.0/16\n")).is_ok());
}
