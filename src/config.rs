//! The whole configuration: raw shape in, settings or every mistake out.

use serde_json::Value;

use crate::access::Access;
use crate::affinity::Affinity;
use crate::identity::IdentitySettings;
use crate::json;
use crate::routing::Routing;
use crate::settings::{self, Environment, Mistake, Section};
use crate::upstream::Upstream;

/// A configuration without a mistake, ready to become a
/// [`crate::gateway::Gateway`].
pub struct Settings {
    pub(crate) identity: IdentitySettings,
    pub(crate) access: Access,
    pub(crate) routing: Routing,
    pub(crate) affinity: Affinity,
    pub(crate) upstream: Upstream,
}

impl Settings {
    /// Reads a configuration in JSON, with secrets from `environment`.
    ///
    /// # Errors
    /// Every mistake, each with its path; nothing starts with one.
    pub fn parse(text: &[u8], environment: Environment<'_>) -> Result<Settings, Vec<Mistake>> {
        let value = json::parse(text).map_err(|error| vec![Mistake::new("", format!("no valid JSON: {error}"))])?;
        Settings::read(&value, environment)
    }

    /// Reads a configuration that is JSON already.
    ///
    /// # Errors
    /// Every mistake, each with its path; nothing starts with one.
    pub fn read(value: &Value, environment: Environment<'_>) -> Result<Settings, Vec<Mistake>> {
        settings::read(value, environment, read)
    }
}

fn read(root: &Section<'_>) -> Option<Settings> {
    let external = read_external_url(root);
    let identity = IdentitySettings::read(root);
    let access = Access::read(root);
    let routing = Routing::read(root);
    let affinity = root.section_or_empty("affinity");
    let affinity = Affinity::read(&affinity, external.as_ref().map_or("", |(url, _)| url));
    let upstream = Upstream::read(root, external.as_ref().map_or("", |(_, authority)| authority));
    external?;
    Some(Settings { identity: identity?, access: access?, routing, affinity, upstream })
}

/// How browsers and providers call us, and the host in it: `https`, and nothing
/// after the host, since Airbyte cannot live under a path.
fn read_external_url<'a>(root: &Section<'a>) -> Option<(&'a str, &'a str)> {
    let url = root.required_text("external_url")?;
    let host = url.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    match host.map(|host| (host, host.parse::<http::uri::Authority>())) {
        Some((host, Ok(authority))) if !host.contains('@') && authority.as_str() == host => {
            Some((url.strip_suffix('/').unwrap_or(url), host))
        }
        _ => root.wrong("external_url", "expected https:// and a host, such as https://airbyte.example.com"),
    }
}

#[cfg(test)]
mod tests;
