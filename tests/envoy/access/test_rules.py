"""Rules through a real Envoy: the page's own policy, what allows and what denies, and what clients are told."""

import re

import pytest
import yaml
from access.policy import JOBS, MINE, WORKSPACE, YOURS, Policy, is_passed
from airbyte_api import models
from airbyte_api.errors import SDKError

from lab.envoy import VERSIONS
from lab.paths import ROOT

PAGE = (ROOT / "docs/access.md").read_text()


def from_the_page() -> dict:
    """Its first block, about connections that the stand-in knows, too."""
    block = re.search(r"```yaml\naccess:\n(.*?)```", PAGE, re.S)[0].removeprefix("```yaml\n").removesuffix("```")
    written = yaml.safe_load(block)["access"]
    (agents,) = written["agents"]
    assert len(agents["connections"]) == 2
    for theirs, ours in zip(agents["connections"], (MINE, YOURS), strict=True):
        block = block.replace(theirs, ours)
    return yaml.safe_load(block)["access"]


THIRD = "cccccccc-0000-4000-8000-000000000003"
WHO = {
    "analyst": {"groups": ["analysts"]},
    "engineer": {"groups": ["data-engineers"]},
    "ci": {"sub": "airbyte-ci", "client_id": "airbyte-ci"},
    "agent": {"sub": "airbyte-agent", "client_id": "airbyte-agent"},
    "somebody": {"groups": ["analysts-of-others"], "client_id": "airbyte-ci-2"},
}
# What is asked, with what, and who may.
ASKED = [
    ("GET /workspaces", None, "analyst engineer"),
    ("GET /api/public/v1/connections", None, "analyst engineer"),
    (f"GET /api/public/v1/connections/{MINE}", None, "analyst engineer"),
    ("POST /api/v1/connections/get", {"connectionId": MINE}, "analyst engineer"),
    (f"GET {JOBS}/1", None, "analyst engineer"),
    ("POST /api/v1/connections/sync", {"connectionId": MINE}, "engineer ci agent"),
    ("POST /api/v1/connections/sync", {"connectionId": THIRD}, "engineer"),
    (f"POST {JOBS}", {"connectionId": YOURS, "jobType": "sync"}, "engineer ci agent"),
    (f"POST {JOBS}", {"connectionId": THIRD, "jobType": "sync"}, "engineer"),
    (f"POST {JOBS}", {"connectionId": MINE, "jobType": "reset"}, "engineer"),
    (f"POST {JOBS}", {"jobType": "sync"}, "engineer"),
    ("POST /api/v1/jobs/cancel", {"id": 1}, "engineer"),
    ("POST /api/v1/sources/create", {"workspaceId": WORKSPACE}, "engineer"),
    ("POST /api/v1/connections/delete", {"connectionId": MINE}, "engineer"),
    ("POST /api/v1/applications/list", {}, ""),
    ("POST /api/v1/dataplanes/token", {}, ""),
    ("POST /api/v1/unheard_of", {}, ""),
]


@pytest.fixture(scope="module", params=VERSIONS)
def of_the_page(request, open_policy) -> Policy:
    return open_policy(from_the_page(), version=request.param)


@pytest.mark.parametrize("asked, body, may", ASKED, ids=[f"{asked} {body or ''}" for asked, body, _ in ASKED])
def test_the_policy_of_the_page(of_the_page, asked, body, may):
    for name, who in WHO.items():
        answer = of_the_page.ask(who, asked, body)
        assert is_passed(answer) == (name in may.split()), f"{name}: {answer.status_code} {answer.text}"
        assert is_passed(answer) or answer.status_code == 403


def test_ci_syncs_with_the_unmodified_sdk_and_does_nothing_else(of_the_page, sdk):
    airbyte = sdk(of_the_page.bed, "airbyte-ci")

    def create(connection: str, kind: models.JobTypeEnum):
        return airbyte.jobs.create_job(request=models.JobCreateRequest(connection_id=connection, job_type=kind))

    assert create(MINE, models.JobTypeEnum.SYNC).job_response.connection_id == MINE
    for connection, kind, why in [
        (THIRD, models.JobTypeEnum.SYNC, "publicCreateJob is about something that this agent may not touch"),
        (MINE, models.JobTypeEnum.RESET, "publicCreateJob is not for agents"),
    ]:
        with pytest.raises(SDKError, match=why):
            create(connection, kind)


FROZEN = "00000001-0001-0001-0001-000000000001"
LETTERS = "abcdef00-0000-4000-8000-00000000abcd"
REASON = 'Not <before> "the new year" & ask the data team.'
POLICY = {
    "default_role": "none",
    "groups": [{"group": "data", "provider": "acme", "emails": ["ana@example.com"]}],
    "roles": [
        {"role": "editor", "group": ["editors", "data"], "provider": "acme"},
        {"role": "reader", "group": "airbyte-readers", "provider": "corp"},
    ],
    "rules": [
        {"name": "over", "what": {"operation": "listJobs"}, "until": "2020-02-29", "then": "deny"},
        {"name": "frozen", "which": {"connection": [FROZEN, LETTERS]}, "then": "deny", "reason": REASON},
        {"name": "plain", "what": {"operation": "cancelJob"}, "until": "2999-12-31", "then": "deny"},
        {"name": "pages", "what": {"path": "/settings/**"}, "then": "deny", "reason": REASON},
        {"name": "browsers only", "who": {"auth": "bearer"}, "what": {"tag": "tags"}, "then": "deny"},
        {
            "name": "ci",
            "who": {"client": "ci-*", "auth": "bearer"},
            "what": {"tag": ["connections", "jobs"]},
            "which": {"connection": MINE, "source": WORKSPACE},
            "then": "allow",
        },
        {"name": "was allowed", "who": {"client": "old"}, "until": "2020-01-01T00:00:00Z", "then": "allow"},
        {"name": "house", "who": {"email_domain": "example.org"}, "what": {"effect": "reads"}, "then": "allow"},
    ],
}
EDITOR = {"groups": ["editors"]}
CI = {"client_id": "ci-1"}
SYNC = "POST /api/v1/connections/sync"


@pytest.fixture(scope="module")
def policy(open_policy) -> Policy:
    return open_policy(POLICY)


def test_who_is_denied_reads_why(policy):
    answer = policy.ask(EDITOR, SYNC, {"connectionId": FROZEN})
    line = policy.refused(answer, "rule_denied")
    assert (answer.json()["message"], answer.json()["operation"]) == (REASON, "syncConnection")
    assert line["airgate.rule"] == "frozen"
    answer = policy.ask(EDITOR, "POST /api/v1/jobs/cancel")
    policy.refused(answer, "rule_denied")
    assert answer.json()["message"] == "Airbyte's operation cancelJob is denied by the rule plain."


def test_a_person_reads_it_on_a_page(policy):
    navigation = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = policy.ask(EDITOR, "GET /settings/source?tab=1", headers=navigation)
    assert answer.status_code == 403 and answer.headers["content-type"].startswith("text/html")
    assert "&lt;before&gt; " in answer.text and "<before>" not in answer.text and not policy.arrived(answer)
    assert policy.line(answer)["airgate.rule"] == "pages"
    policy.passed(policy.ask(EDITOR, "GET /workspaces", headers=navigation))


def test_a_rule_whose_time_is_over_is_as_if_it_were_not_there(policy):
    assert policy.passed(policy.ask(EDITOR, f"GET {JOBS}"))["airgate.rule"] is None
    policy.refused(policy.ask({"client_id": "old"}, f"GET {JOBS}"), "no_role")


PLACES = {
    "path": (f"GET /api/public/v1/connections/{FROZEN}", None),
    "path, encoded": (f"GET /api/public/v1/connections/%30{FROZEN[1:]}", None),
    "path, upper case": (f"GET /api/public/v1/connections/{LETTERS.upper()}", None),
    "path, short": ("GET /api/public/v1/connections/1-1-1-1-1", None),
    "path of DELETE": (f"DELETE /api/public/v1/connections/{FROZEN}", None),
    "path that is not in the table": (f"GET /connections/{FROZEN}/status", None),
    "query": (f"GET {JOBS}?connectionId={FROZEN}", None),
    "query, short": (f"GET {JOBS}?connectionId=1-1-1-1-1", None),
    "query, upper case": (f"GET {JOBS}?connectionId={LETTERS.upper()}", None),
    "query, encoded": (f"GET {JOBS}?%63onnectionId=%30{FROZEN[1:]}", None),
    "query, second": (f"GET {JOBS}?connectionId={MINE}&connectionId={FROZEN}", None),
    "query, list": (f"GET {JOBS}?connectionIds={MINE},{FROZEN}", None),
    "query of POST": (f"{SYNC}?connectionId={FROZEN}", {"connectionId": MINE}),
    "body": (SYNC, {"connectionId": FROZEN}),
    "body, upper case": (SYNC, {"connectionId": LETTERS.upper()}),
    "body, short": (SYNC, {"connectionId": "1-1-1-1-1"}),
    "body, short with zeros": (SYNC, {"connectionId": "00001-1-1-1-1"}),
    "body, with a space": (SYNC, {"connectionId": f" {FROZEN}"}),
    "body, in braces": (SYNC, {"connectionId": f"{{{FROZEN}}}"}),
    "body, escaped": (SYNC, b'{"connection\\u0049d": "\\u0030' + FROZEN[1:].encode() + b'"}'),
    "body, list": (SYNC, {"connectionIds": [MINE, FROZEN]}),
    "body, list for an id": (SYNC, {"connectionId": [FROZEN]}),
    "body, deep": (SYNC, {"connectionId": MINE, "a": [{"b": {"connectionId": FROZEN}}]}),
    "body, of any kind": ("POST /api/v1/jobs/list", {"configTypes": ["sync"], "configId": FROZEN}),
    "body, other spelling": (SYNC, {"connection_id": FROZEN}),
    "body, a number": (SYNC, {"connectionId": 1}),
    "body, twice": (SYNC, f'{{"connectionId": "{FROZEN}", "connectionId": "{MINE}"}}'.encode()),
    "body, twice the other way": (SYNC, f'{{"connectionId": "{MINE}", "connectionId": "{FROZEN}"}}'.encode()),
    "body, no JSON": (SYNC, b"connectionId=1"),
    "body, more than JSON": (SYNC, f'{{"connectionId": "{MINE}"}} {{}}'.encode()),
    "body, UTF-16": (SYNC, f'{{"connectionId": "{FROZEN}"}}'.encode("utf-16")),
    "body, too long": (SYNC, {"connectionId": MINE, "padding": "x" * 70_000}),
}


@pytest.mark.parametrize("asked, body", PLACES.values(), ids=PLACES)
def test_no_spelling_of_an_id_gets_past_a_deny(policy, asked, body):
    line = policy.refused(policy.ask(EDITOR, asked, body), "rule_denied")
    assert line["airgate.rule"] == "frozen"


@pytest.mark.parametrize(
    "asked, body",
    [
        (f"GET /api/public/v1/connections/{MINE}", None),
        (f"GET {JOBS}?connectionId={MINE}&workspaceIds={FROZEN}", None),
        (SYNC, {"connectionId": MINE}),
        (SYNC, {"connectionId": MINE.upper(), "name": FROZEN}),
        ("POST /api/v1/sources/get", {"sourceId": FROZEN}),
        ("POST /api/v1/sources/get", b""),
    ],
)
def test_a_deny_is_about_what_it_lists_only(policy, asked, body):
    assert policy.passed(policy.ask(EDITOR, asked, body))["airgate.rule"] is None


def test_an_allow_is_by_id_wherever_it_stands(policy):
    for asked, body in [
        (f"GET /api/public/v1/connections/{MINE}", None),
        (f"GET {JOBS}?connectionId={MINE}", None),
        (SYNC, {"connectionId": MINE}),
        (SYNC, {"connectionId": MINE.upper()}),
        (f"POST {JOBS}", {"connectionId": MINE, "jobType": "sync"}),
        # Whatever it needs: the policy says so.
        ("POST /api/v1/connections/delete", {"connectionId": MINE}),
    ]:
        line = policy.passed(policy.ask(CI, asked, body))
        assert (line["airgate.reason"], line["airgate.rule"], line["airgate.role"]) == ("rule", "ci", None)


@pytest.mark.parametrize(
    "asked, body",
    [
        (f"GET {JOBS}", None),
        (f"GET {JOBS}?connectionId={MINE},{YOURS}", None),
        (f"GET /api/public/v1/connections/{YOURS}", None),
        (f"GET /api/public/v1/connections/{YOURS}?connectionId={MINE}", None),
        (SYNC, {"connectionId": YOURS}),
        (f"{SYNC}?connectionId={MINE}", {"connectionId": YOURS}),
        (SYNC, {"connectionId": MINE, "connectionIds": [YOURS]}),
        ("POST /api/v1/sources/get", {"sourceId": WORKSPACE}),
    ],
)
def test_an_allow_wants_certainty(policy, asked, body):
    policy.refused(policy.ask(CI, asked, body), "no_role")


@pytest.mark.parametrize(
    "asked, body",
    [
        (f"GET {JOBS}?connectionId={MINE}&connectionId={YOURS}", None),
        (f"GET {JOBS}?connectionId={MINE};connectionId={YOURS}", None),
        (SYNC, {}),
        (SYNC, b""),
        (SYNC, {"name": MINE}),
    ],
)
def test_a_deny_meets_what_is_unclear(policy, asked, body):
    """Which of two values counts is not known, or a required id is missing."""
    policy.refused(policy.ask(CI, asked, body), "rule_denied")


def test_nor_does_what_is_unclear_allow(policy):
    for body in [
        {"connectionId": MINE, "padding": "x" * 70_000},
        f'{{"connectionId": "{MINE}", "connectionId": "{MINE}"}}'.encode(),
        f'{{"connectionId": "{MINE}"}} x'.encode(),
        {"connectionId": MINE, "connection_id": MINE},
    ]:
        # The deny is about everything unclear, and comes first.
        policy.refused(policy.ask(CI, SYNC, body), "rule_denied")


def test_closed_stays_closed_whatever_a_rule_allows(policy):
    policy.refused(policy.ask(CI, "POST /api/v1/workload/claim", {"connectionId": MINE}), "closed")


@pytest.mark.parametrize("length", [100, 20_000, 60_000])
def test_a_body_that_is_read_passes_untouched(policy, length):
    start, end = f'{{ "jobType" :"sync",\n"padding":"{"é" * (length // 2)}",'.encode(), f'"connectionId":"{MINE}" }}\n'.encode()
    body = start + end
    pieces = (body[at : at + 5_000] for at in range(0, len(body), 5_000))
    answer = policy.ask(CI, f"POST {JOBS}", pieces)
    assert policy.passed(answer)["airgate.rule"] == "ci"
    (arrived,) = policy.arrived(answer)
    assert arrived["body_bytes"] == len(body)
    # The stand-in read it, up to its end.
    assert (answer.status_code, answer.json()["connectionId"]) == (200, MINE)


ANA = {"email": "ana@example.com", "email_verified": True}


def test_groups_by_an_address_that_is_verified(policy):
    for email in ("ana@example.com", "Ana@Example.COM"):
        line = policy.passed(policy.ask({**ANA, "email": email}, SYNC, {"connectionId": MINE}))
        assert line["airgate.role"] == "editor"
    for other in ({"email_verified": False}, {"email_verified": None}, {"email": "ana@example.com.evil.test"}):
        policy.refused(policy.ask({**ANA, **other}, SYNC, {"connectionId": MINE}), "no_role")


def test_airbyte_is_not_told_of_these_groups(policy):
    (arrived,) = policy.arrived(policy.ask({**ANA, "groups": ["own"]}, SYNC, {"connectionId": MINE}))
    told = {name.lower(): value for name, value in arrived["headers"]}
    assert (told["x-airgate-role"], told["x-airgate-groups"]) == ("editor", "own")


def test_a_domain_counts_when_it_is_verified(policy):
    house = {"email": "bo@example.org", "email_verified": True}
    assert policy.passed(policy.ask(house, f"GET {JOBS}"))["airgate.rule"] == "house"
    policy.refused(policy.ask(house, SYNC, {"connectionId": MINE}), "no_role")
    for other in ({"email_verified": False}, {"email": "bo@example.org@evil.test"}, {"email": "bo@notexample.org"}):
        policy.refused(policy.ask({**house, **other}, f"GET {JOBS}"), "no_role")


def test_a_rule_for_tokens_is_not_for_sessions(policy):
    policy.refused(policy.ask(EDITOR, "POST /api/v1/tags/list"), "rule_denied")
    carol = policy.bed.surfer()
    carol.sign_in("carol", "/workspaces")
    assert is_passed(carol.post("/api/v1/tags/list", json={}))
    # No token, so no word of scopes.
    answer = carol.post("/api/v1/connections/get", json={"connectionId": FROZEN})
    assert (answer.status_code, answer.json()["error"], answer.json()["message"]) == (403, "forbidden", REASON)
    assert "www-authenticate" not in answer.headers
