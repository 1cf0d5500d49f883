"""envoy-example/envoy.yaml, rewritten to run here: the same file a user deploys is what the tests run.

Only what belongs to a site is replaced (addresses, names, paths, certificates),
and what a test asks for by name. Anything that the example no longer has makes
this fail rather than test something else.
"""

import copy
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab.paths import EXAMPLE, MODULE

_EXAMPLE_HOST = "airbyte.example.com"
_EXAMPLE_FOLDER = "/etc/airgate/"
_WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
_TEXT = "type.googleapis.com/google.protobuf.StringValue"
_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network."
    "http_connection_manager.v3.HttpConnectionManager"
)


@dataclass(frozen=True)
class Timing:
    """How much shorter than in production things take. 1 leaves them as they are."""

    # Timeouts of requests and routes: at 30, the 30 minutes of slow routes are one minute and the usual 60 s are 2 s.
    requests: float = 1
    # Health checks, ejections and DNS: at 20, a replica that is down is noticed in half a second instead of ten.
    health: float = 20


class Bootstrap:
    def __init__(self, tree: dict):
        # Through JSON, because YAML's aliases are one object: an edit of one cluster would change its neighbours.
        self.tree = json.loads(json.dumps(tree))
        if self._configured_by_text:
            self.plugin_config = json.loads(self.plugin_config)

    @classmethod
    def example(cls) -> "Bootstrap":
        return cls(yaml.safe_load((EXAMPLE / "envoy.yaml").read_text()))

    def listener(self, name: str) -> dict:
        return _named(self.tree["static_resources"]["listeners"], name)

    def cluster(self, name: str) -> dict:
        return _named(self.tree["static_resources"]["clusters"], name)

    def make_unlucky(self) -> None:
        """From now on Airbyte's two replicas have names that lie badly in Maglev's table, in place of their addresses.

        The first stands there dozens of times in a row, and Envoy's further looks for another replica are at
        neighbours: 20 of them are too few for nearly half of its clients.
        """
        for name in ("airbyte", "airbyte_public_api"):
            endpoints = self.cluster(name)["load_assignment"]["endpoints"][0]["lb_endpoints"]
            for endpoint, key in zip(endpoints, ("a11", "b117"), strict=True):
                endpoint["metadata"] = {"filter_metadata": {"envoy.lb": {"hash_key": key}}}

    def manager(self, listener: str = "https") -> dict:
        """The listener's HTTP connection manager."""
        return _only(_typed(self.listener(listener), _MANAGER), f"HTTP connection manager in {listener}")

    @property
    def plugin(self) -> dict:
        """Envoy's part of the filter: vm_config, failure_policy and so on."""
        return _only(_typed(self.tree["static_resources"], _WASM), "wasm filter")["config"]

    @property
    def plugin_config(self) -> dict:
        """airgate's own configuration."""
        return self.plugin["configuration"]["value"]

    @plugin_config.setter
    def plugin_config(self, value: dict) -> None:
        self.plugin["configuration"]["value"] = value

    @property
    def _configured_by_text(self) -> bool:
        # Envoy hands a StringValue to the module as it is. Here it is always a dict, and text again when written.
        return self.plugin["configuration"]["@type"] == _TEXT

    def move_in(self, folder: Path, module: Path = MODULE) -> None:
        """Everything under /etc/airgate now lies in `folder`, except the module, which stays where it was built."""

        def moved(text: str) -> str:
            if text == _EXAMPLE_FOLDER + "airgate.wasm":
                return str(module)
            return text.replace(_EXAMPLE_FOLDER, f"{folder}/")

        for source in (EXAMPLE / "sds").iterdir():
            target = folder / "sds" / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(moved(source.read_text()))
        self.tree = _map_strings(self.tree, moved)

    def listen(self, https: int, http: int, admin: int) -> None:
        """Everything on loopback, and the gateway's public name is localhost."""
        _bind(self.listener("https"), https)
        _bind(self.listener("http"), http)
        _bind(self.tree["admin"], admin)
        redirect = _only(_with_key(self.listener("http"), "host_redirect"), "redirect")
        redirect.update(host_redirect="localhost", port_redirect=https)
        self.tree = _map_strings(self.tree, lambda text: text.replace(_EXAMPLE_HOST, f"localhost:{https}"))

    def let_in(self) -> None:
        """Everybody is an admin, as nobody should be in production: for tests that are not about who may do what."""
        self.plugin_config["access"] = {"default_role": "admin"}

    def send_to(self, upstreams: list[str]) -> None:
        """Airbyte is at these URLs."""
        for cluster in self.tree["static_resources"]["clusters"]:
            if cluster["name"].startswith("airbyte"):
                set_endpoints(cluster, upstreams)

    def trust(self, issuer: str, authority: Path) -> None:
        """The first provider is this one, at its own address, under this certificate authority."""
        host = urlsplit(issuer).hostname
        self.plugin_config["providers"][0]["issuer"] = issuer
        cluster = self.cluster("idp")
        set_endpoints(cluster, [issuer])
        tls = cluster["transport_socket"]["typed_config"]
        tls["sni"] = host
        validation = tls["common_tls_context"]["validation_context"]
        validation["trusted_ca"] = {"filename": str(authority)}
        validation["match_typed_subject_alt_names"] = [{"san_type": "DNS", "matcher": {"exact": host}}]

    def hurry(self, timing: Timing) -> None:
        for listener in ("https", "http"):
            manager = self.manager(listener)
            _shorten(manager, ("stream_idle_timeout", "request_timeout"), timing.requests)
            for route in _with_key(manager["route_config"], "cluster"):
                _shorten(route, ("timeout", "idle_timeout"), timing.requests)
        for cluster in self.tree["static_resources"]["clusters"]:
            for check in cluster.get("health_checks", []):
                _shorten(check, ("interval", "no_traffic_interval", "unhealthy_interval"), timing.health)
            if cluster.get("health_checks"):
                # Workers learn of a change at once. Envoy collects them for a second otherwise.
                cluster.setdefault("common_lb_config", {})["update_merge_window"] = "0s" if timing.health > 1 else "1s"
            if outliers := cluster.get("outlier_detection"):
                outliers.setdefault("interval", "10s")  # Envoy's default, which would not be shortened
                _shorten(outliers, ("interval", "base_ejection_time"), timing.health)

    def write(self, folder: Path) -> Path:
        return _write(folder, self._written())

    def write_reloadable(self, folder: Path) -> Path:
        """As `write`, with the listeners in a file of their own: see `write_listeners`."""
        tree = self._written()
        del tree["static_resources"]["listeners"]
        source = {"path": str(folder / "listeners.json"), "watched_directory": {"path": str(folder)}}
        tree["dynamic_resources"] = {"lds_config": {"path_config_source": source}}
        self.write_listeners(folder)
        return _write(folder, tree)

    def write_listeners(self, folder: Path) -> None:
        """Envoy notices and takes over the new listeners, filter configuration included, while it runs."""
        kind = "type.googleapis.com/envoy.config.listener.v3.Listener"
        listeners = [{"@type": kind, **listener} for listener in self._written()["static_resources"]["listeners"]]
        fresh = folder / "listeners.json.new"
        fresh.write_text(json.dumps({"resources": listeners}, indent=1))
        os.replace(fresh, folder / "listeners.json")

    def _written(self) -> dict:
        tree = copy.deepcopy(self.tree)
        if self._configured_by_text:
            plugin = _only(_typed(tree, _WASM), "wasm filter")["config"]
            plugin["configuration"]["value"] = json.dumps(self.plugin_config)
        return tree


def _write(folder: Path, tree: dict) -> Path:
    # JSON: what YAML readers disagree on (off, yes, 012) cannot come up.
    file = folder / "envoy.json"
    file.write_text(json.dumps(tree, indent=1))
    return file


def set_endpoints(cluster: dict, urls: list[str]) -> None:
    endpoints = []
    for url in urls:
        parts = urlsplit(url)
        # By number: everything here listens on IPv4, and "localhost" may be tried as ::1 first.
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
        endpoints.append({"endpoint": {"address": _address(host, parts.port)}})
    cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": endpoints}]


def merge(into: dict, changes: dict) -> dict:
    """`into` with `changes` laid over it, level by level. Lists are replaced; None removes."""
    merged = dict(into)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _bind(owner: dict, port: int) -> None:
    owner["address"] = _address("127.0.0.1", port)


def _address(host: str, port: int) -> dict:
    return {"socket_address": {"address": host, "port_value": port}}


def _shorten(owner: dict, keys: tuple[str, ...], factor: float) -> None:
    for key in keys:
        if key in owner:
            owner[key] = f"{float(owner[key].removesuffix('s')) / factor:.3f}s"


def _named(things: list[dict], name: str) -> dict:
    return _only([thing for thing in things if thing["name"] == name], name)


def _only(things: list | Iterator, what: str) -> Any:
    found = list(things)
    if len(found) != 1:
        raise LookupError(f"the example has {len(found)} of what should be one: {what}")
    return found[0]


def _typed(tree: Any, kind: str) -> Iterator[dict]:
    return (node for node in _dicts(tree) if node.get("@type") == kind)


def _with_key(tree: Any, key: str) -> Iterator[dict]:
    return (node for node in _dicts(tree) if key in node)


def _dicts(tree: Any) -> Iterator[dict]:
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _dicts(child)


def _map_strings(tree: Any, change: Callable[[str], str]) -> Any:
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, dict):
        return {key: _map_strings(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_map_strings(value, change) for value in tree]
    return tree
