"""A new configuration while everybody is at work and the provider is away: nobody notices."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import untrapped
from load import Load
from visitor import ECHO, Visitor, values

from lab import Bed, Parts, until
from lab.envoy import VERSIONS, Options

WITH_HEADER = {"routing": {"rules": [{"then": {"headers": {"x-generation": "2"}}}]}}


@pytest.fixture(scope="module", params=VERSIONS)
def running(request):
    with Parts() as parts, untrapped(Options(version=request.param, reloadable=True), parts) as bed:
        bed.token("alice")
        yield bed


def generation(bed: Bed) -> list[str]:
    return values(Visitor(bed).ask().passed, "x-generation")


def test_nobody_notices(running):
    bed = running
    client = bed.client("alice")

    def visit() -> None:
        answer = client.get(ECHO.decode())
        assert answer.status_code == 200, answer.text
        write = client.post(ECHO.decode(), content=b"{}")
        assert write.status_code == 200, write.text

    slow = [(b"x-standin-slow-seconds", b"4")]
    with ThreadPoolExecutor(1) as thread, Load(visit, threads=4) as load:
        until(lambda: load.count > 50)
        bed.provider.down()
        in_flight = thread.submit(Visitor(bed).ask, b"/api/v1/connections/create", slow, method=b"POST")
        until(lambda: bed.envoy.stats(r"^cluster\.airbyte\.upstream_rq_active$").popitem()[1] > 0)
        assert bed.envoy.reload(WITH_HEADER)
        assert not in_flight.done(), "the call outlives the reload"
        until(lambda: generation(bed) == ["2"], what="the new configuration")
        before = load.count
        until(lambda: load.count > before + 50)
        # Keys come from shared data: the provider is still away, and nobody waits for it.
        assert {Visitor(bed).ask().answer.status for _ in range(10)} == {200}
        assert Visitor(bed, who=None).ask().refused == "no_credentials"
        # A wrong one is rejected and named, and the one before goes on.
        assert not bed.envoy.reload({"access": {"default_role": "nobody"}})
        assert "airgate configuration: access.default_role: expected one of: none, reader, runner, editor, admin" in bed.envoy.log()
        before = load.count
        until(lambda: load.count > before + 50)
        assert generation(bed) == ["2"]
        # And the mistake can be mended.
        assert bed.envoy.reload({"access": {"default_role": "admin"}, "routing": None})
        until(lambda: generation(bed) == [], what="the mended configuration")
        assert in_flight.result().answer.status == 200
    assert load.failures == []
    bed.provider.down(False)


def test_affinity_outlives_a_reload(running):
    bed = running
    visitor = Visitor(bed)
    first = visitor.ask()
    cookie = first.answer.header("set-cookie").partition(";")[0].encode()
    assert bed.envoy.reload(WITH_HEADER)
    until(lambda: generation(bed) == ["2"])
    again = Visitor(bed).ask(fields=[(b"cookie", cookie)])
    assert again.answer.header("set-cookie") is None
    assert values(again.passed, "x-airgate-affinity") == values(first.passed, "x-airgate-affinity")
