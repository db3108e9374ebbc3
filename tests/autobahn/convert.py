"""Makes the installed Autobahn|Testsuite, which is Python 2, run under Python 3.

usage: python convert.py FOLDER

Writes the package `autobahntestsuite` to FOLDER: the cases, what those on compression send, and the fuzzing client.
First come a few replacements, each with its reason; then fissix (lib2to3) does all that can be told from the grammar.
"""

import importlib.util
import shutil
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
        "case/case12_x_x.py",
        "import copy, os, pkg_resources, hashlib, binascii\n",
        "import copy, os, hashlib, octets\n",
        "pkg_resources, of setuptools, is wanted for the name of a file alone; octets.py has the rest",
    ),
    Replacement(
        "case/case12_x_x.py",
        'pkg_resources.resource_filename("autobahntestsuite", ',
        "os.path.join(os.path.dirname(os.path.dirname(__file__)), ",
        "what is sent lies beside the folder of the cases, as in the package",
    ),
    Replacement(
        "case/case12_x_x.py",
        "def onMessage(self, msg, binary):\n",
        "def onMessage(self, msg, binary):\n   msg = octets.to_bytes(msg)\n",
        "these cases compare and decode bytes, which they read from files, with what came",
    ),
    Replacement(
        "case/case12_x_x.py",
        "binascii.hexlify(",
        "octets.b2a_hex(",
        "hex of str, as above",
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
        yield from suite.glob(pattern)


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
    shutil.copytree(suite / "testdata", folder / "testdata", dirs_exist_ok=True)
    # The suite's own imports every tool of it.
    (folder / "__init__.py").write_text("from ._version import __version__ as version\n")
    print(f"converted {len(sources)} files of {suite} to {folder}")


if __name__ == "__main__":
    main()
