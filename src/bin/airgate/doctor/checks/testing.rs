//! A small Envoy in which nothing is wrong, to break things in.

use serde_json::{Value, json};

use crate::doctor::facts::{Facts, Pages};
use crate::doctor::finding::Severity;

/// The pages of its admin interface.
pub struct Envoy(Pages);

const LISTENER: &str = "/configs/2/dynamic_listeners/0/active_state/listener";

/// Short names of places that tests break.
const PLACES: [(&str, &str); 11] = [
    ("admin", "/configs/0/bootstrap/admin"),
    ("airbyte", "/configs/1/static_clusters/0/cluster"),
    ("idp", "/configs/1/dynamic_active_clusters/0/cluster"),
    ("listener", ""),
    ("chain", "/filter_chains/0"),
    ("tls", "/filter_chains/0/transport_socket/typed_config"),
    ("manager", "/filter_chains/0/filters/0/typed_config"),
    ("airgate_entry", "/filter_chains/0/filters/0/typed_config/http_filters/0"),
    ("airgate", "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config"),
    ("host", "/configs/3/dynamic_route_configs/0/route_config/virtual_hosts/0"),
    ("routes", "/configs/3/dynamic_route_configs/0/route_config/virtual_hosts/0/routes"),
];

/// What is found in it is exactly this, in this order.
#[track_caller]
pub fn is(envoy: &Envoy, ids: &[&str]) -> Vec<Severity> {
    let now = humantime::parse_rfc3339("2026-08-01T00:00:00Z").unwrap();
    let found = super::all(&Facts::read(&envoy.0, now));
    assert_eq!(found.iter().map(|finding| finding.id).collect::<Vec<_>>(), ids, "{found:#?}");
    for finding in &found {
        assert!(!finding.why.is_empty() && !finding.change.is_empty(), "{finding:#?}");
    }
    found.iter().map(|finding| finding.severity).collect()
}

impl Envoy {
    pub fn sound() -> Envoy {
        Envoy(Pages {
            config: json!({"configs": [
                {"@type": "x/BootstrapConfigDump", "bootstrap": {"admin": {"address": address("127.0.0.1")}}},
                {"@type": "x/ClustersConfigDump", "static_clusters": [{"cluster": airbyte()}],
                    "dynamic_active_clusters": [{"cluster": idp()}]},
                {"@type": "x/ListenersConfigDump", "dynamic_listeners": [{"active_state": {"listener": listener()}}]},
                {"@type": "x/RoutesConfigDump", "dynamic_route_configs": [{"route_config": {"name": "routes",
                    "virtual_hosts": [{"domains": ["*"], "routes": routes()}]}}]},
            ]}),
            clusters: json!({"cluster_statuses": [
                {"name": "airbyte", "host_statuses":
                    [{"address": address("10.0.0.1")}, {"address": address("10.0.0.2")}]},
                {"name": "idp", "host_statuses": [{"address": address("10.0.1.1"), "stats":
                    [{"name": "rq_success", "value": "6"}, {"name": "rq_total", "value": "6"},
                        {"name": "cx_connect_fail"}]}]},
            ]}),
            stats: json!({"stats": [{"histograms": {}}, {"name": "wasm.airgate.vm_reload", "value": 0}]}),
            server: json!({"command_line_options": {"drain_time": "1860s"}}),
            certificates: json!({"certificates": [{"cert_chain": []}]}),
        })
    }

    /// Writes a value. The path begins with one of `PLACES`, and what is missing on it is made.
    pub fn set(mut self, path: &str, value: Value) -> Envoy {
        let (first, rest) = path.strip_prefix('/').map(|path| path.split_once('/').unwrap_or((path, ""))).unwrap();
        let (page, start) = match first {
            "airbyte_hosts" => (&mut self.0.clusters, "/cluster_statuses/0/host_statuses".to_owned()),
            "idp_hosts" => (&mut self.0.clusters, "/cluster_statuses/1/host_statuses".to_owned()),
            "server" => (&mut self.0.server, String::new()),
            "certificates" => (&mut self.0.certificates, "/certificates".to_owned()),
            _ => {
                let place = PLACES.iter().find(|(name, _)| *name == first).expect(first).1;
                let global = place.starts_with("/configs");
                (&mut self.0.config, if global { place.to_owned() } else { format!("{LISTENER}{place}") })
            }
        };
        let mut target = page.pointer_mut(&start).unwrap();
        for step in rest.split('/').filter(|step| !step.is_empty()) {
            target = match step.parse::<usize>() {
                Ok(index) => &mut target[index],
                Err(_) => &mut target[step],
            };
        }
        *target = value;
        self
    }

    /// Puts a filter into the chain.
    pub fn filter(mut self, at: usize, filter: Value) -> Envoy {
        let filters = format!("{LISTENER}/filter_chains/0/filters/0/typed_config/http_filters");
        self.0.config.pointer_mut(&filters).unwrap().as_array_mut().unwrap().insert(at, filter);
        self
    }

    pub fn listener(mut self, listener: Value) -> Envoy {
        self.0.config["configs"][2]["static_listeners"] = json!([{"listener": listener}]);
        self
    }

    /// A cluster that nobody knows, with one host.
    pub fn cluster(mut self, name: &str, host: &str) -> Envoy {
        let clusters = self.0.config["configs"][1]["static_clusters"].as_array_mut().unwrap();
        clusters.push(json!({"cluster": {"name": name}}));
        let statuses = self.0.clusters["cluster_statuses"].as_array_mut().unwrap();
        statuses.push(json!({"name": name, "host_statuses": [{"address": address(host)}]}));
        self
    }

    pub fn stat(mut self, name: &str, value: u64) -> Envoy {
        self.0.stats["stats"].as_array_mut().unwrap().push(json!({"name": name, "value": value}));
        self
    }
}

/// Every part of a document, one after the other, replaced by something odd.
fn oddities(value: &Value) -> Vec<Value> {
    let odd = [json!(null), json!([]), json!({"@type": 1}), json!("-1s"), json!(18_446_744_073_709_551_615_u64)];
    let mut all = odd.to_vec();
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                all.extend(oddities(member).into_iter().map(|odd| {
                    let mut changed = members.clone();
                    changed.insert(key.clone(), odd);
                    Value::Object(changed)
                }));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                all.extend(oddities(item).into_iter().map(|odd| {
                    let mut changed = items.clone();
                    changed[index] = odd;
                    Value::Array(changed)
                }));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn whatever_is_missing_or_odd_is_no_panic() {
    let sound = || Envoy::sound().0;
    let judge = |pages: &Pages| super::all(&Facts::read(pages, std::time::SystemTime::now())).len();
    for config in oddities(&sound().config) {
        judge(&Pages { config, ..sound() });
    }
    for clusters in oddities(&sound().clusters) {
        judge(&Pages { clusters, ..sound() });
    }
    // Without anything there is one thing to say.
    assert_eq!(judge(&Pages::default()), 1);
}

fn address(ip: &str) -> Value {
    json!({"socket_address": {"address": ip, "port_value": 8001}})
}

fn airbyte() -> Value {
    json!({"name": "airbyte", "lb_policy": "MAGLEV", "health_checks": [{}], "outlier_detection": {}})
}

fn idp() -> Value {
    json!({"name": "idp", "transport_socket": {"typed_config": {"@type": "x/UpstreamTlsContext", "common_tls_context":
        {"validation_context": {"trusted_ca": {"filename": "ca.crt"},
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "idp.example.com"}}]}}}}})
}

fn listener() -> Value {
    json!({"name": "https", "address": address("0.0.0.0"), "filter_chains": [{
        "transport_socket": {"typed_config": {"@type": "x/DownstreamTlsContext", "common_tls_context": {}}},
        "filters": [{"typed_config": {"@type": "x/HttpConnectionManager", "use_remote_address": true,
            "normalize_path": true, "merge_slashes": true, "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "stream_idle_timeout": "60s",
            "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
            "rds": {"route_config_name": "routes"},
            "http_filters": [airgate(), {"name": "router", "typed_config": {"@type": "x/Router"}}]}}],
    }]})
}

fn airgate() -> Value {
    let settings = json!({"external_url": "https://airbyte.example.com",
        "providers": [{"issuer": "https://idp.example.com", "cluster": "idp"}],
        "affinity": {"mode": "hash", "keys": [{"secret": {"env": "SECRET"}}]}});
    json!({"name": "airgate", "typed_config": {"@type": "x/Wasm", "config": {"failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": true, "vm_config": {"vm_id": "airgate"},
        "configuration": {"value": settings}}}})
}

fn routes() -> Value {
    let hash = json!([{"header": {"header_name": "x-airgate-affinity"}}]);
    let route = |class: Value, timeout: &str, idle: Option<&str>| {
        json!({"match": {"prefix": "/", "headers": [class]}, "route":
            {"cluster": "airbyte", "timeout": timeout, "idle_timeout": idle, "hash_policy": hash}})
    };
    let exact = |class: &str| json!({"name": "x-airgate-route", "string_match": {"exact": class}});
    json!([
        route(exact("slow"), "1800s", Some("1800s")),
        route(exact("builder"), "330s", Some("330s")),
        route(json!({"name": "x-airgate-route", "present_match": true}), "60s", None),
        {"match": {"prefix": "/"}, "direct_response": {"status": 503}},
    ])
}
