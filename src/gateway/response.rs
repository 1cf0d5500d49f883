//! The way back: cookies in, the proxy's own headers out.

use crate::access::Permit;
use crate::affinity::{Affinity, Stay};
use crate::caller::Auth;
use crate::http::{Edits, Headers, is_for_shared_caches, limits_framing, private};
use crate::identity::SignIn;
use crate::time::Time;
use crate::upstream::Upstream;

/// Where the proxy says which backend it chose.
pub(super) const PIN: &str = "x-airgate-pin";

/// What the response to a forwarded request needs to know.
#[derive(Debug)]
pub struct Exchange {
    permit: Permit,
    stay: Stay,
    /// `Set-Cookie` values of the session.
    cookies: Vec<String>,
    /// When the request was sent on.
    since: Time,
    /// How the caller is known; `None`: the request was
    /// forwarded without one.
    auth: Option<Auth>,
}

impl Exchange {
    pub(super) fn new(permit: Permit, stay: Stay, cookies: Vec<String>, since: Time, auth: Option<Auth>) -> Exchange {
        Exchange { permit, stay, cookies, since, auth }
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
    let Some(headers) = headers() else {
        // Of a response that cannot be seen no cookie passes: it might be ours.
        edits.remove(b"set-cookie");
        return edits;
    };
    upstream.on_response(&headers, affinity.cookie_name(), now, &mut edits);
    if exchange.auth == Some(Auth::Session) {
        protect_visitor(&headers, &mut edits);
    }
    let session = if now.since(exchange.since) < SignIn::LATE { exchange.cookies.as_slice() } else { &[] };
    let sets = keep(affinity, &exchange.stay, session, &headers, now, &mut edits);
    // Without a word of the upstream no shared cache keeps the answer to a request
    // with `Authorization` (RFC 9111 section 3.5); of other fields it does not know.
    let is_kept_from_sharing = upstream.credentials_header() == "authorization";
    if let Some(auth) = exchange.auth {
        headers.iter().filter(|(name, _)| is_for_shared_caches(name)).for_each(|(name, _)| edits.remove(name));
        let says = auth == Auth::Session || !is_kept_from_sharing || headers.first("cache-control").is_some();
        if says && !sets {
            keep_private(&headers, &mut edits);
        }
    }
    edits
}

/// Changes the response to a browser with a session. Airbyte's challenge would open
/// a password dialog that no password answers, and without a policy every site
/// could frame a page that acts with the session.
fn protect_visitor(headers: &Headers, edits: &mut Edits) {
    if headers.first("www-authenticate").is_some() {
        edits.remove(b"www-authenticate");
    }
    if !limits_framing(headers) {
        edits.add_policy("frame-ancestors 'self'");
    }
}

fn keep_private(headers: &Headers, edits: &mut Edits) {
    if let Some(value) = private(headers) {
        edits.set("cache-control", value);
    }
}

/// Sets the cookies that are due.
/// Whether there are any; then the response is kept from shared caches, which
/// would hand one client's cookie to the next.
pub(super) fn keep(
    affinity: &Affinity,
    stay: &Stay,
    session: &[String],
    headers: &Headers,
    now: Time,
    edits: &mut Edits,
) -> bool {
    let pin = headers.first(PIN);
    let stay = affinity.on_response(stay, pin, now).map(|cookie| cookie.set_cookie);
    let cookies = || stay.iter().chain(session);
    cookies().for_each(|cookie| edits.set_cookie(cookie));
    let sets = cookies().next().is_some();
    if sets {
        keep_private(headers, edits);
    }
    sets
}
