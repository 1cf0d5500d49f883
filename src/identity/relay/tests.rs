use super::*;
use crate::settings;
use crate::testing::test;

fn pair(id: &str, secret: &str) -> ClientPair {
    ClientPair { client_id: id.into(), client_secret: secret.into() }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer::Response { status, body: body.into() }
}

fn plain() -> RelaySettings {
    RelaySettings { provider: "corp".into(), scope: None, audience: None, resource: None }
}

#[test]
fn a_pair_is_read_as_every_client_of_airbyte_sends_it() {
    let json = br#"{"client_id":"ci","client_secret":"s","grant-type":"client_credentials"}"#;
    let sdk = b"client_id=ci&client_secret=s&grant_type=client_credentials";
    let form: Option<&[u8]> = Some(b"application/x-www-form-urlencoded");
    let cases: [(Option<&[u8]>, &[u8]); 8] = [
        (Some(b"application/json"), json),
        (Some(b"Application/JSON; charset=utf-8"), json),
        (Some(b"application/json ;x"), json),
        (None, json),
        (None, br#"{"client_id":"ci","client_secret":"s","more":{"a":[1]}}"#),
        (form, sdk),
        (form, b"client_secret=%73&x=1&client_id=c%69"),
        (Some(b"application/x-www-form-urlencoded; charset=UTF-8"), sdk),
    ];
    for (kind, body) in cases {
        assert_eq!(read_request(kind, body), Ok(pair("ci", "s")), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn what_is_no_pair_is_refused() {
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    let long = format!("client_id=a&client_secret={}", "x".repeat(1025));
    let cases = [
        (json, "", RelayFault::BadRequest),
        (json, "[]", RelayFault::BadRequest),
        (json, "{}", RelayFault::BadRequest),
        (json, r#"{"client_id":"a"}"#, RelayFault::BadRequest),
        (json, r#"{"client_id":"a","client_secret":1}"#, RelayFault::BadRequest),
        (json, r#"{"client_id":"a","client_secret":""}"#, RelayFault::BadRequest),
        (json, r#"{"client_id":"a","client_secret":"b","client_id":"c"}"#, RelayFault::BadRequest),
        (json, r#"{"client_id":"a\n","client_secret":"b"}"#, RelayFault::BadRequest),
        (json, r#"{"client_id":"a","client_secret":"ä"}"#, RelayFault::BadRequest),
        (json, r#"{"client_id":"a","client_secret":"b"} x"#, RelayFault::BadRequest),
        (json, "client_id=a&client_secret=b", RelayFault::BadRequest),
        (json, r#"{"client_id":"a","client_secret":"b","grant-type":"password"}"#, RelayFault::OtherGrant),
        (json, r#"{"client_id":"a","client_secret":"b","grant_type":null}"#, RelayFault::OtherGrant),
        (form, "client_id=a&client_secret=b&grant_type=refresh_token", RelayFault::OtherGrant),
        (form, "client_id=a", RelayFault::BadRequest),
        (form, "client_id=a&client_secret=b&client_secret=c", RelayFault::BadRequest),
        (form, "client_id=a&client_secret=%zz", RelayFault::BadRequest),
        (form, "client_id=a&client_secret=%ff", RelayFault::BadRequest),
        (form, &long, RelayFault::BadRequest),
        ("text/plain", r#"{"client_id":"a","client_secret":"b"}"#, RelayFault::BadRequest),
        ("application/jsonp", r#"{"client_id":"a","client_secret":"b"}"#, RelayFault::BadRequest),
        ("", r#"{"client_id":"a","client_secret":"b"}"#, RelayFault::BadRequest),
        ("multipart/form-data; boundary=x", "--x", RelayFault::BadRequest),
    ];
    for (kind, body, fault) in cases {
        assert_eq!(read_request(Some(kind.as_bytes()), body.as_bytes()), Err(fault), "{kind}: {body}");
    }
    assert_eq!(read_request(None, &b"[".repeat(60_000)), Err(RelayFault::BadRequest));
}

#[test]
fn the_provider_is_asked_by_the_standard() {
    let endpoint = Endpoint::parse("https://idp/token").unwrap();
    let call_with = |settings: &RelaySettings, pair| call(settings, &endpoint, "idp", &pair, CallId(7));
    let call = call_with(&plain(), pair("ci", "s"));
    assert_eq!((call.id, call.cluster.as_str(), &call.endpoint), (CallId(7), "idp", &endpoint));
    assert_eq!(call.form.unwrap().text(), "grant_type=client_credentials");
    // printf 'ci:s' | base64
    assert_eq!(call.authorization.as_deref(), Some("Basic Y2k6cw=="));

    let settings = RelaySettings {
        scope: Some("a b".into()),
        audience: Some("airbyte".into()),
        resource: Some("https://airbyte/".into()),
        ..plain()
    };
    let call = call_with(&settings, pair("a:b c", "ä%+/"));
    assert_eq!(
        call.form.unwrap().text(),
        "grant_type=client_credentials&scope=a+b&audience=airbyte&resource=https%3A%2F%2Fairbyte%2F"
    );
    // printf 'a%%3Ab+c:%%C3%%A4%%25%%2B%%2F' | base64
    assert_eq!(call.authorization.as_deref(), Some("Basic YSUzQWIrYzolQzMlQTQlMjUlMkIlMkY="));
}

#[test]
fn the_answer_has_airbytes_shape() {
    let token = |expires_in: u64| Ok(json!({"access_token": "t", "token_type": "Bearer", "expires_in": expires_in}));
    let cases = [
        (r#"{"access_token":"t","token_type":"Bearer","expires_in":900}"#, token(900)),
        (r#"{"access_token":"t","token_type":"bearer","expires_in":"3599","scope":"x","id_token":"y"}"#, token(3599)),
        (r#"{"access_token":"t","token_type":"BEARER"}"#, token(60)),
        (r#"{"access_token":"t","token_type":"DPoP","expires_in":900}"#, Err(RelayFault::Unavailable)),
        (r#"{"access_token":"t","expires_in":900}"#, Err(RelayFault::Unavailable)),
        (r#"{"access_token":"t","token_type":"Bearer","expires_in":-1}"#, Err(RelayFault::Unavailable)),
        (r#"{"access_token":"t","token_type":"Bearer","expires_in":"soon"}"#, Err(RelayFault::Unavailable)),
        (r#"{"access_token":"","token_type":"Bearer"}"#, Err(RelayFault::Unavailable)),
        (r#"{"access_token":["t"],"token_type":"Bearer"}"#, Err(RelayFault::Unavailable)),
        (r#"{"error":"invalid_client"}"#, Err(RelayFault::Unavailable)),
        ("<html>", Err(RelayFault::Unavailable)),
        ("", Err(RelayFault::Unavailable)),
    ];
    for (body, expected) in cases {
        assert_eq!(reply(&answer(200, body)), expected, "{body}");
    }
}

#[test]
fn who_is_at_fault_is_told_apart() {
    let cases = [
        (answer(400, r#"{"error":"invalid_client"}"#), RelayFault::BadPair, 400),
        (answer(401, r#"{"error":"invalid_client"}"#), RelayFault::BadPair, 400),
        (answer(401, "<html>"), RelayFault::BadPair, 400),
        (answer(400, r#"{"error":"unauthorized_client"}"#), RelayFault::BadPair, 400),
        (answer(400, r#"{"error":"invalid_scope"}"#), RelayFault::Misconfigured, 502),
        (answer(400, r#"{"error":"invalid_target"}"#), RelayFault::Misconfigured, 502),
        (answer(404, "no"), RelayFault::Misconfigured, 502),
        (answer(429, "{}"), RelayFault::TooMany, 429),
        (answer(500, r#"{"error":"invalid_client"}"#), RelayFault::Unavailable, 503),
        (answer(302, ""), RelayFault::Unavailable, 503),
        (Answer::Failed, RelayFault::Unavailable, 503),
        (Answer::TooLarge, RelayFault::Unavailable, 503),
    ];
    for (answer, fault, status) in cases {
        assert_eq!(reply(&answer).map_err(|fault| (fault, fault.status())), Err((fault, status)), "{answer:?}");
    }
}

#[test]
fn a_secret_is_not_shown() {
    assert_eq!(format!("{:?}", pair("ci", "hidden")), "ClientPair { \"ci\" }");
    let endpoint = Endpoint::parse("https://idp/token").unwrap();
    let call = call(&plain(), &endpoint, "idp", &pair("ci", "hidden"), CallId(1));
    assert!(!format!("{call:?}").contains("Basic"));
}

#[test]
fn settings_are_read() {
    let read = |value: Value| {
        let root = json!({"token_relay": value});
        settings::read(&root, &|_| None, |root| RelaySettings::read(&root.section("token_relay")?))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(read(json!({"provider": "corp"})), Ok(plain()));
    let full =
        RelaySettings { scope: Some("s".into()), audience: Some("a".into()), resource: Some("r".into()), ..plain() };
    assert_eq!(read(json!({"provider": "corp", "scope": "s", "audience": "a", "resource": "r"})), Ok(full));
    let mistakes = [
        "token_relay.provider: must be written",
        "token_relay.scope: expected a text",
        "token_relay.scop: unknown field; did you mean scope?",
    ];
    assert_eq!(read(json!({"scope": 1, "scop": "x"})), Err(mistakes.map(str::to_owned).to_vec()));
}
