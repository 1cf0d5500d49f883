//! One sealed text in several cookies.
//!
//! Browsers keep no cookie above 4,096 bytes, name and attributes included. The
//! first cookie begins with how many there are (`2.eyJ…`). Nothing else is said
//! or checked here: the seal is over the whole, so that chunks which are
//! missing, swapped or somebody else's break it.

use std::borrow::Cow;
use std::time::Duration;

use crate::http::{CookieSettings, Headers, cookie, set_cookie};

/// Bytes of a cookie's value at most.
pub const LENGTH: usize = 3800;

/// Bytes of the longest sealed text: what the count leaves of three cookies.
pub const LIMIT: usize = LENGTH * 3 - 2;

/// In the order of the chunks.
pub static COOKIES: [CookieSettings; 3] = [
    CookieSettings::fixed("__Host-airgate-session", "/"),
    CookieSettings::fixed("__Host-airgate-session-1", "/"),
    CookieSettings::fixed("__Host-airgate-session-2", "/"),
];

/// What a request brought.
pub enum Sent<'a> {
    /// None of the cookies.
    Nothing,
    /// Too few or too many of them.
    Broken,
    /// As many as the first one says, put together; a seal or not.
    Whole(Cow<'a, [u8]>),
}

/// Puts the chunks together.
pub fn join(headers: &Headers) -> Sent<'_> {
    let chunks = COOKIES.each_ref().map(|ours| cookie(headers, &ours.name));
    let (count, first) = match chunks {
        [None, None, None] => return Sent::Nothing,
        [Some([count @ b'1'..=b'3', b'.', first @ ..]), ..] => (usize::from(count.saturating_sub(b'0')), first),
        _ => return Sent::Broken,
    };
    // One too many breaks it like one too few. It locks nobody out: what is
    // broken is expired, all of it.
    if chunks.iter().enumerate().any(|(index, chunk)| chunk.is_some() != (index < count)) {
        return Sent::Broken;
    }
    let mut whole = Cow::Borrowed(first);
    for chunk in chunks.into_iter().skip(1).flatten() {
        whole.to_mut().extend_from_slice(chunk);
    }
    Sent::Whole(whole)
}

/// The `Set-Cookie` values for a text of at most [`LIMIT`] ASCII characters, one
/// for each cookie: those that are not needed are deleted.
pub fn split(sealed: &str) -> Vec<String> {
    let count = sealed.len().saturating_add(2).div_ceil(LENGTH);
    let text = format!("{count}.{sealed}");
    let mut rest = text.as_str();
    let next = |ours| {
        let (chunk, after) = rest.split_at_checked(LENGTH).unwrap_or((rest, ""));
        rest = after;
        if chunk.is_empty() { expire(ours) } else { set_cookie(ours, chunk, None) }
    };
    COOKIES.iter().map(next).collect()
}

/// The `Set-Cookie` values that delete all of them.
pub fn expired() -> Vec<String> {
    COOKIES.iter().map(expire).collect()
}

fn expire(ours: &CookieSettings) -> String {
    set_cookie(ours, "", Some(Duration::ZERO))
}
