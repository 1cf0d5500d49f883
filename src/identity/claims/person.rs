//! Who somebody is.

use serde_json::{Map, Value};

use super::{ClaimSettings, text};
use crate::caller::{Caller, Groups, Reckoned};
use crate::identity::TokenFault;
use crate::time::Time;

impl Caller {
    /// Reads the claims of a token that has been checked. `sub` and the user
    /// must be good; anything else that is not counts as absent.
    pub(super) fn read(
        settings: &ClaimSettings,
        claims: &Map<String, Value>,
        expires: Time,
    ) -> Result<Caller, TokenFault> {
        let names = &settings.names;
        let email = names.email.find(claims).and_then(text::email);
        Ok(Caller {
            provider: settings.provider.clone(),
            issuer: settings.issuer.clone(),
            subject: required_name(claims.get("sub"))?,
            user: required_name(names.user.find(claims))?,
            email: email.map(str::to_owned),
            email_verified: email.is_some() && names.email_verified.find(claims).is_some_and(is_true),
            name: names.name.find(claims).and_then(text::display_name),
            groups: Groups::read(&names.groups, claims),
            client: names.client.iter().find_map(|name| text::name(name.find(claims)?)).map(str::to_owned),
            expires,
            claims: claims.clone(),
            reckoned: Reckoned::default(),
        })
    }
}

fn required_name(claim: Option<&Value>) -> Result<String, TokenFault> {
    let name = text::name(claim.ok_or(TokenFault::MissingClaim)?).ok_or(TokenFault::BadClaim)?;
    Ok(name.to_owned())
}

/// Cognito and others write truth values as texts.
fn is_true(value: &Value) -> bool {
    *value == true || *value == "true"
}
