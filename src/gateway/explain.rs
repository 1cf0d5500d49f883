//! What the gateway would do with a request, for whoever asks at a desk. It goes
//! the request's own way through the same code, but for the question who asks:
//! that is answered beforehand, and nothing in here is in the module.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::waiting::Waiter;
use super::{Body, Gateway, Sender, Step, Wanting, request_id};
use crate::access::{BodyQuestion, Trace};
use crate::caller::{Auth, Caller};
use crate::host::Host;
use crate::http::{Answer, CallIds, Headers, Request};
use crate::identity::{KeySetFault, TokenFault, Verdict, Visitor};
use crate::time::Time;

/// A request, and who sent it.
pub struct Inquiry {
    /// Its headers, pseudo-headers included. Credentials in them count for
    /// nothing.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// Who sent it; `None`: nobody knows.
    pub sender: Option<(Rc<Caller>, Auth)>,
}

/// What would become of it.
pub struct Explained {
    /// What the gateway would do. [`Step::Await`]: ask a provider first.
    pub step: Step,
    /// Whether it would look into the body.
    pub reads_body: bool,
    /// Whether this is one of its own addresses, which never reach Airbyte.
    pub is_own: bool,
}

/// Who would be asking.
#[derive(Debug)]
pub enum Asker {
    /// Somebody whom a provider's signature vouches for.
    Verified(Rc<Caller>),
    /// Whom the token names; its signature was not checked, since there is no
    /// key.
    Unverified(Rc<Caller>),
}

impl Gateway {
    /// Tells what would become of a request.
    pub fn explain<T: Trace>(&mut self, inquiry: Inquiry, trace: &mut T, host: &dyn Host, now: Time) -> Explained {
        let Inquiry { headers, body, sender } = inquiry;
        let id = request_id(&headers, host);
        let request = match Request::new(headers) {
            Ok(request) => request,
            Err(refusal) => {
                let step = self.refuse(&Refusal::BadRequest(refusal.reason()), &id, None, host, now);
                return Explained { step, reads_body: false, is_own: false };
            }
        };
        self.stand_in_for_airbytes_token(now);
        let mut waiter = Waiter::new(request, id, false, now);
        let mut explained = Explained { step: Step::Await, reads_body: false, is_own: false };
        let mut outcome = self.retrace(&mut waiter, sender.as_ref(), trace, &mut explained.is_own, host, now);
        if let Err(Wanting::Body(limit, _)) = outcome {
            explained.reads_body = true;
            let whole = body.len() <= limit.min(BodyQuestion::LIMIT);
            waiter.body = Some(if whole { Body::Whole(body) } else { Body::TooLong });
            outcome = self.retrace(&mut waiter, sender.as_ref(), trace, &mut explained.is_own, host, now);
        }
        explained.step = match outcome {
            Ok(step) => step,
            Err(Wanting::Refused(refusal)) => self.refuse(&refusal, &waiter.request_id, Some(&waiter), host, now),
            Err(Wanting::Later(_) | Wanting::Body(..)) => Step::Await,
        };
        explained
    }

    /// [`Gateway::judge`], for somebody who is known already.
    fn retrace<T: Trace>(
        &mut self,
        waiter: &mut Waiter,
        sender: Option<&(Rc<Caller>, Auth)>,
        trace: &mut T,
        is_own: &mut bool,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let own = self.reserved(waiter, host, now).transpose();
        *is_own = own.is_some();
        if let Some(own) = own {
            return own;
        }
        let errand = self.access.errand(&waiter.request);
        if let Some(permit) = self.access.permit_public(&waiter.request, errand.operation.as_ref()) {
            return self.forward(waiter, None, errand.operation.as_ref(), permit, host, now);
        }
        let sender = match sender {
            None => return self.nobody(waiter, Refusal::NoCredentials, host, now),
            Some((caller, Auth::Bearer)) => Sender::Bearer(Rc::clone(caller)),
            Some((caller, Auth::Session)) => {
                self.check_origin(&waiter.request)?;
                let caller = Rc::clone(caller);
                Sender::Visitor(Visitor { ends: caller.expires, caller, cookies: Vec::new() })
            }
        };
        self.pass(waiter, errand, Ok(sender), trace, host, now)
    }

    /// Where the gateway has a token for Airbyte it has one in an explanation,
    /// too.
    fn stand_in_for_airbytes_token(&mut self, now: Time) {
        if let Some(call) = self.upstream.tick(&mut CallIds::default(), now) {
            let body = json!({"access_token": "explained", "expires_in": 3600}).to_string().into_bytes();
            self.upstream.answer(call.id, &Answer::Response { status: 200, body }, now);
        }
    }

    /// The names of the providers.
    pub fn providers(&self) -> Vec<&str> {
        self.authenticator.providers().collect()
    }

    /// Gives a provider its keys, in place of those that it would be asked for.
    ///
    /// # Errors
    /// Why they are of no use. Of a provider that is not there nothing is said.
    pub fn pin_keys(&mut self, provider: &str, jwks: &Value) -> Result<(), KeySetFault> {
        self.authenticator.pin_keys(provider, jwks)
    }

    /// Whom a token names. Without keys for it the signature is not checked, all
    /// else is.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn asker_of_token(&mut self, token: &[u8], host: &dyn Host, now: Time) -> Result<Asker, TokenFault> {
        match self.authenticator.verify(token, host, now) {
            Verdict::Known(caller) => Ok(Asker::Verified(caller)),
            Verdict::Refused(fault) => Err(fault),
            Verdict::Wait(_) | Verdict::Unavailable(_) => {
                self.authenticator.caller_of_unverified(token, now).map(Rc::new).map(Asker::Unverified)
            }
        }
    }

    /// Whom claims name, by the settings of a provider: the one of this name, or
    /// the one that their `iss` names, or the only one. `None`: there is no such.
    ///
    /// # Errors
    /// Why a token with these claims is refused.
    pub fn caller_of_claims(
        &self,
        provider: Option<&str>,
        claims: &Map<String, Value>,
        now: Time,
    ) -> Option<Result<Caller, TokenFault>> {
        self.authenticator.caller_of_claims(provider, claims, now)
    }
}
