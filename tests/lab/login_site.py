"""A site where people sign in by the authorization code flow, honest until told otherwise.

The browser's side needs no HTTP: a test says where the gateway sent the browser, and is told where the provider sends
it back to.

    site = rogue.site("corp", kind=LoginSite)
    Options(plugin=lambda config: config["providers"].append(site.provider(login={"userinfo": True})),
            environment=site.environment, bootstrap=rogue.connect)
    callback = site.authorize(location, sub="alice", groups=["admins"])      # path and query, for the gateway
    site.id_token_changes = {"nonce": "other"}                              # from now on
    site.honest()                                                           # never again
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256, sha384, sha512
from urllib.parse import parse_qsl, urlencode, urlsplit

from lab.forge import Key, base64url, laid_over
from lab.oauth_client import Client
from lab.rogue import Answer, Request, Script, Site, json_answer

AUTHORIZE = "/authorize"
TOKEN = "/token"
USERINFO = "/userinfo"
REVOKE = "/revoke"
END_SESSION = "/end-session"

_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_HASHES = {"256": sha256, "384": sha384, "512": sha512, "DSA": sha512}
_PEOPLE = {
    "alice": {"name": "Alice Example", "email": "alice@example.com", "email_verified": True, "groups": ["admins"]},
    "bob": {"name": "Bob Example", "email": "bob@example.com", "email_verified": True, "groups": ["editors"]},
    "carol": {"name": "Carol Example", "email": "carol@example.com", "email_verified": True, "groups": []},
}


@dataclass
class Grant:
    """What one person's login gave the gateway, until it ends."""

    sub: str
    # The authorization request, as it was.
    asked: dict[str, str]
    # What this person's tokens say otherwise than usual.
    changes: dict
    sid: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    auth_time: int = field(default_factory=lambda: int(time.time()))
    redeemed: bool = False
    ended: bool = False
    refresh_token: str | None = None


class Refused(Exception):
    """An error in the words of RFC 6749 section 5.2."""

    def __init__(self, error: str, why: str, status: int = 400):
        super().__init__(f"{error}: {why}")
        self.answer = json_answer({"error": error, "error_description": why}, status)


class LoginSite(Site):
    def __init__(self, issuer: str, name: str, cluster: str, keys: list[Key]):
        super().__init__(issuer, name, cluster, keys)
        self.client = Client(name, issuer)
        self.people = {sub: dict(claims) for sub, claims in _PEOPLE.items()}
        # Seconds that tokens live.
        self.lifetime = 600
        # A refresh token is good once, and one that comes again ends what it was for.
        self.rotates = True
        self.grants: list[Grant] = []
        # Authorization requests, parsed.
        self.asked: list[dict[str, str]] = []
        # Why requests to the token endpoint and its neighbours were turned down.
        self.refusals: list[str] = []
        # Whatever must never be read in a page or a log.
        self.secrets: list[str] = self.client.secrets
        self._codes: dict[str, Grant] = {}
        self._refresh_tokens: dict[str, Grant] = {}
        self._access_tokens: dict[str, Grant] = {}
        self._lock = threading.RLock()
        self.honest()

    def honest(self) -> None:
        """No deviation any more."""
        self.discovery = self.jwks = None
        self.token_answer: Script | None = None
        self.userinfo_answer: Script | None = None
        self.revocation_answer: Script | None = None
        # Laid over what is said otherwise; None removes.
        self.discovery_changes: dict = {}
        self.token_changes: dict = {}
        self.id_token_changes: dict = {}
        self.userinfo_changes: dict = {}
        # The same for the query of a callback. A list is a parameter that comes several times.
        self.callback_changes: dict = {}
        self.id_token_header: dict | bytes | None = None
        self.id_token_key: Key | None = None
        # From its claims to the whole token.
        self.make_id_token: Callable[[dict], str] | None = None
        self.release()

    # The configuration

    def provider(self, **changes) -> dict:
        """As a plain site's, with `login`, whose own changes are laid over the usual."""
        return super().provider(**{**changes, "login": laid_over(self.client.login, changes.get("login", {}))})

    @property
    def environment(self) -> dict[str, str]:
        """What `provider` names by {env: …}."""
        return self.client.environment

    # The browser's side

    def authorize(self, location: str, sub: str = "alice", **changes) -> str:
        """Somebody signs in: the callback, with the changes to what the tokens of this login claim."""
        asked = self._read(location)
        grant = Grant(sub, asked, changes)
        code = self._secret("code")
        with self._lock:
            self.grants.append(grant)
            self._codes[code] = grant
        return self._back(asked, {"code": code})

    def refuse(self, location: str, error: str = "access_denied", description: str | None = None) -> str:
        """Nobody signs in: the callback that says so."""
        return self._back(self._read(location), {"error": error, "error_description": description})

    def end_session(self, location: str) -> str:
        """Somebody signs out here too: where the browser goes on, path and query."""
        asked = self._parameters(location, END_SESSION)
        assert asked.get("client_id") == self.client.id or asked.get("id_token_hint") in self.secrets, f"for whom? {asked}"
        state = {"state": asked["state"]} if "state" in asked else {}
        return _with_query(asked["post_logout_redirect_uri"], state)

    def _read(self, location: str) -> dict[str, str]:
        asked = self._parameters(location, AUTHORIZE)
        assert asked["response_type"] == "code" and asked["client_id"] == self.client.id, asked
        assert "openid" in asked["scope"].split(), asked
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43, asked
        assert asked["state"] and len(asked["nonce"]) >= 22, asked
        self.asked.append(asked)
        return asked

    def _parameters(self, location: str, endpoint: str) -> dict[str, str]:
        where, _, query = location.partition("?")
        assert where == self.issuer + endpoint, f"not {endpoint} of {self.issuer}: {location}"
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        assert len(pairs) == len(parameters := dict(pairs)), f"parameters twice: {pairs}"
        return parameters

    def _back(self, asked: dict[str, str], said: dict) -> str:
        usual = laid_over(said, {"state": asked["state"], "iss": self.issuer})
        return _with_query(asked["redirect_uri"], laid_over(usual, self.callback_changes))

    # What else may come from here

    def end_grants(self) -> None:
        """Every login so far is over: no refresh token is good any more."""
        for grant in self.grants:
            grant.ended = True

    def logout_token(self, **changes) -> str:
        """For the back channel, of the last login unless changed; None removes."""
        grant, now = self.grants[-1], int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client.id,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_urlsafe(12),
            "sub": grant.sub,
            "sid": grant.sid,
            "events": {_LOGOUT_EVENT: {}},
        }
        return self.signing[0].token(laid_over(claims, changes), {"typ": "logout+jwt"})

    # The gateway's side

    def forms(self, path: str = TOKEN, **members: str) -> list[dict[str, str]]:
        """The forms that came to this endpoint and have these members."""
        forms = [request.form for request in list(self.requests) if request.path == path]
        return [form for form in forms if members.items() <= form.items()]

    @property
    def refreshes(self) -> int:
        return len(self.forms(grant_type="refresh_token"))

    def _scripted(self, path: str) -> Script | None:
        scripted = {TOKEN: self.token_answer, USERINFO: self.userinfo_answer, REVOKE: self.revocation_answer}
        return scripted.get(path) or super()._scripted(path)

    def _truth(self, request: Request) -> Answer:
        endpoint = {TOKEN: self._token, USERINFO: self._userinfo, REVOKE: self._revoke}.get(request.path)
        if not endpoint:
            return super()._truth(request)
        try:
            with self._lock:
                return endpoint(request)
        except Refused as refused:
            self.refusals.append(str(refused))
            return refused.answer

    def _metadata(self) -> dict:
        metadata = {
            **super()._metadata(),
            "authorization_endpoint": self.issuer + AUTHORIZE,
            "token_endpoint": self.issuer + TOKEN,
            "userinfo_endpoint": self.issuer + USERINFO,
            "revocation_endpoint": self.issuer + REVOKE,
            "end_session_endpoint": self.issuer + END_SESSION,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.alg for key in self.signing}),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [self.client.auth],
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
        }
        return laid_over(metadata, self.discovery_changes)

    def _token(self, request: Request) -> Answer:
        form = self._form(request)
        if form.get("grant_type") == "authorization_code":
            return self._tokens(grant := self._redeem(form), {"nonce": grant.asked["nonce"]})
        if form.get("grant_type") == "refresh_token":
            return self._tokens(self._renew(form), {})
        raise Refused("unsupported_grant_type", f"{form.get('grant_type')}")

    def _redeem(self, form: dict[str, str]) -> Grant:
        grant = self._codes.get(form.get("code", ""))
        if not grant:
            raise Refused("invalid_grant", "no such code")
        if grant.redeemed:
            grant.ended = True
            raise Refused("invalid_grant", "the code was used before")
        if form.get("redirect_uri") != grant.asked["redirect_uri"]:
            raise Refused("invalid_grant", "another redirect_uri")
        verifier = form.get("code_verifier", "")
        self.secrets.append(verifier)
        if len(verifier) < 43 or base64url(sha256(verifier.encode()).digest()) != grant.asked["code_challenge"]:
            raise Refused("invalid_grant", "another code_verifier")
        grant.redeemed = True
        return grant

    def _renew(self, form: dict[str, str]) -> Grant:
        token = form.get("refresh_token", "")
        grant = self._refresh_tokens.get(token)
        if not grant:
            raise Refused("invalid_grant", "no such refresh token")
        if grant.ended:
            raise Refused("invalid_grant", "the login is over")
        if token != grant.refresh_token:
            grant.ended = True
            raise Refused("invalid_grant", "the refresh token was used before")
        return grant

    def _tokens(self, grant: Grant, claims: dict) -> Answer:
        access = self._secret("access")
        self._access_tokens[access] = grant
        said = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": grant.asked["scope"],
            "id_token": self._id_token(grant, access, claims),
        }
        if self.rotates or not grant.refresh_token:
            said["refresh_token"] = grant.refresh_token = self._secret("refresh")
            self._refresh_tokens[grant.refresh_token] = grant
        return json_answer(laid_over(said, self.token_changes))

    def _id_token(self, grant: Grant, access: str, claims: dict) -> str:
        key, now = self.id_token_key or self.signing[0], int(time.time())
        digest = _HASHES[key.alg[-3:]](access.encode()).digest()
        usual = {
            **self.claims(sub=grant.sub, aud=self.client.id, iat=now, exp=now + self.lifetime),
            **self.people.get(grant.sub, {}),
            "sid": grant.sid,
            "auth_time": grant.auth_time,
            "at_hash": base64url(digest[: len(digest) // 2]),
            **claims,
        }
        said = laid_over(usual, {**grant.changes, **self.id_token_changes})
        token = self.make_id_token(said) if self.make_id_token else key.token(said, self.id_token_header)
        self.secrets.append(token)
        return token

    def _userinfo(self, request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self._access_tokens.get(token)
        if scheme.lower() != "bearer" or not grant or grant.ended:
            raise Refused("invalid_token", "not one of ours", 401)
        return json_answer(laid_over({"sub": grant.sub, **self.people.get(grant.sub, {})}, self.userinfo_changes))

    def _revoke(self, request: Request) -> Answer:
        token = self._form(request).get("token", "")
        if grant := self._refresh_tokens.get(token) or self._access_tokens.get(token):
            grant.ended = True
        return Answer()

    def _form(self, request: Request) -> dict[str, str]:
        """The form of a client that proved who it is."""
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if request.method != "POST" or content_type != "application/x-www-form-urlencoded":
            raise Refused("invalid_request", f"{request.method} with {content_type or 'no content type'}")
        try:
            form = request.form
        except (AssertionError, ValueError) as error:
            raise Refused("invalid_request", f"{error}") from error
        self.secrets += filter(None, (form.get("client_assertion"), request.headers.get("authorization")))
        if not self.client.proves(request.headers.get("authorization"), form):
            raise Refused("invalid_client", f"not proven by {self.client.auth}", 401)
        return form

    def _secret(self, kind: str) -> str:
        self.secrets.append(secret := f"{kind}-{secrets.token_urlsafe(32)}")
        return secret


def _with_query(uri: str, parameters: dict) -> str:
    """Path and query of this address with parameters added; a list is one that comes several times."""
    parts = urlsplit(uri)
    query = "&".join(filter(None, (parts.query, urlencode(parameters, doseq=True))))
    return f"{parts.path}?{query}" if query else parts.path
