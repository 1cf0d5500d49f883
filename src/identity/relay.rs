//! Airbyte's token endpoint, answered by a provider's client-credentials grant
//! (RFC 6749 section 4.4): machines sign in the way they always did, with an id
//! and secret of the identity provider.

use std::fmt;
use std::time::Duration;

use ct_codecs::{Base64, Encoder};
use serde_json::{Map, Value, json};

use crate::http::{Answer, Call, CallId, Endpoint, Form, read_form};
use crate::json;
use crate::settings::Section;

mod queue;
#[cfg(test)]
mod tests;

pub use queue::{Relay, RelayId};

/// The longest id or secret, in bytes.
const MAX_LENGTH: usize = 1024;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What is told where the provider does not say how long its token lasts:
/// clients of Airbyte count on a number.
const SHORT: u64 = 60;

/// Whose grant answers, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// The provider's name.
    pub provider: String,
    /// Asked for with every token, as far as it is configured.
    pub scope: Option<String>,
    /// The same; not in the standard, but demanded by some providers.
    pub audience: Option<String>,
    /// The same, by RFC 8707.
    pub resource: Option<String>,
}

impl RelaySettings {
    /// Reads `token_relay`.
    pub(crate) fn read(section: &Section<'_>) -> Option<RelaySettings> {
        let text = |name| section.text(name).map(str::to_owned);
        let (provider, scope) = (section.required_text("provider"), text("scope"));
        let (audience, resource) = (text("audience"), text("resource"));
        section.finish();
        Some(RelaySettings { provider: provider?.to_owned(), scope, audience, resource })
    }
}

/// An id and a secret, as a machine brought them.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientPair {
    client_id: String,
    client_secret: String,
}

impl ClientPair {
    /// Whose it is.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// Without the secret.
impl fmt::Debug for ClientPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientPair {{ {:?} }}", self.client_id)
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayFault {
    /// The body is neither JSON nor a form, or not with an id and a secret.
    BadRequest,
    /// Another grant than client credentials.
    OtherGrant,
    /// The provider does not know the pair, or does not let it have tokens.
    BadPair,
    /// The provider asks us to come more slowly.
    TooMany,
    /// The provider refuses what the configuration asks for.
    Misconfigured,
    /// The provider does not answer, or not in a way that is of use.
    Unavailable,
}

impl RelayFault {
    /// The status of the answer. Airbyte answers a pair that it does not know
    /// with 400 and not 401, and so do we.
    pub const fn status(self) -> u16 {
        match self {
            RelayFault::BadRequest | RelayFault::OtherGrant | RelayFault::BadPair => 400,
            RelayFault::TooMany => 429,
            RelayFault::Misconfigured => 502,
            RelayFault::Unavailable => 503,
        }
    }

    /// The word for the record.
    pub const fn reason(self) -> &'static str {
        match self {
            RelayFault::BadRequest => "invalid_request",
            RelayFault::OtherGrant => "unsupported_grant_type",
            RelayFault::BadPair => "invalid_client",
            RelayFault::TooMany => "provider_too_many_requests",
            RelayFault::Misconfigured => "provider_refused",
            RelayFault::Unavailable => "provider_unavailable",
        }
    }
}

impl fmt::Display for RelayFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RelayFault::BadRequest => "expected client_id and client_secret, as JSON or as a form",
            RelayFault::OtherGrant => "expected the grant type client_credentials",
            RelayFault::BadPair => "the identity provider does not accept this client_id and client_secret",
            RelayFault::TooMany => "the identity provider asks for fewer requests",
            RelayFault::Misconfigured => "the identity provider refuses the scope, audience or resource configured",
            RelayFault::Unavailable => "the identity provider gives no usable answer",
        })
    }
}

impl std::error::Error for RelayFault {}

/// Reads a request's body. Without a content type it is JSON, as Airbyte takes
/// it.
pub fn read_request(content_type: Option<&[u8]>, body: &[u8]) -> Result<ClientPair, RelayFault> {
    let kind = content_type.unwrap_or(b"application/json").split(|byte| *byte == b';').next();
    let kind = kind.unwrap_or_default().trim_ascii();
    let mut fields = if kind.eq_ignore_ascii_case(b"application/json") {
        match json::parse(body) {
            Ok(Value::Object(members)) => members,
            _ => return Err(RelayFault::BadRequest),
        }
    } else if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        form_fields(body).ok_or(RelayFault::BadRequest)?
    } else {
        return Err(RelayFault::BadRequest);
    };
    // The public API's description spells it with a dash, OAuth and the SDK with
    // an underscore.
    for name in ["grant-type", "grant_type"] {
        if fields.get(name).is_some_and(|grant| grant != "client_credentials") {
            return Err(RelayFault::OtherGrant);
        }
    }
    let mut credential = |name| match fields.remove(name) {
        Some(Value::String(text)) if is_credential(&text) => Ok(text),
        _ => Err(RelayFault::BadRequest),
    };
    Ok(ClientPair { client_id: credential("client_id")?, client_secret: credential("client_secret")? })
}

/// `None`: no form, or one with a field twice, which readers would disagree
/// about.
fn form_fields(body: &[u8]) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    for (name, value) in read_form(body)? {
        if members.insert(name, Value::String(value)).is_some() {
            return None;
        }
    }
    Some(members)
}

/// RFC 6749 appendix A: visible ASCII and spaces.
fn is_credential(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The provider's call: its token endpoint, and the way there.
pub fn call(settings: &RelaySettings, endpoint: &Endpoint, cluster: &str, pair: &ClientPair, id: CallId) -> Call {
    let mut form = Form::new([("grant_type", "client_credentials")]);
    let wishes = [("scope", &settings.scope), ("audience", &settings.audience), ("resource", &settings.resource)];
    for (name, wish) in wishes {
        if let Some(wish) = wish {
            form.add(name, wish);
        }
    }
    let authorization = Some(basic(pair));
    Call {
        id,
        cluster: cluster.to_owned(),
        endpoint: endpoint.clone(),
        authorization,
        form: Some(form),
        timeout: TIMEOUT,
    }
}

/// RFC 6749 section 2.3.1: both are encoded as in a form before they are joined.
fn basic(pair: &ClientPair) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let joined = format!("{}:{}", encoded(&pair.client_id), encoded(&pair.client_secret));
    // Nothing but a length beyond memory fails here.
    format!("Basic {}", Base64::encode_to_string(joined).unwrap_or_default())
}

/// The body of the answer, in Airbyte's shape, from the provider's.
pub fn reply(answer: &Answer) -> Result<Value, RelayFault> {
    let (status, body) = match answer {
        Answer::Response { status, body } => (*status, json::parse(body).unwrap_or_default()),
        Answer::TooLarge | Answer::Failed => return Err(RelayFault::Unavailable),
    };
    match (status, body.get("error").and_then(Value::as_str)) {
        (200, _) => token(&body).ok_or(RelayFault::Unavailable),
        (429, _) => Err(RelayFault::TooMany),
        // Some refuse a pair with invalid_grant; a bare 401 can mean nothing else.
        (400 | 401 | 403, Some("invalid_client" | "invalid_grant" | "unauthorized_client")) | (401, _) => {
            Err(RelayFault::BadPair)
        }
        (400..500, _) => Err(RelayFault::Misconfigured),
        _ => Err(RelayFault::Unavailable),
    }
}

/// `None` if it is no bearer token, which is all that clients of Airbyte know.
fn token(body: &Value) -> Option<Value> {
    let access_token = body.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    let bearer = body.get("token_type")?.as_str()?.eq_ignore_ascii_case("bearer");
    let expires_in = match body.get("expires_in") {
        Some(Value::Number(seconds)) => seconds.as_u64()?,
        // Some write it as a text.
        Some(Value::String(seconds)) => seconds.parse().ok()?,
        _ => SHORT,
    };
    bearer.then(|| json!({"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in}))
}
