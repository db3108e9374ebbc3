"""Counts the instructions of the hot paths at this commit, and at the one that it is built upon.

    python3 tests/instructions.py [--base COMMIT]

A path that takes over 5 % more than before fails, unless a line that was added to CHANGELOG.md since then names it,
as in: "`turn to_many` takes 8 % more instructions, for each publication has a date now".

The base is where this branch left the main one. On the main branch itself it is the last commit of an earlier day, so that
a day's work is judged as a whole. Both are built as a release is, and counted by callgrind, in the same run, by
the same tools (valgrind and gungraun-runner, which tests/run installs).
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "shardcast-instructions"
RISE_MAX = 0.05
# Counts this small change by more than that with every compiler.
COUNT_MIN = 1_000


class Broken(Exception):
    """There is nothing to compare, or it cannot be counted."""


def output_of(*command, cwd=ROOT):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def find_base():
    """The commit to compare with; None if there is none before this one."""
    head = output_of("git", "rev-parse", "HEAD")
    for main in ("origin/HEAD", "origin/main", "main"):
        with contextlib.suppress(Broken):
            base = output_of("git", "merge-base", "HEAD", main)
            if base != head:
                return base
    midnight = output_of("git", "show", "-s", "--format=%cs 00:00:00", "HEAD")
    return output_of("git", "rev-list", "-1", f"--before={midnight}", "HEAD") or None


@contextlib.contextmanager
def checked_out(commit, folder):
    """The files of a commit in a folder of their own, for as long as the block takes."""
    with contextlib.suppress(Broken):
        output_of("git", "worktree", "remove", "--force", str(folder))
    output_of("git", "worktree", "add", "--force", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        output_of("git", "worktree", "remove", "--force", str(folder))


def count(folder, target):
    """Instructions by path, of the files in a folder."""
    command = ["cargo", "bench", "--locked", "-p", PACKAGE, "--target-dir", target]
    command += ["--", "--output-format=json", "--home", target / "gungraun"]
    runner = target / "clients" / "gungraun" / "bin"
    environment = {**os.environ, "PATH": f"{runner}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Broken(f"cargo bench ended with {done.returncode}")
    return read(done.stdout)


def read(text):
    """Instructions by path, from what gungraun prints: one JSON object for each."""
    counts = {}
    for line in text.splitlines():
        if line.startswith("{"):
            summary = json.loads(line)
            counts[name_of(summary)] = instructions_of(summary)
    if not counts:
        raise Broken("nothing was counted")
    return counts


def name_of(summary):
    """A path's name: `turn to_many`."""
    return f"{summary['function_name']} {summary['id']}"


def instructions_of(summary):
    """The number of instructions of one path."""
    profiles = summary["profiles"]
    return int(profiles[0]["data"]["total"]["metrics"]["Ir"]["values"]["new"])


def excused(base):
    """Lines that CHANGELOG.md has and had not."""
    diff = output_of("git", "diff", "--unified=0", base, "HEAD", "--", "CHANGELOG.md")
    lines = diff.splitlines()
    return "\n".join(line[1:] for line in lines if line.startswith("+") and not line.startswith("+++"))


def verdict(name, before, now, reasons):
    """Whether a path may take so many, and what to print of it.

    >>> verdict("turn to_one", 10_000, 10_400, "")
    (True, '| turn to_one | 10,000 | 10,400 | +4.0 % | |')
    >>> verdict("turn to_one", 10_000, 10_600, "")
    (False, '| turn to_one | 10,000 | 10,600 | +6.0 % | too many |')
    >>> verdict("turn to_one", 10_000, 10_600, "- `turn to_one` checks more")[0]
    True
    """
    if before is None:
        return True, f"| {name} | | {now:,} | | new |"
    rise = now / before - 1
    is_more = rise > RISE_MAX and now >= COUNT_MIN
    is_explained = f"`{name}`" in reasons
    word = (" explained" if is_explained else " too many") if is_more else ""
    return is_explained or not is_more, f"| {name} | {before:,} | {now:,} | {100 * rise:+.1f} % |{word} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="the commit to compare with")
    asked = parser.parse_args()
    try:
        metadata = output_of("cargo", "metadata", "--format-version", "1", "--no-deps", "--offline")
        target = Path(json.loads(metadata)["target_directory"])
        base = asked.base or find_base()
        before, reasons = {}, ""
        if base is None:
            print("there is no commit before this one to compare with")
        elif PACKAGE not in output_of("git", "show", f"{base}:Cargo.lock"):
            print(f"{base[:12]} has no such counts to compare with")
        else:
            print(f"compared with {base[:12]}", flush=True)
            reasons = excused(base)
            with checked_out(base, target / "instructions") as folder:
                before = count(folder, target)
        now = count(ROOT, target)
    except Broken as error:
        print(error, file=sys.stderr)
        return 1
    print("| path | before | now | | |\n|---|---|---|---|---|")
    verdicts = [verdict(name, before.get(name), number, reasons) for name, number in now.items()]
    for _, line in verdicts:
        print(line)
    if all(is_good for is_good, _ in verdicts):
        return 0
    print("what takes more needs its reason in CHANGELOG.md, with its name as it stands here in backquotes", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
