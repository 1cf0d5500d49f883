"""airgate-routing.wasm: what kind of traffic a request is, for routes to match on."""

import pytest
from conftest import as_shown, configuration

from lab.bootstrap import Bootstrap

ECHO = "/api/v1/standin/echo"


@pytest.fixture(scope="module")
def bed(open_bed):
    return open_bed(as_shown("routing"))


@pytest.fixture(autouse=True)
def forgotten(bed):
    for standin in bed.standins:
        standin.forget()


def arrived(bed, method: str, path: str, **headers) -> dict[str, str]:
    """The headers of the one request that a replica got."""
    bed.client().request(method, path, headers=headers)
    (request,) = bed.parts.requests()[-1:]
    assert request["url"] == path
    return {name.lower(): value for name, value in request["headers"]}


@pytest.mark.parametrize(
    "method, path, route, retry",
    [
        ("GET", "/workspaces", "ui", "safe"),
        ("POST", "/api/v1/connections/list", "api", "safe"),
        ("POST", "/api/v1/connections/update", "api", None),
        ("POST", "/api/v1/sources/discover_schema", "slow", None),
        ("GET", "/api/public/v1/jobs", "public-api", "safe"),
        ("POST", "/api/v1/no/such/operation", "api", None),
        ("POST", "/api/v1/web_backend/connections/get", "slow", None),
    ],
)
def test_the_operation_tells(bed, method, path, route, retry):
    headers = arrived(bed, method, path, **{"x-standin-slow-seconds": "0"})
    assert (headers["x-airgate-route"], headers.get("x-airgate-retry")) == (route, retry)


def test_what_a_client_says_itself_is_gone(bed):
    mine = {"x-airgate-route": "slow", "x-airgate-retry": "safe", "x-airgate-upstream": "canary", "authorization": "Bearer x"}
    headers = arrived(bed, "POST", "/api/v1/connections/update", **mine)
    assert (headers["x-airgate-route"], headers["authorization"]) == ("api", "Bearer x")
    assert "x-airgate-retry" not in headers and "x-airgate-upstream" not in headers


def test_a_rule_of_ones_own_decides(bed):
    headers = arrived(bed, "GET", "/workspaces", **{"x-try-canary": "1"})
    assert (headers["x-airgate-upstream"], headers["x-lane"]) == ("canary", "canary")


def test_a_read_is_repeated_and_a_write_is_not(bed):
    for standin in bed.standins:
        standin.control(fail={"status": 503})
    try:
        counts = []
        for path in ("/api/v1/connections/list", "/api/v1/connections/update"):
            for standin in bed.standins:
                standin.forget()
            assert bed.client().post(path).status_code == 503
            counts.append(sum(request["url"] == path for request in bed.parts.requests()))
        assert counts[0] > 1 and counts[1] == 1, counts
    finally:
        for standin in bed.standins:
            standin.heal()


def test_a_path_that_can_be_read_two_ways_is_refused(bed):
    answer = bed.client().get("/open;a=b/api/v1/connections/list")
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_request", answer.text


def test_rules_that_ask_who_are_no_configuration(parts):
    def wrong(block: dict, _: Bootstrap) -> None:
        configuration(block)["routing"]["rules"][0]["when"]["role"] = "admin"

    checked = parts.envoy("routing-mistakes", as_shown("routing", wrong)).validate()
    assert checked.returncode
    assert "airgate configuration: routing.rules[0].when.role: depends on who asks" in checked.stderr
