"""The scripted provider itself: what an honest one grants and refuses, so that tests of the gateway mean something."""

import time
from base64 import b64encode, urlsafe_b64decode
from hashlib import sha256
from json import loads
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import httpx
import pytest

from lab.certs import Authority
from lab.forge import base64url, make_key
from lab.login_site import REVOKE, TOKEN, USERINFO, LoginSite
from lab.oauth_client import verified
from lab.rogue import DISCOVERY, Answer, Request, Rogue
from lab.tls import trusting

VERIFIER = "v" * 43
CALLBACK = "https://gateway.test/.airgate/callback/corp"


@pytest.fixture
def site() -> LoginSite:
    return LoginSite("https://corp.rogue.test", "corp", "rogue", [make_key("ES256", "1")])


def location(site: LoginSite, **changes) -> str:
    asked = {
        "response_type": "code",
        "client_id": site.client.id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "s t&te",
        "nonce": "n" * 22,
        "code_challenge": base64url(sha256(VERIFIER.encode()).digest()),
        "code_challenge_method": "S256",
    }
    return f"{site.issuer}/authorize?{urlencode(asked | changes)}"


def parameters(callback: str) -> dict[str, str]:
    assert urlsplit(callback).path == "/.airgate/callback/corp"
    return dict(parse_qsl(urlsplit(callback).query))


def post(site: LoginSite, form: dict, path: str = TOKEN, **headers) -> tuple[int, dict]:
    credentials = f"{quote_plus(site.client.id)}:{quote_plus(site.client.secret)}"
    usual = {"content-type": "application/x-www-form-urlencoded"}
    if site.client.auth == "client_secret_basic":
        usual["authorization"] = "Basic " + b64encode(credentials.encode()).decode()
    answer = site.answer(Request("POST", path, headers=usual | headers, body=urlencode(form).encode()))
    return answer.status, loads(answer.body or b"{}")


def redeemed(site: LoginSite, code: str | None = None, **changes) -> tuple[int, dict]:
    code = code or parameters(site.authorize(location(site)))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return post(site, form | changes)


def renewed(site: LoginSite, token: str) -> tuple[int, dict]:
    return post(site, {"grant_type": "refresh_token", "refresh_token": token})


def claims(site: LoginSite, tokens: dict) -> dict:
    assert (found := verified(tokens["id_token"], site.signing[0])) is not None
    return found


def test_discovery_names_every_endpoint(site):
    metadata = loads(site.answer(Request("GET", DISCOVERY)).body)
    ends = ("authorization", "token", "userinfo", "revocation", "end_session")
    assert {metadata[f"{end}_endpoint"].startswith(site.issuer) for end in ends} == {True}
    assert metadata["authorization_response_iss_parameter_supported"] is True


def test_a_login(site):
    back = parameters(site.authorize(location(site), sub="bob", groups=["x"], email=None))
    assert back == {"code": back["code"], "state": "s t&te", "iss": site.issuer}
    status, tokens = redeemed(site, back["code"])
    assert status == 200 and tokens["token_type"] == "Bearer" and tokens["expires_in"] == site.lifetime
    said = claims(site, tokens)
    assert (said["sub"], said["aud"], said["nonce"], said["groups"]) == ("bob", site.client.id, "n" * 22, ["x"])
    assert said["name"] == "Bob Example" and "email" not in said
    assert said["at_hash"] == base64url(sha256(tokens["access_token"].encode()).digest()[:16])
    answer = site.answer(Request("GET", USERINFO, headers={"authorization": f"Bearer {tokens['access_token']}"}))
    assert loads(answer.body)["sub"] == "bob"
    assert {back["code"], tokens["access_token"], tokens["refresh_token"], tokens["id_token"], VERIFIER} <= {*site.secrets}
    assert site.hits[TOKEN] == 1 and site.forms(code=back["code"]) and not site.refusals


def test_over_tls(tmp_path):
    """Whom a request is for is told by its Host, and by the path before the usual ones."""
    authority = Authority()
    (file := tmp_path / "ca.crt").write_bytes(authority.certificate)
    with Rogue(authority) as rogue, httpx.Client(base_url=rogue.url, verify=trusting(file)) as client:
        sites = [rogue.site(name, f"https://corp.rogue.test{path}", kind=LoginSite) for name, path in (("a", ""), ("b", "/b"))]
        for site, path in zip(sites, ("", "/b")):
            code = parse_qsl(site.authorize(location(site)))[0][1]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
            user = quote_plus(site.client.id), quote_plus(site.client.secret)
            answer = client.post(f"{path}{TOKEN}", data=form, auth=user, headers={"host": "corp.rogue.test"})
            assert answer.status_code == 200 and verified(answer.json()["id_token"], site.signing[0])
            assert site.forms() == [form] and not site.refusals
        assert client.post(f"{TOKEN}", headers={"host": "other.rogue.test"}).status_code == 404


def test_a_code_is_good_once_and_its_reuse_ends_the_login(site):
    code = parameters(site.authorize(location(site)))["code"]
    _, tokens = redeemed(site, code)
    assert redeemed(site, code)[1]["error"] == "invalid_grant"
    assert renewed(site, tokens["refresh_token"])[1]["error"] == "invalid_grant"


WRONG = {
    "code": "invalid_grant",
    "redirect_uri": "invalid_grant",
    "code_verifier": "invalid_grant",
    "grant_type": "unsupported_grant_type",
    "client_id": "invalid_client",
    "client_secret": "invalid_client",
}


@pytest.mark.parametrize("name, error", WRONG.items())
def test_a_request_for_tokens_with_something_wrong(site, name, error):
    answer = redeemed(site, **{name: "x" * 43})
    assert answer[1]["error"] == error and answer[0] in (400, 401) and site.refusals[0].startswith(error)
    assert redeemed(site)[0] == 200


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic !", "Basic eDp5", "Bearer x"])
def test_a_client_that_proves_nothing(site, authorization):
    assert post(site, {"grant_type": "refresh_token"}, authorization=authorization)[0] == 401


def test_a_member_twice_and_another_content_type(site):
    assert post(site, {}, **{"content-type": "application/json"})[1]["error"] == "invalid_request"
    body, headers = b"grant_type=a&grant_type=b", {"content-type": "application/x-www-form-urlencoded"}
    assert site.answer(Request("POST", TOKEN, headers=headers, body=body)).status == 400
    assert site.answer(Request("GET", TOKEN)).status == 400


def test_client_secret_post(site):
    site.client.auth = "client_secret_post"
    right = {"client_id": site.client.id, "client_secret": site.client.secret}
    assert redeemed(site, **right)[0] == 200
    assert redeemed(site)[0] == redeemed(site, **right | {"client_secret": "x"})[0] == 401


def test_a_public_client(site):
    site.client.auth = "none"
    assert redeemed(site, client_id=site.client.id)[0] == 200
    assert redeemed(site)[0] == 401 and "client_secret" not in site.provider()["login"]


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_private_key_jwt(site, algorithm):
    site.client.auth, site.client.key = "private_key_jwt", make_key(algorithm, "c")
    kind = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    right = {"iss": site.client.id, "sub": site.client.id, "aud": site.issuer, "exp": int(time.time()) + 60, "jti": "1"}
    proof = site.client.key.token(right)
    assert redeemed(site, **kind, client_assertion=proof)[0] == 200
    assert redeemed(site, **kind, client_assertion=proof)[0] == 401, "the same again"
    stranger = make_key(algorithm, "c")
    for key, wrong in ((site.client.key, {"aud": "x"}), (site.client.key, {"exp": 1}), (stranger, {"jti": "3"})):
        assert redeemed(site, **kind, client_assertion=key.token(right | {"jti": "2"} | wrong))[0] == 401, wrong
    assert loads(site.environment[site.provider()["login"]["private_key"]["env"]])["d"]


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_login(site):
    _, first = redeemed(site)
    status, second = renewed(site, first["refresh_token"])
    assert status == 200 and second["refresh_token"] != first["refresh_token"] and "nonce" not in claims(site, second)
    assert renewed(site, first["refresh_token"])[1]["error"] == "invalid_grant"
    assert renewed(site, second["refresh_token"])[1]["error"] == "invalid_grant"
    assert site.refreshes == 3


def test_without_rotation_a_refresh_token_stays(site):
    site.rotates = False
    _, first = redeemed(site)
    for _ in range(2):
        status, again = renewed(site, first["refresh_token"])
        assert status == 200 and "refresh_token" not in again


def test_revocation_and_the_end_of_logins(site):
    _, first = redeemed(site)
    assert post(site, {"token": first["refresh_token"]}, REVOKE)[0] == 200
    assert renewed(site, first["refresh_token"])[0] == 400
    _, second = redeemed(site)
    site.end_grants()
    assert renewed(site, second["refresh_token"])[0] == 400


def test_deviations_and_their_end(site):
    site.id_token_changes, site.token_changes = {"nonce": "other", "sub": None}, {"access_token": None}
    site.callback_changes = {"iss": ["a", "b"], "state": None}
    assert site.authorize(location(site)).endswith("&iss=a&iss=b")
    site.callback_changes = {}
    _, tokens = redeemed(site)
    assert "access_token" not in tokens and claims(site, tokens)["nonce"] == "other"
    site.make_id_token = lambda claims: "none"
    assert redeemed(site)[1]["id_token"] == "none"
    site.token_answer = Answer(500)
    assert redeemed(site)[0] == 500
    site.honest()
    assert claims(site, redeemed(site)[1])["sub"] == "alice"


def test_refusing_and_signing_out(site):
    back = parameters(site.refuse(location(site), "access_denied", "<b>"))
    assert back == {"error": "access_denied", "error_description": "<b>", "state": "s t&te", "iss": site.issuer}
    asked = {"client_id": site.client.id, "post_logout_redirect_uri": "https://gateway.test/.airgate/signed-out"}
    assert site.end_session(f"{site.issuer}/end-session?{urlencode(asked)}") == "/.airgate/signed-out"
    redeemed(site)
    head, body, _ = site.logout_token(sub=None).split(".")
    assert loads(urlsafe_b64decode(head + "=="))["typ"] == "logout+jwt" and verified(site.logout_token(), site.signing[0])
    assert "sub" not in loads(urlsafe_b64decode(body + "=="))


@pytest.mark.parametrize(
    "changes",
    [{"response_type": "token"}, {"code_challenge_method": "plain"}, {"client_id": "x"}, {"scope": "profile"}, {"nonce": ""}],
)
def test_an_authorization_request_with_something_wrong(site, changes):
    with pytest.raises(AssertionError):
        site.authorize(location(site, **changes))
    with pytest.raises(AssertionError):
        site.authorize(location(site) + "&state=again")
