"""Traffic classes, timeouts, the user's own rules, and what is repeated."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from visitor import ECHO, LONG, READ, WRITE, Visitor, values

from lab import until
from lab.bootstrap import Bootstrap, set_endpoints
from lab.envoy import Options, Timing

QUICK = (b"x-standin-slow-seconds", b"0")

# Method, path, class; whether it may be repeated; the route and the cluster in the log.
CLASSES = [
    ("GET", "/", "ui", True, "read", "airbyte"),
    ("GET", "/workspaces/1/connections", "ui", True, "read", "airbyte"),
    ("POST", "/workspaces", "ui", False, "default", "airbyte"),
    ("POST", "/api/v1/connections/get", "api", True, "read", "airbyte"),
    ("POST", "/api/v1/connections/list", "api", True, "read", "airbyte"),
    ("POST", "/api/v1/connections/update", "api", False, "default", "airbyte"),
    ("GET", "/api/v1/nothing_of_the_kind", "api", False, "default", "airbyte"),
    ("POST", "/api/v1/connections/sync", "slow", False, "slow", "airbyte"),
    ("POST", "/api/v1/sources/discover_schema", "slow", False, "slow", "airbyte"),
    ("POST", "/api/v1/sources/discover_schema/", "slow", False, "slow", "airbyte"),
    ("POST", "/api/public/v1/connections", "slow", False, "slow-public-api", "airbyte_public_api"),
    ("GET", "/api/public/v1/streams", "slow", False, "slow-public-api", "airbyte_public_api"),
    ("GET", "/api/public/v1/workspaces", "public-api", True, "public-api-read", "airbyte_public_api"),
    ("POST", "/api/public/v1/jobs", "public-api", False, "public-api", "airbyte_public_api"),
    ("POST", "/api/v1/connector_builder/stream/read", "builder", False, "builder", "airbyte"),
    ("GET", "/api/v1/health", "health", True, "read", "airbyte"),
    ("GET", "/api/public/v1/health", "health", True, "read", "airbyte"),
    ("GET", "/auth_flow?code=1&state=2", "auth-flow", True, "read", "airbyte"),
    ("GET", "/scim/v2/Users", "scim", True, "read", "airbyte"),
]

CLOSED = ["/api/v1/dataplanes/token", "/api/v1/workload/claim", "/api/v1/workload_output/write", "/api/v1/secret_storage/get"]

WRONG_TOKEN_URLS = {
    "/applications/token": "/api/v1/applications/token",
    "/v1/applications/token": "/api/v1/applications/token",
    "/api/public/applications/token": "/api/public/v1/applications/token",
    "/api/public/v1/v1/applications/token": "/api/public/v1/applications/token",
}

RULES = [
    {
        "name": "the canary, for one group",
        "when": {"path": "/api/v1/standin/**", "claim": {"pointer": "/groups", "equals": "airbyte-readers"}},
        "then": {"upstream": "canary", "headers": {"x-team": "data"}},
    },
    {"name": "one client", "when": {"client": "ci-bot"}, "then": {"headers": {"x-team": "robots"}}},
    {"name": "by host", "when": {"host": "HOOKS.example"}, "then": {"headers": {"x-host": "hooks"}}},
    {"name": "by method", "when": {"method": "PUT"}, "then": {"headers": {"x-method": "put"}}},
    {
        "name": "by header",
        "when": {"header": {"name": "x-canary", "equals": "1"}},
        "then": {"upstream": "canary", "class": "builder"},
    },
    {"name": "by another header", "when": {"header": {"name": "x-any"}}, "then": {"class": "slow"}},
    {"name": "slow reports", "when": {"path": "/api/v1/reports/*"}, "then": {"class": "slow"}},
]


def canary(bootstrap: Bootstrap) -> None:
    """A route and a cluster for a named upstream, as the example says: the second replica alone."""
    clusters = bootstrap.tree["static_resources"]["clusters"]
    airbyte = bootstrap.cluster("airbyte")
    second = airbyte["load_assignment"]["endpoints"][0]["lb_endpoints"][1]["endpoint"]["address"]["socket_address"]
    cluster = {**airbyte, "name": "airbyte_canary"}
    cluster["load_assignment"] = {"cluster_name": "airbyte_canary", "endpoints": []}
    set_endpoints(cluster, [f"http://{second['address']}:{second['port_value']}"])
    clusters.append(cluster)
    match = {"prefix": "/", "headers": [{"name": "x-airgate-upstream", "string_match": {"exact": "canary"}}]}
    route = {"name": "canary", "match": match, "route": {"cluster": "airbyte_canary", "timeout": "60s"}}
    bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"].insert(0, route)


def test_every_class(bed):
    visitor = Visitor(bed)
    for method, path, *expected in CLASSES:
        visit = visitor.ask(path.encode(), [QUICK], method=method.encode())
        route, repeatable = values(visit.passed, "x-airgate-route"), values(visit.arrived, "x-airgate-retry")
        line = visitor.logged(values(visit.arrived, "x-airgate-request-id")[0])
        found = [*route, repeatable == ["safe"], line["envoy.route"], line["envoy.cluster"]]
        assert found == expected and line["airgate.route"] == expected[0], f"{method} {path}"


def test_a_client_does_not_choose_its_class(bed, bare_bed):
    for one in (bed, bare_bed):
        fields = [(b"x-airgate-route", b"slow"), (b"x-airgate-retry", b"safe"), (b"x-airgate-upstream", b"canary"), QUICK]
        visit = Visitor(one).ask(b"/api/v1/connections/update", fields, method=b"POST")
        assert values(visit.passed, "x-airgate-route") == ["api"]
        assert not values(visit.arrived, "x-airgate-retry") and not values(visit.arrived, "x-airgate-upstream")


@pytest.fixture(scope="module")
def hurried(open_bed):
    "Minutes are seconds: slow calls have 30, the builder 5.5, all others one."
    return open_bed(Options(timing=Timing(requests=60)))


def test_slow_calls_pass_where_others_are_cut(hurried):
    slow = (b"x-standin-slow-seconds", b"1.6")
    claimed = (b"x-airgate-route", b"slow")
    questions = {
        "slow": (b"/api/v1/connections/create", [slow], 200),
        "slow, public": (b"/api/public/v1/sources", [slow], 200),
        "builder": (b"/api/v1/connector_builder/stream/read", [slow], 200),
        "default": (b"/api/v1/connections/update", [slow], 504),
        "default that claims to be slow": (b"/api/v1/connections/update", [slow, claimed], 504),
        "public": (b"/api/public/v1/jobs", [slow], 504),
        "page": (b"/workspaces", [slow], 504),
    }
    # Those that wait for keys keep the usual idle timeout (test_held_requests.py), so each worker gets them first.
    until(lambda: all(Visitor(hurried).ask().answer.status == 200 for _ in range(8)), what="keys in all workers")
    with ThreadPoolExecutor(len(questions)) as threads:
        asked = {
            name: threads.submit(Visitor(hurried).ask, target, fields, method=b"POST")
            for name, (target, fields, _) in questions.items()
        }
        visits = {name: visit.result() for name, visit in asked.items()}
    assert {name: visit.answer.status for name, visit in visits.items()} == {
        name: status for name, (_, _, status) in questions.items()
    }
    for visit in visits.values():
        if visit.answer.status == 504:
            # The web app shows the message of an error only if it is JSON.
            assert visit.answer.header("content-type") == "application/json"
            assert "Airbyte" in visit.answer.json()["message"] and visit.answer.json()["request_id"]
            assert "UT" in visit.line["airgate.flags"] or "SI" in visit.line["airgate.flags"]


@pytest.fixture(scope="module")
def ruled(open_bed):
    return open_bed(Options(plugin={"routing": {"rules": RULES}}, bootstrap=canary))


def test_a_rule_chooses_the_upstream(ruled):
    carol, alice = Visitor(ruled, who="carol"), Visitor(ruled)
    for _ in range(10):
        visit = carol.ask(fields=[(b"x-team", b"mallory")])
        assert visit.answer.header("x-standin-name") == "b"
        assert values(visit.passed, "x-airgate-upstream") == ["canary"] and values(visit.arrived, "x-team") == ["data"]
    line = carol.logged(values(visit.arrived, "x-airgate-request-id")[0])
    assert (line["envoy.route"], line["envoy.cluster"]) == ("canary", "airbyte_canary")
    # Each is a new client, and two dozen of those do not all come to one replica.
    others = [alice.ask(fields=[(b"x-airgate-upstream", b"canary")]) for _ in range(24)]
    assert {visit.answer.header("x-standin-name") for visit in others} == {"a", "b"}
    assert not any(values(visit.passed, "x-airgate-upstream") for visit in others)
    assert not values(carol.ask(b"/api/v1/elsewhere").passed, "x-airgate-upstream"), "rules see the path"
    assert not values(carol.ask(b"/x?/api/v1/standin/x").passed, "x-airgate-upstream"), "and never the query"


def test_a_rule_chooses_class_and_headers(ruled):
    def said(who="alice", target=ECHO, fields=[], **parts) -> dict[str, list[str]]:
        arrived = Visitor(ruled, who=who).ask(target, fields, **parts).passed
        names = ("x-airgate-route", "x-airgate-upstream", "x-team", "x-host", "x-method")
        return {name: found for name in names if (found := values(arrived, name))}

    api = {"x-airgate-route": ["api"]}
    assert said() == api
    assert said("ci-bot") == {**api, "x-team": ["robots"]}
    assert said(host=b"hooks.EXAMPLE:8443") == {**api, "x-host": ["hooks"]}
    assert said(host=b"hooks.example.evil") == api
    assert said(method=b"PUT") == {**api, "x-method": ["put"]}
    chosen = {"x-airgate-route": ["builder"], "x-airgate-upstream": ["canary"]}
    assert said(fields=[(b"X-Canary", b"1")]) == said(fields=[(b"x-canary", b"1"), (b"x-any", b"")]) == chosen
    assert said(fields=[(b"x-canary", b"2")]) == api
    assert said(fields=[(b"x-any", b"")]) == said(target=b"/api/v1/reports/1") == {"x-airgate-route": ["slow"]}
    assert said(target=b"/api/v1/reports/1/2") == api
    # A header that no rule of this request sets is the client's own.
    assert said(fields=[(b"x-team", b"mine")]) == {**api, "x-team": ["mine"]}


def test_closed_paths(bed, open_bed):
    visitor = Visitor(bed)
    for path in CLOSED:
        for target in (path, path + "/"):
            visit = visitor.ask(target.encode(), method=b"POST")
            assert visit.refused == "closed" and visit.answer.status == 403
            assert visit.answer.header("www-authenticate") == 'Bearer error="insufficient_scope"'
            assert visit.answer.json()["error"] == "insufficient_scope"
    assert Visitor(bed, who=None).ask(CLOSED[0].encode(), method=b"POST").refused == "no_credentials"


def test_closed_paths_can_be_opened(open_bed):
    visitor = Visitor(open_bed(Options(plugin={"access": {"open": ["/api/v1/workload/**"]}})))
    found = {path: visitor.ask(path.encode(), method=b"POST").answer.status for path in CLOSED}
    assert found == {path: 200 if "workload/" in path else 403 for path in CLOSED}


def test_public_paths_can_be_added(open_bed):
    bed = open_bed(Options(plugin={"public": ["/assets/*", "/api/v1/standin/echo/**"]}))
    nobody = Visitor(bed, who=None)
    assert nobody.ask(ECHO + b"/any/thing").passed and nobody.ask(ECHO + b"/x", method=b"HEAD").passed
    assert nobody.ask(ECHO + b"/x", method=b"POST").refused == "no_credentials"
    assert nobody.ask(b"/api/v1/standin/echoes").refused == "no_credentials"
    assert nobody.ask(b"/assets/a/b").refused == "no_credentials"


@pytest.mark.parametrize("wrong, right", WRONG_TOKEN_URLS.items())
@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_wrong_token_urls_name_the_right_one(bed, wrong, right, method):
    "Airbyte would answer with its web page, which no client can read (airflow #42520)."
    for who in (None, "alice"):
        for target in (wrong, wrong + "/", wrong + "?grant_type=client_credentials"):
            visit = Visitor(bed, who=who).ask(target.encode(), method=method)
            assert visit.refused == "wrong_token_url" and visit.answer.status == 404
            assert visit.answer.json()["message"].endswith(f" {right}.")


@pytest.mark.parametrize(
    "fault",
    [
        {"reset": {"path": "/api/v1/", "times": 1}},
        {"fail": {"status": 503, "path": "/api/v1/", "times": 1}},
        {"fail": {"status": 502, "path": "/api/v1/", "times": 1}},
    ],
    ids=["reset", "503", "502"],
)
def test_reads_are_repeated_and_writes_never(bed, faults, fault):
    def attempts(target: bytes, *fields) -> tuple[bool, int]:
        faults(**fault)
        visit = Visitor(bed).ask(target, [QUICK, *fields], method=b"POST")
        return visit.answer.status == 200, len(visit.arrivals)

    # Each replica fails once, and Envoy prefers another one, but does not insist.
    assert attempts(READ) in [(True, 2), (True, 3)]
    claimed = [(b"x-airgate-retry", b"safe"), (b"x-envoy-retry-on", b"5xx,reset"), (b"x-envoy-max-retries", b"3")]
    for target in (WRITE, LONG):
        assert attempts(target) == (False, 1)
        assert attempts(target, *claimed) == (False, 1)


def test_answers_that_would_be_the_same_again_are_not_asked_for_twice(bed, faults):
    for status in (500, 504, 429, 404):
        faults(fail={"status": status, "path": "/api/v1/"})
        visit = Visitor(bed).ask(READ, method=b"POST")
        assert visit.answer.status == status and len(visit.arrivals) == 1


def disable_airgate(bootstrap: Bootstrap) -> None:
    next(one for one in bootstrap.manager()["http_filters"] if one["name"] == "airgate")["disabled"] = True


def test_what_airgate_has_not_judged_goes_nowhere(open_bed):
    bed = open_bed(Options(bootstrap=disable_airgate))
    visitor = Visitor(bed)
    for fields in ([], [(f"x-airgate-{name}".encode(), b"slow") for name in ("route", "retry", "user")]):
        for target in (ECHO, b"/", b"/api/v1/health"):
            visit = visitor.ask(target, [*fields, (b"x-request-id", b"mine")])
            assert not visit.arrived and visit.answer.status == 503
            assert visit.answer.header("content-type") == "application/json" and visit.answer.json()["message"]
    assert bed.envoy.logged(lambda line: line["http.response.status_code"] == 503)["envoy.route"] == "unjudged"
    assert {line["enduser.id"] for line in bed.envoy.access_log()} == {None}, "nor do clients sign the log"
