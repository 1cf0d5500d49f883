//! How grants move on: calls out, answers judged, sessions made.

use std::cell::OnceCell;
use std::time::Duration;

use serde_json::Value;

use super::grant::{self, Grant, PATIENCE, Proof, Purpose, Signed, Stage, UNCLAIMED};
use super::{LoginFault, LoginId, SignIn};
use crate::host::Host;
use crate::http::{Answer, CallIds};
use crate::identity::refresh::Ending;
use crate::identity::session::Session;
use crate::identity::{Authenticator, Change, Checked, TokenFault, claims, login};
use crate::metrics::Counter;
use crate::time::Time;

/// How long claims count that come without an ID token and without `expires_in`.
const UNSAID_LIFE: Duration = Duration::from_secs(300);

impl SignIn {
    /// Takes the answer that a grant waited for.
    pub(super) fn hear(&self, grant: &mut Grant, answer: &Answer, auth: &Authenticator, now: Time) {
        grant.since = now;
        grant.stage = match std::mem::replace(&mut grant.stage, Stage::Due) {
            Stage::Asking(_) => match grant::tokens_of(answer) {
                Ok(tokens) => Stage::Checking(tokens),
                Err((fault, shown)) => {
                    grant.answered = Some(shown);
                    Stage::Done(Err(fault))
                }
            },
            Stage::AskingUserinfo(_, mut proof) => match grant::join_userinfo(&mut proof, answer) {
                Ok(()) => self.signed(grant, proof, auth, now),
                Err(fault) => {
                    grant.answered = Some(grant::userinfo_shown(answer));
                    match fault {
                        LoginFault::Unavailable => grant.interrupted(proof.tokens, fault, auth, now),
                        fault => Stage::Done(Err(fault)),
                    }
                }
            },
            stage => stage,
        };
    }

    /// Moves a grant on as far as it can go without waiting.
    pub(super) fn advance(
        &mut self,
        id: LoginId,
        auth: &mut Authenticator,
        ids: &mut CallIds,
        host: &dyn Host,
        now: Time,
        change: &mut Change,
    ) {
        loop {
            let Some(mut grant) = self.grants.remove(&id) else {
                return;
            };
            let stage = std::mem::replace(&mut grant.stage, Stage::Due);
            let late = now.since(grant.since) > PATIENCE;
            let (next, goes_on) = match stage {
                Stage::Due => (self.ask(&grant, auth, ids, host, now, change), false),
                Stage::Asking(_) if late => (Stage::Done(Err(LoginFault::Unavailable)), true),
                Stage::AskingUserinfo(_, Proof { tokens, .. }) | Stage::Checking(tokens) if late => {
                    (grant.interrupted(tokens, LoginFault::Unavailable, auth, now), true)
                }
                Stage::Checking(tokens) => self.check(&grant, tokens, auth, host, now),
                Stage::UserinfoDue(proof) => (self.ask_userinfo(&grant, proof, auth, ids, now, change), false),
                Stage::Done(outcome) => {
                    let name = auth.name_at(grant.provider).unwrap_or_default();
                    self.finish(id, grant, outcome, name, host, now, change);
                    return;
                }
                stage => (stage, false),
            };
            let done = matches!(next, Stage::Done(_));
            grant.stage = next;
            self.grants.insert(id, grant);
            if !(goes_on || done) {
                return;
            }
        }
    }

    fn ask(
        &self,
        grant: &Grant,
        auth: &mut Authenticator,
        ids: &mut CallIds,
        host: &dyn Host,
        now: Time,
        change: &mut Change,
    ) -> Stage {
        let Some((settings, endpoints)) = auth.login_at(grant.provider) else {
            return Stage::Done(Err(LoginFault::Unavailable));
        };
        let id = ids.take();
        let call = match &grant.purpose {
            Purpose::Login(code) => {
                let name = auth.name_at(grant.provider).unwrap_or_default();
                login::exchange(settings, &endpoints, name, code, id, host, now)
            }
            Purpose::Refresh(_, session) => {
                let token = session.refresh_token.as_deref().unwrap_or_default();
                login::refresh(settings, &endpoints, token, id, host, now)
            }
        };
        match call {
            Some(call) => {
                change.calls.push(call);
                Stage::Asking(id)
            }
            // This worker has not heard of the endpoints yet, or never will.
            None => match auth.outlook(grant.provider, now) {
                Some(_) => Stage::Due,
                None => Stage::Done(Err(LoginFault::Unavailable)),
            },
        }
    }

    /// Judges the tokens. The second: whether the stage can go on at once.
    fn check(
        &mut self,
        grant: &Grant,
        tokens: login::Tokens,
        auth: &mut Authenticator,
        host: &dyn Host,
        now: Time,
    ) -> (Stage, bool) {
        let failed = |fault| (Stage::Done(Err(fault)), true);
        let userinfo = auth.login_at(grant.provider).is_some_and(|(settings, _)| settings.userinfo);
        let max_age = auth.login_at(grant.provider).and_then(|(settings, _)| settings.max_age);
        let proof = match (&tokens.id_token, &grant.purpose) {
            (Some(text), purpose) => match auth.check_id_token(grant.provider, text.as_bytes(), grant.since, host, now)
            {
                Checked::Good(token) => match grant::check_binding(purpose, &token, &tokens, max_age, now) {
                    Ok(()) => Proof { valid_until: token.expires, claims: token.claims, old_claims: false, tokens },
                    Err(fault) => return failed(fault),
                },
                Checked::Refused(fault) => return failed(LoginFault::BadIdToken(fault)),
                Checked::Wait(_) => return (Stage::Checking(tokens), false),
                Checked::Unavailable(_) => {
                    return (grant.interrupted(tokens, LoginFault::Unavailable, auth, now), true);
                }
            },
            (None, Purpose::Login(_)) => return failed(LoginFault::NoIdToken),
            (None, Purpose::Refresh(_, session)) => {
                let life = tokens.expires_in.unwrap_or(UNSAID_LIFE);
                Proof { valid_until: now.plus(life), claims: session.claims.clone(), old_claims: true, tokens }
            }
        };
        if userinfo && proof.tokens.access_token.is_some() {
            return (Stage::UserinfoDue(proof), true);
        }
        (self.signed(grant, proof, auth, now), true)
    }

    fn ask_userinfo(
        &self,
        grant: &Grant,
        proof: Proof,
        auth: &Authenticator,
        ids: &mut CallIds,
        now: Time,
        change: &mut Change,
    ) -> Stage {
        let id = ids.take();
        let token = proof.tokens.access_token.as_deref().unwrap_or_default();
        let call = auth
            .login_at(grant.provider)
            .and_then(|(settings, endpoints)| login::userinfo(settings, &endpoints, token, id));
        match call {
            Some(call) => {
                change.calls.push(call);
                Stage::AskingUserinfo(id, proof)
            }
            None => grant.interrupted(proof.tokens, LoginFault::Unavailable, auth, now),
        }
    }

    /// Makes a session of what was proved.
    fn signed(&self, grant: &Grant, proof: Proof, auth: &Authenticator, now: Time) -> Stage {
        let Some(provider) = auth.provider_at(grant.provider) else {
            return Stage::Done(Err(LoginFault::Unavailable));
        };
        let Proof { mut claims, valid_until, tokens, .. } = proof;
        let old = match &grant.purpose {
            Purpose::Login(_) => None,
            Purpose::Refresh(_, session) => Some(session),
        };
        if let Some(old) = old {
            old.tell_authentication(&mut claims);
        }
        // It would end as it begins, and the browser come back at once.
        if tokens.refresh_token.is_none() && valid_until <= now {
            return Stage::Done(Err(LoginFault::BadIdToken(TokenFault::Expired)));
        }
        // Whoever the settings would not accept with every request is not
        // signed in either.
        if let Err(fault) = provider.claims.caller(&claims, valid_until) {
            return Stage::Done(Err(LoginFault::BadIdToken(fault)));
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let session = Session {
            provider: provider.claims.provider().to_owned(),
            issuer: provider.claims.issuer().to_owned(),
            subject: old.map(|old| old.subject.clone()).or_else(|| text("sub")).unwrap_or_default(),
            sid: text("sid").or_else(|| old.and_then(|old| old.sid.clone())),
            acr: text("acr"),
            auth_time: claims::auth_time(&claims),
            claims: self.sessions.slim(&provider.claims, &self.more_claims, &claims),
            // A provider that does not rotate sends none anew.
            refresh_token: tokens.refresh_token.or_else(|| old.and_then(|old| old.refresh_token.clone())),
            begun: old.map_or(now, |old| old.begun),
            seen: now,
            nonce: match &grant.purpose {
                Purpose::Login(code) => grant::nonce_tag(&code.nonce),
                Purpose::Refresh(_, old) => old.nonce.clone(),
            },
            valid_until,
            caller: OnceCell::new(),
        };
        Stage::Done(Ok(Signed { session, id_token: tokens.id_token }))
    }

    /// A grant came to its end: a login waits for its browser, a refresh is told
    /// to everybody. `provider` is the provider's name.
    #[expect(clippy::too_many_arguments, reason = "a grant, its outcome, and what every step needs")]
    fn finish(
        &mut self,
        id: LoginId,
        grant: Grant,
        outcome: Result<Signed, LoginFault>,
        provider: &str,
        host: &dyn Host,
        now: Time,
        change: &mut Change,
    ) {
        if let Err(fault) = &outcome
            && now.since(grant.since) <= UNCLAIMED
        {
            tell(&grant, fault, provider, host);
        }
        match grant.purpose {
            Purpose::Login(_) => {
                if now.since(grant.since) <= UNCLAIMED {
                    self.grants.insert(id, Grant { stage: Stage::Done(outcome), ..grant });
                }
            }
            Purpose::Refresh(hash, _) => {
                let ending = match outcome {
                    Ok(signed) => match self.sessions.seal(&signed.session) {
                        Ok(sealed) => Ending::Renewed(sealed),
                        Err(_) => Ending::Ended,
                    },
                    Err(LoginFault::Unavailable) => Ending::Outage,
                    Err(LoginFault::ClientRefused) => Ending::ClientRefused,
                    // The provider has answered, and not with this person.
                    Err(_) => Ending::Ended,
                };
                host.count(match &ending {
                    Ending::Renewed(_) => Counter::RefreshOk,
                    Ending::Ended => Counter::RefreshFailed,
                    Ending::Outage | Ending::ClientRefused => Counter::RefreshOutage,
                });
                self.refresher.finish(hash, ending, host, now);
            }
        }
        change.settled = true;
    }
}

/// Logs a grant that failed: the provider, what was asked, what came, and what
/// follows. Tokens, codes and the provider's own descriptions are left out.
fn tell(grant: &Grant, fault: &LoginFault, provider: &str, host: &dyn Host) {
    let (asked, follows) = match (&grant.purpose, fault) {
        (Purpose::Login(_), _) => ("login", "the login fails"),
        (Purpose::Refresh(..), LoginFault::Unavailable) => {
            ("session refresh", "the session continues and the refresh is retried")
        }
        (Purpose::Refresh(..), LoginFault::ClientRefused) => {
            ("session refresh", "the session ends when its claims expire")
        }
        (Purpose::Refresh(..), _) => ("session refresh", "the session ends"),
    };
    let (reason, answered) = (fault.reason(), grant.answered.as_deref().unwrap_or("no usable answer"));
    match fault {
        LoginFault::ClientRefused | LoginFault::ClientUnauthorized => {
            host.count(Counter::ClientRefused);
            log::error!(
                "provider {provider}: {asked}: {answered}; {follows}. The provider refuses the gateway itself: check \
                 client_id, client_auth and the secret or key under login, and that the provider allows this client \
                 the grants authorization_code and refresh_token"
            );
        }
        _ => log::warn!("provider {provider}: {asked}: {reason}: {answered}; {follows}"),
    }
}
