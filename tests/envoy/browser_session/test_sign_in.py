"""The way in, for a browser without JavaScript, and what the session then weighs."""

from urllib.parse import parse_qs, urlsplit

import pytest
from browser_session.visits import ECHO, SESSION, assert_signed_in, assert_told_to_sign_in, heard, session, user

from lab import until
from lab.envoy import Options
from lab.page import Page

# For a typical session: two cookies of this size still leave room under the header limits of most servers.
BUDGET = 3500
PAGE = "/workspaces/1/connections?search=a%20b&tab=1"


def test_a_deep_link(bed, surfer):
    """To the provider by the authorization code flow, and back to exactly the page that was asked for."""
    page = surfer.sign_in("alice", PAGE)
    assert_signed_in(surfer, page, PAGE)
    start = surfer.cookies.copy()
    assert not [name for name in start if name.startswith("__Host-airgate-login")], "the attempt is over"
    asked = bed.surfer().navigate(PAGE, until=lambda url: url.startswith(bed.issuer)).headers["location"]
    parameters = {name: value for name, (value,) in parse_qs(urlsplit(asked).query).items()}
    assert parameters["response_type"] == "code" and parameters["code_challenge_method"] == "S256"
    assert parameters["redirect_uri"] == f"{bed.url}/.airgate/callback/corp" and parameters["nonce"]


def test_airbyte_hears_who_it_is_and_no_secret(surfer):
    surfer.sign_in("bob")
    said = heard(surfer.get(ECHO))
    assert (said["x-airgate-user"], said["x-airgate-email"]) == ("bob", "bob@example.com")
    assert (said["x-airgate-groups"], said["x-airgate-auth"]) == ("airbyte-editors", "session")
    assert "authorization" not in said and "airgate-session" not in said.get("cookie", "")


def test_what_is_no_navigation_starts_no_login(surfer):
    """Neither the web app's calls nor programs are led into HTML."""
    for answer in (surfer.get("/"), surfer.get(ECHO), surfer.post("/api/v1/connections/list", json={})):
        assert_told_to_sign_in(answer)
    assert not surfer.cookies


@pytest.mark.parametrize("who", ["alice", "bob", "carol"])
def test_a_session_is_small(surfer, who, record_property):
    surfer.sign_in(who)
    assert user(surfer) == who
    cookies = session(surfer)
    size = sum(len(name) + 1 + len(value) for name, value in cookies.items())
    record_property("session_cookie_bytes", size)
    print(f"\nsession of {who}: {size} bytes in {len(cookies)} cookie(s)")
    assert list(cookies) == [SESSION] and size <= BUDGET


@pytest.fixture(scope="module")
def public_bed(open_bed):
    """A client without a secret. Its access tokens are no JWTs: only those does the provider take at userinfo."""

    def configure(config: dict) -> None:
        login = {"client_id": "airgate-public", "scopes": ["openid", "profile", "email", "groups"], "userinfo": True}
        config["providers"][0]["login"] = login

    return open_bed(Options(plugin=configure))


def test_a_public_client_that_asks_userinfo(public_bed):
    provider = public_bed.provider
    provider.change(clients={"airgate-public": {"access_token": {"opaque": True}}})
    before = provider.hits().get("/me", 0)
    surfer = public_bed.surfer()
    assert_signed_in(surfer, surfer.sign_in("carol", PAGE), PAGE, "carol")
    assert heard(surfer.get(ECHO))["x-airgate-groups"] == "airbyte-readers"
    assert provider.hits()["/me"] == before + 1


def test_the_provider_goes_away_during_a_login(bed, surfer):
    """A page that says so, and the link on it works as soon as the provider is back."""
    page = surfer.navigate(PAGE)
    callback = surfer.finish("alice", page, until=lambda url: url.startswith(bed.url)).headers["location"]
    bed.provider.down()
    try:
        failed = surfer.navigate(callback)
    finally:
        bed.provider.down(False)
    assert_is_try_again(failed)
    assert not session(surfer)
    until(lambda: bed.client("alice").get(ECHO).status_code == 200, what="the provider being back")
    again = surfer.finish("alice", surfer.follow(failed, "/.airgate/login"))
    assert_signed_in(surfer, again, PAGE)


def test_a_gateway_that_never_reached_the_provider(parts, open_bed):
    """It lets nobody new in, with a page that says so, and does as soon as the provider is there."""
    parts.provider.token("alice")
    parts.provider.down()
    try:
        bed = open_bed()
        surfer = bed.surfer()
        assert_is_try_again(surfer.navigate(PAGE))
        assert_told_to_sign_in(surfer.get(ECHO))
    finally:
        parts.provider.down(False)
    until(lambda: surfer.navigate(PAGE).status_code == 200, 30, "a login", every=0.2)
    assert_signed_in(surfer, surfer.sign_in("alice", PAGE), PAGE)


def assert_is_try_again(page) -> None:
    assert page.status_code == 503 and int(page.headers["retry-after"]) >= 1
    assert page.headers["content-type"] == "text/html; charset=utf-8" and page.headers["cache-control"] == "no-store"
    assert page.headers["x-request-id"] in Page(page.text).text
