"""Plays AWS on loopback for folders of documents in the shapes of the AWS CLI.

    stub.py ROOT

Who asks says the access key: four letters, four more that name a room, and the account's twelve digits. A room is for
one test, and what is in it may change at any time:

    ROOT/ROOM/ACCOUNT/REGION/*.json     the documents; the Region is the one that the request is signed for
    ROOT/ROOM/faults.json               what goes wrong; faults.py says what is in it
    ROOT/ROOM/log                       gets a line of JSON for each request

The first line on standard output is the port; the stub ends with its standard input.
"""

import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import answers
from faults import Faults, Reset
from identity import caller_identity, assume_role
from wire import SERVICES, Refusal, read_request, write_answer, write_refusal

SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


class Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        parameters = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        action = parameters.get("Action", "")
        found = SCOPE.search(self.headers.get("Authorization", ""))
        key, region, service = found.groups() if found else ("", "", "")
        room = self.server.room(key)
        room.log(self.command, service, action, region, key, parameters)
        fault = room.faults.of(action, region, key)
        try:
            fault.before()
            status, body = self.answer(room, service, action, region, key, parameters, fault)
            fault.send(self, status, body)
        except Reset:
            self.close_connection = True

    def answer(self, room, service, action, region, key, parameters, fault):
        if service not in SERVICES:
            return 403, b"<html>no service is known by that signature</html>"
        try:
            fault.refuse(service)
            account = re.search(r"\d{12}$", key)
            if not account:
                raise Refusal("AuthFailure" if service == "ec2" else "InvalidClientTokenId", "The security token included in the request is invalid.", 403)
            if key.startswith("ASIA") and not self.headers.get("X-Amz-Security-Token"):
                raise Refusal("MissingAuthenticationToken", "Temporary credentials come with a token", 403)
            request = read_request(service, action, parameters)
            if action == "GetCallerIdentity":
                answer = caller_identity(account[0], key)
            elif action == "AssumeRole":
                answer = assume_role(request, key, room.faults.roles())
            else:
                documents = answers.load(room.folder, account[0], region)
                answer = answers.answer(service, action, request, documents, fault.rule)
            return 200, write_answer(service, action, answer).encode()
        except Refusal as refusal:
            return refusal.status, write_refusal(service, refusal).encode()

    def other(self):
        """What is not POST is not AWS's way of asking here; it is logged, so that a test sees it."""
        self.server.room("").log(self.command, "", self.path, "", "", {})
        self.send_error(405)

    do_GET = do_PUT = do_DELETE = do_HEAD = other

    def log_message(self, *_):
        pass


class Room:
    def __init__(self, folder):
        self.folder, self.faults, self.lock = folder, Faults(folder / "faults.json"), threading.Lock()

    def log(self, method, service, action, region, key, parameters):
        shown = {name: value for name, value in parameters.items() if name not in ("Action", "Version")}
        line = {"method": method, "service": service, "action": action, "region": region, "key": key, "parameters": shown}
        with self.lock, open(self.folder / "log", "a", encoding="utf-8") as log:
            print(json.dumps(line), file=log)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Stub)
        self.root, self.rooms, self.lock = Path(root), {}, threading.Lock()

    def room(self, key):
        """The room of a key; who has none is in the room "nobody"."""
        name = key[4:-12] or "nobody"
        with self.lock:
            if name not in self.rooms:
                (self.root / name).mkdir(exist_ok=True)
                self.rooms[name] = Room(self.root / name)
            return self.rooms[name]

    def handle_error(self, request, client_address):
        # A client that went away is no mistake; anything else is the stub's own.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    server = Server(sys.argv[1])
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
