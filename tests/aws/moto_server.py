"""Moto's AWS on loopback. The first line on standard output is its address; it ends with its standard input."""

import logging
import os
import sys

from moto.server import ThreadedMotoServer

# A line for each request helps nobody.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"http://{host}:{port}", flush=True)
sys.stdin.read()
os._exit(0)
