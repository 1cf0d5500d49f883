//! How sessions are configured.

use std::time::{Duration, UNIX_EPOCH};

use crate::pointer::Pointer;
use crate::seal::KeyRing;
use crate::settings::Section;
use crate::time::Time;

const IDLE: Duration = Duration::from_secs(8 * 3600);
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// From one minute to 400 days, at which browsers end every cookie.
const LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(400 * 86_400));

/// What the configuration says about sessions.
pub struct SessionSettings {
    pub(super) keys: KeyRing,
    pub(super) idle: Duration,
    pub(super) lifetime: Duration,
    /// How long a session without a refresh token lives, instead of its claims.
    pub(super) reauth: Option<Duration>,
    /// Sessions that began earlier are over.
    pub(super) not_before: Time,
    pub(super) keep_id_token: bool,
    /// Claims to keep beside those that are needed anyway.
    pub(super) claims: Vec<Pointer>,
}

impl SessionSettings {
    /// Reads `session`: `{keys, idle, lifetime, reauth, not_before,
    /// keep_id_token, claims}`. Sessions are sealed for `external_url`.
    pub(crate) fn read(section: &Section<'_>, external_url: &str) -> Option<SessionSettings> {
        let keys = KeyRing::read(section, "keys", external_url);
        if section.get("keys").is_none_or(|keys| keys.as_array().is_some_and(Vec::is_empty)) {
            section.mistake("keys", "sessions are sealed, so at least one key must be written");
        }
        let lifetime = section.duration("lifetime", LIFETIME, LIMITS);
        let idle = section.duration("idle", lifetime.min(IDLE), LIMITS);
        let reauth = section.optional_duration("reauth", LIMITS);
        for (name, span) in [("idle", Some(idle)), ("reauth", reauth)] {
            if span > Some(lifetime) {
                section.mistake(name, "must not be longer than lifetime, which is 24h unless it is written");
            }
        }
        let not_before = section.text("not_before").and_then(|text| {
            date_time(text).or_else(|| section.wrong("not_before", "expected a date such as 2026-11-01T00:00:00Z"))
        });
        let keep_id_token = section.boolean("keep_id_token", false);
        let claims = claims(section);
        section.finish();
        let not_before = not_before.unwrap_or_default();
        Some(SessionSettings { keys: keys?, idle, lifetime, reauth, not_before, keep_id_token, claims })
    }
}

fn claims(section: &Section<'_>) -> Vec<Pointer> {
    let read = |(index, text): (usize, &str)| match Pointer::parse(text) {
        Ok(pointer) => Some(pointer),
        Err(text) => section.wrong(&format!("claims[{index}]"), text),
    };
    section.texts("claims").into_iter().enumerate().filter_map(read).collect()
}

/// RFC 3339 in UTC; a moment before the epoch is none.
fn date_time(text: &str) -> Option<Time> {
    // The parser takes a second Z for a fraction.
    let ends_once = text.find('Z').and_then(|at| at.checked_add(1)) == Some(text.len());
    let at = humantime::parse_rfc3339(text).ok().filter(|_| ends_once)?.duration_since(UNIX_EPOCH).ok()?;
    Some(Time::from_seconds(at.as_secs()))
}
