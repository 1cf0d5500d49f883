"""What signing in asks of a host, on each Envoy: calls, held requests, bodies, several cookies in one answer."""

PAGE = "/workspaces/1/connections?search=a%20b&tab=1"


def test_people_sign_in(bed):
    surfer = bed.surfer()
    assert str(surfer.sign_in("alice", path=PAGE).url) == bed.url + PAGE
    seen = surfer.fetch("GET", "/api/v1/standin/echo").json()["headers"]
    assert ["x-airgate-user", "alice"] in seen and ["x-airgate-auth", "session"] in seen


def test_a_body_is_read(bed):
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body, reason in (("logout_token=x", "unknown_issuer"), ("", None), ("x" * 40_000, None)):
        answer = bed.client().post("/.airgate/backchannel-logout", content=body, headers=form)
        assert answer.status_code == (413 if len(body) > 32_768 else 400)
        assert answer.json().get("error_description") == reason
