//! What a record can say.

/// One thing that is said about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The claim that the settings call the user, or its pseudonym.
    User,
    /// The caller's address for mail, or its pseudonym.
    Email,
    /// Where the request came from, as trusted hops tell it.
    Address,
    /// The port there.
    Port,
    /// The method.
    Method,
    /// The path, without query.
    Path,
    /// The query, without what looks secret.
    Query,
    /// The host that was asked for.
    Host,
    /// Which replica answered.
    Upstream,
    /// The status of the response.
    Status,
    /// Bytes of the request.
    RequestSize,
    /// Bytes of the response.
    ResponseSize,
    /// Milliseconds from the first byte of the request to the last of the response.
    TotalMs,
    /// The request's id.
    RequestId,
    /// The `sub` claim, where that is not the user.
    Subject,
    /// The client that the token was issued to.
    Client,
    /// Who vouches for the caller.
    Provider,
    /// The agent that acts.
    Agent,
    /// For whom it acts.
    OnBehalfOf,
    /// How the caller is known.
    Auth,
    /// The caller's groups, as far as the policy names them.
    Groups,
    /// What was asked of Airbyte.
    Operation,
    /// Whose data: workspaces, connections, sources and destinations.
    Ids,
    /// The rule that decided.
    Rule,
    /// The caller's role.
    Role,
    /// What would have been decided, were it enforced.
    Report,
    /// By which rule.
    ReportRule,
    /// The class of traffic.
    Route,
    /// Microseconds that the gateway itself took.
    DurationUs,
    /// Milliseconds that the request waited for a provider or its own body.
    WaitedMs,
    /// The proxy's flags for the response, as a number.
    Flags,
    /// The proxy's own word for how the response came about.
    Details,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 32] = [
        Field::User,
        Field::Email,
        Field::Address,
        Field::Port,
        Field::Method,
        Field::Path,
        Field::Query,
        Field::Host,
        Field::Upstream,
        Field::Status,
        Field::RequestSize,
        Field::ResponseSize,
        Field::TotalMs,
        Field::RequestId,
        Field::Subject,
        Field::Client,
        Field::Provider,
        Field::Agent,
        Field::OnBehalfOf,
        Field::Auth,
        Field::Groups,
        Field::Operation,
        Field::Ids,
        Field::Rule,
        Field::Role,
        Field::Report,
        Field::ReportRule,
        Field::Route,
        Field::DurationUs,
        Field::WaitedMs,
        Field::Flags,
        Field::Details,
    ];

    /// Its name as a property of the proxy.
    pub fn property(self) -> &'static str {
        match self {
            Field::User => "airgate.enduser.id",
            Field::Email => "airgate.enduser.email",
            Field::Address => "airgate.client.address",
            Field::Port => "airgate.client.port",
            Field::Method => "airgate.http.request.method",
            Field::Path => "airgate.url.path",
            Field::Query => "airgate.url.query",
            Field::Host => "airgate.server.address",
            Field::Upstream => "airgate.upstream.address",
            Field::Status => "airgate.http.response.status_code",
            Field::RequestSize => "airgate.http.request.size",
            Field::ResponseSize => "airgate.http.response.size",
            Field::TotalMs => "airgate.duration_ms",
            Field::RequestId => "airgate.request_id",
            Field::Subject => "airgate.subject",
            Field::Client => "airgate.client",
            Field::Provider => "airgate.provider",
            Field::Agent => "airgate.agent",
            Field::OnBehalfOf => "airgate.on_behalf_of",
            Field::Auth => "airgate.auth",
            Field::Groups => "airgate.groups",
            Field::Operation => "airgate.operation",
            Field::Ids => "airgate.ids",
            Field::Rule => "airgate.rule",
            Field::Role => "airgate.role",
            Field::Report => "airgate.report",
            Field::ReportRule => "airgate.report_rule",
            Field::Route => "airgate.route",
            Field::DurationUs => "airgate.duration_us",
            Field::WaitedMs => "airgate.waited_ms",
            Field::Flags => "airgate.flags",
            Field::Details => "airgate.details",
        }
    }

    /// Its name in a record: OpenTelemetry's where that has one.
    pub fn name(self) -> &'static str {
        let property = self.property();
        if self as usize <= Field::TotalMs as usize {
            property.strip_prefix("airgate.").unwrap_or(property)
        } else {
            property
        }
    }

    /// Whether it counts something.
    pub fn is_number(self) -> bool {
        use Field::{DurationUs, Flags, Port, RequestSize, ResponseSize, Status, TotalMs, WaitedMs};
        matches!(self, Port | Status | RequestSize | ResponseSize | TotalMs | DurationUs | WaitedMs | Flags)
    }

    /// Whether the proxy's access log has it from the proxy, as this does.
    pub(super) fn is_the_proxys(self) -> bool {
        use Field::{Host, Method, Port, RequestId};
        matches!(self, Host | Method | Port | RequestId)
    }
}
