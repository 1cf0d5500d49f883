//! Kinds of tokens. All are JWTs of one issuer, signed with one key; taking one
//! for another is a classic.

use serde_json::{Map, Value};

use crate::identity::token::media_type;

/// The kind of token that a provider's settings accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Access tokens, made for an API.
    Access,
    /// ID tokens, made for a client that logs a user in.
    Id,
}

impl TokenKind {
    /// Whether the header's `typ` is of this kind; `demanded` is the one `typ`
    /// that the settings accept, if they name one.
    pub(super) fn is_typ(self, typ: Option<&str>, demanded: Option<&str>) -> bool {
        match (typ.map(media_type), demanded) {
            (typ, Some(demanded)) => typ.as_deref() == Some(demanded),
            (None, None) => true,
            (Some(typ), None) => typ == "jwt" || (self == TokenKind::Access && typ == "at+jwt"),
        }
    }

    /// Whether nothing in the claims gives the token away as another kind.
    /// Headers seldom tell: most providers write `JWT`, or nothing, into all.
    pub(super) fn is_told_by(self, claims: &Map<String, Value>) -> bool {
        let says = |name: &str, word: &str| {
            claims.get(name).and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(word))
        };
        let (own, others): (_, &[&str]) = match self {
            TokenKind::Access => ("access", &["ID", "Refresh", "Offline", "Logout"]),
            TokenKind::Id => ("id", &["Bearer", "Refresh", "Offline", "Logout"]),
        };
        // Keycloak tells its tokens apart in the payload's `typ`, Cognito in
        // `token_use`. Hashes of other tokens stand in ID tokens only (OpenID
        // Connect Core section 3.3.2.11).
        let keycloak = others.iter().any(|word| says("typ", word));
        let cognito = claims.contains_key("token_use") && !says("token_use", own);
        let hashes = self == TokenKind::Access && ["at_hash", "c_hash"].iter().any(|name| claims.contains_key(*name));
        !(keycloak || cognito || hashes || is_logout(claims))
    }
}

/// A logout token (OpenID Connect Back-Channel Logout section 2.4) has this
/// event and may have any `typ`.
fn is_logout(claims: &Map<String, Value>) -> bool {
    claims
        .get("events")
        .is_some_and(|events| events.get("http://schemas.openid.net/event/backchannel-logout").is_some())
}
