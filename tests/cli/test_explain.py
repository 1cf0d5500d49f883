"""`airgate explain`: who asks, and what would become of it."""

import base64
import json

import pytest
import yaml

ID = "7b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5b"
CONFIG = {
    "external_url": "https://airbyte.example.com",
    "providers": [
        {"name": "corp", "issuer": "https://idp.example.com", "cluster": "idp", "audiences": ["airbyte"]},
        {
            "name": "cognito",
            "issuer": "https://cognito.example.com",
            "cluster": "cognito",
            "audiences": ["airbyte"],
            "claims": {"user": "/username", "groups": "/cognito:groups"},
            "required_claims": {"/token_use": "access"},
        },
    ],
    "public": ["/status"],
    "access": {
        "default_role": "none",
        "roles": [{"role": "reader", "group": "analysts"}, {"role": "runner", "client": "ci-*"}],
        "rules": [
            {"name": "until then", "who": {"user": "temp"}, "until": "2026-12-31", "then": "allow"},
            {"name": "fresh", "what": {"operation": "syncConnection"}, "then": "step_up", "step_up": {"max_age": "15m"}},
        ],
        "agents": [{"name": "bot", "client": "bot", "preset": "observer"}],
    },
    "upstream": {"mode": "token", "cluster": "airbyte", "client_id": "x", "client_secret": {"env": "AIRGATE_X"}},
}


@pytest.fixture
def explain(airgate, tmp_path):
    """`explain("GET", "/", claims={…})` with the configuration above: what it says, and its exit code beside."""
    (tmp_path / "airgate.yaml").write_text(yaml.safe_dump(CONFIG))

    def ask(method, path, *more, claims=None, body=None):
        arguments = ["explain", "airgate.yaml", "--json", "--method", method, "--path", path, *more]
        for name, value in {"claims": claims, "body": body}.items():
            if value is not None:
                (tmp_path / name).write_text(value if isinstance(value, str) else json.dumps(value))
                arguments += [f"--{name}", name]
        ran = airgate(*arguments)
        said = json.loads(ran.stdout) if ran.stdout else {"error": ran.stderr}
        return said | {"exit": ran.returncode}

    return ask


ALICE = {"iss": "https://idp.example.com", "sub": "alice", "groups": ["analysts"]}


def test_a_decision_is_told_with_its_steps(explain):
    said = explain("POST", "/api/v1/connections/list", claims=ALICE)
    assert (said["decision"], said["reason"], said["exit"]) == ("allow", "role", 0)
    assert said["headers"]["x-airgate-role"] == "reader" and said["headers"]["x-airgate-route"] == "api"
    assert "authorization" not in said["headers"]
    grants = [(step["entry"], step["matches"]) for step in said["steps"] if step["about"] == "grant"]
    assert grants == [("access.roles[0]", True), ("access.roles[1]", "client")]

    said = explain("POST", "/api/v1/connections/create", claims=ALICE)
    assert (said["decision"], said["reason"], said["status"], said["exit"]) == ("deny", "low_role", 403, 1)
    assert "needs the role editor" in said["message"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/status", ("allow", "public", 0)),
        ("GET", "/api/v1/health", ("allow", "public", 0)),
        ("GET", "/api/v1/connections", ("deny", "no_credentials", 1)),
        ("GET", "/a//b", ("deny", "path_empty_segment", 1)),
        ("GET", "/.airgate/health", ("answer", "health", 0)),
        ("GET", "/.airgate/nothing", ("deny", "not_found", 1)),
        ("POST", "/api/login", ("deny", "airbyte_login_closed", 1)),
    ],
)
def test_nobody_needs_to_be_known_for_some(explain, method, path, expected):
    said = explain(method, path)
    assert (said["decision"], said["reason"], said["exit"]) == expected


def test_claims_are_read_by_the_settings_of_their_provider(explain):
    user = lambda said: next(step["user"] for step in said["steps"] if step["about"] == "caller")
    claims = {"sub": "1", "username": "ana", "token_use": "access", "cognito:groups": ["analysts"]}
    said = explain("GET", "/", "--provider", "cognito", claims=claims)
    assert (user(said), said["decision"]) == ("ana", "allow")
    said = explain("GET", "/", "--provider", "cognito", claims={**claims, "token_use": "id"})
    assert (said["reason"], said["status"], said["exit"]) == ("required_claim", 401, 1)
    said = explain("GET", "/", claims=claims)
    assert said["exit"] == 2 and "corp, cognito" in said["error"]


def test_a_session_comes_from_our_own_pages_unless_it_is_said(explain):
    ask = lambda *more: explain("POST", "/api/v1/connections/list", "--auth", "session", *more, claims=ALICE)
    assert ask()["decision"] == "allow"
    assert ask()["headers"]["x-airgate-auth"] == "session"
    assert ask("--header", "Sec-Fetch-Site: cross-site")["reason"] == "cross_site"
    assert ask("--header", "origin: https://airbyte.example.com")["decision"] == "allow"


def test_the_moment_can_be_chosen(explain):
    ask = lambda moment: explain("GET", "/", "--now", moment, claims={**ALICE, "sub": "temp", "groups": []})
    assert ask("2026-12-31T23:59:59Z")["reason"] == "rule"
    assert ask("2027-01-01T00:00:00Z")["reason"] == "no_role"
    assert ask("tomorrow")["exit"] == 2
    signed_in = {**ALICE, "azp": "ci-1", "auth_time": 1_800_000_000}
    fresh = lambda moment: explain("POST", "/api/v1/connections/sync", "--now", moment, claims=signed_in)
    assert fresh("2027-01-15T08:10:00Z")["decision"] == "allow"
    assert fresh("2027-01-15T09:00:00Z")["reason"] == "step_up_required"


def test_a_body_that_decides_is_asked_for(explain):
    def body_step(said):
        return [step["given"] for step in said["steps"] if step["about"] == "body"]

    ci = {**ALICE, "azp": "ci-1"}
    without = explain("POST", "/api/public/v1/jobs", claims=ci)
    assert (without["reason"], body_step(without)) == ("low_role", [False])
    given = explain("POST", "/api/public/v1/jobs", claims=ci, body={"jobType": "sync", "connectionId": ID})
    assert (given["decision"], body_step(given)) == ("allow", [True])
    assert {"kind": "connection", "id": ID} in next(s["ids"] for s in given["steps"] if s["about"] == "touches")
    assert body_step(explain("POST", "/api/v1/connections/list", claims=ci, body="{}")) == []


def test_an_agent_is_told_where_its_boundary_is(explain):
    said = explain("POST", "/api/v1/connections/sync", claims={**ALICE, "azp": "bot"})
    assert said["reason"] == "agent_operation"
    assert next(step["crossed"] for step in said["steps"] if step["about"] == "boundary") == "operation"


def test_a_token_is_checked_with_the_keys_that_there_are(airgate, tmp_path):
    made = yaml.safe_load(airgate("keygen", "--signing", "key.jwk").stdout)
    other = yaml.safe_load(airgate("keygen", "--signing", "other.jwk", "--id", made["jwks"]["keys"][0]["kid"]).stdout)
    config = {**CONFIG, "providers": [CONFIG["providers"][0]]}
    inline = {"name": "corp", "issuer": "https://idp.example.com", "audiences": ["airbyte"], **made}
    (tmp_path / "remote.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "inline.yaml").write_text(yaml.safe_dump({**config, "providers": [inline]}))
    (tmp_path / "right.json").write_text(json.dumps(made["jwks"]))
    (tmp_path / "wrong.json").write_text(json.dumps(other["jwks"]))
    subject = ["--subject", "alice", "--group", "analysts", "--reason", "test"]
    grant = ["grant", "--key", "key.jwk", "--issuer", "https://idp.example.com", *subject]
    (tmp_path / "token").write_text(airgate(*grant, "--audience", "airbyte").stdout)
    (tmp_path / "other-audience").write_text(airgate(*grant, "--audience", "other").stdout)

    def ask(config, token, *more):
        ran = airgate("explain", config, "--path", "/", "--token", token, "--json", *more)
        said = json.loads(ran.stdout)
        checked = [step["checked"] for step in said["steps"] if step["about"] == "signature"]
        return said["decision"], said["reason"], checked

    assert ask("inline.yaml", "token") == ("allow", "role", [True])
    assert ask("remote.yaml", "token") == ("allow", "role", [False])
    assert ask("remote.yaml", "token", "--jwks", "right.json") == ("allow", "role", [True])
    assert ask("remote.yaml", "token", "--jwks", "wrong.json") == ("deny", "bad_signature", [])
    assert ask("remote.yaml", "other-audience") == ("deny", "wrong_audience", [])
    head, body, signature = (tmp_path / "token").read_text().strip().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "eve"}).encode()).decode().rstrip("=")
    (tmp_path / "forged").write_text(f"{head}.{forged}.{signature}")
    assert ask("inline.yaml", "forged") == ("deny", "bad_signature", [])
    assert ask("inline.yaml", "token", "--now", "2020-01-01T00:00:00Z") == ("deny", "issued_in_future", [])
    plain = airgate("explain", "remote.yaml", "--path", "/", "--token", "token").stdout
    assert "NOT CHECKED" in plain


def test_a_wrong_configuration_explains_nothing(airgate, tmp_path):
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump({**CONFIG, "publik": []}))
    ran = airgate("explain", "wrong.yaml", "--path", "/")
    assert (ran.returncode, ran.stdout) == (2, "") and "airgate check wrong.yaml" in ran.stderr
