"""A rule that asks for a better sign-in, with a real provider: there and back, for pages, scripts and programs."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from access.policy import is_passed

from lab import Bed
from lab.envoy import Options
from lab.surfer import Surfer

STRONG = "/settings/strong?tab=a%20b"
LATELY = "/settings/lately"
SYNC = "/api/v1/connections/sync"
POLICY = {
    "default_role": "admin",
    "rules": [
        {"name": "strong", "what": {"path": "/settings/strong"}, "then": "step_up", "step_up": {"acr": ["mfa"]}},
        {"name": "strong sync", "what": {"operation": "syncConnection"}, "then": "step_up", "step_up": {"acr": ["mfa"]}},
        {
            "name": "lately",
            "what": {"path": LATELY},
            "then": "step_up",
            "step_up": {"acr": ["mfa", "password"], "max_age": "15m"},
        },
    ],
}


@pytest.fixture(scope="module")
def bed(open_bed) -> Bed:
    return open_bed(Options(plugin={"access": POLICY}))


@pytest.fixture
def carol_has_a_password_only(parts) -> Iterator[None]:
    parts.provider.change(passwords_only=["carol"])
    yield
    parts.provider.change(passwords_only=[])


@pytest.fixture
def heedless(parts) -> Iterator[None]:
    """To this provider what is asked for is but a wish: whoever is known is let through as they are."""
    parts.provider.change(heeds_acr_values=False)
    yield
    parts.provider.change(heeds_acr_values=True)


def asked(surfer: Surfer, path: str) -> dict[str, list[str]]:
    """What the provider is asked when somebody opens this page."""
    answer = surfer.navigate(path, until=lambda url: url.startswith(surfer.provider))
    assert answer.has_redirect_location and "x-standin-name" not in answer.headers
    return parse_qs(urlsplit(answer.headers["location"]).query)


def works(surfer: Surfer, who: str) -> bool:
    return surfer.get("/.airgate/me").json()["user"] == who and is_passed(surfer.navigate("/workspaces"))


def test_a_page_leads_to_the_provider_and_back(bed):
    alice = bed.surfer()
    assert is_passed(alice.sign_in("alice", "/workspaces"))
    assert asked(alice, STRONG)["acr_values"] == ["mfa"]
    page = alice.finish("alice", alice.navigate(STRONG))
    assert str(page.url) == bed.url + STRONG and is_passed(page)
    # From now on without being asked.
    page = alice.navigate(STRONG)
    assert is_passed(page) and not page.history
    assert is_passed(alice.post(SYNC, json={}))


def test_a_script_is_told_where_to_go(bed):
    bob = bed.surfer()
    bob.sign_in("bob", "/workspaces")
    answer = bob.post(SYNC, json={})
    assert answer.status_code == 401 and not is_passed(answer)
    assert answer.headers["content-type"] == "application/json"
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="mfa"'
    assert answer.headers["www-authenticate"] == challenge
    said = answer.json()
    assert (said["error"], said["operation"]) == ("insufficient_user_authentication", "syncConnection")
    line = bed.envoy.logged(lambda line: line["airgate.request_id"] == said["request_id"])
    assert (line["airgate.reason"], line["airgate.rule"]) == ("step_up_required", "strong sync")
    # Whoever follows that may then.
    page = bob.finish("bob", bob.navigate(said["login_url"]))
    assert is_passed(page) and is_passed(bob.post(SYNC, json={}))


def test_a_program_that_is_no_user_is_refused(bed):
    answer = bed.client("ci-bot").post(SYNC, json={})
    assert answer.status_code == 403 and not is_passed(answer)
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    assert "there is nobody here to sign in" in answer.json()["message"] and "login_url" not in answer.json()


def test_a_users_token_is_told_what_is_missing(bed):
    answer = bed.client("bob").post(SYNC, json={})
    assert answer.status_code == 401 and answer.headers["www-authenticate"].endswith('acr_values="mfa"')


def unmet(bed: Bed, surfer: Surfer, page) -> None:
    """A page that says so and goes nowhere by itself; what was there before is as it was."""
    assert page.status_code == 403 and str(page.url).startswith(f"{bed.url}/.airgate/callback/"), page.url
    assert "mfa" in page.text and "refresh" not in page.headers and 'http-equiv="refresh"' not in page.text
    line = bed.envoy.logged(lambda line: line["airgate.request_id"] == page.headers["x-request-id"])
    assert line["airgate.reason"] == "step_up_unmet"
    # The gateway sent the browser to the provider once.
    seen = [str(answer.url) for answer in page.history]
    assert len(seen) < 8 and sum(urlsplit(url).path == "/auth" for url in seen) <= 1, seen


def test_whoever_cannot_do_better_is_told_so_once_and_keeps_what_they_have(bed, carol_has_a_password_only):
    carol = bed.surfer()
    carol.sign_in("carol", "/workspaces")
    unmet(bed, carol, carol.finish("carol", carol.navigate(STRONG)))
    assert works(carol, "carol")
    assert carol.post(SYNC, json={}).status_code == 401


def test_a_provider_that_does_not_heed_is_no_loop_either(bed, heedless):
    bob = bed.surfer()
    bob.sign_in("bob", "/workspaces")
    page = bob.navigate(STRONG)
    unmet(bed, bob, page)
    assert works(bob, "bob")
    # "Try again" asks for the password anew, and so gets there.
    page = bob.finish("bob", bob.follow(page, "prompt=login"))
    assert str(page.url) == bed.url + STRONG and is_passed(page)


def test_somebody_else_comes_back(bed):
    """The session is then theirs, as after any login."""
    alice = bed.surfer()
    alice.sign_in("alice", "/workspaces")
    page = alice.finish("bob", alice.navigate(STRONG))
    assert is_passed(page) and str(page.url) == bed.url + STRONG
    assert works(alice, "bob")


def test_how_long_ago(bed):
    """A session of now is young enough; a stronger one, too."""
    alice = bed.surfer()
    alice.sign_in("alice", "/workspaces")
    page = alice.navigate(LATELY)
    assert is_passed(page) and not page.history


def test_the_provider_is_asked_how_long_ago(bed):
    """By a token's claims nobody knows when it was, so this one is told the age that is wanted."""
    answer = bed.client("bob").get(LATELY)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].endswith('acr_values="mfa password", max_age="900"')
    bob = bed.surfer()
    said = asked(bob, "/.airgate/login?return=%2F&step_up=lately&provider=corp")
    assert (said["max_age"], said["acr_values"]) == (["900"], ["mfa password"])
