use airgate::config::Settings;
use airgate::gateway::Step;
use airgate::http::Answer;
use serde_json::Value;

use super::promises::check;
use super::site::{NOW, Site, config, config_offline, discovery_document, environment, head, honest, jwk, token};

/// What a provider calls its keys: taken from the network as from the configuration, and a key that it does not name
/// lets nobody in.
pub fn jwks(data: &[u8]) -> bool {
    let mut site = Site::new(&config());
    site.tick();
    site.answer(honest(&discovery_document()));
    site.answer(Answer::Response { status: 200, body: data.to_vec() });

    let value: Option<Value> = serde_json::from_slice(data).ok();
    for number in [1, 2] {
        let authorization = format!("Bearer {}", token(number, "alice", NOW));
        let sent = head("GET", "/api/v1/x", &[("authorization", authorization.as_bytes())]);
        let step = site.send(u32::from(number), sent.clone());
        if check(&sent, &step).is_let_in() {
            let keys = value.as_ref().and_then(|set| set["keys"].as_array()).expect("a key set");
            let ours = jwk(number);
            let is_ours = |key: &Value| key["x"] == ours["x"] && key["crv"] == ours["crv"] && key["kty"] == ours["kty"];
            assert!(keys.iter().any(is_ours), "the set does not name this key");
        }
    }

    let ready = is_ready(&mut site);
    if ready {
        let mut inline = config_offline();
        inline["providers"][0]["jwks"] = value.expect("no JSON is no key set");
        assert!(Settings::read(&inline, &environment).is_ok(), "good from afar is good in the configuration");
    }
    ready
}

fn is_ready(site: &mut Site) -> bool {
    match site.send(9, head("GET", "/.airgate/health", &[])) {
        Step::Reply { reply, .. } => reply.body == br#"{"status":"ok"}"#,
        step => panic!("{step:?}"),
    }
}
