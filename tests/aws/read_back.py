"""Reads everything of an account and a Region by boto3, a client that is not ours, and prints it as JSON.

    read_back.py ENDPOINT KEY REGION KIND…

A kind is a member of the answers, such as Vpcs. What a second call gives is joined as documents hold it.
"""

import json
import sys
from datetime import datetime

import boto3
from botocore.config import Config

from answers import FILTERS
from wire import SERVICES, service_model

endpoint, key, region, *kinds = sys.argv[1:]


def client(service):
    return boto3.client(
        SERVICES[service],
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 1}),
    )


def operations():
    """By the kind of document, who gives it."""
    for service in ("ec2", "rds", "elasticloadbalancing"):
        model = service_model(service)
        for action in set(FILTERS) & set(model.operation_names):
            shape = model.operation_model(action).output_shape
            for name, member in shape.members.items():
                if member.type_name == "list":
                    yield name, (service, action)


def read(service, action, kind, **arguments):
    aws = client(service)
    method = {name: method for method, name in aws.meta.method_to_api_mapping.items()}[action]
    if not aws.can_paginate(method):
        return getattr(aws, method)(**arguments)[kind]
    pages = aws.get_paginator(method).paginate(**arguments, PaginationConfig={"PageSize": 20})
    return [item for page in pages for item in page[kind]]


known = dict(operations())
# Listeners are told of one load balancer at a time.
documents = {kind: read(*known[kind], kind) for kind in kinds if kind != "Listeners"}
for balancer in documents.get("LoadBalancers", []) if "Listeners" in kinds else []:
    listeners = read(*known["Listeners"], "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])
    documents.setdefault("Listeners", []).extend(listeners)
for prefix_list in documents.get("PrefixLists", []):
    identity = prefix_list["PrefixListId"]
    prefix_list["Entries"] = read("ec2", "GetManagedPrefixListEntries", "Entries", PrefixListId=identity)
for vpc in documents.get("Vpcs", []):
    for name in ("enableDnsSupport", "enableDnsHostnames"):
        told = client("ec2").describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)
        vpc[name[0].upper() + name[1:]] = told[name[0].upper() + name[1:]]
for group in documents.get("TargetGroups", []):
    health = client("elasticloadbalancing").describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    group["TargetHealthDescriptions"] = health["TargetHealthDescriptions"]
print(json.dumps(documents, default=lambda value: value.isoformat() if isinstance(value, datetime) else str(value)))
