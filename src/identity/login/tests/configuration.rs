use super::*;
use crate::testing::test;

fn mistakes(more: Value) -> Vec<String> {
    let found = configured(more).err().unwrap_or_default();
    found.iter().map(|mistake| mistake.to_string().strip_prefix("login.").unwrap().to_owned()).collect()
}

#[track_caller]
fn wrong(more: Value, expected: &[&str]) {
    assert_eq!(mistakes(more), expected);
}

#[test]
fn a_client_id_is_enough() {
    let settings = login(json!({}));
    assert_eq!((settings.client_id.as_str(), settings.cluster.as_str()), ("airgate", "idp"));
    assert_eq!(settings.external_url, HOST);
    assert!(settings.label.is_none() && settings.max_age.is_none() && !settings.userinfo);
    assert_eq!(settings.endpoints(&endpoints()), endpoints());
    let own = login(json!({"external_url": "https://b.example:8443/", "cluster": "x", "label": "Corporate login"}));
    assert_eq!((own.cluster.as_str(), own.label.as_deref()), ("x", Some("Corporate login")));
    assert_eq!(own.redirect_uri("corp"), "https://b.example:8443/.airgate/callback/corp");
    assert_eq!(own.redirect_uri("a/b?c"), "https://b.example:8443/.airgate/callback/a%2Fb%3Fc");
}

#[test]
fn written_endpoints_come_before_discovered_ones() {
    let settings = login(json!({
        "token_endpoint": "https://inside.example/token", "end_session_endpoint": "https://idp.example.com/bye?x=1",
    }));
    let expected = Metadata {
        token: Endpoint::parse("https://inside.example/token"),
        end_session: Endpoint::parse("https://idp.example.com/bye?x=1"),
        sends_issuer: true,
        ..endpoints()
    };
    assert_eq!(settings.endpoints(&Metadata { sends_issuer: true, ..endpoints() }), expected);
    wrong(
        json!({"token_endpoint": "http://idp/token", "revocation_endpoint": "/revoke"}),
        &["token_endpoint: expected an https URL", "revocation_endpoint: expected an https URL"],
    );
}

#[test]
fn without_discovery_endpoints_must_be_written() {
    let read = |section: Value, cluster| {
        let outcome = settings::read(&section, &|_| None, |section| LoginSettings::read(section, HOST, cluster, false));
        outcome.err().unwrap_or_default().iter().map(Mistake::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        read(json!({"userinfo": true}), None),
        [
            "client_id: must be written",
            "cluster: must be written",
            "authorization_endpoint: must be written",
            "token_endpoint: must be written",
            "userinfo_endpoint: must be written",
        ]
    );
    let written = json!({
        "client_id": "a", "authorization_endpoint": "https://i/a", "token_endpoint": "https://i/t",
    });
    assert_eq!(read(written, Some("idp")), [""; 0]);
}

#[test]
fn protocol_parameters_are_no_extras() {
    for name in [
        "response_type",
        "response_mode",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "acr_values",
        "request",
        "request_uri",
        "id_token_hint",
        "registration",
        "State",
        "RESPONSE_MODE",
    ] {
        let expected =
            format!("parameters[{name:?}]: belongs to the protocol; where there is a choice, login has a field for it");
        wrong(json!({"parameters": {name: "x"}}), &[&expected]);
    }
    wrong(
        json!({"parameters": {"audience": 1, "": "x"}}),
        &["parameters[\"\"]: a parameter has a name", "parameters[\"audience\"]: expected a text"],
    );
}

#[test]
fn every_other_mistake_is_named() {
    let prompt = "prompt: expected login, consent or select_account, or several with a space between them";
    for text in ["none", "login none", "Login", "login  consent", " login"] {
        wrong(json!({"prompt": text}), &[prompt]);
    }
    let openid = "scopes: openid must be among them: without it there is no ID token";
    wrong(json!({"scopes": ["profile"]}), &[openid]);
    wrong(json!({"scopes": []}), &[openid]);
    wrong(
        json!({"scopes": ["openid", "a b"], "acr_values": ["a\"b"]}),
        &[
            "scopes[1]: expected one word without spaces, quotes or backslashes",
            "acr_values[0]: expected one word without spaces, quotes or backslashes",
        ],
    );
    wrong(json!({"max_age": "0s"}), &["max_age: must be between 1s and 34560000s"]);
    wrong(
        json!({"external_url": "http://a"}),
        &["external_url: expected https:// and a host, such as https://airbyte.example.com"],
    );
    wrong(json!({"client_di": "x"}), &["client_di: unknown field; did you mean client_id?"]);
}

#[test]
fn client_authentication_has_what_it_needs_and_no_more() {
    let secret = || json!({"env": "hush"});
    for (more, expected) in [
        (json!({"client_auth": "client_secret_basic"}), "client_secret: must be written"),
        (json!({"client_auth": "client_secret_post"}), "client_secret: must be written"),
        (json!({"client_auth": "private_key_jwt"}), "private_key: must be written"),
        (json!({"client_auth": "none", "client_secret": secret()}), "client_secret: has no use with client_auth: none"),
        (
            json!({"client_auth": "private_key_jwt", "client_secret": secret(), "private_key": {"env": "P256"}}),
            "client_secret: has no use with client_auth: private_key_jwt",
        ),
        (
            json!({"client_secret": secret(), "private_key": {"env": "P256"}}),
            "private_key: has no use with client_auth: client_secret_basic",
        ),
        (
            json!({"client_auth": "client_secret_jwt", "client_secret": secret()}),
            "client_auth: expected one of: client_secret_basic, client_secret_post, private_key_jwt, none",
        ),
        (
            json!({"client_secret": "hush"}),
            "client_secret: secrets are not written into a configuration; expected {env: NAME}",
        ),
        (json!({"private_key": {"env": "NONE"}}), "private_key.env: the environment has no such variable"),
    ] {
        wrong(more, &[expected]);
    }
}

#[test]
fn private_keys_that_are_none() {
    let key = |text: &str| mistakes(json!({"private_key": {"env": text}}));
    let d = encode(&[1; 32]).unwrap();
    let other = encode(&[2; 32]).unwrap();
    let order = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
    let kind = "the variable holds no private JWK of kty EC and crv P-256, or of kty OKP and crv Ed25519";
    let d_size = "the JWK's d is no 32 bytes in base64url";
    let public = "the JWK's public half belongs to another private one";
    let alg = "the JWK's alg does not fit its kind: expected ES256 for P-256 and EdDSA for Ed25519";
    let no_jwk = "the variable holds no JWK: expected one object in JSON";
    let zeros = encode(&[0; 32]).unwrap();
    for (text, expected) in [
        ("-----BEGIN PRIVATE KEY-----".to_owned(), no_jwk),
        ("[]".to_owned(), no_jwk),
        (format!(r#"{{"d":"{d}","d":"{d}"}}"#), no_jwk),
        (json!({"kty": "EC", "crv": "P-256"}).to_string(), d_size),
        (json!({"kty": "EC", "crv": "P-256", "d": "AA"}).to_string(), d_size),
        (json!({"kty": "EC", "crv": "P-256", "d": format!("{d}=")}).to_string(), d_size),
        (json!({"kty": "EC", "crv": "P-384", "d": d}).to_string(), kind),
        (json!({"kty": "OKP", "crv": "P-256", "d": d}).to_string(), kind),
        (json!({"kty": "RSA", "d": d}).to_string(), kind),
        (json!({"kty": "EC", "crv": "P-256", "d": zeros}).to_string(), "the JWK's d is no private key of P-256"),
        (json!({"kty": "EC", "crv": "P-256", "d": order}).to_string(), "the JWK's d is no private key of P-256"),
        (json!({"kty": "OKP", "crv": "Ed25519", "d": zeros}).to_string(), "the JWK's d is no private key of Ed25519"),
        (json!({"kty": "EC", "crv": "P-256", "d": d, "x": other}).to_string(), public),
        (json!({"kty": "OKP", "crv": "Ed25519", "d": d, "x": other}).to_string(), public),
        (json!({"kty": "OKP", "crv": "Ed25519", "d": d, "x": 1}).to_string(), public),
        (json!({"kty": "EC", "crv": "P-256", "d": d, "alg": "EdDSA"}).to_string(), alg),
        (json!({"kty": "OKP", "crv": "Ed25519", "d": d, "alg": "HS256"}).to_string(), alg),
        (json!({"kty": "OKP", "crv": "Ed25519", "d": d, "kid": 1}).to_string(), "the JWK's kid is no text"),
    ] {
        assert_eq!(key(&text), [format!("private_key: {expected}")], "{text}");
    }
    let without_public_half = json!({"kty": "OKP", "crv": "Ed25519", "d": d, "alg": "Ed25519"}).to_string();
    assert_eq!(key(&without_public_half), [""; 0]);
}
