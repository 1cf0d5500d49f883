"""What a request says twice or beside itself, through a real Envoy: by method, path, body without a reader, or trailers.

docs/request-reading.md lists these with what Airbyte makes of them.
"""

import json

import pytest
from access.policy import JOBS, MINE, YOURS, Policy
from visitor import values

from lab.wire import Wire, Wire2, request

POLICY = {
    "default_role": "none",
    "roles": [{"role": "editor", "group": "editors"}, {"role": "runner", "group": "runners"}],
    "agents": [{"name": "bot", "client": "bot", "connections": [MINE]}],
}
AGENT, RUNNER = {"groups": ["editors"], "client_id": "bot"}, {"groups": ["runners"]}
SYNC = "POST /api/v1/connections/sync"


@pytest.fixture(scope="module")
def policy(open_policy) -> Policy:
    return open_policy(POLICY)


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
def test_method_override_counts_for_nothing_and_does_not_arrive(policy, name):
    answer = policy.ask(AGENT, SYNC, {"connectionId": MINE}, {name: "DELETE"})
    policy.passed(answer)
    assert not values(policy.arrived(answer)[0], name)
    policy.refused(policy.ask(AGENT, SYNC, {"connectionId": YOURS}, {name: "GET"}), "agent_ids")


def test_head_is_judged_as_get(policy):
    assert policy.ask(AGENT, f"HEAD {JOBS}?connectionId={MINE}").headers["x-standin-name"]
    answer = policy.ask(AGENT, f"HEAD {JOBS}?connectionId={YOURS}")
    assert answer.status_code == 403 and not policy.arrived(answer)


def test_body_of_a_get_or_delete_counts_for_nothing(policy):
    """Airbyte binds no body there: an id in one brings nothing inside, and another one takes nothing out."""
    body, json_type = json.dumps({"connectionId": MINE}).encode(), {"content-type": "application/json"}
    for asked in (f"GET {JOBS}", f"GET {JOBS}/1", f"GET {JOBS}?connectionId={YOURS}"):
        policy.refused(policy.ask(AGENT, asked, headers=json_type, content=body), "agent_ids")
    body = json.dumps({"connectionId": YOURS}).encode()
    policy.passed(policy.ask(AGENT, f"GET {JOBS}?connectionId={MINE}", headers=json_type, content=body))


@pytest.mark.parametrize("path", ["/API/v1/connections/sync", "/api/v1/Connections/sync", "/api/v1/connections/SYNC"])
def test_path_in_another_case_is_another_path(policy, path):
    policy.refused(policy.ask(AGENT, f"POST {path}", {"connectionId": MINE}), "agent_no_operation")


@pytest.mark.parametrize("path", ["/api/v1/connections/sync;x=y", "/api/v1;x/connections/sync", "/api/v1/connections;/sync"])
def test_matrix_parameter_in_a_path_is_refused(policy, path):
    answer = policy.ask(AGENT, f"POST {path}", {"connectionId": MINE})
    assert answer.status_code == 400 and not policy.arrived(answer)
    assert policy.line(answer)["airgate.reason"] == "path_semicolon"


def test_slash_at_the_end_equals_none(policy):
    policy.passed(policy.ask(AGENT, f"{SYNC}/", {"connectionId": MINE}))
    policy.refused(policy.ask(AGENT, f"{SYNC}/", {"connectionId": YOURS}), "agent_ids")


def fields(policy: Policy, mark: str, who: dict) -> list[tuple[bytes, bytes]]:
    return [
        (b"authorization", f"Bearer {policy.site.token(**who)}".encode()),
        (b"content-type", b"application/json"),
        (b"x-mark", mark.encode()),
    ]


def arrived(policy: Policy, mark: str) -> list[dict]:
    return [one for one in policy.bed.parts.requests() if values(one, "x-mark") == [mark]]


@pytest.mark.parametrize("kind, passes", [("sync", True), ("reset", False)])
def test_expectation_of_100_changes_nothing(policy, kind, passes):
    body, mark = json.dumps({"jobType": kind}).encode(), f"expects-{kind}"
    with Wire(policy.bed.url, policy.bed.authority_file) as wire:
        expects = [*fields(policy, mark, RUNNER), (b"expect", b"100-continue")]
        answer = wire.say(request(JOBS.encode(), b"POST", expects, body), b"POST")
    assert answer and bool(answer.all("x-standin-name")) == passes == bool(arrived(policy, mark)), answer
    assert not passes or arrived(policy, mark)[0]["body_bytes"] == len(body)


@pytest.mark.parametrize("kind, passes", [("sync", True), ("reset", False)])
def test_trailers_are_no_headers(policy, kind, passes):
    """A field that comes after the body neither changes how it is judged nor reaches Airbyte."""
    body, mark = json.dumps({"jobType": kind}).encode(), f"trails-{kind}"
    with Wire2(policy.bed.url, policy.bed.authority_file) as wire:
        stream = wire._begin(JOBS.encode(), b"POST", fields(policy, mark, RUNNER), b"localhost", False)
        wire._connection.send_data(stream, body)
        wire._connection.send_headers(stream, [(b"content-encoding", b"deflate"), (b"content-type", b"text/plain")], end_stream=True)
        wire._flush()
        answer = wire._receive(stream)
    found = arrived(policy, mark)
    assert answer and bool(answer.all("x-standin-name")) == passes == bool(found), answer
    assert not passes or (not values(found[0], "content-encoding") and values(found[0], "content-type") == ["application/json"])


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"chunked, chunked", b"deflate", b"identity"])
def test_other_transfer_encoding_is_refused(policy, coding):
    """Envoy lets none but `chunked` pass; the gateway would refuse the rest (`encoded_body_is_refused`)."""
    mark = f"coded-{coding.decode()}"
    head = [*fields(policy, mark, RUNNER), (b"transfer-encoding", coding)]
    with Wire(policy.bed.url, policy.bed.authority_file) as wire:
        answer = wire.say(request(JOBS.encode(), b"POST", head) + b"12\r\n{\"jobType\":\"sync\"}\r\n0\r\n\r\n", b"POST")
    assert answer is None or answer.status in (400, 415, 501), answer
    assert not arrived(policy, mark)


@pytest.mark.parametrize(
    "who, asked, body, reason",
    [
        (RUNNER, f"POST {JOBS}", {"jobType": "sync", "jobtype": "reset"}, "low_role"),
        (RUNNER, f"POST {JOBS}", {"jobType": "sync", "job_type": "reset"}, "low_role"),
        (RUNNER, f"POST {JOBS}", {"JobType": "sync"}, "low_role"),
        (RUNNER, f"POST {JOBS}", {"jobType": "SYNC"}, "low_role"),
        (RUNNER, f"POST {JOBS}", [{"jobType": "sync"}], "low_role"),
        (RUNNER, f"POST {JOBS}", {"jobType": ["sync"]}, "low_role"),
        (RUNNER, f"POST {JOBS}", b'{"jobType":"sync","jobType":"sync"}', "low_role"),
        (RUNNER, f"POST {JOBS}", b'{"jobType":"sync","job\\u0054ype":"reset"}', "low_role"),
        (RUNNER, "POST /api/v1/connections/refresh", {"refreshMode": "Merge", "refreshmode": "Truncate"}, "low_role"),
        (AGENT, SYNC, {"connectionId": MINE, "ConnectionId": MINE}, "agent_ids"),
        (AGENT, SYNC, {"connectionId": MINE, "connection_id": MINE}, "agent_ids"),
        (AGENT, SYNC, {"CONNECTIONID": MINE}, "agent_ids"),
        (AGENT, SYNC, [{"connectionId": MINE}, {"connectionId": YOURS}], "agent_ids"),
        (AGENT, SYNC, "[" * 200 + "]" * 200, "agent_ids"),
    ],
)
def test_body_with_another_spelling_decides_against_the_request(policy, who, asked, body, reason):
    body = body.encode() if isinstance(body, str) else body
    policy.refused(policy.ask(who, asked, body), reason)
