"""A TCP load balancer, as stands before several gateways: it passes bytes on and asks who is ready.

    with Balancer() as balancer:
        beds = [Bed(Options(plugin={"external_url": balancer.url}, …), parts=parts) for _ in range(3)]
        balancer.join(*(Backend.of(bed.envoy) for bed in beds))

New connections go round those that are ready. Open ones stay where they are until one end closes.
"""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Self
from urllib.parse import urlsplit

from lab.envoy import Envoy
from lab.ports import free_port
from lab.until import until

_CHECK_SECONDS = 0.1
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Backend:
    """Both ports are on loopback."""

    port: int
    # Whoever answers /ready here with 200 gets new connections.
    probe: int

    @classmethod
    def of(cls, envoy: Envoy) -> Self:
        """By the probe that envoy-example/kubernetes uses."""
        port, probe = (urlsplit(url).port for url in (envoy.url, envoy.admin_url))
        return cls(port, probe)


class Balancer:
    def __init__(self):
        self._port = free_port()
        self.url = f"https://localhost:{self._port}"
        # How many connections each port was ever given.
        self.given: Counter[int] = Counter()
        self._backends: list[Backend] = []
        self._ready: set[Backend] = set()
        self._open: Counter[Backend] = Counter()
        self._turn = count()
        # asyncio itself holds none of them once a client has said its last word: they would be collected, in any thread.
        self._serving: set[asyncio.Task] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._thread.start()
        assert self._started.wait(10), "the balancer does not listen"

    def join(self, *backends: Backend) -> None:
        """These are asked from now on; waits until all of them are ready."""
        self._backends = [*self._backends, *backends]
        for backend in backends:
            self.wait_for(backend)

    def leave(self, backend: Backend) -> None:
        """Not asked any more. Its open connections stay."""
        self._backends = [other for other in self._backends if other != backend]

    def wait_for(self, backend: Backend, ready: bool = True) -> None:
        """Until new connections come to this one, or no longer."""
        until(lambda: self.has(backend) == ready, 30, f"the backend at {backend.port} being {'in' if ready else 'out'}")

    def has(self, backend: Backend) -> bool:
        return backend in self._ready

    def connections(self, backend: Backend) -> int:
        """That are open now."""
        return self._open[backend]

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=1024))
        checks = self._loop.create_task(self._check())
        self._loop.call_soon(self._started.set)
        self._loop.run_forever()
        for task in {checks, *asyncio.all_tasks(self._loop)}:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self._loop), return_exceptions=True))

    async def _check(self) -> None:
        while True:
            backends = self._backends
            answers = await asyncio.gather(*map(_is_ready, backends))
            self._ready = {backend for backend, ready in zip(backends, answers) if ready}
            await asyncio.sleep(_CHECK_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend, connection = await self._connected()
        if not connection:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        self._serving.add(task)
        self._open[backend] += 1
        self.given[backend.port] += 1
        try:
            await asyncio.gather(_pass_on(reader, connection[1]), _pass_on(connection[0], writer))
        finally:
            self._serving.discard(task)
            self._open[backend] -= 1
            for end in (writer, connection[1]):
                end.close()

    async def _connected(self) -> tuple[Backend | None, tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]:
        """The next in turn that takes a connection, where that is not the one whose turn it is."""
        ready = [backend for backend in self._backends if backend in self._ready]
        turn = next(self._turn)
        for step in range(len(ready)):
            backend = ready[(turn + step) % len(ready)]
            try:
                return backend, await asyncio.open_connection("127.0.0.1", backend.port)
            except OSError:
                continue
        return None, None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until it ends; an end is passed on too, so that the other direction may go on."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        # A reset at one end is one at the other.
        writer.transport.abort()


async def _is_ready(backend: Backend) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", backend.probe)
            try:
                writer.write(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
