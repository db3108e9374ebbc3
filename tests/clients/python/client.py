"""The PyPI package `websockets`, worked from outside: one command per line comes in, one event per line goes out.

Started as: python client.py URL [SUBPROTOCOL...]
"""

import asyncio
import json
import sys

import websockets
from websockets.asyncio.client import connect

# A command's line carries a whole message with its escapes; asyncio would stop at 64 KiB.
LINE_BYTES_MAX = 16 << 20


def tell(**event):
    print(json.dumps(event), flush=True)


async def commands():
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def obey(socket):
    async for command in commands():
        if "send" in command:
            await socket.send(command["send"])
        elif "ping" in command:
            answered = await socket.ping(command["ping"])
            await answered
            tell(pong=command["ping"])
        else:
            await socket.close(command["close"])


async def main(url, subprotocols):
    # As a browser does, it offers compression and keeps to what the server chooses.
    async with connect(url, subprotocols=subprotocols or None, compression="deflate") as socket:
        extensions = ", ".join(extension.name for extension in socket.protocol.extensions)
        tell(open={"subprotocol": socket.subprotocol or "", "extensions": extensions})
        obeying = asyncio.create_task(obey(socket))
        try:
            while True:
                text = await socket.recv()
                if not isinstance(text, str):
                    raise TypeError("a binary message, which no strav client expects")
                tell(text=text)
        except websockets.ConnectionClosed:
            pass
        obeying.cancel()
        await socket.wait_closed()
        tell(closed={"code": socket.close_code, "reason": socket.close_reason})


try:
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
except Exception as error:
    tell(failed=repr(error))
    raise
