"""What a control plane would make of the manifests, as a bootstrap that runs here.

This is our own reading of Istio and Envoy Gateway, written after their sources: what it leaves out (their telemetry,
their discovery) does not matter to who gets in. The plugin's configuration, routes, timeouts, header edits and patches
are taken from the manifests; only what belongs to a site is replaced, as in `lab.bootstrap`.
"""

import copy
from pathlib import Path
from typing import Any

from lab.bootstrap import Bootstrap
from lab.paths import MODULE

HOST = "airbyte.example.com"
TEXT = "type.googleapis.com/google.protobuf.StringValue"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
}
# Of a retry: not a replica that has failed the same request.
OTHER_HOSTS = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    },
}


class Scaffold:
    """The lab's bootstrap, out of which everything of ours is taken: TLS, ports, certificates and the stand-ins stay."""

    def __init__(self, bootstrap: Bootstrap):
        self.bootstrap = bootstrap
        self._here = bootstrap.plugin_config["external_url"].removeprefix("https://")
        self._issuer = bootstrap.plugin_config["providers"][0]["issuer"]
        self._airbyte = bootstrap.cluster("airbyte")["load_assignment"]["endpoints"]
        provider = bootstrap.cluster("idp")["transport_socket"]["typed_config"]["common_tls_context"]
        self._authority = Path(provider["validation_context"]["trusted_ca"]["filename"])
        self._idp = bootstrap.cluster("idp")
        self.access_log = bootstrap.manager()["access_log"]

    def put(self, manager: dict, clusters: list[dict]) -> None:
        """This HTTP connection manager behind the TLS listener, with these clusters."""
        theirs = self.bootstrap.manager()
        theirs.clear()
        theirs.update({"@type": MANAGER, "stat_prefix": "https", "access_log": self.access_log, **manager})
        self.bootstrap.tree["static_resources"]["clusters"] = clusters
        self.settle()

    def settle(self) -> None:
        """What belongs to a site, in everything that was put there."""
        self.bootstrap.tree = _with_text(self.bootstrap.tree, HOST, self._here)
        for cluster in self.bootstrap.tree["static_resources"]["clusters"]:
            if cluster["name"].startswith("airbyte") or "airbyte" in cluster["name"]:
                cluster["load_assignment"] = {"cluster_name": cluster["name"], "endpoints": self._airbyte}
        self.bootstrap.plugin_config["providers"][0]["issuer"] = self._issuer

    def idp(self, name: str) -> dict:
        """The provider's cluster under this name, with the address and authority of the one that runs here."""
        return {**copy.deepcopy(self._idp), "name": name}

    def trust(self) -> None:
        """For a manifest that has the cluster `idp` itself."""
        self.bootstrap.trust(self._issuer, self._authority)


def wasm_filter(name: str, config: dict, **vm_config: Any) -> dict:
    """`config` is all of the plugin but its machine; the module is the one that was built here."""
    code = {"local": {"filename": str(MODULE)}}
    vm = {"runtime": "envoy.wasm.runtime.v8", "code": code, **vm_config}
    return {"name": name, "typed_config": {"@type": WASM, "config": {**config, "vm_config": vm}}}


def as_text(configuration: dict) -> dict:
    """Both control planes hand the configuration over as JSON in a StringValue. (`lab.bootstrap` writes the JSON.)"""
    return {"@type": TEXT, "value": configuration}


def _with_text(tree: Any, before: str, after: str) -> Any:
    if isinstance(tree, str):
        return tree.replace(before, after)
    if isinstance(tree, dict):
        return {key: _with_text(value, before, after) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_text(value, before, after) for value in tree]
    return tree
