//! How affinity is configured.

use std::time::Duration;

use super::key::BearerKey;
use super::ticket::Tickets;
use super::{Affinity, Mode};
use crate::http::CookieSettings;
use crate::seal::KeyRing;
use crate::settings::Section;

const IDLE: Duration = Duration::from_secs(30 * 60);
const LIFETIME: Duration = Duration::from_secs(8 * 3600);
/// From one second to 400 days, at which browsers end every cookie.
const LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(400 * 86_400));

impl Affinity {
    /// Reads `{mode, bearer, keys, idle, lifetime, cookie}`. Cookies are sealed
    /// for `external_url` if there are keys.
    pub(crate) fn read(section: &Section<'_>, external_url: &str) -> Affinity {
        let modes = [("hash", Mode::Hash), ("pin", Mode::Pin), ("off", Mode::Off)];
        let mode = section.choice("mode", &modes).unwrap_or(Mode::Hash);
        let bearers = [("cookie", BearerKey::Cookie), ("subject", BearerKey::Subject), ("client", BearerKey::Client)];
        let bearer = section.choice("bearer", &bearers).unwrap_or(BearerKey::Cookie);
        let cookie = CookieSettings::read(&section.section_or_empty("cookie"), "__Host-airgate-affinity");
        let keys = KeyRing::read(section, "keys", external_url);
        let (idle, lifetime) = read_clocks(section);
        if mode == Mode::Pin && bearer != BearerKey::Cookie {
            section.mistake("bearer", "mode pin keeps the backend in the cookie, so it needs bearer: cookie");
        }
        require_keys(section, mode);
        section.finish();
        let tickets = keys.map(|keys| Tickets::new(keys, idle, lifetime));
        Affinity { mode, bearer, cookie, tickets }
    }
}

/// Idle and lifetime; they count only where cookies are sealed.
fn read_clocks(section: &Section<'_>) -> (Duration, Duration) {
    let lifetime = section.duration("lifetime", LIFETIME, LIMITS);
    let idle = section.duration("idle", lifetime.min(IDLE), LIMITS);
    if idle > lifetime {
        section.mistake("idle", "must not be longer than lifetime, which is 8h unless it is written");
    }
    (idle, lifetime)
}

fn require_keys(section: &Section<'_>, mode: Mode) {
    let written = section.get("keys").is_some_and(|keys| keys.as_array().is_none_or(|list| !list.is_empty()));
    if written {
        return;
    }
    if mode == Mode::Pin {
        section.mistake("keys", "mode pin seals the backend's address into the cookie, so it needs keys");
    }
    for clock in ["idle", "lifetime"] {
        if section.has(clock) {
            section.mistake(clock, "the clock travels in the cookie, where only a seal protects it: this needs keys");
        }
    }
}
