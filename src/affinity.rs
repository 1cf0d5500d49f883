//! Where should it go? Keeps a client on the backend it was on.
//!
//! A client carries an opaque random key in a cookie, and the proxy hashes that
//! key over its healthy backends (`mode: hash`). Exact pinning (`mode: pin`)
//! also carries, sealed, the address that the proxy chose. Nothing a client can
//! write names a backend: the key is only hashed, the address only ever read
//! out of our own seal, and even then the proxy looks it up among its own.
//!
//! The behaviours are HAProxy's `cookie SRV insert indirect nocache httponly
//! secure` with `maxidle` and `maxlife`.

mod key;
mod pin;
mod settings;
mod ticket;

pub use key::Bearer;

use std::rc::Rc;

use key::BearerKey;
use ticket::{Ticket, Tickets};

use crate::host::Host;
use crate::http::{CookieSettings, Headers, cookie, set_cookie};
use crate::time::Time;

/// How clients are kept on their backends.
#[derive(Debug)]
pub struct Affinity {
    mode: Mode,
    bearer: BearerKey,
    cookie: CookieSettings,
    /// How cookies are sealed; without keys the cookie is the bare key.
    tickets: Option<Tickets>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Hash,
    Pin,
    Off,
}

/// Where one request belongs. What its response needs is inside; the default is
/// a request that belongs nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stay(Kept);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Kept {
    #[default]
    Nowhere,
    ByKey(String),
    ByCookie {
        ticket: Rc<Ticket>,
        /// Whether the client needs a new cookie whatever the response says.
        due: bool,
    },
}

/// A cookie for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCookie {
    /// The value of a `set-cookie` field, to be added.
    pub set_cookie: String,
    /// The value of a `cache-control` field, to be added: a shared cache that
    /// kept this response would hand one client's cookie to others.
    pub cache_control: &'static str,
}

impl Stay {
    /// The value of `x-airgate-affinity`, which the proxy hashes: 22 characters.
    pub fn key(&self) -> Option<&str> {
        match &self.0 {
            Kept::Nowhere => None,
            Kept::ByKey(key) => Some(key),
            Kept::ByCookie { ticket, .. } => Some(&ticket.key),
        }
    }

    /// The value of `x-airgate-pin`: `ip:port` in base64, as Envoy's
    /// `envoy.http.stateful_session.header` reads it. Only in mode `pin`.
    pub fn pin(&self) -> Option<&str> {
        match &self.0 {
            Kept::ByCookie { ticket, .. } => ticket.pin.as_deref(),
            _ => None,
        }
    }
}

impl Affinity {
    /// The name of the cookie that is ours and goes no further than here.
    pub fn cookie_name(&self) -> Option<&str> {
        (self.mode != Mode::Off).then_some(&*self.cookie.name)
    }

    /// Where a request belongs. `bearer` is who a verified bearer token says the
    /// caller is, if there was one. What the client itself says of pins is not
    /// looked at.
    pub fn on_request(&mut self, headers: &Headers, bearer: Option<Bearer<'_>>, host: &dyn Host, now: Time) -> Stay {
        if self.mode == Mode::Off {
            return Stay::default();
        }
        if let Some(key) = bearer.and_then(|bearer| self.bearer.key(&bearer)) {
            return Stay(Kept::ByKey(key));
        }
        let known = cookie(headers, &self.cookie.name).and_then(|value| self.read_cookie(value, now));
        Stay(known.unwrap_or_else(|| newcomer(host, now)))
    }

    /// Whether the response to a request has to be looked at. Most need not, and
    /// reading a response's headers costs more than what is done with them.
    pub fn wants_response(&self, stay: &Stay, now: Time) -> bool {
        let Kept::ByCookie { ticket, due } = &stay.0 else { return false };
        self.mode == Mode::Pin
            || *due
            || self.tickets.as_ref().is_some_and(|tickets| tickets.is_to_be_renewed(ticket, now))
    }

    /// The cookie that a response sets, if any. `upstream_pin` is the response's
    /// `x-airgate-pin`, the address that the proxy chose. Envoy writes it only
    /// where that is not the address it was asked for, and else leaves a field of
    /// that name as the backend sent it: so the route has to remove the
    /// backend's (`response_headers_to_remove`), lest one backend send its
    /// clients to another.
    pub fn on_response(&self, stay: &Stay, upstream_pin: Option<&[u8]>, now: Time) -> Option<NewCookie> {
        let Kept::ByCookie { ticket, due } = &stay.0 else { return None };
        let chosen = upstream_pin.filter(|_| self.mode == Mode::Pin).and_then(pin::read);
        let moved = chosen.is_some() && chosen != ticket.pin;
        let aged = self.tickets.as_ref().is_some_and(|tickets| tickets.is_to_be_renewed(ticket, now));
        if !(*due || moved || aged) {
            return None;
        }
        let value = match &self.tickets {
            None => ticket.key.clone(),
            Some(tickets) => tickets.seal(&ticket.seen_again(chosen, now))?,
        };
        // No Max-Age: the cookie ends with the browser, and the clocks are inside.
        Some(NewCookie { set_cookie: set_cookie(&self.cookie, &value, None), cache_control: "private" })
    }

    fn read_cookie(&mut self, value: &[u8], now: Time) -> Option<Kept> {
        let (mut ticket, due) = match &mut self.tickets {
            None => (Rc::new(Ticket::new(key::read(value)?, now)), false),
            Some(tickets) => tickets.open(value, now)?,
        };
        if self.mode != Mode::Pin && ticket.pin.is_some() {
            Rc::make_mut(&mut ticket).pin = None;
        }
        Some(Kept::ByCookie { ticket, due })
    }
}

/// A client without a cookie that is worth anything. Where the host has no
/// random bytes it belongs nowhere and the proxy balances it like anyone: a
/// guessable key, the same for all, would pile everybody up on one backend, and
/// refusing the request would turn a loss of comfort into an outage.
fn newcomer(host: &dyn Host, now: Time) -> Kept {
    match key::random(host) {
        Some(key) => Kept::ByCookie { ticket: Rc::new(Ticket::new(key, now)), due: true },
        None => Kept::Nowhere,
    }
}

#[cfg(test)]
mod tests;
