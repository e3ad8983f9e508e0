"""Requests and answers in AWS's protocols "ec2" and "query", by the models of its services that botocore carries.

No field is written by hand: what a request may say and how an answer is written stands in the models.
"""

import functools
from datetime import datetime, timezone
from xml.sax.saxutils import escape

import botocore.session

# The services by the names that requests are signed for, as botocore calls them.
SERVICES = {"ec2": "ec2", "rds": "rds", "elasticloadbalancing": "elbv2", "sts": "sts"}


class Refusal(Exception):
    """An error that AWS answers with."""

    def __init__(self, code, message, status=400):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@functools.lru_cache(maxsize=None)
def service_model(service):
    return botocore.session.get_session().get_service_model(SERVICES[service])


def operation_model(service, action):
    model = service_model(service)
    if action not in model.operation_names:
        raise Refusal("InvalidAction", f"The action {action} is not valid for this web service.")
    return model.operation_model(action)


def read_request(service, action, parameters):
    """The input of an operation; what the model does not know is refused."""
    left = {name: text for name, text in parameters.items() if name not in ("Action", "Version")}
    shape = operation_model(service, action).input_shape
    is_ec2 = service_model(service).protocol == "ec2"
    read = (_read(shape, "", left, is_ec2) if shape else None) or {}
    if left:
        raise Refusal("UnknownParameter", f"The parameter {sorted(left)[0]} is not recognized")
    return read


def _read(shape, prefix, left, is_ec2):
    if shape.type_name == "structure":
        dot = prefix + "." if prefix else ""
        members = {}
        for name, member in shape.members.items():
            value = _read(member, dot + _query_name(name, member, is_ec2), left, is_ec2)
            if value is not None:
                members[name] = value
        return members or None
    if shape.type_name == "list":
        if not is_ec2 and not shape.serialization.get("flattened"):
            prefix += "." + shape.member.serialization.get("name", "member")
        values = []
        while (value := _read(shape.member, f"{prefix}.{len(values) + 1}", left, is_ec2)) is not None:
            values.append(value)
        return values or None
    text = left.pop(prefix, None)
    if text is None:
        return None
    if shape.type_name in ("integer", "long"):
        return int(text)
    return text == "true" if shape.type_name == "boolean" else text


def _query_name(name, member, is_ec2):
    if not is_ec2:
        return member.serialization.get("name", name)
    located = member.serialization.get("name")
    return member.serialization.get("queryName") or (located and located[0].upper() + located[1:]) or name


def write_answer(service, action, answer):
    """The XML of an answer that is given in the shape of the AWS CLI's JSON."""
    model, shape = service_model(service), operation_model(service, action).output_shape
    inner = "".join(_members(shape, answer, action))
    namespace = model.metadata["xmlNamespace"]
    if model.protocol == "ec2":
        inner = f"<requestId>{REQUEST_ID}</requestId>" + inner
    else:
        wrapper = shape.serialization.get("resultWrapper", action + "Result")
        inner = f"<{wrapper}>{inner}</{wrapper}><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{namespace}">{inner}</{action}Response>'


REQUEST_ID = "7a62c49f-347e-4fc4-9331-6e8eexample"


def write_refusal(service, refusal):
    """The XML of an error, which is another in EC2's protocol."""
    error = f"<Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message>"
    if service_model(service).protocol == "ec2":
        return f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
    whose = "Receiver" if refusal.status >= 500 else "Sender"
    return f"<ErrorResponse><Error><Type>{whose}</Type>{error}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"


def _members(shape, value, place):
    unknown = set(value) - set(shape.members)
    if unknown:
        raise Refusal("StubWasGivenWrongDocuments", f"{place}: AWS's model has no {', '.join(sorted(unknown))}")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _write(member, value[name], member.serialization.get("name", name), f"{place}.{name}")


def _write(shape, value, tag, place):
    if shape.type_name == "structure":
        yield f"<{tag}>{''.join(_members(shape, value, place))}</{tag}>"
    elif shape.type_name == "list":
        is_flat = shape.serialization.get("flattened")
        item = tag if is_flat else shape.member.serialization.get("name", "member")
        items = "".join(part for one in value for part in _write(shape.member, one, item, place))
        yield items if is_flat else f"<{tag}>{items}</{tag}>"
    elif shape.type_name == "boolean":
        yield f"<{tag}>{'true' if value else 'false'}</{tag}>"
    elif shape.type_name == "timestamp":
        moment = datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(timezone.utc)
        yield f"<{tag}>{moment.strftime('%Y-%m-%dT%H:%M:%S.000Z')}</{tag}>"
    else:
        yield f"<{tag}>{escape(str(value))}</{tag}>"
