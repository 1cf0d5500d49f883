use super::*;
use crate::algorithm::Algorithm;
use crate::http::{Call, CallId};
use crate::identity::keys::Key;
use crate::identity::signature::{SignatureChecker, SignatureMode};
use crate::identity::testing::Signer;
use crate::identity::token::Token;
use crate::testing::test;

/// The private halves of the signers below, whose seeds are bytes of one value.
pub const P256: &str = r#"{"kty": "EC", "crv": "P-256", "kid": "our key", "use": "sig", "alg": "ES256",
    "d": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}"#;
pub const ED25519: &str = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "our key",
    "d": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}"#;

const ID: CallId = CallId(7);

fn a_code() -> Code {
    let (browser, state) = in_flight();
    code(browser.come_back(&format!("code=a+b&state={state}"), at(1)))
}

fn fields(call: &Call) -> Vec<(String, String)> {
    read_form(call.form.as_ref().unwrap().text().as_bytes()).unwrap()
}

fn names(call: &Call) -> Vec<String> {
    fields(call).into_iter().map(|(name, _)| name).collect()
}

fn value(call: &Call, name: &str) -> String {
    fields(call).into_iter().find(|(found, _)| found == name).unwrap().1
}

fn exchanged(settings: &LoginSettings) -> Call {
    exchange(settings, &endpoints(), "corp", &a_code(), ID, &TestHost::default(), at(1)).unwrap()
}

#[test]
fn a_code_is_exchanged() {
    let call = exchanged(&login(json!({"cluster": "way"})));
    assert_eq!((call.id, call.cluster.as_str()), (ID, "way"));
    assert_eq!(Some(&call.endpoint), endpoints().token.as_ref());
    assert_eq!(call.authorization, None);
    assert_eq!(names(&call), ["grant_type", "code", "redirect_uri", "code_verifier", "client_id"]);
    assert_eq!((value(&call, "grant_type").as_str(), value(&call, "code").as_str()), ("authorization_code", "a b"));
    assert_eq!(value(&call, "redirect_uri"), "https://airbyte.example.com/.airgate/callback/corp");
    assert_eq!(value(&call, "code_verifier"), a_code().verifier);
    assert_eq!(value(&call, "client_id"), "airgate");
}

#[test]
fn refresh_tokens_are_used_and_revoked() {
    let (settings, host) = (login(json!({})), TestHost::default());
    let call = refresh(&settings, &endpoints(), "r+1", ID, &host, at(1)).unwrap();
    assert_eq!(call.form.as_ref().unwrap().text(), "grant_type=refresh_token&refresh_token=r%2B1&client_id=airgate");
    assert_eq!(call.endpoint.path, "/token");
    let call = revoke(&settings, &endpoints(), "r", ID, &host, at(1)).unwrap();
    assert_eq!(call.form.as_ref().unwrap().text(), "token=r&token_type_hint=refresh_token&client_id=airgate");
    assert_eq!(call.endpoint.path, "/revoke");
}

#[test]
fn userinfo_is_asked_with_the_access_token() {
    let call = userinfo(&login(json!({})), &endpoints(), "at", ID).unwrap();
    assert_eq!((call.authorization.as_deref(), call.form.is_none()), (Some("Bearer at"), true));
    assert_eq!(call.endpoint.path, "/me");
}

#[test]
fn what_the_provider_has_not_is_not_called() {
    let (settings, nothing, host) = (login(json!({})), Metadata::default(), TestHost::default());
    assert!(exchange(&settings, &nothing, "corp", &a_code(), ID, &host, at(1)).is_none());
    assert!(refresh(&settings, &nothing, "r", ID, &host, at(1)).is_none());
    assert!(revoke(&settings, &nothing, "r", ID, &host, at(1)).is_none());
    assert!(userinfo(&settings, &nothing, "a", ID).is_none());
}

#[test]
fn a_secret_in_the_header_is_encoded_twice() {
    use ct_codecs::{Base64, Decoder};
    for (id, secret, expected) in [
        ("airgate", "hush", "airgate:hush"),
        ("a:b", "p@ss:w%rd+&=", "a%3Ab:p%40ss%3Aw%25rd%2B%26%3D"),
        ("\u{e4} b", "\u{20ac}~-_.*", "%C3%A4+b:%E2%82%AC%7E-_.*"),
    ] {
        let call = exchanged(&login(json!({"client_id": id, "client_secret": {"env": secret}})));
        let header = call.authorization.clone().unwrap();
        let pair = Base64::decode_to_vec(header.strip_prefix("Basic ").unwrap(), None).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), expected);
        assert!(!names(&call).iter().any(|name| name.starts_with("client_")), "one method at a time");
    }
}

#[test]
fn a_secret_in_the_body() {
    let settings = json!({"client_auth": "client_secret_post", "client_secret": {"env": "p&=w d"}});
    let call = exchanged(&login(settings));
    assert_eq!(call.authorization, None);
    assert_eq!((value(&call, "client_id").as_str(), value(&call, "client_secret").as_str()), ("airgate", "p&=w d"));
    assert!(!format!("{call:?}").contains("p%26"), "nothing secret in a log");
}

#[test]
fn assertions_are_signed_for_the_token_endpoint() {
    for (variable, algorithm) in [("P256", Algorithm::ES256), ("ED25519", Algorithm::EdDSA)] {
        let settings = login(json!({"private_key": {"env": variable}}));
        let host = TestHost::default();
        let calls = [
            exchange(&settings, &endpoints(), "corp", &a_code(), ID, &host, at(1)).unwrap(),
            refresh(&settings, &endpoints(), "r", ID, &host, at(1)).unwrap(),
            revoke(&settings, &endpoints(), "r", ID, &host, at(1)).unwrap(),
        ];
        let mut ids = Vec::new();
        for call in &calls {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            assert_eq!((value(call, "client_assertion_type").as_str(), &call.authorization), (kind, &None));
            assert_eq!(value(call, "client_id"), "airgate");
            let text = value(call, "client_assertion");
            let token = Token::parse(text.as_bytes()).unwrap();
            assert_eq!((token.algorithm(), token.kid(), token.typ()), (algorithm, Some("our key"), Some("JWT")));
            let key = Key::read(&Signer::new("our key", algorithm, 1).jwk()).unwrap();
            let checker = SignatureChecker::new(SignatureMode::Software, &host);
            let (good, _) = checker.check(&key, algorithm, token.signed(), token.signature(), &host);
            assert!(good, "{algorithm:?}");
            let mut claims = Value::Object(token.claims().clone());
            let id = claims["jti"].take();
            assert_eq!(id.as_str().unwrap().len(), 22);
            let expected = json!({
                "iss": "airgate", "sub": "airgate", "aud": "https://idp.example.com/token", "jti": null,
                "iat": START + 1, "exp": START + 61,
            });
            assert_eq!(claims, expected);
            ids.push(id.to_string());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "no assertion is like another");
    }
}
