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

/// What the answer means.
pub(in crate::identity) enum TokenAnswer {
    /// Here they are.
    Tokens(Tokens),
    /// The code or refresh token is used up, ended, or somebody else's.
    InvalidGrant,
    /// The provider does not want us: the configuration, here or there, is
    /// wrong.
    Refused(TokenRefusal),
    /// No answer this time.
    Unavailable,
    /// Nothing that the specification knows.
    Malformed,
}

/// How a provider refused us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identity) struct TokenRefusal {
    /// The status code.
    pub status: u16,
    /// The provider's word for why, fit for a record.
    pub error: Option<String>,
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token endpoint answered with status {}", self.status)?;
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// Reads the answer to an exchange or a refresh.
pub(in crate::identity) fn read_tokens(answer: &Answer) -> TokenAnswer {
    let (status, body) = match answer {
        Answer::Response { status, body } => (*status, body),
        Answer::TooLarge => return TokenAnswer::Malformed,
        Answer::Failed => return TokenAnswer::Unavailable,
    };
    let members = match json::parse(body) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    };
    match status {
        200 => match members.as_ref().map(read) {
            Some(Ok(tokens)) => TokenAnswer::Tokens(tokens),
            Some(Err(Malformed)) | None => TokenAnswer::Malformed,
        },
        429 | 500.. => TokenAnswer::Unavailable,
        status => refused(status, members.as_ref()),
    }
}

fn refused(status: u16, members: Option<&Map<String, Value>>) -> TokenAnswer {
    match members.and_then(|members| members.get("error")?.as_str()) {
        // The standard's status is 400; some say 401 or 403.
        Some("invalid_grant") if status >= 400 => TokenAnswer::InvalidGrant,
        error => TokenAnswer::Refused(TokenRefusal { status, error: error.map(|error| plain(error, 64)) }),
    }
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

    fn answer(status: u16, body: impl AsRef<[u8]>) -> TokenAnswer {
        read_tokens(&Answer::Response { status, body: body.as_ref().to_vec() })
    }

    fn word(answer: &TokenAnswer) -> String {
        match answer {
            TokenAnswer::Tokens(_) => "tokens".to_owned(),
            TokenAnswer::InvalidGrant => "invalid grant".to_owned(),
            TokenAnswer::Refused(refusal) => refusal.to_string(),
            TokenAnswer::Unavailable => "unavailable".to_owned(),
            TokenAnswer::Malformed => "malformed".to_owned(),
        }
    }

    #[test]
    fn tokens_are_read() {
        let TokenAnswer::Tokens(tokens) = answer(
            200,
            r#"{"id_token":"a.b.c","access_token":"x y~","refresh_token":"r","token_type":"bEARER","expires_in":300}"#,
        ) else {
            panic!("refused");
        };
        let texts = [&tokens.id_token, &tokens.access_token, &tokens.refresh_token];
        assert_eq!(texts.map(|text| text.as_deref().unwrap()), ["a.b.c", "x y~", "r"]);
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(300)));
        let TokenAnswer::Tokens(tokens) = answer(200, r#"{"access_token":"x","refresh_token":null}"#) else {
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
            assert_eq!(word(&answer(200, body)), "malformed", "{body}");
        }
        assert_eq!(word(&answer(200, b"{\"access_token\":\"\xff\"}")), "malformed");
        assert_eq!(word(&answer(200, "[".repeat(100_000))), "malformed");
        assert_eq!(word(&read_tokens(&Answer::TooLarge)), "malformed");
    }

    #[test]
    fn refusals_say_who_is_at_fault() {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, "invalid grant"),
            (401, r#"{"error":"invalid_grant","error_description":"x"}"#, "invalid grant"),
            (400, r#"{"error":"invalid_scope"}"#, "the token endpoint answered with status 400: invalid_scope"),
            (401, r#"{"error":"invalid_client"}"#, "the token endpoint answered with status 401: invalid_client"),
            (400, r#"{"error":"a\"b\nc"}"#, "the token endpoint answered with status 400: a b c"),
            (400, r#"{"error":7}"#, "the token endpoint answered with status 400"),
            (404, "<html>", "the token endpoint answered with status 404"),
            (302, r#"{"error":"invalid_grant"}"#, "the token endpoint answered with status 302: invalid_grant"),
            (204, "", "the token endpoint answered with status 204"),
            (201, r#"{"access_token":"x"}"#, "the token endpoint answered with status 201"),
            (429, r#"{"error":"invalid_grant"}"#, "unavailable"),
            (500, r#"{"error":"invalid_grant"}"#, "unavailable"),
            (503, "", "unavailable"),
        ] {
            assert_eq!(word(&answer(status, body)), expected, "{status} {body}");
        }
        assert_eq!(word(&read_tokens(&Answer::Failed)), "unavailable");
        let long = word(&answer(400, format!(r#"{{"error":"{}"}}"#, "x".repeat(1000))));
        assert_eq!(long.matches('x').count(), 64);
    }
}
