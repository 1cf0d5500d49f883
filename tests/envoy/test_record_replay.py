"""What the gateway has decided, `airgate replay` decides again from its record: the same by the same configuration, and
otherwise exactly where another one is otherwise."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from visitor import Visitor

from lab import Bed, until
from lab.envoy import Options
from lab.paths import BUILD

ID, OTHER = "8d8f1a9e-0000-4000-8000-00000000000a", "8d8f1a9e-0000-4000-8000-00000000000b"
POLICY = {
    "default_role": "none",
    "roles": [
        {"role": "admin", "group": "airbyte-admins", "provider": "corp"},
        {"role": "reader", "group": "airbyte-readers", "provider": "corp"},
    ],
    "rules": [
        {"name": "one sync", "who": {"client": "ci-bot"}, "which": {"connection": ID}, "then": "allow"},
        {"name": "no workspaces", "what": {"operation": "deleteWorkspace"}, "then": "deny"},
        {"name": "tried", "what": {"tag": "jobs"}, "then": "deny", "report_only": True},
    ],
    "agents": [{"name": "helper", "client": "agent*", "preset": "observer"}],
}
CALLERS = [None, "alice", "bob", "carol", "ci-bot", "agent"]
QUESTIONS = [
    ("GET", "/", None),
    ("GET", "/api/v1/health", None),
    ("GET", "/.airgate/me", None),
    ("GET", "/a//b", None),
    ("GET", f"/api/public/v1/connections/{ID}", None),
    ("GET", f"/api/public/v1/jobs?connectionId={OTHER}&token=s3cret", None),
    ("GET", "/api/v9/new", None),
    ("POST", "/api/v1/connections/list", {"workspaceId": ID}),
    ("POST", "/api/v1/connections/sync", {"connectionId": ID}),
    ("POST", "/api/v1/connections/sync", {"connectionId": OTHER}),
    ("POST", "/api/v1/connections/delete", {"connectionId": ID}),
    ("POST", "/api/v1/workspaces/delete", {"workspaceId": ID}),
    ("POST", "/api/v1/workload/claim", {}),
    ("POST", "/api/public/v1/jobs", {"connectionId": ID, "jobType": "sync"}),
    ("DELETE", "/api/public/v1/jobs/7", None),
]


@pytest.fixture(scope="module")
def bed(open_bed) -> Bed:
    bed = open_bed(Options(plugin=lambda config: config.update(access=POLICY)))
    for who in CALLERS:
        visitor = Visitor(bed, who=who)
        for method, target, body in QUESTIONS:
            fields = [(b"content-type", b"application/json")] if body is not None else []
            data = json.dumps(body).encode() if body is not None else b""
            visitor.ask(target.encode(), fields, method=method.encode(), body=data)
    return bed


@pytest.fixture(scope="module")
def records(bed) -> str:
    """The proxy's own access log, as it is."""
    out: Path = bed.envoy.child.out
    expected = len(CALLERS) * len(QUESTIONS)
    until(lambda: out.read_text().count('"airgate.decision"') >= expected, 10, "a line for each request")
    return out.read_text()


@pytest.fixture
def replay(bed, records, tmp_path) -> Callable[..., dict]:
    def run(**access) -> dict:
        config = json.loads(json.dumps(bed.envoy.bootstrap.plugin_config))
        config["access"] |= access
        (tmp_path / "new.json").write_text(json.dumps(config))
        command = [BUILD / "airgate", "replay", "new.json", "-", "--json"]
        ran = subprocess.run(command, cwd=tmp_path, input=records, capture_output=True, text=True, timeout=60)
        assert ran.returncode in (0, 1), ran.stderr
        return json.loads(ran.stdout) | {"exit": ran.returncode}

    return run


def test_the_same_configuration_decides_the_same(replay):
    said = replay()
    assert (said["refused_now"], said["allowed_now"], said["exit"]) == ([], [], 0), said
    assert said["same"] > len(CALLERS) * len(QUESTIONS) / 2
    open_by = {"the gateway answered itself", "the policy was not what decided", "the record does not say which type of job"}
    assert set(said["undecided"]) <= open_by | {
        "the record does not say whether the e-mail address is verified"
    }, said["undecided"]


def test_another_one_differs_where_it_does(replay):
    rules = [{"name": "no lists", "what": {"operation": "listConnectionsForWorkspace"}, "then": "deny"}, *POLICY["rules"]]
    said = replay(rules=rules)
    assert {one["what"] for one in said["refused_now"]} == {"listConnectionsForWorkspace"}
    assert (said["allowed_now"], said["exit"]) == ([], 1)

    said = replay(rules=[rule for rule in POLICY["rules"] if rule["name"] != "no workspaces"])
    assert {one["what"] for one in said["allowed_now"]} == {"deleteWorkspace"}
    assert (said["refused_now"], said["exit"]) == ([], 0)

    said = replay(rules=[{**POLICY["rules"][0], "which": {"connection": OTHER}}, *POLICY["rules"][1:]])
    assert {one["what"] for one in said["refused_now"]} >= {"syncConnection"}
    assert all("ci-bot" in json.dumps(one) for one in said["refused_now"])
