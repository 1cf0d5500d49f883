//! The traffic classes of Airbyte.

/// A kind of traffic that wants timeouts and limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The web app's pages and files.
    Ui,
    /// The config API.
    Api,
    /// Calls that run for minutes, whichever API they belong to.
    Slow,
    /// The public API, which Airbyte serves with five threads.
    PublicApi,
    /// The connector builder's service, a separate one in charts 2.0.x.
    Builder,
    /// Health checks.
    Health,
    /// The redirect that ends a connector's OAuth flow.
    AuthFlow,
    /// SCIM provisioning.
    Scim,
}

impl Class {
    /// Every class with its name in headers and configuration.
    pub const NAMES: [(&'static str, Class); 8] = [
        ("ui", Class::Ui),
        ("api", Class::Api),
        ("slow", Class::Slow),
        ("public-api", Class::PublicApi),
        ("builder", Class::Builder),
        ("health", Class::Health),
        ("auth-flow", Class::AuthFlow),
        ("scim", Class::Scim),
    ];

    /// The class's name in headers and configuration.
    pub fn name(self) -> &'static str {
        Class::NAMES.iter().find(|(_, class)| *class == self).map_or("ui", |(name, _)| name)
    }

    /// The class of a path without trailing slash.
    pub(super) fn of(path: &str, slow: bool) -> Class {
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match path {
            "/api/v1/health" | "/api/public/v1/health" => Class::Health,
            "/auth_flow" => Class::AuthFlow,
            // Before `slow`: the class also names the service that answers.
            _ if below("/api/v1/connector_builder") => Class::Builder,
            _ if slow => Class::Slow,
            _ if below("/api/public") => Class::PublicApi,
            _ if below("/api") => Class::Api,
            _ if below("/scim") => Class::Scim,
            _ => Class::Ui,
        }
    }
}
