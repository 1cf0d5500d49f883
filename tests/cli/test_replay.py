"""`airgate replay`: records are decided again, and what they do not say is not guessed."""

import json

import pytest
import yaml

ID = "7b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5b"
OTHER = "9d0e1f2a-3b4c-4d5e-8f60-718293a4b5c6"


def config(**access) -> dict:
    return {
        "external_url": "https://airbyte.example.com",
        "providers": [{"name": "corp", "issuer": "https://idp.example.com", "cluster": "idp", "audiences": ["airbyte"]}],
        "access": {"default_role": "none", **access},
    }


ROLES = [{"role": "reader", "group": "analysts"}, {"role": "editor", "group": "engineers"}]


def line(**more) -> dict:
    """A record: an engineer's list of connections, and more over it."""
    usual = {
        "time": "2026-11-20T08:00:00.000Z",
        "airgate.decision": "allow",
        "airgate.reason": "role",
        "enduser.id": "ana",
        "enduser.email": "ana@example.com",
        "airgate.provider": "corp",
        "airgate.auth": "bearer",
        "airgate.role": "editor",
        "airgate.groups": "engineers",
        "http.request.method": "POST",
        "url.path": "/api/v1/connections/list",
        "airgate.operation": "listConnectionsForWorkspace",
        "airgate.route": "api",
    }
    names = {name.replace("__", ".").replace("airgate_", "airgate."): value for name, value in more.items()}
    return {name: value for name, value in (usual | names).items() if value is not None}


SYNC = {"url__path": "/api/v1/connections/sync", "airgate_operation": "syncConnection", "airgate_ids": f"connection:{ID}"}
JOB = {"url__path": "/api/public/v1/jobs", "airgate_operation": "publicCreateJob", "airgate_ids": f"connection:{ID}"}
DENIED = {"airgate_decision": "deny", "airgate_reason": "low_role"}


@pytest.fixture
def replay(airgate, tmp_path):
    def run(new, *lines, was=None):
        (tmp_path / "new.yaml").write_text(yaml.safe_dump(new))
        (tmp_path / "old.yaml").write_text(yaml.safe_dump(was or {}))
        records = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
        more = ["--was", "old.yaml"] if was else []
        ran = airgate("replay", "new.yaml", "-", "--json", *more, stdin=records)
        assert ran.returncode in (0, 1), ran.stderr
        said = json.loads(ran.stdout)
        return said | {"exit": ran.returncode}

    return run


def kind(said: dict) -> str:
    """What became of the only line."""
    [found] = [
        name
        for name, number in {
            "same": said["same"],
            "refused": len(said["refused_now"]),
            "allowed": len(said["allowed_now"]),
            "undecided": sum(said["undecided"].values()),
            "foreign": said["no_record"],
        }.items()
        if number
    ]
    return found


def test_differences_are_found_grouped_and_counted(replay):
    rules = [{"name": "no syncs", "what": {"operation": "syncConnection"}, "then": "deny"}]
    reader = line(airgate_role="reader", airgate_groups="analysts", **SYNC, **DENIED)
    said = replay(config(roles=ROLES, rules=rules), *[line(**SYNC)] * 5, line(), reader)
    assert (said["same"], said["exit"]) == (2, 1)
    [found] = said["refused_now"]
    assert (found["what"], found["count"], len(found["examples"])) == ("syncConnection", 5, 3)
    assert found["why"] == 'rule_denied by "no syncs" (was role)'
    assert found["examples"][0]["enduser.id"] == "ana"

    wider = [{"role": "runner", "group": "analysts"}, ROLES[1]]
    said = replay(config(roles=wider), reader)
    assert (kind(said), said["exit"]) == ("allowed", 0)


def test_the_ids_of_a_record_are_those_of_its_request(replay):
    only = {"name": "one", "who": {"client": "ci"}, "which": {"connection": ID}, "then": "allow"}
    new = config(rules=[only])
    ci = {"airgate_client": "ci", "airgate_role": None, "airgate_groups": None, "airgate_reason": "rule"}
    assert kind(replay(new, line(**SYNC, **ci))) == "same"
    assert kind(replay(new, line(**{**SYNC, "airgate_ids": f"connection:{OTHER}"}, **ci))) == "refused"
    both = f"connection:{ID} connection:{OTHER}"
    assert kind(replay(new, line(**{**SYNC, "airgate_ids": both}, **ci))) == "refused"
    path = {"http__request__method": "GET", "url__path": f"/api/public/v1/connections/{ID}", "airgate_operation": "getConnection"}
    assert kind(replay(new, line(**path, **ci))) == "same"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"airgate_decision": "answer", "airgate_reason": "health"}, "answered itself"),
        ({"airgate_decision": "deny", "airgate_reason": "proxy_refused"}, "not what decided"),
        ({"airgate_decision": "deny", "airgate_reason": "agent_budget"}, "not what decided"),
        ({"url__path": None}, "what was asked for"),
        ({"airgate_groups": "a,b…"}, "cut"),
        ({"airgate_provider": "gone"}, "provider"),
    ],
)
def test_what_cannot_be_asked_again_is_counted_with_the_reason(replay, more, reason):
    said = replay(config(roles=ROLES), line(**more))
    assert kind(said) == "undecided" and reason in next(iter(said["undecided"]))
    assert said["exit"] == 0


def test_other_lines_are_left(replay):
    plugin = "[2026-11-20 08:00:00.000][15][info][wasm] wasm log airgate: " + json.dumps(line())
    said = replay(config(roles=ROLES), "starting", "{}", '{"a":', plugin, json.dumps(line()))
    assert (said["no_record"], said["same"]) == (3, 2)


def test_groups_that_no_record_names_are_open(replay):
    new = config(roles=[*ROLES, {"role": "admin", "group": "chiefs"}], rules=[{"name": "x", "who": {"group": "interns"}, "then": "deny"}])
    assert kind(replay(new, line())) == "undecided"
    known = config(roles=[*ROLES, {"role": "admin", "group": "chiefs"}, {"role": "reader", "group": "interns"}])
    assert kind(replay(new, line(), was=known)) == "same"
    # A group that could only give more leaves nothing open for what is allowed anyway.
    assert kind(replay(config(roles=[*ROLES, {"role": "admin", "group": "chiefs"}]), line())) == "same"


def test_whether_an_address_is_verified_is_open(replay):
    rules = [{"name": "ours", "who": {"email_domain": "example.com"}, "what": {"tag": "connections"}, "then": "deny"}]
    said = replay(config(roles=ROLES, rules=rules), line())
    assert kind(said) == "undecided" and "verified" in next(iter(said["undecided"]))
    assert kind(replay(config(roles=ROLES, rules=rules), line(**JOB))) == "same"
    assert kind(replay(config(roles=ROLES, rules=rules), line(**{"enduser.email": None}))) == "same"


def test_pseudonyms_are_nobodys_name(replay):
    rules = [{"name": "ana", "who": {"user": "ana"}, "what": {"tag": "connections"}, "then": "deny"}]
    assert kind(replay(config(roles=ROLES, rules=rules), line())) == "refused"
    hidden = line(**{"enduser.id": "p.0123456789abcdef012345", "enduser.email": None})
    assert kind(replay(config(roles=ROLES, rules=rules), hidden)) == "undecided"


def test_how_somebody_signed_in_is_open(replay):
    rule = {"name": "fresh", "what": {"operation": "syncConnection"}, "then": "step_up", "step_up": {"max_age": "15m"}}
    new = config(roles=ROLES, rules=[rule])
    assert kind(replay(new, line(**SYNC))) == "undecided"
    before = {"airgate_decision": "deny", "airgate_reason": "step_up_required", "airgate_rule": "fresh"}
    assert kind(replay(new, line(**SYNC, **before))) == "same"


def test_the_recorded_role_stands_for_claims(replay):
    roles = [{"role": "editor", "claim": "/department", "equals": "data"}]
    said = replay(config(roles=roles), line(airgate_groups=None, **SYNC))
    assert (kind(said), said["by_recorded_role"]) == ("same", 1)
    rules = [{"name": "no syncs", "what": {"operation": "syncConnection"}, "then": "deny"}]
    said = replay(config(roles=roles, rules=rules), line(airgate_groups=None, **SYNC))
    assert kind(said) == "refused"
    # No claim gives a runner's role here: the record cannot have it from there.
    said = replay(config(roles=roles), line(airgate_groups=None, airgate_role="runner", **SYNC))
    assert kind(said) == "undecided"
    assert kind(replay(config(roles=roles), line(airgate_groups=None, airgate_role="runner", **SYNC), was=config(roles=roles))) == "refused"


def test_a_claim_that_a_rule_asks_for_is_open(replay):
    rules = [{"name": "guests", "who": {"claim": "/guest", "equals": True}, "what": {"tag": "connections"}, "then": "deny"}]
    said = replay(config(roles=ROLES, rules=rules), line())
    assert kind(said) == "undecided" and "guests" in next(iter(said["undecided"]))
    assert kind(replay(config(roles=ROLES, rules=rules), line(**JOB))) == "same"


def test_the_type_of_a_job_is_open_unless_the_role_tells(replay):
    new = config(roles=[{"role": "runner", "group": "engineers"}])
    runner = line(airgate_role="runner", **JOB)
    assert kind(replay(new, runner)) == "same"
    editor = replay(new, line(**JOB))
    assert kind(editor) == "undecided" and "type of job" in next(iter(editor["undecided"]))


def test_agents_are_known_by_their_entry(replay):
    agents = [{"name": "bot", "act": "helper-*", "preset": "observer"}]
    acting = {"airgate_agent": "bot", "airgate_on_behalf_of": "ana"}
    assert kind(replay(config(roles=ROLES, agents=agents), line(**acting))) == "same"
    assert kind(replay(config(roles=ROLES, agents=agents), line(**acting, **SYNC))) == "refused"
    assert kind(replay(config(roles=ROLES, agents=agents), line(**SYNC))) == "same"
    marked = [{"name": "marked", "claim": "/kind", "equals": "agent", "preset": "observer"}]
    new = config(roles=ROLES, agents=marked)
    assert kind(replay(new, line(airgate_agent="marked", **SYNC))) == "refused"
    assert kind(replay(new, line(**SYNC))) == "undecided"
    assert kind(replay(new, line(**SYNC), was=new)) == "same"


def test_until_is_of_the_moment_of_the_record(replay):
    rules = [{"name": "then", "who": {"user": "ana"}, "until": "2026-11-20", "then": "allow"}]
    nobody = {"airgate_groups": None, "airgate_role": None, "airgate_reason": "rule"}
    assert kind(replay(config(rules=rules), line(**nobody))) == "same"
    assert kind(replay(config(rules=rules), line(time="2026-11-21T00:00:00Z", **nobody))) == "refused"


def test_who_is_nobody_is_nobody_again(replay):
    nobody = {"enduser.id": None, "enduser.email": None, "airgate_provider": None, "airgate_role": None}
    denied = line(airgate_decision="deny", airgate_reason="no_credentials", http__request__method="GET", url__path="/status", **nobody)
    assert kind(replay(config(roles=ROLES), denied)) == "same"
    assert kind(replay({**config(roles=ROLES), "public": ["/status"]}, denied)) == "allowed"
