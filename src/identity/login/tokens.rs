//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2).

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::plain;
use crate::http::Answer;
use crate::json;

/// Tokens, unverified.
pub(in crate::identity) struct Tokens {
    /// Who signed in.
    pub id_token: Option<String>,
    /// For userinfo.
    pub access_token: Option<String>,
    /// For new tokens.
    pub refresh_token: Option<String>,
    /// How long the access token is good.
    pub expires_in: Option<Duration>,
}

/// A token answer without tokens: what it means, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identity) struct TokenFailure {
    /// What it means.
    pub kind: FailureKind,
    /// The status code. `None`: no response.
    pub status: Option<u16>,
    /// The provider's `error`, fit for a log: at most 64 characters. Its
    /// `error_description` may name the person and is not kept.
    pub error: Option<String>,
}

/// What a token answer without tokens means. Only [`FailureKind::Unavailable`]
/// and [`FailureKind::InvalidClient`] say nothing about the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::identity) enum FailureKind {
    /// No response, 429, or 5xx: see [`Answer::is_outage`].
    Unavailable,
    /// `invalid_client`: the provider did not authenticate the gateway, so it
    /// has not looked at the code or refresh token (RFC 6749 section 5.2).
    InvalidClient,
    /// `unauthorized_client`: the gateway is known and must not use this grant.
    /// The client is authenticated by then, and providers say this also where
    /// one user's grant is withdrawn.
    UnauthorizedClient,
    /// `invalid_grant`: the code or refresh token is used up, expired, revoked,
    /// or another client's.
    InvalidGrant,
    /// Every other refusal: `access_denied`, `login_required`,
    /// `mfa_required`, a page, a redirect.
    Refused,
    /// Status 200 without tokens that can be read.
    Malformed,
}

impl fmt::Display for TokenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.status else {
            return f.write_str("the token endpoint did not answer");
        };
        write!(f, "the token endpoint answered with status {status}")?;
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None if self.kind == FailureKind::Malformed => f.write_str(" and no usable tokens"),
            None => Ok(()),
        }
    }
}

/// Reads the answer to an exchange or a refresh.
///
/// # Errors
/// There are no tokens in it.
pub(in crate::identity) fn read_tokens(answer: &Answer) -> Result<Tokens, TokenFailure> {
    let failure = |kind, status, error| Err(TokenFailure { kind, status, error });
    let (status, body) = match answer {
        Answer::Response { status, body } => (*status, body),
        Answer::TooLarge => return failure(FailureKind::Malformed, Some(200), None),
        Answer::Failed => return failure(FailureKind::Unavailable, None, None),
    };
    let members = match json::parse(body) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    };
    if status == 200
        && let Some(Ok(tokens)) = members.as_ref().map(read)
    {
        return Ok(tokens);
    }
    let error = members.as_ref().and_then(|members| members.get("error")?.as_str());
    let kind = match (status, error) {
        _ if answer.is_outage() => FailureKind::Unavailable,
        (200, _) => FailureKind::Malformed,
        // The standard's status is 400, or 401 for a client; some say 403.
        (400..=499, Some("invalid_client")) => FailureKind::InvalidClient,
        (400..=499, Some("unauthorized_client")) => FailureKind::UnauthorizedClient,
        (400..=499, Some("invalid_grant")) => FailureKind::InvalidGrant,
        _ => FailureKind::Refused,
    };
    failure(kind, Some(status), error.map(|error| plain(error, 64)))
}

struct Malformed;

fn read(members: &Map<String, Value>) -> Result<Tokens, Malformed> {
    let tokens = Tokens {
        id_token: token(members, "id_token")?,
        access_token: token(members, "access_token")?,
        refresh_token: token(members, "refresh_token")?,
        expires_in: expires_in(members)?,
    };
    let bearer = match member(members, "token_type") {
        None => true,
        Some(kind) => kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")),
    };
    // RFC 6749 section 5.1 and OpenID Connect Core section 3.1.3.3 demand it.
    if tokens.access_token.is_some() && bearer { Ok(tokens) } else { Err(Malformed) }
}

/// A token, if there is one: characters that a header can carry (RFC 6749
/// appendix A.12).
fn token(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Malformed> {
    match member(members, name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Malformed),
    }
}

fn expires_in(members: &Map<String, Value>) -> Result<Option<Duration>, Malformed> {
    const TEN_YEARS: f64 = 315_360_000.0;
    let Some(value) = member(members, "expires_in") else {
        return Ok(None);
    };
    let seconds = value.as_f64().filter(|seconds| *seconds > 0.0 && *seconds <= TEN_YEARS).ok_or(Malformed)?;
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| Malformed)
}

/// Some providers write `null` for what they do not give.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn answer(status: u16, body: impl AsRef<[u8]>) -> Result<Tokens, TokenFailure> {
        read_tokens(&Answer::Response { status, body: body.as_ref().to_vec() })
    }

    fn failure(answer: Result<Tokens, TokenFailure>) -> TokenFailure {
        answer.err().unwrap()
    }

    #[test]
    fn tokens_are_read() {
        let Ok(tokens) = answer(
            200,
            r#"{"id_token":"a.b.c","access_token":"x y~","refresh_token":"r","token_type":"bEARER","expires_in":300}"#,
        ) else {
            panic!("refused");
        };
        let texts = [&tokens.id_token, &tokens.access_token, &tokens.refresh_token];
        assert_eq!(texts.map(|text| text.as_deref().unwrap()), ["a.b.c", "x y~", "r"]);
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(300)));
        let Ok(tokens) = answer(200, r#"{"access_token":"x","refresh_token":null}"#) else {
            panic!("refused");
        };
        assert!(tokens.id_token.is_none() && tokens.refresh_token.is_none() && tokens.expires_in.is_none());
    }

    #[test]
    fn what_is_no_token_answer_is_malformed() {
        for body in [
            "",
            "<html>",
            "access_token=x&token_type=bearer",
            "[]",
            "null",
            "{}",
            r#"{"refresh_token":"r"}"#,
            r#"{"access_token":"x","access_token":"y"}"#,
            r#"{"access_token":"x","\u0061ccess_token":"y"}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":1}"#,
            r#"{"access_token":"x\r\ny"}"#,
            r#"{"access_token":"\u00e4"}"#,
            r#"{"access_token":"x","id_token":["a.b.c"]}"#,
            r#"{"access_token":"x","id_token":""}"#,
            r#"{"access_token":"x","refresh_token":{}}"#,
            r#"{"access_token":"x","token_type":"DPoP"}"#,
            r#"{"access_token":"x","token_type":"mac"}"#,
            r#"{"access_token":"x","token_type":1}"#,
            r#"{"access_token":"x","expires_in":"300"}"#,
            r#"{"access_token":"x","expires_in":0}"#,
            r#"{"access_token":"x","expires_in":-1}"#,
            r#"{"access_token":"x","expires_in":1e300}"#,
            r#"{"access_token":"x","expires_in":315360001}"#,
            r#"{"access_token":"x","expires_in":true}"#,
        ] {
            assert_eq!(failure(answer(200, body)).kind, FailureKind::Malformed, "{body}");
        }
        assert_eq!(failure(answer(200, b"{\"access_token\":\"\xff\"}")).kind, FailureKind::Malformed);
        assert_eq!(failure(answer(200, "[".repeat(100_000))).kind, FailureKind::Malformed);
        assert_eq!(failure(read_tokens(&Answer::TooLarge)).kind, FailureKind::Malformed);
    }

    /// RFC 6749 section 5.2, and what providers answer besides.
    #[test]
    fn each_answer_without_tokens_is_classified() {
        use FailureKind::*;
        let tokens = r#"{"access_token":"x"}"#;
        for (status, body, kind, shown) in [
            (400, r#"{"error":"invalid_grant"}"#, InvalidGrant, "400: invalid_grant"),
            (401, r#"{"error":"invalid_grant","error_description":"x"}"#, InvalidGrant, "401: invalid_grant"),
            (400, r#"{"error":"invalid_client"}"#, InvalidClient, "400: invalid_client"),
            (401, r#"{"error":"invalid_client"}"#, InvalidClient, "401: invalid_client"),
            (403, r#"{"error":"invalid_client"}"#, InvalidClient, "403: invalid_client"),
            (400, r#"{"error":"unauthorized_client"}"#, UnauthorizedClient, "400: unauthorized_client"),
            (403, r#"{"error":"access_denied"}"#, Refused, "403: access_denied"),
            (400, r#"{"error":"login_required"}"#, Refused, "400: login_required"),
            (400, r#"{"error":"interaction_required"}"#, Refused, "400: interaction_required"),
            (400, r#"{"error":"consent_required"}"#, Refused, "400: consent_required"),
            (403, r#"{"error":"mfa_required","mfa_token":"secret"}"#, Refused, "403: mfa_required"),
            (400, r#"{"error":"invalid_request"}"#, Refused, "400: invalid_request"),
            (400, r#"{"error":"invalid_scope"}"#, Refused, "400: invalid_scope"),
            (400, r#"{"error":"temporarily_unavailable"}"#, Refused, "400: temporarily_unavailable"),
            (400, r#"{"error":"Invalid_Client"}"#, Refused, "400: Invalid_Client"),
            (400, r#"{"error":"invalid_client","error":"access_denied"}"#, Refused, "400"),
            (400, "error=invalid_client", Refused, "400"),
            (400, r#"["invalid_client"]"#, Refused, "400"),
            (400, r#"{"error":"a\"b\nc"}"#, Refused, "400: a b c"),
            (400, r#"{"error":7}"#, Refused, "400"),
            (400, "", Refused, "400"),
            (401, "", Refused, "401"),
            (403, "<html>", Refused, "403"),
            (404, "<html>", Refused, "404"),
            (408, "", Refused, "408"),
            (425, "", Refused, "425"),
            (302, r#"{"error":"invalid_client"}"#, Refused, "302: invalid_client"),
            (302, r#"{"error":"invalid_grant"}"#, Refused, "302: invalid_grant"),
            (204, "", Refused, "204"),
            (201, tokens, Refused, "201"),
            (400, tokens, Refused, "400"),
            (600, "", Refused, "600"),
            (200, r#"{"error":"invalid_client"}"#, Malformed, "200: invalid_client"),
            (200, r#"{"error":"access_denied"}"#, Malformed, "200: access_denied"),
            (200, "<html>", Malformed, "200 and no usable tokens"),
            (429, r#"{"error":"invalid_grant"}"#, Unavailable, "429: invalid_grant"),
            (429, r#"{"error":"access_denied"}"#, Unavailable, "429: access_denied"),
            (500, r#"{"error":"invalid_grant"}"#, Unavailable, "500: invalid_grant"),
            (503, "", Unavailable, "503"),
            (504, "upstream request timeout", Unavailable, "504"),
            (599, tokens, Unavailable, "599"),
        ] {
            let failure = failure(answer(status, body));
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert_eq!(failure.to_string(), format!("the token endpoint answered with status {shown}"));
        }
        let silence = failure(read_tokens(&Answer::Failed));
        assert_eq!((silence.kind, silence.to_string().as_str()), (Unavailable, "the token endpoint did not answer"));
        let long = failure(answer(400, format!(r#"{{"error":"{}"}}"#, "x".repeat(1000)))).to_string();
        assert_eq!(long.matches('x').count(), 64);
    }
}
