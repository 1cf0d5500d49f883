//! Signed-in people: sessions that live in the browser, sealed.
//!
//! Nothing is stored here, so every replica opens every session and a restart
//! ends none. What a session says is in its cookies ([`Session`]); how long it
//! counts is decided anew each time one is opened, by the settings of today and
//! by the end that was sealed in.

mod chunks;
mod contents;
mod settings;
mod too_large;

pub use contents::Session;
pub use settings::SessionSettings;
pub use too_large::TooLarge;

use std::rc::Rc;

use serde_json::{Map, Value};

use super::claims::ClaimSettings;
use crate::http::{CookieSettings, Headers, cookie, set_cookie};
use crate::memo::Memo;
use crate::pointer::Pointer;
use crate::seal::{KeyRing, Opened};
use crate::time::Time;
use chunks::Sent;

const SESSION: &str = "session";
const ID_TOKEN: &str = "id-token";

/// The ID token as a hint for the provider's sign-out; only our own pages get
/// it, so that it costs other requests nothing.
static ID_TOKEN_COOKIE: CookieSettings = CookieSettings::fixed("__Secure-airgate-id", "/.airgate/");

/// Whether a cookie of this name is ours, and so none of Airbyte's business.
pub fn is_session_cookie(name: &[u8]) -> bool {
    chunks::COOKIES.iter().chain([&ID_TOKEN_COOKIE]).any(|ours| ours.name.as_bytes() == name)
}

/// Seals sessions and opens them.
pub struct Sessions {
    settings: SessionSettings,
    opened: Memo<Opened<Rc<Session>>>,
}

/// What is in sealed sessions: opening one costs AES over all of it and JSON,
/// and one browser comes many times. At most 4,096 of them and 4 MiB, sealed text
/// and what it says together. Whether it still counts is asked each time.
fn memo() -> Memo<Opened<Rc<Session>>> {
    Memo::new(4096, 4 * 1024 * 1024)
}

/// What a browser sent.
#[derive(Debug)]
pub enum Found {
    /// No session.
    None,
    /// Session cookies without a good session in them: forged, cut, mixed, of
    /// an old key, ended. Whatever it was, they are to be expired.
    Bad,
    /// A session.
    Open {
        /// What it says.
        session: Rc<Session>,
        /// Whether the key that seals now sealed it.
        by_first_key: bool,
    },
}

impl Sessions {
    /// Starts with nothing remembered.
    pub fn new(settings: SessionSettings) -> Sessions {
        Sessions { settings, opened: memo() }
    }

    /// The keys, for whatever else is sealed for the same browsers.
    pub fn keys(&self) -> &KeyRing {
        &self.settings.keys
    }

    /// The session in the cookies of a request.
    pub fn find(&mut self, headers: &Headers, now: Time) -> Found {
        let opened = match chunks::join(headers) {
            Sent::Nothing => return Found::None,
            Sent::Broken => None,
            Sent::Whole(sealed) => self.look_up(&sealed, now),
        };
        opened.map_or(Found::Bad, |opened| Found::Open { session: opened.value, by_first_key: opened.by_first_key })
    }

    /// Opens a session that another worker sealed.
    pub fn open(&mut self, sealed: &str, now: Time) -> Option<Rc<Session>> {
        self.look_up(sealed.as_bytes(), now).map(|opened| opened.value)
    }

    fn look_up(&mut self, sealed: &[u8], now: Time) -> Option<Opened<Rc<Session>>> {
        // A longer one was never sealed, so it is not even hashed.
        if sealed.len() > chunks::LIMIT {
            return None;
        }
        let opened = match self.opened.get(sealed) {
            Some(opened) => opened.clone(),
            None => {
                let Opened { value, expires, by_first_key } = self.keys().open_any_length(SESSION, sealed, now)?;
                let opened = Opened { value: Rc::new(Session::read(value)?), expires, by_first_key };
                self.opened.insert(sealed, opened.clone(), opened.value.room());
                opened
            }
        };
        // Its own end was reckoned with the settings of its day; both count.
        let session = &opened.value;
        let good = now < opened.expires && now < self.end_of(session) && session.begun >= self.settings.not_before;
        good.then_some(opened)
    }

    /// Whether a response should carry the session anew: because another key
    /// seals now, or because `seen` is more than a quarter of idle ago. So most
    /// responses set no cookie, and who comes back within three quarters of idle
    /// is never taken for idle.
    pub fn is_to_be_renewed(&self, session: &Session, by_first_key: bool, now: Time) -> bool {
        !by_first_key || now.since(session.seen).saturating_mul(4) > self.settings.idle
    }

    /// The `Set-Cookie` values that make this the browser's session.
    ///
    /// # Errors
    /// It does not fit into its cookies.
    pub fn cookies(&self, session: &Session) -> Result<Vec<String>, TooLarge> {
        self.seal(session).map(|sealed| self.cookies_of(&sealed))
    }

    /// The same from what [`Sessions::seal`] made here or elsewhere. Each value
    /// sets all cookies: chunks that this session does not need are deleted even
    /// if the request brought none. Of two responses that set sessions at once
    /// one wins as a whole, and never leaves a chunk of the other behind.
    pub fn cookies_of(&self, sealed: &str) -> Vec<String> {
        chunks::split(sealed)
    }

    /// Seals a session into one text.
    ///
    /// # Errors
    /// It does not fit into its cookies.
    pub fn seal(&self, session: &Session) -> Result<String, TooLarge> {
        // Sealing JSON cannot fail; if it did, an empty text is no session.
        let sealed = self.keys().seal_any_length(SESSION, session.to_value(), self.end_of(session)).unwrap_or_default();
        if sealed.len() <= chunks::LIMIT {
            Ok(sealed)
        } else {
            Err(TooLarge::new(session, sealed.len(), chunks::LIMIT))
        }
    }

    /// The `Set-Cookie` values that delete whatever a request brought of a
    /// session; none if it brought nothing.
    pub fn expired(&self, headers: &Headers) -> Vec<String> {
        let sent = |ours: &CookieSettings| cookie(headers, &ours.name).is_some();
        let session = chunks::COOKIES.iter().any(sent);
        let mut expired = if session { chunks::expired() } else { Vec::new() };
        // Most paths never see the ID token, so nobody knows whether it is there.
        if sent(&ID_TOKEN_COOKIE) || (session && self.settings.keep_id_token) {
            expired.push(set_cookie(&ID_TOKEN_COOKIE, "", Some(std::time::Duration::ZERO)));
        }
        expired
    }

    /// The first moment at which a session no longer counts unless something
    /// happens: it is seen again, or its claims are refreshed.
    pub fn end_of(&self, session: &Session) -> Time {
        let idle = session.seen.plus(self.settings.idle);
        let lifetime = session.begun.plus(self.settings.lifetime);
        let claims = match (&session.refresh_token, self.settings.reauth) {
            (Some(_), _) => lifetime,
            (None, Some(reauth)) => session.begun.plus(reauth),
            (None, None) => session.valid_until,
        };
        idle.min(lifetime).min(claims)
    }

    /// How long a session can live at most.
    pub fn lifetime(&self) -> std::time::Duration {
        self.settings.lifetime
    }

    /// Whether ID tokens are kept for sign-out.
    pub fn keep_id_token(&self) -> bool {
        self.settings.keep_id_token
    }

    /// The `Set-Cookie` value that keeps an ID token until just before `end`.
    /// `None`: none is kept, or this one is too long for a cookie.
    pub fn id_token_cookie(&self, token: &str, end: Time) -> Option<String> {
        let seal = || self.keys().seal_any_length(ID_TOKEN, Value::from(token), end);
        let sealed = self.settings.keep_id_token.then(seal)?.filter(|sealed| sealed.len() <= chunks::LENGTH)?;
        Some(set_cookie(&ID_TOKEN_COOKIE, &sealed, None))
    }

    /// The ID token that a request brought.
    pub fn id_token(&self, headers: &Headers, now: Time) -> Option<String> {
        let sealed = cookie(headers, &ID_TOKEN_COOKIE.name).filter(|sealed| sealed.len() <= chunks::LENGTH)?;
        match self.keys().open_any_length(ID_TOKEN, sealed, now)?.value {
            Value::String(token) => Some(token),
            _ => None,
        }
    }

    /// The claims that a session keeps: what tells who somebody is, what the
    /// provider's settings require, what `more` names (routing rules), and what
    /// the session's own settings name.
    pub fn slim(&self, provider: &ClaimSettings, more: &[Pointer], claims: &Map<String, Value>) -> Map<String, Value> {
        provider.slim(more.iter().chain(&self.settings.claims), claims)
    }
}

#[cfg(test)]
mod tests;
