//! Whole tokens of the providers people use, from bytes to an identity.

use serde_json::{Value, json};

use super::keys::{KeySet, Selection};
use super::signature::SignatureChecker;
use super::testing::{NOW, Signer, claims, now, settings};
use super::token::Token;
use super::*;
use crate::algorithm::Algorithm;
use crate::caller::Caller;
use crate::caller::Groups;
use crate::pointer::Pointer;
use crate::testing::{TestHost, test};

/// What the parts of this room make of a token together.
fn judge(own: &Value, keys: &Value, token: &str) -> Result<Caller, TokenFault> {
    let settings = settings(own.clone()).unwrap();
    let keys = KeySet::from_value(keys).unwrap();
    let token = Token::parse(token.as_bytes())?;
    let key = match keys.select(token.algorithm(), token.kid()) {
        Selection::Key(key) => key,
        Selection::Unknown => return Err(TokenFault::UnknownKid),
        Selection::Ambiguous => return Err(TokenFault::AmbiguousKey),
    };
    let host = TestHost::default();
    let checker = SignatureChecker::new(SignatureMode::Software, &host);
    match checker.check(key, token.algorithm(), token.signed(), token.signature(), &host) {
        (true, _) => settings.judge(&token, now()),
        (false, _) => Err(TokenFault::BadSignature),
    }
}

fn groups(names: &[&str]) -> Groups {
    Groups::Known(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_token_changed_anywhere_is_refused() {
    let signer = Signer::new("k1", Algorithm::EdDSA, 1);
    let keys = json!({"keys": [signer.jwk()]});
    let good = signer.token(&claims(json!({})));
    assert_eq!(judge(&json!({}), &keys, &good).unwrap().user, "alice");
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(judge(&json!({}), &keys, &changed).is_err(), "byte {at}");
    }
}

#[test]
fn the_key_of_another_is_no_key() {
    let (ours, theirs) = (Signer::new("k1", Algorithm::EdDSA, 1), Signer::new("k1", Algorithm::EdDSA, 2));
    let keys = json!({"keys": [ours.jwk()]});
    let forged = theirs.token(&claims(json!({})));
    assert_eq!(judge(&json!({}), &keys, &forged).err(), Some(TokenFault::BadSignature));
    // The key that came along in the header is not looked at.
    let header = json!({"alg": "EdDSA", "kid": "k1", "jwk": theirs.jwk()});
    let forged = theirs.sign(header.to_string(), claims(json!({})).to_string());
    assert_eq!(judge(&json!({}), &keys, &forged).err(), Some(TokenFault::BadSignature));
    let es256 = Signer::new("k1", Algorithm::ES256, 1);
    assert_eq!(judge(&json!({}), &keys, &es256.token(&claims(json!({})))).err(), Some(TokenFault::UnknownKid));
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let signer = Signer::new("k1", Algorithm::ES256, 1);
    let der = KeySet::from_value(&json!({"keys": [signer.jwk()]})).map(|keys| {
        let Selection::Key(key) = keys.select(Algorithm::ES256, None) else { panic!() };
        key.der().to_vec()
    });
    let header = testing::encode(r#"{"alg":"HS256","kid":"k1"}"#);
    let text = format!("{header}.{}", testing::encode(claims(json!({})).to_string()));
    for secret in [der.unwrap(), b"secret".to_vec(), Vec::new()] {
        let token = format!("{text}.{}", testing::encode(hmac_sha256::HMAC::mac(text.as_bytes(), secret)));
        let outcome = judge(&json!({}), &json!({"keys": [signer.jwk()]}), &token);
        assert_eq!(outcome.err(), Some(TokenFault::AlgorithmNotAllowed));
    }
}

#[test]
fn okta_with_a_custom_authorization_server() {
    let signer = Signer::new("okta", Algorithm::ES256, 1);
    let own = json!({
        "issuer": "https://example.okta.com/oauth2/aus1", "audiences": ["api://airbyte"],
        "claims": {"email": "/sub"},
    });
    let token = signer.token(&json!({
        "ver": 1, "jti": "AT.x", "iss": "https://example.okta.com/oauth2/aus1", "aud": "api://airbyte",
        "iat": NOW, "exp": NOW + 3600, "cid": "0oa1", "uid": "00u1", "scp": ["openid"], "sub": "alice@example.com",
        "groups": ["Everyone", "data"],
    }));
    let identity = judge(&own, &json!({"keys": [signer.jwk()]}), &token).unwrap();
    assert_eq!((identity.user.as_str(), identity.client.as_deref()), ("alice@example.com", Some("0oa1")));
    assert_eq!(identity.email.as_deref(), Some("alice@example.com"));
    assert_eq!(identity.groups, groups(&["Everyone", "data"]));
}

/// Entra ID's keys have no `alg`, and it signs under two issuers.
#[test]
fn entra_id_of_both_versions() {
    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let signer = Signer::new("entra", Algorithm::ES256, 1);
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let keys = json!({"keys": [jwk]});
    let v2 = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    let own = json!({
        "issuer": v2, "issuer_aliases": [v1], "audiences": ["api://airbyte", "6e74172b"],
        "claims": {"user": "/oid", "email": "/preferred_username", "groups": "/roles"},
        "required_claims": {"/tid": TENANT},
    });
    let token = |more: Value| {
        let mut all =
            claims(json!({"oid": "00000000-0000-0000-66f3-3332eca7ea81", "tid": TENANT, "roles": ["Reader"]}));
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        signer.token(&all)
    };
    let new =
        token(json!({"iss": v2, "aud": "6e74172b", "ver": "2.0", "azp": "app", "preferred_username": "a@example.com"}));
    let old = token(json!({"iss": v1, "aud": "api://airbyte", "ver": "1.0", "appid": "app", "upn": "a@example.com"}));
    let (new, old) = (judge(&own, &keys, &new).unwrap(), judge(&own, &keys, &old).unwrap());
    assert_eq!((&new.issuer, &new.user, &new.client), (&old.issuer, &old.user, &old.client));
    assert_eq!((new.email.as_deref(), old.email), (Some("a@example.com"), None));
    assert_eq!(new.groups, groups(&["Reader"]));

    let by_group = json!({"issuer": v2, "audiences": ["6e74172b"]});
    let overage = token(json!({
        "iss": v2, "aud": "6e74172b", "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x"}},
    }));
    assert_eq!(judge(&by_group, &keys, &overage).unwrap().groups, Groups::Unknown);
    let other_tenant = token(json!({"iss": v2, "aud": "6e74172b", "tid": "another"}));
    assert_eq!(judge(&own, &keys, &other_tenant).err(), Some(TokenFault::RequiredClaim));
}

#[test]
fn keycloak_with_an_encryption_key_in_its_set() {
    let signer = Signer::new("sig", Algorithm::EdDSA, 1);
    let encryption = json!({"kty": "RSA", "kid": "enc", "use": "enc", "alg": "RSA-OAEP", "n": "sXch", "e": "AQAB"});
    let keys = json!({"keys": [encryption, signer.jwk()]});
    let own = json!({
        "issuer": "https://kc.example.com/realms/data",
        "claims": {"user": "/preferred_username", "groups": "/realm_access/roles"},
    });
    let token = |typ: &str| {
        signer.token(&claims(json!({
            "iss": "https://kc.example.com/realms/data", "aud": ["airbyte", "account"], "typ": typ, "azp": "cli",
            "realm_access": {"roles": ["offline_access", "data"]}, "preferred_username": "alice",
            "email": "alice@example.com", "email_verified": true, "scope": "openid email",
        })))
    };
    let identity = judge(&own, &keys, &token("Bearer")).unwrap();
    assert_eq!((identity.user.as_str(), identity.email_verified), ("alice", true));
    assert_eq!((identity.groups, identity.client.as_deref()), (groups(&["offline_access", "data"]), Some("cli")));
    for other in ["ID", "Refresh", "Offline"] {
        assert_eq!(judge(&own, &keys, &token(other)).err(), Some(TokenFault::WrongKind), "{other}");
    }
}

/// Cognito's access tokens have no `aud`.
#[test]
fn cognito() {
    const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x";
    let signer = Signer::new("cognito", Algorithm::ES256, 1);
    let keys = json!({"keys": [signer.jwk()]});
    let own = json!({
        "issuer": ISSUER, "audiences": ["1example"],
        "claims": {"audience": "/client_id", "user": "/username", "groups": "/cognito:groups"},
    });
    let token = |token_use: &str, client: &str| {
        signer.token(&claims(json!({
            "iss": ISSUER, "aud": null, "client_id": client, "token_use": token_use, "username": "alice",
            "cognito:groups": ["data"], "scope": "aws.cognito.signin.user.admin",
        })))
    };
    let identity = judge(&own, &keys, &token("access", "1example")).unwrap();
    assert_eq!((identity.user.as_str(), identity.groups), ("alice", groups(&["data"])));
    assert_eq!(identity.client.as_deref(), Some("1example"));
    assert_eq!(judge(&own, &keys, &token("id", "1example")).err(), Some(TokenFault::WrongKind));
    assert_eq!(judge(&own, &keys, &token("access", "2example")).err(), Some(TokenFault::WrongAudience));
}

/// Google has no groups, and ID tokens only.
#[test]
fn google() {
    let signer = Signer::new("google", Algorithm::ES256, 1);
    let own = json!({
        "issuer": "https://accounts.google.com", "issuer_aliases": ["accounts.google.com"], "tokens": "id",
        "audiences": ["32555940559.apps.googleusercontent.com"], "client_id": "32555940559.apps.googleusercontent.com",
        "required_claims": {"/hd": "example.com"},
    });
    for issuer in ["https://accounts.google.com", "accounts.google.com"] {
        let token = signer.token(&claims(json!({
            "iss": issuer, "aud": "32555940559.apps.googleusercontent.com", "sub": "113774264463038321964",
            "azp": "32555940559.apps.googleusercontent.com", "email": "alice@example.com", "email_verified": true,
            "hd": "example.com", "at_hash": "x", "name": "Alice",
        })));
        let identity = judge(&own, &json!({"keys": [signer.jwk()]}), &token).unwrap();
        assert_eq!((identity.subject.as_str(), identity.groups), ("113774264463038321964", Groups::Absent));
        assert_eq!((identity.email_verified, identity.name.as_deref()), (true, Some("Alice")));
    }
}

/// AWS STS `GetWebIdentityToken`: the subject is a principal's ARN, the rest is
/// nested under a name with slashes.
#[test]
fn aws_iam() {
    const ISSUER: &str = "https://0f3e2a1b.tokens.sts.global.api.aws";
    let arn = "arn:aws:iam::123456789012:role/data/airbyte-runner";
    let signer = Signer::new("sts", Algorithm::ES384, 1);
    let own = json!({
        "issuer": ISSUER, "audiences": ["https://airbyte.example.com"],
        "claims": {
            "client": "/https:~1~1sts.amazonaws.com~1/lambda_source_function_arn",
            "groups": "/https:~1~1sts.amazonaws.com~1/request_tags/team",
        },
        "required_claims": {"/https:~1~1sts.amazonaws.com~1/org_id": ["o-abc", "o-def"]},
    });
    let token = |organisation: &str| {
        signer.token(&claims(json!({
            "iss": ISSUER, "aud": "https://airbyte.example.com", "sub": arn, "jti": "x",
            "https://sts.amazonaws.com/": {
                "aws_account": "123456789012", "org_id": organisation, "principal_id": arn,
                "request_tags": {"team": "data"}, "lambda_source_function_arn": "arn:aws:lambda:eu-west-1:1:function:f",
            },
        })))
    };
    let identity = judge(&own, &json!({"keys": [signer.jwk()]}), &token("o-def")).unwrap();
    assert_eq!((identity.user.as_str(), identity.groups), (arn, groups(&["data"])));
    assert_eq!(identity.client.as_deref(), Some("arn:aws:lambda:eu-west-1:1:function:f"));
    let account = Pointer::parse("/https:~1~1sts.amazonaws.com~1/aws_account").unwrap();
    assert_eq!(account.find(&identity.claims), Some(&json!("123456789012")));
    let outcome = judge(&own, &json!({"keys": [signer.jwk()]}), &token("o-evil"));
    assert_eq!(outcome.err(), Some(TokenFault::RequiredClaim));
}
