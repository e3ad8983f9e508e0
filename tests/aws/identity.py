"""Who is who: an access key ends in its account's twelve digits."""

from wire import Refusal


def caller_identity(account, key):
    is_role = key.startswith("ASIA")
    arn = f"arn:aws:sts::{account}:assumed-role/reads/peerscope" if is_role else f"arn:aws:iam::{account}:user/reads"
    return {"UserId": "AIDAEXAMPLE", "Account": account, "Arn": arn}


def assume_role(request, key, roles):
    """Keys of a role's account, in the room of who asks. `roles` holds the ARNs of those that may be assumed, each with its external id or
    null; without it, any may be."""
    arn = request["RoleArn"]
    if roles is not None and (arn not in roles or roles[arn] != request.get("ExternalId")):
        raise Refusal("AccessDenied", f"User: arn:aws:iam::111122223333:user/reads is not authorized to perform: sts:AssumeRole on resource: {arn}", 403)
    account = arn.split(":")[4]
    return {
        "Credentials": {
            "AccessKeyId": f"ASIA{key[4:-12]}{account}",
            "SecretAccessKey": "of-a-role",
            "SessionToken": f"token-of-{account}",
            "Expiration": "2099-01-01T00:00:00Z",
        },
        "AssumedRoleUser": {"AssumedRoleId": "AROAEXAMPLE:peerscope", "Arn": f"arn:aws:sts::{account}:assumed-role/reads/peerscope"},
    }
