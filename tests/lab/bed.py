"""Everything together: provider, stand-ins, Envoy with the module."""

import tempfile
from pathlib import Path

import httpx

from lab.certs import Authority
from lab.envoy import Envoy, Options
from lab.provider import Provider
from lab.standin import Standin
from lab.surfer import Surfer
from lab.tls import trusting
from lab.until import until


class Parts:
    """What Envoy stands between: the provider and the replicas. Several beds may share one."""

    def __init__(self, folder: Path | None = None, standins: int = 2, slow_seconds: float = 2):
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="airgate-", ignore_cleanup_errors=True)
        self.folder = folder or Path(self._temporary.name)
        self.authority = Authority()
        self.standins: list[Standin] = []
        self.provider: Provider | None = None
        try:
            self.provider = Provider(self.authority, self.folder)
            for name in "abcdefgh"[:standins]:
                self.standins.append(Standin(name, self.folder, "--slow-seconds", str(slow_seconds)))
            # Started side by side, waited for one by one.
            for standin in self.standins:
                standin.wait()
            self.provider.issuer
        except BaseException:
            self.close()
            raise

    @property
    def authority_file(self) -> Path:
        return self.provider.authority_file

    @property
    def urls(self) -> list[str]:
        return [standin.url for standin in self.standins]

    def envoy(self, folder_name: str = "envoy", options: Options = Options()) -> Envoy:
        """An Envoy in front of these, not started yet."""
        return Envoy(self.folder / folder_name, self.authority, self.provider.issuer, self.urls, options)

    def requests(self) -> list[dict]:
        """What reached any replica; each says its `name`."""
        return [request for standin in self.standins for request in standin.requests()]

    def close(self) -> None:
        for part in [*self.standins, self.provider]:
            if part:
                part.stop()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Bed:
    """
    with Bed() as bed:
        answer = bed.client("alice").get("/api/v1/standin/echo")

    Give `parts` to share them: then they are left running.
    """

    _count = 0

    def __init__(self, options: Options = Options(), parts: Parts | None = None, start: bool = True, **parts_options):
        self._owns_parts = parts is None
        self.parts = parts or Parts(**parts_options)
        self._clients: list[httpx.Client | Surfer] = []
        Bed._count += 1
        try:
            self.envoy = self.parts.envoy(f"envoy-{Bed._count}", options)
            self.provider.allow([self.envoy.url], self._names_of_provider())
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return self.envoy.url

    @property
    def http_url(self) -> str:
        return self.envoy.http_url

    @property
    def authority_file(self) -> Path:
        return self.parts.authority_file

    @property
    def issuer(self) -> str:
        return self.provider.issuer

    @property
    def provider(self) -> Provider:
        return self.parts.provider

    @property
    def standins(self) -> list[Standin]:
        return self.parts.standins

    def token(self, who: str) -> str:
        return self.provider.token(who)

    def client(self, who: str | None = None, token: str | None = None, http2: bool = False, **options) -> httpx.Client:
        """An HTTP client for the gateway, with a token of `who` or this one, or with none. Closed with the bed."""
        if who:
            token = self.token(who)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        options = {"timeout": 30, **options}
        client = httpx.Client(
            base_url=self.url, verify=trusting(self.authority_file), headers=headers, http1=not http2, http2=http2, **options
        )
        self._clients.append(client)
        return client

    def surfer(self) -> Surfer:
        """A browser without JavaScript, which has not been anywhere. Closed with the bed."""
        surfer = Surfer(self.url, self.issuer, self.authority_file)
        self._clients.append(surfer)
        return surfer

    def restart(self) -> None:
        """Another process at the same address, with the same keys."""
        self.envoy.assert_no_trap()
        self.envoy.stop()
        self.start()

    def start(self) -> None:
        """Starts Envoy, and waits until it has its replicas."""
        self.envoy.start()
        until(self._replicas_are_in, 20, "the replicas passing their health checks")

    def _names_of_provider(self) -> list[str]:
        providers = self.envoy.bootstrap.plugin_config.get("providers", [])
        return [provider["name"] for provider in providers if provider["issuer"] == self.issuer]

    def _replicas_are_in(self) -> bool:
        # Envoy calls itself ready as soon as each replica was checked once. While it compiles the module that check
        # can run out of time, and until the next one nobody is there.
        alive = sum(standin.child.running for standin in self.standins)
        stats = self.envoy.stats(r"^cluster\.airbyte[^.]*\.membership_")
        totals = {name.removesuffix("_total"): value for name, value in stats.items() if name.endswith("_total")}
        return all(stats[f"{name}_healthy"] >= min(alive, total) for name, total in totals.items())

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if envoy := getattr(self, "envoy", None):
            envoy.stop()
        if self._owns_parts:
            self.parts.close()

    def __enter__(self) -> "Bed":
        return self

    def __exit__(self, *_) -> None:
        self.close()
