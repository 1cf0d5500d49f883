"""A real Envoy, configured as one page after the other has it, and a provider that says what their samples say."""

import secrets
import time
from pathlib import Path

import httpx
from providers.page import Page, Sample

from lab import until
from lab.bootstrap import Bootstrap
from lab.certs import Authority
from lab.envoy import Envoy, Options
from lab.forge import make_key
from lab.login_site import AUTHORIZE, LoginSite
from lab.rogue import Rogue
from lab.surfer import Surfer

_HOUR = 3600
# Everything that depends on when and on which login; a login makes its own nonce and hash.
_OF_THE_MOMENT = ("iat", "nbf", "exp", "auth_time", "nonce", "at_hash")
_SECRET = "AIRGATE_CLIENT_SECRET"


class Gateway:
    def __init__(self, folder: Path, authority: Authority, rogue: Rogue, upstream: str, pages: list[Page]):
        self._rogue = rogue
        self._site: LoginSite | None = None
        self._environment = {_SECRET: secrets.token_urlsafe(24)}

        def connect(bootstrap: Bootstrap) -> None:
            """Every cluster that a page names leads to the one provider there is."""
            here = {cluster["name"] for cluster in bootstrap.tree["static_resources"]["clusters"]}
            for name in set().union(*(page.clusters for page in pages)) - here:
                rogue.cluster = name
                rogue.connect(bootstrap)

        options = Options(bootstrap=connect, environment=self._environment, reloadable=True, concurrency=1)
        self.envoy = Envoy(folder, authority, rogue.url, [upstream], options)

    def become(self, page: Page) -> None:
        """From now on the configuration is this page's."""
        self._site = self._provider(page)

        def configure(config: dict) -> None:
            external_url = config["external_url"]
            # Not laid over what is there: a page without a login has no session.
            config.clear()
            config.update(page.config, external_url=external_url, providers=[self._with_our_keys(page.provider)])

        assert self.envoy.reload(plugin=configure), self.envoy.log()[-2000:]
        with self._surfer() as surfer:
            until(lambda: surfer.get("/.airgate/health").json()["status"] == "ok", 10, f"the keys of {page.name}")

    def fate(self, sample: Sample) -> tuple[str | None, str | None]:
        """The role that a sample gives, or why it is refused."""
        with self._surfer() as surfer:
            return self._read(self._sign_in(surfer, sample) if sample.kind == "ID" else self._bring(surfer, sample))

    def _bring(self, surfer: Surfer, sample: Sample) -> httpx.Response:
        """A program with this token."""
        token = self._site.signing[0].token(_fresh(sample.claims))
        return surfer.get("/.airgate/me", {"authorization": f"Bearer {token}"})

    def _sign_in(self, surfer: Surfer, sample: Sample) -> httpx.Response:
        """A person in a browser, for whom the provider makes the token at the end of the login."""
        start = surfer.navigate("/.airgate/login", until=lambda url: url.startswith(self._site.issuer + AUTHORIZE))
        said = {name: value for name, value in sample.claims.items() if name not in (*_OF_THE_MOMENT, "sub")}
        # A LoginSite's tokens have a `sid`; this provider's only if the sample has.
        callback = self._site.authorize(start.headers["location"], sample.claims["sub"], **{"sid": None, **said})
        back = surfer.navigate(callback, until=lambda url: True)
        return surfer.get("/.airgate/me") if back.has_redirect_location else back

    def _read(self, answer: httpx.Response) -> tuple[str | None, str | None]:
        if answer.is_success:
            return answer.json()["role"] or "none", None
        return None, self.envoy.record(answer.headers["x-request-id"])["airgate.reason"]

    def _surfer(self) -> Surfer:
        return Surfer(self.envoy.url, self._site.issuer, self.envoy.authority_file)

    def _provider(self, page: Page) -> LoginSite:
        """The provider as the page's client knows it."""
        issuer, login = page.provider["issuer"], page.provider.get("login", {})
        # An issuer may end with a slash, which its endpoints do not have twice.
        site = self._rogue.site(page.name, issuer.rstrip("/"), [make_key("RS256", page.name)], LoginSite)
        site.discovery_changes, site.callback_changes = {"issuer": issuer}, {"iss": issuer}
        site.client.id = login.get("client_id")
        site.client.auth = login.get("client_auth", site.client.auth)
        site.client.secret = self._environment[_SECRET]
        return site

    def _with_our_keys(self, provider: dict) -> dict:
        return {**provider, "jwks": {"keys": self._site.keys}} if "jwks" in provider else provider


def _fresh(claims: dict) -> dict:
    now = int(time.time())
    moment = {"iat": now, "nbf": now, "auth_time": now, "exp": now + _HOUR}
    return {**claims, **{name: value for name, value in moment.items() if name in claims}}
