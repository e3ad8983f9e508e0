"""What goes wrong, by a JSON file: {"rules": [RULE, …], "roles": {ARN: EXTERNAL-ID or null, …}}.

A rule is for the requests that its "action" (or "*"), "region" and "key" name; with "first": N for the first N of each
action alone. The first rule that is for a request says what becomes of it:

    "page_size": N, "empty_pages": true     pages as small as that, each after an empty one with a token
    "error": CODE or a name of ERRORS       an error of AWS's, in its service's own shape, with "status" and "message"
    "status": N                             a page of a proxy's in place of an answer
    "wait": SECONDS                         nothing for that long
    "trickle": SECONDS                      the answer byte by byte, with that much time between
    "truncate": true                        half of the body, then the end of the connection
    "reset": true                           the connection is reset in place of an answer
    "malformed": true                       a body that is no XML
"""

import json
import socket
import struct
import threading
import time

from wire import Refusal

# By a name, what EC2 answers and what the services of the protocol "query" do: code, status, message.
ERRORS = {
    "throttled": (("RequestLimitExceeded", 503, "Request limit exceeded."), ("Throttling", 400, "Rate exceeded")),
    "denied": (
        ("UnauthorizedOperation", 403, "You are not authorized to perform this operation. Encoded authorization failure message: c2VjcmV0"),
        ("AccessDenied", 403, "User: arn:aws:iam::111122223333:user/reads is not authorized to perform this action because no identity-based policy allows it"),
    ),
    "expired": (("RequestExpired", 400, "Request has expired."), ("ExpiredToken", 403, "The security token included in the request is expired")),
    "invalid-key": (
        ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
        ("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
    ),
    "not-enabled": (
        ("OptInRequired", 401, "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe."),
        ("OptInRequired", 403, "The AWS Access Key Id needs a subscription for the service"),
    ),
    "failure": (("InternalError", 500, "An internal error has occurred"), ("InternalFailure", 500, "An internal failure has occurred")),
    "unavailable": (("Unavailable", 503, "Service is unavailable"), ("ServiceUnavailable", 503, "Service is unavailable")),
}


class Reset(Exception):
    """The connection is at its end."""


class Faults:
    def __init__(self, path):
        self.path, self.counts, self.lock = path, {}, threading.Lock()

    def _read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def roles(self):
        return self._read().get("roles")

    def of(self, action, region, key):
        for rule in self._read().get("rules", []):
            wanted = (("action", action), ("region", region), ("key", key))
            if any(rule.get(name, "*") not in ("*", value) for name, value in wanted):
                continue
            if "first" in rule:
                counted = (json.dumps(rule, sort_keys=True), action, region, key)
                with self.lock:
                    self.counts[counted] = self.counts.get(counted, 0) + 1
                    if self.counts[counted] > rule["first"]:
                        continue
            return Fault(rule)
        return Fault({})


class Fault:
    def __init__(self, rule):
        self.rule = rule

    def before(self):
        time.sleep(self.rule.get("wait", 0))

    def refuse(self, service):
        error = self.rule.get("error")
        if error is None:
            return
        code, status, message = ERRORS[error][0 if service == "ec2" else 1] if error in ERRORS else (error, 400, "")
        raise Refusal(code, self.rule.get("message", message), self.rule.get("status", status))

    def send(self, handler, status, body):
        if self.rule.get("reset"):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            raise Reset
        if "status" in self.rule and "error" not in self.rule:
            status, body = self.rule["status"], b"<html><body>Bad gateway</body></html>"
        if self.rule.get("malformed"):
            body = b"<DescribeResponse><item><nextToken></item>"
        handler.send_response(status)
        handler.send_header("Content-Type", "text/xml;charset=UTF-8")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if "trickle" in self.rule:
            for number in range(len(body)):
                handler.wfile.write(body[number : number + 1])
                time.sleep(self.rule["trickle"])
        elif self.rule.get("truncate"):
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_WR)
            raise Reset
        else:
            handler.wfile.write(body)
