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


def api_of(server):
    for line in server.stdout:
        if found := re.match(r"\s+api\s+(http://\S+)$", line):
            return found[1]
    sys.exit("the server did not start")


def check(api, folder):
    schemathesis = Path(sys.executable).with_name("schemathesis")
    command = [schemathesis, f"--config-file={HERE / 'schemathesis.toml'}"]
    return subprocess.run(
        [*command, "run", f"{api}/v1/openapi.json"],
        # Where it leaves what nobody needs; and from where it finds the hooks.
        cwd=folder,
        env={**os.environ, "SHARDCAST_API_TOKEN": TOKEN, "PYTHONPATH": str(HERE)},
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
            failed = check(api_of(server), folder)
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
