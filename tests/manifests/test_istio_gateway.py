"""envoy-example/istio/: the ingress gateway, by the roads to the module."""

import httpx
import pytest
from istio import gateway, plugin_of
from objects import ISTIO, find

from lab.envoy import Options

# The third, wasmplugin.yaml, says the same as trafficextension.yaml: see `test_both_apis_say_the_same`.
ROADS = ["trafficextension.yaml", "module-by-envoyfilter.yaml"]
FORGED = {
    "x-airgate-user": "mallory",
    "x-airgate-route": "slow",
    "x-airgate-role": "admin",
    "x-forwarded-for": "198.51.100.7",
    "x-forwarded-host": "evil.example",
    "forwarded": "for=198.51.100.7",
}


@pytest.fixture(scope="module", params=ROADS)
def bed(request, open_bed):
    return open_bed(Options(bootstrap=lambda bootstrap: gateway(bootstrap, ISTIO / request.param)))


@pytest.fixture(scope="module")
def unguarded(open_bed):
    """Somebody removed the plugin."""
    return open_bed(Options(bootstrap=lambda bootstrap: gateway(bootstrap, None)))


def test_who_is_known_gets_through_and_what_clients_claim_does_not(bed):
    answer = bed.client("alice").get("/api/v1/standin/echo", headers=FORGED)
    headers = dict(answer.json()["headers"])
    assert headers["x-airgate-user"] == "alice" and headers["x-airgate-route"] == "api"
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == bed.url.removeprefix("https://")
    assert "forwarded" not in headers and "authorization" not in headers
    assert answer.headers["strict-transport-security"]


def test_nobody_gets_in(bed, arrived):
    answer = bed.client().get("/api/v1/standin/echo", headers=FORGED)
    assert answer.status_code == 401 and not arrived()


def test_without_the_plugin_nothing_goes_anywhere(unguarded, arrived):
    answer = unguarded.client("alice").get("/api/v1/standin/echo", headers=FORGED)
    assert answer.status_code == 503 and answer.json()["message"] and not arrived()


def test_paths_and_names_that_can_be_read_two_ways_are_refused(bed, arrived):
    client = bed.client("alice")
    assert client.get("/api/v1%2fstandin/echo").status_code == 400
    assert client.get("/api/v1/standin/echo", headers={"x_airgate_user": "mallory"}).status_code == 400
    assert not arrived()


def test_people_sign_in(bed):
    surfer = bed.surfer()
    surfer.sign_in("alice", "/")
    me = surfer.get("/.airgate/me")
    assert me.json()["user"] == "alice"


def test_a_client_stays_on_its_replica(bed):
    client = bed.client("alice")
    assert len({client.get("/api/v1/standin/echo").headers["x-standin-name"] for _ in range(12)}) == 1


@pytest.mark.parametrize(("path", "most"), [("/api/v1/connections/get", 3), ("/api/v1/connections/update", 1)])
def test_only_reads_are_repeated(bed, parts, arrived, path, most):
    for standin in parts.standins:
        standin.control(fail={"status": 503, "path": path})
    assert bed.client("alice").post(path, json={}).status_code == 503
    assert len(arrived()) == most


@pytest.fixture(scope="module", params=ROADS)
def runners(request, open_bed):
    """Nobody is more than a runner, so that bodies decide."""

    def demoted(bootstrap):
        gateway(bootstrap, ISTIO / request.param)
        bootstrap.plugin_config["access"] = {"default_role": "runner"}

    return open_bed(Options(bootstrap=demoted))


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("/api/public/v1/jobs", {"jobType": "sync"}, {"jobType": "reset"}),
        ("/api/v1/web_backend/connections/get", {}, {"withRefreshedCatalog": True}),
    ],
)
def test_a_body_decides(runners, arrived, path, good, bad):
    client = runners.client("alice", timeout=5)
    assert "x-standin-name" in client.post(path, json=good).headers
    assert [(request["url"], request["complete"]) for request in arrived()] == [(path, True)]
    assert client.post(path, json=bad).status_code == 403
    # What of it came, if anything, was no request, or none that Node calls one.
    assert not any(request.get("complete") or request.get("body_bytes") for request in arrived()[1:])


def test_what_hangs_without_bodies_headers_ahead(open_bed):
    """The contrast to the last: it is Istio's way that hides the body."""

    def asks(bootstrap):
        gateway(bootstrap, ISTIO / "wasmplugin.yaml")
        del bootstrap.plugin_config["bodies"]

    client = open_bed(Options(bootstrap=asks)).client("alice", timeout=1)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/public/v1/jobs", json={"jobType": "sync", "connectionId": "x"})


def test_each_class_has_the_time_that_the_example_gives_it(bed, example_routes):
    (host,) = bed.envoy.bootstrap.manager()["route_config"]["virtual_hosts"]
    ours = {times(route) for route in host["routes"] if "route" in route}
    theirs = {times(route) for route in example_routes if "route" in route}
    assert ours == theirs


def times(route: dict) -> tuple:
    """Class, whether for reads only, path, timeout, idle timeout, how often it is repeated."""
    headers = {header["name"]: header.get("string_match", {}).get("exact", "any") for header in route["match"]["headers"]}
    action = route["route"]
    return (
        headers["x-airgate-route"],
        headers.get("x-airgate-retry"),
        route["match"]["prefix"],
        action["timeout"],
        action.get("idle_timeout"),
        action.get("retry_policy", {}).get("num_retries", 0),
    )


def test_both_apis_say_the_same():
    old = find(ISTIO / "wasmplugin.yaml", "WasmPlugin")
    new = find(ISTIO / "trafficextension.yaml", "TrafficExtension")
    assert plugin_of(old) == plugin_of(new) and old["metadata"] == new["metadata"]


def test_the_plugin_is_the_first_and_never_fails_open():
    spec = plugin_of(find(ISTIO / "wasmplugin.yaml", "WasmPlugin"))
    assert (spec["phase"], spec["failStrategy"]) == ("AUTHN", "FAIL_RELOAD") and spec["priority"] > 0
    gateway_pods = find(ISTIO / "gateway.yaml", "Deployment")["spec"]["template"]
    assert spec["selector"]["matchLabels"].items() <= gateway_pods["metadata"]["labels"].items()
