use serde_json::json;

use super::*;
use crate::caller::{Groups, Reckoned};
use crate::identity::testing::{ISSUER, NOW, claims, now, settings, unsigned};
use crate::testing::test;

/// What becomes of these claims; the signature is not looked at here.
fn judge_at(settings: &ClaimSettings, typ: Value, claims: Value, now: Time) -> Result<Caller, TokenFault> {
    let mut header = json!({"alg": "ES256", "kid": "k1", "typ": typ});
    header.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let text = unsigned(header.to_string(), claims.to_string());
    settings.judge(&Token::parse(text.as_bytes()).unwrap(), now)
}

/// The fault in claims that differ from good ones by `more`.
fn fault(own: Value, more: Value) -> Option<TokenFault> {
    judge_at(&settings(own).unwrap(), json!("JWT"), claims(more), now()).err()
}

fn identity(own: Value, more: Value) -> Caller {
    judge_at(&settings(own).unwrap(), json!("JWT"), claims(more), now()).unwrap()
}

#[test]
fn good_claims_make_an_identity() {
    let more = json!({
        "email": "alice@example.com", "email_verified": true, "name": "Alice", "groups": ["data"], "azp": "cli", "x": 1,
    });
    let identity = identity(json!({"name": "corp"}), more.clone());
    let expected = Caller {
        provider: "corp".into(),
        issuer: ISSUER.into(),
        subject: "alice".into(),
        user: "alice".into(),
        email: Some("alice@example.com".into()),
        email_verified: true,
        name: Some("Alice".into()),
        groups: Groups::Known(vec!["data".into()]),
        client: Some("cli".into()),
        expires: Time::from_seconds(NOW + 3660),
        claims: claims(more).as_object().unwrap().clone(),
        reckoned: Reckoned::default(),
    };
    assert_eq!(identity, expected);
}

#[test]
fn the_issuer_is_compared_byte_by_byte() {
    let aliases = json!({"issuer_aliases": ["https://alias.example.com/v1"]});
    let cases = [
        (json!("https://idp.example.com"), None),
        (json!("https://alias.example.com/v1"), None),
        (json!("https://idp.example.com/"), Some(TokenFault::UnknownIssuer)),
        (json!("https://IDP.example.com"), Some(TokenFault::UnknownIssuer)),
        (json!("https://idp.example.co"), Some(TokenFault::UnknownIssuer)),
        (json!("https://idp.example.com.evil.example"), Some(TokenFault::UnknownIssuer)),
        (json!("http://idp.example.com"), Some(TokenFault::UnknownIssuer)),
        (json!(" https://idp.example.com"), Some(TokenFault::UnknownIssuer)),
        (json!(""), Some(TokenFault::UnknownIssuer)),
        (json!(["https://idp.example.com"]), Some(TokenFault::UnknownIssuer)),
        (json!({"iss": "https://idp.example.com"}), Some(TokenFault::UnknownIssuer)),
        (json!(1), Some(TokenFault::UnknownIssuer)),
        (Value::Null, Some(TokenFault::MissingClaim)),
    ];
    for (issuer, expected) in cases {
        assert_eq!(fault(aliases.clone(), json!({"iss": issuer})), expected, "{issuer}");
    }
    let alias = identity(aliases, json!({"iss": "https://alias.example.com/v1"}));
    assert_eq!(alias.issuer, ISSUER, "one person under both names");
}

#[test]
fn the_audience_is_one_of_ours() {
    let own = json!({"audiences": ["airbyte", "api://airbyte"]});
    let cases = [
        (json!("airbyte"), None),
        (json!("api://airbyte"), None),
        (json!(["other", "airbyte"]), None),
        (Value::Null, Some(TokenFault::WrongAudience)),
        (json!("other"), Some(TokenFault::WrongAudience)),
        (json!("airbyt"), Some(TokenFault::WrongAudience)),
        (json!("airbyte2"), Some(TokenFault::WrongAudience)),
        (json!("Airbyte"), Some(TokenFault::WrongAudience)),
        (json!(""), Some(TokenFault::WrongAudience)),
        (json!("*"), Some(TokenFault::WrongAudience)),
        (json!("other airbyte"), Some(TokenFault::WrongAudience)),
        (json!("other,airbyte"), Some(TokenFault::WrongAudience)),
        (json!("[\"airbyte\"]"), Some(TokenFault::WrongAudience)),
        (json!([]), Some(TokenFault::WrongAudience)),
        (json!([["airbyte"]]), Some(TokenFault::BadClaim)),
        (json!(["airbyte", 1]), Some(TokenFault::BadClaim)),
        (json!(["airbyte", null]), Some(TokenFault::BadClaim)),
        (json!({"airbyte": true}), Some(TokenFault::BadClaim)),
        (json!(true), Some(TokenFault::BadClaim)),
        (json!(0), Some(TokenFault::BadClaim)),
    ];
    for (audience, expected) in cases {
        assert_eq!(fault(own.clone(), json!({"aud": audience})), expected, "{audience}");
    }
    let elsewhere = json!({"claims": {"audience": "/client_id"}});
    assert_eq!(fault(elsewhere.clone(), json!({"aud": null, "client_id": "airbyte"})), None);
    assert_eq!(fault(elsewhere, json!({"client_id": "other"})), Some(TokenFault::WrongAudience));
}

/// OpenID Connect Core section 3.1.3.7, rules 4 and 5.
#[test]
fn of_several_audiences_azp_says_whose_the_id_token_is() {
    let id = json!({"tokens": "id", "client_id": "airbyte"});
    for (audience, azp, expected) in [
        (json!("airbyte"), Value::Null, None),
        (json!(["airbyte"]), Value::Null, None),
        (json!(["airbyte", "other"]), Value::Null, Some(TokenFault::MissingClaim)),
        (json!(["airbyte", "airbyte"]), Value::Null, Some(TokenFault::MissingClaim)),
        (json!(["airbyte", "other"]), json!("airbyte"), None),
        (json!(["airbyte", "other"]), json!("other"), Some(TokenFault::WrongClient)),
        (json!("airbyte"), json!("other"), Some(TokenFault::WrongClient)),
        (json!("airbyte"), json!(["airbyte"]), Some(TokenFault::WrongClient)),
    ] {
        let found = fault(id.clone(), json!({"aud": audience, "azp": azp}));
        assert_eq!(found, expected, "{audience} {azp}");
        // In an access token it merely names the client.
        if azp.is_null() || azp.is_string() {
            assert_eq!(fault(json!({}), json!({"aud": audience, "azp": azp})), None, "{audience} {azp}");
        }
    }
}

#[test]
fn the_clock_is_exact_at_the_edge_of_the_leeway() {
    let cases = [
        ("exp to come", json!({"exp": NOW + 1}), None),
        ("exp now", json!({"exp": NOW}), None),
        ("exp 59 s ago", json!({"exp": NOW - 59}), None),
        ("exp 59.999 s ago", json!({"exp": NOW as f64 - 59.999}), None),
        ("exp 60 s ago", json!({"exp": NOW - 60}), Some(TokenFault::Expired)),
        ("exp 0", json!({"exp": 0}), Some(TokenFault::Expired)),
        ("exp negative", json!({"exp": -1}), Some(TokenFault::Expired)),
        ("exp far below", json!({"exp": -1e300}), Some(TokenFault::Expired)),
        ("exp as a fraction", json!({"exp": NOW as f64 + 0.5}), None),
        ("exp in exponent form", json!({"exp": 1.7e9}), None),
        ("exp missing", json!({"exp": null}), Some(TokenFault::MissingClaim)),
        ("exp a text", json!({"exp": "1800000000"}), Some(TokenFault::BadClaim)),
        ("exp true", json!({"exp": true}), Some(TokenFault::BadClaim)),
        ("exp a list", json!({"exp": [1_800_000_000]}), Some(TokenFault::BadClaim)),
        ("exp 2^63", json!({"exp": 9_223_372_036_854_775_808_u64}), Some(TokenFault::BadClaim)),
        ("exp 2^64 - 1", json!({"exp": u64::MAX}), Some(TokenFault::BadClaim)),
        ("exp 1e300", json!({"exp": 1e300}), Some(TokenFault::BadClaim)),
        ("exp in milliseconds", json!({"exp": NOW * 1000}), Some(TokenFault::BadClaim)),
        ("nbf past", json!({"nbf": NOW - 1}), None),
        ("nbf in 60 s", json!({"nbf": NOW + 60}), None),
        ("nbf in 60.001 s", json!({"nbf": NOW as f64 + 60.001}), Some(TokenFault::NotYetValid)),
        ("nbf in 61 s", json!({"nbf": NOW + 61}), Some(TokenFault::NotYetValid)),
        ("nbf negative", json!({"nbf": -5}), None),
        ("nbf a text", json!({"nbf": "0"}), Some(TokenFault::BadClaim)),
        ("nbf false", json!({"nbf": false}), Some(TokenFault::BadClaim)),
        ("nbf 1e300", json!({"nbf": 1e300}), Some(TokenFault::BadClaim)),
        ("iat missing", json!({"iat": null}), None),
        ("iat in 60 s", json!({"iat": NOW + 60}), None),
        ("iat in 61 s", json!({"iat": NOW + 61}), Some(TokenFault::IssuedInFuture)),
        ("iat a text", json!({"iat": "1700000000"}), Some(TokenFault::BadClaim)),
        ("iat 2^63", json!({"iat": 9_223_372_036_854_775_808_u64}), Some(TokenFault::BadClaim)),
    ];
    for (name, more, expected) in cases {
        assert_eq!(fault(json!({}), more), expected, "{name}");
    }
    // JSON null is a value of a wrong type, not an absence.
    let rules = settings(json!({})).unwrap();
    for name in ["exp", "nbf", "iat"] {
        let mut claims = claims(json!({}));
        claims[name] = Value::Null;
        assert_eq!(judge_at(&rules, json!("JWT"), claims, now()).err(), Some(TokenFault::BadClaim), "{name}: null");
    }
}

#[test]
fn the_leeway_is_ours_to_set_and_the_clock_may_be_anywhere() {
    let none = json!({"leeway": "0s"});
    assert_eq!(fault(none.clone(), json!({"exp": NOW})), Some(TokenFault::Expired));
    assert_eq!(fault(none.clone(), json!({"exp": NOW as f64 + 0.001})), None);
    assert_eq!(fault(none, json!({"nbf": NOW + 1})), Some(TokenFault::NotYetValid));
    assert_eq!(fault(json!({"leeway": "300s"}), json!({"exp": NOW - 299})), None);
    let rules = settings(json!({})).unwrap();
    let at = |now| judge_at(&rules, json!("JWT"), claims(json!({})), now).err();
    assert_eq!(at(Time::from_millis(0)), Some(TokenFault::IssuedInFuture));
    assert_eq!(at(Time::from_millis(u64::MAX)), Some(TokenFault::Expired));
    let edge = Time::from_seconds(NOW + 3660).millis();
    assert_eq!(at(Time::from_millis(edge - 1)), None);
    assert_eq!(at(Time::from_millis(edge)), Some(TokenFault::Expired));
}

#[test]
fn the_subject_is_a_name() {
    let arn = "arn:aws:iam::123456789012:role/data/airbyte-runner";
    for good in [arn, "alice", "248289761001", "Ünïcödé", &"x".repeat(1024)] {
        assert_eq!(identity(json!({}), json!({"sub": good})).subject, good);
    }
    let bad = [
        json!(""),
        json!(1),
        json!(["alice"]),
        json!({"sub": "alice"}),
        json!(true),
        json!("alice\r\nx-airgate-role: admin"),
        json!("alice\n"),
        json!("alice\0"),
        json!(" alice"),
        json!("x".repeat(1025)),
        json!("x".repeat(8_000)),
    ];
    for subject in bad {
        assert_eq!(fault(json!({}), json!({"sub": subject})), Some(TokenFault::BadClaim), "{subject:.40}");
    }
    assert_eq!(fault(json!({}), json!({"sub": null})), Some(TokenFault::MissingClaim));
    // 40 kB never get this far.
    let text = unsigned(r#"{"alg":"ES256"}"#, claims(json!({"sub": "x".repeat(40_000)})).to_string());
    assert_eq!(Token::parse(text.as_bytes()).err(), Some(TokenFault::TooLong));
}

#[test]
fn the_user_may_stand_elsewhere_but_must_be_there() {
    let own = json!({"claims": {"user": "/preferred_username"}});
    let identity = identity(own.clone(), json!({"preferred_username": "alice.l"}));
    assert_eq!((identity.user.as_str(), identity.subject.as_str()), ("alice.l", "alice"));
    assert_eq!(fault(own.clone(), json!({})), Some(TokenFault::MissingClaim));
    assert_eq!(fault(own.clone(), json!({"preferred_username": "a\nb"})), Some(TokenFault::BadClaim));
    assert_eq!(fault(own.clone(), json!({"preferred_username": ["a"]})), Some(TokenFault::BadClaim));
    assert_eq!(fault(own, json!({"preferred_username": "a", "sub": null})), Some(TokenFault::MissingClaim));
}

#[test]
fn claims_that_are_not_usable_count_as_absent() {
    let more = json!({"email": "a@b@c", "email_verified": true, "name": "a\nb", "groups": null, "azp": ["cli"]});
    let identity = identity(json!({}), more);
    assert_eq!((identity.email, identity.email_verified, identity.name), (None, false, None));
    assert_eq!((identity.groups, identity.client), (Groups::Absent, None));
}

#[test]
fn an_address_is_verified_only_by_a_plain_yes() {
    for (value, expected) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("True"), false),
        (json!("yes"), false),
        (json!(1), false),
        (json!("1"), false),
        (json!([true]), false),
        (json!({"verified": true}), false),
        (Value::Null, false),
    ] {
        let identity = identity(json!({}), json!({"email": "a@b", "email_verified": value}));
        assert_eq!(identity.email_verified, expected, "{value}");
    }
}

#[test]
fn the_client_is_found_where_each_provider_puts_it() {
    for (claims, expected) in [
        (json!({"azp": "a", "client_id": "b", "cid": "c", "appid": "d"}), Some("a")),
        (json!({"client_id": "b", "cid": "c", "appid": "d"}), Some("b")),
        (json!({"cid": "c", "appid": "d"}), Some("c")),
        (json!({"appid": "d"}), Some("d")),
        (json!({"azp": 1, "cid": "c"}), Some("c")),
        (json!({}), None),
    ] {
        assert_eq!(identity(json!({}), claims).client.as_deref(), expected);
    }
    let own = json!({"claims": {"client": "/act/client"}});
    assert_eq!(identity(own, json!({"azp": "a", "act": {"client": "x"}})).client.as_deref(), Some("x"));
}

#[test]
fn each_kind_of_token_has_its_header_typ() {
    let (access, id) = (json!({}), json!({"tokens": "id"}));
    let demanding = json!({"typ": "at+jwt"});
    let cases = [
        (json!("JWT"), true, true, false),
        (json!("jwt"), true, true, false),
        (json!("application/jwt"), true, true, false),
        (Value::Null, true, true, false),
        (json!("at+jwt"), true, false, true),
        (json!("AT+JWT"), true, false, true),
        (json!("application/at+jwt"), true, false, true),
        (json!("logout+jwt"), false, false, false),
        (json!("dpop+jwt"), false, false, false),
        (json!("id_token+jwt"), false, false, false),
        (json!("secevent+jwt"), false, false, false),
        (json!("JOSE"), false, false, false),
        (json!(""), false, false, false),
        (json!("JWT "), false, false, false),
    ];
    for (typ, as_access, as_id, as_demanded) in cases {
        for (own, expected) in [(&access, as_access), (&id, as_id), (&demanding, as_demanded)] {
            let outcome = judge_at(&settings(own.clone()).unwrap(), typ.clone(), claims(json!({})), now());
            let expected = (!expected).then_some(TokenFault::WrongKind);
            assert_eq!(outcome.err(), expected, "{typ} with {own}");
        }
    }
}

#[test]
fn claims_that_give_another_kind_away_are_believed() {
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let cases = [
        ("Keycloak's access token", json!({"typ": "Bearer"}), true, false),
        ("Keycloak's ID token", json!({"typ": "ID"}), false, true),
        ("Keycloak's refresh token", json!({"typ": "Refresh"}), false, false),
        ("Keycloak's offline token", json!({"typ": "Offline"}), false, false),
        ("Keycloak's logout token", json!({"typ": "Logout"}), false, false),
        ("Cognito's access token", json!({"token_use": "access"}), true, false),
        ("Cognito's ID token", json!({"token_use": "id"}), false, true),
        ("token_use of another type", json!({"token_use": ["access"]}), false, false),
        ("an ID token with at_hash", json!({"at_hash": "x"}), false, true),
        ("an ID token with c_hash", json!({"c_hash": "x"}), false, true),
        ("a logout token", json!({"events": event}), false, false),
        ("another event", json!({"events": {"x": {}}}), true, true),
        ("nothing of the kind", json!({"nonce": "n", "auth_time": NOW}), true, true),
    ];
    for (name, more, as_access, as_id) in cases {
        let wrong = |good: bool| (!good).then_some(TokenFault::WrongKind);
        assert_eq!(fault(json!({"tokens": "access"}), more.clone()), wrong(as_access), "{name} as access token");
        assert_eq!(fault(json!({"tokens": "id"}), more), wrong(as_id), "{name} as ID token");
    }
}

#[test]
fn an_id_token_is_for_our_client_and_an_access_token_only_names_one() {
    let id = json!({"tokens": "id", "client_id": "us"});
    let cases = [
        (json!("us"), None),
        (json!("them"), Some(TokenFault::WrongClient)),
        (json!(["us"]), Some(TokenFault::WrongClient)),
        (Value::Null, None),
    ];
    for (azp, expected) in cases {
        assert_eq!(fault(id.clone(), json!({"azp": azp})), expected, "{azp}");
        assert_eq!(fault(json!({"client_id": "us"}), json!({"azp": azp})), None, "{azp}");
        assert_eq!(fault(json!({"tokens": "id"}), json!({"azp": azp})), None, "{azp}");
    }
    assert_eq!(fault(id, json!({"iat": null})), Some(TokenFault::MissingClaim), "an ID token has an iat");
}

#[test]
fn required_claims_are_equal_or_the_token_is_refused() {
    let own = json!({"required_claims": {
        "/hd": "example.com", "/amr/0": ["pwd", "mfa"], "/level": 2, "/https:~1~1sts.amazonaws.com~1/aws_account": "1",
    }});
    let good =
        json!({"hd": "example.com", "amr": ["mfa"], "level": 2, "https://sts.amazonaws.com/": {"aws_account": "1"}});
    assert_eq!(fault(own.clone(), good.clone()), None);
    let changes = [
        json!({"hd": "example.com.evil"}),
        json!({"hd": "Example.com"}),
        json!({"hd": ["example.com"]}),
        json!({"hd": null}),
        json!({"amr": ["sms"]}),
        json!({"amr": "mfa"}),
        json!({"level": "2"}),
        json!({"level": 3}),
        json!({"https://sts.amazonaws.com/": {"aws_account": 1}}),
        json!({"https://sts.amazonaws.com/": {}}),
    ];
    for change in changes {
        let mut more = good.clone();
        for (name, value) in change.as_object().unwrap() {
            more[name] = value.clone();
        }
        assert_eq!(fault(own.clone(), more), Some(TokenFault::RequiredClaim), "{change}");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let bound = |cnf: &Value| {
        let mut claims = claims(json!({}));
        claims["cnf"] = cnf.clone();
        claims
    };
    let [plain, lenient] = [json!({}), json!({"sender_constrained": "ignore"})].map(|own| settings(own).unwrap());
    let id_tokens = settings(json!({"tokens": "id"})).unwrap();
    for cnf in [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jwk": {"kty": "EC"}}),
        json!({"kid": "k1"}),
        json!({}),
        json!(null),
        json!([]),
        json!(""),
        json!(false),
    ] {
        for strict in [&plain, &id_tokens] {
            let outcome = judge_at(strict, json!("JWT"), bound(&cnf), now());
            assert_eq!(outcome.err(), Some(TokenFault::SenderConstrained), "{cnf}");
        }
        assert!(judge_at(&lenient, json!("JWT"), bound(&cnf), now()).is_ok(), "{cnf}");
        // The provider itself hands over the ID token of a login.
        let mut of_login = bound(&cnf);
        of_login["aud"] = "gateway".into();
        let text = unsigned(json!({"alg": "ES256"}).to_string(), of_login.to_string());
        assert!(plain.for_login("gateway").check(&Token::parse(text.as_bytes()).unwrap(), now()).is_ok(), "{cnf}");
    }
    assert_eq!(fault(json!({}), json!({"CNF": {}, "act": {"cnf": {}}, "cn": 1})), None);
    assert_eq!(
        fault(json!({"sender_constrained": "ignore"}), json!({"exp": 1})),
        Some(TokenFault::Expired),
        "nothing else is ignored"
    );
}
#[test]
fn mistakes_in_the_settings_are_named() {
    let cases = [
        (json!({"sender_constrained": "require"}), "sender_constrained: expected one of: ignore"),
        (json!({"sender_constrained": true}), "sender_constrained: expected a text"),
        (json!({"issuer": null}), "issuer: must be written"),
        (json!({"issuer": "http://idp.example.com"}), "issuer: expected a URL that begins with https://"),
        (json!({"issuer": "idp.example.com"}), "issuer: expected a URL that begins with https://"),
        (json!({"issuer": "https:///x"}), "issuer: expected a host name behind https://, without a user"),
        (
            json!({"issuer": "https://u@idp.example.com"}),
            "issuer: expected a host name behind https://, without a user",
        ),
        (json!({"issuer": "https://idp.example.com?x=1"}), "issuer: expected a URL without query, fragment or spaces"),
        (json!({"issuer": "https://idp.example.com/#"}), "issuer: expected a URL without query, fragment or spaces"),
        (json!({"issuer": "https://idp.example.com/ x"}), "issuer: expected a URL without query, fragment or spaces"),
        (
            json!({"issuer": "https://login.microsoftonline.com/common/v2.0"}),
            "issuer: names no single tenant; write one provider for each tenant, with its id",
        ),
        (
            json!({"issuer": "https://login.microsoftonline.com/organizations/v2.0"}),
            "issuer: names no single tenant; write one provider for each tenant, with its id",
        ),
        (
            json!({"issuer": "https://login.microsoftonline.us/consumers"}),
            "issuer: names no single tenant; write one provider for each tenant, with its id",
        ),
        (
            json!({"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}),
            "issuer: names no single tenant; write one provider for each tenant, with its id",
        ),
        (
            json!({"issuer_aliases": ["https://sts.windows.net/common/"]}),
            "issuer_aliases: names no single tenant; write one provider for each tenant, with its id",
        ),
        (json!({"audiences": null}), "audiences: must be written"),
        (json!({"audiences": []}), "audiences: at least one audience must be written"),
        (json!({"audiences": "airbyte"}), "audiences: expected a list"),
        (json!({"audiences": ["airbyte", ""]}), "audiences[1]: expected a text that is not empty"),
        (json!({"audiences": ["*"]}), "audiences: there is no wildcard; write each audience"),
        (json!({"tokens": "any"}), "tokens: expected one of: access, id"),
        (json!({"leeway": "301s"}), "leeway: must be between 0ns and 300s"),
        (json!({"leeway": 60}), "leeway: expected a text"),
        (json!({"typ": ""}), "typ: must not be empty"),
        (
            json!({"claims": {"user": "sub"}}),
            "claims.user: expected a JSON Pointer such as /sub, which begins with a slash",
        ),
        (
            json!({"claims": {"client": "/a~b"}}),
            "claims.client: in a JSON Pointer ~ is written ~0, and / in a claim's name ~1",
        ),
        (json!({"claims": {"group": "/x"}}), "claims.group: unknown field; did you mean groups?"),
        (json!({"required_claims": {"/x": []}}), "required_claims[\"/x\"]: no token can satisfy an empty list"),
        (
            json!({"required_claims": {"/x": null}}),
            "required_claims[\"/x\"]: null stands for a claim that is absent; write the value it must have",
        ),
        (
            json!({"required_claims": {"x": 1}}),
            "required_claims[\"x\"]: expected a JSON Pointer such as /sub, which begins with a slash",
        ),
        (json!({"name": ""}), "name: must not be empty"),
    ];
    for (own, expected) in cases {
        let mistakes: Vec<String> = settings(own.clone()).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(mistakes.iter().any(|mistake| mistake == expected), "{own}: {mistakes:?}");
    }
}

#[test]
fn the_smallest_settings_have_the_careful_defaults() {
    let rules = settings(json!({})).unwrap();
    assert_eq!((rules.provider(), rules.issuer.as_str(), rules.kind), (ISSUER, ISSUER, TokenKind::Access));
    assert!(rules.knows_issuer(ISSUER) && !rules.knows_issuer("https://idp.example.com/"));
    for own in [
        json!({"issuer": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"}),
        json!({"issuer": "https://idp.example.com:8443/realms/common"}),
        json!({"issuer_aliases": ["accounts.google.com"]}),
    ] {
        assert!(settings(own.clone()).is_ok(), "{own}");
    }
}
