"""The processes that are measured: Envoy with some filters, or HAProxy."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from lab.envoy import NEWEST
from lab.paths import envoy_binary
from lab.ports import free_port
from lab.process import Child
from lab.provider import client_secret

from benches.traffic import PROBE, SECRETS

_HTTP = "type.googleapis.com/envoy.extensions.filters.http"
_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
# Asked for by the check before measuring, and not on the path that is measured: what came through.
TOLD_BACK = {"x-told-user": "x-airgate-user", "x-told-authorization": "authorization"}


class Proxy:
    """A process that answers on a port. It is stopped (SIGSTOP) while others are measured."""

    def __init__(self, name: str, folder: Path, cores: str):
        self.folder = folder
        self.port = free_port()
        self._cores = cores
        self._name = name
        self.child: Child | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> "Proxy":
        command = ["taskset", "-c", self._cores, *self._command()]
        self.child = Child(self._name, command, self.folder, self._environment())
        self.child.wait_for(self.ready, 30, "being ready")
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        try:
            with urlopen(self._ready_url(), timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def pause(self) -> None:
        self.child.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.child.signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.child:
            self.go_on()
            self.child.stop()

    def processor_nanoseconds(self) -> int:
        """Of all its threads, those that ended included: the process's own clock (clock_getcpuclockid)."""
        return time.clock_gettime_ns((~self.child.pid << 3) | 2)

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def trouble(self) -> list[str]:
        """Signs that what was measured is not what should be."""
        return []

    def _environment(self) -> dict[str, str]:
        return {**SECRETS, "AIRGATE_CLIENT_SECRET": client_secret()}

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _ready_url(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class EnvoyShape:
    """What is particular about one Envoy."""

    filters: list[dict] = field(default_factory=list)
    clusters: list[dict] = field(default_factory=list)
    workers: int = 1
    upstream: str | None = None  # host:port; without one it answers by itself
    routes: list[dict] = field(default_factory=list)
    log: str | None = None  # for single components, besides errors


class Envoy(Proxy):
    """The least that serves HTTP: no TLS, no access log, and the filters in question."""

    def __init__(self, folder: Path, shape: EnvoyShape, cores: str):
        super().__init__("envoy", folder, cores)
        self._shape = shape
        self._admin = free_port()

    def stats(self, pattern: str) -> dict[str, int]:
        with urlopen(f"http://127.0.0.1:{self._admin}/stats?format=json&filter={pattern}", timeout=5) as answer:
            return {stat["name"]: stat["value"] for stat in json.load(answer)["stats"] if "value" in stat}

    def trouble(self) -> list[str]:
        return [f"{name}: {value}" for name, value in self.stats("vm_reload").items() if value]

    def _ready_url(self) -> str:
        return f"http://127.0.0.1:{self._admin}/ready"

    def _command(self) -> list[str]:
        file = self.folder / "envoy.json"
        file.write_text(json.dumps(self._bootstrap(), indent=1))
        return [
            str(envoy_binary(NEWEST)),
            "-c", str(file),
            "--concurrency", str(self._shape.workers),
            "--disable-hot-restart",
            "--log-level", "error",
            *(["--component-log-level", self._shape.log] if self._shape.log else []),
        ]  # fmt: skip

    def _bootstrap(self) -> dict:
        clusters = list(self._shape.clusters)
        action: dict = {"direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
        if self._shape.upstream:
            clusters.append(cluster("upstream", self._shape.upstream))
            action = {"route": {"cluster": "upstream"}}
        told = [{"header": {"key": name, "value": f"%REQ({header})%"}} for name, header in TOLD_BACK.items()]
        probe = {"match": {"path": PROBE}, "direct_response": {"status": 200}, "response_headers_to_add": told}
        routes = [*self._shape.routes, probe, {"match": {"prefix": "/"}, **action}]
        manager = {
            "@type": _MANAGER,
            "stat_prefix": "bench",
            "http_filters": [*self._shape.filters, filter_("router", "router.v3.Router")],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        }
        listener = {
            "name": "http",
            "address": address("127.0.0.1", self.port),
            # Each worker gets its share of the few connections, also where the kernel would hash them unevenly.
            "connection_balance_config": {"exact_balance": {}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
        return {
            "node": {"id": "bench", "cluster": "bench"},
            "admin": {"address": address("127.0.0.1", self._admin)},
            "static_resources": {"listeners": [listener], "clusters": clusters},
        }


class HAProxy(Proxy):
    def __init__(self, folder: Path, write: Callable[[int], str], cores: str):
        super().__init__("haproxy", folder, cores)
        self._write = write

    def ready(self) -> bool:
        try:
            urlopen(self.url + "/ready", timeout=1).close()
        except OSError as error:
            return hasattr(error, "code")  # refused is answered
        return True

    def _command(self) -> list[str]:
        file = self.folder / "haproxy.cfg"
        file.write_text(self._write(self.port))
        return [self._binary(), "-db", "-f", str(file)]

    @classmethod
    def version(cls) -> str:
        said = subprocess.run([cls._binary(), "-v"], capture_output=True, text=True, check=True).stdout
        return "HAProxy " + said.split()[2]

    @staticmethod
    def _binary() -> str:
        # Debian keeps it where not everybody's PATH leads.
        return shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin") or "haproxy"


def filter_(name: str, kind: str, **config: Any) -> dict:
    return {"name": name, "typed_config": {"@type": f"{_HTTP}.{kind}", **config}}


def cluster(name: str, endpoint: str, **more: Any) -> dict:
    host, port = endpoint.rsplit(":", 1)
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(host, int(port))}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}, **more}


def address(host: str, port: int) -> dict:
    return {"socket_address": {"address": host, "port_value": port}}


def cores(workers: int) -> tuple[str, str]:
    """For the proxy and for the load: apart where there are enough, else everybody on all."""
    every = sorted(os.sched_getaffinity(0))
    if len(every) <= workers:
        return (all_cores(),) * 2
    return _joined(every[:workers]), _joined(every[workers:])


def all_cores() -> str:
    return _joined(sorted(os.sched_getaffinity(0)))


def _joined(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))
