"""Runs the load harness for a moment against other servers, as loadtest/peers/*.toml describe them: installs, starts, loads and stops
each, plain and with all that it can besides (TLS, compression), and wants every delivery to be right. Nothing is measured.

    python3 tests/peers.py target/debug/shardcast-loadtest            # one that npm brings in a second
    python3 tests/peers.py target/debug/shardcast-loadtest nats nchan
    python3 tests/peers.py target/debug/shardcast-loadtest --all      # compiles some of them, for minutes
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "loadtest" / "peers"

# A small one that everybody knows, and that nothing has to be compiled for.
DEFAULT = "ws"

# Each publisher with topics of its own, of which a publication goes to no other publisher; all dialects can do that.
RUNS = [
    ["fanout", "--subscribers", "24", "--topics", "4", "--publishers", "4", "--burst", "4", "--window", "8"],
    ["fanout", "--subscribers", "10", "--payload", "1024", "--text", "json", "--rate", "200"],
    ["p2p", "--clients", "10", "--paired"],
    ["idle", "--connections", "20"],
    ["handshakes", "--connections", "4"],
    ["slow", "--subscribers", "20", "--stopped", "2", "--rate", "100"],
    ["churn", "--subscribers", "10", "--churners", "4", "--stay", "100ms"],
    ["ramp", "--subscribers", "4", "--factor", "10", "--precision", "100", "--p99-max", "1s"],
    ["soak", "--subscribers", "4", "--memory-drift-max", "1000GiB", "--latency-drift-max", "1000000000"],
]
# The harness starts, kills and starts the server again.
STORM = ["storm", "--subscribers", "20", "--rate", "100"]
# A key as RFC 6455 has it in its example; servers only calculate with it.
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="

PACE = ["--duration", "1s", "--warmup", "100ms"]
# What says the same over TLS or compressed.
PLAIN_ONLY = ["slow", "churn", "ramp", "soak"]
PACES = {
    "ramp": ["--step-duration", "500ms", "--step-warmup", "100ms"],
    # The shortest.
    "soak": ["--duration", "10s", "--warmup", "100ms"],
}

# Anything that should happen at once, on a busy machine.
PATIENCE_SECONDS = 60
# Compilers among them.
INSTALL_SECONDS = 1800


class Failed(Exception):
    """A server cannot be had or does not start, or a run was not good."""


def fill(text, places):
    for name, value in places.items():
        text = text.replace(f"${{{name}}}", str(value))
    return text


def install(peer, folder):
    missing = [package for package in peer.get("packages", []) if not has_package(package)]
    commands = [*with_apt(missing), *peer.get("install", [])]
    if not missing and (folder / peer.get("installed", ".")).exists():
        return
    for command in commands:
        print(f"$ {' '.join(command)}", flush=True)
        # What is compiled there stays there, wherever this project's own is put.
        environment = {name: text for name, text in os.environ.items() if name != "CARGO_TARGET_DIR"}
        environment["DEBIAN_FRONTEND"] = "noninteractive"
        done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}")


def has_package(name):
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    return subprocess.run(command, capture_output=True, text=True).stdout == "installed"


def with_apt(packages):
    if not packages:
        return []
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    return [[*as_root, "apt-get", "update", "-q"], [*as_root, *install]]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def prepared(peer, extras, places):
    """How a server is started at a free port: the command, its environment, and the URL."""
    places = {**places, "PORT": free_port()}
    variants = [peer[extra] for extra in extras]
    command = [*peer["command"], *(word for variant in variants for word in variant.get("arguments", []))]
    environment = dict(os.environ)
    for settings in [peer, *variants]:
        environment |= {name: fill(text, places) for name, text in settings.get("environment", {}).items()}
    url = next((variant["url"] for variant in variants if "url" in variant), peer["url"])
    return [fill(word, places) for word in command], environment, fill(url, places)


@contextlib.contextmanager
def started(peer, folder, extras, places):
    """Runs a server until the block ends, and gives its URL."""
    command, environment, url = prepared(peer, extras, places)
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # With whatever it starts itself.
            start_new_session=True,
        )
        try:
            wait_until_it_is_ready(server, url)
            yield url
            if server.poll() is not None:
                raise Failed(f"it ended by itself, with {server.returncode}")
        except Failed as failure:
            log.seek(0)
            raise Failed(f"{failure}\n{log.read()[-2000:]}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_until_it_is_ready(server, url):
    deadline = time.monotonic() + PATIENCE_SECONDS
    why = "nothing was tried"
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Failed(f"it ended before it was ready, with {server.returncode}")
        try:
            upgrade(urlsplit(url))
            return
        except (Failed, OSError) as failure:
            why = failure
        time.sleep(0.05)
    raise Failed(f"it was not ready in {PATIENCE_SECONDS} s: {why}")


def upgrade(url):
    """Opens one connection and makes it a WebSocket."""
    with socket.create_connection((url.hostname, url.port), timeout=PATIENCE_SECONDS) as plain:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        connection = tls.wrap_socket(plain) if url.scheme == "wss" else plain
        path = f"{url.path}?{url.query}".rstrip("?")
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n\r\n".encode()
        )
        answer = connection.recv(4096).decode(errors="replace")
        if not answer.startswith("HTTP/1.1 101"):
            raise Failed(f"it answers the upgrade with {answer[:200]!r}")


def load(harness, peer, run, extras, url, folder, server=([], None)):
    """Runs a scenario against a server, which the harness starts by itself if it is given how."""
    report = Path(folder) / "report.json"
    flags = [*PACES.get(run[0], PACE), "--checks-only", "--url", url, "--dialect", peer.get("dialect", "strav")]
    flags += ["--json", report]
    if "template" in peer:
        flags += ["--template", PEERS / peer["template"]]
    if "deflate" in extras:
        flags += ["--deflate"]
    if "tls" in extras:
        flags += ["--tls-insecure"]
    command, environment = server
    done = subprocess.run(
        [harness, *run, *flags, *(["--", *command] if command else [])],
        cwd=PEERS / peer.get("folder", "."),
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(run)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    read = json.loads(report.read_text())
    deliveries = read["counts"]["run_deliveries"]
    if run[0] not in ("idle", "handshakes") and deliveries == 0:
        raise Failed(f"{' '.join(run)} brought nothing\n{done.stdout}")
    if run[0] == "handshakes" and read["handshakes"]["opened"] == 0:
        raise Failed(f"{' '.join(run)} opened nothing\n{done.stdout}")
    print(f"  {' '.join([*extras, *run])}: {read['verdict']}", flush=True)


def try_peer(harness, name, places):
    peer = tomllib.loads((PEERS / f"{name}.toml").read_text())
    folder = PEERS / peer.get("folder", ".")
    install(peer, folder)
    version = subprocess.run([fill(word, places) for word in peer["version"]], cwd=folder, capture_output=True, text=True)
    print(f"{peer['name']}, {(version.stdout + version.stderr).strip()}", flush=True)
    known = peer.get("scenarios", [run[0] for run in [*RUNS, STORM]])
    with tempfile.TemporaryDirectory() as reports:
        for extras in [[], *([extra] for extra in ("tls", "deflate") if extra in peer)]:
            with started(peer, folder, extras, places) as url:
                for run in RUNS:
                    if run[0] in known and not (extras and run[0] in PLAIN_ONLY):
                        load(harness, peer, run, extras, url, reports)
        if STORM[0] in known:
            *server, url = prepared(peer, [], places)
            load(harness, peer, STORM, [], url, reports, server)


def identity(folder):
    """A certificate for this machine that is signed by itself, and its key."""
    places = {"CERT": Path(folder) / "certificate.pem", "KEY": Path(folder) / "key.pem"}
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=shardcast-loadtest", "-keyout", places["KEY"], "-out", places["CERT"]]
    subprocess.run(command, check=True, capture_output=True)
    return places


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("harness", type=Path)
    parser.add_argument("peers", nargs="*", default=[DEFAULT], help=f"by the names of their files; without any: {DEFAULT}")
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    names = asked.peers
    if asked.all:
        descriptions = sorted(PEERS.glob("*.toml"))
        # This project's own server is tried by its own tests.
        names = [path.stem for path in descriptions if "${SHARDCAST}" not in path.read_text()]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        places = {"LOADTEST": asked.harness.resolve(), **identity(folder)}
        for name in names:
            try:
                try_peer(asked.harness.resolve(), name, places)
            except (Failed, OSError, subprocess.SubprocessError) as failure:
                print(f"{name}: {failure}", flush=True)
                failed.append(name)
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
