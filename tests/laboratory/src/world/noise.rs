//! What real answers hold beside what anybody reads: fields without a meaning here, and nulls.

use serde_json::{Map, Value, json};

/// Strews into the lists of AWS's calls what the real ones have.
pub(super) fn aws(calls: &mut Map<String, Value>) {
    for (key, list) in calls.iter_mut() {
        let extra = match key.as_str() {
            "Vpcs" => json!({
                "DhcpOptionsId": "dopt-0a1b2c3d", "InstanceTenancy": "default", "State": "available",
                "BlockPublicAccessStates": { "InternetGatewayBlockMode": "off" }
            }),
            "Subnets" => json!({
                "AvailableIpAddressCount": 187, "MapPublicIpOnLaunch": false, "State": "available",
                "PrivateDnsNameOptionsOnLaunch": { "HostnameType": "ip-name" }, "OutpostArn": null
            }),
            "RouteTables" => json!({ "PropagatingVgws": [], "Tags": null }),
            "SecurityGroups" => json!({ "Description": "managed elsewhere", "SecurityGroupArn": null }),
            "VpcPeeringConnections" => json!({ "ExtraOfTomorrow": { "Nested": [1, 2, 3] } }),
            "NetworkInterfaces" => json!({
                "MacAddress": "0a:ff:c2:11:22:33", "RequesterManaged": false, "Operator": { "Managed": false },
                "Ipv6Addresses": null, "Association": null, "PrivateDnsName": ""
            }),
            "Reservations" => json!({ "ReservationId": "r-0123456789abcdef0", "Groups": [] }),
            "PrefixLists" => json!({ "AddressFamily": "IPv4", "State": "create-complete", "Version": 3 }),
            _ => Value::Null,
        };
        add(list, &extra);
        if key == "Reservations" {
            for reservation in list.as_array_mut().into_iter().flatten() {
                if let Some(instances) = reservation.get_mut("Instances") {
                    add(
                        instances,
                        &json!({ "ImageId": "ami-1", "Monitoring": null, "CpuOptions": { "CoreCount": 1 } }),
                    );
                }
            }
        }
    }
}

/// Strews into Heroku's objects what the API adds from time to time.
pub(super) fn heroku(space: &mut Value, peerings: &mut Value) {
    let mut one = Value::Array(vec![space.take()]);
    add(
        &mut one,
        &json!({
            "organization": { "name": "acme" }, "created_at": "2024-01-06T03:23:13Z", "channel_name": null,
            "features": []
        }),
    );
    if let Some(only) = one.as_array_mut().and_then(Vec::pop) {
        *space = only;
    }
    add(peerings, &json!({ "expires": null, "peering_owner": null }));
}

/// Adds members to each object of a list, where it has none of the name.
fn add(list: &mut Value, members: &Value) {
    for object in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        for (key, value) in members.as_object().into_iter().flatten() {
            object.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}
