"""Holds the API against its own description: schemathesis makes requests, right ones and wrong ones, from
what /v1/openapi.json says, and checks every answer against it.

usage: run.py SERVER_BINARY

(It leaves out the description's own path.) It is run by the Python of the virtual environment that requirements.txt is installed in. What is checked and
what is not stands in schemathesis.toml. The requests are the same every time.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent

# The server is to say no to whoever does not know it, and nobody else is to know it.
TOKEN = secrets.token_urlsafe()

# Many times what it takes.
PATIENCE_SECONDS = 300


def start(binary):
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"]
    return subprocess.Popen(
        [*command, "--shards", "2", "--log-level", "warn"],
        env={**os.environ, "SHARDCAST_API_TOKEN": TOKEN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def addresses_of(server):
    """Where clients connect, and the API's URL."""
    clients = None
    for line in server.stdout:
        if found := re.search(r"ws://([\d.]+):(\d+)/", line):
            clients = (found[1], int(found[2]))
        if found := re.match(r"\s+api\s+(http://\S+)$", line):
            return clients, found[1]
    sys.exit("the server did not start")


def connect(address):
    """A client that reads whatever it is sent, and its connection's id."""
    stream = socket.create_connection(address, PATIENCE_SECONDS)
    stream.sendall(
        b"GET /_broadcast HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    received = b""
    while not (welcome := re.search(rb'"id":"(\w+)"\}', received)):
        received += stream.recv(4096) or sys.exit("the server has no welcome for a client")
    threading.Thread(target=lambda: all(iter(lambda: stream.recv(65536), b"")), daemon=True).start()
    return welcome[1].decode()


def check(api, connection_id, folder):
    schemathesis = Path(sys.executable).with_name("schemathesis")
    command = [schemathesis, f"--config-file={HERE / 'schemathesis.toml'}"]
    return subprocess.run(
        [*command, "run", f"{api}/v1/openapi.json"],
        # Where it leaves what nobody needs; and from where it finds the hooks.
        cwd=folder,
        env={
            **os.environ,
            "SHARDCAST_API_TOKEN": TOKEN,
            "CONNECTION_ID": connection_id,
            "PYTHONPATH": str(HERE),
        },
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_SECONDS,
    ).returncode


def main():
    server = start(sys.argv[1])
    # A pipe that stays silent would be read for ever.
    watchdog = threading.Timer(2 * PATIENCE_SECONDS, server.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            clients, api = addresses_of(server)
            failed = check(api, connect(clients), folder)
        server.send_signal(signal.SIGTERM)
        ended = server.wait(PATIENCE_SECONDS)
    finally:
        server.kill()
        server.wait()
    if ended != 0:
        sys.exit(f"the server ended with {ended}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
