//! Questions about callers that are asked at a desk, with claims or tokens at
//! hand and no provider. Nothing in here is in the module, where nobody is known
//! without a signature.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Authenticator;
use crate::caller::Caller;
use crate::identity::key_store::KeyStore;
use crate::identity::keys::KeySet;
use crate::identity::token::Token;
use crate::identity::{KeySetFault, TokenFault, claims};
use crate::time::Time;

impl Authenticator {
    /// The providers' names.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| provider.claims.provider())
    }

    /// Gives a provider its keys for good.
    pub(crate) fn pin_keys(&mut self, name: &str, jwks: &Value) -> Result<(), KeySetFault> {
        let set = KeySet::from_value(jwks)?;
        if let Some(provider) = self.providers.iter_mut().find(|one| one.claims.provider() == name) {
            provider.keys = KeyStore::inline(set, provider.settings);
        }
        Ok(())
    }

    /// Whom a token names if it is what it says: everything is checked but the
    /// signature.
    pub(crate) fn caller_of_unverified(&self, text: &[u8], now: Time) -> Result<Caller, TokenFault> {
        let token = Token::parse(text)?;
        let issuer = token.issuer().ok_or(TokenFault::UnknownIssuer)?;
        let provider = self.providers.iter().find(|one| one.claims.knows_issuer(issuer));
        let provider = provider.ok_or(TokenFault::UnknownIssuer)?;
        match provider.allows(token.algorithm()) {
            true => provider.claims.judge(&token, now),
            false => Err(TokenFault::AlgorithmNotAllowed),
        }
    }

    /// Whom claims name by the settings of a provider, which also says what they
    /// must be; when and for whom a token was made is not asked.
    pub(crate) fn caller_of_claims(
        &self,
        name: Option<&str>,
        members: &Map<String, Value>,
        now: Time,
    ) -> Option<Result<Caller, TokenFault>> {
        let issuer = members.get("iss").and_then(Value::as_str);
        let mut providers = self.providers.iter();
        let provider = match (name, issuer, self.providers.as_slice()) {
            (Some(name), ..) => providers.find(|one| one.claims.provider() == name),
            (None, Some(issuer), _) => providers.find(|one| one.claims.knows_issuer(issuer)),
            (None, None, [only]) => Some(only),
            (None, None, _) => None,
        };
        let expires = match members.contains_key("exp") {
            true => claims::expiry(members),
            false => now.plus(Duration::from_secs(300)),
        };
        Some(provider?.claims.caller(members, expires))
    }
}
