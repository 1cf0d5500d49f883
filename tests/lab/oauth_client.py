"""A registered client, and how it proves to an authorization server that it is that one."""

import secrets
import time
from base64 import b64decode, urlsafe_b64decode
from json import loads
from urllib.parse import quote_plus, unquote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from lab.forge import Key, base64url, base64url_number, json_bytes, make_key

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Client:
    def __init__(self, site: str, issuer: str):
        # With a colon, which must be encoded in a Basic header (RFC 6749 section 2.3.1).
        self.id = "airgate:web"
        # How it proves who it is; no other way is taken.
        self.auth = "client_secret_basic"
        # With whatever else is to be encoded there or in a form.
        self.secret = f"s3cr&t: +%/={secrets.token_urlsafe(16)}"
        self.key = make_key("ES256", "airgate-client")
        self._variable = f"AIRGATE_{site}_CREDENTIAL".upper().replace("-", "_")
        self._issuer = issuer
        self._assertions: set[str] = set()

    @property
    def login(self) -> dict:
        """What a `login` section says about it."""
        by = {"client_secret_basic": "client_secret", "client_secret_post": "client_secret", "private_key_jwt": "private_key"}
        credential = {by[self.auth]: {"env": self._variable}} if self.auth in by else {}
        return {"client_id": self.id, "client_auth": self.auth, **credential}

    @property
    def environment(self) -> dict[str, str]:
        """What that section names by {env: …}."""
        key = self.auth == "private_key_jwt"
        return {self._variable: json_bytes(private_jwk(self.key)).decode() if key else self.secret}

    @property
    def secrets(self) -> list[str]:
        return [self.secret, quote_plus(self.secret), private_jwk(self.key)["d"]]

    def proves(self, authorization: str | None, form: dict[str, str]) -> bool:
        """By the one way that was agreed on, and no other beside it (RFC 6749 section 2.3)."""
        used = {
            "client_secret_basic": authorization is not None,
            "client_secret_post": "client_secret" in form,
            "private_key_jwt": "client_assertion" in form,
        }
        agreed = [way for way in used if used[way]] == [way for way in used if way == self.auth]
        if not agreed or form.get("client_id", self.id) != self.id:
            return False
        if self.auth == "client_secret_basic":
            return _basic(authorization) == (self.id, self.secret)
        if self.auth == "private_key_jwt":
            return form.get("client_assertion_type") == _ASSERTION_TYPE and self._asserts(form["client_assertion"])
        # Without a header or an assertion only the form can say who it is.
        return "client_id" in form and form.get("client_secret", self.secret) == self.secret

    def _asserts(self, assertion: str) -> bool:
        """RFC 7523 section 3."""
        claims = verified(assertion, self.key)
        if claims is None or claims["jti"] in self._assertions:
            return False
        self._assertions.add(claims["jti"])
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        ours = {self._issuer, f"{self._issuer}/token", f"{self._issuer}/revoke"}
        return claims["iss"] == claims["sub"] == self.id and bool(ours & {*audiences}) and 0 < claims["exp"] - time.time() <= 600


def private_jwk(key: Key) -> dict:
    if key.alg == "EdDSA":
        return key.jwk(d=base64url(key.private.private_bytes_raw()))
    return key.jwk(d=base64url_number(key.private.private_numbers().private_value, key.size))


def verified(token: str, key: Key) -> dict | None:
    """The claims, if this key signed them."""
    try:
        signed, _, signature = token.rpartition(".")
        header, payload, raw = (urlsafe_b64decode(part + "==") for part in (*signed.split("."), signature))
        public = key.private.public_key()
        if loads(header)["alg"] != key.alg:
            return None
        if key.alg == "EdDSA":
            public.verify(raw, signed.encode())
        else:
            numbers = (int.from_bytes(half, "big") for half in (raw[: key.size], raw[key.size :]))
            public.verify(encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256()))
        return loads(payload)
    except (InvalidSignature, ValueError, LookupError):
        return None


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, credentials = authorization.partition(" ")
    try:
        name, _, secret = b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(secret)) if scheme.lower() == "basic" else None
