"""What istiod makes of envoy-example/istio/."""

import copy
from pathlib import Path

import yaml
from objects import ISTIO, SIDECAR, every, find
from rendered import MANAGER, OTHER_HOSTS, ROUTER, Scaffold, as_text, wasm_filter

from lab.bootstrap import Bootstrap, merge
from lab.certs import Authority
from lab.paths import MODULE

_PHASES = ("AUTHN", "AUTHZ", "STATS")
_RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
_DOWNSTREAM = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


def plugin_of(object: dict) -> dict:
    """A TrafficExtension has what a WasmPlugin has, some of it a level deeper."""
    if object["kind"] == "WasmPlugin":
        return object["spec"]
    assert object["kind"] == "TrafficExtension"
    spec = dict(object["spec"])
    wasm = spec.pop("wasm")
    return {**spec, **wasm}


def http_filter(object: dict) -> dict:
    """As istiod builds it: the configuration as text, no vm_id, and no field for what headers may wait for."""
    spec, meta = plugin_of(object), object["metadata"]
    variables = spec["vmConfig"]["env"]
    assert all(variable["valueFrom"] == "HOST" for variable in variables), "a key would stand in the manifest"
    return wasm_filter(
        f"{meta['namespace']}.{meta['name']}",
        {
            "name": f"{meta['namespace']}.{meta['name']}",
            "failure_policy": spec["failStrategy"],
            "configuration": as_text(copy.deepcopy(spec["pluginConfig"])),
        },
        environment_variables={
            "host_env_keys": [variable["name"] for variable in variables],
            "key_values": {"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1"},
        },
    )


def gateway(bootstrap: Bootstrap, plugin: Path | None) -> None:
    """The ingress gateway, with the plugin of this file or with none."""
    scaffold = Scaffold(bootstrap)
    rules = {rule["spec"]["host"]: rule["spec"] for rule in every(ISTIO / "routes.yaml", "DestinationRule")}
    service = find(ISTIO / "routes.yaml", "VirtualService")["spec"]
    # As istiod begins: an edge that trusts nobody's headers, and waits for ever.
    manager = {
        "use_remote_address": True,
        "normalize_path": True,
        "stream_idle_timeout": "0s",
        "http_filters": [ROUTER],
        "route_config": {
            "name": "https",
            "virtual_hosts": [
                {"name": "airbyte", "domains": ["*"], "routes": [_route(route, rules) for route in service["http"]]}
            ],
        },
    }
    plugins = [find(plugin, kind) for kind in ("WasmPlugin", "TrafficExtension") if plugin and every(plugin, kind)]
    manager["http_filters"][:0] = [http_filter(object) for object in plugins]
    files = [ISTIO / "envoyfilter.yaml", *([plugin] if plugin and every(plugin, "EnvoyFilter") else [])]
    for file in files:
        manager = _patched(manager, find(file, "EnvoyFilter"))
    clusters = [_cluster(host, rules[host], subset) for host in rules if "airbyte" in host for subset in _subsets(rules[host])]
    # In what Envoy runs there is always a plugin: the lab asks it who the provider is. One that is disabled judges nobody.
    if not plugin:
        stand_in = http_filter(find(ISTIO / "wasmplugin.yaml", "WasmPlugin"))
        manager["http_filters"].insert(0, {**stand_in, "disabled": True})
    scaffold.put(manager, [*clusters, scaffold.idp("outbound|443||idp.example.com")])


def sidecar(bootstrap: Bootstrap, mesh: Authority, folder: Path, workers: int) -> None:
    """The inbound side of the server's sidecar. Port 8002 is the lab's TLS listener, 8001 is `workers`."""
    scaffold = Scaffold(bootstrap)
    manifest = SIDECAR / "airgate.yaml"
    ingress = find(manifest, "Sidecar")["spec"]["ingress"]
    users = bootstrap.listener("https")["address"]["socket_address"]["port_value"]
    ports = {8001: workers, 8002: users}
    assert {listener["port"]["number"] for listener in ingress} == set(ports)
    assert all(listener["defaultEndpoint"] == "127.0.0.1:8001" for listener in ingress), "both lead to the server"
    assert find(manifest, "PeerAuthentication")["spec"]["mtls"] == {"mode": "STRICT"}

    plugin, policy = find(manifest, "WasmPlugin"), find(manifest, "AuthorizationPolicy")
    leaf = mesh.leaf("spiffe://cluster.local/ns/airbyte/sa/airbyte-admin")
    certificate, key = leaf.write(folder / "workload")
    (folder / "mesh.crt").write_bytes(mesh.certificate)
    listeners = []
    for number, port in ports.items():
        filters = [_authorization(policy, ports), ROUTER]
        if _judges(plugin["spec"], number):
            filters.insert(_place(plugin["spec"]["phase"]), http_filter(plugin))
        listeners.append(_inbound(number, port, filters, certificate, key, folder / "mesh.crt", scaffold.access_log))
    kept = [listener for listener in bootstrap.tree["static_resources"]["listeners"] if listener["name"] != "https"]
    bootstrap.tree["static_resources"]["listeners"] = [*listeners, *kept]
    server = {"name": "inbound|airbyte", "type": "STATIC", "connect_timeout": "3s"}
    bootstrap.tree["static_resources"]["clusters"] = [server, scaffold.idp("outbound|443||idp.example.com")]
    scaffold.settle()


def _judges(spec: dict, port: int) -> bool:
    """Whether the plugin is put into the chain of this inbound port."""
    selectors = spec.get("match", [])
    return not selectors or any(
        selector.get("mode", "CLIENT_AND_SERVER") in ("SERVER", "CLIENT_AND_SERVER")
        and port in [wanted["number"] for wanted in selector.get("ports", [{"number": port}])]
        for selector in selectors
    )


def _place(phase: str) -> int:
    """Before or after Istio's own authorization, which is the first filter."""
    assert phase in _PHASES
    return 1 if phase == "STATS" else 0


def _inbound(number: int, port: int, filters: list, certificate: Path, key: Path, authority: Path, access_log: list) -> dict:
    route = {"name": "default", "match": {"prefix": "/"}, "route": {"cluster": "inbound|airbyte", "timeout": "0s"}}
    manager = {
        "@type": MANAGER,
        "stat_prefix": f"inbound_{number}",
        "use_remote_address": False,
        "normalize_path": True,
        "stream_idle_timeout": "0s",
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": "inbound", "domains": ["*"], "routes": [route]}]},
        "access_log": access_log,
    }
    tls = {
        "@type": _DOWNSTREAM,
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [
                {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
            ],
            "validation_context": {"trusted_ca": {"filename": str(authority)}},
        },
    }
    return {
        # The lab looks for "https".
        "name": "https" if number == 8002 else "workers",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
            }
        ],
    }


def _authorization(policy: dict, ports: dict[int, int]) -> dict:
    policies = {}
    for number, rule in enumerate(policy["spec"]["rules"]):
        principals = [name for entry in rule["from"] for name in entry["source"]["principals"]]
        wanted = [int(port) for entry in rule["to"] for port in entry["operation"]["ports"]]
        policies[f"rule-{number}"] = {
            "principals": [
                {"authenticated": {"principal_name": {"exact": f"spiffe://{principal}"}}} for principal in principals
            ],
            "permissions": [{"destination_port": ports[port]} for port in wanted],
        }
    rules = {"action": policy["spec"]["action"], "policies": policies}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"@type": _RBAC, "rules": rules}}


def _route(route: dict, rules: dict) -> dict:
    matches = route.get("match", [{}])
    assert len(matches) == 1, "istiod would make a route of each, and only one has the name that envoyfilter.yaml looks for"
    made = {"name": route["name"], "match": _match(matches[0]), **_header_edits(route.get("headers", {}))}
    if response := route.get("directResponse"):
        body = {"inline_string": response["body"]["string"]}
        return {**made, "direct_response": {"status": response["status"], "body": body}}
    (target,) = route["route"]
    destination = target["destination"]
    hashed = rules[destination["host"]]["trafficPolicy"]["loadBalancer"]["consistentHash"]["httpHeaderName"]
    action = {
        "cluster": _cluster_name(destination["host"], destination.get("subset", "")),
        "timeout": route["timeout"],
        "hash_policy": [{"header": {"header_name": hashed}}],
    }
    # Without a word istiod repeats everything twice.
    retries = route.get("retries", {"attempts": 2, "retryOn": "connect-failure,refused-stream,unavailable,cancelled,503"})
    if attempts := retries["attempts"]:
        words = retries["retryOn"].split(",")
        codes = [int(word) for word in words if word.isdigit()]
        conditions = [word for word in words if not word.isdigit()] + (["retriable-status-codes"] if codes else [])
        action["retry_policy"] = {
            "retry_on": ",".join(conditions),
            "num_retries": attempts,
            "retriable_status_codes": codes,
            "host_selection_retry_max_attempts": 5,
        }
        # Its default, but not where a hash chooses the replica.
        if retries.get("retryIgnorePreviousHosts"):
            action["retry_policy"]["retry_host_predicate"] = [OTHER_HOSTS]
    return {**made, "route": action}


def _match(match: dict) -> dict:
    made = {"prefix": match.get("uri", {}).get("prefix", "/")}
    headers = match.get("headers", {})
    made["headers"] = [
        {"name": name, "string_match": {"exact": wanted["exact"]}} if wanted else {"name": name, "present_match": True}
        for name, wanted in headers.items()
    ]
    return made


def _header_edits(edits: dict) -> dict:
    made = {}
    for side in ("request", "response"):
        edit = edits.get(side, {})
        made[f"{side}_headers_to_add"] = [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in edit.get("set", {}).items()
        ]
        made[f"{side}_headers_to_remove"] = edit.get("remove", [])
    return made


def _subsets(rule: dict) -> list[str]:
    return ["", *(subset["name"] for subset in rule.get("subsets", []))]


def _cluster_name(host: str, subset: str) -> str:
    return f"outbound|8001|{subset}|{host}"


def _cluster(host: str, rule: dict, subset: str) -> dict:
    policy = rule["trafficPolicy"]
    if subset:
        policy = merge(policy, next(found for found in rule["subsets"] if found["name"] == subset)["trafficPolicy"])
    assert policy["loadBalancer"]["consistentHash"]["maglev"] == {}
    tcp = policy["connectionPool"]["tcp"]
    return {
        "name": _cluster_name(host, subset),
        "type": "STATIC",
        "connect_timeout": tcp["connectTimeout"],
        "lb_policy": "MAGLEV",
        "circuit_breakers": {"thresholds": [{"max_connections": tcp["maxConnections"]}]},
    }


def _patched(manager: dict, envoy_filter: dict) -> dict:
    for patch in envoy_filter["spec"]["configPatches"]:
        assert patch["match"]["context"] == "GATEWAY"
        operation, value = patch["patch"]["operation"], copy.deepcopy(patch["patch"]["value"])
        match (patch["applyTo"], operation):
            case ("NETWORK_FILTER", "MERGE"):
                assert value["typed_config"].pop("@type") == MANAGER
                manager = merge(manager, value["typed_config"])
            case ("HTTP_FILTER", "INSERT_FIRST"):
                code = value["typed_config"]["config"]["vm_config"]["code"]
                assert code == {"local": {"filename": _mounted()}}, "where mount-module.yaml puts it"
                code["local"]["filename"] = str(MODULE)
                manager["http_filters"].insert(0, value)
            case ("HTTP_ROUTE", "MERGE"):
                wanted = patch["match"]["routeConfiguration"]["vhost"]["route"]["name"]
                routes = manager["route_config"]["virtual_hosts"][0]["routes"]
                routes[:] = [merge(route, value) if route["name"] == wanted else route for route in routes]
            case other:
                raise NotImplementedError(other)
    return manager


def _mounted() -> str:
    pod = yaml.safe_load((ISTIO / "mount-module.yaml").read_text())["spec"]["template"]["spec"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    return mount["mountPath"] + "/plugin.wasm"
