//! Pages about a login that led nowhere.

use std::borrow::Cow;
use std::time::Duration;

use super::{Action, Branding, Fact, Page, account, login_url, moment};
use crate::demand::Demand;

/// Why nobody is signed in after a login.
pub(crate) enum LoginTrouble<'a> {
    /// What happened, in plain words and whole sentences.
    Failed(Cow<'a, str>),
    /// The provider, by its label, said no, or the person did.
    Denied(&'a str),
    /// The session would need more room than cookies have, in bytes, and what
    /// takes most of it.
    TooLarge { size: usize, limit: usize, largest: Vec<(&'a str, usize)> },
    /// The sign-in is not what a rule asks for.
    StepUp(StepUpTrouble<'a>),
}

/// What was asked of a sign-in, and what came.
pub(crate) struct StepUpTrouble<'a> {
    /// The provider's label and its name.
    pub provider: (&'a str, &'a str),
    /// The rule that asked.
    pub rule: &'a str,
    pub demand: &'a Demand,
    /// The `acr` that came.
    pub acr: Option<&'a str>,
    /// How long ago the provider says the sign-in was.
    pub age: Option<Duration>,
}

impl<'a> LoginTrouble<'a> {
    /// The page that says so and offers another try.
    pub fn page(self, branding: &Branding, return_to: &str, request_id: &'a str) -> Page<'a> {
        let name = branding.name();
        let mut actions = Vec::new();
        let mut again = login_url(return_to, &[]);
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
            LoginTrouble::StepUp(trouble) => {
                let (label, provider) = trouble.provider;
                let text = format!(
                    "{label} signed you in, but not in the way that is needed for what you asked for. If you were \
                     signed in before, you still are.\n\
                     Try again: {label} will be told to ask you anew. If it happens again, ask your administrator."
                );
                // The provider let through whom it knew, so this time it must ask.
                let more = [("provider", provider), ("step_up", trouble.rule), ("prompt", "login")];
                again = login_url(return_to, &more);
                actions.push(account::home(branding));
                ("This sign-in is not enough", text, trouble.facts())
            }
        };
        actions.insert(0, Action::Link { href: again.into(), label: "Try again".into() });
        Page { title, text: text.into(), facts, actions, request_id }
    }
}

impl<'a> StepUpTrouble<'a> {
    fn facts(&self) -> Vec<(&'a str, Fact<'a>)> {
        let mut facts = Vec::new();
        if !self.demand.acr.is_empty() {
            facts.push(("Needed (acr)", self.demand.acr.join(", ").into()));
            facts.push(("Came", self.acr.unwrap_or("nothing about it").into()));
        }
        if let Some(limit) = self.demand.max_age {
            facts.push(("Needed", format!("a sign-in no older than {}", moment::span(limit)).into()));
            let came = self.age.map(|age| format!("one from {} ago", moment::span(age)).into());
            facts.push(("Came", came.unwrap_or("no word of when it was".into())));
        }
        facts.into_iter().map(|(name, text)| (name, Fact::Text(text))).collect()
    }
}

/// For whoever is sent HTML but cannot be sent away, such as a posted form.
pub(crate) fn sign_in_needed<'a>(branding: &Branding, return_to: &str, request_id: &'a str) -> Page<'a> {
    let text = format!(
        "Your session with {} has ended or has not begun, so this was not carried out. Sign in and do it again.",
        branding.name()
    );
    let sign_in = Action::Link { href: login_url(return_to, &[]).into(), label: "Sign in".into() };
    Page { title: "Please sign in", text: text.into(), facts: Vec::new(), actions: vec![sign_in], request_id }
}
