"""An address where no TLS is spoken, which leads to a server where it is: the suite's client knows none."""

import asyncio
import ssl
import subprocess
import threading

CHUNK_BYTES = 65_536


def make_certificate(folder):
    """A certificate for localhost that is signed by itself, and its key; their paths."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


class TlsFront:
    """Passes bytes on, in a thread of its own, until it is closed."""

    def __init__(self, host, port, certificate):
        self.server = (host, port)
        self.context = ssl.create_default_context(cafile=certificate)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        listening = asyncio.start_server(self.carry, "127.0.0.1", 0)
        listener = asyncio.run_coroutine_threadsafe(listening, self.loop).result()
        self.port = listener.sockets[0].getsockname()[1]

    async def carry(self, reader, writer):
        host, port = self.server
        sealed_reader, sealed_writer = await asyncio.open_connection(
            host, port, ssl=self.context, server_hostname="localhost"
        )
        pumps = [pump(reader, sealed_writer), pump(sealed_reader, writer)]
        pumps = [asyncio.ensure_future(one) for one in pumps]
        # TLS has no half of a connection: either end is the end.
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for one in pumps:
            one.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for one in (writer, sealed_writer):
            one.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


async def pump(reader, writer):
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
