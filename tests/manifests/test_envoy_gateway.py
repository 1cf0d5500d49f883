"""envoy-example/envoy-gateway/: the listener that Envoy Gateway would make, driven."""

import pytest
from envoy_gateway import gateway, seconds
from objects import ENVOY_GATEWAY, every, find

from lab.envoy import Options

FORGED = {
    "x-airgate-user": "mallory",
    "x-airgate-route": "slow",
    "x-forwarded-for": "198.51.100.7",
    "x-forwarded-host": "evil.example",
    "forwarded": "for=198.51.100.7",
}
# Of the gateway's own classes; `upstream` of a rule aside, these are all that x-airgate-route may say.
CLASSES = {"ui", "api", "slow", "public-api", "builder", "health", "auth-flow", "scim"}


@pytest.fixture(scope="module")
def bed(open_bed):
    return open_bed(Options(bootstrap=gateway))


def test_who_is_known_gets_through_and_what_clients_claim_does_not(bed):
    headers = dict(bed.client("alice").get("/api/v1/standin/echo", headers=FORGED).json()["headers"])
    assert headers["x-airgate-user"] == "alice" and headers["x-airgate-route"] == "api"
    # Envoy writes the machine's own address for a client on loopback: one, and not the client's.
    assert "," not in headers["x-forwarded-for"] and headers["x-forwarded-for"] != "198.51.100.7"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == bed.url.removeprefix("https://")
    assert "forwarded" not in headers and "authorization" not in headers


def test_nobody_gets_in(bed, arrived):
    assert bed.client().get("/api/v1/standin/echo", headers=FORGED).status_code == 401
    assert bed.client("alice").get("/api/v1%2fstandin/echo").status_code == 400
    assert not arrived()


def test_people_sign_in(bed):
    surfer = bed.surfer()
    surfer.sign_in("alice", "/")
    assert surfer.get("/.airgate/me").json()["user"] == "alice"


def test_a_body_can_be_asked_for(bed, arrived):
    bed.client("alice", timeout=5).post("/api/public/v1/jobs", json={"jobType": "sync"})
    assert [request["body_bytes"] > 0 for request in arrived()] == [True]


def test_a_client_stays_on_its_replica(bed):
    client = bed.client("alice")
    assert len({client.get("/api/v1/standin/echo").headers["x-standin-name"] for _ in range(12)}) == 1


@pytest.mark.parametrize(("path", "most"), [("/api/v1/connections/get", 3), ("/api/v1/connections/update", 1)])
def test_only_reads_are_repeated(bed, parts, arrived, path, most):
    for standin in parts.standins:
        standin.control(fail={"status": 503, "path": path})
    assert bed.client("alice").post(path, json={}).status_code == 503
    assert len(arrived()) == most


def test_without_the_policy_nothing_goes_anywhere(open_bed, arrived):
    """Somebody removed the EnvoyExtensionPolicy."""
    bed = open_bed(Options(bootstrap=lambda bootstrap: gateway(bootstrap, policy=False)))
    answer = bed.client("alice").get("/api/v1/standin/echo", headers=FORGED)
    assert answer.status_code == 503 and answer.json()["message"]
    assert not arrived()


def test_each_class_has_one_route_and_the_time_that_the_example_gives_it(example_routes):
    theirs = {}
    for route in example_routes:
        headers = {header["name"]: header.get("string_match", {}).get("exact") for header in route["match"].get("headers", [])}
        if "route" in route:
            theirs[headers["x-airgate-route"], "x-airgate-retry" in headers] = route["route"]["timeout"]
    ours = {}
    for route in every(ENVOY_GATEWAY / "routes.yaml", "HTTPRoute"):
        (rule,) = route["spec"]["rules"]
        headers = {header["name"]: header["value"] for header in rule["matches"][0].get("headers", [])}
        for name in headers.get("x-airgate-route", "").split("|"):
            assert (name, "x-airgate-retry" in headers) not in ours, "two routes for one class"
            ours[name, "x-airgate-retry" in headers] = rule.get("timeouts", {}).get("request")
    unjudged = ours.pop(("", False))
    assert unjudged is None and {name for name, _ in ours} == CLASSES
    for (name, repeated), timeout in ours.items():
        # What the example does not name has the time of its last route.
        assert seconds(timeout) == theirs.get((name, repeated)) or seconds(timeout) == theirs[None, repeated]
    assert {name for name, repeated in ours if repeated}.isdisjoint({"slow", "builder"})


def test_the_patch_is_what_the_policy_cannot_say():
    operations = [change["operation"] for change in find(ENVOY_GATEWAY / "patch.yaml", "EnvoyPatchPolicy")["spec"]["jsonPatches"]]
    said = {operation["path"].rsplit("/", 1)[1]: operation["value"] for operation in operations}
    assert said == {
        "allow_on_headers_stop_iteration": True,
        "failure_policy": "FAIL_RELOAD",
        "host_selection_retry_max_attempts": 1000,
    }
