"""Runs cases of the converted Autobahn|Testsuite against a server, as `wstest -m fuzzingclient` does.

usage: python fuzzing_client.py SUITE URL REPORTS MESSAGES CASE...

SUITE is the folder that convert.py wrote, and CASE a pattern such as `1.*`. The suite writes to the folder
REPORTS: `index.json` with every case's outcome, and a file for each case with all that went over the wire.
The cases on compression send MESSAGES each, or as many as the suite says where that is less.
"""

import sys

import octets

# First of all that is autobahn's, since it chooses Twisted for the rest.
import autobahn.twisted.websocket
from autobahn.websocket import protocol
from twisted.internet import reactor

suite, url, reports, messages, *cases = sys.argv[1:]
sys.path.insert(0, suite)
from autobahntestsuite import fuzzing  # noqa: E402

# In place of the package wsaccel, which is C: without either the large messages take minutes.
protocol.createXorMasker = octets.XorMasker
protocol.Utf8Validator = octets.Utf8Validator


class Connection(fuzzing.FuzzingClientProtocol):
    """One case's connection: the suite's, which works with str, on a library that works with bytes."""

    def sendFrame(self, opcode, payload=b"", payload_len=None, **rest):
        payload = octets.to_bytes(payload)
        if payload_len is not None:
            # Autobahn's own repetition fails under Python 3.
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        super().sendFrame(opcode, payload, **rest)

    def sendMessage(self, payload, *rest, **named):
        super().sendMessage(octets.to_bytes(payload), *rest, **named)

    def sendMessageFrameData(self, payload, *rest, **named):
        return super().sendMessageFrameData(octets.to_bytes(payload), *rest, **named)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, octets.to_bytes(reasonUtf8), isReply)

    def onMessage(self, payload, isBinary):
        super().onMessage(octets.to_text(payload), isBinary)

    def onPong(self, payload):
        super().onPong(octets.to_text(payload))

    def logRxFrame(self, frameHeader, payload):
        super().logRxFrame(frameHeader, [octets.to_text(b"".join(payload))])


class Connections(fuzzing.FuzzingClientFactory):
    """Makes a connection for each case, one after the other, and reports when all are done."""

    def logCase(self, result):
        # JSON knows no bytes.
        super().logCase({key: octets.to_text(value) for key, value in result.items()})

    def createReports(self):
        super().createReports(produceHtml=False)


for case in fuzzing.Cases:
    # 1,000 in all of them: what is wrong is nearly always wrong with the second message at the latest, and a
    # thousand of 128 KiB take a long time.
    if getattr(case, "COUNT", 0) > int(messages):
        case.DESCRIPTION = case.DESCRIPTION.replace(f"Send {case.COUNT} ", f"Send {messages} ")
        case.COUNT = int(messages)

# The suite's factory makes connections of the class that has this name.
fuzzing.FuzzingClientProtocol = Connection
Connections(
    {
        "outdir": reports,
        "servers": [{"agent": "shardcast", "url": url}],
        "cases": cases,
        # Autobahn waits 1 s for the server's Close, but by a timer that strikes at full seconds, which may be
        # at once. So it waits 1 s at least.
        "options": {"closeHandshakeTimeout": 2},
    }
)
reactor.run()
