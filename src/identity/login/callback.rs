//! What came back from the provider (OpenID Connect Core sections 3.1.2.5 and
//! 3.1.2.6, RFC 9207).

use super::attempt::{Attempt, Slot};
use super::state::State;
use super::{StepUp, plain};
use crate::http::{Headers, read_form};
use crate::identity::discovery::Metadata;
use crate::seal::KeyRing;
use crate::time::Time;

/// What a request to the redirect URI means.
#[derive(Debug)]
pub(in crate::identity) enum Callback {
    /// A code to be exchanged.
    Code(Code),
    /// The attempt is not in this browser, or not any more.
    Orphan {
        /// Where this login was going.
        return_path: String,
        /// Whether it was the second try already.
        again: bool,
    },
    /// The provider said no.
    Denied {
        /// The provider's word for why.
        error: String,
        /// The provider's sentence about it.
        description: Option<String>,
        /// Where this login was going.
        return_path: String,
        /// What was asked of the sign-in.
        step_up: Option<StepUp>,
        /// Where the attempt lies, which is over.
        slot: Slot,
    },
    /// Nothing that our provider and this browser could have sent.
    Bad(CallbackFault),
}

/// A code, and what the attempt it belongs to says about its exchange.
pub(in crate::identity) struct Code {
    /// To be exchanged, once.
    pub code: String,
    /// Proves to the provider that we asked for the code.
    pub verifier: String,
    /// Must stand in the ID token.
    pub nonce: String,
    /// A path of ours.
    pub return_path: String,
    /// When the attempt began: an `auth_time` is judged by it.
    pub begun: Time,
    /// What the sign-in must be, beyond one.
    pub step_up: Option<StepUp>,
    /// Where the attempt lies, which is used up.
    pub slot: Slot,
}

/// Without what is secret.
impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code {{ for {:?} in {:?} }}", self.return_path, self.slot)
    }
}

/// Why a callback is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::identity) enum CallbackFault {
    /// A query that cannot be read one way only.
    Malformed,
    /// A parameter stands twice (RFC 6749 section 3.1).
    DoubledParameter,
    /// No `state`.
    NoState,
    /// A `state` that we did not seal, or too long ago.
    BadState,
    /// The `state` of a login at another provider.
    WrongProvider,
    /// An `iss` that is not the provider's (RFC 9207).
    WrongIssuer,
    /// No `iss`, though the provider says that it sends one.
    MissingIssuer,
    /// Neither a code nor an error.
    NoCode,
}

impl CallbackFault {
    /// The word for the record.
    pub fn reason(self) -> &'static str {
        match self {
            CallbackFault::Malformed => "callback_malformed",
            CallbackFault::DoubledParameter => "callback_doubled_parameter",
            CallbackFault::NoState => "callback_no_state",
            CallbackFault::BadState => "callback_bad_state",
            CallbackFault::WrongProvider => "callback_wrong_provider",
            CallbackFault::WrongIssuer => "callback_wrong_issuer",
            CallbackFault::MissingIssuer => "callback_missing_issuer",
            CallbackFault::NoCode => "callback_no_code",
        }
    }
}

/// Reads the query of a request to `provider`'s redirect URI. `issuers` says
/// which issuers are the provider's.
pub(in crate::identity) fn callback(
    provider: &str,
    issuers: impl Fn(&str) -> bool,
    endpoints: &Metadata,
    keys: &KeyRing,
    headers: &Headers,
    query: Option<&[u8]>,
    now: Time,
) -> Callback {
    match read(provider, &issuers, endpoints, keys, headers, query.unwrap_or_default(), now) {
        Ok(callback) => callback,
        Err(fault) => Callback::Bad(fault),
    }
}

fn read(
    provider: &str,
    issuers: &dyn Fn(&str) -> bool,
    endpoints: &Metadata,
    keys: &KeyRing,
    headers: &Headers,
    query: &[u8],
    now: Time,
) -> Result<Callback, CallbackFault> {
    let parameters = Parameters::read(query)?;
    let state = parameters.get("state").ok_or(CallbackFault::NoState)?;
    let state = State::open(state, keys, now).ok_or(CallbackFault::BadState)?;
    if state.provider != provider {
        return Err(CallbackFault::WrongProvider);
    }
    match parameters.issuer() {
        Some(issuer) if !issuers(issuer) => return Err(CallbackFault::WrongIssuer),
        None if endpoints.sends_issuer => return Err(CallbackFault::MissingIssuer),
        _ => {}
    }
    let attempts = Slot::ALL.into_iter().filter_map(|slot| Some((slot, Attempt::open(slot, keys, headers, now)?)));
    let mut ours = attempts.filter(|(_, attempt)| attempt.id == state.attempt && attempt.provider == provider);
    let return_path = state.return_path;
    let Some((slot, attempt)) = ours.next() else {
        return Ok(Callback::Orphan { return_path, again: state.again });
    };
    if let Some(error) = parameters.get("error") {
        let description = parameters.get("error_description").map(|text| plain(text, 200));
        return Ok(Callback::Denied {
            error: plain(error, 64),
            description,
            return_path,
            step_up: attempt.step_up,
            slot,
        });
    }
    let code = parameters.get("code").ok_or(CallbackFault::NoCode)?.to_owned();
    let Attempt { verifier, nonce, begun, step_up, .. } = attempt;
    Ok(Callback::Code(Code { code, verifier, nonce, return_path, begun, step_up, slot }))
}

/// The parameters of the answer that mean something here, each at most once.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    const READ: [&str; 5] = ["state", "iss", "code", "error", "error_description"];

    fn read(query: &[u8]) -> Result<Parameters, CallbackFault> {
        let mut fields = read_form(query).ok_or(CallbackFault::Malformed)?;
        fields.retain(|(name, _)| Self::READ.contains(&name.as_str()));
        let count = |name: &str| fields.iter().filter(|(found, _)| found == name).count();
        if Self::READ.iter().any(|name| count(name) > 1) {
            return Err(CallbackFault::DoubledParameter);
        }
        Ok(Parameters(fields))
    }

    /// A parameter without a value is as good as none (RFC 6749 section 3.1).
    fn get(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// An empty issuer is a wrong one.
    fn issuer(&self) -> Option<&str> {
        self.value("iss")
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
