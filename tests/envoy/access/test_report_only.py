"""Report only, through a real Envoy: what would be refused goes on, the record says so, and who it is stays enforced."""

import pytest
from access.policy import JOBS, MINE, YOURS, Policy, is_passed

from lab import until

SYNC = "POST /api/v1/connections/sync"
DELETE = "POST /api/v1/connections/delete"
CLOSED = "POST /api/v1/workload/claim"
POLICY = {
    "default_role": "none",
    "report_only": [{"client": "legacy-*"}],
    "roles": [{"role": "reader", "group": "readers"}, {"role": "editor", "group": "editors"}],
    "rules": [
        {"name": "trial", "what": {"tag": "sources"}, "then": "deny", "reason": "Not yet.", "report_only": True},
        {"name": "trial gift", "what": {"operation": "cancelJob"}, "then": "allow", "report_only": True},
        {"name": "frozen", "what": {"tag": "destinations"}, "then": "deny", "reason": "No."},
        {
            "name": "strong",
            "what": {"operation": "clearConnection"},
            "then": "step_up",
            "step_up": {"acr": ["mfa"]},
            "report_only": True,
        },
    ],
    "agents": [
        {"name": "tried", "client": "tried", "preset": "observer", "connections": [MINE], "report_only": True},
        {"name": "held", "client": "legacy-agent", "preset": "observer"},
        {"name": "quick", "client": "quick", "budget": 1, "report_only": True},
    ],
}
EDITOR = {"groups": ["editors"]}
BODY = {"connectionId": MINE}


@pytest.fixture(scope="module")
def policy(open_policy) -> Policy:
    return open_policy(POLICY, concurrency=1, reloadable=True)


def reported(policy: Policy, who: dict, asked: str, body: object = BODY) -> tuple[str | None, str | None]:
    """It goes on; what would have refused it, and by which rule."""
    line = policy.passed(policy.ask(who, asked, body))
    return line["airgate.report"], line["airgate.report_rule"]


@pytest.mark.parametrize(
    "who, asked, report, rule",
    [
        ({"client_id": "legacy-airflow"}, SYNC, "deny:no_role", None),
        ({"client_id": "legacy-airflow", "groups": ["readers"]}, DELETE, "deny:low_role", None),
        ({"client_id": "legacy-airflow", **EDITOR}, "POST /api/v1/destinations/get", "deny:rule_denied", "frozen"),
        ({"client_id": "legacy-agent", **EDITOR}, SYNC, "deny:agent_operation", None),
        ({"client_id": "legacy-agent", **EDITOR}, DELETE, "deny:agent_never", None),
        ({"client_id": "legacy-agent", **EDITOR}, "GET /", "deny:agent_no_operation", None),
        # What is allowed is no news.
        ({"client_id": "legacy-airflow", **EDITOR}, SYNC, None, None),
    ],
)
def test_by_who(policy, who, asked, report, rule):
    assert reported(policy, who, asked) == (report, rule)


def test_it_spares_those_alone(policy):
    policy.refused(policy.ask({"client_id": "new-airflow"}, SYNC, BODY), "no_role")
    policy.refused(policy.ask({**EDITOR, "client_id": "legac"}, "POST /api/v1/destinations/get"), "rule_denied")


def test_one_rule(policy):
    assert reported(policy, EDITOR, "POST /api/v1/sources/get") == ("deny:rule_denied", "trial")
    # It decides nothing, so all else holds.
    assert policy.refused(policy.ask({}, "POST /api/v1/sources/get"), "no_role")["airgate.rule"] is None
    policy.refused(policy.ask(EDITOR, "POST /api/v1/destinations/get"), "rule_denied")
    assert reported(policy, EDITOR, SYNC) == (None, None)


def test_a_rule_that_would_allow_gives_nothing_yet(policy):
    policy.refused(policy.ask({"groups": ["readers"]}, "POST /api/v1/jobs/cancel"), "low_role")


def test_one_step_up(policy):
    assert reported(policy, EDITOR, "POST /api/v1/connections/clear") == ("deny:step_up_required", "strong")
    assert reported(policy, {**EDITOR, "acr": "mfa"}, "POST /api/v1/connections/clear") == (None, None)


def test_one_agent(policy):
    tried = {**EDITOR, "client_id": "tried"}
    assert reported(policy, tried, SYNC)[0] == "deny:agent_operation"
    assert reported(policy, tried, DELETE)[0] == "deny:agent_never"
    assert reported(policy, tried, "POST /api/v1/connections/get", {"connectionId": YOURS})[0] == "deny:agent_ids"
    assert reported(policy, tried, "POST /api/v1/connections/get") == (None, None)
    assert policy.line(policy.ask(tried, "GET /"))["airgate.agent"] == "tried"
    # Its role holds as ever.
    policy.refused(policy.ask({"client_id": "tried"}, SYNC, BODY), "no_role")


def test_one_budget(policy):
    quick = {**EDITOR, "client_id": "quick"}
    assert reported(policy, quick, SYNC) == (None, None)
    assert reported(policy, quick, SYNC) == ("deny:agent_budget", None)
    assert reported(policy, quick, "POST /api/v1/connections/get") == (None, None)


# By whoever is spared: who it is, is never reported only, and nor is what is closed.
def test_closed_stays_closed_and_nobody_stays_nobody(policy):
    still_enforced(policy, {"client_id": "legacy-airflow"})


def still_enforced(policy: Policy, who: dict) -> None:
    policy.refused(policy.ask(who, CLOSED), "closed")
    policy.refused(policy.ask({**who, "exp": 1}, SYNC, BODY), "expired", 401)
    policy.refused(policy.ask({**who, "aud": "another"}, SYNC, BODY), "wrong_audience", 401)
    answer = policy.ask(who, SYNC, BODY, headers={"authorization": "Bearer opaque"})
    assert answer.status_code == 401 and not policy.arrived(answer)
    nobody = policy.bed.client()
    for method, path in (("GET", "/"), ("POST", SYNC.split(" ")[1]), ("GET", JOBS)):
        answer = nobody.request(method, path)
        assert answer.status_code == 401 and not is_passed(answer)


def test_the_whole_last_since_it_changes_the_policy(policy):
    """Nobody is refused, whom the policy gives nothing, either."""
    assert policy.bed.envoy.reload(plugin=lambda config: config["access"].update(report_only=True))
    somebody = {"client_id": "somebody"}
    # The workers take it over one after the other, and connections stay with the old one until they end.
    fresh = Policy(policy.bed, policy.site)
    until(lambda: is_passed(Policy(policy.bed, policy.site).ask(somebody, SYNC, BODY)), 10, "the new policy")
    assert reported(fresh, somebody, SYNC) == ("deny:no_role", None)
    assert reported(fresh, somebody, "GET /workspaces") == ("deny:no_role", None)
    assert reported(fresh, {"groups": ["readers"]}, DELETE) == ("deny:low_role", None)
    assert reported(fresh, EDITOR, "POST /api/v1/destinations/get") == ("deny:rule_denied", "frozen")
    assert reported(fresh, {**EDITOR, "act": {"sub": "x"}}, DELETE) == ("deny:agent_never", None)
    assert reported(fresh, EDITOR, SYNC) == (None, None)
    still_enforced(fresh, somebody)
