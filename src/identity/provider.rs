//! One OpenID provider that is trusted to say who somebody is.

use std::rc::Rc;

use serde_json::Value;

use super::claims::ClaimSettings;
use super::discovery::discovery_endpoint;
use super::key_store::{KeySettings, KeySource, KeyStore};
use super::keys::KeySet;
use super::login::LoginSettings;
use super::session::Session;
use crate::algorithm::Algorithm;
use crate::caller::Caller;
use crate::http::Endpoint;
use crate::settings::Section;
use crate::time::Time;

/// A provider: what its tokens must say, and its keys.
pub(super) struct Provider {
    pub claims: ClaimSettings,
    pub keys: KeyStore,
    pub settings: KeySettings,
    pub login: Option<Login>,
    /// The proxy's name for the way to the provider.
    pub cluster: Option<String>,
    /// Whether the provider's endpoints can be known.
    pub discovers: bool,
    algorithms: Vec<Algorithm>,
}

/// How a provider signs people in.
pub(super) struct Login {
    pub settings: LoginSettings,
    /// What its ID tokens must say.
    pub claims: ClaimSettings,
}

impl Provider {
    /// Reads one entry of `providers`. `shared` says whether the keys may lie in
    /// shared data; without an `external_url` nobody can sign in.
    pub fn read(section: &Section<'_>, shared: bool, external_url: Option<&str>) -> Option<Provider> {
        let claims = ClaimSettings::read(section);
        let issuer = section.text("issuer").unwrap_or_default();
        check_name(section);
        let algorithms = read_algorithms(section);
        let settings = KeySettings::read(section);
        let keys = read_keys(section, issuer, settings, shared);
        // Read by the keys already, which say what is wrong with it.
        let cluster = section.get("cluster").and_then(Value::as_str).filter(|name| !name.is_empty());
        let discovers = !(section.has("jwks") || section.has("jwks_uri"));
        let login = external_url.and_then(|url| Some((url, section.section("login")?))).and_then(|(url, login)| {
            // It stands in the redirect URI, where an issuer's slashes cannot.
            if !section.has("name") {
                section.mistake("name", "must be written where people sign in: it is part of the redirect URI");
            }
            LoginSettings::read(&login, url, cluster, discovers)
        });
        let cluster = cluster.map(str::to_owned);
        section.finish();
        let claims = claims?;
        let login = login.map(|settings| Login { claims: claims.for_login(&settings.client_id), settings });
        Some(Provider { claims, keys: keys?, settings, login, cluster, discovers, algorithms })
    }

    /// Who is signed in by a session, until `ends`. `None`: the session says too
    /// little for the settings of now.
    pub fn caller_of_session(&self, session: &Session, ends: Time) -> Option<Rc<Caller>> {
        if let Some(caller) = session.caller.get() {
            return Some(Rc::clone(caller));
        }
        let mut claims = session.claims.clone();
        session.tell_authentication(&mut claims);
        let caller = Rc::new(self.claims.caller(&claims, ends).ok()?);
        Some(Rc::clone(session.caller.get_or_init(|| caller)))
    }

    /// Whether tokens of this provider may be signed so.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// A name goes into logs and records; without one the issuer does.
fn check_name(section: &Section<'_>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if section.text("name").is_some_and(|name| !name.bytes().all(plain)) {
        section.mistake("name", "expected letters, digits, -, _ and . only");
    }
}

fn read_algorithms(section: &Section<'_>) -> Vec<Algorithm> {
    if !section.has("algorithms") {
        return Algorithm::ALL.to_vec();
    }
    let names = section.texts("algorithms");
    if names.is_empty() {
        section.mistake("algorithms", "must not be empty");
    }
    let read = |(index, name): (usize, &str)| {
        let place = format!("algorithms[{index}]");
        Algorithm::parse(name).or_else(|| section.wrong(&place, "unknown or unsafe; HMAC and none are never accepted"))
    };
    names.into_iter().enumerate().filter_map(read).collect()
}

fn read_keys(section: &Section<'_>, issuer: &str, settings: KeySettings, shared: bool) -> Option<KeyStore> {
    if let Some(jwks) = section.get("jwks") {
        for name in ["jwks_uri", "cluster", "jwks_cluster"] {
            if section.has(name) {
                section.mistake(name, "has no use beside jwks");
            }
        }
        return match KeySet::from_value(jwks) {
            Ok(set) => Some(KeyStore::inline(set, settings)),
            Err(fault) => section.wrong("jwks", fault.to_string()),
        };
    }
    let cluster = section.required_text("cluster");
    let jwks_cluster = section.text("jwks_cluster").or(cluster);
    let jwks_uri = match section.text("jwks_uri").map(Endpoint::parse) {
        Some(None) => return section.wrong("jwks_uri", "expected an https URL"),
        Some(endpoint) => endpoint,
        None => None,
    };
    let discovery = discovery_endpoint(issuer);
    let issuers = std::iter::once(issuer).chain(section.texts("issuer_aliases")).map(str::to_owned).collect();
    let (cluster, jwks_cluster) = (cluster?.to_owned(), jwks_cluster?.to_owned());
    let source = KeySource { issuers, discovery, jwks_uri, cluster, jwks_cluster };
    let shelf = shared.then(|| shelf(&source));
    Some(KeyStore::remote(source, settings, shelf))
}

/// The place of a key set in shared data. It names everything that says where
/// the keys come from, so that a changed configuration never finds the keys of
/// another source; and the version of what lies there (2), so that what an old
/// reader could misread lies elsewhere.
fn shelf(source: &KeySource) -> String {
    let mut hash = hmac_sha256::Hash::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    for issuer in &source.issuers {
        add(issuer);
    }
    for endpoint in [&source.discovery, &source.jwks_uri] {
        let (authority, path) = endpoint.as_ref().map_or(("", ""), |found| (&found.authority, &found.path));
        add(authority);
        add(path);
    }
    add(&source.cluster);
    add(&source.jwks_cluster);
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("airgate.keys.2.{hex}")
}
