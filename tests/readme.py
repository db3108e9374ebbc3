"""Tries the README's first commands as they are written there.

The first four `sh` blocks of README.md are: start the server, subscribe, publish, and publish over HTTP
with curl. The first `text` block is what the subscriber prints
for each of the two publications. All of it runs at the top of the repository, on the default ports.
Where another process has one of those, each command names free ones, and nothing else changes.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The README's paths begin with target/, wherever this machine else puts what it builds.
ENVIRONMENT = {key: text for key, text in os.environ.items() if key != "CARGO_TARGET_DIR"}

DEFAULT_PORT = 7001
DEFAULT_API_PORT = 7002

# A release build from nothing, on a slow machine.
BUILD_SECONDS = 900
# Anything that should happen at once.
PATIENCE_SECONDS = 30


class NotAsWritten(Exception):
    """The README promises something else than what happens."""


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def start(command, **pipes):
    print(f"$ {command}", flush=True)
    # The shell replaces itself, so that a signal reaches the program and not its shell.
    return subprocess.Popen(
        f"exec {command}",
        shell=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        text=True,
        **pipes,
    )


def wait_for_line(process, pipe, start_of_line, what):
    for line in pipe:
        print(line, end="", flush=True)
        if line.strip().startswith(start_of_line):
            return
    raise NotAsWritten(f"{what} ended with {process.wait()} before it said {start_of_line!r}")


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise NotAsWritten(f"{process.args!r} did not end at Ctrl-C") from None


def expect(what, is_so, should_be):
    if is_so != should_be:
        raise NotAsWritten(f"{what}: {is_so!r}, but it should be {should_be!r}")


def port_of(address):
    """The port that `address` gets, or None if another process has it."""
    with socket.socket() as probe:
        # As the server does: connections that linger from a former run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()
        except OSError:
            return None
        return probe.getsockname()[1]


def commands(readme):
    serve, subscribe, publish, over_http = (block.strip() for block in blocks(readme, "sh")[:4])
    if all(port_of(("127.0.0.1", port)) for port in (DEFAULT_PORT, DEFAULT_API_PORT)):
        return serve, subscribe, publish, over_http
    port, api_port = (port_of(("127.0.0.1", 0)) for _ in range(2))
    print(f"another process has a default port, so each command names {port} or {api_port}")
    url = f" --url ws://127.0.0.1:{port}/_broadcast"
    return (
        f"{serve} --listen 127.0.0.1:{port} --api-listen 127.0.0.1:{api_port}",
        subscribe + url,
        publish + url,
        over_http.replace(f"127.0.0.1:{DEFAULT_API_PORT}", f"127.0.0.1:{api_port}"),
    )


def try_it(running):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = blocks(readme, "text")[0]

    # Built apart, so that the time of a build and the time of a start each have their own limit.
    build = ["cargo", "build", "--release", "--locked"]
    subprocess.run(build, cwd=ROOT, env=ENVIRONMENT, check=True, timeout=BUILD_SECONDS)
    serve, subscribe, publish, over_http = commands(readme)
    server = start(serve, stdout=subprocess.PIPE)
    running.append(server)
    wait_for_line(server, server.stdout, "driver", "the server")

    subscriber = start(subscribe, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.append(subscriber)
    wait_for_line(subscriber, subscriber.stderr, "subscribed on", "subscribe")

    for command in [publish, over_http]:
        publisher = start(command)
        running.append(publisher)
        expect(f"the exit code of {command}", publisher.wait(PATIENCE_SECONDS), 0)
        expect("the subscriber's line", subscriber.stdout.readline(), printed)
        print(printed, end="", flush=True)
    expect("subscribe's exit code at Ctrl-C", stop(subscriber), 0)
    expect("the server's exit code at Ctrl-C", stop(server), 0)


def watchdog(running):
    """Ends what hangs: a pipe that stays silent would be read for ever."""
    def end():
        print("taking too long, so everything is ended", file=sys.stderr)
        for process in running:
            process.kill()

    timer = threading.Timer(BUILD_SECONDS + 4 * PATIENCE_SECONDS, end)
    timer.daemon = True
    timer.start()


def main():
    running = []
    watchdog(running)
    began = time.monotonic()
    try:
        try_it(running)
    except (NotAsWritten, subprocess.SubprocessError) as error:
        print(f"README.md: {error}", file=sys.stderr)
        return 1
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    print(f"as the README says, in {time.monotonic() - began:.0f} s with the build")
    return 0


if __name__ == "__main__":
    sys.exit(main())
