"""Envoy as a child process, on the example's configuration."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from lab.bootstrap import Bootstrap, Timing, merge
from lab.certs import Authority, Leaf
from lab.paths import MODULE, envoy_binary
from lab.ports import free_port
from lab.process import Child
from lab.provider import client_secret
from lab.until import until

VERSIONS = ("1.36.4", "1.40.0")
NEWEST = VERSIONS[-1]

# A dict is laid over what is there (see `merge`); a function changes it in place.
Change = dict | Callable[[dict], None] | None


@dataclass(frozen=True)
class Options:
    """What a test may ask of an Envoy."""

    version: str = NEWEST
    plugin: Change = None  # airgate's own configuration
    roles: bool = False  # those of the example, in place of everybody being an admin
    bootstrap: Callable[[Bootstrap], None] | None = None  # anything else in the example
    module: Path = MODULE
    timing: Timing = field(default_factory=Timing)
    concurrency: int = 2
    environment: dict[str, str] = field(default_factory=dict)
    log_level: str = "info"
    drain_seconds: int = 600
    reloadable: bool = False  # listeners from a file, so that `reload` works


class Envoy:
    def __init__(
        self,
        folder: Path,
        authority: Authority,
        issuer: str,
        upstreams: list[str],
        options: Options = Options(),
        ports: tuple[int, int, int] | None = None,
    ):
        self.folder = folder
        self.options = options
        self._https, self._http, self._admin = ports or (free_port(), free_port(), free_port())
        self.url = f"https://localhost:{self._https}"
        self.http_url = f"http://localhost:{self._http}"
        self.admin_url = f"http://127.0.0.1:{self._admin}"
        folder.mkdir(parents=True, exist_ok=True)
        self.authority_file = folder / "ca.crt"
        self.authority_file.write_bytes(authority.certificate)
        self.install(authority.leaf())
        self.bootstrap = Bootstrap.example()
        self.bootstrap.move_in(folder, options.module)
        self.bootstrap.listen(self._https, self._http, self._admin)
        self.bootstrap.send_to(upstreams)
        self.bootstrap.trust(issuer, self.authority_file)
        self.bootstrap.hurry(options.timing)
        if not options.roles:
            self.bootstrap.let_in()
        self.change(options.plugin, options.bootstrap)
        self.child: Child | None = None
        # The keys of the cookies stay the same over restarts.
        self._keys = {name: secrets.token_urlsafe(32) for name in ("AIRGATE_AFFINITY_KEY", "AIRGATE_SESSION_KEY")}

    def install(self, leaf: Leaf) -> None:
        """The certificate Envoy serves; a running one takes it over."""
        leaf.write(self.folder / "tls")

    def launch(self) -> "Envoy":
        """Starts it, without waiting."""
        self.child = Child("envoy", self._command(), self.folder, self._environment())
        return self

    def start(self, timeout: float = 20) -> "Envoy":
        """Starts it, and waits until it serves. RuntimeError with the log's end when it does not start."""
        self.launch()
        self.child.wait_for(self.ready, timeout, "being ready")
        return self

    def ready(self) -> bool:
        try:
            return self.admin("/ready", timeout=1).strip() == "LIVE"
        except (URLError, OSError):
            return False

    def validate(self) -> subprocess.CompletedProcess:
        """`--mode validate`: exit code 0 or not, and why on stderr."""
        return subprocess.run(
            [*self._command(), "--mode", "validate"],
            env={**os.environ, **self._environment()},
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )

    def change(self, plugin: Change = None, bootstrap: Callable[[Bootstrap], None] | None = None) -> None:
        """For the next start or reload."""
        if callable(plugin):
            plugin(self.bootstrap.plugin_config)
        elif plugin:
            self.bootstrap.plugin_config = merge(self.bootstrap.plugin_config, plugin)
        if bootstrap:
            bootstrap(self.bootstrap)

    def reload(self, plugin: Change = None, bootstrap: Callable[[Bootstrap], None] | None = None) -> bool:
        """A new configuration for the running Envoy. False when Envoy rejects it and stays with the old one."""
        assert self.options.reloadable, "ask for Options(reloadable=True)"
        before = self._reloads()
        self.change(plugin, bootstrap)
        self.bootstrap.write_listeners(self.folder)
        until(lambda: self._reloads() != before, 20, "the reload")
        return self._reloads()[0] != before[0]

    def stop(self) -> None:
        if self.child:
            self.child.stop()

    def admin(self, path: str, method: str = "GET", timeout: float = 5) -> str:
        with urlopen(Request(self.admin_url + path, method=method), timeout=timeout) as answer:
            return answer.read().decode()

    def stats(self, pattern: str = "") -> dict[str, int]:
        """Counters and gauges whose name matches."""
        found = json.loads(self.admin("/stats?format=json"))["stats"]
        return {stat["name"]: stat["value"] for stat in found if "value" in stat and re.search(pattern, stat["name"])}

    def log(self) -> str:
        """Envoy's own log, in which the module's lines stand too."""
        return self.child.err.read_text(errors="replace") if self.child else ""

    def access_log(self) -> list[dict]:
        """Every line so far. A field with nothing to say is left out there and None here."""
        fields = self.bootstrap.manager()["access_log"][0]["typed_config"]["log_format"]["json_format"]
        nothing = dict.fromkeys(fields)
        return [{**nothing, **line} for line in (self.child.read_all_json() if self.child else [])]

    def logged(self, condition: Callable[[dict], Any], timeout: float = 5) -> dict:
        """The first access log line for which `condition` is true, waited for."""
        return until(
            lambda: next((line for line in self.access_log() if condition(line)), None), timeout, "an access log line"
        )

    def record(self, request_id: str, timeout: float = 5) -> dict:
        """The access log line of this request, waited for."""
        return self.logged(lambda line: line["airgate.request_id"] == request_id, timeout)

    def traps(self) -> list[str]:
        """Every sign that a VM died."""
        counted = [f"{name}: {value}" for name, value in self.stats(r"^wasm\..*vm_reload").items() if value]
        said = [line for line in self.log().splitlines() if re.search(r"Function: proxy_|wasm trap|Uncaught|panicked at", line)]
        return counted + said

    def assert_no_trap(self) -> None:
        assert not (signs := self.traps()), "a VM trapped:\n" + "\n".join(signs)

    def _reloads(self) -> tuple[int, int]:
        stats = self.stats(r"^listener_manager\.lds\.update_(success|rejected)$")
        return stats["listener_manager.lds.update_success"], stats["listener_manager.lds.update_rejected"]

    def _command(self) -> list[str]:
        write = self.bootstrap.write_reloadable if self.options.reloadable else self.bootstrap.write
        return [
            str(envoy_binary(self.options.version)),
            "-c", str(write(self.folder)),
            "--concurrency", str(self.options.concurrency),
            # Many Envoys share this machine, and none hands over to another.
            "--disable-hot-restart",
            # Access log lines may come ten seconds late otherwise.
            "--file-flush-interval-msec", "20",
            # As envoy-example/run.sh does it.
            "--drain-time-s", str(self.options.drain_seconds),
            "--drain-strategy", "immediate",
            "--log-level", self.options.log_level,
        ]

    def _environment(self) -> dict[str, str]:
        return {**self._keys, "AIRGATE_CLIENT_SECRET": client_secret(), **self.options.environment}
