"""A provider that misbehaves while somebody signs in: an error page, no session, and the honest login after it works.

What the OpenID Foundation's Basic and Config relying-party plans try has their modules' names.
"""

import hmac
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from signin.browser import CALLBACK
from signin.gate import Gate, case

from lab.forge import base64url, compact, make_key, nested
from lab.login_site import TOKEN, USERINFO, LoginSite
from lab.rogue import Answer, json_answer

Deviation = Callable[[LoginSite], None]
HTML = Answer(body=b"<!doctype html><title>Welcome</title>", headers={"content-type": "text/html"})
STRANGERS = {alg: make_key(alg, f"corp-{alg}") for alg in ("RS256", "ES256")}
REFUSED = (502,)
AWAY = (503,)
# An error that the provider itself gives can be read either way.
BROKEN = (502, 503)


def says(**changes) -> Deviation:
    """An ID token that says this."""
    return lambda site: site.id_token_changes.update(changes)


def answers(**changes) -> Deviation:
    """A token endpoint that answers with this."""
    return lambda site: site.token_changes.update(changes)


def token_body(change: Callable[[bytes], bytes]) -> Deviation:
    """The right tokens, and something is wrong with the JSON around them."""
    return token_answer(lambda truth: replace(truth, body=change(truth.body)))


def token_answer(script) -> Deviation:
    return lambda site: setattr(site, "token_answer", script)


def userinfo_answer(script) -> Deviation:
    return lambda site: setattr(site, "userinfo_answer", script)


def signed(make: Callable[[LoginSite, dict], str]) -> Deviation:
    """An ID token with the right claims, made in this way."""
    return lambda site: setattr(site, "make_id_token", lambda claims: make(site, claims))


def hs256(site: LoginSite, claims: dict) -> str:
    secret = site.client.secret.encode()
    return compact({"alg": "HS256"}, claims, lambda data: hmac.digest(secret, data, sha256))


def headed(**members) -> Deviation:
    return lambda site: setattr(site, "id_token_header", members)


def redirect(truth: Answer) -> Answer:
    return replace(truth, status=307, headers={"location": "/elsewhere"})


def held(site: LoginSite) -> None:
    site.hold()
    site.token_answer = Answer(hold=True)


def timed(**shifts: int) -> Deviation:
    """An ID token with these dates, in seconds from now."""
    return lambda site: site.id_token_changes.update({name: int(time.time()) + shift for name, shift in shifts.items()})


HOUR = 3600

ID_TOKENS = [
    case("oidcc-client-test-invalid-iss", says(iss="https://other.rogue.test")),
    case("oidcc-client-test-invalid-aud", says(aud="other")),
    case("oidcc-client-test-missing-aud", says(aud=None)),
    case("oidcc-client-test-missing-sub", says(sub=None)),
    case("oidcc-client-test-missing-iat", says(iat=None)),
    case("oidcc-client-test-nonce-invalid", says(nonce="n" * 43)),
    case("oidcc-client-test-idtoken-sig-none", signed(lambda _, claims: compact({"alg": "none"}, claims, lambda _: b""))),
    case("oidcc-client-test-invalid-sig-rs256", signed(lambda _, claims: STRANGERS["RS256"].token(claims))),
    case("oidcc-client-test-invalid-sig-es256", signed(lambda _, claims: STRANGERS["ES256"].token(claims))),
    case("oidcc-client-test-invalid-sig-hs256", signed(hs256)),
    case("another kid", headed(kid="nobody-s")),
    case("the iss with a slash", lambda site: says(iss=site.issuer + "/")(site)),
    case("the aud of the API", says(aud="airbyte")),
    case("the aud in a longer word", lambda site: says(aud=site.client.id + "x")(site)),
    case("an empty list as aud", says(aud=[])),
    case("azp is another client", says(azp="other")),
    case("azp is a list", lambda site: says(azp=[site.client.id])(site)),
    case("two in aud and azp is the other", lambda site: says(aud=[site.client.id, "other"], azp="other")(site)),
    case("no nonce", says(nonce=None)),
    case("an empty nonce", says(nonce="")),
    case("a list of the nonce", signed(lambda site, claims: site.signing[0].token({**claims, "nonce": [claims["nonce"]]}))),
    case("the nonce cut short", signed(lambda site, claims: site.signing[0].token({**claims, "nonce": claims["nonce"][:-1]}))),
    case("an empty sub", says(sub="")),
    case("a number as sub", says(sub=7)),
    case("expired", timed(exp=-HOUR)),
    case("no exp", says(exp=None)),
    case("a text as exp", says(exp="9999999999")),
    case("from the future", timed(iat=HOUR)),
    case("nbf in the future", timed(nbf=HOUR)),
    case("the at_hash of another token", says(at_hash=base64url(bytes(16)))),
    case("the at_hash cut short", signed(lambda site, c: site.signing[0].token({**c, "at_hash": c["at_hash"][:-2]}))),
    case("a number as at_hash", says(at_hash=1)),
    case("a logout token", headed(typ="logout+jwt")),
    case("an access token", headed(typ="at+jwt")),
    case("crit", headed(crit=["x"], x=1)),
    case("a key in the header", signed(lambda _, c: (k := make_key("ES256", "mine")).token(c, {"jwk": k.jwk()}))),
]

TOKEN_ANSWERS = [
    case("500 with the right tokens", token_answer(lambda truth: replace(truth, status=500)), BROKEN),
    case("503", token_answer(Answer(503)), BROKEN),
    case("404", token_answer(Answer(404)), BROKEN),
    case("a redirect with the right tokens", token_answer(redirect), BROKEN),
    case("HTML", token_answer(HTML), REFUSED),
    case("nothing", token_answer(Answer()), REFUSED),
    case("2 MiB around the right tokens", token_body(lambda body: body[:-1] + b',"x":"' + b"x" * (2 << 20) + b'"}'), REFUSED),
    case("cut off", token_answer(lambda truth: replace(truth, body=truth.body[:-9], length=len(truth.body))), BROKEN),
    case("a reset", token_answer(Answer(reset=True)), AWAY),
    case("no answer", held, AWAY),
    case("members twice", token_body(lambda body: body[:-1] + b',"access_token":"x"}'), REFUSED),
    case("the ID token twice", token_body(lambda body: body[:-1] + b',"id_token":"x"}'), REFUSED),
    case("members twice, in disguise", token_body(lambda body: body[:-1] + b',"acc\\u0065ss_token":"x"}'), REFUSED),
    case("bytes after it", token_body(lambda body: body + b"x"), REFUSED),
    case("a byte order mark", token_body(lambda body: b"\xef\xbb\xbf" + body), REFUSED),
    case("UTF-16", token_body(lambda body: body.decode().encode("utf-16")), REFUSED),
    case("bytes that are no text", token_body(lambda body: body[:-1] + b',"x":"\xff"}'), REFUSED),
    case("a list of it", token_body(lambda body: b"[" + body + b"]"), REFUSED),
    case("a depth that would trap", token_body(lambda body: body[:-1] + b',"x":' + nested(20_000) + b"}"), REFUSED),
    case("no access token", answers(access_token=None), REFUSED),
    case("an empty access token", answers(access_token=""), REFUSED),
    case("a number as access token", answers(access_token=1), REFUSED),
    case("a type of token that we cannot use", answers(token_type="mac"), REFUSED),
    case("no ID token", answers(id_token=None), REFUSED),
    case("a number as ID token", answers(id_token=1), REFUSED),
    case("an ID token that is none", answers(id_token="opaque"), REFUSED),
    case("an ID token with five parts", answers(id_token="a.b.c.d.e"), REFUSED),
    case("a list as refresh token", answers(refresh_token=["x"]), REFUSED),
    case("a code that is not known", token_answer(json_answer({"error": "invalid_grant"}, 400)), (400, 502)),
    case("a client that is not known", token_answer(json_answer({"error": "invalid_client"}, 401)), REFUSED),
]

CALLBACKS = [
    case("another iss", {"iss": "https://other.rogue.test"}),
    case("an empty iss", {"iss": ""}),
    case("no iss, though discovery promises it", {"iss": None}),
    case("the iss twice", {"iss": ["https://corp.rogue.test"] * 2}),
    case("the right iss and another", {"iss": ["https://corp.rogue.test", "https://other.rogue.test"]}),
    case("the iss with a slash", {"iss": "https://corp.rogue.test/"}),
]

HONEST = [
    case("oidcc-client-test", lambda site: None),
    case("oidcc-client-test-idtoken-sig-rs256", lambda site: setattr(site, "id_token_key", site.key("RS256"))),
    case("no at_hash", says(at_hash=None)),
    case("a list as aud", lambda site: says(aud=[site.client.id])(site)),
    case("azp is us", lambda site: says(azp=site.client.id)(site)),
    case("bearer in small letters", answers(token_type="bearer")),
    case("no refresh token", answers(refresh_token=None)),
    case("no expires_in", answers(expires_in=None)),
    case("no scope, and members of its own", answers(scope=None, not_before_policy=0, session_state="x")),
    case("within the leeway", timed(exp=-30, iat=-HOUR)),
]


@pytest.mark.parametrize("deviate", HONEST)
def test_honest_in_its_own_way(gate, site, deviate):
    deviate(site)
    browser, page = gate.browser(), gate.page()
    gate.signed_in(browser, browser.sign_in(site, page), page)
    assert not site.refusals


def fails(gate: Gate, site: LoginSite, statuses: tuple[int, ...], deviate: Deviation) -> None:
    """The login ends on an error page and brings nothing; the next one, by the same browser, is as good as any."""
    browser, page = gate.browser(), gate.page()
    callback = site.authorize(browser.start(gate.login(site, page)))
    deviate(site)
    gate.refused(browser, browser.call_back(callback), *statuses)
    assert not gate.reached(page) and gate.user(browser) is None
    site.honest()
    gate.signed_in(browser, browser.sign_in(site, gate.login(site, page)), page)


@pytest.mark.parametrize("deviate", ID_TOKENS)
def test_an_id_token_that_is_refused(gate, site, deviate):
    fails(gate, site, REFUSED, deviate)


@pytest.mark.parametrize("deviate, statuses", TOKEN_ANSWERS)
def test_a_token_endpoint_that_fails(gate, site, deviate, statuses):
    fails(gate, site, statuses, deviate)
    assert site.hits["/elsewhere"] == 0


@pytest.mark.parametrize("changes", CALLBACKS)
def test_a_callback_that_is_not_from_there(gate, site, changes):
    "RFC 9207. No code is told to anybody."
    browser, page, before = gate.browser(), gate.page(), site.hits[TOKEN]
    site.callback_changes = changes
    gate.refused(browser, browser.sign_in(site, page), 400)
    assert site.hits[TOKEN] == before and not gate.reached(page)
    site.honest()
    gate.signed_in(browser, browser.sign_in(site, page), page)


# What asks for settings of its own


@pytest.fixture(scope="module")
def sites(rogue) -> dict[str, LoginSite]:
    names = ("basic", "post", "key-es", "key-ed", "public", "userinfo", "older", "liar", "single", "rotating", "late")
    sites = {name: rogue.site(name, kind=LoginSite) for name in names}
    sites["post"].client.auth = "client_secret_post"
    sites["public"].client.auth = "none"
    for name, algorithm in (("key-es", "ES256"), ("key-ed", "EdDSA")):
        sites[name].client.auth, sites[name].client.key = "private_key_jwt", make_key(algorithm, "us")
    return sites


@pytest.fixture(scope="module")
def many(gates, sites) -> Gate:
    sites["liar"].discovery_changes = {"issuer": "https://other.rogue.test"}
    changes = {"userinfo": {"login": {"userinfo": True}}}
    older(sites["older"])
    return gates({site: changes.get(name, {}) for name, site in sites.items()})


def older(site: LoginSite) -> None:
    """A provider from before RFC 9207."""
    site.honest()
    site.discovery_changes = {"authorization_response_iss_parameter_supported": None}
    site.callback_changes = {"iss": None}


def succeeds(gate: Gate, site: LoginSite) -> None:
    browser, page = gate.browser(), gate.page()
    location = browser.start(gate.login(site, page))
    callback = site.authorize(location)
    assert callback.startswith(f"{CALLBACK}{site.name}?")
    gate.signed_in(browser, browser.call_back(callback), page)
    assert not site.refusals


WAYS = [
    case("oidcc-client-test-client-secret-basic", "basic"),
    case("client_secret_post", "post"),
    case("private_key_jwt with ES256", "key-es"),
    case("private_key_jwt with EdDSA", "key-ed"),
    case("a public client", "public"),
]


@pytest.mark.parametrize("name", WAYS)
def test_the_gateway_proves_who_it_is(many, sites, name):
    succeeds(many, sites[name])


def test_oidcc_client_test_kid_absent_single_jwks(many, sites):
    sites["single"].id_token_header = {"kid": None}
    succeeds(many, sites["single"])


def test_oidcc_client_test_kid_absent_multiple_jwks(gate, site):
    """The specification leaves it open: the one key that fits the algorithm is taken, and of two none would be."""
    site.id_token_header = {"kid": None}
    succeeds(gate, site)


def test_oidcc_client_test_discovery_issuer_mismatch(many, sites):
    browser = many.browser()
    many.refused(browser, browser.navigate(many.login(sites["liar"])), *BROKEN)
    assert not browser.attempts and not sites["liar"].hits["/jwks"]


def test_oidcc_client_test_signing_key_rotation(many, sites):
    site = sites["rotating"]
    succeeds(many, site)
    site.signing = [make_key("ES256", "rotating-2")]
    site.keys = [site.signing[0].jwk()]
    succeeds(many, site)


def test_oidcc_client_test_signing_key_rotation_just_before_signing(many, sites):
    site, browser, page = sites["late"], many.browser(), many.page()
    callback = site.authorize(browser.start(many.login(site, page)))
    site.signing.insert(0, make_key("ES256", "late-2"))
    site.keys.append(site.signing[0].jwk())
    many.signed_in(browser, browser.call_back(callback), page)


def test_a_provider_that_does_not_name_itself_on_the_way_back(many, sites):
    site = sites["older"]
    succeeds(many, site)
    browser = many.browser()
    site.callback_changes = {"iss": "https://other.rogue.test"}
    many.refused(browser, browser.sign_in(site, many.login(site)), 400)
    older(site)
    succeeds(many, site)


def test_a_code_of_one_provider_at_another_s_callback(many, sites):
    """The mix-up attack (RFC 9207 section 1)."""
    basic, post, browser = sites["basic"], sites["post"], many.browser()
    callback = basic.authorize(browser.start(many.login(basic)))
    before = post.hits[TOKEN], basic.hits[TOKEN]
    many.refused(browser, browser.call_back(callback.replace("/basic?", "/post?")), 400)
    assert (post.hits[TOKEN], basic.hits[TOKEN]) == before


def test_oidcc_client_test_scope_userinfo_claims(many, sites):
    """Groups and mail that only userinfo tells; who it is comes from the ID token."""
    site, browser, page = sites["userinfo"], many.browser(), many.page()
    site.id_token_changes = {name: None for name in ("groups", "name", "email", "email_verified")}
    try:
        answer = browser.sign_in(site, many.login(site, page))
        many.signed_in(browser, answer, page)
        seen = dict(browser.fetch("/api/v1/standin/echo").json()["headers"])
        assert (seen["x-airgate-groups"], seen["x-airgate-email"]) == ("admins", "alice@example.com")
        assert site.hits[USERINFO]
    finally:
        site.honest()


USERINFO_ANSWERS = [
    case("oidcc-client-test-userinfo-invalid-sub", lambda site: site.userinfo_changes.update(sub="mallory"), REFUSED),
    case("no sub", lambda site: site.userinfo_changes.update(sub=None), REFUSED),
    case("a number as sub", lambda site: site.userinfo_changes.update(sub=7), REFUSED),
    case("401", userinfo_answer(Answer(401, headers={"www-authenticate": "Bearer"})), BROKEN),
    case("500 with the right claims", userinfo_answer(lambda truth: replace(truth, status=500)), BROKEN),
    case("HTML", userinfo_answer(HTML), REFUSED),
    case("a JWT", userinfo_answer(Answer(body=b"a.b.c", headers={"content-type": "application/jwt"})), REFUSED),
    case("members twice", userinfo_answer(lambda truth: replace(truth, body=truth.body[:-1] + b',"sub":"alice"}')), REFUSED),
    case("a reset", userinfo_answer(Answer(reset=True)), AWAY),
]


@pytest.mark.parametrize("deviate, statuses", USERINFO_ANSWERS)
def test_a_userinfo_endpoint_that_fails(many, sites, deviate, statuses):
    fails(many, sites["userinfo"], statuses, deviate)
