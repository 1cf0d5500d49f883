"""Each answer that a provider may give when a session is refreshed: a refusal ends the session, an outage does not.

Each answer has a provider of its own, so that all sessions age at once. Their groups were taken away meanwhile: whose
session goes on past its claims goes on as an administrator.
"""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from signin.browser import Browser
from signin.gate import Gate

from lab import until
from lab.login_site import LoginSite
from lab.rogue import Answer, json_answer

# Seconds that tokens live, and no leeway on top.
LIFETIME = 5
# More than both workers have connections by chance.
TABS = 8
DELETE = "/api/v1/sources/delete"
DESCRIPTION = "told-to-nobody"


def said(error: str, status: int = 400) -> Answer:
    return json_answer({"error": error, "error_description": DESCRIPTION}, status)


def page(status: int, body: bytes = b"<title>No</title>", **headers: str) -> Answer:
    return Answer(status, body, {"content-type": "text/html", **headers})


TOKEN_REFUSALS = {
    "invalid_grant": said("invalid_grant"),
    "access_denied": said("access_denied", 403),
    "login_required": said("login_required"),
    "interaction_required": said("interaction_required"),
    "consent_required": said("consent_required"),
    "mfa_required": json_answer({"error": "mfa_required", "mfa_token": "x"}, 403),
    "unauthorized_client": said("unauthorized_client"),
    "temporarily_unavailable as a refusal": said("temporarily_unavailable"),
    "invalid_client as a page": page(401, b'{"error":"invalid_grant","error":"invalid_client"}'),
    "400 HTML": page(400),
    "401 HTML": page(401, **{"www-authenticate": 'Bearer error="invalid_token"'}),
    "403 HTML": page(403),
    "400 without a body": Answer(400, headers={}),
    "401 without a body": Answer(401, headers={}),
    "403 without a body": Answer(403, headers={}),
    "404": page(404),
    "408": page(408),
    "425": page(425),
    "a redirect": page(302, location="https://elsewhere.example/login"),
    "204": Answer(204, headers={}),
    "200 HTML": page(200),
    "200 without a body": Answer(),
    "200 and an error": said("access_denied", 200),
    "200 and no tokens": json_answer({}),
    "200 compressed": Answer(200, b"\x1f\x8b\x08\x00", {"content-type": "application/json", "content-encoding": "gzip"}),
    "200 with more than a MiB": Answer(200, b" " * (1 << 20) + b"{}"),
}
USERINFO_REFUSALS = {
    "userinfo 401": json_answer({"error": "invalid_token"}, 401),
    "userinfo 403 HTML": page(403),
    "userinfo 404": page(404),
    "userinfo 400 invalid_client": said("invalid_client"),
    "userinfo redirect": page(302, location="https://elsewhere.example/login"),
    "userinfo 200 HTML": page(200),
    "userinfo of another person": json_answer({"sub": "mallory"}),
}
OUTAGES = {
    "429": said("access_denied", 429),
    "500": said("invalid_grant", 500),
    "502 HTML": page(502),
    "503": Answer(503, headers={}),
    "503 with more than a MiB": page(503, b" " * (1 << 20) + b"x"),
    "a reset": Answer(reset=True),
    "a 200 that breaks off": Answer(200, b'{"access_token":', length=500),
    "a 403 that breaks off": Answer(403, b'{"error":"access_', length=500),
    "no answer": Answer(hold=True),
}
USERINFO_OUTAGES = {
    "userinfo 429": page(429),
    "userinfo 503": page(503),
    "userinfo reset": Answer(reset=True),
}


@dataclass
class Person:
    site: LoginSite
    browser: Browser
    # The claims end between these: an `exp` has whole seconds, of the moment when the tokens were made.
    claims_hold: float
    claims_end: float

    def delete(self, gate: Gate) -> int:
        """Deletes a source, which only an administrator may."""
        body = b'{"sourceId":"5a1f6d0e-9a3c-4c5f-8f8e-2f6f0a1d2b3c"}'
        fields = [(b"content-type", b"application/json")]
        return self.browser.fetch(DELETE, fields, method=b"POST", body=body).status


ALL = {**TOKEN_REFUSALS, **USERINFO_REFUSALS, **OUTAGES, **USERINFO_OUTAGES}
ACCESS = {"default_role": "reader", "roles": [{"role": "admin", "group": "admins"}]}


def new_site(rogue, number: str) -> LoginSite:
    site = rogue.site(f"refused-{number}", kind=LoginSite)
    site.lifetime = LIFETIME
    # What is asked twice is no theft here: each outage is one that leaves the refresh token good.
    site.rotates = False
    return site


@pytest.fixture(scope="module")
def sites(rogue) -> dict[str, LoginSite]:
    return {name: new_site(rogue, str(number)) for number, name in enumerate(ALL)}


@pytest.fixture(scope="module")
def secret(rogue) -> LoginSite:
    """Where an operator has changed the gateway's secret."""
    return new_site(rogue, "secret")


@pytest.fixture(scope="module")
def gate(gates, sites, secret) -> Gate:
    changes = {site: {"leeway": "0s", "login": {"userinfo": "userinfo" in name}} for name, site in sites.items()}
    return gates({**changes, secret: {"leeway": "0s"}}, plugin={"access": ACCESS})


def sign_in(gate: Gate, site: LoginSite) -> Person:
    browser = gate.browser()
    begun = int(time.time())
    answer = browser.call_back(site.authorize(browser.start(gate.login(site))))
    assert answer.status in (302, 303), answer
    person = Person(site, browser, begun + LIFETIME, time.time() + LIFETIME)
    assert gate.user(browser) == "alice" and person.delete(gate) not in (401, 403)
    return person


@pytest.fixture(scope="module")
def people(gate, sites) -> Iterator[dict[str, Person]]:
    """All are administrators with a session, lose their group, and their providers then answer as the tables say."""
    people = {}
    for name, site in sites.items():
        people[name] = sign_in(gate, site)
        site.people["alice"]["groups"] = []
        if "userinfo" in name:
            site.userinfo_answer = ALL[name]
        else:
            site.token_answer = ALL[name]
        if ALL[name].hold:
            site.hold()
    yield people
    for site in sites.values():
        site.honest()


@pytest.mark.parametrize("name", [*TOKEN_REFUSALS, *USERINFO_REFUSALS])
def test_refusal_ends_the_session_in_all_tabs(gate, people, name):
    person = people[name]
    tabs = [person.browser.copy() for _ in range(TABS)]
    until(lambda: gate.user(person.browser) is None, 5 * LIFETIME, "the end of the session", every=0.1)
    assert not person.browser.session, "the cookies are still there"
    # Other tabs still have the old cookies, over connections of their own, to both workers.
    with ThreadPoolExecutor(TABS) as threads:
        assert set(threads.map(gate.user, tabs)) == {None}
    assert not any(tab.session for tab in tabs)
    assert person.delete(gate) == 401
    for tab in tabs:
        tab.close()
    assert person.site.refreshes == 1, "one call for all tabs and workers"


@pytest.mark.parametrize("name", [*OUTAGES, *USERINFO_OUTAGES])
def test_outage_keeps_the_session(gate, people, name):
    person = people[name]
    until(lambda: time.time() > person.claims_end + 1, 5 * LIFETIME, "the end of the claims")
    assert gate.user(person.browser) == "alice" and person.delete(gate) not in (401, 403)
    before = person.site.refreshes
    assert before >= 1
    person.site.honest()
    # Back, it says at last that the group is gone.
    until(lambda: person.delete(gate) == 403, 70, "the new claims", every=0.3)


def test_log_says_what_was_asked_what_came_and_what_follows(gate, people):
    def logged() -> str:
        return gate.bed.envoy.log()

    for name, line in {
        "mfa_required": "login_refused: the token endpoint answered with status 403: mfa_required; the session ends",
        "403 HTML": "login_refused: the token endpoint answered with status 403; the session ends",
        "200 HTML": "login_bad_answer: the token endpoint answered with status 200 and no usable tokens; the session ends",
        "userinfo 404": "login_bad_answer: userinfo answered with status 404; the session ends",
        "500": "the token endpoint answered with status 500: invalid_grant; the session continues and the refresh is retried",
        "userinfo 503": "userinfo answered with status 503; the session continues with its old claims",
    }.items():
        people[name].delete(gate)
        found = re.compile(rf"provider {people[name].site.name}: session refresh: .*{re.escape(line)}")
        until(lambda found=found: found.search(logged()), 5 * LIFETIME, f"{name} in the log", every=0.2)
    assert DESCRIPTION not in logged()


def test_invalid_client_keeps_the_session_until_its_claims_expire(gate, secret):
    """The operator's mistake is no word against the person, and no reason to let old groups count for a day."""
    before = refused_as_client(gate)
    person = sign_in(gate, secret)
    challenge = {"content-type": "application/json", "www-authenticate": 'Basic realm="idp"'}
    secret.token_answer = Answer(401, said("invalid_client").body, challenge)
    until(lambda: gate.user(person.browser) and secret.refreshes, 5 * LIFETIME, "a refresh", every=0.05)
    assert time.time() < person.claims_end
    tab = person.browser.copy()
    while time.time() < person.claims_hold - 0.3:
        assert gate.user(person.browser) == "alice", "it ended before its claims"
    until(lambda: gate.user(person.browser) is None, 3, "the end of the session", every=0.05)
    assert time.time() > person.claims_hold
    assert not person.browser.session and gate.user(tab) is None and not tab.session
    until(lambda: refused_as_client(gate) > before, 5, "the counter")
    line = f"provider {secret.name}: session refresh: the token endpoint answered with status 401: invalid_client"
    told = next(one for one in gate.bed.envoy.log().splitlines() if line in one)
    assert "[error]" in told or "[critical]" in told, told
    assert "check client_id" in told and DESCRIPTION not in told
    # A login does not help, and says so on a page instead of going round in circles.
    browser = gate.browser()
    answer = browser.call_back(secret.authorize(browser.start(gate.login(secret))))
    gate.refused(browser, answer, 502)
    secret.honest()
    sign_in(gate, secret)


def refused_as_client(gate: Gate) -> int:
    return gate.bed.envoy.stats(r"^wasmcustom\.airgate\.providers\.client_refused$").popitem()[1]
