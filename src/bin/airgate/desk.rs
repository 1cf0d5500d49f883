//! A gateway on a desk: with a configuration, and without a proxy.

use std::path::Path;
use std::time::UNIX_EPOCH;

use airgate::config::Settings;
use airgate::gateway::Gateway;
use airgate::host::Host;
use airgate::http::Headers;
use airgate::time::Time;
use serde_json::Value;

use crate::check::now_seconds;
use crate::console::{Failure, count};
use crate::document;
use crate::secrets::Secrets;

/// A gateway, and what it was made of.
pub struct Desk {
    pub gateway: Gateway,
    pub config: Value,
}

impl Desk {
    /// Sets up the gateway of a file. Secrets that are not here are stood in for:
    /// no decision depends on them.
    pub fn open(path: &Path) -> Result<Desk, Failure> {
        let found = document::only(path)?;
        let config = found.config.map_err(|text| Failure::new(format!("{}: {text}", path.display())))?;
        let gateway = gateway(&config, path)?;
        Ok(Desk { gateway, config })
    }

    /// The host that the gateway has by its configuration.
    pub fn authority(&self) -> String {
        let url = self.config.get("external_url").and_then(Value::as_str).unwrap_or_default();
        url.trim_start_matches("https://").trim_end_matches('/').to_owned()
    }
}

/// The headers of a request, pseudo-headers first; a `host` among the others is
/// the one that is asked for.
pub fn headers(authority: &str, method: &str, path: &str, more: &[(String, String)]) -> Headers {
    let host = more.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.as_str());
    let head = [(":method", method), (":path", path), (":authority", host.unwrap_or(authority))];
    let rest = more.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    Headers::from_pairs(head.into_iter().chain(rest.map(|(name, value)| (name.as_str(), value.as_str()))))
}

/// The gateway of a configuration.
pub fn gateway(config: &Value, path: &Path) -> Result<Gateway, Failure> {
    let secrets = Secrets::open(config, None, None)?;
    let settings = Settings::read(config, &|name| secrets.get(name)).map_err(|mistakes| {
        let name = path.display();
        Failure::new(format!("{name} has {}; `airgate check {name}` names them", count(mistakes.len(), "mistake")))
    })?;
    Ok(Gateway::new(settings, &DeskHost))
}

/// The host of a gateway that does nothing.
pub struct DeskHost;

impl Host for DeskHost {
    fn random(&self, bytes: &mut [u8]) -> bool {
        getrandom::fill(bytes).is_ok()
    }
}

/// A moment that was given, or this one.
pub fn moment(text: Option<&str>) -> Result<Time, Failure> {
    let Some(text) = text else {
        return Ok(Time::from_seconds(now_seconds()));
    };
    let read = humantime::parse_rfc3339_weak(text).ok().and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
    let since = read.ok_or_else(|| Failure::new(format!("{text}: expected a moment such as 2026-11-23T12:00:00Z")))?;
    Ok(Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}
