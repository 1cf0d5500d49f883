//! Why nobody was signed in.

use crate::identity::TokenFault;
use crate::identity::login::StepUp;
use crate::identity::session::TooLarge;
use crate::time::Time;

/// A login that failed after its callback was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFault {
    /// The provider does not know the code: it is old, or was used before.
    CodeRefused,
    /// The provider does not authenticate the gateway (`invalid_client`): the
    /// client id, secret or key is wrong.
    ClientRefused,
    /// The provider does not let the gateway use this grant
    /// (`unauthorized_client`).
    ClientUnauthorized,
    /// The provider refuses for another reason.
    Refused,
    /// The provider did not answer in time, or is out of order.
    Unavailable,
    /// The provider's answer is none.
    BadAnswer,
    /// There is no ID token in the provider's answer.
    NoIdToken,
    /// The ID token is refused.
    BadIdToken(TokenFault),
    /// The ID token belongs to another login (`nonce`).
    WrongNonce,
    /// The access token is not the one that the ID token speaks of (`at_hash`).
    WrongAccessToken,
    /// The login is older than `max_age` allows.
    LoginTooOld,
    /// The sign-in is good, but not what a rule of the policy asks for.
    StepUpUnmet(Box<Unmet>),
    /// Userinfo speaks of somebody else.
    WrongSubject,
    /// The session does not fit into cookies.
    TooLarge(TooLarge),
}

/// What came where more was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// What was asked for.
    pub step_up: StepUp,
    /// How the provider says it knew them, fit for a page.
    pub acr: Option<String>,
    /// When the provider says it asked them.
    pub auth_time: Option<Time>,
}

impl LoginFault {
    /// The word for the record.
    pub fn reason(&self) -> &'static str {
        match self {
            LoginFault::CodeRefused => "login_code_refused",
            LoginFault::ClientRefused | LoginFault::ClientUnauthorized => "login_client_refused",
            LoginFault::Refused => "login_refused",
            LoginFault::Unavailable => "provider_unavailable",
            LoginFault::BadAnswer => "login_bad_answer",
            LoginFault::NoIdToken => "login_no_id_token",
            LoginFault::BadIdToken(fault) => fault.reason(),
            LoginFault::WrongNonce => "login_wrong_nonce",
            LoginFault::WrongAccessToken => "login_wrong_at_hash",
            LoginFault::LoginTooOld => "login_too_old",
            LoginFault::StepUpUnmet(_) => "step_up_unmet",
            LoginFault::WrongSubject => "login_wrong_subject",
            LoginFault::TooLarge(_) => "session_too_large",
        }
    }
}
