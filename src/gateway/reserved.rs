//! Paths that the gateway answers itself.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::waiting::Waiter;
use super::{Body, Gateway, Head, Step, Wanting};
use crate::config::Bodies;
use crate::host::Host;
use crate::http::{Content, Reply};
use crate::time::Time;

/// Everything below belongs to the gateway and never reaches Airbyte.
const OURS: &str = "/.airgate";

/// Where people look for Airbyte's token endpoint and find its web page, which
/// no client can read (airflow #42520), with the place where it is.
const WRONG_TOKEN_URLS: [(&str, &str); 4] = [
    ("/applications/token", "/api/v1/applications/token"),
    ("/v1/applications/token", "/api/v1/applications/token"),
    ("/api/public/applications/token", "/api/public/v1/applications/token"),
    ("/api/public/v1/v1/applications/token", "/api/public/v1/applications/token"),
];

impl Gateway {
    /// The gateway's own answer to a request, if it has one.
    pub(super) fn reserved(
        &mut self,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Option<Step>, Wanting> {
        let (path, method) = (waiter.request.target().matched(), waiter.request.method());
        if let Some((_, right)) = WRONG_TOKEN_URLS.iter().find(|(wrong, _)| *wrong == path) {
            return Err(Refusal::WrongTokenUrl(right).into());
        }
        if let Some(rest) = path.strip_prefix(OURS)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            let (rest, method) = (rest.to_owned(), method.to_owned());
            return self.own(&rest, &method, waiter, host, now).map(Some);
        }
        match (path, method) {
            ("/api/v1/applications/token" | "/api/public/v1/applications/token", "POST") => self.relayed(waiter, now),
            _ => self.airbytes_login(waiter, host, now),
        }
    }

    fn own(
        &mut self,
        rest: &str,
        method: &str,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        match (rest, method) {
            ("/health", "GET" | "HEAD") => return Ok(self.health(now)),
            ("/me", "GET") => return self.me(waiter, host, now),
            _ => {}
        }
        if self.sign_in.is_none() {
            return Err(Refusal::NotFound.into());
        }
        match (rest, method) {
            ("/login", "GET") => self.login(waiter, host, now),
            ("/logout", "GET") => Ok(self.confirm_sign_out(waiter, host)),
            ("/logout", "POST") => self.sign_out(waiter, host, now),
            ("/signed-out", "GET") => Ok(self.signed_out(waiter, host)),
            ("/backchannel-logout", "POST") => self.backchannel_logout(waiter, host, now),
            (_, "GET") => match rest.strip_prefix("/callback/") {
                Some(provider) => self.callback(provider, waiter, host, now),
                None => Err(Refusal::NotFound.into()),
            },
            _ => Err(Refusal::NotFound.into()),
        }
    }

    /// Alive even without keys: what is public is served, and whoever holds a
    /// verified token as well, so a provider's outage must not take us out of a
    /// balancer.
    fn health(&self, now: Time) -> Step {
        let ready = self.authenticator.is_ready(now);
        let body = json!({ "status": if ready { "ok" } else { "waiting_for_keys" } });
        said(200, &body, "health", None)
    }
}

impl Bodies {
    /// The body of a request that the gateway answers itself, of at most so many
    /// bytes. Headers that go ahead would go to Airbyte, which must not see them.
    pub(super) fn of_ours(self, waiter: &Waiter, content: Content, limit: usize) -> Result<&[u8], Wanting> {
        match (waiter.body(), self) {
            (Some(Body::Whole(body)), _) => {
                waiter.check_content(content, None).map(|()| body.as_slice()).map_err(Wanting::from)
            }
            (Some(Body::TooLong), _) => Err(Refusal::TooLong.into()),
            (None, Bodies::HeadersAhead) => Err(Refusal::BodyOutOfReach.into()),
            (None, Bodies::HeadersHeld) => {
                waiter.check_content(content, None)?;
                Err(Wanting::Body(limit, Head::Held))
            }
        }
    }
}

/// An answer in JSON that nobody keeps, with the cookies that are due.
pub(super) fn said(status: u16, body: &Value, reason: &'static str, waiter: Option<&Waiter>) -> Step {
    let mut headers =
        vec![("content-type".into(), b"application/json".to_vec()), ("cache-control".into(), b"no-store".to_vec())];
    headers.extend(waiter.map(|waiter| ("x-request-id".into(), waiter.request_id.clone().into_bytes())));
    let cookies = waiter.map(|waiter| waiter.cookies.clone()).unwrap_or_default();
    Step::Reply { reply: Reply { status, headers, body: body.to_string().into_bytes() }, reason, cookies, record: None }
}
