//! Every answer that is a refusal, and how each is said in HTTP.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::json;

use super::Step;
use super::origin::OriginFault;
use super::waiting::{BODY_WAIT, Exceeded, Waiter};
use crate::access::{Boundary, Denial};
use crate::demand::Demand;
use crate::host::Host;
use crate::http::{ContentFault, Reply};
use crate::identity::TokenFault;
use crate::page::{self, Action, Branding, Page};

/// What it takes to answer with a page.
#[derive(Clone, Copy)]
pub(super) struct Pages<'a> {
    pub branding: &'a Branding,
    pub host: &'a dyn Host,
}

impl Pages<'_> {
    pub fn reply(&self, status: u16, page: &Page<'_>) -> Reply {
        page.reply(status, self.branding, &page::nonce(self.host))
    }

    /// The page as the answer to a request.
    pub fn step(&self, status: u16, page: &Page<'_>, reason: &'static str, waiter: &Waiter) -> Step {
        Step::Reply { reply: self.reply(status, page), reason, cookies: waiter.cookies.clone(), record: None }
    }
}

/// Why a request is not forwarded. The variants say who has to do something
/// about it.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The client sent something that can be read two ways.
    BadRequest(&'static str),
    /// The client sent no credentials.
    NoCredentials,
    /// The client's session has ended, or what it sent is none.
    SessionEnded,
    /// A session's cookie came with a request that another site may have caused.
    ForeignOrigin(OriginFault),
    /// The client sent credentials that are not for us, such as Basic.
    OtherScheme,
    /// The client sent several credentials in one field, or a broken one.
    BadCredentials,
    /// The client's token is refused.
    BadToken(TokenFault),
    /// The client is known and may not.
    Denied {
        denial: Denial,
        /// What was asked of Airbyte, where that has a name.
        operation: Option<Cow<'static, str>>,
        /// Whether it came with a token, rather than a session.
        bearer: bool,
    },
    /// Airbyte's own login is not used behind this gateway.
    AirbyteLogin,
    /// The gateway has no token for Airbyte, whose own login is on.
    NoAirbyteToken,
    /// The body that decides would have to be decoded first, or is not declared as
    /// what is parsed.
    UnsupportedContent {
        fault: ContentFault,
        /// What was asked of Airbyte, where that has a name.
        operation: Option<Cow<'static, str>>,
    },
    /// The body is longer than anything of use here.
    TooLong,
    /// What the gateway would answer itself is in the body, which this host hands
    /// out only after the headers have gone on.
    BodyOutOfReach,
    /// The upstream answered before the body had come that decides.
    AnsweredEarly,
    /// Nothing of ours is at this path.
    NotFound,
    /// The client asks for tokens where there are none; they are there.
    WrongTokenUrl(&'static str),
    /// The provider does not answer.
    ProviderUnavailable(Duration),
    /// Too many requests wait already.
    Limit(Exceeded),
    /// The body did not arrive in time.
    BodyTimeout,
    /// A body came of a request that does not wait for one.
    BodyUnexpected,
}

/// How a refusal reads.
struct Words {
    status: u16,
    /// RFC 6749's or RFC 6750's word for it, where they have one.
    error: &'static str,
    message: Cow<'static, str>,
    authenticate: Option<String>,
    retry_after: Option<u64>,
}

impl Refusal {
    /// The reason in the record.
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::BadRequest(reason) => reason,
            Refusal::NoCredentials => "no_credentials",
            Refusal::SessionEnded => "session_ended",
            Refusal::ForeignOrigin(fault) => fault.reason(),
            Refusal::AirbyteLogin => "airbyte_login_closed",
            Refusal::NoAirbyteToken => "no_airbyte_token",
            Refusal::UnsupportedContent { fault, .. } => fault.reason(),
            Refusal::TooLong => "body_too_long",
            Refusal::BodyOutOfReach => "body_out_of_reach",
            Refusal::AnsweredEarly => "answered_early",
            Refusal::OtherScheme => "unsupported_scheme",
            Refusal::BadCredentials => "malformed_credentials",
            Refusal::BadToken(fault) => fault.reason(),
            Refusal::Denied { denial, .. } => denial.reason(),
            Refusal::NotFound => "not_found",
            Refusal::WrongTokenUrl(_) => "wrong_token_url",
            Refusal::ProviderUnavailable(_) => "provider_unavailable",
            Refusal::Limit(Exceeded::Places) => "overloaded",
            Refusal::Limit(Exceeded::Caller) => "too_many_by_caller",
            Refusal::Limit(Exceeded::Address) => "too_many_by_address",
            Refusal::BodyTimeout => "body_timeout",
            Refusal::BodyUnexpected => "body_unexpected",
        }
    }

    /// The rule that asks for a better sign-in, where that is what is missing.
    pub fn step_up(&self) -> Option<&str> {
        match self {
            Refusal::Denied { denial: Denial::StepUp { rule, .. }, .. } => Some(rule),
            _ => None,
        }
    }

    /// The one place where a refusal becomes HTTP: JSON for programs, a page
    /// for a person's browser, the request's id in both, nothing inside.
    pub fn reply(&self, request_id: &str, pages: Option<Pages<'_>>, login_url: Option<&str>) -> Reply {
        let words = self.words();
        let mut reply = match pages {
            Some(pages) => pages.reply(words.status, &words.page(self.next(&words, pages.branding), request_id)),
            None => self.json(&words, request_id, login_url),
        };
        if let Some(challenge) = words.authenticate {
            reply.headers.push(("www-authenticate".into(), challenge.into_bytes()));
        }
        if let Some(seconds) = words.retry_after {
            reply.headers.push(("retry-after".into(), seconds.to_string().into_bytes()));
        }
        reply
    }

    fn json(&self, words: &Words, request_id: &str, login_url: Option<&str>) -> Reply {
        let mut body = json!({
            "status": words.status,
            "error": words.error,
            "message": words.message,
            "request_id": request_id,
        });
        if let (
            Refusal::Denied { operation: Some(name), .. } | Refusal::UnsupportedContent { operation: Some(name), .. },
            Some(body),
        ) = (self, body.as_object_mut())
        {
            body.insert("operation".to_owned(), name.as_ref().into());
        }
        if let (Refusal::Denied { denial, .. }, Some(body)) = (self, body.as_object_mut()) {
            body.extend(denial.needed().map(|role| ("role".to_owned(), role.name().into())));
        }
        // A program can tell its user where to go.
        if let (401, Some(url), Some(body)) = (words.status, login_url, body.as_object_mut()) {
            body.insert("login_url".to_owned(), url.into());
        }
        let headers: Vec<(Cow<'static, str>, Vec<u8>)> = vec![
            ("content-type".into(), b"application/json".to_vec()),
            ("cache-control".into(), b"no-store".to_vec()),
            ("x-content-type-options".into(), b"nosniff".to_vec()),
            ("x-request-id".into(), request_id.into()),
        ];
        Reply { status: words.status, headers, body: body.to_string().into_bytes() }
    }

    /// Where a person can go from here: an address, and what it is called.
    fn next(&self, words: &Words, branding: &Branding) -> Option<(&'static str, Cow<'static, str>)> {
        match (self, words.status) {
            // Airbyte's first page may be refused like this one.
            (Refusal::Denied { .. }, _) => Some(("/.airgate/me", "Who you are here".into())),
            // Only what can be repeated is answered with a page, and an empty
            // address is the one that was asked for.
            (_, 429 | 503) => Some(("", "Try again".into())),
            // Whoever has no way to sign in here would only be refused again.
            (_, 401) => None,
            _ => Some(("/", format!("Open {}", branding.name()).into())),
        }
    }

    fn words(&self) -> Words {
        match self {
            Refusal::BadRequest(reason) => {
                plain(400, "invalid_request", format!("The request is ambiguous and was refused: {reason}."))
            }
            Refusal::NoCredentials => {
                let message = "Sign in: this address needs a session, or an access token in the Authorization header (scheme Bearer).";
                challenged(401, "unauthorized", message, "Bearer".to_owned())
            }
            Refusal::SessionEnded => {
                challenged(401, "unauthorized", "The session has ended. Sign in again.", "Bearer".to_owned())
            }
            Refusal::ForeignOrigin(_) => plain(
                403,
                "forbidden",
                "This request did not come from a page of this address, so it was not carried out.",
            ),
            Refusal::AirbyteLogin => {
                plain(403, "forbidden", "Airbyte's own login is not used here. Sign in at the gateway.")
            }
            Refusal::NoAirbyteToken => {
                retry("Airbyte does not let the gateway in. Please try again.", Duration::from_secs(1))
            }
            Refusal::UnsupportedContent { fault, .. } => plain(415, "invalid_request", unsupported_content(*fault)),
            Refusal::TooLong => plain(413, "invalid_request", "The request's body is too long."),
            Refusal::BodyOutOfReach => {
                let message = "This gateway cannot read the request's body before the request goes on, so it cannot \
                               answer it.";
                plain(501, "not_implemented", message)
            }
            Refusal::AnsweredEarly => {
                let message = "Airbyte answered before it was clear whether it may be asked, so its answer was left \
                               out.";
                plain(502, "answered_early", message)
            }
            Refusal::OtherScheme => {
                let message =
                    "Only bearer tokens are accepted in the Authorization header; Basic and other schemes are not.";
                challenged(401, "unauthorized", message, "Bearer".to_owned())
            }
            Refusal::BadCredentials => {
                let message = "The Authorization header must hold exactly one bearer token.";
                challenged(400, "invalid_request", message, "Bearer error=\"invalid_request\"".to_owned())
            }
            Refusal::BadToken(fault) => {
                let message = fault.description();
                let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
                challenged(401, "invalid_token", message, challenge)
            }
            Refusal::Denied { denial, operation, bearer } => {
                let message = denied(denial, operation.as_deref());
                match denial {
                    Denial::Budget { retry } => {
                        Words { retry_after: Some(seconds(*retry)), ..plain(429, "too_many_requests", message) }
                    }
                    Denial::StepUp { demand, is_user: true, .. } => Words {
                        authenticate: Some(step_up(demand)),
                        ..plain(401, "insufficient_user_authentication", message)
                    },
                    // RFC 6750 section 3.1: about a token. A session has no scopes.
                    _ if *bearer => Words {
                        authenticate: Some("Bearer error=\"insufficient_scope\"".to_owned()),
                        ..plain(403, "insufficient_scope", message)
                    },
                    _ => plain(403, "forbidden", message),
                }
            }
            Refusal::NotFound => plain(404, "not_found", "There is nothing at this address."),
            Refusal::WrongTokenUrl(right) => {
                plain(404, "not_found", format!("There is no token endpoint at this address. Airbyte's is {right}."))
            }
            Refusal::ProviderUnavailable(rest) => {
                let message =
                    "The identity provider does not answer, so nobody new can be recognised. Please try again.";
                retry(message, *rest)
            }
            Refusal::Limit(Exceeded::Places) => {
                let message = "The gateway has as many waiting requests as it can hold, so this one was not carried \
                               out. Please try again.";
                retry(message, Duration::from_secs(1))
            }
            Refusal::Limit(Exceeded::Caller) => too_many(
                "You have as many requests waiting at the gateway as one caller may have, so this one was not carried \
                 out. Please try again.",
            ),
            Refusal::Limit(Exceeded::Address) => too_many(
                "Your address has as many requests waiting at the gateway as one address may have, so this one was not \
                 carried out. Please try again.",
            ),
            Refusal::BodyTimeout => {
                let message = format!(
                    "The request's body did not arrive within {} seconds, so the request was not carried out. Please \
                     send it again.",
                    BODY_WAIT.as_secs()
                );
                plain(408, "request_timeout", message)
            }
            Refusal::BodyUnexpected => retry(
                "The gateway was not waiting for this request's body, so the request was not carried out. Please try \
                 again.",
                Duration::from_secs(1),
            ),
        }
    }
}

impl Words {
    fn page<'a>(&'a self, next: Option<(&'static str, Cow<'static, str>)>, request_id: &'a str) -> Page<'a> {
        let actions = next.into_iter().map(|(href, label)| Action::Link { href: href.into(), label }).collect();
        let text = format!("{}\nIf you need help, give your administrator the request id below.", self.message);
        Page { title: title(self.status), text: text.into(), facts: Vec::new(), actions, request_id }
    }
}

/// What is missing, and what for.
fn denied(denial: &Denial, operation: Option<&str>) -> String {
    let what = operation.map_or("This".to_owned(), |name| format!("Airbyte's operation {name}"));
    match denial {
        Denial::Closed => "This part of Airbyte is for its own data planes and is closed here.".to_owned(),
        Denial::NoRole { needed } => format!("{what} needs the role {}, and you have none here.", needed.name()),
        Denial::LowRole { needed, role } => {
            format!("{what} needs the role {}, and yours is {}.", needed.name(), role.name())
        }
        Denial::GroupsOverage { needed: Some(needed) } => format!(
            "{what} needs the role {}, which depends on your groups, and your identity provider does not list them.",
            needed.name()
        ),
        Denial::GroupsOverage { needed: None } => {
            format!("{what} depends on your groups, and your identity provider does not list them.")
        }
        Denial::Rule { reason: Some(reason), .. } => reason.to_string(),
        Denial::Rule { name, .. } => format!("{what} is denied by the rule {name}."),
        Denial::Agent(Boundary::Never) => format!("{what} is not for agents."),
        Denial::Agent(Boundary::NoOperation) => "Agents may only call operations of Airbyte's.".to_owned(),
        Denial::Agent(Boundary::Operation) => format!("{what} is outside of what this agent may do."),
        Denial::Agent(Boundary::Ids) => format!("{what} is about something that this agent may not touch."),
        Denial::Budget { .. } => "This agent has changed as much as it may in a minute. Please wait.".to_owned(),
        Denial::StepUp { is_user: true, .. } => format!("{what} needs a stronger or more recent sign-in."),
        Denial::StepUp { .. } => {
            format!("{what} needs a stronger or more recent sign-in, and there is nobody here to sign in.")
        }
    }
}

/// RFC 9470 section 3. The words of a demand hold nothing that ends a quoted
/// string.
fn step_up(demand: &Demand) -> String {
    let mut challenge = "Bearer error=\"insufficient_user_authentication\"".to_owned();
    if !demand.acr.is_empty() {
        challenge.push_str(", acr_values=\"");
        challenge.push_str(&demand.acr.join(" "));
        challenge.push('"');
    }
    if let Some(age) = demand.max_age {
        challenge.push_str(", max_age=\"");
        challenge.push_str(&age.as_secs().to_string());
        challenge.push('"');
    }
    challenge
}

fn unsupported_content(fault: ContentFault) -> &'static str {
    match fault {
        ContentFault::Encoding => {
            "This request is authorized by its body, which must not be encoded. Send it without Content-Encoding."
        }
        ContentFault::TransferEncoding => {
            "This request is authorized by its body. The only supported Transfer-Encoding is chunked."
        }
        ContentFault::Type => {
            "This request is authorized by its body, which must be declared as what it is: for Airbyte's operations \
             as application/json, once."
        }
        ContentFault::Charset => "This request is authorized by its body, which must be UTF-8.",
    }
}

fn plain(status: u16, error: &'static str, message: impl Into<Cow<'static, str>>) -> Words {
    Words { status, error, message: message.into(), authenticate: None, retry_after: None }
}

fn challenged(status: u16, error: &'static str, message: &'static str, challenge: String) -> Words {
    Words { authenticate: Some(challenge), ..plain(status, error, message) }
}

fn retry(message: &'static str, rest: Duration) -> Words {
    Words { retry_after: Some(seconds(rest)), ..plain(503, "temporarily_unavailable", message) }
}

/// RFC 6585 section 4.
fn too_many(message: &'static str) -> Words {
    Words { retry_after: Some(1), ..plain(429, "too_many_requests", message) }
}

fn seconds(rest: Duration) -> u64 {
    u64::try_from(rest.as_millis().div_ceil(1000).max(1)).unwrap_or(u64::MAX)
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "This request cannot be understood",
        401 => "Please sign in",
        403 => "Not allowed",
        404 => "Not found",
        _ => "Please try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;
    use crate::testing::test;
    use serde_json::Value;

    fn said(denial: Denial) -> (u16, String, Value) {
        let refusal = Refusal::Denied { denial, operation: Some("syncConnection".into()), bearer: true };
        let reply = refusal.reply("r1", None, None);
        let field = |name: &str| reply.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let field = field("www-authenticate").or_else(|| field("retry-after")).unwrap_or_default();
        (reply.status, String::from_utf8(field).unwrap(), serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn each_denial_says_what_can_be_done_about_it() {
        let demand = |acr: &[&str], age: Option<u64>| {
            let acr = acr.iter().map(|word| (*word).to_owned()).collect();
            std::rc::Rc::new(Demand { acr, max_age: age.map(Duration::from_secs) })
        };
        let step_up = |demand, is_user| Denial::StepUp { rule: "r".into(), demand, is_user };
        let scope = "Bearer error=\"insufficient_scope\"";
        let weak = "Bearer error=\"insufficient_user_authentication\"";
        for (denial, status, field, message) in [
            (Denial::Rule { name: "r".into(), reason: Some("Not now.".into()) }, 403, scope.to_owned(), "Not now."),
            (
                Denial::Rule { name: "r".into(), reason: None },
                403,
                scope.to_owned(),
                "Airbyte's operation syncConnection is denied by the rule r.",
            ),
            (
                Denial::Agent(Boundary::Never),
                403,
                scope.to_owned(),
                "Airbyte's operation syncConnection is not for agents.",
            ),
            (
                Denial::Budget { retry: Duration::from_millis(2_100) },
                429,
                "3".to_owned(),
                "This agent has changed as much as it may in a minute. Please wait.",
            ),
            (
                step_up(demand(&["mfa", "phr"], Some(900)), true),
                401,
                format!("{weak}, acr_values=\"mfa phr\", max_age=\"900\""),
                "Airbyte's operation syncConnection needs a stronger or more recent sign-in.",
            ),
            (
                step_up(demand(&[], Some(60)), true),
                401,
                format!("{weak}, max_age=\"60\""),
                "Airbyte's operation syncConnection needs a stronger or more recent sign-in.",
            ),
            (
                step_up(demand(&["mfa"], None), false),
                403,
                scope.to_owned(),
                "Airbyte's operation syncConnection needs a stronger or more recent sign-in, and there is nobody here \
                 to sign in.",
            ),
            (
                Denial::LowRole { needed: Role::Runner, role: Role::Reader },
                403,
                scope.to_owned(),
                "Airbyte's operation syncConnection needs the role runner, and yours is reader.",
            ),
        ] {
            let (found, header, body) = said(denial.clone());
            assert_eq!((found, header.as_str()), (status, field.as_str()), "{denial:?}");
            assert_eq!((&body["message"], &body["operation"]), (&message.into(), &"syncConnection".into()));
            assert_eq!(body["request_id"], "r1");
        }
    }
}
