"""Two gateways behind one balancer are restarted one after the other, and nobody notices."""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from conftest import untrapped
from load import Load

from lab import Bed, Parts, until
from lab.balancer import Backend, Balancer
from lab.envoy import Envoy, Options
from lab.paths import EXAMPLE
from lab.surfer import Surfer

ECHO = "/api/v1/standin/echo"


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Its sessions are for the balancer's address."""
    with Parts() as parts:
        yield parts


@pytest.fixture(scope="module")
def balancer() -> Iterator[Balancer]:
    with Balancer() as balancer:
        yield balancer


@pytest.fixture(scope="module")
def gateways(parts, balancer) -> Iterator[list[Bed]]:
    """One address, one set of keys."""
    keys = {name: secrets.token_urlsafe(32) for name in ("AIRGATE_AFFINITY_KEY", "AIRGATE_SESSION_KEY")}
    options = Options(plugin={"external_url": balancer.url}, environment=keys)
    with ExitStack() as stack:
        gateways = [stack.enter_context(untrapped(options, parts)) for _ in range(2)]
        parts.provider.allow([balancer.url])
        balancer.join(*(Backend.of(gateway.envoy) for gateway in gateways))
        yield gateways


class Person:
    """Somebody who keeps asking, and stays who they are and where they are."""

    def __init__(self, surfer: Surfer, headers: dict[str, str]):
        self._surfer = surfer
        self._headers = headers
        self._first = self._seen()

    def visit(self) -> None:
        assert self._seen() == self._first

    def _seen(self) -> list[tuple[str | None, str, str]]:
        answers = [self._surfer.fetch(method, ECHO, self._headers) for method in ("GET", "POST")]
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
        heard = [{name.lower(): value for name, value in answer.json()["headers"]} for answer in answers]
        return [
            (one["x-airgate-user"], one["x-airgate-affinity"], answer.headers["x-standin-name"])
            for one, answer in zip(heard, answers)
        ][1:]


def drain(envoy: Envoy) -> subprocess.Popen:
    """What Kubernetes runs before it ends a pod."""
    script = EXAMPLE / "kubernetes/drain.sh"
    environment = {**os.environ, "ADMIN_PORT": str(urlsplit(envoy.admin_url).port), "SETTLE": "1", "DEADLINE": "40"}
    return subprocess.Popen(["bash", script], env=environment, stdin=subprocess.DEVNULL)


def test_nobody_notices(parts, balancer, gateways):
    def surfer() -> Surfer:
        return Surfer(balancer.url, parts.provider.issuer, parts.authority_file)

    with ExitStack() as stack:
        surfers = [stack.enter_context(surfer()) for _ in range(3)]
        surfers[0].sign_in("alice")
        surfers[1].sign_in("bob")
        token = {"authorization": f"Bearer {parts.provider.token('ci-bot')}"}
        people = [Person(one, headers) for one, headers in zip(surfers, ({}, {}, token))]
        loads = [stack.enter_context(Load(person.visit, threads=1)) for person in people]
        for gateway in gateways:
            until(lambda: all(load.count > 10 for load in loads), 20, "work")
            with sleepers(balancer, gateways, surfer, token) as slow_calls:
                draining = drain(gateway.envoy)
                balancer.wait_for(Backend.of(gateway.envoy), ready=False)
                assert not any(call.done() for call in slow_calls), "calls outlive the balancer's notice"
                assert draining.wait(60) == 0
                assert all(call.done() for call in slow_calls) and {call.result() for call in slow_calls} == {200}
            restart(gateway, balancer)
    for load in loads:
        assert load.failures == []


@contextmanager
def sleepers(
    balancer: Balancer, gateways: list[Bed], surfer: Callable[[], Surfer], headers: dict[str, str]
) -> Iterator[list[Future]]:
    """A slow call through each gateway."""
    before = balancer.given.copy()
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(len(gateways)))
        # New connections go round, and nobody else opens any now.
        calls = [threads.submit(slow_call, stack.enter_context(surfer()), headers) for _ in gateways]
        ports = [Backend.of(gateway.envoy).port for gateway in gateways]
        until(lambda: all(balancer.given[port] > before[port] for port in ports), 10, "a slow call through each")
        yield calls


def slow_call(surfer: Surfer, headers: dict[str, str]) -> int:
    return surfer.post("/api/v1/connections/create", {**headers, "x-standin-slow-seconds": "4"}).status_code


def restart(gateway: Bed, balancer: Balancer) -> None:
    """Whoever was there has gone elsewhere, and it comes back when it is ready for everybody."""
    backend = Backend.of(gateway.envoy)
    assert balancer.connections(backend) == 0
    balancer.leave(backend)
    gateway.restart()
    before = balancer.given[backend.port]
    balancer.join(backend)
    with Surfer(balancer.url, gateway.issuer, gateway.authority_file) as somebody:
        again = {"connection": "close"}
        until(lambda: somebody.get("/.airgate/health", again) and balancer.given[backend.port] > before)
