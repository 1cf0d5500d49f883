//! The way back: affinity cookies in, the proxy's own headers out.

use crate::access::Permit;
use crate::affinity::{Affinity, Stay};
use crate::http::{Edit, Edits, Headers};
use crate::time::Time;

/// What the response to a forwarded request needs to know.
#[derive(Debug)]
pub struct Exchange {
    permit: Permit,
    pub(super) stay: Stay,
}

impl Exchange {
    pub(super) fn new(permit: Permit, stay: Stay) -> Exchange {
        Exchange { permit, stay }
    }

    /// By what leave the request was forwarded.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }
}

pub(super) fn edits(affinity: &Affinity, exchange: &Exchange, headers: &Headers, now: Time) -> Edits {
    let mut edits = Edits::new();
    let pin = headers.first("x-airgate-pin");
    if pin.is_some() {
        edits.push(Edit::Remove(b"x-airgate-pin".to_vec()));
    }
    if let Some(cookie) = affinity.on_response(&exchange.stay, pin, now) {
        edits.push(Edit::Add("set-cookie".into(), cookie.set_cookie.into_bytes()));
        // A shared cache that kept the response would hand one client's cookie
        // to the next (HAProxy's `nocache`).
        let sent = headers.first("cache-control").unwrap_or_default().to_ascii_lowercase();
        let has = |word: &[u8]| sent.windows(word.len()).any(|part| part == word);
        if !has(b"private") && !has(b"no-store") {
            edits.push(Edit::Set("cache-control".into(), b"private".to_vec()));
        }
    }
    edits
}
