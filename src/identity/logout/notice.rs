//! Logout tokens: what they must say (sections 2.4 and 2.6).

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::identity::claims::date;
use crate::identity::token::media_type;
use crate::time::Time;

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The oldest token that is taken. Providers send at once and try again for some
/// minutes; who finds an old one must not be able to use it.
pub(super) const MAX_AGE: Duration = Duration::from_secs(600);

/// The longest `sub`, `sid` or `jti`, in bytes.
const MAX_TEXT: usize = 1024;

/// What a provider ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Who says so.
    pub issuer: String,
    /// Whose session it is; without `sid`, all sessions of this subject.
    pub subject: Option<String>,
    /// Which session it is.
    pub sid: Option<String>,
    /// The token's own id.
    pub jti: Option<String>,
    /// When it was issued, by the provider's clock.
    pub(super) issued: Time,
    /// The sessions that it ends began no later than this, by our clock: it may
    /// be ahead of the provider's, but not of itself.
    pub(super) latest: Time,
}

/// Why a token is no logout token that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutFault {
    /// The header's `typ` is of another kind.
    WrongType,
    /// No `events`, or the logout event is not among them.
    NoLogoutEvent,
    /// A `nonce` makes it an ID token.
    HasNonce,
    /// Neither `sub` nor `sid`.
    NobodyNamed,
    /// No `iss` or no `iat`.
    MissingClaim,
    /// A claim has a value that it cannot have.
    BadClaim,
    /// `iat` is more than ten minutes ago, or `exp` has passed.
    Expired,
    /// `iat` is to come.
    IssuedInFuture,
}

impl LogoutNotice {
    /// The same under the provider's own issuer, where it came under an alias.
    pub fn by(self, issuer: &str) -> LogoutNotice {
        LogoutNotice { issuer: issuer.to_owned(), ..self }
    }
}

impl LogoutFault {
    /// The word for the record.
    pub const fn reason(self) -> &'static str {
        match self {
            LogoutFault::WrongType => "logout_token_wrong_type",
            LogoutFault::NoLogoutEvent => "logout_token_no_event",
            LogoutFault::HasNonce => "logout_token_nonce",
            LogoutFault::NobodyNamed => "logout_token_nobody",
            LogoutFault::MissingClaim => "logout_token_missing_claim",
            LogoutFault::BadClaim => "logout_token_bad_claim",
            LogoutFault::Expired => "logout_token_expired",
            LogoutFault::IssuedInFuture => "logout_token_in_future",
        }
    }
}

impl fmt::Display for LogoutFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogoutFault::WrongType => "the token is of another type",
            LogoutFault::NoLogoutEvent => "the token lacks the logout event",
            LogoutFault::HasNonce => "a logout token has no nonce",
            LogoutFault::NobodyNamed => "the token names neither sub nor sid",
            LogoutFault::MissingClaim => "the token lacks iss or iat",
            LogoutFault::BadClaim => "a claim of the token is not usable",
            LogoutFault::Expired => "the token is too old",
            LogoutFault::IssuedInFuture => "the token was issued in the future",
        })
    }
}

impl std::error::Error for LogoutFault {}

/// Judges claims and `typ` of a token whose signature, `iss` and `aud` have been
/// checked.
///
/// `exp` and `jti` are demanded by the specification since it was final; some
/// providers follow drafts, and the age limit bounds what a token without them
/// can do.
pub fn read_notice(
    claims: &Map<String, Value>,
    typ: Option<&str>,
    now: Time,
    leeway: Duration,
) -> Result<LogoutNotice, LogoutFault> {
    if !typ.is_none_or(|typ| ["logout+jwt", "jwt"].contains(&media_type(typ).as_str())) {
        return Err(LogoutFault::WrongType);
    }
    if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
        return Err(LogoutFault::NoLogoutEvent);
    }
    if claims.contains_key("nonce") {
        return Err(LogoutFault::HasNonce);
    }
    let (subject, sid) = (text(claims, "sub")?, text(claims, "sid")?);
    if subject.is_none() && sid.is_none() {
        return Err(LogoutFault::NobodyNamed);
    }
    let issuer = text(claims, "iss")?.ok_or(LogoutFault::MissingClaim)?;
    let issued = moment(claims, "iat")?.ok_or(LogoutFault::MissingClaim)?;
    let expired = moment(claims, "exp")?.is_some_and(|expires| now >= expires.plus(leeway));
    if issued > now.plus(leeway) {
        return Err(LogoutFault::IssuedInFuture);
    }
    if expired || now.since(issued) > MAX_AGE.saturating_add(leeway) {
        return Err(LogoutFault::Expired);
    }
    // `iat` counts seconds: the one it names is meant to its end.
    let latest = issued.plus(Duration::from_millis(999)).plus(leeway).min(now);
    Ok(LogoutNotice { issuer, subject, sid, jti: text(claims, "jti")?, issued, latest })
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, LogoutFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=MAX_TEXT).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(LogoutFault::BadClaim),
    }
}

fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Time>, LogoutFault> {
    claims.get(name).map(|value| date::read(value).ok_or(LogoutFault::BadClaim)).transpose()
}
