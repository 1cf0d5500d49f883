"""What Envoy Gateway makes of envoy-example/envoy-gateway/."""

import copy
import re

from objects import ENVOY_GATEWAY, every, find
from rendered import OTHER_HOSTS, ROUTER, Scaffold, as_text, wasm_filter

from lab.bootstrap import Bootstrap

_ENABLED = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
_MUTATION = "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_MATCHES = {"Exact": "exact", "Prefix": "prefix"}


def gateway(bootstrap: Bootstrap, policy: bool = True, patch: bool = True) -> None:
    """The listener `https`; without `policy` somebody removed the EnvoyExtensionPolicy."""
    scaffold = Scaffold(bootstrap)
    judge = _extension(find(ENVOY_GATEWAY / "policy.yaml", "EnvoyExtensionPolicy"))
    traffic = find(ENVOY_GATEWAY / "gateway.yaml", "ClientTrafficPolicy")["spec"]
    manager = {**_client_side(traffic), "http_filters": [judge, ROUTER]}
    policies = {
        target["name"]: policy["spec"]
        for policy in every(ENVOY_GATEWAY / "routes.yaml", "BackendTrafficPolicy")
        for target in policy["spec"]["targetRefs"]
    }
    routes, clusters = [], []
    for object in every(ENVOY_GATEWAY / "routes.yaml", "HTTPRoute"):
        name = object["metadata"]["name"]
        route, cluster = _route(name, object["spec"], policies.get(name))
        if policy:
            route["typed_per_filter_config"] = {judge["name"]: _ENABLED}
        routes.append(route)
        clusters += [cluster] if cluster else []
    # All match every path: then the one with more headers comes first.
    routes.sort(key=lambda route: -len(route["match"]["headers"]))
    host = {"name": "https", "domains": ["*"], "routes": routes}
    manager["route_config"] = {"name": "https", "virtual_hosts": [host]}
    if patch:
        for change in find(ENVOY_GATEWAY / "patch.yaml", "EnvoyPatchPolicy")["spec"]["jsonPatches"]:
            _apply(change, manager)
    (cluster,) = _bootstrap_patches()
    scaffold.put(manager, [*clusters, cluster])
    scaffold.trust()


def seconds(duration: str) -> str:
    """Gateway API's durations as Envoy's."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", duration).groups()
    return f"{int(number) * _UNITS[unit]:g}s"


def _extension(policy: dict) -> dict:
    (wasm,) = policy["spec"]["wasm"]
    (target,) = policy["spec"]["targetRefs"]
    assert (target["kind"], target["sectionName"]) == ("Gateway", "https"), "every route of the listener"
    meta = policy["metadata"]
    # The names that patch.yaml looks for.
    identity = f"envoyextensionpolicy/{meta['namespace']}/{meta['name']}/wasm/0"
    config = {"name": wasm["name"], "fail_open": wasm["failOpen"], "configuration": as_text(copy.deepcopy(wasm["config"]))}
    variables = {"host_env_keys": wasm["env"]["hostKeys"]}
    made = wasm_filter(f"envoy.filters.http.wasm/{identity}", config, vm_id=identity, environment_variables=variables)
    # Off, and turned on route by route.
    return {**made, "disabled": True}


def _client_side(spec: dict) -> dict:
    headers, http = spec["headers"], spec["timeout"]["http"]
    assert (headers["withUnderscoresAction"], spec["path"]["escapedSlashesAction"]) == ("RejectRequest", "RejectRequest")
    early = headers["earlyRequestHeaders"]
    mutations = [{"remove": name} for name in early["remove"]]
    mutations += [
        {"remove_on_match": {"key_matcher": {_MATCHES[match["type"]]: match["value"]}}} for match in early["removeOnMatch"]
    ]
    return {
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "request_timeout": seconds(http["requestReceivedTimeout"]),
        "stream_idle_timeout": seconds(http["streamIdleTimeout"]),
        "common_http_protocol_options": {
            "idle_timeout": seconds(http["idleTimeout"]),
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {"@type": _MUTATION, "mutations": mutations},
            }
        ],
    }


def _apply(change: dict, manager: dict) -> None:
    """A JSON patch (RFC 6902) to each place that the JSON path names."""
    operation, kind = change["operation"], change["type"].rpartition(".")[2]
    assert operation["op"] == "add"
    if kind == "Listener":
        name = re.fullmatch(r'\.\.http_filters\[\?\(@\.name=="(.+)"\)\]', operation["jsonPath"])[1]
        places = [made for made in manager["http_filters"] if made["name"] == name]
        assert len(places) == 1, name
    else:
        assert (kind, operation["jsonPath"]) == ("RouteConfiguration", "..retry_policy")
        (host,) = manager["route_config"]["virtual_hosts"]
        actions = [route.get("route", {}) for route in host["routes"]]
        places = [action["retry_policy"] for action in actions if "retry_policy" in action]
        assert places, "Envoy Gateway would refuse the patch"
    *steps, last = operation["path"].removeprefix("/").split("/")
    for place in places:
        for step in steps:
            place = place[step]
        place[last] = operation["value"]


def _bootstrap_patches() -> list[dict]:
    patches = find(ENVOY_GATEWAY / "gateway.yaml", "EnvoyProxy")["spec"]["bootstrap"]["jsonPatches"]
    assert all((patch["op"], patch["path"]) == ("add", "/static_resources/clusters/-") for patch in patches)
    return [copy.deepcopy(patch["value"]) for patch in patches]


def _route(name: str, spec: dict, policy: dict | None) -> tuple[dict, dict | None]:
    (rule,) = spec["rules"]
    (match,) = rule["matches"]
    made = {"name": name, "match": {"prefix": match.get("path", {}).get("value", "/"), "headers": _headers(match)}}
    backends = rule.get("backendRefs")
    if not backends:
        response = find(ENVOY_GATEWAY / "routes.yaml", "HTTPRouteFilter")["spec"]["directResponse"]
        body = {"inline_string": response["body"]["inline"]}
        made["response_headers_to_add"] = [
            {"header": {"key": "content-type", "value": response["contentType"]}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ]
        return {**made, "direct_response": {"status": response["statusCode"], "body": body}}, None
    (modifier,) = [entry["requestHeaderModifier"] for entry in rule["filters"]]
    made["request_headers_to_add"] = [
        {"header": {"key": header["name"], "value": header["value"]}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for header in modifier["set"]
    ]
    timeout = seconds(rule["timeouts"]["request"])
    # Never below the request's timeout, and an hour at least.
    idle = f"{max(3600, float(timeout[:-1])):g}s"
    action = {"cluster": f"httproute/airbyte/{name}/rule/0", "timeout": timeout, "idle_timeout": idle}
    hashed = policy["loadBalancer"]["consistentHash"]["header"]["name"]
    action["hash_policy"] = [{"header": {"header_name": hashed}}]
    if retry := policy.get("retry"):
        action["retry_policy"] = {
            "retry_on": ",".join(retry["retryOn"]["triggers"]),
            "retriable_status_codes": retry["retryOn"]["httpStatusCodes"],
            "num_retries": retry["numRetries"],
            "host_selection_retry_max_attempts": 5,
            "retry_host_predicate": [OTHER_HOSTS],
        }
    cluster = {
        "name": action["cluster"],
        "type": "STATIC",
        "connect_timeout": policy["timeout"]["tcp"]["connectTimeout"],
        "lb_policy": "MAGLEV",
    }
    return {**made, "route": action}, cluster


def _headers(match: dict) -> list[dict]:
    # Gateway API's regular expressions match the whole value, as Envoy's do.
    return [
        {
            "name": header["name"],
            "string_match": {"exact": header["value"]}
            if header["type"] == "Exact"
            else {"safe_regex": {"regex": header["value"]}},
        }
        for header in match.get("headers", [])
    ]
