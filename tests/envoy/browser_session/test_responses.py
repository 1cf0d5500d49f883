"""What Airbyte's responses may say to a browser, and who may keep and frame them."""

import pytest

PATH = "/api/v1/standin/says"
FORGED = [
    "__Host-airgate-session=forged; Path=/; Secure",
    "__HOST-airgate-session-1=forged; Path=/; Secure",
    " __Host-airgate-affinity = forged; Path=/; Secure",
    "=__Secure-airgate-id=forged",
    "__Host-airgate-login-x=forged; Path=/; Secure",
]
OURS = "frame-ancestors 'self'"


@pytest.fixture
def says(bed, surfer):
    """The response to a session's request, where Airbyte says this."""
    surfer.sign_in("alice", "/api/v1/standin/echo")

    def say(headers: dict):
        for standin in bed.standins:
            standin.control(fail={"status": 200, "path": PATH, "headers": headers})
        return surfer.get(PATH)

    yield say
    for standin in bed.standins:
        standin.heal()


def test_airbyte_sets_none_of_the_gateway_s_cookies_or_headers(bed, says, surfer):
    forged = {"set-cookie": [*FORGED, "theme=dark; Path=/"], "x-airgate-user": "root", "X-AirGate-Anything": "1"}
    headers = says(forged).headers
    assert [line for line in headers.get_list("set-cookie") if "forged" in line] == []
    assert "theme=dark; Path=/" in headers.get_list("set-cookie")
    assert not [name for name in headers if name.startswith("x-airgate")]
    assert surfer.get("/.airgate/me").json()["user"], "the session goes on"
    answer = bed.client("alice").get(PATH)
    assert [line for line in answer.headers.get_list("set-cookie") if "forged" in line] == []
    assert not [name for name in answer.headers if name.startswith("x-airgate")]


@pytest.mark.parametrize(
    "sent, policies",
    [
        ({}, [OURS]),
        ({"content-security-policy": "default-src 'self'"}, ["default-src 'self'", OURS]),
        ({"content-security-policy": "frame-ancestors 'none'"}, ["frame-ancestors 'none'"]),
        ({"x-frame-options": "DENY"}, []),
        ({"x-frame-options": "ALLOW-FROM https://a.example"}, [OURS]),
    ],
)
def test_only_its_own_site_frames_a_session_s_page_unless_airbyte_says_who(says, sent, policies):
    assert says(sent).headers.get_list("content-security-policy") == policies


@pytest.mark.parametrize(
    "sent, found",
    [
        (None, "private"),
        ("no-cache", "no-cache, private"),
        ("public, max-age=31536000, immutable", "max-age=31536000, immutable, private"),
        ("max-age=60, s-maxage=600", "max-age=60, private"),
        ("no-store", "no-store"),
    ],
)
def test_no_shared_cache_keeps_what_a_session_gets(says, sent, found):
    headers = says({"cache-control": sent} if sent else {}).headers
    assert headers.get_list("cache-control") == [found]


def test_what_is_said_to_content_networks_alone_is_removed(says):
    headers = says({"cdn-cache-control": "max-age=60", "surrogate-control": "max-age=60"}).headers
    assert not {"cdn-cache-control", "surrogate-control"} & set(headers)
