//! Pages about a login that led nowhere.

use std::borrow::Cow;

use super::{Action, Branding, Fact, Page, login_url};

/// Why nobody is signed in after a login.
pub(crate) enum LoginTrouble<'a> {
    /// What happened, in plain words and whole sentences.
    Failed(Cow<'a, str>),
    /// The provider, by its label, said no, or the person did.
    Denied(&'a str),
    /// The session would need more room than cookies have, in bytes, and what
    /// takes most of it.
    TooLarge { size: usize, limit: usize, largest: Vec<(&'a str, usize)> },
}

impl<'a> LoginTrouble<'a> {
    /// The page that says so and offers another try.
    pub fn page(self, branding: &Branding, return_to: &str, request_id: &'a str) -> Page<'a> {
        let name = branding.name();
        let (title, text, facts) = match self {
            LoginTrouble::Failed(what) => {
                let text = format!(
                    "{what}\nPlease try again. If it happens again, give your administrator the request id below."
                );
                ("You are not signed in yet", text, Vec::new())
            }
            LoginTrouble::Denied(provider) => {
                let text = format!(
                    "{provider} did not confirm who you are, or you cancelled.\n\
                     You can try again. If you should have access to {name}, ask your administrator for it."
                );
                ("Sign-in was declined", text, Vec::new())
            }
            LoginTrouble::TooLarge { size, limit, largest } => {
                let text = format!(
                    "You are known, but what your identity provider says about you does not fit into a browser's \
                     cookies: {size} bytes of at most {limit}.\n\
                     Your administrator can trim it: let the provider send fewer groups and smaller tokens, or keep \
                     fewer claims (session.claims). Below is what takes the most room."
                );
                let fact = |(name, bytes): (&'a str, usize)| (name, Fact::Text(format!("{bytes} bytes").into()));
                ("Your session is too large", text, largest.into_iter().map(fact).collect())
            }
        };
        let again = Action::Link { href: login_url(return_to, None).into(), label: "Try again".into() };
        Page { title, text: text.into(), facts, actions: vec![again], request_id }
    }
}

/// For whoever is sent HTML but cannot be sent away, such as a posted form.
pub(crate) fn sign_in_needed<'a>(branding: &Branding, return_to: &str, request_id: &'a str) -> Page<'a> {
    let text = format!(
        "Your session with {} has ended or has not begun, so this was not carried out. Sign in and do it again.",
        branding.name()
    );
    let sign_in = Action::Link { href: login_url(return_to, None).into(), label: "Sign in".into() };
    Page { title: "Please sign in", text: text.into(), facts: Vec::new(), actions: vec![sign_in], request_id }
}
