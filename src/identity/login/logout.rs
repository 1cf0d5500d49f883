//! The way to the provider's own sign-out.

use super::{LoginSettings, form};
use crate::identity::discovery::Metadata;

/// Where the browser goes to sign out at the provider too (OpenID Connect
/// RP-Initiated Logout 1.0). `None`: the provider has no such place.
pub(in crate::identity) fn end_session(
    login: &LoginSettings,
    endpoints: &Metadata,
    id_token_hint: Option<&str>,
) -> Option<String> {
    let back = format!("{}/.airgate/signed-out", login.external_url);
    let mut request = form(&[("client_id", &login.client_id), ("post_logout_redirect_uri", &back)]);
    if let Some(token) = id_token_hint {
        request.add("id_token_hint", token);
    }
    Some(endpoints.end_session.as_ref()?.url_with(&request))
}
