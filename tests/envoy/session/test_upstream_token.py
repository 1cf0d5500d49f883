"""Airbyte with its own login on: the gateway alone holds its token, and nobody sees a trace of that login."""

import json
from collections.abc import Callable, Iterator

import pytest
from conftest import untrapped
from session.client import FETCH, SESSION, Client, Cookies, said_to_airbyte, signed_in, unauthorized
from session.set_cookie import set_cookies
from visitor import ECHO, Visit

from lab import Bed, Parts, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.standin import Standin
from lab.wire import Fields, Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
TOKEN = "/api/v1/applications/token"
VARIABLE = "AIRBYTE_CLIENT_SECRET"
SECRET = "standin-application-secret"
LOGIN = {"username": "standin@example.com", "password": "standin-password"}
# Airbyte's tokens that came with requests so far.
TOKENS: set[str] = set()
SEND: Fields = [*FETCH, (b"content-type", b"application/json")]


class Locked(Parts):
    """Two stand-ins whose login is on, beside the provider that everybody shares."""

    def __init__(self, parts: Parts):
        self.folder = parts.folder / "locked"
        self.authority, self.provider = parts.authority, parts.provider
        self.standins = [Standin(name, self.folder, "--auth", "on") for name in "ab"]
        for standin in self.standins:
            standin.wait()

    def close(self) -> None:
        for standin in self.standins:
            standin.stop()


@pytest.fixture(scope="module")
def locked(parts) -> Iterator[Locked]:
    with Locked(parts) as locked:
        yield locked


def with_secret(variable: str = VARIABLE) -> Callable[[Bootstrap], None]:
    def configure(bootstrap: Bootstrap) -> None:
        upstream = {"mode": "token", "cluster": "airbyte", "client_id": "standin-application"}
        bootstrap.plugin_config["upstream"] = {**upstream, "client_secret": {"env": variable}}
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"].append(variable)

    return configure


@pytest.fixture(scope="module")
def gate(locked) -> Iterator[Bed]:
    # One worker: each gets a token of its own, and which of two has it already would be luck.
    with untrapped(Options(bootstrap=with_secret(), environment={VARIABLE: SECRET}, concurrency=1), locked) as bed:
        client = Client(bed, who="bob")
        until(lambda: client.ask().answer.status == 200, 10, "Airbyte's token")
        yield bed
        said = bed.envoy.log() + bed.envoy.child.out.read_text(errors="replace")
        assert SECRET not in said and not any(token in said for token in TOKENS), "in the log"


@pytest.fixture(scope="module")
def session(gate) -> Cookies:
    return signed_in(gate)


@pytest.fixture
def signed(gate, session) -> Client:
    return Client(gate, session)


@pytest.fixture
def scripted(gate) -> Iterator[Callable[..., None]]:
    """`scripted(status=…, path=…)`: what both replicas answer, while the test runs."""

    def script(**fail) -> None:
        for standin in gate.standins:
            standin.control(fail=fail)

    yield script
    for standin in gate.standins:
        standin.heal()


def by_application(visit: Visit) -> str:
    """It reached Airbyte with the gateway's own token, alone: which one."""
    (credential,) = said_to_airbyte(visit, "authorization")
    scheme, _, token = credential.partition(" ")
    assert scheme == "Bearer" and token.count(".") == 2 and visit.answer.status == 200, visit.answer
    TOKENS.add(token)
    return token


def asked_for_tokens(bed: Bed) -> list[dict]:
    """Requests for Airbyte's token since the journals were read last."""
    return [one for one in bed.parts.requests() if one.get("url") == TOKEN]


# There


@WIRES
def test_every_request_has_it(gate, session, wire):
    for cookies, who in ((session, None), ({}, "bob"), ({}, "ci-bot"), (session, "bob")):
        client = Client(gate, cookies, wire, who)
        by_application(client.fetch(method=b"POST"))
        for target in (ECHO, b"/api/public/v1/workspaces", b"/workspaces"):
            by_application(client.fetch(target))


def test_nobody_gets_in_without_a_session_or_a_token_of_ours(gate):
    application = by_application(Client(gate, who="bob").fetch())
    for fields in ([], [(b"authorization", f"Bearer {application}".encode())], [(b"cookie", b"JWT=" + application.encode())]):
        visit = Client(gate).ask(fields=[*FETCH, *fields])
        assert visit.answer.status == 401 and not visit.arrived


def test_it_is_kept(gate, signed):
    """One token, and no request waits for another. (Each worker of Envoy has its own.)"""
    assert len({by_application(signed.fetch()) for _ in range(20)}) == 1


CLIENTS_OWN = {
    "a bearer token": [(b"proxy-authorization", b"Bearer x")],
    "its cookie": [(b"cookie", b"JWT=x")],
    "its cookie, for renewal": [(b"cookie", b"JWT_REFRESH_TOKEN=x")],
    "both": [(b"cookie", b"JWT=x; JWT_REFRESH_TOKEN=y")],
    "both in two lines": [(b"cookie", b"JWT=x"), (b"cookie", b"JWT_REFRESH_TOKEN=y")],
    "with blanks": [(b"cookie", b" JWT =x;JWT_REFRESH_TOKEN= y ; ")],
    "in small letters": [(b"cookie", b"jwt=x; jwt_refresh_token=y")],
    "quoted": [(b"cookie", b'JWT="x"')],
    "twice": [(b"cookie", b"JWT=x; JWT=y")],
    "behind a comma": [(b"cookie", b",JWT=x")],
}


@WIRES
@pytest.mark.parametrize("fields", CLIENTS_OWN.values(), ids=CLIENTS_OWN)
def test_what_a_client_says_of_airbyte_s_login(gate, session, wire, fields):
    for cookies, who in ((session, None), ({}, "bob")):
        visit = Client(gate, cookies, wire, who).fetch(fields=fields)
        by_application(visit)
        assert not said_to_airbyte(visit, "cookie") and not said_to_airbyte(visit, "proxy-authorization")


def test_other_cookies_pass(signed, gate):
    line = b"a=b; JWT=x; JWTX=c; XJWT=d; jwt2=e; JWT_REFRESH_TOKEN=y; f=\xe4"
    visit = Client(gate, who="bob").fetch(fields=[(b"cookie", line)])
    assert said_to_airbyte(visit, "cookie") == ["a=b; JWTX=c; XJWT=d; jwt2=e; f=\xe4"]


def test_a_client_s_own_token_does_not_reach_airbyte(gate):
    visit = Client(gate, who="bob").fetch()
    assert gate.token("bob") not in str(visit.passed["headers"]) and by_application(visit)


def test_public_paths_are_nobody_s(gate):
    """Airbyte answers them without a token, and a client's own is none of its business."""
    visit = Client(gate).ask(b"/api/v1/health", [(b"authorization", b"Bearer x"), (b"cookie", b"JWT=x")])
    assert visit.answer.status == 200 and not said_to_airbyte(visit, "cookie")
    assert "Bearer x" not in said_to_airbyte(visit, "authorization")


# And back


ITS_OWN = [
    "JWT=x; Max-Age=180; Path=/; HttpOnly; SameSite=Strict",
    "JWT_REFRESH_TOKEN=y; Path=/api/oauth/access_token",
    "JWT=; Max-Age=0",
]


@WIRES
@pytest.mark.parametrize("line", ITS_OWN)
def test_airbyte_s_cookies_do_not_come_back(gate, session, scripted, wire, line):
    scripted(status=200, path="/api/v1/lure", headers={"set-cookie": line}, body="{}")
    for cookies, who in ((session, None), ({}, "bob")):
        answer = Client(gate, cookies, wire, who).fetch(b"/api/v1/lure").answer
        assert answer.status == 200 and "JWT" not in str(answer.headers), answer.headers


@WIRES
@pytest.mark.parametrize("line", ["a=b; Path=/; HttpOnly", "JWTX=c", "a=JWT=x", "b=c;; odd"])
def test_others_do(gate, session, scripted, wire, line):
    scripted(status=200, path="/api/v1/lure", headers={"set-cookie": line}, body="{}")
    answer = Client(gate, session, wire).fetch(b"/api/v1/lure").answer
    assert [value for value in answer.all("set-cookie") if "airgate" not in value] == [line]


def test_airbyte_s_dialog_does_not_open(signed, scripted):
    """A browser would ask for a password that nobody has."""
    scripted(status=401, path="/api/v1/lure", headers={"www-authenticate": 'Basic realm="airbyte"'}, body="{}")
    answer = signed.fetch(b"/api/v1/lure").answer
    assert answer.status == 401 and answer.header("www-authenticate") is None


# When Airbyte does not take it


def test_a_401_renews_it_and_repeats_nothing(gate, signed, scripted):
    """The one who met it is told so, and soon there is another token: no sooner than ten seconds after the last one."""
    by_application(signed.fetch())
    scripted(status=401, path="/api/v1/lure", times=1, body='{"message":"no"}')
    for standin in gate.standins:
        standin.forget()
    met = signed.fetch(b"/api/v1/lure/once", method=b"POST", body=b"{}")
    assert met.answer.status == 401
    # Waited for first: whoever looks for what arrived empties the journal.
    renewal = until(lambda: asked_for_tokens(gate), 15, "another token being asked for")[0]
    assert renewal["method"] == "POST" and not {"cookie", "x-mark"} & {name.lower() for name, _ in renewal["headers"]}
    assert len(met.arrivals) == 1, "a call that may have done something is not repeated"
    by_application(signed.fetch())


def test_a_flood_of_401_is_no_flood_of_renewals(gate, signed, scripted):
    scripted(status=401, path="/api/v1/lure", body="{}")
    for standin in gate.standins:
        standin.forget()
    for _ in range(100):
        assert signed.fetch(b"/api/v1/lure").answer.status == 401
    assert len(asked_for_tokens(gate)) <= 2 * gate.envoy.options.concurrency


def test_without_it_nothing_passes(locked):
    """A wrong secret: 503 for everybody who is known, and nothing of theirs reaches Airbyte. Public paths need none."""
    with untrapped(Options(bootstrap=with_secret(), environment={VARIABLE: "wrong-secret-of-nobody"}), locked) as bed:
        for client in (Client(bed, who="bob"), Client(bed, who="ci-bot")):
            visit = client.fetch()
            assert visit.answer.status == 503 and not visit.arrived and int(visit.answer.header("retry-after")) >= 1
            said = visit.answer.json()
            assert said["message"] and said["request_id"] and "secret" not in visit.answer.body.decode()
        assert Client(bed).ask(b"/api/v1/health").answer.status == 200
        assert "wrong-secret-of-nobody" not in bed.envoy.log()
        again = until(lambda: asked_for_tokens(bed), 15, "another try")
        assert len(again) <= 4, "it is tried again, with pauses"


# Airbyte's own login


@pytest.mark.parametrize("path", [b"/api/login", b"/api/login/", b"/api/login?x=y", b"/api/l%6fgin"])
def test_nobody_signs_in_at_airbyte(gate, session, path):
    body = json.dumps(LOGIN).encode()
    for client in (Client(gate), Client(gate, session), Client(gate, who="bob")):
        visit = client.ask(path, SEND, method=b"POST", body=body)
        assert 400 <= visit.answer.status < 500 and not visit.arrived and not set_cookies(visit.answer)


def test_its_sign_out_is_ours(signed):
    visit = signed.ask(b"/api/logout", SEND, method=b"POST", body=b"{}")
    assert visit.answer.status == 200 and not visit.arrived
    assert SESSION in {field.name for field in set_cookies(visit.answer) if field.expires}


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"none"])
def test_but_for_nobody_else(signed, site):
    for target in (b"/api/logout", b"/api/oauth/access_token"):
        visit = signed.ask(target, [(b"sec-fetch-site", site)], method=b"POST", body=b"{}")
        assert visit.answer.status == 403 and not visit.arrived and not set_cookies(visit.answer)


def test_its_renewal_keeps_the_web_app_signed_in(gate, signed):
    """The web app asks once a minute and signs out unless the answer is good."""
    visit = signed.ask(b"/api/oauth/access_token", SEND, method=b"POST", body=b"{}")
    assert visit.answer.status == 200 and visit.answer.header("content-type") == "application/json"
    assert not visit.arrived and "JWT" not in str(visit.answer.headers)
    assert not any(token in visit.answer.body.decode() for token in TOKENS)
    for cookies in ({}, {SESSION: b"1.bad"}, {"JWT_REFRESH_TOKEN": b"x"}):
        refused = Client(gate, cookies).ask(b"/api/oauth/access_token", SEND, method=b"POST", body=b"{}")
        unauthorized(gate, refused.answer)
        assert not refused.arrived


def test_nobody_learns_airbyte_s_token_from_its_own_address(gate):
    """Its application's secret is the gateway's; whoever has it still has to come in here."""
    pair = {"client_id": "standin-application", "client_secret": SECRET}
    visit = Client(gate).ask(TOKEN.encode(), SEND, method=b"POST", body=json.dumps(pair).encode())
    assert visit.answer.status == 401 and not visit.arrived
