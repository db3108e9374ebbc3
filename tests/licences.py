"""Fails when a crate in Cargo.lock's graph comes with a licence, or from a place, that is not listed here.

Reads `cargo metadata`, every platform and every development dependency included. A licence is an
SPDX expression: of OR one side must be allowed, of AND both.
"""

import json
import re
import subprocess
import sys

# Each lets anybody use and pass on the binary without publishing their own sources.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}

# The registry that cargo calls its default, whatever it is replaced by. Git sources are not listed.
SOURCE = "registry+"


def is_allowed(expression):
    """Whether somebody may choose only allowed licences from an SPDX expression.

    >>> [is_allowed(e) for e in ("MIT", "GPL-3.0", "MIT OR GPL-3.0", "MIT/GPL-3.0", "MIT AND GPL-3.0")]
    [True, False, True, True, False]
    >>> is_allowed("(GPL-3.0 OR MIT) AND Apache-2.0 WITH LLVM-exception")
    True
    >>> [is_allowed(e) for e in ("MIT AND (GPL-3.0)", "ISC WITH GPL-exception", "MIT OR MIT AND GPL-3.0")]
    [False, False, True]
    """
    # Old manifests write a slash for OR.
    words = re.findall(r"[()]|[\w.+-]+", expression.replace("/", " OR "))
    verdict, rest = either(words)
    if rest:
        raise ValueError(f"cannot read the licence {expression!r}")
    return verdict


def either(words):
    verdict, words = both(words)
    while words and words[0] == "OR":
        right, words = both(words[1:])
        verdict = verdict or right
    return verdict, words


def both(words):
    verdict, words = one(words)
    while words and words[0] == "AND":
        right, words = one(words[1:])
        verdict = verdict and right
    return verdict, words


def one(words):
    if not words or words[0] in ("OR", "AND", "WITH", ")"):
        raise ValueError("a licence's name is missing")
    if words[0] == "(":
        verdict, words = either(words[1:])
        if words[:1] != [")"]:
            raise ValueError("a parenthesis is open")
        return verdict, words[1:]
    name, words = words[0], words[1:]
    if words[:1] == ["WITH"]:
        name, words = " ".join([name, *words[:2]]), words[2:]
    return name in ALLOWED, words


def complaint(package):
    name = f"{package['name']} {package['version']}"
    # Our own crates have no source.
    if package["source"] and not package["source"].startswith(SOURCE):
        return f"{name} comes from {package['source']}"
    if not package["license"]:
        return f"{name} names no licence"
    try:
        if not is_allowed(package["license"]):
            return f"{name} is licensed {package['license']}"
    except ValueError as error:
        return f"{name}: {error}"
    return None


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    complaints = [text for text in map(complaint, packages) if text]
    for text in complaints:
        print(f"not allowed by tests/licences.py: {text}")
    print(f"{len(packages)} crates, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
