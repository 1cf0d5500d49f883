"""What is measured: each candidate is a proxy, the traffic it gets, and what it claims to do with it."""

import json
import os
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.bed import Parts
from lab.bootstrap import Bootstrap
from lab.paths import BUILD

from benches import haproxy
from benches.proxies import Envoy, EnvoyShape, HAProxy, Proxy, cluster, filter_
from benches.traffic import ADMINS, AFFINITY, AUDIENCE, ISSUER, REPLICA, Clients, Traffic

FLOOR = BUILD / "floor.wasm"
# As many as airgate remembers.
CACHED = {"jwt_cache_config": {"jwt_cache_size": 8192}}
# More distinct ones than any cache here holds: walked in order, none is known when its turn comes again.
NEVER_SEEN = 10_000
_STATE = "type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState"
WHOLE_JOB = {"guards": True, "tells_user": True, "removes_credentials": True}


@dataclass(frozen=True)
class Setting:
    """What is the same for all candidates of a series."""

    workers: int = 1
    headers: str = "short"
    upstream: str | None = None


@dataclass(frozen=True)
class Candidate:
    name: str
    make: Callable[[Path, Setting, str], Proxy]
    traffic: Callable[[], Traffic]
    # Claims, which are checked before measuring.
    guards: bool = False  # bad credentials are refused
    tells_user: bool = False  # the upstream learns who it is
    removes_credentials: bool = False  # and does not see the credentials
    cookie: Callable[[Proxy], str] = field(default=lambda proxy: "")  # of a client that was here before
    affinity: str | None = None  # the cookie that the first answer sets, to be sent from then on


class Candidates:
    """Every candidate by name."""

    def __init__(self, parts: Parts, clients: Clients, upstream: str, sets: int, adds: int):
        self._parts, self.clients, self._upstream = parts, clients, upstream
        self._sets, self._adds = sets, adds

    def bare(self) -> Candidate:
        return self._envoy("bare Envoy", [], self.clients.nobody)

    def empty(self) -> Candidate:
        return self._envoy("empty wasm filter", [wasm("floor", FLOOR, "")], self.clients.nobody)

    def floor(self) -> Candidate:
        value = "0123456789abcdef"
        sets = [f"=x-floor-set-{number} {value}" for number in range(self._sets)]
        edits = ["-authorization", *sets, *(f"+x-floor-{number} {value}" for number in range(self._adds))]
        filters = [wasm("floor", FLOOR, "\n".join(edits))]
        return self._envoy("floor filter", filters, self.clients.nobody, removes_credentials=True)

    def jwt_authn(self, alg: str = "RS256", count: int = 1, cached: bool = False, name: str | None = None) -> Candidate:
        name = name or f"jwt_authn, {alg}" + (", cached" if cached else "")
        traffic = lambda: self.clients.tokens(alg, count)
        return self._envoy(name, [self._jwt_authn(cached)], traffic, **WHOLE_JOB)

    def native(self) -> Candidate:
        """The filters that together do what airgate does for a known token."""
        admins = {"filter": "envoy.filters.http.jwt_authn", "path": [{"key": "claims"}, {"key": "groups"}],
                  "value": {"list_match": {"one_of": {"string_match": {"exact": ADMINS}}}}}
        readers = {**admins, "value": {"list_match": {"one_of": {"string_match": {"exact": "readers"}}}}}
        reads = {"and_rules": {"rules": [
            {"url_path": {"path": {"prefix": "/api/"}}},
            {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
        ]}}  # fmt: skip
        bearer_of = lambda claims: [{"sourced_metadata": {"metadata_matcher": claims}}]
        policies = {
            "admins": {"permissions": [{"any": True}], "principals": bearer_of(admins)},
            "readers": {"permissions": [reads], "principals": bearer_of(readers)},
        }
        told = {"x-airgate-auth": "bearer", "x-forwarded-host": "localhost", "x-forwarded-proto": "https"}
        says = [
            {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
            for name, value in told.items()
        ]
        filters = [
            self._jwt_authn(cached=True),
            filter_("rbac", "rbac.v3.RBAC", rules={"action": "ALLOW", "policies": policies}),
            filter_("stateful-session", "stateful_session.v3.StatefulSession", session_state={
                "name": "envoy.http.stateful_session.cookie",
                "typed_config": {"@type": _STATE, "cookie": {"name": REPLICA, "path": "/", "ttl": "0s"}},
            }),
            filter_("header-mutation", "header_mutation.v3.HeaderMutation", mutations={
                "request_mutations": [{"remove": "x-airbyte-user-id"}, {"remove": "forwarded"}, *says],
            }),
        ]  # fmt: skip
        cookie = f"{REPLICA}={b64encode(self._upstream.encode()).decode()}"
        traffic = lambda: self.clients.judged("RS256", 1)
        return self._envoy("native stack", filters, traffic, cookie=lambda _: cookie, **WHOLE_JOB)

    def haproxy(self) -> Candidate:
        key = self.clients.key("RS256").private.public_key()

        def make(folder: Path, setting: Setting, cores: str) -> Proxy:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "key.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            write = lambda port: haproxy.checking(port, setting.workers, setting.upstream, folder / "key.pem")
            return HAProxy(folder, write, cores)

        traffic = lambda: self.clients.judged("RS256", 1)
        return Candidate("HAProxy, jwt_verify", make, traffic, cookie=lambda _: f"{REPLICA}=a", **WHOLE_JOB)

    def plain_haproxy(self) -> Candidate:
        def make(folder: Path, setting: Setting, cores: str) -> Proxy:
            return HAProxy(folder, lambda port: haproxy.plain(port, setting.workers, setting.upstream), cores)

        return Candidate("HAProxy", make, self.clients.nobody)

    def known_token(self, name: str = "airgate, known token", **changes) -> Candidate:
        return self.airgate(name, lambda: self.clients.judged("RS256", 1), **changes)

    def unrecorded(self) -> Candidate:
        """Without the record of each request, as all the others here are without an access log."""
        return self.known_token("airgate, known token, no record", audit={"to": "none"})

    def known_session(self) -> Candidate:
        return self.airgate("airgate, known session", lambda: self.clients.sessions(1))

    def new_session(self) -> Candidate:
        return self.airgate("airgate, new session", lambda: self.clients.sessions(NEVER_SEEN))

    def new_token(self, alg: str, signatures: str = "host") -> Candidate:
        name = f"airgate, new token, {alg}" + (" in software" if signatures == "software" else "")
        return self.airgate(name, lambda: self.clients.judged(alg, NEVER_SEEN), signatures=signatures)

    def tokens(self, count: int) -> Candidate:
        traffic = lambda: self.clients.judged("RS256", count).shuffled()
        return self.airgate(f"airgate, {count:,} tokens", traffic)

    def jwt_authn_tokens(self, count: int) -> Candidate:
        traffic = lambda: self.clients.tokens("RS256", count).shuffled()
        name = f"jwt_authn, cached, {count:,} tokens"
        return self._envoy(name, [self._jwt_authn(cached=True)], traffic, **WHOLE_JOB)

    def rules(self, count: int) -> Candidate:
        rules = [rule(number) for number in range(count)]
        return self.known_token(f"airgate, {count:,} rules", access={**self._access(), "rules": rules})

    def providers(self, count: int) -> Candidate:
        """The one who made the token is the last of them."""
        others = [
            {**self._provider(), "name": f"other-{number}", "issuer": f"https://issuer-{number}.example.com"}
            for number in range(count - 1)
        ]
        name = f"airgate, {count} provider{'s' if count > 1 else ''}"
        return self.known_token(name, providers=[*others, self._provider()], session=None)

    def airgate(self, name: str, traffic: Callable[[], Traffic], log: str | None = None, **changes) -> Candidate:
        """With people who sign in and with tokens, as in production; changes to its configuration, None removes."""

        def make(folder: Path, setting: Setting, cores: str) -> Proxy:
            example = Bootstrap.example()
            example.move_in(folder)
            example.trust(self._parts.provider.issuer, self._parts.authority_file)
            config = example.plugin_config
            config["external_url"] = self.clients.external_url
            config["providers"].append(self._provider())
            config["access"] = self._access()
            config.update(changes)
            example.plugin_config = {name: value for name, value in config.items() if value is not None}
            filters = [filter_("airgate", "wasm.v3.Wasm", config=example.plugin)]
            shape = EnvoyShape(filters, [example.cluster("idp")], setting.workers, setting.upstream, log=log)
            return Envoy(folder, shape, cores)

        return Candidate(name, make, traffic, affinity=AFFINITY, **WHOLE_JOB)

    def peer(self) -> Candidate | None:
        """Another module: PEER_WASM and PEER_CONFIG are paths. README.md says what its configuration may refer to."""
        module = os.environ.get("PEER_WASM")
        if not module:
            return None
        text = Path(os.environ["PEER_CONFIG"]).read_text() if "PEER_CONFIG" in os.environ else ""
        jwk, jwks = self.clients.key("RS256").jwk(), self.clients.keys
        told = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": json.dumps(jwks), "jwk": json.dumps(jwk)}
        filters = [wasm("peer", Path(module).resolve(), Template(text).safe_substitute(told))]
        provider = [cluster("idp", self._upstream)]
        traffic = lambda: self.clients.tokens("RS256", 1)
        return self._envoy(f"peer: {Path(module).name}", filters, traffic, clusters=provider, guards=True)

    def _envoy(
        self, name: str, filters: list[dict], traffic: Callable[[], Traffic], clusters: list[dict] = [], **claims
    ) -> Candidate:
        def make(folder: Path, setting: Setting, cores: str) -> Proxy:
            return Envoy(folder, EnvoyShape(filters, clusters, setting.workers, setting.upstream), cores)

        return Candidate(name, make, traffic, **claims)

    def _jwt_authn(self, cached: bool) -> dict:
        says = {"user": "sub", "email": "email", "name": "name", "client": "azp"}
        provider = {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": {"inline_string": json.dumps(self.clients.keys)},
            "payload_in_metadata": "claims",
            "claim_to_headers": [
                {"header_name": f"x-airgate-{what}", "claim_name": claim} for what, claim in says.items()
            ],
            **(CACHED if cached else {}),
        }
        rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}]
        return filter_("jwt-authn", "jwt_authn.v3.JwtAuthentication", providers={"bench": provider}, rules=rules)

    def _provider(self) -> dict:
        return {"name": "bench", "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": self.clients.keys}

    def _access(self) -> dict:
        return {"default_role": "none", "roles": [{"role": "admin", "group": ADMINS}]}


def wasm(name: str, module: Path, configuration: str) -> dict:
    config = {
        "name": name,
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
        "vm_config": {"vm_id": name, "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(module)}}},
    }
    return filter_(name, "wasm.v3.Wasm", config=config)


def rule(number: int) -> dict:
    """One of many that are about others: each has to be looked at, and none is the one."""
    who = [
        {"client": f"ci-{number}-*"},
        {"group": f"team-{number}"},
        {"user": f"somebody-{number}"},
        {"claim": "/department", "equals": f"department-{number}"},
    ][number % 4]
    what = [{"operation": "get*"}, {"tag": "connections"}, {"effect": "reads"}, {"path": "/api/**"}][number // 4 % 4]
    return {"name": f"rule-{number}", "who": {**who, "provider": "bench"}, "what": what, "then": "deny"}
