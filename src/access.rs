//! May they? Who gets a permit, and for what.

mod operation;
mod permit;

pub use operation::{Effect, Operation, Operations};
pub use permit::{Permit, PermitReason, Role};

use crate::http::{PathPattern, Request};
use crate::settings::Section;

/// What Airbyte itself leaves open to everybody: its health, which load
/// balancers and clients ask for without a token.
const HEALTH: [&str; 2] = ["/api/v1/health", "/api/public/v1/health"];

/// For remote data planes with tokens of their own, and for Airbyte's inside:
/// no user has business there.
const CLOSED: [&str; 3] = ["/api/v1/dataplanes/**", "/api/v1/workload/**", "/api/v1/workload_output/**"];

/// The policy.
pub struct Access {
    operations: Operations,
    public: Vec<PathPattern>,
    closed: Vec<PathPattern>,
    open: Vec<PathPattern>,
    default_role: Role,
}

/// Why somebody who is known gets no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The path is for Airbyte's own data planes and is not opened by
    /// `access.open`.
    Closed,
}

impl Denial {
    /// The reason in the record.
    pub fn reason(self) -> &'static str {
        match self {
            Denial::Closed => "closed",
        }
    }
}

impl Access {
    /// Reads `public` and `access`.
    pub(crate) fn read(root: &Section<'_>) -> Option<Access> {
        let public = patterns(root, "public");
        root.require("access")?;
        let section = root.section("access")?;
        section.require("default_role");
        let default_role = section.choice("default_role", &[("admin", Role::Admin)]);
        let open = patterns(&section, "open");
        section.finish();
        let fixed = |list: &[&str]| list.iter().filter_map(|text| PathPattern::parse(text).ok()).collect::<Vec<_>>();
        let public = fixed(&HEALTH).into_iter().chain(public).collect();
        Some(Access {
            operations: Operations::builtin(),
            public,
            closed: fixed(&CLOSED),
            open,
            default_role: default_role?,
        })
    }

    /// What is asked of Airbyte; `None` for pages, files and operations that
    /// Airbyte's list does not have.
    pub fn operation(&self, request: &Request) -> Option<&Operation> {
        self.operations.find(request.method(), request.target().matched())
    }

    /// The role of everybody who is known.
    pub fn role(&self) -> Role {
        self.default_role
    }

    /// A permit for whoever asks, where none needs to say who they are.
    pub fn permit_public(&self, request: &Request) -> Option<Permit> {
        let reads = matches!(request.method(), "GET" | "HEAD");
        let path = request.target().matched();
        let public = reads && self.public.iter().any(|pattern| pattern.matches(path));
        public.then(|| Permit::new(None, PermitReason::Public))
    }

    /// A permit for a caller who is known.
    pub fn permit_known(&self, request: &Request, operation: Option<&Operation>) -> Result<Permit, Denial> {
        let path = request.target().matched();
        let internal = operation.is_some_and(Operation::is_internal);
        let closed = internal || self.closed.iter().any(|pattern| pattern.matches(path));
        if closed && !self.open.iter().any(|pattern| pattern.matches(path)) {
            return Err(Denial::Closed);
        }
        Ok(Permit::new(Some(self.default_role), PermitReason::DefaultRole))
    }
}

fn patterns(section: &Section<'_>, name: &'static str) -> Vec<PathPattern> {
    let read = |(index, text): (usize, &str)| match PathPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(text) => section.wrong(&format!("{name}[{index}]"), text),
    };
    section.texts(name).into_iter().enumerate().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;
    use crate::settings::read;
    use crate::testing::test;
    use serde_json::{Value, json};

    fn access(value: Value) -> Result<Access, Vec<String>> {
        read(&value, &|_| None, Access::read)
            .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string()).collect())
    }

    fn request(method: &str, path: &str) -> Request {
        Request::new(Headers::from_pairs([(":method", method), (":path", path), (":authority", "a")])).unwrap()
    }

    #[test]
    fn nobody_becomes_admin_because_a_line_was_forgotten() {
        assert_eq!(access(json!({})).err().unwrap(), ["access: must be written"]);
        assert_eq!(access(json!({"access": {}})).err().unwrap(), ["access.default_role: must be written"]);
        let found = access(json!({"access": {"default_role": "root"}})).err().unwrap();
        assert_eq!(found, ["access.default_role: expected one of: admin"]);
    }

    #[test]
    fn health_and_listed_paths_are_public_to_readers_only() {
        let access = access(json!({"public": ["/status/**"], "access": {"default_role": "admin"}})).unwrap();
        for (method, path, public) in [
            ("GET", "/api/v1/health", true),
            ("HEAD", "/api/v1/health/", true),
            ("GET", "/api/public/v1/health", true),
            ("GET", "/status/a", true),
            ("POST", "/api/v1/health", false),
            ("POST", "/status/a", false),
            ("GET", "/api/v1/healthy", false),
            ("GET", "/", false),
            ("OPTIONS", "/api/v1/health", false),
        ] {
            assert_eq!(access.permit_public(&request(method, path)).is_some(), public, "{method} {path}");
        }
    }

    #[test]
    fn data_plane_paths_are_closed_until_opened() {
        let config = |open: Value| access(json!({"access": {"default_role": "admin", "open": open}})).unwrap();
        let closed = [
            "/api/v1/dataplanes/token",
            "/api/v1/workload/claim",
            "/api/v1/workload_output/write",
            "/api/v1/secret_storage/get",
        ];
        for path in closed {
            let request = request("POST", path);
            let decide = |access: &Access| access.permit_known(&request, access.operation(&request)).map(drop);
            assert_eq!(decide(&config(json!([]))), Err(Denial::Closed), "{path}");
            assert_eq!(decide(&config(json!(["/api/v1/**"]))), Ok(()), "{path}");
        }
    }

    #[test]
    fn patterns_are_checked_with_their_place() {
        let found = access(json!({"public": ["/a", "b"], "access": {"default_role": "admin", "open": ["/**/x"]}}))
            .err()
            .unwrap();
        assert_eq!(
            found,
            [
                "public[1]: a path pattern begins with a slash",
                "access.open[0]: ** stands only at the end of a path pattern"
            ]
        );
    }
}
