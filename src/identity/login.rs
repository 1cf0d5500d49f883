//! Signing in by browser: the authorization code flow of OpenID Connect Core,
//! always with PKCE.
//!
//! ```text
//! start ──> the provider ──> callback ──> exchange ──> read_tokens
//!   │                            │
//!   └── attempt (cookie) ────────┤ one secret: id, nonce and verifier come from it
//!   └── state (parameter) ───────┘ the attempt's id, and where the browser wanted to go
//! ```
//!
//! Nothing is kept here between two requests: an attempt lies sealed in the
//! browser that began it, so any replica can end what another one began.

mod attempt;
mod callback;
mod calls;
mod client;
mod half_hash;
mod logout;
mod private_key;
mod return_path;
mod settings;
mod start;
mod state;
mod step_up;
mod tokens;

pub(super) use attempt::attempts_expired;
pub(super) use callback::{Callback, Code, callback};
pub(super) use calls::{exchange, refresh, revoke, userinfo};
pub(super) use half_hash::half_hash;
pub(super) use logout::end_session;
pub use private_key::PrivateKey;
pub(super) use return_path::return_path;
pub(super) use settings::LoginSettings;
pub use start::Origin;
pub(super) use start::start;
pub use step_up::StepUp;
pub(super) use tokens::{FailureKind, Tokens, read_tokens};

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};

use crate::http::Form;

/// A form of one type, whatever its length: each array would be code of its own.
fn form(fields: &[(&str, &str)]) -> Form {
    Form::new(fields.iter().copied())
}

fn encode(bytes: &[u8]) -> Option<String> {
    Base64UrlSafeNoPadding::encode_to_string(bytes).ok()
}

/// What somebody else wrote, for a record or a page: at most `limit` of the
/// characters that RFC 6749 allows in an error, which end no quotation and no
/// line. Anything else is a space.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let allowed = |char: char| matches!(char, ' '..='~') && !matches!(char, '"' | '\'' | '\\' | '`');
    let text: String = text.chars().map(|char| if allowed(char) { char } else { ' ' }).collect();
    text.trim().chars().take(limit).collect()
}

#[cfg(test)]
mod tests;
