"""People who are known to a SAML identity provider only, by what docs/saml.md shows."""

from datetime import UTC, datetime, timedelta

import pytest

from lab.page import Page
from lab.surfer import Surfer

# SATOSA and the identity provider take seconds of CPU to start.
pytestmark = pytest.mark.timeout(120)

PAGE = "/workspaces/1/connections?search=a%20b&tab=1"


def me(surfer: Surfer) -> dict:
    answer = surfer.get("/.airgate/me")
    return answer.json() if answer.is_success else {}


@pytest.mark.parametrize(
    ("who", "groups", "role"),
    [
        ("alice", ["airbyte-admins", "employee"], "admin"),
        ("bob", ["data-engineers", "employee"], "editor"),
        ("carol", ["employee"], "reader"),
    ],
)
def test_attributes_become_a_role(house, who, groups, role):
    surfer = house.surfer()
    page = surfer.sign_in(who, PAGE)
    assert (str(page.url), page.status_code) == (house.envoy.url + PAGE, 200)
    said = me(surfer)
    assert (said["user"], said["email"], said["name"]) == (f"persistent-{who}", f"{who}@example.com", who.title())
    assert (said["groups"], said["role"], said["provider"]) == (groups, role, "corp")


def test_other_attributes_give_none(house):
    surfer = house.surfer()
    assert surfer.sign_in("sam", PAGE).status_code == 403
    assert me(surfer)["groups"] == ["student"]
    assert surfer.get("/api/v1/standin/echo").json()["error"] == "forbidden"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("stranger", "Failed to verify signature"),
        ("unsigned", "Signature missing for assertion"),
        ("altered", "Failed to verify signature"),
        ("wrapped", "Invalid number of assertions"),
        ("unsolicited", "Unsolicited response"),
    ],
)
def test_an_answer_that_is_refused(house, idp, fault, reason):
    surfer = house.surfer()
    idp.misbehave(fault)
    page = surfer.sign_in("carol", PAGE)
    assert page.status_code == 403 and "Sign-in was declined" in Page(page.text).text
    assert not me(surfer)
    said = [line for line in house.satosa.log().splitlines() if "Authentication failed" in line]
    assert reason in said[-1]


def test_an_answer_belongs_to_the_browser_that_asked(house):
    asked, thief = house.surfer(), house.surfer()
    form = asked.submit(asked.navigate(PAGE), {"login": "alice", "password": "any"})
    assert "SAMLResponse" in Page(form.text).forms[0].fields
    assert thief.submit(form).status_code == 500 and not me(thief)
    assert asked.submit(form).url == house.envoy.url + PAGE and me(asked)["role"] == "admin"
    # Nor does it count twice.
    assert asked.submit(form).status_code == 500


def test_signing_out_ends_the_session_here_and_none_there(house):
    surfer = house.surfer()
    surfer.sign_in("bob", PAGE)
    assert "saml_state" not in surfer.cookies
    page = surfer.submit(surfer.navigate("/.airgate/logout"))
    assert page.status_code == 200 and not me(surfer)
    assert "end_session_endpoint" not in house.satosa.get("/.well-known/openid-configuration").json()
    # The identity provider asks nothing: its page has the answer ready.
    page = surfer.navigate(PAGE)
    assert str(page.url).startswith(house.idp.url) and "login" not in Page(page.text).forms[0].fields
    assert surfer.finish("nobody", page).status_code == 200 and me(surfer)["user"] == "persistent-bob"


def test_a_session_is_as_long_as_the_id_token(house):
    """No refresh token, so the hour of `id_token_lifetime` is all; and SATOSA's log tells no token."""
    surfer = house.surfer()
    surfer.sign_in("carol", PAGE)
    ends = datetime.fromisoformat(me(surfer)["session_ends"])
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(minutes=62)
    assert "eyJ" not in house.satosa.log() and "carol@example.com" not in house.satosa.log()
