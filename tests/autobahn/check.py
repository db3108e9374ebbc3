"""Runs Autobahn|Testsuite against the server's echo endpoint: is this RFC 6455, and RFC 7692, to the letter?

    python3 tests/autobahn/check.py [--whole] [CASE...]

Each driver with one shard and with two has to give, case by case, what expected.txt says: the verdict on what
came back, the verdict on how the connection ended, and the close code that the server sent. The cases on
compression, families 12 and 13, are run with compression in each of its modes, all others without it, and once
more over TLS. With patterns of cases, such as `6.4.*`, only those are run. tests/run installs the suite.

The suite sends 1,000 messages in each case on compression. Here it sends 10; --whole lets it send all, which
takes half an hour.

The reports stay in target/autobahn, one folder for each combination, results.txt in the form of expected.txt.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tls_front import TlsFront, make_certificate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

FAMILIES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
ON_COMPRESSION = ["12.*", "13.*"]

# Messages in each case on compression: those of the suite itself, and so many that contexts are kept and dropped.
MESSAGES_WHOLE = 1_000
MESSAGES_FEW = 10

# Nothing else may be expected. The second is the suite's word where RFC 6455 leaves the answer open.
PASSED = {"OK", "INFORMATIONAL"}

# So many differences of a combination are told at length.
SHOWN_MAX = 10

# For all cases of a combination, of which the slowest machine should need a fifth.
CASES_SECONDS = 300
CASES_SECONDS_WHOLE = 2 * 3600
# Anything that should happen at once.
PATIENCE_SECONDS = 30


class Broken(Exception):
    """The cases could not be run, or not all."""


class NoIoUring(Exception):
    """The kernel refuses io_uring, as in many containers."""


class Combination(NamedTuple):
    """How a server is started, which decides the families that it has to pass."""

    driver: str
    shards: int
    deflate: str = "off"
    tls: bool = False

    def __str__(self):
        compression = "" if self.deflate == "off" else f", deflate {self.deflate}"
        over = ", over TLS" if self.tls else ""
        return f"{self.driver}, {self.shards} shard{'s' if self.shards > 1 else ''}{compression}{over}"

    def folder(self):
        words = [self.driver, str(self.shards), self.deflate, *(["tls"] if self.tls else [])]
        return "-".join(words)

    def families(self):
        return FAMILIES if self.deflate == "off" else ON_COMPRESSION


DRIVERS = ["uring", "epoll"]
COMBINATIONS = [
    *(Combination(driver, shards) for driver in DRIVERS for shards in (1, 2)),
    # A shard knows nothing of the others when it inflates and deflates.
    *(Combination(driver, 1, deflate) for driver in DRIVERS for deflate in ("shared", "dedicated")),
    *(Combination(driver, 2, tls=True) for driver in DRIVERS),
]


class Server:
    """A server of our own on a free port, with its log in `folder`."""

    def __init__(self, binary, combination, folder):
        self.log = folder / "server.log"
        driver, shards, deflate, tls = combination
        self.front = None
        command = [binary, "serve", "--dev-echo", "--listen", "127.0.0.1:0", "--api-listen", "none"]
        command += ["--driver", driver, "--shards", str(shards), "--cpus", "none", "--log-level", "warn"]
        if deflate != "off":
            command += ["--deflate", deflate]
        if tls:
            certificate, key = make_certificate(folder)
            command += ["--tls-cert", certificate, "--tls-key", key]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        banner = self.read_banner()
        echo = re.search(r"wss?://(\S+):(\d+)/echo\b", banner)
        if not echo:
            self.kill()
            log = self.log.read_text()
            refused = driver == "uring" and "io_uring is not available" in log
            raise NoIoUring if refused else Broken(f"the server did not start:\n{banner}{log}")
        self.url = echo[0]
        if tls:
            self.front = TlsFront(echo[1], int(echo[2]), certificate)
            self.url = f"ws://127.0.0.1:{self.front.port}/echo"

    def read_banner(self):
        # A pipe that stays silent would be read for ever.
        watchdog = threading.Timer(PATIENCE_SECONDS, self.process.kill)
        watchdog.start()
        banner = ""
        for line in self.process.stdout:
            banner += line
            if line.startswith("  driver "):
                break
        watchdog.cancel()
        return banner

    def stop(self):
        """Ends the server; it must have lived until now, and end as a healthy one does."""
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Broken("the server did not end at SIGTERM") from None
        if status != 0:
            raise Broken(f"the server ended with {status}:\n{self.log.read_text()}")

    def kill(self):
        if self.front:
            self.front.close()
            self.front = None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run_cases(check, url, cases, folder):
    """Runs the suite's client; returns each case's outcome as its index tells it."""
    command = [check.suite / "bin/python", HERE / "fuzzing_client.py", check.suite / "suite", url, folder]
    command += [str(check.messages), *cases]
    seconds = CASES_SECONDS if check.messages < MESSAGES_WHOLE else CASES_SECONDS_WHOLE
    log = folder / "client.log"
    with log.open("w") as output:
        try:
            client = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise Broken(f"not done within {seconds} s; the last case in {log} hangs") from None
    index = folder / "index.json"
    if client.returncode != 0 or not index.exists():
        raise Broken(f"the suite's client ended with {client.returncode}:\n{log.read_text()[-2000:]}")
    return json.loads(index.read_text()).get("shardcast", {})


def parse(text):
    """Cases with their outcomes, from the form of expected.txt.

    >>> parse("# a comment\\n1.1.1 OK, OK, 1000\\n3.1 OK, WRONG CODE, none\\n")
    {'1.1.1': 'OK, OK, 1000', '3.1': 'OK, WRONG CODE, none'}
    """
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


def outcome(result):
    """One case's part of the suite's index as a line of expected.txt has it.

    >>> outcome({"behavior": "OK", "behaviorClose": "UNCLEAN", "remoteCloseCode": None, "duration": 2})
    'OK, UNCLEAN, none'
    """
    return f"{result['behavior']}, {result['behaviorClose']}, {result['remoteCloseCode'] or 'none'}"


def order(case):
    return [int(number) for number in case.split(".")]


def difference(case, expected, result, folder):
    """Lines on a case that is not as expected: what it does, and where everything is told. None if it is."""
    is_so = outcome(result) if result else "was not run"
    should_be = expected or "no such case"
    if is_so == should_be:
        return None
    lines = [f"  {case}: {is_so}; expected: {should_be}"]
    if result:
        report = folder / result["reportfile"]
        about = json.loads(report.read_text())
        for text in (about["description"], about["result"], about["resultClose"]):
            lines.append("    " + " ".join(re.sub("<.*?>", " ", text).split()))
        lines.append(f"    {report}")
    return "\n".join(lines)


class Check(NamedTuple):
    """What is the same for every combination."""

    binary: Path
    suite: Path
    expected: dict
    is_choice: bool
    messages: int
    reports: Path


def run_combination(check, combination):
    """Runs its cases against one combination; returns whether all are as expected, and what to print."""
    expected = select(check.expected, combination.families())
    if not expected:
        return True, []
    name = str(combination)
    folder = check.reports / combination.folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    server = None
    try:
        server = Server(check.binary, combination, folder)
        # Families, where all are asked for: so a case of the suite that expected.txt lacks is found.
        cases = list(expected) if check.is_choice else combination.families()
        results = run_cases(check, server.url, cases, folder)
        server.stop()
    except NoIoUring:
        return True, [f"{name}: not run, since io_uring is not available here"]
    except Broken as error:
        return False, [f"{name}: {error}"]
    finally:
        if server:
            server.kill()
    took = time.monotonic() - began

    lines = [f"{case} {outcome(results[case])}\n" for case in sorted(results, key=order)]
    (folder / "results.txt").write_text("".join(lines))
    all_cases = sorted(expected.keys() | results.keys(), key=order)
    found = (difference(case, expected.get(case), results.get(case), folder) for case in all_cases)
    different = [text for text in found if text]
    behaviors = [result["behavior"] for result in results.values()]
    counts = ", ".join(f"{behaviors.count(behavior)} {behavior}" for behavior in sorted(set(behaviors)))
    verdict = "NOT as expected" if different else "as expected"
    head = f"{name}: {len(results)} cases in {took:.0f} s, {verdict}: {counts}"
    if len(different) > SHOWN_MAX:
        rest = f"  and {len(different) - SHOWN_MAX} more: see {folder / 'results.txt'}"
        different[SHOWN_MAX:] = [rest]
    return not different, [head, *different]


def select(expected, patterns):
    """Those of the expected cases that match one of `patterns`, as the suite itself reads them.

    >>> select({"1.1": "OK", "1.12": "OK", "11.1": "OK"}, ["1.*"])
    {'1.1': 'OK', '1.12': 'OK'}
    >>> select({"1.1": "OK", "1.12": "OK", "11.1": "OK"}, ["1.1", "11.*"])
    {'1.1': 'OK', '11.1': 'OK'}
    """
    wanted = [re.compile(pattern.replace(".", r"\.").replace("*", ".*") + "$") for pattern in patterns]
    return {case: line for case, line in expected.items() if any(pattern.match(case) for pattern in wanted)}


def read_expected():
    """What expected.txt says of all cases."""
    expected = parse((HERE / "expected.txt").read_text())
    for case, line in expected.items():
        behavior, close, _code = line.split(", ")
        if not {behavior, close} <= PASSED:
            raise Broken(f"expected.txt lets {case} be {line}")
    return expected


def build():
    """Builds the server as it is shipped; returns its path and the folder of all that is built."""
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    target = Path(json.loads(metadata)["target_directory"])
    return target / "release/shardcast", target


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="all messages of the cases on compression")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="a case, or a pattern such as 6.4.*")
    asked = parser.parse_args()
    try:
        expected = read_expected()
        if asked.cases:
            expected = select(expected, asked.cases)
        if not expected:
            raise Broken(f"expected.txt has no case {' or '.join(asked.cases)}")
        binary, target = build()
        suite = target / "clients/autobahn"
        if not (suite / "installed.txt").exists():
            raise Broken("the suite is not installed: run tests/run, which installs what it needs")
    except (Broken, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1

    messages = MESSAGES_WHOLE if asked.whole else MESSAGES_FEW
    check = Check(binary, suite, expected, bool(asked.cases), messages, target / "autobahn")
    # The suite waits a lot, but it computes a lot, too.
    at_once = min(2, len(os.sched_getaffinity(0)))
    all_good = True
    with ThreadPoolExecutor(at_once) as pool:
        for good, lines in pool.map(lambda combination: run_combination(check, combination), COMBINATIONS):
            for line in lines:
                print(line, flush=True)
            all_good = all_good and good
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
