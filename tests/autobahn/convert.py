"""Makes the installed Autobahn|Testsuite, which is Python 2, run under Python 3.

usage: python convert.py FOLDER

Writes the package `autobahntestsuite` to FOLDER: the cases and the fuzzing client, and no more of it. First come
a few replacements, each with its reason; then fissix (lib2to3) does all that can be told from the grammar.
"""

import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple

from fissix.refactor import RefactoringTool, get_fixers_from_package

CONVERTED = ["_version.py", "caseset.py", "fuzzing.py", "case/*.py"]


class Replacement(NamedTuple):
    files: str
    old: str
    new: str
    reason: str


REPLACEMENTS = [
    Replacement(
        "case/*.py",
        "import binascii\n",
        "import octets as binascii\n",
        "the cases print their payloads in hex, and keep them in str (see octets.py)",
    ),
    Replacement(
        "case/case6_x_x.py",
        "from autobahn.websocket.utf8validator import Utf8Validator\n",
        "from octets import Utf8Validator\n",
        "the payloads that it validates are str as well",
    ),
    Replacement(
        "case/*.py",
        "(object, Case, )",
        "(Case, )",
        "Python 3 refuses a base before its own descendant; in Python 2 Case did not descend from object",
    ),
    Replacement(
        "case/case.py",
        "pickle.dumps(obj1) == pickle.dumps(obj2)",
        "obj1 == obj2",
        "pickles differ with what equal objects share, which differs between Pythons",
    ),
    Replacement(
        "case/case10_1_1.py",
        "len(self.payload) / self.p.autoFragmentSize",
        "len(self.payload) // self.p.autoFragmentSize",
        "a number of frames: Python 2 divides integers to an integer",
    ),
    Replacement(
        "case/__init__.py",
        "from case12_x_x import *\n",
        "Case12_X_X, Case12_X_X_CaseSubCategories, Case13_X_X, Case13_X_X_CaseSubCategories = [], {}, [], {}\n",
        "compression, which the server does not have, would want setuptools and its samples",
    ),
    Replacement(
        "case/__init__.py",
        "from case9_9_1 import *\n",
        "",
        "the suite does not run it either, and it wants a zope.interface of old",
    ),
    Replacement(
        "fuzzing.py",
        "import os, json, binascii, time, textwrap, pkg_resources\n",
        "import os, json, time, textwrap\nimport octets as binascii\n",
        "hex of str, as above; pkg_resources is for the suite's own server",
    ),
    Replacement(
        "fuzzing.py",
        "from report import CSS_COMMON, \\\n"
        "                   CSS_DETAIL_REPORT, \\\n"
        "                   CSS_MASTER_REPORT, \\\n"
        "                   JS_MASTER_REPORT\n",
        "",
        "for pages of HTML, which would want jinja2",
    ),
    Replacement(
        "fuzzing.py",
        "from twisted.internet import reactor, ssl\n",
        "from twisted.internet import reactor\n",
        "TLS would want OpenSSL",
    ),
    Replacement(
        "fuzzing.py",
        "WebSocketClientFactory.__init__(self, debug = debug, debugCodePaths = debug)",
        "WebSocketClientFactory.__init__(self)",
        "the autobahn in requirements.txt has no such arguments",
    ),
    Replacement(
        "fuzzing.py",
        "self.failConnection()",
        "self._fail_connection()",
        "the autobahn in requirements.txt calls it so",
    ),
]


def converted_files(suite):
    for pattern in CONVERTED:
        # Compression: see the replacement in case/__init__.py.
        yield from (path for path in suite.glob(pattern) if path.name != "case12_x_x.py")


def replace(suite, sources):
    for files, old, new, _reason in REPLACEMENTS:
        paths = [path for path in suite.glob(files) if old in sources.get(path, "")]
        if not paths:
            sys.exit(f"convert.py: {old!r} stands in no file {files}; is this another version of the suite?")
        for path in paths:
            sources[path] = sources[path].replace(old, new)


def main():
    # Found without being imported, which would run its Python 2.
    suite = Path(importlib.util.find_spec("autobahntestsuite").submodule_search_locations[0])
    folder = Path(sys.argv[1]) / "autobahntestsuite"

    # One character per byte, whatever the file says of its encoding: some payloads are plain literals.
    sources = {path: path.read_text("iso-8859-1") for path in converted_files(suite)}
    replace(suite, sources)
    fixers = RefactoringTool(get_fixers_from_package("fissix.fixes"))
    for path, source in sources.items():
        converted = folder / path.relative_to(suite)
        converted.parent.mkdir(parents=True, exist_ok=True)
        # The path tells which imports are of siblings; a line without an end is not understood.
        converted.write_text(str(fixers.refactor_string(source + "\n", str(path))), "utf-8")
    # The suite's own imports every tool of it.
    (folder / "__init__.py").write_text("from ._version import __version__ as version\n")
    print(f"converted {len(sources)} files of {suite} to {folder}")


if __name__ == "__main__":
    main()
