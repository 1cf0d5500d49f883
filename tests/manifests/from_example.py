"""envoy-example/kubernetes/envoy.yaml is ../envoy.yaml with these changes, and nothing else.

`python tests/manifests/from_example.py` writes it anew; a test holds the two together.
"""

from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "envoy-example"
FILES = {"envoy.yaml": EXAMPLE / "kubernetes/envoy.yaml", "sds/tls.yaml": EXAMPLE / "kubernetes/sds.yaml"}

_ENDPOINTS = """\
        - endpoint: {address: {socket_address: {address: airbyte-server-0.airbyte.internal, port_value: 8001}}}
        - endpoint: {address: {socket_address: {address: airbyte-server-1.airbyte.internal, port_value: 8001}}}
"""
_SERVICE = """\
        - endpoint: {address: {socket_address: {address: airbyte-server.airbyte.svc.cluster.local, port_value: 8001}}}
"""
_REDIRECT = "  # Plain HTTP only says where to go."
_PROBES = """\
  # For the kubelet. Ready until drain.sh says that this pod is about to go; alive while Envoy answers at all.
  - name: probes
    address: {socket_address: {address: 0.0.0.0, port_value: 9902}}
    per_connection_buffer_limit_bytes: 32768
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: probes
          stream_idle_timeout: 10s
          common_http_protocol_options: {idle_timeout: 60s}
          http_filters:
          - name: ready
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
              pass_through_mode: false
              headers: [{name: ":path", string_match: {exact: /ready}}]
          - name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            name: probes
            virtual_hosts:
            - name: probes
              domains: ["*"]
              routes:
              - match: {path: /alive}
                direct_response: {status: 200}

"""
_CHANGES = [
    (
        "# Envoy with airgate in front of Airbyte: one static bootstrap, complete.\n",
        "# Envoy with airgate in front of Airbyte, for the ConfigMap: ../envoy.yaml with the changes of Kubernetes.\n",
    ),
    ("code: {local: {filename: /etc/airgate/airgate.wasm}}", "code: {local: {filename: /etc/airgate/module/plugin.wasm}}"),
    (_ENDPOINTS, _SERVICE),
    # Counted for each Envoy, and here are two.
    ("      - max_connections: 5\n", "      - max_connections: 3  # of 5 in all, for two pods: docs/scaling.md\n"),
    (_REDIRECT, _PROBES + _REDIRECT),
]


def rendered(source: str) -> str:
    text = (EXAMPLE / source).read_text()
    if source != "envoy.yaml":
        return text
    for before, after in _CHANGES:
        if text.count(before) != 1:
            raise LookupError(f"envoy-example/envoy.yaml no longer has this once: {before}")
        text = text.replace(before, after)
    return text


if __name__ == "__main__":
    for source, target in FILES.items():
        target.write_text(rendered(source))
