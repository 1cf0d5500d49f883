//! Every answer that is a refusal, and how each is said in HTTP.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::json;

use crate::access::Denial;
use crate::http::Reply;
use crate::identity::TokenFault;

/// Why a request is not forwarded. The variants say who has to do something
/// about it.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The client sent something that can be read two ways.
    BadRequest(&'static str),
    /// The client sent no credentials.
    NoCredentials,
    /// The client sent credentials that are not for us, such as Basic.
    OtherScheme,
    /// The client sent several credentials in one field, or a broken one.
    BadCredentials,
    /// The client's token is refused.
    BadToken(TokenFault),
    /// The client is known and may not.
    Denied(Denial, Option<&'static str>),
    /// Nothing of ours is at this path.
    NotFound,
    /// The client asks for tokens where there are none; they are there.
    WrongTokenUrl(&'static str),
    /// The provider does not answer.
    ProviderUnavailable(Duration),
    /// Too many requests wait for the provider already.
    Overloaded,
}

/// How a refusal reads.
struct Words {
    status: u16,
    /// RFC 6749's or RFC 6750's word for it, where they have one.
    error: &'static str,
    message: Cow<'static, str>,
    authenticate: Option<String>,
    retry_after: Option<u64>,
}

impl Refusal {
    /// The reason in the record.
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::BadRequest(reason) => reason,
            Refusal::NoCredentials => "no_credentials",
            Refusal::OtherScheme => "unsupported_scheme",
            Refusal::BadCredentials => "malformed_credentials",
            Refusal::BadToken(fault) => fault.reason(),
            Refusal::Denied(denial, _) => denial.reason(),
            Refusal::NotFound => "not_found",
            Refusal::WrongTokenUrl(_) => "wrong_token_url",
            Refusal::ProviderUnavailable(_) => "provider_unavailable",
            Refusal::Overloaded => "overloaded",
        }
    }

    /// The one place where a refusal becomes HTTP: JSON for programs, a page
    /// for a person's browser, the request's id in both, nothing inside.
    pub fn reply(&self, request_id: &str, page: bool) -> Reply {
        let words = self.words();
        let (content_type, body) = match page {
            true => ("text/html; charset=utf-8", words.page(request_id)),
            false => ("application/json", self.json(&words, request_id)),
        };
        let mut headers: Vec<(Cow<'static, str>, Vec<u8>)> = vec![
            ("content-type".into(), content_type.into()),
            ("cache-control".into(), b"no-store".to_vec()),
            ("x-content-type-options".into(), b"nosniff".to_vec()),
            ("x-request-id".into(), request_id.into()),
        ];
        if page {
            let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
            headers.push(("content-security-policy".into(), policy.into()));
        }
        if let Some(challenge) = words.authenticate {
            headers.push(("www-authenticate".into(), challenge.into_bytes()));
        }
        if let Some(seconds) = words.retry_after {
            headers.push(("retry-after".into(), seconds.to_string().into_bytes()));
        }
        Reply { status: words.status, headers, body: body.into_bytes() }
    }

    fn json(&self, words: &Words, request_id: &str) -> String {
        let mut body = json!({
            "status": words.status,
            "error": words.error,
            "message": words.message,
            "request_id": request_id,
        });
        if let (Refusal::Denied(_, Some(operation)), Some(body)) = (self, body.as_object_mut()) {
            body.insert("operation".to_owned(), (*operation).into());
        }
        body.to_string()
    }

    fn words(&self) -> Words {
        match self {
            Refusal::BadRequest(reason) => {
                plain(400, "invalid_request", format!("The request is ambiguous and was refused: {reason}."))
            }
            Refusal::NoCredentials => {
                let message =
                    "Sign in: this address needs an access token in the Authorization header (scheme Bearer).";
                challenged(401, "unauthorized", message, "Bearer".to_owned())
            }
            Refusal::OtherScheme => {
                let message =
                    "Only bearer tokens are accepted in the Authorization header; Basic and other schemes are not.";
                challenged(401, "unauthorized", message, "Bearer".to_owned())
            }
            Refusal::BadCredentials => {
                let message = "The Authorization header must hold exactly one bearer token.";
                challenged(400, "invalid_request", message, "Bearer error=\"invalid_request\"".to_owned())
            }
            Refusal::BadToken(fault) => {
                let message = fault.description();
                let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
                challenged(401, "invalid_token", message, challenge)
            }
            Refusal::Denied(Denial::Closed, _) => {
                let message = "This part of Airbyte is for its own data planes and is closed here.";
                challenged(403, "insufficient_scope", message, "Bearer error=\"insufficient_scope\"".to_owned())
            }
            Refusal::NotFound => plain(404, "not_found", "There is nothing at this address."),
            Refusal::WrongTokenUrl(right) => {
                plain(404, "not_found", format!("There is no token endpoint at this address. Airbyte's is {right}."))
            }
            Refusal::ProviderUnavailable(rest) => {
                let message =
                    "The identity provider does not answer, so nobody new can be recognised. Please try again.";
                retry(message, *rest)
            }
            Refusal::Overloaded => {
                retry("Too many requests wait for the identity provider. Please try again.", Duration::from_secs(1))
            }
        }
    }
}

impl Words {
    fn page(&self, request_id: &str) -> String {
        let (title, message, id) = (title(self.status), escaped(&self.message), escaped(request_id));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<main>\n<h1>{title}</h1>\n<p>{message}</p>\n<p>Request <code>{id}</code></p>\n</main>\n</html>\n"
        )
    }
}

fn plain(status: u16, error: &'static str, message: impl Into<Cow<'static, str>>) -> Words {
    Words { status, error, message: message.into(), authenticate: None, retry_after: None }
}

fn challenged(status: u16, error: &'static str, message: &'static str, challenge: String) -> Words {
    Words { authenticate: Some(challenge), ..plain(status, error, message) }
}

fn retry(message: &'static str, rest: Duration) -> Words {
    let seconds = rest.as_millis().div_ceil(1000).max(1);
    Words { retry_after: u64::try_from(seconds).ok(), ..plain(503, "temporarily_unavailable", message) }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "This request cannot be understood",
        401 => "Please sign in",
        403 => "Not allowed",
        404 => "Not found",
        _ => "Please try again",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
