"""Very many connections at once: what slow clients send, and what becomes of them."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from lab import Bed

# A byte is sent this often by those who dribble.
_DRIP_SECONDS = 0.5

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What is said until the end, and also where that is a reset: whoever answers and closes before all was sent resets."""
    said = b""
    try:
        while some := await reader.read(65_536):
            said += some
    except (ConnectionError, ssl.SSLError):
        pass
    return said


def dribbles(first: bytes, byte: bytes) -> Behaviour:
    """Sends the beginning of a request, and then a byte now and then."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(first)
        end = asyncio.ensure_future(all_of(reader))
        while not end.done():
            writer.write(byte)
            await asyncio.wait([end], timeout=_DRIP_SECONDS)
        return await end

    return behave


async def waits(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
    """Does nothing until the end."""
    return await all_of(reader)


def never_reads(request: bytes, over: asyncio.Event) -> Behaviour:
    """Asks and does not read until it is `over`."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.transport.pause_reading()
        writer.write(request)
        await over.wait()
        writer.transport.resume_reading()
        return await all_of(reader)

    return behave


class Crowd:
    """Opens connections and lets them behave; says how many were let in, and what each was told before its end."""

    def __init__(self, bed: Bed):
        self._bed = bed
        self._tls = ssl.create_default_context(cafile=bed.authority_file)
        # Not all handshakes at once: those that wait for their turn are no slow clients.
        self._door = asyncio.Semaphore(50)
        self.inside = 0

    async def client(self, behaviour: Behaviour, url: str | None = None, tls: bool = True) -> bytes:
        """What was said to it until it was cut off."""
        port = urlsplit(url or self._bed.url).port
        async with self._door:
            raw = socket.socket()
            # Little room on this side, so that what is not read stays with the gateway.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            raw.setblocking(False)
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
            secure = {"ssl": self._tls, "server_hostname": "localhost", "ssl_handshake_timeout": 60} if tls else {}
            reader, writer = await asyncio.open_connection(sock=raw, limit=16_384, **secure)
        self.inside += 1
        try:
            return await behaviour(reader, writer)
        except (ConnectionError, ssl.SSLError):
            return b""
        finally:
            self.inside -= 1
            writer.transport.abort()
