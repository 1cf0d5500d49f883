"""The ways out: by the person, by the provider."""

import pytest
from browser_session.visits import ME, assert_signed_in, asks_provider, session, twin, user

from lab import until
from lab.envoy import Options
from lab.page import Page

SIGNED_OUT = "/.airgate/signed-out"
LOGOUT = "/.airgate/logout"


def test_who_am_i(bed, surfer):
    surfer.sign_in("carol")
    said = surfer.get(ME).json()
    assert (said["user"], said["name"], said["email"]) == ("carol", "Carol Reader", "carol@example.com")
    assert (said["groups"], said["provider"], said["auth"]) == (["airbyte-readers"], "corp", "session")
    page = surfer.navigate(ME)
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    assert "Carol Reader" in Page(page.text).text and Page(page.text).forms[0].action == LOGOUT


def test_a_person_signs_out(bed, surfer):
    """Here at once, at the provider after its own question, and in the end on our page."""
    surfer.sign_in("alice")
    copied = twin(bed, surfer)
    before = bed.provider.hits().get("/token/revocation", 0)
    leaving = surfer.submit(surfer.navigate(ME))
    assert not session(surfer) and user(surfer) is None, "this session has ended, whatever the provider does"
    until(lambda: bed.provider.hits().get("/token/revocation", 0) == before + 1, what="the revocation")
    question = surfer.follow(leaving, "/session/end")
    end = surfer.submit(question, {"logout": "yes"})
    assert str(end.url).partition("?")[0] == bed.url + SIGNED_OUT and end.status_code == 200
    # Neither here nor there is anybody signed in.
    assert Page(surfer.navigate("/").text).forms[0].fields.keys() >= {"login"}
    # As the documentation says: somebody who has copied the cookies keeps them until the next refresh at most.
    assert session(copied)


def test_the_question_before_signing_out(surfer):
    """A link from elsewhere signs nobody out."""
    surfer.sign_in("alice")
    page = surfer.navigate(LOGOUT)
    assert page.status_code == 200 and user(surfer) == "alice"
    surfer.submit(page)
    assert user(surfer) is None


def test_another_site_signs_nobody_out(surfer):
    surfer.sign_in("alice")
    other = {"origin": "https://evil.example.com", "sec-fetch-site": "cross-site"}
    assert surfer.post(LOGOUT, headers=other).status_code == 403
    assert user(surfer) == "alice"


def test_a_program_signs_out(surfer):
    surfer.sign_in("alice")
    answer = surfer.post(LOGOUT)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert answer.json()["continue"].startswith(surfer.provider)
    assert not session(surfer)


def test_signing_out_twice(surfer):
    """The second tab's button finds nothing to end, and ends on our page."""
    assert surfer.post(LOGOUT).status_code == 200
    surfer.sign_in("alice")
    page = surfer.navigate(ME)
    surfer.submit(page)
    again = surfer.submit(page)
    assert again.status_code == 200 and str(again.url) == surfer.url + SIGNED_OUT


@pytest.fixture(scope="module")
def keeping_bed(open_bed):
    return open_bed(Options(plugin={"session": {"keep_id_token": True}}))


def test_a_kept_id_token_spares_the_provider_s_question(keeping_bed):
    surfer = keeping_bed.surfer()
    surfer.sign_in("alice")
    assert "__Secure-airgate-id" in surfer.cookies
    leaving = surfer.submit(surfer.navigate(ME))
    assert "__Secure-airgate-id" not in surfer.cookies
    page = surfer.follow(leaving, "/session/end")
    # With the hint the provider knows whom it signs out; its form sends itself where there is a script.
    for _ in range(2):
        if str(page.url).startswith(keeping_bed.url):
            break
        page = surfer.submit(page, {"logout": "yes"})
    assert str(page.url).partition("?")[0] == keeping_bed.url + SIGNED_OUT


def test_the_provider_ends_the_session(bed, surfer, told):
    """By the back channel, and at every worker; other sessions of the same person go on."""
    surfer.sign_in("alice")
    elsewhere = bed.surfer()
    elsewhere.sign_in("alice")
    surfer.sign_out_at_provider()
    until(lambda: user(twin(bed, surfer)) is None, 1, "the end of the session")
    until(lambda: all(user(twin(bed, surfer)) is None for _ in range(10)), 1, "its end at every worker", every=0)
    late = twin(bed, surfer)
    assert asks_provider(late) and not session(late)
    assert user(elsewhere) == "alice"
    # Signing in again is signing in again.
    assert_signed_in(surfer, surfer.sign_in("alice", "/x"), "/x")


def test_a_forged_notice_ends_nothing(bed, surfer):
    surfer.sign_in("alice")
    for token in ("", "x.y.z", bed.token("alice")):
        answer = bed.client().post("/.airgate/backchannel-logout", data={"logout_token": token})
        assert answer.status_code == 400 and answer.headers["cache-control"] == "no-store"
    assert user(surfer) == "alice"
