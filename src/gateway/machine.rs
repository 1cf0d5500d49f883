//! Machines that sign in at Airbyte's own token addresses.

use serde_json::json;

use super::refusal::Refusal;
use super::reserved::said;
use super::waiting::{Exceeded, Waiter};
use super::{Body, Gateway, Step, Wanting};
use crate::host::Host;
use crate::http::Content;
use crate::identity::{RelayFault, read_request};
use crate::time::Time;
use crate::upstream::OwnLogin;

/// Two texts of at most 1 KiB each, and what is around them.
const MAX_REQUEST: usize = 8 * 1024;

impl Gateway {
    /// Airbyte's token endpoints, answered by the provider; `None`: no relay is
    /// configured, so they are Airbyte's business.
    pub(super) fn relayed(&mut self, waiter: &mut Waiter, now: Time) -> Result<Option<Step>, Wanting> {
        let Some(relay) = &mut self.relay else {
            return Ok(None);
        };
        if let Some(asked) = waiter.relay {
            return match relay.take(asked) {
                None => Err(Wanting::Later(Gateway::LOGIN_WAIT)),
                Some(outcome) => {
                    waiter.relay = None;
                    Ok(Some(match outcome {
                        Ok(token) => said(200, &token, "token_relayed", Some(waiter)),
                        Err(fault) => refused(fault, waiter),
                    }))
                }
            };
        }
        let body = self.bodies.of_ours(waiter, Content::FormOrJson, MAX_REQUEST)?;
        match read_request(waiter.request.headers().first("content-type"), body) {
            Err(fault) => Ok(Some(refused(fault, waiter))),
            Ok(pair) => {
                waiter.known.client = Some(pair.client_id().to_owned());
                let asked = relay.ask(pair, now).ok_or(Refusal::Limit(Exceeded::Places))?;
                waiter.relay = Some(asked);
                // Nobody needs the secret any longer.
                waiter.body = Some(Body::Whole(Vec::new()));
                Err(Wanting::Later(Gateway::LOGIN_WAIT))
            }
        }
    }

    /// Airbyte's own login, whose place the gateway's token takes; `None`: it is
    /// Airbyte's business.
    pub(super) fn airbytes_login(
        &mut self,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Option<Step>, Wanting> {
        match self.upstream.own_login(&waiter.request) {
            None => Ok(None),
            Some(OwnLogin::SignOut) if self.sign_in.is_some() => self.sign_out(waiter, host, now).map(Some),
            Some(OwnLogin::Renew) => {
                self.sender(waiter, host, now)?;
                let reply = OwnLogin::renewed(&waiter.request_id);
                Ok(Some(Step::Reply {
                    reply,
                    reason: "airbyte_login_kept",
                    cookies: waiter.cookies.clone(),
                    record: None,
                }))
            }
            Some(_) => Err(Refusal::AirbyteLogin.into()),
        }
    }
}

fn refused(fault: RelayFault, waiter: &Waiter) -> Step {
    let body = json!({
        "status": fault.status(),
        "error": fault.reason(),
        "message": fault.to_string(),
        "request_id": waiter.request_id,
    });
    let mut step = said(fault.status(), &body, fault.reason(), Some(waiter));
    if let (429 | 503, Step::Reply { reply, .. }) = (fault.status(), &mut step) {
        reply.headers.push(("retry-after".into(), b"1".to_vec()));
    }
    step
}
