"""Envoy with its own filters, on the page's configuration, in the example's listener and clusters."""

import json
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

from gate import is_well
from pages import FROM_NATIVE_ENVOY, blocks

from lab.bed import Parts
from lab.bootstrap import Bootstrap, Timing, set_endpoints
from lab.paths import envoy_binary
from lab.ports import free_port
from lab.process import Child
from lab.provider import client_secret
from lab.rogue import Rogue

# Of the whole tree, and of its HTTP connection manager.
Change = Callable[[dict, dict], None]
_none: Change = lambda tree, manager: None
# What its secrets are read from.
_SECRETS = {"AIRGATE_CLIENT_SECRET": client_secret(), "AIRGATE_SESSION_KEY": secrets.token_urlsafe(32)}


class Native:
    def __init__(self, folder: Path, version: str, parts: Parts, rogue: Rogue, timing: Timing, change: Change = _none):
        self._authority_file = parts.authority_file
        https = free_port()
        self.url = f"https://localhost:{https}"
        example = Bootstrap.example()
        example.move_in(folder)
        parts.authority.leaf().write(folder / "tls")
        [shown] = [block for block in blocks(FROM_NATIVE_ENVOY) if "http_filters" in block]
        manager = example.manager()
        manager["http_filters"][:] = shown["http_filters"]
        manager["route_config"]["virtual_hosts"][:] = shown["virtual_hosts"]
        example.tree["static_resources"]["secrets"] = shown["secrets"]
        example.listen(https, free_port(), free_port())
        example.send_to(parts.urls)
        example.hurry(timing)
        _lead(example.cluster("idp"), parts, rogue)
        change(example.tree, example.manager())
        file = folder / "envoy.json"
        file.write_text(json.dumps(example.tree))
        self._folder = folder
        self._command = [str(envoy_binary(version)), "-c", str(file), "--concurrency", "1", "--disable-hot-restart"]
        self.child: Child | None = None

    def validate(self) -> subprocess.CompletedProcess:
        command = [*self._command, "--mode", "validate", "--log-level", "warn"]
        return subprocess.run(command, env=_SECRETS, capture_output=True, text=True, timeout=30)

    def start(self) -> "Native":
        self.child = Child("envoy", self._command, self._folder, _SECRETS)
        self.child.wait_for(lambda: is_well(self.url, self._authority_file), 20, "a replica that is well")
        return self

    def stop(self) -> None:
        if self.child:
            self.child.stop()


def _lead(cluster: dict, parts: Parts, rogue: Rogue) -> None:
    """To the provider of the tests, by its certificate."""
    set_endpoints(cluster, [rogue.url])
    tls = cluster["transport_socket"]["typed_config"]
    tls["sni"] = "localhost"
    validation = tls["common_tls_context"]["validation_context"]
    validation["trusted_ca"] = {"filename": str(parts.authority_file)}
    validation["match_typed_subject_alt_names"] = [{"san_type": "DNS", "matcher": {"exact": "localhost"}}]
