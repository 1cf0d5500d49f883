"""Agents through a real Envoy: who is one, what holds them whatever their role, and what the record says of them."""

import re

import httpx
import pytest
from access.policy import JOBS, MINE, WORKSPACE, YOURS, Policy, is_passed
from airbyte_api import api, models
from airbyte_api.errors import SDKError

# Every agent here is an administrator: what holds it is the boundary alone.
ADMIN = {"groups": ["admins"]}
BUDGET = 3
POLICY = {
    "default_role": "none",
    "roles": [{"role": "admin", "group": "admins"}],
    "rules": [{"name": "generous", "who": {"client": "trusted"}, "then": "allow"}],
    "agents": [
        {"name": "narrow", "client": "bot-narrow", "operations": ["getConnection*"]},
        {"name": "bots", "client": "bot-*", "preset": "observer"},
        {"name": "marked", "claim": "/agent", "equals": True, "preset": "sync-operator"},
        {"name": "deputies", "act": "deputy-*", "provider": "acme", "preset": "sync-operator"},
        {"name": "shared", "client": "shared", "preset": "sync-operator", "connections": [MINE]},
        {"name": "desk", "client": "desk", "workspaces": [WORKSPACE], "connections": [MINE]},
        {"name": "hasty", "client": "hasty", "preset": "sync-operator", "budget": BUDGET},
        {"name": "hasty deputies", "act": "hasty-*", "preset": "sync-operator", "budget": BUDGET},
        {"name": "trusted", "client": "trusted"},
    ],
}
SYNC = "POST /api/v1/connections/sync"
READ = "POST /api/v1/connections/get"


@pytest.fixture(scope="module")
def policy(open_policy) -> Policy:
    """One worker, since budgets are counted by each."""
    return open_policy(POLICY, concurrency=1)


def by(client: str, **claims) -> dict:
    return {**ADMIN, "sub": client, "client_id": client, **claims}


def acting(actor: dict, user: str = "alice") -> dict:
    """A token that was exchanged: for somebody, by somebody else (RFC 8693)."""
    return {**ADMIN, "sub": user, "act": actor}


def test_the_same_person_without_an_agent_may_everything(policy):
    for asked in ("GET /", "POST /api/v1/connections/delete", "POST /api/v1/applications/list", "POST /api/v1/unheard_of"):
        assert policy.passed(policy.ask(ADMIN, asked))["airgate.agent"] is None


@pytest.mark.parametrize(
    "who, name, reads, syncs",
    [
        (by("bot-1"), "bots", True, False),
        (by("bot-narrow"), "narrow", True, False),
        ({**ADMIN, "agent": True}, "marked", True, True),
        (acting({"sub": "deputy-1"}), "deputies", True, True),
        (acting({"client_id": "deputy-1", "sub": "other"}), "deputies", True, True),
        # No entry is about it: the outermost boundary.
        (acting({"sub": "unheard-of"}), "unheard-of", True, True),
        (by("shared"), "shared", True, True),
    ],
)
def test_who_is_an_agent_and_what_it_may(policy, who, name, reads, syncs):
    for asked, may in ((READ, reads), (SYNC, syncs)):
        answer = policy.ask(who, asked, {"connectionId": MINE})
        line = policy.passed(answer) if may else policy.refused(answer, "agent_operation")
        assert line["airgate.agent"] == name


@pytest.mark.parametrize("claims", [{"agent": "true"}, {"agent": 1}, {"client_id": "robot-1"}])
def test_who_is_none(policy, claims):
    assert policy.passed(policy.ask({**ADMIN, **claims}, "GET /"))["airgate.agent"] is None


def test_an_entry_gives_nothing(policy):
    policy.refused(policy.ask({"client_id": "bot-1"}, READ, {"connectionId": MINE}), "no_role")


NEVER = {
    "POST /api/v1/applications/list": "listApplications",
    "POST /api/v1/applications/token": "applicationTokenRequest",
    "POST /api/v1/permissions/create": "createPermission",
    "POST /api/v1/users/update": "updateUser",
    "POST /api/v1/connections/delete": "deleteConnection",
    f"DELETE /api/public/v1/connections/{MINE}": "publicDeleteConnection",
    "POST /api/v1/connections/update": "updateConnection",
    "POST /api/v1/connections/reset": "resetConnection",
    "POST /api/v1/connections/clear": "clearConnection",
    "POST /api/v1/sources/create": "createSource",
    "POST /api/public/v1/sources": "publicCreateSource",
    "POST /api/v1/sources/check_connection_for_update": "checkConnectionToSourceForUpdate",
    "POST /api/v1/source_definitions/create_custom": "createCustomSourceDefinition",
    "POST /api/v1/jobs/get_input": "getJobInput",
    f"POST {JOBS}": "publicCreateJob",
}


@pytest.mark.parametrize("asked, name", NEVER.items(), ids=NEVER.values())
def test_what_no_agent_may(policy, asked, name):
    """Neither an administrator's, nor one that a rule allows everything, nor one without an entry."""
    body = {"connectionId": MINE, "jobType": "reset"}
    for who in (by("trusted"), acting({"sub": "unheard-of"}), {**ADMIN, "agent": True}):
        answer = policy.ask(who, asked, body)
        policy.refused(answer, "agent_never")
        assert answer.json()["operation"] == name and "is not for agents" in answer.json()["message"]


@pytest.mark.parametrize("asked", ["GET /", "GET /workspaces", "POST /api/v1/unheard_of", "GET /api/v1/standin/echo"])
def test_what_is_no_operation_is_not_for_agents(policy, asked):
    policy.refused(policy.ask(by("trusted"), asked), "agent_no_operation")


def test_closed_is_closed(policy):
    policy.refused(policy.ask(by("trusted"), "POST /api/v1/workload/claim"), "closed")


@pytest.mark.parametrize(
    "client, asked, body, may",
    [
        ("shared", SYNC, {"connectionId": MINE}, True),
        ("shared", SYNC, {"connectionId": MINE.upper()}, True),
        ("shared", SYNC, {"connectionId": YOURS}, False),
        ("shared", SYNC, {}, False),
        ("shared", SYNC, b"", False),
        ("shared", SYNC, {"connectionId": MINE, "a": {"connectionId": YOURS}}, False),
        ("shared", SYNC, f'{{"connectionId": "{YOURS}", "connectionId": "{MINE}"}}'.encode(), False),
        ("shared", SYNC, {"connectionId": MINE, "padding": "x" * 70_000}, False),
        ("shared", f"POST {JOBS}", {"connectionId": MINE, "jobType": "sync"}, True),
        ("shared", f"POST {JOBS}", {"connectionId": YOURS, "jobType": "sync"}, False),
        ("shared", f"GET {JOBS}?connectionId={MINE}", None, True),
        ("shared", f"GET {JOBS}?connectionId={MINE}&connectionId={YOURS}", None, False),
        ("shared", f"GET {JOBS}", None, False),
        ("shared", f"GET {JOBS}/1", None, False),
        ("shared", f"GET /api/public/v1/connections/{MINE}", None, True),
        ("shared", f"GET /api/public/v1/connections/{YOURS}", None, False),
        # A listed kind is enough, and each id of a listed kind has to be in its list.
        ("desk", f"GET /api/public/v1/connections?workspaceIds={WORKSPACE}", None, True),
        ("desk", SYNC, {"connectionId": MINE}, True),
        ("desk", "POST /api/v1/connections/list", {"workspaceId": WORKSPACE}, True),
        ("desk", "POST /api/v1/connections/list", {"workspaceId": YOURS}, False),
        ("desk", "POST /api/v1/connections/list", {"workspaceId": WORKSPACE, "connectionId": YOURS}, False),
        ("desk", "POST /api/v1/sources/get", {"sourceId": MINE}, False),
    ],
)
def test_what_an_agent_may_touch(policy, client, asked, body, may):
    answer = policy.ask(by(client), asked, body)
    if may:
        policy.passed(answer)
    else:
        policy.refused(answer, "agent_ids")
        assert "is about something that this agent may not touch" in answer.json()["message"]


def spend(policy: Policy, who: dict) -> httpx.Response:
    """All that it may change in a minute, and the answer after that."""
    for _ in range(BUDGET):
        policy.passed(policy.ask(who, SYNC, {"connectionId": MINE}))
    return policy.ask(who, SYNC, {"connectionId": MINE})


def test_a_budget_ends_with_when_to_come_back(policy):
    # What is refused costs nothing.
    for _ in range(BUDGET):
        policy.refused(policy.ask(by("hasty"), "POST /api/v1/connections/delete"), "agent_never")
    answer = spend(policy, by("hasty"))
    policy.refused(answer, "agent_budget", 429)
    assert re.fullmatch(r"[1-9]\d?", answer.headers["retry-after"]) and int(answer.headers["retry-after"]) <= 60
    assert answer.json()["error"] == "too_many_requests" and "as it may in a minute" in answer.json()["message"]
    # Looking is free, and everybody has their own.
    policy.passed(policy.ask(by("hasty"), READ, {"connectionId": MINE}))
    policy.passed(policy.ask(by("shared"), SYNC, {"connectionId": MINE}))


def test_one_agent_stays_one_whomever_it_acts_for(policy):
    policy.refused(spend(policy, acting({"sub": "hasty-1"}, "alice")), "agent_budget", 429)
    policy.refused(policy.ask(acting({"sub": "hasty-1"}, "bob"), SYNC, {"connectionId": MINE}), "agent_budget", 429)
    policy.passed(policy.ask(acting({"sub": "hasty-2"}, "alice"), SYNC, {"connectionId": MINE}))


def test_the_record_says_who_acted_for_whom(policy):
    who = acting({"sub": "deputy-7", "act": {"sub": "earlier"}}, "bob")
    line = policy.passed(policy.ask(who, SYNC, {"connectionId": MINE}))
    told = {name: line[name] for name in ("airgate.agent", "airgate.on_behalf_of", "enduser.id", "airgate.operation")}
    assert told == {
        "airgate.agent": "deputies",
        "airgate.on_behalf_of": "bob",
        "enduser.id": "bob",
        "airgate.operation": "syncConnection",
    }
    refused = policy.refused(policy.ask(who, "POST /api/v1/connections/delete"), "agent_never")
    assert (refused["airgate.agent"], refused["airgate.on_behalf_of"]) == ("deputies", "bob")
    assert policy.passed(policy.ask(by("shared"), SYNC, {"connectionId": MINE}))["airgate.on_behalf_of"] is None


def test_an_agent_with_the_unmodified_sdk(policy, sdk):
    airbyte = sdk(policy.bed, "shared", groups=["admins"])
    request = models.JobCreateRequest(connection_id=MINE, job_type=models.JobTypeEnum.SYNC)
    assert airbyte.jobs.create_job(request=request).job_response.connection_id == MINE
    request = models.JobCreateRequest(connection_id=YOURS, job_type=models.JobTypeEnum.SYNC)
    with pytest.raises(SDKError, match="publicCreateJob is about something that this agent may not touch") as caught:
        airbyte.jobs.create_job(request=request)
    assert caught.value.status_code == 403
    with pytest.raises(SDKError, match="publicDeleteConnection is not for agents"):
        airbyte.connections.delete_connection(request=api.DeleteConnectionRequest(connection_id=MINE))
    source = models.SourceCreateRequest(
        name="mine", workspace_id=WORKSPACE, configuration=models.SourceFaker(count=1)
    )
    with pytest.raises(SDKError, match="publicCreateSource is not for agents"):
        airbyte.sources.create_source(request=source)


def test_pages_are_refused_by_a_page(policy):
    navigation = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = policy.ask(by("trusted"), "GET /workspaces", headers=navigation)
    assert not is_passed(answer) and answer.status_code == 403 and "Agents may only call operations" in answer.text
