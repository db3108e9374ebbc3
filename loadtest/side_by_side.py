#!/usr/bin/env python3
"""Prints the table of PERF.md: shardcast by its dialects, Bun and the floor, one after the other in each round.

    cargo build --release --workspace
    (cd loadtest/peers/bun && npm install)
    loadtest/side_by_side.py

Each server gets a core for itself and the harness another. Every run starts a server of its own, and a run
that the harness calls void (time stolen by the hypervisor) is done again. What is printed is the median of
the rounds, with the least and the most, and the ratio of medians. Certificates are made anew, by openssl.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LOADTEST = Path(__file__).resolve().parent
RELEASE = LOADTEST.parent / "target" / "release"
BUN = LOADTEST / "peers" / "bun"

SERVER_CPU, CLIENT_CPU = 0, 1

FAN_OUT = ["fanout", "--subscribers", "1000"]
BURSTS = [*FAN_OUT, "--burst", "16", "--window", "32"]
EVENTS = [*FAN_OUT, "--payload", "1024", "--text", "json"]
IDLE = ["idle", "--connections", "15000"]

DIALECTS = {"ignis": "/ws", "shared-websocket": "/events"}


@dataclass
class Row:
    """What is asked of the harness, and who takes part beside shardcast."""

    name: str
    arguments: list
    others: list
    # Instead of what the command line says.
    duration: str | None = None
    rounds: int | None = None
    # What all servers do but "plain", which is shardcast without it.
    deflate: bool = False
    tls: bool = False


ROWS = [
    Row("1000 subscribers, window 1", FAN_OUT, ["bun", "floor", "two shards", *DIALECTS]),
    Row("the same, bursts of 16", BURSTS, ["bun", *DIALECTS]),
    Row(
        "1000 topics x 10",
        ["fanout", "--subscribers", "10000", "--topics", "1000", "--publishers", "50"],
        ["bun"],
    ),
    Row("p2p 500", ["p2p", "--clients", "500"], ["bun"]),
    # Memory hardly differs from run to run; what costs time is to see that they stay idle.
    Row("15,000 idle", IDLE, ["bun"], duration="120s", rounds=1),
    Row("1 KiB JSON to 1000 subscribers", EVENTS, ["bun"]),
    Row("1 KiB JSON to 1000 subscribers, deflate shared", EVENTS, ["plain", "bun"], deflate=True),
    Row("bursts of 16 over TLS 1.3", BURSTS, ["plain", "bun"], tls=True),
    Row("handshakes over TLS 1.3", ["handshakes"], ["plain", "bun"], tls=True),
    Row("15,000 idle over TLS 1.3", IDLE, ["bun"], duration="120s", rounds=1, tls=True),
]
TRIES = 5


class Failed(Exception):
    """A server did not start, or a run was not good."""


@contextlib.contextmanager
def started(command, ready, **settings):
    """Runs a server until the block ends; `ready` finds its URL in a line of its output."""
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **settings
    )
    try:
        for line in server.stdout:
            if found := re.search(ready, line):
                yield server, found[0]
                return
        raise Failed(f"{command[0]} ended before it listened")
    finally:
        server.terminate()
        server.communicate()


@dataclass
class Extras:
    """What a row wants of its servers, and what is needed for it."""

    deflate: bool
    certificate: Path | None

    def of_shardcast(self):
        words = ["--deflate", "shared"] if self.deflate else []
        if self.certificate:
            words += ["--tls-cert", self.certificate, "--tls-key", key_of(self.certificate)]
        return words

    def of_bun(self):
        variables = {"DEFLATE": "1"} if self.deflate else {}
        if self.certificate:
            variables |= {"TLS_CERT": str(self.certificate), "TLS_KEY": str(key_of(self.certificate))}
        return variables

    def of_clients(self):
        words = ["--deflate"] if self.deflate else []
        if self.certificate:
            # What the client saves by looking at no certificate, it has for more handshakes.
            words += ["--tls-insecure"]
        return words


NO_EXTRAS = Extras(deflate=False, certificate=None)


@contextlib.contextmanager
def shardcast(extras, shards=1, path="/_broadcast"):
    command = [
        *(RELEASE / "shardcast", "serve", "--shards", str(shards), "--cpus", str(SERVER_CPU)),
        *("--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"),
        *("--allow-publish", "load.*", "--max-connections", "18000"),
        *("--endpoint", "/_broadcast=strav", "--allow-subscribe", "load.*"),
        *(word for name, path in DIALECTS.items() for word in ("--endpoint", f"{path}={name}")),
        *("--on-message", "load.0=publish:load.0"),
        *extras.of_shardcast(),
    ]
    with started(command, rf"wss?://\S+{path}(?= )") as (server, url):
        # The main thread is the control thread.
        os.sched_setaffinity(server.pid, {CLIENT_CPU})
        yield server, url


def bun(extras):
    command = ["taskset", "-c", str(SERVER_CPU), "node_modules/.bin/bun", "server.js"]
    return started(command, r"wss?://\S+", cwd=BUN, env={**os.environ, "PORT": "0", **extras.of_bun()})


SERVERS = {
    "shardcast": shardcast,
    "plain": lambda _extras: shardcast(NO_EXTRAS),
    "two shards": lambda extras: shardcast(extras, shards=2),
    "ignis": lambda extras: shardcast(extras, path=DIALECTS["ignis"]),
    "shared-websocket": lambda extras: shardcast(extras, path=DIALECTS["shared-websocket"]),
    "bun": bun,
    "floor": None,
}


def make_certificate(folder):
    """A certificate for this machine that is signed by itself; its key lies beside it."""
    certificate = Path(folder) / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=shardcast-loadtest", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", key_of(certificate), "-out", certificate]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"openssl: {done.stderr}")
    return certificate


def key_of(certificate):
    return certificate.with_name("key.pem")


def measure(server, arguments, extras, report):
    """One run of the harness; its report, or None if the machine was disturbed."""
    cpus = ["--client-cpu", str(CLIENT_CPU), "--server-cpu", str(SERVER_CPU), "--json", report]
    command = [RELEASE / "shardcast-loadtest", *arguments, *cpus]
    if SERVERS[server] is None:
        command[1] = "floor"
        done = subprocess.run(command, capture_output=True, text=True)
    else:
        with SERVERS[server](extras) as (process, url):
            if server != "plain":
                command += extras.of_clients()
                if extras.certificate:
                    url = re.sub("^ws:", "wss:", url)
            command += ["--url", url, "--server-pid", str(process.pid)]
            if server in DIALECTS:
                command += ["--dialect", server]
            done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 3:
        print(f"    void: {done.stdout[-300:]}{done.stderr[-300:]}", file=sys.stderr)
        return None
    if done.returncode != 0:
        raise Failed(f"{server}: {done.stdout}{done.stderr}")
    read = json.loads(report.read_text())
    if read["tls"] and read["tls"]["version"] != "TLSv1_3":
        raise Failed(f"{server} speaks {read['tls']['version']}")
    return read


def summary(values):
    if len(values) == 1:
        return f"{values[0]:,.0f}"
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def print_row(row, reports):
    is_idle = row.arguments[0] == "idle"
    is_handshakes = row.arguments[0] == "handshakes"

    def figure(report):
        server = report["server"]
        if is_idle:
            return server["memory"]["bytes_per_connection"]
        return report["handshakes"]["core_ns_each"] if is_handshakes else server["core"]["ns_per_delivery"]

    def rate(report):
        return report["handshakes"]["per_s"] if is_handshakes else report["counts"]["deliveries_per_s"]

    def median(of, runs):
        return statistics.median(of(one) for one in runs)

    ours = median(figure, reports["shardcast"])
    for server, runs in reports.items():
        unit = "bytes" if is_idle else "ns"
        cells = [row.name, server, f"{summary([figure(one) for one in runs])} {unit}"]
        cells.append("" if server == "shardcast" else f"{ours / median(figure, runs):.2f}")
        if is_idle:
            # Of the process: other work on a core that is idle would drown it.
            cpu = median(lambda one: one["server"]["process_cpu_s"] / one["window_s"], runs)
            cells += [f"{100 * cpu:.2f} %", "", ""]
        else:
            busy = median(lambda one: one["server"]["core"]["busy_share"], runs)
            p99 = median(lambda one: one["latency_us"]["p99"], runs) / 1000
            cells += [f"{100 * busy:.1f} %", f"{median(rate, runs):,.0f}", f"{p99:.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", default="20s", help="of each run")
    parser.add_argument("--only", help="rows whose name has this in it")
    parser.add_argument("--max-steal", default="1", help="percent")
    asked = parser.parse_args()
    for needed, how in [
        (RELEASE / "shardcast-loadtest", "cargo build --release --workspace"),
        (BUN / "node_modules", f"npm install --prefix {BUN.relative_to(LOADTEST.parent)}"),
    ]:
        if not needed.exists():
            raise Failed(f"{needed} is missing: {how}")

    print("| what | server | core time per delivery or handshake, or memory per connection | ratio | busy | per second | p99 ms |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(folder)
        for row in ROWS:
            if asked.only is None or asked.only in row.name:
                extras = Extras(row.deflate, certificate if row.tls else None)
                print_row(row, measure_row(row, asked, extras, Path(folder) / "report.json"))


def measure_row(row, asked, extras, report):
    pace = ["--duration", row.duration or asked.duration, "--max-steal", asked.max_steal]
    reports = {server: [] for server in ["shardcast", *row.others]}
    rounds = row.rounds or asked.rounds
    for round in range(1, rounds + 1):
        for server, runs in reports.items():
            if sys.stderr.isatty():
                print(f"\r\033[K{row.name}: {server}, round {round} of {rounds}", end="\r", file=sys.stderr)
            tries = (measure(server, [*row.arguments, *pace], extras, report) for _ in range(TRIES))
            if not (one := next(filter(None, tries), None)):
                raise Failed(f"{row.name}: the machine is too disturbed to measure")
            runs.append(one)
    return reports


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"side_by_side: {failure}")
