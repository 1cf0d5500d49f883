//! What is no mistake and yet seldom meant.

use std::time::{Duration, UNIX_EPOCH};

use airgate::access::Unmatched;
use serde_json::Value;

use crate::check::Finding;

/// Everything doubtful about a configuration, read at this moment (seconds since
/// the epoch).
pub fn about(config: &Value, now: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    providers(config, &mut found);
    access(config, &mut found);
    rules(config, now, &mut found);
    if config.pointer("/affinity/mode").is_none_or(|mode| mode == "hash") && list(config, "/affinity/keys").is_empty() {
        let text = "without keys a client is never balanced anew: its cookie is an opaque value without a clock";
        warn(
            &mut found,
            "affinity.keys",
            text,
            "write a key where idle or lifetime matter; `airgate keygen` makes one",
        );
    }
    found
}

/// Whether `bodies` fits a proxy that hands out a body while it holds the headers,
/// or does not.
pub fn bodies(config: &Value, holds: bool) -> Option<Finding> {
    let ahead = config.get("bodies").is_some_and(|bodies| bodies == "headers_ahead");
    let (text, hint) = match (holds, ahead) {
        (false, false) => (
            "this proxy hands out no body before the headers have gone on: what a body decides waits until it times out",
            "bodies: headers_ahead; in Envoy rather allow_on_headers_stop_iteration: true",
        ),
        (true, true) => (
            "headers go ahead of their body, though this proxy can hold them: Airbyte sees those of refused requests",
            "bodies: headers_held",
        ),
        _ => return None,
    };
    Some(Finding { path: "bodies".to_owned(), text: text.to_owned(), hint: Some(hint.to_owned()) })
}

/// Entries of the policy whose ids can never match some of the operations that
/// they are about.
pub fn ids(unmatched: Vec<Unmatched>) -> Vec<Finding> {
    let mut found = Vec::new();
    for Unmatched { path, gives, operations, of } in unmatched {
        const SHOWN: usize = 10;
        let shown = operations.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match operations.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (why, hint) = match gives {
            true => (
                "they take no such id, or another resource as well",
                "list only operations that take these ids; the others stay refused",
            ),
            false => (
                "they take no such id",
                "name these operations in a rule without which, or list the ids that they take",
            ),
        };
        let count = operations.len();
        warn(&mut found, &path, &format!("never matches {count} of {of} operations, since {why}: {shown}{more}"), hint);
    }
    found
}

fn providers(config: &Value, found: &mut Vec<Finding>) {
    for (index, provider) in list(config, "/providers").iter().enumerate() {
        let text = |name: &str| provider.get(name).and_then(Value::as_str).unwrap_or_default();
        let required = provider.get("required_claims");
        if text("issuer").ends_with("://accounts.google.com") && required.is_none_or(|all| all.get("/hd").is_none()) {
            let path = format!("providers[{index}].required_claims");
            let what = "any Google account passes, also private ones: nothing demands your organisation";
            warn(found, &path, what, "required_claims: {/hd: example.com}");
        }
        if text("tokens") == "id" && text("client_id").is_empty() && provider.get("login").is_none() {
            let path = format!("providers[{index}].client_id");
            let what = "an ID token made for another client passes if your audience is in it too";
            warn(found, &path, what, "write the client that your callers' ID tokens are made for");
        }
    }
}

fn access(config: &Value, found: &mut Vec<Finding>) {
    let default = config.pointer("/access/default_role").and_then(Value::as_str).unwrap_or_default();
    if default == "admin" {
        let what = "everybody whom a provider knows may do everything";
        warn(found, "access.default_role", what, "none or reader, and access.roles for the others");
    }
    of_any_provider(config, found);
    match config.pointer("/access/report_only") {
        Some(Value::Bool(true)) => {
            let what = "nothing of access is enforced: whoever is known may do everything that is not closed";
            warn(found, "access.report_only", what, "take it out once the record shows no refusal that surprises");
        }
        Some(Value::Array(list)) if !list.is_empty() => {
            let what = "for these callers nothing of access is enforced";
            warn(found, "access.report_only", what, "take them out once the record shows no refusal that surprises");
        }
        _ => {}
    }
}

/// Entries whose conditions several providers can meet, while they name none.
fn of_any_provider(config: &Value, found: &mut Vec<Finding>) {
    const CONDITIONS: [&str; 6] = ["user", "email_domain", "group", "client", "claim", "act"];
    let providers = list(config, "/providers");
    if providers.len() < 2 {
        return;
    }
    let name = |provider: &Value| {
        let text = |name: &str| provider.get(name).and_then(Value::as_str).map(str::to_owned);
        text("name").or_else(|| text("issuer")).unwrap_or_default()
    };
    let names: Vec<String> = providers.iter().map(name).collect();
    let names = names.join(", ");
    for (pointer, inner) in [("roles", ""), ("rules", "/who"), ("agents", ""), ("report_only", "")] {
        for (index, entry) in list(config, &format!("/access/{pointer}")).iter().enumerate() {
            let Some(who) = entry.pointer(inner) else { continue };
            // A condition on the issuer names the provider, too.
            if who.get("provider").is_some() || who.get("claim").is_some_and(|claim| claim == "/iss") {
                continue;
            }
            if let Some(word) = CONDITIONS.iter().find(|word| who.get(**word).is_some()) {
                let path = format!("access.{pointer}[{index}]{}", inner.replace('/', "."));
                let what = format!("holds for every provider ({names}): each may know the same {word}");
                warn(found, &path, &what, "write provider beside it");
            }
        }
    }
}

fn rules(config: &Value, now: u64, found: &mut Vec<Finding>) {
    for (index, rule) in list(config, "/access/rules").iter().enumerate() {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        let until = text("until");
        if !until.is_empty() && end_of(until).is_some_and(|end| end <= now) {
            let path = format!("access.rules[{index}].until");
            let what = match text("then") {
                "deny" => "is over: this rule refuses nobody any longer",
                _ => "is over: this rule does nothing any longer",
            };
            warn(found, &path, what, "write a later moment, or take the rule out");
        }
    }
}

/// The end of a day, or a moment, in seconds since the epoch.
fn end_of(until: &str) -> Option<u64> {
    let (text, more) = match until.len() {
        10 => (format!("{until}T00:00:00Z"), Duration::from_secs(86_400)),
        _ => (until.to_owned(), Duration::ZERO),
    };
    let moment = humantime::parse_rfc3339(&text).ok()?.checked_add(more)?;
    moment.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn list<'a>(config: &'a Value, pointer: &str) -> &'a [Value] {
    config.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn warn(found: &mut Vec<Finding>, path: &str, text: &str, hint: &str) {
    found.push(Finding { path: path.to_owned(), text: text.to_owned(), hint: Some(hint.to_owned()) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(config: Value) -> Vec<String> {
        about(&config, 1_800_000_000).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn only_what_is_doubtful_is_warned_about() {
        let good = json!({"affinity": {"mode": "off"}});
        let with = |path: &str, value: Value| {
            let mut config = good.clone();
            config[path] = value;
            paths(config)
        };
        assert_eq!(paths(json!({})), ["affinity.keys"]);
        assert_eq!(with("affinity", json!({"keys": [{}]})), [""; 0]);
        let google = "https://accounts.google.com";
        assert_eq!(with("providers", json!([{"issuer": google}])), ["providers[0].required_claims"]);
        assert_eq!(with("providers", json!([{"issuer": google, "required_claims": {"/hd": "a.example"}}])), [""; 0]);
        assert_eq!(with("providers", json!([{"tokens": "id"}])), ["providers[0].client_id"]);
        assert_eq!(with("access", json!({"default_role": "admin"})), ["access.default_role"]);
        assert_eq!(with("access", json!({"report_only": true})), ["access.report_only"]);
        assert_eq!(with("access", json!({"report_only": []})), [""; 0]);
        let roles = json!({"roles": [{"group": "a"}, {"group": "a", "provider": "x"}]});
        assert_eq!(with("access", roles.clone()), [""; 0]);
        assert_eq!(
            paths(json!({"affinity": {"mode": "off"}, "providers": [{}, {}], "access": roles})),
            ["access.roles[0]"]
        );
    }

    #[test]
    fn conditions_that_several_providers_can_meet_are_named() {
        let config = |providers: Value| {
            json!({"affinity": {"mode": "off"}, "providers": providers, "access": {
                "roles": [{"user": "a"}, {"email_domain": "a"}, {"group": "a"}, {"client": "a"}, {"claim": "/a"},
                    {"group": "a", "provider": "x"}, {"claim": "/iss", "equals": "https://x"}],
                "rules": [{"who": {"group": "a"}}, {"who": {"role": "admin"}}, {"what": {}}, {"who": {"auth": "session"}},
                    {"who": {"user": "a", "provider": ["x", "y"]}}],
                "agents": [{"client": "a"}, {"act": "a"}, {"client": "a", "provider": "x"}],
            }})
        };
        let names = json!([{"name": "x"}, {"issuer": "https://y"}]);
        let found: Vec<String> = paths(config(names.clone()));
        let mut expected: Vec<String> = (0..5).map(|index| format!("access.roles[{index}]")).collect();
        expected.extend(["access.rules[0].who", "access.agents[0]", "access.agents[1]"].map(str::to_owned));
        assert_eq!(found, expected);
        assert_eq!(paths(config(json!([{"name": "x"}]))), [""; 0]);
        let said = about(&config(names), 1).into_iter().find(|finding| finding.path == "access.roles[2]");
        let text = "holds for every provider (x, https://y): each may know the same group";
        assert_eq!(said.map(|finding| finding.text), Some(text.to_owned()));
        let listed =
            json!({"affinity": {"mode": "off"}, "providers": [{}, {}], "access": {"report_only": [{"user": "a"}]}});
        assert_eq!(paths(listed), ["access.report_only[0]", "access.report_only"]);
    }

    #[test]
    fn bodies_fit_the_proxy() {
        for (bodies, holds, fits) in [
            (json!(null), true, true),
            (json!("headers_held"), false, false),
            (json!("headers_ahead"), true, false),
            (json!("headers_ahead"), false, true),
        ] {
            assert_eq!(super::bodies(&json!({"bodies": bodies}), holds).is_none(), fits, "{bodies} {holds}");
        }
    }

    #[test]
    fn a_grant_that_is_over_is_named() {
        let rules = |until: &str| paths(json!({"affinity": {"mode": "off"}, "access": {"rules": [{"until": until}]}}));
        // 1,800,000,000 is 2027-01-15T08:00:00Z.
        assert_eq!(rules("2027-01-14"), ["access.rules[0].until"]);
        assert_eq!(rules("2027-01-15"), [""; 0]);
        assert_eq!(rules("2027-01-15T08:00:00Z"), ["access.rules[0].until"]);
        assert_eq!(rules("2027-01-15T08:00:01Z"), [""; 0]);
        assert_eq!(rules("tomorrow"), [""; 0]);
    }
}
