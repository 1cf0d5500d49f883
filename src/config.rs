//! The whole configuration: raw shape in, settings or every mistake out.

use serde_json::Value;

#[cfg(not(target_arch = "wasm32"))]
use crate::access::Unmatched;
use crate::access::{Access, Vouchers};
use crate::affinity::Affinity;
use crate::audit::Audit;
use crate::identity::IdentitySettings;
use crate::page::Branding;
use crate::routing::Routing;
use crate::settings::{self, Environment, Mistake, Section};
use crate::upstream::Upstream;

/// A configuration without a mistake, ready to become a
/// [`crate::gateway::Gateway`].
pub struct Settings {
    pub(crate) external_url: String,
    pub(crate) bodies: Bodies,
    pub(crate) identity: IdentitySettings,
    pub(crate) access: Access,
    pub(crate) routing: Routing,
    pub(crate) affinity: Affinity,
    pub(crate) upstream: Upstream,
    pub(crate) branding: Branding,
    pub(crate) audit: Audit,
}

/// What becomes of a request's headers while its body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// They are held until it is judged.
    #[default]
    HeadersHeld,
    /// They go ahead: the host hands out no body before.
    HeadersAhead,
}

impl Bodies {
    fn read(root: &Section<'_>) -> Bodies {
        let words = [("headers_held", Bodies::HeadersHeld), ("headers_ahead", Bodies::HeadersAhead)];
        let bodies = root.choice("bodies", &words).unwrap_or_default();
        if bodies == Bodies::HeadersAhead && root.has("token_relay") {
            let why = "cannot be with bodies: headers_ahead, since who asks for a token would reach Airbyte first";
            root.mistake("token_relay", why);
        }
        bodies
    }
}

impl Settings {
    /// The operations that entries of the policy are about and can never match,
    /// because of the ids that they list.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn unmatched(&self) -> Vec<Unmatched> {
        self.access.unmatched()
    }

    /// Reads a configuration in JSON, with secrets from `environment`.
    ///
    /// # Errors
    /// Every mistake, each with its path; nothing starts with one.
    pub fn parse(text: &[u8], environment: Environment<'_>) -> Result<Settings, Vec<Mistake>> {
        Settings::read(&settings::parse(text)?, environment)
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
    let bodies = Bodies::read(root);
    // How browsers and providers call us.
    let external = root.require("external_url").and_then(|()| root.origin("external_url"));
    let identity = IdentitySettings::read(root, external.as_ref().map_or("", |(url, _)| url));
    // Of providers that cannot be read nobody knows the names.
    let has = |name: &str| identity.as_ref().is_none_or(|identity| identity.has_provider(name));
    let several = root.get("providers").and_then(Value::as_array).is_some_and(|list| list.len() > 1);
    let access = Access::read(root, &Vouchers { has: &has, several });
    let routing = Routing::read(root);
    let affinity = root.section_or_empty("affinity");
    let affinity = Affinity::read(&affinity, external.as_ref().map_or("", |(url, _)| url));
    let upstream = Upstream::read(root, external.as_ref().map_or("", |(_, authority)| authority));
    let branding = Branding::read(root);
    let audit = Audit::read(root);
    let external_url = external?.0.to_owned();
    Some(Settings {
        external_url,
        bodies,
        identity: identity?,
        access: access?,
        routing,
        affinity,
        upstream,
        branding,
        audit,
    })
}

#[cfg(test)]
mod tests;
