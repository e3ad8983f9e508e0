"""What AWS would answer of a folder of documents: which of them, narrowed by filters and ids, page by page."""

import base64
import fnmatch
import json
from pathlib import Path

from wire import Refusal, operation_model

# What AWS gives by a second call about a thing, and documents hold in the thing itself.
JOINED = {
    "PrefixLists": ("Entries", "Cidrs"),
    "Vpcs": ("EnableDnsSupport", "EnableDnsHostnames"),
    "TargetGroups": ("TargetHealthDescriptions",),
}

# The filters of each action that are known here, and where in a document their values are.
IN_VPC = {"vpc-id": "VpcId"}
ATTACHED = {"attachment.vpc-id": "Attachments.VpcId"}
FILTERS = {
    "DescribeVpcs": {**IN_VPC, "owner-id": "OwnerId"},
    "DescribeSubnets": {**IN_VPC, "subnet-id": "SubnetId", "owner-id": "OwnerId"},
    "DescribeRouteTables": {**IN_VPC, "route-table-id": "RouteTableId", "owner-id": "OwnerId"},
    "DescribeSecurityGroups": {**IN_VPC, "group-id": "GroupId", "owner-id": "OwnerId"},
    "DescribeSecurityGroupRules": {"group-id": "GroupId"},
    "DescribeNetworkAcls": {**IN_VPC, "network-acl-id": "NetworkAclId", "owner-id": "OwnerId"},
    "DescribeVpcPeeringConnections": {
        "vpc-peering-connection-id": "VpcPeeringConnectionId",
        "status-code": "Status.Code",
        "requester-vpc-info.vpc-id": "RequesterVpcInfo.VpcId",
        "requester-vpc-info.owner-id": "RequesterVpcInfo.OwnerId",
        "accepter-vpc-info.vpc-id": "AccepterVpcInfo.VpcId",
        "accepter-vpc-info.owner-id": "AccepterVpcInfo.OwnerId",
    },
    "DescribeNetworkInterfaces": {
        **IN_VPC,
        "subnet-id": "SubnetId",
        "group-id": "Groups.GroupId",
        "owner-id": "OwnerId",
        "network-interface-id": "NetworkInterfaceId",
        "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
    },
    "DescribeInstances": {**IN_VPC, "subnet-id": "SubnetId", "instance-id": "InstanceId"},
    "DescribeManagedPrefixLists": {"prefix-list-id": "PrefixListId", "owner-id": "OwnerId"},
    "DescribeInternetGateways": {**ATTACHED, "owner-id": "OwnerId", "internet-gateway-id": "InternetGatewayId"},
    "DescribeEgressOnlyInternetGateways": {},
    "DescribeNatGateways": {**IN_VPC, "subnet-id": "SubnetId", "nat-gateway-id": "NatGatewayId", "state": "State"},
    "DescribeTransitGateways": {"transit-gateway-id": "TransitGatewayId", "owner-id": "OwnerId", "state": "State"},
    "DescribeTransitGatewayAttachments": {
        "resource-id": "ResourceId",
        "resource-type": "ResourceType",
        "transit-gateway-id": "TransitGatewayId",
        "state": "State",
    },
    "DescribeTransitGatewayVpcAttachments": {**IN_VPC, "transit-gateway-id": "TransitGatewayId", "state": "State"},
    "DescribeVpcEndpoints": {**IN_VPC, "vpc-endpoint-id": "VpcEndpointId", "vpc-endpoint-type": "VpcEndpointType"},
    "DescribeVpnGateways": {"attachment.vpc-id": "VpcAttachments.VpcId", "vpn-gateway-id": "VpnGatewayId"},
    "DescribeDBInstances": {"db-cluster-id": "DBClusterIdentifier"},
    "DescribeDBClusters": {"db-cluster-id": "DBClusterIdentifier"},
    "DescribeLoadBalancers": {},
    "DescribeTargetGroups": {},
    "DescribeListeners": {},
}

# How a page is asked for, and what is said where there are more.
PAGING = (("MaxResults", "NextToken", "NextToken"), ("MaxRecords", "Marker", "Marker"), ("PageSize", "Marker", "NextMarker"))
# Where the models do not say the range of a page's size.
RANGES = {"MaxResults": (5, 1000), "MaxRecords": (20, 100)}


def load(root, account, region):
    """All documents of an account and a Region; lists of several files are one."""
    documents = {}
    for path in sorted((Path(root) / account / region).glob("*.json")):
        for kind, items in json.loads(path.read_text()).items():
            documents.setdefault(kind, []).extend(items)
    return documents


def answer(service, action, request, documents, fault):
    """The answer in the shape of the AWS CLI's JSON."""
    if action == "DescribeVpcAttribute":
        vpc = _one(documents, "Vpcs", "VpcId", request["VpcId"])
        name = request["Attribute"][0].upper() + request["Attribute"][1:]
        return {"VpcId": vpc["VpcId"], name: vpc.get(name, {"Value": name == "EnableDnsSupport"})}
    if action == "DescribeTargetHealth":
        group = _one(documents, "TargetGroups", "TargetGroupArn", request["TargetGroupArn"])
        return {"TargetHealthDescriptions": group.get("TargetHealthDescriptions", [])}
    if action == "DescribeRegions":
        regions = {region["RegionName"]: region for region in documents.get("Regions", [])}
        return {"Regions": [regions[name] for name in request.get("RegionNames", regions)]}
    if action == "GetManagedPrefixListEntries":
        kind, items = "Entries", _one(documents, "PrefixLists", "PrefixListId", request["PrefixListId"]).get("Entries", [])
    elif action in FILTERS:
        shape = operation_model(service, action).output_shape
        (kind,) = [name for name, member in shape.members.items() if member.type_name == "list"]
        items = [_without(item, JOINED.get(kind, ())) for item in documents.get(kind, [])]
        items = _narrowed(action, request, items)
    else:
        raise Refusal("InvalidAction", f"The stub does not know {action}")
    return _page(service, action, request, kind, items, fault)


def _without(item, names):
    return {name: value for name, value in item.items() if name not in names}


def _one(documents, kind, key, wanted):
    for item in documents.get(kind, []):
        if item[key] == wanted:
            return item
    raise Refusal(f"Invalid{key[0].upper()}{key[1:]}.NotFound", f"The {key} '{wanted}' does not exist")


def _narrowed(action, request, items):
    if action == "DescribeInstances":
        # A reservation has those of its instances that are asked for; who has none is left out.
        for reservation in items:
            reservation["Instances"] = _narrowed_items(action, request, reservation.get("Instances", []))
        narrowing = request.get("Filters") or request.get("InstanceIds")
        return [item for item in items if item["Instances"] or not narrowing]
    return _narrowed_items(action, request, items)


def _narrowed_items(action, request, items):
    for one in request.get("Filters") or request.get("Filter") or []:
        path = FILTERS[action].get(one["Name"])
        if path is None:
            raise Refusal("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
        patterns = one.get("Values") or []
        if len(patterns) > 200:
            raise Refusal("FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200")
        items = [item for item in items if _matches(_values(item, path.split(".")), patterns)]
    for name, wanted in request.items():
        if name.endswith(("Ids", "Arns", "Names")) and isinstance(wanted, list):
            key = name[:-1]
            if name in ("Names", "LoadBalancerArns", "ListenerArns", "TargetGroupArns"):
                key = {"Names": "LoadBalancerName" if action == "DescribeLoadBalancers" else "TargetGroupName"}.get(name, key)
            known = {item[key] for item in items}
            for one in wanted:
                if one not in known:
                    raise Refusal(f"Invalid{key}.NotFound", f"The {key} '{one}' does not exist")
            items = [item for item in items if item[key] in wanted]
    single = {"DBInstanceIdentifier": "DBInstanceIdentifier", "DBClusterIdentifier": "DBClusterIdentifier"}
    for name, key in single.items():
        if name in request:
            items = [item for item in items if item[key] == request[name]]
    if "LoadBalancerArn" in request:
        arn = request["LoadBalancerArn"]
        items = [item for item in items if arn in (item.get("LoadBalancerArn"), *item.get("LoadBalancerArns", []))]
    return items


def _values(item, path):
    if isinstance(item, list):
        return [value for one in item for value in _values(one, path)]
    if not path:
        return [str(item)]
    return _values(item[path[0]], path[1:]) if item.get(path[0]) is not None else []


def _matches(values, patterns):
    return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in patterns)


def _page(service, action, request, kind, items, fault):
    input_shape = operation_model(service, action).input_shape
    for size_name, token_name, next_name in PAGING:
        if size_name in input_shape.members:
            break
    else:
        return {kind: items}
    size = request.get(size_name)
    if size is not None:
        _check_size(action, size_name, size, request, input_shape.members[size_name])
    size = min(size or len(items) or 1, fault.get("page_size") or 10**9)
    start, is_empty = 0, bool(fault.get("empty_pages"))
    if token_name in request:
        start, is_empty = _from_token(request[token_name], action, is_empty)
    if is_empty:
        return {kind: [], next_name: _to_token(action, start, False)}
    rest = start + size
    page = {kind: items[start:rest]}
    if rest < len(items):
        page[next_name] = _to_token(action, rest, bool(fault.get("empty_pages")))
    return page


def _check_size(action, name, size, request, shape):
    least, most = (shape.metadata.get(end, default) for end, default in zip(("min", "max"), RANGES.get(name, (1, 400))))
    if action != "DescribeVpcEndpoints" and not least <= size <= most:
        raise Refusal("InvalidParameterValue", f"Value ( {size} ) for parameter {name} is invalid. Expecting {least} to {most}.")
    ids = [other for other, value in request.items() if other.endswith("Ids") and value]
    if ids and "cannot specify this parameter and" in shape.documentation:
        raise Refusal("InvalidParameterCombination", f"The parameter {ids[0]} cannot be used with the parameter {name}")


def _to_token(action, start, is_empty):
    return base64.b64encode(json.dumps([action, start, is_empty]).encode()).decode()


def _from_token(token, action, _):
    try:
        of, start, is_empty = json.loads(base64.b64decode(token))
    except ValueError:
        of = None
    if of != action:
        raise Refusal("InvalidNextToken", "The token is invalid")
    return start, is_empty
