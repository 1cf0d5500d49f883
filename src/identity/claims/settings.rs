//! A provider's rules for claims, read from the configuration.

use std::time::Duration;

use serde_json::Value;

use super::{ClaimNames, ClaimSettings, TokenKind};
use crate::identity::token::media_type;
use crate::pointer::Pointer;
use crate::settings::Section;

impl ClaimSettings {
    /// Reads what belongs here from a provider's section; the caller reads the
    /// rest of it and closes it.
    pub(crate) fn read(section: &Section<'_>) -> Option<ClaimSettings> {
        let issuer = section.required_text("issuer");
        if let Some(mistake) = issuer.and_then(issuer_mistake) {
            section.mistake("issuer", mistake);
        }
        let provider = section.text("name").or(issuer);
        let issuer_aliases = aliases(section);
        let audiences = audiences(section);
        let kind = section.choice("tokens", &[("access", TokenKind::Access), ("id", TokenKind::Id)]);
        let client_id = section.text("client_id").map(str::to_owned);
        let leeway = section.duration("leeway", Duration::from_secs(60), (Duration::ZERO, Duration::from_secs(300)));
        let typ = section.text("typ").map(media_type);
        let names = ClaimNames::read(&section.section_or_empty("claims"));
        let required = required(section);
        let ignores_binding = section.choice("sender_constrained", &[("ignore", ())]).is_some();
        Some(ClaimSettings {
            provider: provider?.to_owned(),
            issuer: issuer?.to_owned(),
            issuer_aliases,
            audiences: audiences?,
            kind: kind.unwrap_or(TokenKind::Access),
            client_id,
            leeway,
            typ,
            names: names?,
            required,
            ignores_binding,
        })
    }
}

impl ClaimNames {
    fn read(section: &Section<'_>) -> Option<ClaimNames> {
        let pointer = |name, default| pointer(section, name, section.text(name).unwrap_or(default));
        let client = match section.text("client") {
            Some(text) => vec![self::pointer(section, "client", text)],
            None => ["/azp", "/client_id", "/cid", "/appid"].map(|text| Pointer::parse(text).ok()).to_vec(),
        };
        let names = (
            pointer("audience", "/aud"),
            pointer("user", "/sub"),
            pointer("email", "/email"),
            pointer("email_verified", "/email_verified"),
            pointer("name", "/name"),
            pointer("groups", "/groups"),
        );
        section.finish();
        Some(ClaimNames {
            audience: names.0?,
            user: names.1?,
            email: names.2?,
            email_verified: names.3?,
            name: names.4?,
            groups: names.5?,
            client: client.into_iter().collect::<Option<_>>()?,
        })
    }
}

fn pointer(section: &Section<'_>, place: &str, text: &str) -> Option<Pointer> {
    match Pointer::parse(text) {
        Ok(pointer) => Some(pointer),
        Err(mistake) => section.wrong(place, mistake),
    }
}

/// Without an audience, any token of the provider would open the door, made
/// for whatever application.
fn audiences(section: &Section<'_>) -> Option<Vec<String>> {
    section.require("audiences")?;
    let audiences: Vec<String> = section.texts("audiences").into_iter().map(str::to_owned).collect();
    if audiences.iter().any(|audience| audience == "*") {
        return section.wrong("audiences", "there is no wildcard; write each audience");
    }
    if audiences.is_empty() {
        return section.wrong("audiences", "at least one audience must be written");
    }
    Some(audiences)
}

/// Aliases are only ever compared, never called; Google signs under
/// `accounts.google.com` without a scheme, for example.
fn aliases(section: &Section<'_>) -> Vec<String> {
    let aliases = section.texts("issuer_aliases");
    if let Some(mistake) = aliases.iter().find_map(|alias| tenant_mistake(alias)) {
        section.mistake("issuer_aliases", mistake);
    }
    aliases.into_iter().map(str::to_owned).collect()
}

fn required(section: &Section<'_>) -> Vec<(Pointer, Vec<Value>)> {
    let mut required = Vec::new();
    for (place, text, value) in section.pairs("required_claims") {
        let allowed = match value {
            Value::Array(list) => list.clone(),
            value => vec![value.clone()],
        };
        if allowed.is_empty() {
            section.mistake(&place, "no token can satisfy an empty list");
        }
        if allowed.contains(&Value::Null) {
            section.mistake(&place, "null stands for a claim that is absent; write the value it must have");
        }
        required.extend(pointer(section, &place, text).map(|pointer| (pointer, allowed)));
    }
    required
}

/// OpenID Connect Discovery section 3: an https URL without query and fragment.
fn issuer_mistake(issuer: &str) -> Option<&'static str> {
    let Some(rest) = issuer.strip_prefix("https://") else {
        return Some("expected a URL that begins with https://");
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.contains('@') {
        return Some("expected a host name behind https://, without a user");
    }
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['?', '#', '\\', '"']) {
        return Some("expected a URL without query, fragment or spaces");
    }
    tenant_mistake(issuer)
}

/// Entra ID's shared endpoints vouch for every organisation there is, and the
/// issuer in their tokens is another one.
fn tenant_mistake(issuer: &str) -> Option<&'static str> {
    let mut parts = issuer.split('/').skip(2);
    let (host, tenant) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let microsoft = host.contains("microsoftonline.") || host == "sts.windows.net";
    let shared = ["common", "organizations", "consumers"].iter().any(|word| tenant.eq_ignore_ascii_case(word));
    (issuer.contains(['{', '}']) || (microsoft && shared))
        .then_some("names no single tenant; write one provider for each tenant, with its id")
}
