use super::*;
use crate::testing::test;
use serde_json::{Value, json};

fn smallest() -> Value {
    json!({
        "external_url": "https://airbyte.example.com",
        "providers": [{"issuer": "https://idp.example.com/realms/data", "cluster": "idp", "audiences": ["airbyte"]}],
        "access": {"default_role": "admin"},
    })
}

fn mistakes(value: &Value) -> Vec<String> {
    let environment = |name: &str| (name == "KEY").then(|| crate::testing::key(1));
    match Settings::parse(value.to_string().as_bytes(), &environment) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(Mistake::to_string).collect(),
    }
}

#[test]
fn the_smallest_useful_configuration_is_enough() {
    assert_eq!(mistakes(&smallest()), [""; 0]);
}

#[test]
fn the_external_url_is_https_and_a_host() {
    for good in ["https://a", "https://a/", "https://a.example:8443", "https://[::1]:1"] {
        let mut config = smallest();
        config["external_url"] = good.into();
        assert_eq!(mistakes(&config), [""; 0], "{good}");
    }
    for bad in ["http://a", "https://", "https://a/b", "https://u@a", "https://a b", "a", "https://a?x", "HTTPS://a"] {
        let mut config = smallest();
        config["external_url"] = bad.into();
        let expected = "external_url: expected https:// and a host, such as https://airbyte.example.com";
        assert_eq!(mistakes(&config), [expected], "{bad}");
    }
}

#[test]
fn every_mistake_of_every_room_is_reported_at_once() {
    let config = json!({
        "signatures": "fast",
        "providers": [{"issuer": "http://idp", "cluster": "", "audience": ["a"], "keys": {"refresh": "1s"}}],
        "public": ["x"],
        "access": {"default_rol": "admin"},
        "routing": {"rules": [{}]},
        "affinity": {"mode": "pinned"},
        "upstream": {"mode": "tokens"},
        "branding": {"nmae": "x"},
        "session": {},
    });
    let found = mistakes(&config).join("\n");
    for place in [
        "external_url: must be written",
        "signatures: expected one of: host, software",
        "providers[0].issuer:",
        "providers[0].cluster: must not be empty",
        "providers[0].audiences:",
        "providers[0].audience: unknown field; did you mean audiences?",
        "providers[0].keys.refresh: must be between",
        "public[0]: a path pattern begins with a slash",
        "access.default_role: must be written",
        "access.default_rol: unknown field; did you mean default_role?",
        "routing.rules[0].then: must be written",
        "affinity.mode: expected one of:",
        "upstream.mode: expected one of: none, pass, token",
        "branding.nmae: unknown field; did you mean name?",
        "session: has no use while no provider has a login section",
    ] {
        assert!(found.contains(place), "{place} is not in\n{found}");
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    let parse = |text: &[u8]| Settings::parse(text, &|_| None).err().unwrap().first().unwrap().to_string();
    assert!(parse(b"").starts_with("no valid JSON"));
    assert!(parse(b"{\"a\":1,\"a\":1}").contains("duplicate member"));
    assert_eq!(parse(b"[]"), "expected an object");
}

#[test]
fn providers_have_names_and_issuers_of_their_own() {
    let mut config = smallest();
    let provider = config["providers"][0].clone();
    config["providers"] = json!([provider, provider]);
    assert_eq!(
        mistakes(&config),
        ["providers[1].name: another provider has this name", "providers[1].issuer: another provider has this issuer"]
    );
    config = smallest();
    config["access"]["roles"] = json!([
        {"role": "reader", "provider": config["providers"][0]["issuer"]},
        {"role": "admin", "provider": "crop"},
    ]);
    assert_eq!(mistakes(&config), ["access.roles[1].provider: no provider has this name"]);
    config["access"] = smallest()["access"].clone();
    config["providers"][0]["name"] = json!("corp-1_a.b");
    assert_eq!(mistakes(&config), [""; 0]);
    for name in ["a/b", "a b", "a?", "ä", "a\n"] {
        config["providers"][0]["name"] = json!(name);
        assert_eq!(mistakes(&config), ["providers[0].name: expected letters, digits, -, _ and . only"], "{name}");
    }
    config["providers"] = json!([]);
    assert_eq!(mistakes(&config), ["providers: at least one provider must be written"]);
}

#[test]
fn a_token_relay_needs_a_provider_whose_token_endpoint_is_told_somehow() {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let mut config = smallest();
    config["providers"][0]["name"] = json!("corp");
    config["token_relay"] = json!({"provider": "corp"});
    assert_eq!(mistakes(&config), [""; 0], "by discovery");
    config["token_relay"]["provider"] = json!("crop");
    assert_eq!(mistakes(&config), ["token_relay.provider: no provider has this name"]);

    let provider = json!({"name": "corp", "issuer": "https://idp", "audiences": ["a"], "jwks": {"keys": [key]}});
    config["providers"] = json!([provider]);
    config["token_relay"]["provider"] = json!("corp");
    assert_eq!(
        mistakes(&config),
        ["token_relay.provider: its token endpoint is not known: it needs discovery, or login.token_endpoint"]
    );
    config["providers"][0]["login"] = json!({
        "client_id": "a", "client_secret": {"env": "KEY"}, "cluster": "idp",
        "authorization_endpoint": "https://idp/auth", "token_endpoint": "https://idp/token",
    });
    config["session"] = json!({"keys": [{"id": "k1", "secret": {"env": "KEY"}}]});
    assert_eq!(mistakes(&config), [""; 0], "by its login");
}

#[test]
fn whoever_signs_people_in_needs_keys_for_their_sessions() {
    let mut config = smallest();
    config["providers"][0]["name"] = json!("corp");
    config["providers"][0]["login"] = json!({"client_id": "a", "client_secret": {"env": "KEY"}});
    assert_eq!(mistakes(&config), ["session: a provider with login needs session.keys"]);
    let keys = ["session.keys: sessions are sealed, so at least one key must be written"];
    for (session, expected) in [
        (json!({}), keys.as_slice()),
        (json!({"keys": []}), &keys),
        (json!("keys"), &["session: expected an object"]),
        (json!({"keys": [{"id": "k1", "secret": {"env": "KEY"}}]}), &[]),
    ] {
        config["session"] = session.clone();
        assert_eq!(mistakes(&config), expected, "{session}");
    }
}
