"""What clients send: the same to every candidate, but for the credentials that it is about."""

import random
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from lab.bed import Bed, Parts
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.forge import Key, make_key
from lab.sealed import SealingKey

ISSUER, AUDIENCE = "https://issuer.example.com", "airbyte"
# Two operations that read, so that a policy has something to look at.
PATH = "/api/public/v1/connections/0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30"
# Here what reached the upstream's side is told back, for the check before measuring.
PROBE = "/api/public/v1/sources/0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30"
ECHO = "/api/v1/standin/echo"
SESSION, AFFINITY, REPLICA = "__Host-airgate-session", "__Host-airgate-affinity", "replica"
ADMINS = "airbyte-admins"
SEAL = SealingKey("k1")
SECRETS = {"AIRGATE_SESSION_KEY": SEAL.text, "AIRGATE_AFFINITY_KEY": SealingKey("k1").text}

Fields = dict[str, str]

SHORT = {"accept": "application/json", "user-agent": "bench"}
# A browser behind a proxy that traces, and with cookies that are none of the gateway's business.
LONG = {
    "accept": "application/json, text/plain, */*",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.9,de;q=0.8,fr;q=0.7",
    "cache-control": "no-cache",
    "dnt": "1",
    "pragma": "no-cache",
    "priority": "u=1, i",
    "referer": "https://airbyte.example.com/workspaces/0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30/connections",
    "sec-ch-ua": '"Chromium";v="142", "Not A(Brand";v="24", "Google Chrome";v="142"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "sec-fetch-dest": "empty",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-origin",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "vendor=t61rcWkgMzE",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "x-airbyte-analytic-source": "webapp",
}
HEADERS = {"short": (SHORT, 160), "long": (LONG, 900)}


@dataclass(frozen=True)
class Traffic:
    """The credentials that requests bring, and those that must be refused or allowed less."""

    credentials: list[Fields]
    user: str | None = None  # who the first of them is
    # What, the credential, and the statuses of which one must come.
    refused: list[tuple[str, Fields, tuple[int, ...]]] = field(default_factory=list)
    in_random_order: bool = False

    def shuffled(self) -> "Traffic":
        return replace(self, in_random_order=True)


def request(fields: Fields, headers: str, cookie: str) -> str:
    """One request. Cookies are filled up, so that it is as long as everybody else's."""
    others, cookie_size = HEADERS[headers]
    filler = "theme=" + "x" * max(1, cookie_size - len(cookie))
    cookies = "; ".join(filter(None, [fields.get("cookie"), cookie, filler]))
    fields = {"host": "localhost", **others, **fields, "cookie": cookies}
    return f"GET {PATH} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"


class Clients:
    """Keys, tokens and sessions of one run; each is made when it is first asked for."""

    def __init__(self, parts: Parts):
        self._parts = parts
        self._keys = {alg: make_key(alg, alg.lower()) for alg in ("RS256", "ES256", "EdDSA")}

    @property
    def keys(self) -> dict:
        return {"keys": [key.jwk() for key in self._keys.values()]}

    def key(self, alg: str) -> Key:
        return self._keys[alg]

    def nobody(self) -> Traffic:
        """A token that nobody looks at, so that each request is as long as those that are."""
        return Traffic(self.tokens("RS256", 1).credentials)

    @cache
    def tokens(self, alg: str, count: int) -> Traffic:
        key = self._keys[alg]
        refuse = (401, 403)
        token = lambda user="user-0", **changes: key.token(claims(user, **changes))
        bad = [
            ("no token", {}, refuse),
            ("a token whose signature was changed", bearer(tampered(token())), refuse),
            ("a token that expired", bearer(token(exp=int(time.time()) - 3600)), refuse),
            ("a token for somebody else", bearer(token(aud="others")), refuse),
            ("a token of another issuer", bearer(token(iss="https://others.example.com")), refuse),
        ]
        return Traffic([bearer(token(f"user-{number}")) for number in range(count)], "user-0", bad)

    def judged(self, alg: str, count: int) -> Traffic:
        """As `tokens`, where a policy must also refuse those who may nothing."""
        traffic = self.tokens(alg, count)
        nobody = bearer(self._keys[alg].token(claims("user-0", groups=["visitors"])))
        return replace(traffic, refused=[*traffic.refused, ("a user who may nothing", nobody, (403,))])

    @cache
    def sessions(self, count: int) -> Traffic:
        sealed = list(self._sessions(count))
        bad = [
            ("no session", {}, (302, 303, 401)),
            ("a session that was changed", session(sealed[0][:-4] + flipped(sealed[0][-4:])), (302, 303, 401)),
        ]
        return Traffic([session(text) for text in sealed], "user-0", bad)

    @property
    def external_url(self) -> str:
        """The gateway's public name, for which sessions are sealed."""
        return self._contents["aud"]

    def _sessions(self, count: int) -> Iterator[str]:
        contents = self._contents
        for number in range(count):
            contents["value"]["sub"] = contents["value"]["claims"]["sub"] = f"user-{number}"
            yield SEAL.seal(contents)

    @property
    def _contents(self) -> dict:
        return SEAL.open(self._sealed())

    @cache
    def _sealed(self) -> str:
        """Somebody signs in for real: what a session holds is the gateway's to say. Others are made after it."""

        def admins(bootstrap: Bootstrap) -> None:
            bootstrap.plugin_config["access"] = {"default_role": "none", "roles": [{"role": "admin", "group": ADMINS}]}

        with Bed(Options(environment=SECRETS, bootstrap=admins), self._parts) as bed:
            surfer = bed.surfer()
            surfer.sign_in("alice", ECHO)
            return surfer.cookies[SESSION].removeprefix("1.")


def claims(user: str, **changes) -> dict:
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user,
        "iat": now,
        "exp": now + 4 * 3600,
        "email": "alice@example.com",
        "name": "Alice Liddell",
        "groups": [ADMINS, "data"],
        "azp": "cli",
    }
    return {**usual, **changes}


def bearer(token: str) -> Fields:
    return {"authorization": f"Bearer {token}"}


def session(sealed: str) -> Fields:
    return {"cookie": f"{SESSION}=1.{sealed}"}


def tampered(token: str) -> str:
    signed, signature = token.rsplit(".", 1)
    return f"{signed}.{flipped(signature[:4])}{signature[4:]}"


def flipped(text: str) -> str:
    return "".join(random.choice([other for other in string.ascii_letters if other != letter]) for letter in text)
