//! Who the providers are: asked by name, by issuer, by address, or by their
//! place in the configuration.

use std::time::Duration;

use super::Authenticator;
use crate::http::Endpoint;
use crate::identity::discovery::Metadata;
use crate::identity::key_store::Outlook;
use crate::identity::login::LoginSettings;
use crate::identity::provider::{Login, Provider};
use crate::time::Time;

impl Authenticator {
    /// Names and labels of the providers that sign in whoever opens `authority`;
    /// of all of them where none is for it in particular.
    pub fn logins(&self, authority: &str) -> Vec<(&str, &str)> {
        let logins = || self.providers.iter().filter_map(|one| one.login.as_ref().map(|login| (one, login)));
        let here = |login: &Login| {
            login
                .settings
                .external_url
                .strip_prefix("https://")
                .is_some_and(|host| host.eq_ignore_ascii_case(authority))
        };
        let any_here = logins().any(|(_, login)| here(login));
        logins()
            .filter(|(_, login)| !any_here || here(login))
            .map(|(one, login)| {
                let name = one.claims.provider();
                (name, login.settings.label.as_deref().unwrap_or(name))
            })
            .collect()
    }

    /// The addresses at which browsers may call us.
    pub fn external_urls(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter_map(|one| one.login.as_ref()).map(|login| login.settings.external_url.as_str())
    }

    /// What people call a provider.
    pub fn label(&self, name: &str) -> Option<&str> {
        let provider = self.providers.iter().find(|one| one.claims.provider() == name)?;
        provider.login.as_ref()?.settings.label.as_deref()
    }

    /// Where a provider gives tokens, and the way there.
    pub(in crate::identity) fn token_endpoint(&self, name: &str) -> Option<(Endpoint, String)> {
        let provider = self.providers.iter().find(|one| one.claims.provider() == name)?;
        match &provider.login {
            Some(login) => {
                let endpoints = login.settings.endpoints(provider.keys.metadata());
                Some((endpoints.token?, login.settings.cluster.clone()))
            }
            None => Some((provider.keys.metadata().token.clone()?, provider.cluster.clone()?)),
        }
    }

    pub(in crate::identity) fn provider_at(&self, index: usize) -> Option<&Provider> {
        self.providers.get(index)
    }

    pub(in crate::identity) fn name_at(&self, index: usize) -> Option<&str> {
        self.providers.get(index).map(|one| one.claims.provider())
    }

    /// How a provider signs people in, and where.
    pub(in crate::identity) fn login_at(&self, index: usize) -> Option<(&LoginSettings, Metadata)> {
        let provider = self.providers.get(index)?;
        let login = provider.login.as_ref()?;
        Some((&login.settings, login.settings.endpoints(provider.keys.metadata())))
    }

    pub(in crate::identity) fn login_of(&self, name: &str) -> Option<(usize, &LoginSettings, Metadata)> {
        let index = self.providers.iter().position(|one| one.claims.provider() == name)?;
        self.login_at(index).map(|(settings, endpoints)| (index, settings, endpoints))
    }

    /// The provider of a session, if it still signs people in under that issuer.
    pub(in crate::identity) fn login_provider(&self, name: &str, issuer: &str) -> Option<&Provider> {
        let named = |one: &&Provider| one.claims.provider() == name && one.claims.knows_issuer(issuer);
        self.providers.iter().find(named).filter(|one| one.login.is_some())
    }

    pub(in crate::identity) fn knows_issuer(&self, index: usize, issuer: &str) -> bool {
        self.providers.get(index).is_some_and(|one| one.claims.knows_issuer(issuer))
    }

    /// Whether a provider may still be discovered; asks for it.
    pub(in crate::identity) fn awaits(&mut self, name: &str, now: Time) -> bool {
        let index = self.providers.iter().position(|one| one.claims.provider() == name);
        index.is_some_and(|index| self.outlook(index, now).is_some())
    }

    /// How long to wait for a provider that was not discovered yet; `None`: it
    /// does not answer.
    pub(in crate::identity) fn outlook(&mut self, index: usize, now: Time) -> Option<Duration> {
        let provider = self.providers.get_mut(index)?;
        match provider.keys.outlook(now) {
            Outlook::Wait => Some(provider.settings.wait),
            Outlook::Unavailable(_) | Outlook::Final => None,
        }
    }
}
