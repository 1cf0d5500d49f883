//! How a provider's login is configured.

use std::time::Duration;

use super::client::Authentication;
use super::form;
use crate::http::{Endpoint, Form};
use crate::identity::discovery::Metadata;
use crate::settings::Section;

/// What the `login` section of a provider says.
pub(in crate::identity) struct LoginSettings {
    /// Who we are to the provider.
    pub client_id: String,
    /// The provider's name on the page where people choose.
    pub label: Option<String>,
    /// How browsers call us when this provider signs them in.
    pub external_url: String,
    /// The way to the provider's endpoints.
    pub cluster: String,
    /// Whether userinfo is asked for claims too.
    pub userinfo: bool,
    /// How long ago somebody may have signed in at the provider.
    pub max_age: Option<Duration>,
    /// How strongly, by default: `acr_values`.
    pub(super) acr_values: Option<String>,
    /// What the provider is to show in any case: `prompt`.
    pub(super) prompt: Option<String>,
    pub(super) authentication: Authentication,
    /// What every authorization request says.
    pub(super) request: Form,
    endpoints: Metadata,
}

/// Authorization parameters that are the protocol's own, or a setting's.
const OURS: [&str; 16] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "acr_values",
    "request",
    "request_uri",
    "id_token_hint",
    "registration",
];

/// In whole seconds, as the parameter has it, up to 400 days.
const MAX_AGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(400 * 86_400));

impl LoginSettings {
    /// Reads a provider's `login` section. `external_url` is the gateway's,
    /// `cluster` the provider's. Without discovery the endpoints must be written.
    pub fn read(
        section: &Section<'_>,
        external_url: &str,
        cluster: Option<&str>,
        has_discovery: bool,
    ) -> Option<LoginSettings> {
        let client_id = section.required_text("client_id");
        let authentication = Authentication::read(section, client_id.unwrap_or_default());
        let external_url = section.origin("external_url").map_or(external_url, |(url, _)| url).to_owned();
        let cluster =
            if section.has("cluster") || cluster.is_none() { section.required_text("cluster") } else { cluster };
        let label = section.text("label").map(str::to_owned);
        let userinfo = section.boolean("userinfo", false);
        let max_age = section.optional_duration("max_age", MAX_AGE);
        let request = read_request(section, client_id.unwrap_or_default());
        let acr_values = read_words(section, "acr_values");
        let prompt = section.text("prompt").map(str::to_owned);
        if let Some(prompt) = &prompt {
            check_prompt(section, prompt);
        }
        let endpoints = read_endpoints(section);
        if !has_discovery {
            section.require("authorization_endpoint");
            section.require("token_endpoint");
            if userinfo {
                section.require("userinfo_endpoint");
            }
        }
        section.finish();
        Some(LoginSettings {
            client_id: client_id?.to_owned(),
            label,
            external_url,
            cluster: cluster?.to_owned(),
            userinfo,
            max_age,
            acr_values,
            prompt,
            authentication: authentication?,
            request,
            endpoints,
        })
    }

    /// The provider's endpoints as it says itself, with the configured ones laid
    /// over.
    pub fn endpoints(&self, discovered: &Metadata) -> Metadata {
        let over = |ours: &Option<Endpoint>, theirs: &Option<Endpoint>| ours.as_ref().or(theirs.as_ref()).cloned();
        Metadata {
            jwks_uri: discovered.jwks_uri.clone(),
            authorization: over(&self.endpoints.authorization, &discovered.authorization),
            token: over(&self.endpoints.token, &discovered.token),
            userinfo: over(&self.endpoints.userinfo, &discovered.userinfo),
            revocation: over(&self.endpoints.revocation, &discovered.revocation),
            end_session: over(&self.endpoints.end_session, &discovered.end_session),
            sends_issuer: discovered.sends_issuer,
        }
    }

    /// Where this provider sends browsers back to.
    pub fn redirect_uri(&self, provider: &str) -> String {
        let name: String = form_urlencoded::byte_serialize(provider.as_bytes()).collect();
        format!("{}/.airgate/callback/{name}", self.external_url)
    }
}

fn read_endpoints(section: &Section<'_>) -> Metadata {
    let endpoint = |name: &'static str| {
        let url = section.text(name)?;
        Endpoint::parse(url).or_else(|| section.wrong(name, "expected an https URL"))
    };
    Metadata {
        jwks_uri: None,
        authorization: endpoint("authorization_endpoint"),
        token: endpoint("token_endpoint"),
        userinfo: endpoint("userinfo_endpoint"),
        revocation: endpoint("revocation_endpoint"),
        end_session: endpoint("end_session_endpoint"),
        sends_issuer: false,
    }
}

fn read_request(section: &Section<'_>, client_id: &str) -> Form {
    let mut request = form(&[("response_type", "code"), ("client_id", client_id), ("scope", &read_scope(section))]);
    for (place, name, value) in section.pairs("parameters") {
        match value.as_str() {
            _ if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) => {
                section.mistake(&place, "belongs to the protocol; where there is a choice, login has a field for it");
            }
            Some(value) if !name.is_empty() => request.add(name, value),
            Some(_) => section.mistake(&place, "a parameter has a name"),
            None => section.mistake(&place, "expected a text"),
        }
    }
    request
}

fn read_scope(section: &Section<'_>) -> String {
    if !section.has("scopes") {
        return "openid profile email".to_owned();
    }
    let scope = read_words(section, "scopes").unwrap_or_default();
    if !scope.split(' ').any(|word| word == "openid") {
        section.mistake("scopes", "openid must be among them: without it there is no ID token");
    }
    scope
}

/// A list of words, as one text with spaces between them.
fn read_words(section: &Section<'_>, name: &'static str) -> Option<String> {
    let words = section.texts(name);
    // RFC 6749 section 3.3.
    let plain = |byte: u8| matches!(byte, b'!'..=b'~') && !b"\"\\".contains(&byte);
    for (index, _) in words.iter().enumerate().filter(|(_, word)| !word.bytes().all(plain)) {
        section.mistake(&format!("{name}[{index}]"), "expected one word without spaces, quotes or backslashes");
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// `none` would end every login of somebody who has to sign in.
fn check_prompt(section: &Section<'_>, prompt: &str) {
    let known = ["login", "consent", "select_account"];
    if !prompt.split(' ').all(|word| known.contains(&word)) {
        section.mistake("prompt", "expected login, consent or select_account, or several with a space between them");
    }
}
