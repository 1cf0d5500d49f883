//! What a session says.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::json;
use crate::time::Time;

/// Somebody who signed in, and when.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's issuer.
    pub issuer: String,
    /// The `sub` claim.
    pub subject: String,
    /// The provider's own session, which it may end by back-channel logout.
    pub sid: Option<String>,
    /// How the provider says it knew them (authentication context class).
    pub acr: Option<String>,
    /// When the provider says it asked them.
    pub auth_time: Option<Time>,
    /// What is needed of the claims, see [`super::Sessions::slim`].
    pub claims: Map<String, Value>,
    /// What gets new claims without asking anybody.
    pub refresh_token: Option<String>,
    /// What the nonce of their login is known by.
    pub nonce: Option<String>,
    /// When they signed in: lifetime counts from here and no renewal moves it.
    pub begun: Time,
    /// When they were last seen and told so: idle counts from here.
    pub seen: Time,
    /// From this moment on the claims are to be refreshed.
    pub valid_until: Time,
    /// Who that is by the provider's settings: reckoned once for all requests
    /// that bring this session.
    pub caller: OnceCell<Rc<Caller>>,
}

impl Session {
    /// About how many bytes of memory this takes, with the caller who is in it
    /// sooner or later.
    pub fn room(&self) -> usize {
        let said = [Some(&self.provider), Some(&self.issuer), Some(&self.subject), self.refresh_token.as_ref()];
        let texts: usize = said.into_iter().flatten().map(|text| json::room_of_text(text)).sum();
        // The caller has the claims again, and the groups of them once more.
        let claims = json::room_of_members(&self.claims).saturating_mul(3);
        size_of::<Session>().saturating_add(texts).saturating_add(claims)
    }

    /// The same session, seen now.
    pub fn seen_again(&self, now: Time) -> Session {
        Session { seen: now, caller: OnceCell::new(), ..self.clone() }
    }

    /// Says in `claims` how and when this person signed in, as the login said it.
    /// A refresh is no authentication: where its ID token says nothing of the
    /// `acr`, the old one holds, and `auth_time` is the login's in any case
    /// (OpenID Connect Core 12.2).
    pub fn tell_authentication(&self, claims: &mut Map<String, Value>) {
        if let Some(acr) = &self.acr
            && !claims.get("acr").is_some_and(Value::is_string)
        {
            claims.insert("acr".to_owned(), acr.as_str().into());
        }
        if let Some(time) = self.auth_time {
            claims.insert("auth_time".to_owned(), time.seconds().into());
        }
    }

    /// What is sealed; every byte of it travels with every request. By hand: a
    /// derived reader and writer, used once, would be several times as large.
    pub(super) fn to_value(&self) -> Value {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let members = [
            ("provider", Value::from(self.provider.as_str())),
            ("iss", Value::from(self.issuer.as_str())),
            ("sub", Value::from(self.subject.as_str())),
            ("sid", text(&self.sid)),
            ("acr", text(&self.acr)),
            ("auth", self.auth_time.map_or(Value::Null, |time| time.millis().into())),
            ("claims", Value::Object(self.claims.clone())),
            ("refresh", text(&self.refresh_token)),
            ("nonce", text(&self.nonce)),
            ("begun", self.begun.millis().into()),
            ("seen", self.seen.millis().into()),
            ("valid", self.valid_until.millis().into()),
        ];
        let members = members.into_iter().filter(|(_, value)| !value.is_null());
        members.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(super) fn read(value: Value) -> Option<Session> {
        let Value::Object(mut members) = value else {
            return None;
        };
        let time = |name| members.get(name).and_then(Value::as_u64).map(Time::from_millis);
        let (auth_time, begun, seen, valid_until) = (time("auth"), time("begun")?, time("seen")?, time("valid")?);
        let Some(Value::Object(claims)) = members.remove("claims") else {
            return None;
        };
        let mut text = |name| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Some(Session {
            provider: text("provider")?,
            issuer: text("iss")?,
            subject: text("sub")?,
            sid: text("sid"),
            acr: text("acr"),
            auth_time,
            claims,
            refresh_token: text("refresh"),
            nonce: text("nonce"),
            begun,
            seen,
            valid_until,
            caller: OnceCell::new(),
        })
    }
}

/// Without what must never stand in a log.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("provider", &self.provider).field("subject", &self.subject);
        shown.field("begun", &self.begun).field("seen", &self.seen).field("valid_until", &self.valid_until);
        shown.finish_non_exhaustive()
    }
}
