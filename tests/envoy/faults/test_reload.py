"""New configurations, one after the other, while all kinds of requests are on their way. Beside ../test_reload.py."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from browser_session.visits import user
from conftest import untrapped
from load import Load
from visitor import ECHO, Visitor, values

from lab import Bed, Parts, until
from lab.envoy import Options
from lab.wire import Wire, Wire2, connect, request

RELOADS = 4
WRITE = b"/api/v1/connections/create"
LARGE = 30_000_000


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Its provider is asked for logins by nobody else."""
    with Parts() as parts:
        yield parts


@pytest.fixture(scope="module")
def bed(parts) -> Iterator[Bed]:
    with untrapped(Options(reloadable=True), parts) as bed:
        yield bed


def test_nothing_that_is_on_its_way_is_lost(bed):
    """Slow calls over both protocols, half an upload, half a download, sessions: over several generations."""
    token = bed.token("alice").encode()
    surfer, client = bed.surfer(), bed.client("ci-bot")
    surfer.sign_in("bob")

    def with_session() -> None:
        assert user(surfer) == "bob"

    def with_token() -> None:
        for method in ("GET", "POST"):
            answer = client.request(method, ECHO.decode())
            assert answer.status_code == 200, answer.text

    loaded = threading.Event()
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(8))
        loads = [stack.enter_context(Load(visit, threads=1)) for visit in (with_session, with_token)]
        stack.callback(loaded.set)
        fields = [(b"authorization", b"Bearer " + token), (b"x-standin-slow-seconds", b"8")]
        slow = [threads.submit(ask_once, bed, wire, fields) for wire in (Wire, Wire2)]
        download = threads.submit(download_in_halves, bed, loaded)
        upload = stack.enter_context(Upload(bed, token))
        until(lambda: active(bed) >= 4, 10, "all of them being on their way")
        for generation in map(str, range(RELOADS)):
            rule = {"then": {"headers": {"x-generation": generation}}}
            assert bed.envoy.reload({"routing": {"rules": [rule]}})
            until(lambda: asked(bed) == [generation], 10, "the new configuration")
            counts = [load.count for load in loads]
            until(lambda: all(load.count > count + 5 for load, count in zip(loads, counts)), 20, "work under it")
        assert not any(one.done() for one in (*slow, download)), "they outlive all of it"
        loaded.set()
        assert download.result() == LARGE
        assert upload.finish() == 200
        assert [one.result() for one in slow] == [200, 200]
    for load in loads:
        assert load.failures == []
    everything_is_in_the_record(bed)


def asked(bed: Bed) -> list[str]:
    """By which configuration a new connection is served."""
    return values(Visitor(bed).ask().passed, "x-generation")


def ask_once(bed: Bed, wire: type[Wire], fields: list) -> int:
    with wire(bed.url, bed.authority_file, 30) as connection:
        answer = connection.ask(WRITE, b"POST", fields=fields, body=b"{}")
        return answer.status if answer else 0


def download_in_halves(bed: Bed, go_on: threading.Event) -> int:
    """Reads a little, and the rest when it is told to: until then the buffers on the way are full."""
    with bed.client("alice", timeout=30).stream("GET", f"/api/v1/standin/large?bytes={LARGE}") as answer:
        assert answer.status_code == 200
        parts = answer.iter_raw(65_536)
        size = len(next(parts))
        go_on.wait(40)
        return size + sum(map(len, parts))


class Upload:
    """Half of it is sent at once."""

    SIZE = 1_000_000

    def __init__(self, bed: Bed, token: bytes):
        self._socket = connect(bed.url, bed.authority_file, 30, "http/1.1")
        fields = [(b"authorization", b"Bearer " + token), (b"content-length", b"%d" % self.SIZE)]
        self._socket.sendall(request(ECHO, b"POST", fields) + b"x" * (self.SIZE // 2))

    def finish(self) -> int:
        self._socket.sendall(b"x" * (self.SIZE // 2))
        head = self._socket.recv(1000)
        assert head.startswith(b"HTTP/1.1 "), head
        return int(head.split()[1])

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_) -> None:
        self._socket.close()


def active(bed: Bed) -> int:
    return bed.envoy.stats(r"^http\.https\.downstream_rq_active$").popitem()[1]


def everything_is_in_the_record(bed: Bed) -> None:
    """One line for each request that has ended, under whichever configuration."""

    def recorded() -> bool:
        completed = bed.envoy.stats(r"^http\.https\.downstream_rq_completed$").popitem()[1]
        lines = len(bed.envoy.access_log())
        assert lines == completed, f"{lines} lines for {completed} requests"
        return True

    until(recorded, 10, "the record")
