//! Pages about somebody's own session.

use serde_json::{Value, json};

use super::{Action, Branding, Fact, Page, login_url, moment};
use crate::caller::{Caller, Groups};
use crate::time::Time;

const LOGOUT: &str = "/.airgate/logout";

/// Who asks, for `/.airgate/me`.
pub(crate) struct Me<'a> {
    pub caller: &'a Caller,
    pub role: Option<&'a str>,
    /// How the caller is known: `session` or `bearer`.
    pub auth: &'a str,
    /// When the session or the token ends.
    pub ends: Time,
}

impl Me<'_> {
    /// For programs. `groups` is null where they are not known in full.
    pub fn json(&self) -> Value {
        let groups = match &self.caller.groups {
            Groups::Known(list) => json!(list),
            Groups::Absent => json!([]),
            Groups::Unknown => Value::Null,
        };
        json!({
            "user": self.caller.user,
            "name": self.caller.name,
            "email": self.caller.email,
            "groups": groups,
            "role": self.role,
            "provider": self.caller.provider,
            "auth": self.auth,
            "session_ends": moment::rfc3339(self.ends),
        })
    }

    /// For people. `provider` is its label. Only a session can be signed out of.
    pub fn page<'a>(&'a self, branding: &Branding, provider: &'a str, request_id: &'a str, now: Time) -> Page<'a> {
        let Caller { name, email, user, .. } = self.caller;
        let session = self.auth == "session";
        let texts = [
            ("Name", name.as_deref()),
            ("E-mail", email.as_deref()),
            // Often an id that means nothing to its owner.
            ("User", Some(user.as_str()).filter(|_| name.is_none() && email.is_none())),
            ("Role", self.role),
            ("Signed in with", Some(provider)),
        ];
        let mut facts: Vec<_> =
            texts.into_iter().filter_map(|(name, text)| Some((name, Fact::Text(text?.into())))).collect();
        facts
            .push((if session { "Session ends" } else { "Token ends" }, Fact::Moment(self.ends, self.ends.since(now))));
        let mut actions = vec![home(branding)];
        if session {
            actions.push(sign_out());
        }
        let text = format!("This is how {} knows you.", branding.name());
        Page { title: "You are signed in", text: text.into(), facts, actions, request_id }
    }
}

/// Asks before it signs out: a link from elsewhere must not do that.
pub(crate) fn confirm_sign_out<'a>(branding: &Branding, request_id: &'a str) -> Page<'a> {
    let text = format!("This ends your session with {} in this browser, in all its tabs.", branding.name());
    let stay = Action::Link { href: "/".into(), label: "Stay signed in".into() };
    Page { title: "Sign out?", text: text.into(), facts: Vec::new(), actions: vec![sign_out(), stay], request_id }
}

/// The session here has ended; the one at the provider, at `href`, is next.
pub(crate) fn signing_out<'a>(branding: &Branding, href: &'a str, request_id: &'a str) -> Page<'a> {
    let text = format!(
        "Your session with {} has ended. Your identity provider is next; if it does not show, continue here.",
        branding.name()
    );
    let onward = Action::Onward { href: href.into(), label: "Continue".into() };
    Page { title: "Signing out", text: text.into(), facts: Vec::new(), actions: vec![onward], request_id }
}

/// The end of a session.
pub(crate) fn signed_out<'a>(branding: &Branding, request_id: &'a str) -> Page<'a> {
    let text = format!(
        "Your session with {} has ended, and you can close this tab.\n\
         On a computer that others use, sign out of your identity provider too: it may still remember you.",
        branding.name()
    );
    let again = Action::Link { href: login_url("/", &[]).into(), label: "Sign in again".into() };
    Page { title: "You are signed out", text: text.into(), facts: Vec::new(), actions: vec![again], request_id }
}

/// Which provider? `providers` are names and labels.
pub(crate) fn chooser<'a>(
    branding: &Branding,
    providers: impl IntoIterator<Item = (&'a str, &'a str)>,
    return_to: &str,
    request_id: &'a str,
) -> Page<'a> {
    let choice = |(name, label): (&str, &'a str)| Action::Choice {
        href: login_url(return_to, &[("provider", name)]).into(),
        label: label.into(),
    };
    let actions = providers.into_iter().map(choice).collect();
    let text = format!("Choose how you sign in to {}.", branding.name());
    Page { title: "Sign in", text: text.into(), facts: Vec::new(), actions, request_id }
}

pub(super) fn home<'a>(branding: &Branding) -> Action<'a> {
    Action::Link { href: "/".into(), label: format!("Open {}", branding.name()).into() }
}

fn sign_out() -> Action<'static> {
    Action::Post { path: LOGOUT, label: "Sign out" }
}
