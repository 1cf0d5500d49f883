//! What Airbyte's clients ask, one of each kind, to see which route takes it.

/// A request as routes see it, after airgate.
pub struct Sample {
    /// The class that airgate gives it: `x-airgate-route`.
    pub class: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    /// Whether it may be repeated: `x-airgate-retry`.
    pub repeatable: bool,
}

/// One of each kind that a sound configuration may treat in its own way.
pub const SAMPLES: [Sample; 12] = [
    sample("slow", "POST", "/api/v1/sources/discover_schema", false),
    sample("slow", "POST", "/api/v1/web_backend/connections/get", false),
    sample("slow", "POST", "/api/public/v1/sources", false),
    sample("slow", "GET", "/api/public/v1/streams", false),
    sample("builder", "POST", "/api/v1/connector_builder/stream/read", false),
    sample("public-api", "GET", "/api/public/v1/connections", true),
    sample("public-api", "POST", "/api/public/v1/jobs", false),
    sample("api", "POST", "/api/v1/connections/get", true),
    sample("api", "POST", "/api/v1/connections/update", false),
    sample("ui", "GET", "/workspaces", true),
    sample("auth-flow", "GET", "/auth_flow", false),
    sample("scim", "GET", "/scim/v2/Users", false),
];

const fn sample(class: &'static str, method: &'static str, path: &'static str, repeatable: bool) -> Sample {
    Sample { class, method, path, repeatable }
}

impl Sample {
    /// Headers that nobody can foretell are taken to be absent.
    pub fn header(&self, name: &str) -> Option<&'static str> {
        match name.to_ascii_lowercase().as_str() {
            "x-airgate-route" => Some(self.class),
            "x-airgate-retry" => self.repeatable.then_some("safe"),
            ":method" => Some(self.method),
            ":path" => Some(self.path),
            ":scheme" => Some("https"),
            _ => None,
        }
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
