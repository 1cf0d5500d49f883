"""What is asked of both gateways. Each case says in a table's words what happened; the page has the table."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
from gate import ECHO, Gate, Visit

from lab import until
from lab.forge import json_bytes, make_key
from lab.surfer import Surfer

CASES: dict[str, Callable[[Gate], str]] = {}
CONNECTIONS = "/api/v1/connections"
JOBS = "/api/public/v1/jobs"
JOB_OF = b'{"connectionId":"0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30","jobType":"%s"}'


def case(name: str):
    def add(ask: Callable[[Gate], str]) -> Callable[[Gate], str]:
        assert name not in CASES, name
        CASES[name] = ask
        return ask

    return add


# Who


@case("a good token")
def _(gate: Gate) -> str:
    visit = gate.ask()
    assert visit.seen("authorization") == [], "the token reached Airbyte"
    return visit.user


@case("no token")
def _(gate: Gate) -> str:
    return gate.ask(token="").outcome


@case("a token with another signature")
def _(gate: Gate) -> str:
    head, _, signature = gate.token().rpartition(".")
    return gate.ask(token=f"{head}.{'AB'[signature[0] == 'A']}{signature[1:]}").outcome


@case("expired two minutes ago")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.token(exp=int(time.time()) - 120)).outcome


@case("without `exp`")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.token(exp=None)).outcome


@case("valid in ten minutes (`nbf`)")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.token(nbf=int(time.time()) + 600)).outcome


@case("for another audience")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.token(aud="other")).outcome


@case("for three audiences, ours last")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.token(aud=["one", "two", "airbyte"])).outcome


@case("of another issuer")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.token(iss="https://evil.example.com")).outcome


@case("`alg: none`")
def _(gate: Gate) -> str:
    unsigned = gate.site.token(header={"alg": "none"}, sign=lambda _: b"", groups=["airbyte-admins"])
    return gate.ask(token=unsigned).outcome


@case("`crit` names an extension that nobody knows")
def _(gate: Gate) -> str:
    header = {"crit": ["urn:example:bound"], "urn:example:bound": True}
    return gate.ask(token=gate.site.token(header=header, groups=["airbyte-admins"])).outcome


@case("signed by the provider's PS256 key")
def _(gate: Gate) -> str:
    return gate.ask(token=gate.site.token(gate.site.key("PS256"), groups=["airbyte-admins"])).outcome


@case("the claim `sub` twice, alice and mallory")
def _(gate: Gate) -> str:
    claims = json_bytes(gate.site.claims(groups=["airbyte-admins"]))
    return gate.ask(token=gate.site.signing[0].token(claims[:-1] + b',"sub":"mallory"}')).user


@case("two `Authorization` headers, one of them good")
def _(gate: Gate) -> str:
    return gate.ask(fields=[(b"authorization", b"Bearer x")]).refused


@case("`X-AirGate-User: mallory` beside a good token")
def _(gate: Gate) -> str:
    visit = gate.ask(fields=[(b"X-AirGate-User", b"mallory"), (b"X-AirGate-Role", b"mallory")])
    return visit.user if "mallory" not in visit.seen("x-airgate-role") else "passes with a role of its own"


@case("`x_airgate_user: mallory`")
def _(gate: Gate) -> str:
    return gate.ask(fields=[(b"x_airgate_user", b"mallory")]).refused


@case("`X-Airbyte-User-Id` and a forged `X-Forwarded-For`")
def _(gate: Gate) -> str:
    visit = gate.ask(fields=[(b"x-airbyte-user-id", b"mallory"), (b"x-forwarded-for", b"10.9.9.9")])
    told = visit.seen("x-airbyte-user-id"), visit.seen("x-forwarded-for")
    return "passes without them" if told == ([], ["127.0.0.1"]) else f"passes with {told}"


@case("a person opens a page in a browser")
def _(gate: Gate) -> str:
    with gate.surfer() as surfer:
        page = sign_in(gate, surfer)
        return f"{'signs in, ' if page.history else ''}{page.status_code} for {page.url.path}"


@case("a page's own call, when its person has signed in")
def _(gate: Gate) -> str:
    with gate.surfer() as surfer:
        sign_in(gate, surfer)
        answer = surfer.get(ECHO.decode())
        if answer.status_code != 200:
            return str(answer.status_code)
        seen = " ".join(value for name, value in answer.json()["headers"])
        told = any(len(token) > 40 and token in seen for token in gate.site.secrets)
        return "passes, and so do the tokens" if told else "passes, without tokens"


@case("such a call, when nobody has")
def _(gate: Gate) -> str:
    with gate.surfer() as surfer:
        return str(surfer.get(ECHO.decode()).status_code)


# What is asked for

PATHS = {
    "`/api/v1/x/../standin/echo`": b"/api/v1/x/../standin/echo",
    "`/api/v1/x/%2e%2e/standin/echo`": b"/api/v1/x/%2e%2e/standin/echo",
    "`//api//v1/standin/echo`": b"//api//v1/standin/echo",
    "`/api/v1/standin%2fecho`": b"/api/v1/standin%2fecho",
    "`/api/v1/standin;a=b/echo`": b"/api/v1/standin;a=b/echo",
    "`/api/v1/standin/%252e%252e/echo`": b"/api/v1/standin/%252e%252e/echo",
    r"`/api/v1\standin\echo`": rb"/api/v1\standin\echo",
    "`/API/v1/standin/echo`": b"/API/v1/standin/echo",
}
for _name, _target in PATHS.items():
    case(_name)(lambda gate, target=_target: gate.ask(target).path)


# May they


@case("a reader reads a connection (POST)")
def _(gate: Gate) -> str:
    return gate.post(f"{CONNECTIONS}/get", token=gate.token("airbyte-readers")).outcome


@case("a reader deletes one")
def _(gate: Gate) -> str:
    return gate.post(f"{CONNECTIONS}/delete", token=gate.token("airbyte-readers")).outcome


@case("a reader lists the secret storages, which is an admin's")
def _(gate: Gate) -> str:
    return gate.post("/api/v1/secret_storage/list", token=gate.token("airbyte-readers")).outcome


@case("a reader by the fourth group in the token")
def _(gate: Gate) -> str:
    return gate.post(f"{CONNECTIONS}/get", token=gate.token(groups=["a", "b", "c", "airbyte-readers"])).outcome


@case("an admin asks for the data planes' own API")
def _(gate: Gate) -> str:
    return gate.post("/api/v1/dataplanes/list").outcome


def job(gate: Gate, body: bytes) -> str:
    return gate.post(JOBS, body, token=gate.token("airbyte-runners")).outcome


@case("a runner starts a sync by the public API")
def _(gate: Gate) -> str:
    return job(gate, JOB_OF % b"sync")


@case("a runner resets a connection by the same path")
def _(gate: Gate) -> str:
    return job(gate, JOB_OF % b"reset")


@case("a runner sends `jobType` twice, `sync` and `reset`")
def _(gate: Gate) -> str:
    return job(gate, JOB_OF % b'sync","jobType":"reset')


@case("an admin's AI agent (`act` in the token) deletes a connection")
def _(gate: Gate) -> str:
    return gate.post(f"{CONNECTIONS}/delete", token=gate.token(act={"sub": "assistant"})).outcome


# Where it goes


@case("ten requests of one client")
def _(gate: Gate) -> str:
    first = gate.ask()
    later = [gate.ask(cookie=first.set_cookie) for _ in range(10)]
    assert not any(visit.set_cookie for visit in later), "a valid cookie needs no new one"
    return "one replica" if {first.replica} == {visit.replica for visit in later} else "several"


@case("twenty clients")
def _(gate: Gate) -> str:
    return "both replicas" if {gate.ask().replica for _ in range(20)} == {"a", "b"} else "one replica"


@case("a cookie with a value that nobody gave out")
def _(gate: Gate) -> str:
    return "balanced, new cookie" if gate.ask(cookie="forged").set_cookie else "taken"


@case("the cookie's value written by hand, for replica b")
def _(gate: Gate) -> str:
    address = urlsplit(gate.parts.standins[1].url).netloc.encode()
    # What HAProxy and Envoy's stateful_session put there: its name, and its address in base64 of a protobuf.
    for value in ("b", b64encode(b"\n" + bytes([len(address)]) + address).decode()):
        # Drawn anew each time, two dozen do not all come to one replica.
        visits = [gate.ask(cookie=value) for _ in range(24)]
        if {visit.replica for visit in visits} == {"b"}:
            return "goes there"
        assert all(visit.set_cookie for visit in visits)
    return "balanced, new cookie"


@case("the cookie twice")
def _(gate: Gate) -> str:
    first, second = one_on(gate, "a"), one_on(gate, "b")
    visits = [
        gate.ask(cookie=one, fields=[(b"cookie", f"{gate.cookie}={other}".encode())])
        for one, other in ((first, second), (second, first))
    ]
    return "the first counts" if [visit.replica for visit in visits] == ["a", "b"] else "not the first"


@case("the cookie among others")
def _(gate: Gate) -> str:
    field = f"theme=dark; {gate.cookie}={one_on(gate, 'a')}; lang=en".encode()
    seen = gate.ask(fields=[(b"cookie", field)]).seen("cookie")
    return "Airbyte sees the others" if seen == ["theme=dark; lang=en"] else "Airbyte sees all three"


@case("the answer that sets it says `public`")
def _(gate: Gate) -> str:
    public = {"status": 200, "path": "/api/v1/public", "headers": {"cache-control": "public, max-age=60"}}
    with faulty(gate, everywhere=True, fail=public):
        visit = gate.ask(b"/api/v1/public")
    assert visit.set_cookie
    attributes = {word.strip().lower() for word in visit.answer.all("set-cookie")[0].split(";")[1:]}
    assert attributes >= {"secure", "httponly", "path=/", "samesite=lax"}, attributes
    return " and ".join(f"`{value}`" for value in visit.answer.all("cache-control"))


@case("its replica dies, and comes back")
def _(gate: Gate) -> str:
    cookie = one_on(gate, "a")
    standin = gate.parts.standins[0]
    standin.stop()
    try:
        away = until(lambda: moved(gate.ask(b"/workspaces", cookie=cookie)), 10, "another replica")
    finally:
        standin.start()
    back = until(lambda: gate.ask(cookie=cookie), 10) if away.set_cookie is None else None
    if back is None:
        stays = all(gate.ask(cookie=away.set_cookie).replica == "b" for _ in range(5))
        return "moves, new cookie, stays there" if stays else "moves, new cookie, stays nowhere"
    until(lambda: gate.ask(cookie=cookie).replica == "a", 10, "the way back")
    return "moves, same cookie, returns"


@case("a replica whose health check fails")
def _(gate: Gate) -> str:
    with faulty(gate, healthy=False):
        # Each new client is drawn anew: a few in a row come to the same replica by luck, two dozen do not.
        until(lambda: {gate.ask().replica for _ in range(24)} == {"b"}, 10, "nothing at the replica")
        assert {gate.ask().replica for _ in range(20)} == {"b"}
    until(lambda: {gate.ask().replica for _ in range(8)} == {"a", "b"}, 10, "the way back")
    return "gets nothing until it is well"


@case("a read whose replica breaks the connection")
def _(gate: Gate) -> str:
    cookie = one_on(gate, "a")
    with faulty(gate, reset={"path": "/workspaces"}):
        return repeated(gate.ask(b"/workspaces", cookie=cookie))


@case("a write whose replica breaks the connection")
def _(gate: Gate) -> str:
    cookie = one_on(gate, "a")
    with faulty(gate, reset={"path": CONNECTIONS}):
        return repeated(gate.post(f"{CONNECTIONS}/sync", cookie=cookie))


@case("a POST that reads, whose replica breaks the connection")
def _(gate: Gate) -> str:
    cookie = one_on(gate, "a")
    with faulty(gate, reset={"path": CONNECTIONS}):
        return repeated(gate.post(f"{CONNECTIONS}/get", cookie=cookie))


# How long it may take: both have their minute shortened to 2 s, and the half hour to one minute.
SLOW = (b"x-standin-slow-seconds", b"3")
TAKES_SECONDS = (
    "an answer after 90 s",
    "`sources/discover_schema`, which takes 90 s",
    "`web_backend/connections/get` with `withRefreshedCatalog`, which takes 90 s",
)


@case("an answer after 90 s")
def _(gate: Gate) -> str:
    return str(gate.ask(fields=[SLOW]).answer.status)


@case("`sources/discover_schema`, which takes 90 s")
def _(gate: Gate) -> str:
    return str(gate.post("/api/v1/sources/discover_schema", fields=[SLOW]).answer.status)


@case("`web_backend/connections/get` with `withRefreshedCatalog`, which takes 90 s")
def _(gate: Gate) -> str:
    body = b'{"connectionId":"0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30","withRefreshedCatalog":true}'
    answer = gate.post("/api/v1/web_backend/connections/get", body, fields=[SLOW]).answer
    # The stand-in knows no such connection, and says so when the time is over.
    return "200" if answer.status == 404 else str(answer.status)


NEW_KEY = "signed by a key that the provider began to use a moment ago"


@case(NEW_KEY)
def _(gate: Gate) -> str:
    key = make_key("RS256", f"2026-12-{time.monotonic_ns()}")
    gate.site.keys.append(key.jwk())
    return gate.ask(token=gate.site.token(key, groups=["airbyte-admins"])).outcome


def sign_in(gate: Gate, surfer: Surfer) -> httpx.Response:
    """To a page, by the provider if the gateway leads there."""
    begun = surfer.navigate("/workspaces", until=lambda url: url.startswith(gate.site.issuer))
    if not begun.has_redirect_location:
        return begun
    location = begun.headers["location"]
    # Envoy's oauth2 asks without one, and the site insists.
    location += "" if "nonce=" in location else f"&nonce={'n' * 22}"
    return surfer.navigate(gate.site.authorize(location, groups=["airbyte-admins"]))


def one_on(gate: Gate, replica: str) -> str:
    """The cookie of a client that was sent to this replica."""
    for _ in range(64):
        visit = gate.ask()
        if visit.replica == replica:
            return visit.set_cookie
    raise AssertionError(f"of 64 clients none was sent to {replica}")


def moved(visit: Visit) -> Visit | None:
    return visit if visit.answer.status == 200 and visit.replica == "b" else None


def repeated(visit: Visit) -> str:
    replicas = {one["name"] for one in visit.arrivals}
    again = f"repeated at the {'other' if len(replicas) > 1 else 'same'}" if len(visit.arrivals) > 1 else "not repeated"
    return f"{again}, {visit.answer.status}"


@contextmanager
def faulty(gate: Gate, everywhere: bool = False, **faults) -> Iterator[None]:
    """The first replica, or all."""
    replicas = gate.parts.standins if everywhere else gate.parts.standins[:1]
    for replica in replicas:
        replica.control(**faults)
    try:
        yield
    finally:
        for replica in replicas:
            replica.heal()
