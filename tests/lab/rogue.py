"""An OpenID provider that misbehaves on demand, in a thread of this process.

One server is many issuers, told apart by the Host that is asked for. Envoy
reaches all of them over one cluster:

    rogue = Rogue(authority)
    site = rogue.site("acme")                  # issuer https://acme.rogue.test
    site.jwks = Answer(500)                    # None: honest again
    Options(plugin=lambda config: config["providers"].append(site.provider()), bootstrap=rogue.connect)
    site.token(sub="mallory")
"""

import copy
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import parse_qsl

from lab.bootstrap import Bootstrap, set_endpoints
from lab.certs import Authority
from lab.forge import Key, Sign, json_bytes, laid_over, make_key

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/jwks"
AUDIENCE = "airbyte"


@dataclass(frozen=True)
class Answer:
    """What a site says instead of the truth."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    # A Content-Length that lies: the connection is closed after `body`.
    length: int | None = None
    # No answer at all, the connection is reset.
    reset: bool = False
    # Wait for `Site.release`, and then the truth.
    hold: bool = False


# An answer, or what to make of the true one.
Script = Answer | Callable[[Answer], Answer]


def json_answer(value: dict, status: int = 200) -> Answer:
    return Answer(status, json_bytes(value))


@dataclass(frozen=True)
class Request:
    """What a site was asked."""

    method: str
    path: str
    query: str = ""
    # By lower-case name; fields that come twice are joined.
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def form(self) -> dict[str, str]:
        """The members of a form; a member that comes twice is a mistake of whoever asked."""
        members = parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))
        assert len(members) == len(form := dict(members)), f"members twice: {members}"
        return form


class Site:
    """One issuer, honest until told otherwise."""

    def __init__(self, issuer: str, name: str, cluster: str, keys: list[Key]):
        self.issuer = issuer
        self.name = name
        self.signing = keys
        self.keys: list = [key.jwk() for key in keys]
        self.discovery: Script | None = None
        self.jwks: Script | None = None
        self.hits: Counter[str] = Counter()
        self.requests: list[Request] = []
        self._cluster = cluster
        self._released = threading.Event()

    def provider(self, **changes) -> dict:
        """This issuer as an entry of `providers`, with changes; None removes."""
        entry = {"name": self.name, "issuer": self.issuer, "cluster": self._cluster, "audiences": [AUDIENCE]}
        return laid_over(entry, changes)

    def claims(self, **changes) -> dict:
        """What an ordinary token says, with changes; None removes."""
        now = int(time.time())
        usual = {"iss": self.issuer, "sub": "alice", "aud": AUDIENCE, "iat": now, "exp": now + 600}
        return laid_over(usual, changes)

    def key(self, alg: str) -> Key:
        """The one for this algorithm."""
        return next(key for key in self.signing if key.alg == alg)

    def token(
        self, key: Key | None = None, header: dict | bytes | None = None, sign: Sign | None = None, **changes
    ) -> str:
        """An ordinary token, with changes to its claims and its header; None removes."""
        return (key or self.signing[0]).token(self.claims(**changes), header, sign=sign)

    def release(self) -> None:
        """Lets go of every answer that is held, now and until the next `hold`."""
        self._released.set()

    def hold(self) -> None:
        """From now on, answers that are to be held are so again."""
        self._released.clear()

    def answer(self, request: Request) -> Answer:
        self.hits[request.path] += 1
        self.requests.append(request)
        scripted = self._scripted(request.path) or self._truth(request)
        if callable(scripted):
            return scripted(self._truth(request))
        if scripted.hold:
            self._released.wait()
            return self._truth(request)
        return scripted

    def _scripted(self, path: str) -> Script | None:
        return {DISCOVERY: self.discovery, JWKS: self.jwks}.get(path)

    def _truth(self, request: Request) -> Answer:
        if request.path == DISCOVERY:
            return json_answer(self._metadata())
        return json_answer({"keys": self.keys}) if request.path == JWKS else Answer(404)

    def _metadata(self) -> dict:
        return {"issuer": self.issuer, "jwks_uri": self.issuer + JWKS}


Kind = TypeVar("Kind", bound=Site)


class Rogue:
    def __init__(self, authority: Authority, cluster: str = "rogue"):
        self.cluster = cluster
        self.sites: dict[str, Site] = {}
        self._context = _server_context(authority)
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self._port}"

    def site(
        self, name: str, issuer: str | None = None, keys: list[Key] | None = None, kind: type[Kind] = Site
    ) -> Kind:
        """A new issuer; with one key unless given. Of kind `LoginSite` (lab.login_site) people can sign in there."""
        issuer = issuer or f"https://{name}.rogue.test"
        site = kind(issuer, name, self.cluster, keys or [make_key("ES256", f"{name}-1")])
        self.sites[_place(issuer)] = site
        return site

    def find(self, host: str, path: str) -> tuple[Site | None, str]:
        """Whom this is for, and the path there: an issuer may have a path of its own, which stands before the usual ones."""
        place = host + path
        found = max((name for name in self.sites if f"{place}/".startswith(f"{name}/")), key=len, default=None)
        return (self.sites[found], place.removeprefix(found)) if found else (None, path)

    def connect(self, bootstrap: Bootstrap) -> None:
        """Gives Envoy a cluster that leads here: the provider's, with another address."""
        cluster = copy.deepcopy(bootstrap.cluster("idp"))
        cluster["name"] = cluster["load_assignment"]["cluster_name"] = self.cluster
        # Many providers share this one, and some of them hold on to connections.
        del cluster["circuit_breakers"]
        set_endpoints(cluster, [self.url])
        bootstrap.tree["static_resources"]["clusters"].append(cluster)

    def start(self) -> None:
        """After `stop`, again at the same port."""
        self._server = _Server(("127.0.0.1", self._port), self)
        # Handshakes belong into the handlers' threads: one that never ends must not keep others out.
        self._server.socket = self._context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Connections are refused, and those that are open end."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        for site in self.sites.values():
            site.release()
        self.stop()

    def __enter__(self) -> "Rogue":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], rogue: Rogue):
        self.rogue = rogue
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request, client_address) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """Connections break off here by design."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query = self.path.partition("?")
        site, path = self.server.rogue.find(self.headers.get("host", ""), path)
        headers = {name.lower(): ",".join(self.headers.get_all(name)) for name in self.headers}
        self._reply(site.answer(Request(self.command, path, query, headers, body)) if site else Answer(404))

    do_POST = do_GET

    def _reply(self, answer: Answer) -> None:
        if answer.reset:
            # A reset and not an orderly end: what is unread when the socket goes makes no difference.
            linger = (1).to_bytes(4, "little") + bytes(4)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body) if answer.length is None else answer.length))
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = answer.length is not None

    def log_message(self, *_) -> None:
        pass


def _place(issuer: str) -> str:
    return issuer.removeprefix("https://").rstrip("/")


def _server_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory(prefix="airgate-rogue-") as folder:
        context.load_cert_chain(*authority.leaf().write(Path(folder)))
    return context
