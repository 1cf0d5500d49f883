"""The numbers: each that the dashboard and the alerts look at is there, with labels and without, and moves as it should."""

import json

import httpx
import pytest
import yaml
from promql import Query, Series, exposition
from visitor import ECHO, Visitor, forged

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import NEWEST, VERSIONS, Options
from lab.paths import EXAMPLE
from lab.ports import free_port
from lab.wire import connect

DASHBOARD = json.loads((EXAMPLE / "grafana/airgate.json").read_text())
RULES = [
    rule for group in yaml.safe_load((EXAMPLE / "prometheus/alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = {
    **{
        f"{panel['title']} {target['refId']}": target["expr"].replace("$job", ".*")
        for panel in PANELS
        for target in panel["targets"]
    },
    **{rule.get("alert") or rule["record"]: rule["expr"] for rule in RULES},
}
POLICY = {"default_role": "none", "roles": [{"role": "admin", "group": "airbyte-admins"}]}


def scraped(bootstrap: Bootstrap) -> None:
    """As prometheus/scrape.yaml says, and only there can the test look."""
    part = yaml.safe_load((EXAMPLE / "prometheus/scrape.yaml").read_text())["static_resources"]
    (listener,), (cluster,) = part["listeners"], part["clusters"]
    listener["address"] = {"socket_address": {"address": "127.0.0.1", "port_value": free_port()}}
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    endpoint["endpoint"]["address"] = bootstrap.tree["admin"]["address"]
    bootstrap.tree["static_resources"]["listeners"].append(listener)
    bootstrap.tree["static_resources"]["clusters"].append(cluster)


def unlabelled(bootstrap: Bootstrap) -> None:
    scraped(bootstrap)
    del bootstrap.tree["stats_config"]


class Numbers:
    """What a Prometheus that scrapes this bed sees."""

    def __init__(self, bed: Bed):
        self.bed = bed
        address = bed.envoy.bootstrap.listener("stats")["address"]["socket_address"]
        self.url = f"http://{address['address']}:{address['port_value']}"

    def read(self) -> dict[tuple, float]:
        answer = httpx.get(f"{self.url}/stats/prometheus")
        assert answer.status_code == 200, answer
        return exposition(answer.text)

    def series(self) -> list[Series]:
        return [{**dict(labels), "job": "airgate", "instance": "one"} for labels in self.read()]

    def ours(self) -> dict[str, float]:
        """By flat name, whether labelled or not."""
        counts = {}
        for labels, value in self.read().items():
            said = dict(labels)
            if said["__name__"].startswith("airgate_"):
                parts = [said["__name__"], *(said[label] for label in ("outcome", "reason", "path") if label in said)]
                counts["_".join(parts).removeprefix("airgate_")] = value
        assert len(counts) > 50
        return counts


@pytest.fixture(scope="module")
def both(open_bed) -> dict[str, Numbers]:
    """One worker each, so that it is known what a cache has."""
    kinds = {"labelled": (NEWEST, scraped), "flat": (VERSIONS[0], unlabelled)}
    return {
        kind: Numbers(open_bed(Options(version=version, plugin={"access": POLICY}, bootstrap=change, concurrency=1)))
        for kind, (version, change) in kinds.items()
    }


@pytest.fixture(scope="module", params=["labelled", "flat"])
def numbers(request, both) -> Numbers:
    numbers = both[request.param]
    # Some of Envoy's own come with the first request. And from here on alice's token is in the cache.
    Visitor(numbers.bed).ask()
    until(lambda: numbers.ours()["decisions_allow_role"], 5, "its count")
    return numbers


def known(series: list[Series]) -> list[Series]:
    """With what the rules record."""
    recorded = [rule for rule in RULES if "record" in rule]
    return series + [{"__name__": rule["record"]} for rule in recorded if Query(rule["expr"]).finds(series)]


def test_every_query_finds_something(numbers):
    series = known(numbers.series())
    assert not [name for name, text in QUERIES.items() if not Query(text).finds(series)]
    assert not [name for name, text in QUERIES.items() if Query(text).doubled(series)]


def test_no_half_of_a_query_is_dead(both):
    series = [one for numbers in both.values() for one in known(numbers.series())]
    selectors = {selector for text in QUERIES.values() for selector in Query(text).selectors}
    assert len(selectors) > 40 and not [selector.text for selector in selectors if not selector.finds(series)]


def test_names_say_what_they_are(numbers):
    """With the example's tags few names and many labels, without them the other way round; no tag is left over."""
    names = {one["__name__"] for one in numbers.series() if one["__name__"].startswith("airgate_")}
    labels = {label for one in numbers.series() for label in one if one["__name__"].startswith("airgate_")}
    if "stats_config" in numbers.bed.envoy.bootstrap.tree:
        assert "airgate_decisions" in names and len(names) < 15
        assert labels == {"__name__", "job", "instance", "outcome", "reason", "path"}
    else:
        assert "airgate_decisions_deny_low_role" in names and labels == {"__name__", "job", "instance"}


# What is done, and what is counted, flatly.
MOVES = {
    "no credentials": (lambda bed: Visitor(bed, who=None).ask(), {"decisions_deny_no_credentials"}),
    "a forged token": (
        lambda bed: Visitor(bed, who=None).ask(fields=[(b"authorization", f"Bearer {forged(bed.token('alice'))}".encode())]),
        {"decisions_deny_bad_signature", "tokens_bad_host"},
    ),
    "a token that is known": (
        lambda bed: Visitor(bed).ask(b"/api/v1/connections/list", method=b"POST"),
        {"decisions_allow_role", "tokens_good_cache"},
    ),
    "a token that is new, without a role": (
        lambda bed: Visitor(bed, who="bob").ask(b"/api/v1/connections/list", method=b"POST"),
        {"decisions_deny_no_role", "tokens_good_host"},
    ),
    "what only data planes may": (
        lambda bed: Visitor(bed).ask(b"/api/v1/dataplanes/token", method=b"POST"),
        {"decisions_deny_closed", "tokens_good_cache"},
    ),
    "an operation that nobody knows": (
        lambda bed: Visitor(bed).ask(ECHO),
        {"decisions_allow_role", "tokens_good_cache", "operations_unknown"},
    ),
    "what is public": (lambda bed: Visitor(bed, who=None).ask(b"/api/v1/health"), {"decisions_allow_public"}),
    "a path that can be read two ways": (
        lambda bed: Visitor(bed).ask(b"/api/v1/a;b"),
        {"decisions_deny_path_semicolon"},
    ),
    "who am I": (lambda bed: Visitor(bed).ask(b"/.airgate/me"), {"decisions_answer_me", "tokens_good_cache"}),
    "the start of a login": (
        lambda bed: bed.surfer().navigate("/", until=lambda _: True),
        {"decisions_answer_login_started", "logins_started"},
    ),
    "a login": (
        lambda bed: bed.surfer().sign_in("alice", "/workspaces"),
        {
            "decisions_answer_login_started",
            "logins_started",
            "tokens_good_host",
            "decisions_answer_signed_in",
            "logins_ok",
            "decisions_allow_role",
        },
    ),
    "a callback that nobody sent": (
        lambda bed: Visitor(bed, who=None).ask(b"/.airgate/callback/corp?code=1&state=2"),
        {"decisions_deny_callback_bad_state"},
    ),
    "what the proxy refuses by itself": (
        lambda bed: connect(bed.url, bed.authority_file, 5, "http/1.1").sendall(b"GET / HTTP/1.0\r\n\r\n"),
        {"decisions_deny_proxy_refused"},
    ),
}


@pytest.mark.parametrize("act, counted", MOVES.values(), ids=MOVES)
def test_counts_move_by_one(numbers, act, counted):
    def moved() -> dict[str, float]:
        now = numbers.ours()
        # Keys are fetched whenever they are due.
        return {name: now[name] - before[name] for name in now if now[name] != before[name] and "keys_" not in name}

    before = numbers.ours()
    act(numbers.bed)
    until(lambda: moved().keys() >= counted, 5, f"{counted}, and not {moved()}")
    assert moved() == dict.fromkeys(counted, 1)


def test_only_the_numbers_are_to_be_had(numbers):
    """Beside them the admin interface has what stops Envoy."""
    for path in ("/", "/stats", "/config_dump", "/quitquitquit", "/stats/prometheus/../../config_dump"):
        assert httpx.get(numbers.url + path).status_code == 404
    assert httpx.post(f"{numbers.url}/stats/prometheus").status_code == 404


def test_the_dashboard_can_be_read():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) and {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {
        "datasource",
        "job",
    }
    for panel in PANELS:
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["id"]
        assert panel["type"] in ("timeseries", "stat", "bargauge"), "needs no plugin"
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source["uid"] == "${datasource}" for source in sources), panel["title"]


def test_every_alert_says_why_and_what_to_do():
    for rule in RULES:
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert rule["annotations"].keys() == {"summary", "description", "action"}, rule["alert"]
