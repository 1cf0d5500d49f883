"""Several gateways of one address, with one set of keys, behind one balancer.

    with Fleet(parts, 2) as fleet:
        surfer = fleet.surfer()
        surfer.sign_in("alice")
        fleet.restart(fleet.gateways[0])
"""

import os
import secrets
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from lab.balancer import Backend, Balancer
from lab.bed import Bed, Parts
from lab.envoy import Change, Envoy, Options
from lab.paths import EXAMPLE
from lab.surfer import Surfer
from lab.until import until


class Fleet:
    def __init__(self, parts: Parts, count: int, options: Options = Options()):
        self.parts = parts
        self._stack = ExitStack()
        self.balancer = self._stack.enter_context(Balancer())
        keys = {name: secrets.token_urlsafe(32) for name in ("AIRGATE_AFFINITY_KEY", "AIRGATE_SESSION_KEY")}
        plugin = {"external_url": self.url, **(options.plugin or {})}
        self._options = replace(options, plugin=plugin, environment={**keys, **options.environment})
        self.gateways: list[Bed] = []
        try:
            for _ in range(count):
                self.add()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return self.balancer.url

    def add(self, **options) -> Bed:
        """One more, which is known to the balancer when this returns; `options` are of this one alone."""
        gateway = self._stack.enter_context(Bed(replace(self._options, **options), parts=self.parts))
        # After the gateway's own address: people come by this one.
        self.parts.provider.allow([self.url])
        self.gateways.append(gateway)
        self._come(gateway)
        return gateway

    def restart(self, gateway: Bed, plugin: Change = None, module: Path | None = None) -> None:
        """As a pod is replaced: drained, ended, and another one started, perhaps otherwise configured or with another module."""
        assert drain(gateway.envoy).wait(60) == 0
        self.start_anew(gateway, plugin, module)

    def start_anew(self, gateway: Bed, plugin: Change = None, module: Path | None = None) -> None:
        """One that was drained: whoever was there has gone elsewhere."""
        backend = Backend.of(gateway.envoy)
        until(lambda: self.balancer.connections(backend) == 0, 5, "the last connection's end")
        self.balancer.leave(backend)
        gateway.envoy.change(plugin)
        if module:
            gateway.envoy.bootstrap.plugin["vm_config"]["code"]["local"]["filename"] = str(module)
        gateway.restart()
        self._come(gateway)

    def kill(self, gateway: Bed) -> None:
        """Without a word to anybody."""
        gateway.envoy.child.kill()
        self.balancer.leave(Backend.of(gateway.envoy))
        self.gateways.remove(gateway)

    def surfer(self, keep_alive: bool = True) -> Surfer:
        """A browser without JavaScript, that was nowhere yet; without `keep_alive` it is at another gateway each time."""
        surfer = Surfer(self.url, self.parts.provider.issuer, self.parts.authority_file, keep_alive)
        return self._stack.enter_context(surfer)

    def given(self) -> list[int]:
        """How many connections each gateway was ever given."""
        return [self.balancer.given[Backend.of(gateway.envoy).port] for gateway in self.gateways]

    def assert_no_trap(self) -> None:
        for gateway in self.gateways:
            gateway.envoy.assert_no_trap()

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _come(self, gateway: Bed) -> None:
        """Comes to the balancer, and is waited for until it serves somebody."""
        backend = Backend.of(gateway.envoy)
        self.balancer.join(backend)
        before = self.balancer.given[backend.port]
        with Surfer(self.url, self.parts.provider.issuer, self.parts.authority_file, keep_alive=False) as somebody:
            until(lambda: somebody.get("/.airgate/health") and self.balancer.given[backend.port] > before)


def drain(envoy: Envoy) -> subprocess.Popen:
    """What Kubernetes runs before it ends a pod."""
    script = EXAMPLE / "kubernetes/drain.sh"
    environment = {**os.environ, "ADMIN_PORT": str(urlsplit(envoy.admin_url).port), "SETTLE": "1", "DEADLINE": "40"}
    return subprocess.Popen(["bash", script], env=environment, stdin=subprocess.DEVNULL)
