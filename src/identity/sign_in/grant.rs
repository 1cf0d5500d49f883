//! A grant on its way: a code or a refresh token out, a session back.

use std::rc::Rc;
use std::time::Duration;

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use serde_json::{Map, Value};

use super::{LoginFault, Unmet};
use crate::http::{Answer, CallId};
use crate::identity::login::{Code, FailureKind, Tokens, half_hash, plain, read_tokens};
use crate::identity::refresh::TokenHash;
use crate::identity::session::Session;
use crate::identity::{Authenticator, IdToken};
use crate::json;
use crate::time::Time;

/// A call that was not answered this long after it was made never will be; and a
/// login whose key does not come is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// A login that nobody came for.
pub(super) const UNCLAIMED: Duration = Duration::from_secs(60);
/// How long the old claims count on after a refresh that brought no new ones.
const INTERRUPTED: Duration = Duration::from_secs(60);

/// One grant.
pub(super) struct Grant {
    /// The provider's place in the configuration.
    pub provider: usize,
    pub purpose: Purpose,
    pub stage: Stage,
    /// What the provider answered where that ended the grant, for the log.
    pub answered: Option<String>,
    /// When the stage began, or the whole where no call is on its way.
    pub since: Time,
}

impl Grant {
    /// Whether this call is its.
    pub fn waits_for(&self, call: CallId) -> bool {
        matches!(&self.stage, Stage::Asking(id) | Stage::AskingUserinfo(id, _) if *id == call)
    }

    /// Whether it can move on, or has to be given up.
    pub fn needs_tick(&self, now: Time) -> bool {
        match &self.stage {
            Stage::Due | Stage::Checking(_) | Stage::UserinfoDue(_) => true,
            Stage::Asking(_) | Stage::AskingUserinfo(..) => now.since(self.since) > PATIENCE,
            Stage::Done(_) => now.since(self.since) > UNCLAIMED,
        }
    }

    /// The provider gave tokens and then no more answer. A refresh token may be
    /// good for one use, so the new one is kept and everything else stays as it
    /// was; a login begins anew.
    pub fn interrupted(&self, tokens: Tokens, fault: LoginFault, auth: &Authenticator, now: Time) -> Stage {
        Stage::Done(match &self.purpose {
            Purpose::Login(_) => Err(fault),
            Purpose::Refresh(_, old) => {
                let provider = auth.name_at(self.provider).unwrap_or_default();
                let answered = self.answered.as_deref().unwrap_or("no answer after the tokens");
                log::warn!(
                    "provider {provider}: session refresh: {answered}; the session continues with its old claims"
                );
                let refresh_token = tokens.refresh_token.or_else(|| old.refresh_token.clone());
                let valid_until = now.plus(INTERRUPTED);
                let session = Session { refresh_token, valid_until, ..old.seen_again(now) };
                Ok(Signed { session, id_token: None })
            }
        })
    }
}

/// What it is for.
pub(super) enum Purpose {
    /// Somebody came back with a code and waits.
    Login(Code),
    /// A session whose claims end.
    Refresh(TokenHash, Rc<Session>),
}

/// How far it is.
pub(super) enum Stage {
    /// The token call is to be made.
    Due,
    /// The token call is on its way.
    Asking(CallId),
    /// The ID token waits for the key that signed it.
    Checking(Tokens),
    /// The userinfo call is to be made.
    UserinfoDue(Proof),
    /// The userinfo call is on its way.
    AskingUserinfo(CallId, Proof),
    /// It came to an end that somebody still has to take.
    Done(Result<Signed, LoginFault>),
}

/// A good login: what its cookies say and where it goes on.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The new session.
    pub(super) session: Session,
    /// The ID token, for the cookie that keeps it.
    pub(super) id_token: Option<String>,
}

/// What is known of the person once the tokens are good.
pub(super) struct Proof {
    /// Claims of the ID token; of the session before where a refresh brought
    /// none.
    pub claims: Map<String, Value>,
    /// Whether `claims` are those of the session before.
    pub old_claims: bool,
    pub valid_until: Time,
    pub tokens: Tokens,
}

/// Reads a token answer.
///
/// # Errors
/// There are no tokens in it: the fault, and what came, for the log.
pub(super) fn tokens_of(answer: &Answer) -> Result<Tokens, (LoginFault, String)> {
    read_tokens(answer).map_err(|failure| {
        let fault = match failure.kind {
            FailureKind::Unavailable => LoginFault::Unavailable,
            FailureKind::InvalidClient => LoginFault::ClientRefused,
            FailureKind::UnauthorizedClient => LoginFault::ClientUnauthorized,
            FailureKind::InvalidGrant => LoginFault::CodeRefused,
            FailureKind::Refused => LoginFault::Refused,
            FailureKind::Malformed => LoginFault::BadAnswer,
        };
        (fault, failure.to_string())
    })
}

/// Shows a userinfo answer in a log, without its body.
pub(super) fn userinfo_shown(answer: &Answer) -> String {
    match answer {
        Answer::Response { status, .. } => format!("userinfo answered with status {status}"),
        Answer::TooLarge => "userinfo answered with more than 1 MiB".to_owned(),
        Answer::Failed => "userinfo did not answer".to_owned(),
    }
}

/// The rules of OpenID Connect Core that a token alone does not show: section
/// 3.1.3.7, points 11 to 13, and for refreshes section 12.2.
pub(super) fn check_binding(
    purpose: &Purpose,
    id_token: &IdToken,
    tokens: &Tokens,
    max_age: Option<Duration>,
    now: Time,
) -> Result<(), LoginFault> {
    let text = |name: &str| id_token.claims.get(name).and_then(Value::as_str);
    if let Some(hash) = id_token.claims.get("at_hash")
        && let Some(access_token) = &tokens.access_token
        && hash.as_str() != half_hash(id_token.algorithm, access_token.as_bytes()).as_deref()
    {
        return Err(LoginFault::WrongAccessToken);
    }
    match purpose {
        Purpose::Login(code) => {
            if text("nonce") != Some(code.nonce.as_str()) {
                return Err(LoginFault::WrongNonce);
            }
            if let Some(step_up) = code.step_up.clone().filter(|step_up| !step_up.demand.is_met(&id_token.claims, now))
            {
                let acr = text("acr").map(|acr| plain(acr, 64));
                return Err(LoginFault::StepUpUnmet(Box::new(Unmet { step_up, acr, auth_time: id_token.auth_time })));
            }
            match max_age {
                Some(age) if id_token.auth_time.is_none_or(|at| at.plus(age).plus(id_token.leeway) < code.begun) => {
                    Err(LoginFault::LoginTooOld)
                }
                _ => Ok(()),
            }
        }
        Purpose::Refresh(_, session) => {
            let same = text("sub") == Some(session.subject.as_str()) && id_token.issuer == session.issuer;
            if !same {
                return Err(LoginFault::WrongSubject);
            }
            // Most tokens of a refresh have none; one that does is of the same login.
            match (text("nonce"), &session.nonce) {
                (Some(nonce), Some(_)) if nonce_tag(nonce) != session.nonce => Err(LoginFault::WrongNonce),
                _ => Ok(()),
            }
        }
    }
}

/// Enough of a nonce to know it again, and short, for it is in every cookie.
pub(super) fn nonce_tag(nonce: &str) -> Option<String> {
    let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        hmac_sha256::Hash::hash(nonce.as_bytes());
    Base64UrlSafeNoPadding::encode_to_string(tag).ok()
}

/// Claims that only userinfo has join those of the token; who somebody is and
/// what vouches for it stays as the token says (OpenID Connect Core 5.3.4).
/// Userinfo is newer than the claims of the session before and replaces them.
pub(super) fn join_userinfo(proof: &mut Proof, answer: &Answer) -> Result<(), LoginFault> {
    let Proof { claims, old_claims, .. } = proof;
    let body = match answer {
        Answer::Response { status: 200, body } => body,
        _ if answer.is_outage() => return Err(LoginFault::Unavailable),
        // Also 401, 403 and 404: the provider does not vouch for this person.
        _ => return Err(LoginFault::BadAnswer),
    };
    let Ok(Value::Object(userinfo)) = json::parse(body) else {
        return Err(LoginFault::BadAnswer);
    };
    if userinfo.get("sub") != claims.get("sub") {
        return Err(LoginFault::WrongSubject);
    }
    const PROTOCOL: [&str; 14] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "nonce",
        "azp",
        "acr",
        "amr",
        "auth_time",
        "sid",
        "at_hash",
        "c_hash",
    ];
    for (name, value) in userinfo {
        if !PROTOCOL.contains(&name.as_str()) && (*old_claims || !claims.contains_key(&name)) {
            claims.insert(name, value);
        }
    }
    Ok(())
}
