"""Roles through a real Envoy: what each may, what it is told when it may not, and that Airbyte is never asked then."""

import os
import subprocess
import sys

import httpx
import pytest

from lab import Bed
from lab.envoy import VERSIONS, Options
from lab.paths import ROOT

ROLES = ["reader", "runner", "editor", "admin"]
PEOPLE = {"reader": "carol", "runner": "ci-bot", "editor": "bob", "admin": "alice"}
POLICY = {
    "default_role": "none",
    "roles": [
        {"role": "admin", "group": "airbyte-admins"},
        # CI's token names this group too.
        {"role": "editor", "group": "airbyte-editors", "client": "airgate-*"},
        {"role": "reader", "claim": "/groups", "contains": "airbyte-readers", "client": "airgate-cli"},
        {"role": "runner", "client": "ci-bot", "provider": "corp"},
    ],
    "operations": [{"method": "POST", "path": "/api/v1/new/*", "role": "runner", "name": "newThing"}],
}

AT_LOAD = [
    "GET /",
    "GET /workspaces",
    "GET /assets/app.js",
    "GET /api/v1/health",
    "GET /api/v1/instance_configuration",
    "GET /api/v1/web_backend/config",
    "POST /api/v1/deployment/metadata",
    "POST /api/v1/entitlements/get_entitlements",
    "POST /api/v1/organizations/get",
    "POST /api/v1/organizations/get_organization_info",
    "POST /api/v1/organizations/list_by_user_id",
    "POST /api/v1/organizations/list_summaries",
    "POST /api/v1/permissions/check",
    "POST /api/v1/permissions/list_by_user",
    "POST /api/v1/users/get",
    "POST /api/v1/users/get_by_auth_id",
    "POST /api/v1/users/get_or_create_by_auth_id",
    "POST /api/v1/web_backend/check_updates",
    "POST /api/v1/web_backend/workspace/state",
    "POST /api/v1/workspaces/get",
    "POST /api/v1/workspaces/get_organization_info",
    "POST /api/v1/workspaces/list_by_user_id",
    "POST /api/v1/workspaces/list_paginated",
]

# What is asked, the role it needs, and what refusals call it.
OPERATIONS = [
    ("GET /api/public/v1/workspaces", "reader", "publicListWorkspaces"),
    ("GET /api/public/v1/jobs", "reader", "listJobs"),
    ("POST /api/v1/connections/list", "reader", "listConnectionsForWorkspace"),
    ("POST /api/v1/jobs/get_without_logs", "reader", "getJobInfoWithoutLogs"),
    ("POST /api/v1/connections/sync", "runner", "syncConnection"),
    ("POST /api/v1/jobs/cancel", "runner", "cancelJob"),
    ("DELETE /api/public/v1/jobs/1", "runner", "publicCancelJob"),
    ("POST /api/v1/new/1", "runner", "newThing"),
    ("POST /api/public/v1/jobs", "editor", "publicCreateJob"),  # with the empty body that `ask` sends
    ("POST /api/v1/connections/reset", "editor", "resetConnection"),
    ("POST /api/v1/connections/delete", "editor", "deleteConnection"),
    ("PATCH /api/public/v1/sources/1", "editor", "patchSource"),
    ("POST /api/v1/applications/list", "admin", "listApplications"),
    ("POST /api/v1/workspaces/delete", "admin", "deleteWorkspace"),
    ("POST /api/v1/instance_configuration/setup", "admin", "setupInstanceConfiguration"),
    ("GET /scim/v2/Users", "admin", "listUsers"),
    ("POST /api/v1/unheard_of", "admin", None),
    ("DELETE /", "admin", None),
]


@pytest.fixture(scope="module")
def bed(open_bed) -> Bed:
    return open_bed(Options(plugin={"access": POLICY}))


@pytest.fixture(scope="module")
def clients(bed) -> dict[str, httpx.Client]:
    """By role."""
    return {role: bed.client(who) for role, who in PEOPLE.items()}


def ask(client: httpx.Client, operation: str, **headers: str) -> httpx.Response:
    method, path = operation.split(" ")
    return client.request(method, path, json={} if method == "POST" else None, headers=headers)


def passed(answer: httpx.Response) -> bool:
    """Whatever the stand-in makes of it."""
    return "x-standin-name" in answer.headers


@pytest.mark.parametrize("role", ROLES)
def test_everybody_can_load_the_web_app(clients, role):
    refused = [operation for operation in AT_LOAD if not passed(ask(clients[role], operation))]
    assert not refused


@pytest.mark.parametrize("operation, needed, name", OPERATIONS, ids=[operation for operation, *_ in OPERATIONS])
def test_each_role_may_what_the_lower_ones_may(bed, clients, operation, needed, name):
    for role in ROLES:
        answer = ask(clients[role], operation)
        if ROLES.index(role) >= ROLES.index(needed):
            assert passed(answer), f"{role}: {answer.status_code} {answer.text}"
            continue
        assert answer.status_code == 403 and not passed(answer), f"{role}: {answer.status_code}"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
        body = answer.json()
        told = {field: body.get(field) for field in ("status", "error", "operation", "role")}
        # Where no body could help, the role that some body needs.
        least = "runner" if (name, role) == ("publicCreateJob", "reader") else needed
        assert told == {"status": 403, "error": "insufficient_scope", "operation": name, "role": least}
        assert f"needs the role {least}, and yours is {role}" in body["message"]
        line = bed.envoy.record(body["request_id"])
        assert line["airgate.reason"] == "low_role"


@pytest.mark.parametrize("role", ROLES)
def test_airbyte_and_the_caller_are_told_the_role(clients, role):
    echo = clients[role].get("/standin/echo")
    assert [value for name, value in echo.json()["headers"] if name.lower() == "x-airgate-role"] == [role]
    assert clients[role].get("/.airgate/me").json()["role"] == role


@pytest.mark.parametrize("operation", ["GET /", "GET /api/public/v1/workspaces", "POST /api/v1/unheard_of"])
def test_whom_nothing_gives_a_role_is_refused_everything(bed, operation):
    """The agent has a reader's group, and comes by a client that no entry is about."""
    answer = ask(bed.client("agent"), operation)
    assert answer.status_code == 403 and not passed(answer)
    body = answer.json()
    assert body["role"] in ROLES and "you have none here" in body["message"]
    assert bed.envoy.record(body["request_id"])["airgate.reason"] == "no_role"


def test_without_a_role_one_can_still_ask_who_one_is_and_health_is_public(bed):
    assert bed.client("agent").get("/.airgate/me").json()["role"] is None
    assert passed(bed.client().get("/api/v1/health"))


@pytest.mark.parametrize("operation", ["POST /api/v1/dataplanes/token", "POST /api/v1/workload/claim"])
def test_what_is_closed_is_closed_to_admins(bed, clients, operation):
    answer = ask(clients["admin"], operation)
    assert answer.status_code == 403 and not passed(answer)
    assert bed.envoy.record(answer.json()["request_id"])["airgate.reason"] == "closed"


def test_a_page_for_a_person(clients):
    navigation = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = ask(clients["reader"], "GET /scim/v2/Users", **navigation)
    assert answer.status_code == 403 and answer.headers["content-type"].startswith("text/html")
    told = ("listUsers needs the role admin, and yours is reader", "/.airgate/me", answer.headers["x-request-id"])
    assert not [part for part in told if part not in answer.text]


def test_a_session_keeps_what_roles_look_at_and_is_told_nothing_of_tokens(open_bed):
    """No other setting asks for `aud`, so nothing else would keep it in the session."""
    roles = [{"role": "reader", "claim": "/aud", "equals": "airgate", "group": "airbyte-readers"}]
    bed = open_bed(Options(plugin={"access": {"default_role": "none", "roles": roles}}))
    carol = bed.surfer()
    carol.sign_in("carol")
    assert carol.fetch("GET", "/.airgate/me").json()["role"] == "reader"
    assert passed(carol.fetch("POST", "/api/v1/workspaces/list_by_user_id", json={}))
    answer = carol.fetch("POST", "/api/v1/connections/delete", json={})
    assert answer.status_code == 403 and not passed(answer)
    assert (answer.json()["error"], answer.json()["role"]) == ("forbidden", "editor")
    assert answer.headers["content-type"] == "application/json" and "www-authenticate" not in answer.headers


JOBS = "/api/public/v1/jobs"
CATALOG = "/api/v1/web_backend/connections/get"
# The path, the body, and the role that they need together.
BODIES = [
    (JOBS, b'{"connectionId":"c","jobType":"sync"}', "runner"),
    (JOBS, b'{"jobType":"refresh"}', "runner"),
    (JOBS, b'{"jobType":"reset"}', "editor"),
    (JOBS, b'{"jobType":"clear"}', "editor"),
    (JOBS, b'{"jobType":"sync","jobType":"reset"}', "editor"),
    (JOBS, b'{"jobType":"sync"} {}', "editor"),
    (JOBS, b"jobType=sync", "editor"),
    (JOBS, b"", "editor"),
    (JOBS, b'{"jobType":"sync","padding":"' + b"x" * 70_000 + b'"}', "editor"),
    (JOBS, b'{"jobType":"sync","padding":"' + b"x" * 60_000 + b'"}', "runner"),
    (CATALOG, b'{"connectionId":"c"}', "reader"),
    (CATALOG, b'{"connectionId":"c","withRefreshedCatalog":false}', "reader"),
    (CATALOG, b'{"connectionId":"c","withRefreshedCatalog":true}', "editor"),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_body_decides_and_passes_untouched(open_bed, version):
    bed = open_bed(Options(plugin={"access": POLICY}, version=version))
    for http2 in (False, True):
        clients = {role: bed.client(who, http2=http2) for role, who in PEOPLE.items()}
        for path, body, needed in BODIES:
            for role in ROLES:
                mark = f"{version}-{http2}-{role}-{BODIES.index((path, body, needed))}"
                # In pieces, as a client sends what it does not hold as a whole.
                pieces = (body[start : start + 5_000] for start in range(0, len(body), 5_000))
                answer = clients[role].post(path, content=pieces, headers={"content-type": "application/json", "x-mark": mark})
                arrived = [one for one in bed.parts.requests() if ["x-mark", mark] in one["headers"]]
                if ROLES.index(role) < ROLES.index(needed):
                    assert answer.status_code == 403 and not arrived, (role, path, body[:60])
                    continue
                assert passed(answer) and len(arrived) == 1, (role, path, body[:60], answer.status_code)
                assert arrived[0]["body_bytes"] == len(body)
                told = dict(arrived[0]["headers"])
                slow = path == CATALOG and needed == "editor"
                assert told["x-airgate-route"] == ("slow" if slow else "public-api" if path == JOBS else "api")


def test_a_runner_syncs_with_the_unmodified_sdk(bed):
    """ci-bot, by what a user would write: tests/lab/sdk_example.py."""
    environment = {
        **os.environ,
        "GATEWAY_URL": bed.url,
        "ISSUER": bed.issuer,
        "SSL_CERT_FILE": str(bed.authority_file),
    }
    command = [sys.executable, ROOT / "tests/lab/sdk_example.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def test_the_example_as_shipped_has_roles_for_three_groups_and_none_for_anybody_else(open_bed):
    """Nobody becomes an admin because somebody forgot to change a line."""
    bed = open_bed(Options(roles=True))
    bed.provider.change(accounts={"olga": {"name": "Olga Other", "email": "olga@example.com", "groups": ["staff"]}})
    refused = {}
    for who in ("alice", "bob", "carol", "olga"):
        surfer = bed.surfer()
        surfer.sign_in(who)
        asked = [
            ("GET", "/api/public/v1/workspaces"),
            ("PATCH", "/api/public/v1/connections/1"),
            ("POST", "/api/v1/users/delete"),
        ]
        refused[who] = [surfer.fetch(method, path).status_code == 403 for method, path in asked]
    assert refused == {
        "alice": [False, False, False],
        "bob": [False, False, True],
        "carol": [False, True, True],
        "olga": [True, True, True],
    }
