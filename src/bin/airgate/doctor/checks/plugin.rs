//! How Envoy runs the module.

use serde_json::Value;

use crate::doctor::facts::{Facts, Filter, Manager, Plugin};
use crate::doctor::finding::Finding;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    if facts.gateways().next().is_none() {
        findings.push(missing());
    }
    for (_, plugin) in facts.gateways() {
        findings.extend(failure_policy(plugin));
        findings.extend(vm_id(facts, plugin));
        findings.extend(bodies(plugin));
        findings.extend(secrets(plugin));
    }
    findings.extend(trapped(facts));
    findings
}

fn missing() -> Finding {
    Finding::error("gateway.missing", ".configs", "no listener of this Envoy has airgate in its chain")
        .because(
            "What a listener without airgate forwards, nobody judges. Most of what follows could not be looked at.",
        )
        .change("http_filters:\n- name: airgate  # before the router; see envoy-example/envoy.yaml")
}

fn failure_policy(plugin: &Plugin<'_>) -> Option<Finding> {
    let place = plugin.node.get("failure_policy");
    let reload = "failure_policy: FAIL_RELOAD";
    if plugin.node.get("fail_open").is_true() || place.text() == Some("FAIL_OPEN") {
        let what = "the wasm filter fails open";
        let why = "After one crash of the module, or if it does not load, everything is forwarded and nobody is asked \
                   who they are.";
        let place = if place.is_there() { place } else { plugin.node.get("fail_open") };
        return Some(Finding::error("plugin.fails-open", &place, what).because(why).change(reload));
    }
    (place.text() != Some("FAIL_RELOAD")).then(|| {
        Finding::warning("plugin.no-reload", &place, "the module is not loaded anew after a crash")
            .because("A worker whose module crashed answers 503 until Envoy is started again.")
            .change(reload)
    })
}

fn vm_id(facts: &Facts<'_>, plugin: &Plugin<'_>) -> Option<Finding> {
    let place = plugin.node.at(&["vm_config", "vm_id"]);
    let why = "Keys and sessions lie in data that all modules with this vm_id share: another module could read them, \
               and write its own.";
    let change = "vm_config:\n  vm_id: airgate  # and no other module's";
    let sharing = |filter: &&Filter<'_>| {
        filter.kind == "Wasm"
            && filter.config.at(&["config", "vm_config", "vm_id"]).word() == place.word()
            && Plugin::read(filter).is_none()
    };
    if let Some(other) = facts.managers.iter().flat_map(|manager: &Manager<'_>| &manager.filters).find(sharing) {
        let what = format!("the wasm filter {} has airgate's vm_id", other.name);
        return Some(Finding::error("plugin.vm-id", &place, what).because(why).change(change));
    }
    place
        .word()
        .is_empty()
        .then(|| Finding::warning("plugin.vm-id", &place, "the module's vm_id is empty").because(why).change(change))
}

fn bodies(plugin: &Plugin<'_>) -> Option<Finding> {
    let place = plugin.node.get("allow_on_headers_stop_iteration");
    let ahead = plugin.settings.get("bodies").is_some_and(|bodies| bodies == "headers_ahead");
    if ahead && place.is_true() {
        let what = "headers go ahead of their body, though this Envoy can hold them";
        return Some(
            Finding::warning("plugin.bodies", &place, what)
                .because("Airbyte sees the headers of requests that are then refused, and there is no single sign-out.")
                .change("bodies: headers_held  # in airgate's configuration"),
        );
    }
    (!place.is_true() && !ahead).then(|| {
        Finding::error("plugin.bodies", &place, "airgate may not read a body before it decides")
            .because(
                "Creating jobs, single sign-out and other requests that show only in their body what they \
                      are wait until they time out.",
            )
            .change("allow_on_headers_stop_iteration: true  # or bodies: headers_ahead in airgate's configuration")
    })
}

/// A secret that airgate's configuration names and Envoy's shows.
fn secrets(plugin: &Plugin<'_>) -> Vec<Finding> {
    let mut names = Vec::new();
    collect(&plugin.settings, &mut names);
    let literal = plugin.node.at(&["vm_config", "environment_variables", "key_values"]);
    let shown = names.into_iter().map(|name| (name, literal.get(name))).filter(|(_, place)| place.is_there());
    let finding = |(name, place)| {
        Finding::warning("plugin.shown-secret", &place, format!("the secret {name} stands in Envoy's configuration"))
            .because("Whoever reaches the admin interface or a dump of it can read it, and make sessions with it.")
            .change(format!("environment_variables:\n  host_env_keys: [{name}]"))
    };
    shown.map(finding).collect()
}

fn collect<'v>(value: &'v Value, names: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            names.extend(members.get("env").and_then(Value::as_str).filter(|name| !names.contains(name)));
            members.values().for_each(|member| collect(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// Envoy counts when the next request comes, and only where the module is loaded anew (`FAIL_RELOAD`).
fn trapped(facts: &Facts<'_>) -> Option<Finding> {
    let count = |what: &str| facts.count(&format!(".vm_reload_{what}"));
    let (loaded, failed, refused) = (count("success"), count("failure"), count("backoff"));
    (loaded > 0 || failed > 0 || refused > 0).then(|| {
        let what = format!(
            "a module in this Envoy crashed: {loaded} times loaded anew, {failed} times in vain, {refused} requests \
             came before that"
        );
        Finding::error("plugin.trapped", "/stats: wasm.*.vm_reload_*", what)
            .because("A crash ends every request of that worker with 503, for about a second.")
            .change("Please report it with Envoy's log: the lines with \"wasm\" around the crash say where it was.")
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        let set = |path: &str, value| Envoy::sound().set(&format!("/airgate/config/{path}"), value);
        is(&set("failure_policy", json!("FAIL_OPEN")), &["plugin.fails-open"]);
        is(&set("failure_policy", json!(null)).set("/airgate/config/fail_open", json!(true)), &["plugin.fails-open"]);
        is(&set("failure_policy", json!(null)), &["plugin.no-reload"]);
        is(&set("failure_policy", json!("FAIL_CLOSED")), &["plugin.no-reload"]);
        is(&set("vm_config/vm_id", json!("")), &["plugin.vm-id"]);
        is(&set("allow_on_headers_stop_iteration", json!(null)), &["plugin.bodies"]);
        let ahead = |held| {
            set("configuration/value/bodies", json!("headers_ahead"))
                .set("/airgate/config/allow_on_headers_stop_iteration", json!(held))
        };
        is(&ahead(true), &["plugin.bodies"]);
        is(&ahead(false), &[]);
        let shown = json!({"key_values": {"SECRET": "x", "HARMLESS": "x"}});
        is(&set("vm_config/environment_variables", shown), &["plugin.shown-secret"]);
        is(&Envoy::sound().stat("wasm.airgate.vm_reload_success", 2), &["plugin.trapped"]);
        is(&Envoy::sound().stat("wasm.airgate.vm_reload_failure", 1), &["plugin.trapped"]);
    }

    #[test]
    fn another_module_with_the_same_id() {
        let other = |id: &str| {
            let config = json!({"vm_config": {"vm_id": id}});
            json!({"name": "other", "typed_config": {"@type": "x/Wasm", "config": config}})
        };
        is(&Envoy::sound().filter(0, other("airgate")), &["plugin.vm-id"]);
        is(&Envoy::sound().filter(0, other("other")), &[]);
    }
}
