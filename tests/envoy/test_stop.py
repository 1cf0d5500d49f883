"""envoy-example/stop.sh: the gateway ends by itself, and no call is cut."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from lab import Bed, until
from lab.envoy import Options
from lab.paths import EXAMPLE

SLOW = "/api/v1/sources/discover_schema"


@pytest.fixture
def bed(parts):
    with Bed(Options(), parts=parts) as bed:
        yield bed


def stop(bed: Bed, **environment: str) -> None:
    """Until the script has ended."""
    environment["ADMIN_PORT"] = str(urlsplit(bed.envoy.admin_url).port)
    subprocess.run(["bash", EXAMPLE / "stop.sh"], env={**os.environ, **environment}, timeout=30, check=True)


def test_a_slow_call_ends_and_then_the_gateway(bed):
    for standin in bed.standins:
        standin.forget()
    with ThreadPoolExecutor() as pool:
        call = pool.submit(bed.client("alice").post, SLOW, json={}, headers={"x-standin-slow-seconds": "2"})
        arrived = lambda: any(request["url"] == SLOW for standin in bed.standins for request in standin.requests())
        until(arrived, 5, "the call at Airbyte")
        stop(bed, SETTLE="0")
        assert call.result().status_code == 200
    until(lambda: not bed.envoy.child.running, 10, "the end of Envoy")


def test_whoever_still_comes_is_served_until_the_balancer_has_noticed(bed):
    client = bed.client("alice")
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(stop, bed, SETTLE="3")
        until(lambda: client.get("/api/v1/standin/echo").headers.get("connection") == "close", 5, "the drain")
        assert client.get("/api/v1/standin/echo").status_code == 200 and not stopping.done()
    until(lambda: not bed.envoy.child.running, 10, "the end of Envoy")
