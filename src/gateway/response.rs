//! The way back: cookies in, the proxy's own headers out.

use crate::access::Permit;
use crate::affinity::{Affinity, Stay};
use crate::http::{Edits, Headers};
use crate::identity::SignIn;
use crate::time::Time;
use crate::upstream::Upstream;

/// What the response to a forwarded request needs to know.
#[derive(Debug)]
pub struct Exchange {
    permit: Permit,
    stay: Stay,
    /// `Set-Cookie` values of the session.
    cookies: Vec<String>,
    /// When the request was sent on.
    since: Time,
    /// Whether a browser asked, with a session.
    visitor: bool,
}

impl Exchange {
    pub(super) fn new(permit: Permit, stay: Stay, cookies: Vec<String>, since: Time, visitor: bool) -> Exchange {
        Exchange { permit, stay, cookies, since, visitor }
    }

    /// By what leave the request was forwarded.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }
}

pub(super) fn edits(
    affinity: &Affinity,
    upstream: &mut Upstream,
    exchange: &Exchange,
    headers: impl FnOnce() -> Option<Headers>,
    now: Time,
) -> Edits {
    let mut edits = Edits::default();
    if exchange.visitor {
        // A browser would ask for a password that nobody has.
        edits.remove(b"www-authenticate");
    }
    let stays = affinity.wants_response(&exchange.stay, now);
    let session = if now.since(exchange.since) < SignIn::LATE { exchange.cookies.as_slice() } else { &[] };
    let sets = !session.is_empty();
    if !(stays || sets || upstream.wants_response()) {
        return edits;
    }
    let Some(headers) = headers() else {
        return edits;
    };
    upstream.on_response(&headers, now, &mut edits);
    keep(affinity, &exchange.stay, session, &headers, now, &mut edits);
    edits
}

/// Sets the cookies that are due, and takes out what the proxy says of its choice.
pub(super) fn keep(
    affinity: &Affinity,
    stay: &Stay,
    session: &[String],
    headers: &Headers,
    now: Time,
    edits: &mut Edits,
) {
    let pin = headers.first("x-airgate-pin");
    if pin.is_some() {
        edits.remove(b"x-airgate-pin");
    }
    let stay = affinity.on_response(stay, pin, now).map(|cookie| cookie.set_cookie);
    let cookies = || stay.iter().chain(session);
    cookies().for_each(|cookie| edits.set_cookie(cookie));
    if cookies().next().is_some() {
        // A shared cache that kept the response would hand one client's cookie
        // to the next (HAProxy's `nocache`).
        let sent = headers.first("cache-control").unwrap_or_default().to_ascii_lowercase();
        let has = |word: &[u8]| sent.windows(word.len()).any(|part| part == word);
        if !has(b"private") && !has(b"no-store") {
            edits.set("cache-control", "private");
        }
    }
}
