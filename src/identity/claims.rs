//! What a token must say, and who that makes its bearer.

use std::time::Duration;

use serde_json::{Map, Value};

use super::TokenFault;
use super::token::Token;
use crate::caller::Caller;
use crate::pointer::Pointer;
use crate::time::Time;

pub(super) mod date;
mod groups;
mod kind;
mod person;
mod settings;
mod slim;
mod text;

pub use kind::TokenKind;

/// A provider's rules for claims: which tokens are for us, and which claim
/// tells what.
#[derive(Clone, Debug)]
pub struct ClaimSettings {
    provider: String,
    issuer: String,
    issuer_aliases: Vec<String>,
    audiences: Vec<String>,
    kind: TokenKind,
    client_id: Option<String>,
    leeway: Duration,
    typ: Option<String>,
    names: ClaimNames,
    required: Vec<(Pointer, Vec<Value>)>,
    /// Whether a token that is bound to a key is taken without a proof of it.
    ignores_binding: bool,
}

/// Where in the claims each fact stands.
#[derive(Clone, Debug)]
struct ClaimNames {
    audience: Pointer,
    user: Pointer,
    email: Pointer,
    email_verified: Pointer,
    name: Pointer,
    groups: Pointer,
    /// The first that is there.
    client: Vec<Pointer>,
}

impl ClaimSettings {
    /// The provider's name in the configuration.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The provider's own issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer and its aliases.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.issuer).chain(&self.issuer_aliases).map(String::as_str)
    }

    /// Whether the provider signs under this `iss`, compared byte by byte.
    pub fn knows_issuer(&self, issuer: &str) -> bool {
        self.issuer == issuer || self.issuer_aliases.iter().any(|alias| alias == issuer)
    }

    /// The rules for ID tokens that this provider gives us in person, as its
    /// client.
    pub fn for_login(&self, client_id: &str) -> ClaimSettings {
        let mut settings = self.clone();
        settings.kind = TokenKind::Id;
        settings.typ = None;
        settings.audiences = vec![client_id.to_owned()];
        settings.client_id = Some(client_id.to_owned());
        if let Ok(audience) = Pointer::parse("/aud") {
            settings.names.audience = audience;
        }
        settings
    }

    /// Who the bearer of a token is, once its signature has been checked.
    pub fn judge(&self, token: &Token<'_>, now: Time) -> Result<Caller, TokenFault> {
        let expires = self.check(token, now)?;
        self.check_binding(token.claims())?;
        self.caller(token.claims(), expires)
    }

    /// Whether a token is one of ours and good now: everything but who it is.
    /// Answers when it ends, leeway included.
    pub fn check(&self, token: &Token<'_>, now: Time) -> Result<Time, TokenFault> {
        let claims = token.claims();
        self.check_issuer(claims)?;
        self.check_kind(token)?;
        self.check_audience(claims)?;
        self.check_client(claims)?;
        self.check_times(claims, now)
    }

    /// Whether a logout token is for us (OpenID Connect Back-Channel Logout
    /// section 2.6, points 3 and 4).
    pub fn check_notice(&self, token: &Token<'_>) -> Result<(), TokenFault> {
        self.check_issuer(token.claims())?;
        self.check_audience(token.claims())
    }

    /// Who is meant by claims that have been checked.
    pub fn caller(&self, claims: &Map<String, Value>, expires: Time) -> Result<Caller, TokenFault> {
        self.check_required(claims)?;
        Caller::read(self, claims, expires)
    }

    /// How far clocks may differ.
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), TokenFault> {
        match claims.get("iss") {
            None => Err(TokenFault::MissingClaim),
            Some(Value::String(issuer)) if self.knows_issuer(issuer) => Ok(()),
            Some(_) => Err(TokenFault::UnknownIssuer),
        }
    }

    fn check_kind(&self, token: &Token<'_>) -> Result<(), TokenFault> {
        if self.kind.is_typ(token.typ(), self.typ.as_deref()) && self.kind.is_told_by(token.claims()) {
            Ok(())
        } else {
            Err(TokenFault::WrongKind)
        }
    }

    /// RFC 7519 section 4.1.3: a text or a list of texts. Anything else in the
    /// list makes it unclear what the issuer meant.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenFault> {
        let ours = |audience: &Value| self.audiences.iter().any(|known| audience == known.as_str());
        let is_ours = match self.names.audience.find(claims) {
            None => false,
            Some(audience @ Value::String(_)) => ours(audience),
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => list.iter().any(ours),
            Some(_) => return Err(TokenFault::BadClaim),
        };
        if is_ours { Ok(()) } else { Err(TokenFault::WrongAudience) }
    }

    /// OpenID Connect Core section 3.1.3.7, rule 5. In an access token `azp`
    /// merely names the client.
    fn check_client(&self, claims: &Map<String, Value>) -> Result<(), TokenFault> {
        let several = self.names.audience.find(claims).and_then(Value::as_array).is_some_and(|list| list.len() > 1);
        match (self.kind, &self.client_id, claims.get("azp")) {
            (TokenKind::Id, Some(ours), Some(theirs)) if theirs != ours.as_str() => Err(TokenFault::WrongClient),
            // Rule 4: of several audiences, `azp` says who asked.
            (TokenKind::Id, Some(_), None) if several => Err(TokenFault::MissingClaim),
            _ => Ok(()),
        }
    }

    /// Checks the clock claims; answers when the token ends, leeway included.
    fn check_times(&self, claims: &Map<String, Value>, now: Time) -> Result<Time, TokenFault> {
        let date = |name: &str| claims.get(name).map(|value| date::read(value).ok_or(TokenFault::BadClaim)).transpose();
        let expires = date("exp")?.ok_or(TokenFault::MissingClaim)?.plus(self.leeway);
        let (begins, issued) = (date("nbf")?, date("iat")?);
        // OpenID Connect Core section 2 demands `iat`; RFC 7519 does not.
        if self.kind == TokenKind::Id && issued.is_none() {
            return Err(TokenFault::MissingClaim);
        }
        let latest = now.plus(self.leeway);
        match () {
            () if now >= expires => Err(TokenFault::Expired),
            () if begins.is_some_and(|begins| begins > latest) => Err(TokenFault::NotYetValid),
            () if issued.is_some_and(|issued| issued > latest) => Err(TokenFault::IssuedInFuture),
            () => Ok(expires),
        }
    }

    /// Refuses a token that is bound to its client's key (RFC 7800; RFC 8705
    /// section 3, RFC 9449 section 6): nothing here asks for a proof of that key,
    /// and without one the token would be worth as much to a thief. `cnf` of any
    /// value counts, `null` and `{}` included: an issuer that writes it means to
    /// bind. ID tokens of a login are not asked: they come from the provider
    /// itself and are nobody's credential here.
    fn check_binding(&self, claims: &Map<String, Value>) -> Result<(), TokenFault> {
        match claims.contains_key("cnf") && !self.ignores_binding {
            true => Err(TokenFault::SenderConstrained),
            false => Ok(()),
        }
    }

    fn check_required(&self, claims: &Map<String, Value>) -> Result<(), TokenFault> {
        let holds = |(pointer, allowed): &(Pointer, Vec<Value>)| {
            pointer.find(claims).is_some_and(|value| allowed.contains(value))
        };
        if self.required.iter().all(holds) { Ok(()) } else { Err(TokenFault::RequiredClaim) }
    }
}

/// When a token that has been checked ends.
pub fn expiry(claims: &Map<String, Value>) -> Time {
    claims.get("exp").and_then(date::read).unwrap_or_default()
}

/// When the person last proved who they are (OpenID Connect Core section 2).
pub fn auth_time(claims: &Map<String, Value>) -> Option<Time> {
    claims.get("auth_time").and_then(date::read)
}

#[cfg(test)]
mod tests;
