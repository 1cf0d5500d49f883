//! People in browsers: signing in and out, and who they are.

use serde_json::json;

use super::refusal::{Pages, Refusal};
use super::reserved::said;
use super::waiting::{Exceeded, Waiter};
use super::{Gateway, Sender, Step, Wanting, origin};
use crate::access::{Effect, Operation, Role};
use crate::demand::Demand;
use crate::host::Host;
use crate::http::{Content, Reply, Request, read_form};
use crate::identity::{Begin, Checked, Landed, LoginFault, LoginOrigin, Returned, StepUp, TokenFault, Unmet};
use crate::metrics::Counter;
use crate::page::{self, LoginTrouble, Me, StepUpTrouble};
use crate::time::Time;

/// A logout token is some hundred bytes; the specification knows no limit.
const MAX_NOTICE: usize = 32 * 1024;

/// The provider could not sign somebody in as it was asked to (OpenID Connect
/// Core Error Code unmet_authentication_requirements).
const UNMET: &str = "unmet_authentication_requirements";

impl Gateway {
    /// Somebody without credentials asks: a person is sent to sign in, everybody
    /// else is told to.
    pub(super) fn nobody(
        &mut self,
        waiter: &mut Waiter,
        refusal: Refusal,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        if self.sign_in.is_none() {
            return Err(refusal.into());
        }
        if !waiter.request.is_navigation() {
            // A form that a person posted cannot be posted again after a login.
            if waiter.request.headers().first("sec-fetch-mode") == Some(b"navigate") {
                let page = page::sign_in_needed(&self.branding, "/", &waiter.request_id);
                let mut step = self.pages(host).step(401, &page, refusal.reason(), waiter);
                if let Step::Reply { reply, .. } = &mut step {
                    reply.headers.push(("www-authenticate".into(), b"Bearer".to_vec()));
                }
                return Ok(step);
            }
            return Err(refusal.into());
        }
        let return_to = String::from_utf8(waiter.request.target().whole()).unwrap_or_default();
        self.start(None, LoginOrigin { return_path: &return_to, ..LoginOrigin::default() }, waiter, host, now)
    }

    /// A person's sign-in is short of what a rule of the policy asks: sends the
    /// browser to the session's own provider for a better one, and from there to
    /// the very address that it asked for. The session stays until then. For
    /// navigations only.
    pub(super) fn step_up(
        &mut self,
        demand: &Demand,
        rule: &str,
        provider: &str,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let return_to = String::from_utf8(waiter.request.target().whole()).unwrap_or_default();
        let step_up = StepUp { rule: rule.to_owned(), demand: demand.clone() };
        let origin = LoginOrigin { return_path: &return_to, step_up: Some(&step_up), ..LoginOrigin::default() };
        self.start(Some(provider), origin, waiter, host, now)
    }

    /// `/.airgate/login?return=/path&provider=name&step_up=rule&prompt=login`.
    pub(super) fn login(&mut self, waiter: &mut Waiter, host: &dyn Host, now: Time) -> Result<Step, Wanting> {
        let fields = waiter.request.target().query().map_or(Some(Vec::new()), read_form);
        let fields = fields.ok_or(Refusal::BadRequest("bad_query"))?;
        let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        // Whoever only looks ahead, or fetches, must not be given a login.
        if !waiter.request.is_navigation() {
            return Err(Refusal::NoCredentials.into());
        }
        let step_up = match field("step_up") {
            None => None,
            Some(rule) => {
                let demand = self.access.demand(rule).cloned().ok_or(Refusal::BadRequest("unknown_step_up"))?;
                Some(StepUp { rule: rule.to_owned(), demand })
            }
        };
        let mut provider = field("provider").map(str::to_owned);
        // A better sign-in is asked of whom this person is signed in with.
        if step_up.is_some() && provider.is_none() {
            provider = match self.visitor(waiter, host, now) {
                Ok(sender) => Some(sender.caller().provider.clone()),
                Err(Wanting::Later(wait)) => return Err(Wanting::Later(wait)),
                Err(_) => None,
            };
        }
        let origin = LoginOrigin {
            return_path: field("return").unwrap_or("/"),
            step_up: step_up.as_ref(),
            anew: field("prompt") == Some("login"),
            ..LoginOrigin::default()
        };
        self.start(provider.as_deref(), origin, waiter, host, now)
    }

    /// Sends the browser to the provider, or lets the person choose one, which is
    /// put into `origin`.
    fn start(
        &mut self,
        provider: Option<&str>,
        origin: LoginOrigin<'_>,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let authority = waiter.request.headers().first(":authority").unwrap_or_default();
        let authority = std::str::from_utf8(authority).unwrap_or_default();
        let logins = self.authenticator.logins(authority);
        let name = match (provider, logins.as_slice()) {
            (Some(name), _) => logins.iter().find(|(known, _)| *known == name).map(|(name, _)| (*name).to_owned()),
            (None, [(name, _)]) => Some((*name).to_owned()),
            (None, _) => {
                let pages = self.pages(host);
                let page = page::chooser(&self.branding, logins, origin.return_path, &waiter.request_id);
                return Ok(pages.step(200, &page, "choose_provider", waiter));
            }
        };
        let name = name.ok_or(Refusal::NotFound)?;
        let Gateway { sign_in: Some(sign_in), authenticator, .. } = self else {
            return Err(Refusal::NotFound.into());
        };
        let origin = LoginOrigin { provider: &name, ..origin };
        match sign_in.begin(authenticator, &origin, waiter.request.headers(), host, now) {
            Begin::Go { location, cookie } => {
                host.count(Counter::LoginStarted);
                waiter.cookies.push(cookie);
                Ok(match origin.step_up {
                    Some(_) => redirect(location, "step_up_started", waiter),
                    None => redirect(location, "login_started", waiter),
                })
            }
            Begin::Wait(wait) => Err(Wanting::Later(wait)),
            Begin::Unavailable(rest) => Err(Refusal::ProviderUnavailable(rest).into()),
        }
    }

    /// `/.airgate/callback/<provider>`.
    pub(super) fn callback(
        &mut self,
        provider: &str,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let Gateway { sign_in: Some(sign_in), authenticator, .. } = self else {
            return Err(Refusal::NotFound.into());
        };
        let headers = waiter.request.headers();
        if let Some(login) = waiter.login {
            return match sign_in.landed(authenticator, login) {
                None => Err(Wanting::Later(Gateway::LOGIN_WAIT)),
                Some(landed) => {
                    waiter.login = None;
                    self.land(landed, provider, waiter, host, now)
                }
            };
        }
        let query = waiter.request.target().query();
        match sign_in.returned(authenticator, provider, headers, query, now) {
            Returned::Exchange(login) => {
                waiter.login = Some(login);
                Err(Wanting::Later(Gateway::LOGIN_WAIT))
            }
            Returned::Orphan { return_path, again } => {
                match self.visitor(waiter, host, now) {
                    // Another tab was faster.
                    Ok(_) => Ok(redirect(return_path, "login_elsewhere", waiter)),
                    Err(Wanting::Later(wait)) => Err(Wanting::Later(wait)),
                    Err(_) if again => {
                        let text = "The login was not begun in this browser, or it took longer than ten minutes. \
                                    Cookies may be switched off.";
                        Ok(self.trouble(
                            400,
                            LoginTrouble::Failed(text.into()),
                            &return_path,
                            "login_lost",
                            waiter,
                            host,
                        ))
                    }
                    Err(_) => {
                        let origin = LoginOrigin { return_path: &return_path, again: true, ..LoginOrigin::default() };
                        self.start(Some(provider), origin, waiter, host, now)
                    }
                }
            }
            Returned::Denied { error, description, return_path, step_up, cookie } => {
                host.count(Counter::LoginFailed);
                waiter.cookies.push(cookie);
                let label = self.label(provider);
                let description = description.unwrap_or_default();
                log::info!("provider {provider}: the login was declined with {error}: {description}");
                if let Some(step_up) = step_up.filter(|_| error == UNMET) {
                    let unmet = Unmet { step_up, acr: None, auth_time: None };
                    return Ok(self.unmet(&unmet, provider, &return_path, waiter, host, now));
                }
                Ok(self.trouble(403, LoginTrouble::Denied(&label), &return_path, "login_denied", waiter, host))
            }
            Returned::Bad(reason) => {
                let text = "This address is where a login ends, and what came with it belongs to no login.";
                Ok(self.trouble(400, LoginTrouble::Failed(text.into()), "/", reason, waiter, host))
            }
            Returned::Overloaded => Err(Refusal::Limit(Exceeded::Places).into()),
        }
    }

    fn land(
        &mut self,
        landed: Landed,
        provider: &str,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        match landed {
            Landed::In { caller, cookies, return_path } => {
                host.count(Counter::LoginOk);
                waiter.known.had_session(caller);
                waiter.cookies.extend(cookies);
                Ok(redirect(return_path, "signed_in", waiter))
            }
            Landed::Failed { fault, cookies, return_path } => {
                host.count(Counter::LoginFailed);
                waiter.cookies.extend(cookies);
                let reason = fault.reason();
                let (status, trouble) = match &fault {
                    LoginFault::StepUpUnmet(unmet) => {
                        return Ok(self.unmet(unmet, provider, &return_path, waiter, host, now));
                    }
                    LoginFault::TooLarge(large) => {
                        let largest = large.largest.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
                        (502, LoginTrouble::TooLarge { size: large.bytes, limit: large.limit, largest })
                    }
                    LoginFault::Unavailable => {
                        (503, LoginTrouble::Failed("Your identity provider did not answer in time.".into()))
                    }
                    LoginFault::CodeRefused => {
                        (400, LoginTrouble::Failed("This login is over: it was used before, or took too long.".into()))
                    }
                    LoginFault::BadIdToken(TokenFault::TooLong) => {
                        let text = "Your identity provider says more about you than fits (an ID token of more than \
                                    16 KiB). Your administrator can have it send fewer groups.";
                        (502, LoginTrouble::Failed(text.into()))
                    }
                    LoginFault::ClientRefused | LoginFault::ClientUnauthorized | LoginFault::Refused => {
                        let text = "Your identity provider refused to complete this login. The reason is in the \
                                    gateway's log, which your administrator can read.";
                        (502, LoginTrouble::Failed(text.into()))
                    }
                    _ => {
                        let text = "Your identity provider answered in a way that cannot be trusted or understood.";
                        (502, LoginTrouble::Failed(text.into()))
                    }
                };
                let mut step = self.trouble(status, trouble, &return_path, reason, waiter, host);
                if let (503, Step::Reply { reply, .. }) = (status, &mut step) {
                    reply.headers.push(("retry-after".into(), b"1".to_vec()));
                }
                Ok(step)
            }
        }
    }

    /// `GET /.airgate/logout` ends nothing: a link from elsewhere could have led
    /// here.
    pub(super) fn confirm_sign_out(&self, waiter: &Waiter, host: &dyn Host) -> Step {
        let page = page::confirm_sign_out(&self.branding, &waiter.request_id);
        self.pages(host).step(200, &page, "confirm_sign_out", waiter)
    }

    /// `POST /.airgate/logout`. What is here ends first; the provider's session
    /// ends when the browser goes there.
    pub(super) fn sign_out(&mut self, waiter: &mut Waiter, host: &dyn Host, now: Time) -> Result<Step, Wanting> {
        self.check_origin(&waiter.request)?;
        let Gateway { sign_in: Some(sign_in), authenticator, .. } = self else {
            return Err(Refusal::NotFound.into());
        };
        let out = sign_in.sign_out(authenticator, waiter.request.headers(), now);
        waiter.cookies = out.cookies;
        waiter.known.had_session(out.caller);
        let mut step = match out.location {
            location if !accepts_html(&waiter.request) => {
                said(200, &json!({"status": "signed_out", "continue": location}), "signed_out", Some(waiter))
            }
            Some(location) => {
                let page = page::signing_out(&self.branding, &location, &waiter.request_id);
                self.pages(host).step(200, &page, "signed_out", waiter)
            }
            None => redirect_with(303, "/.airgate/signed-out".to_owned(), "signed_out", waiter),
        };
        if let Step::Reply { reply, .. } = &mut step {
            // The back button would show what the browser kept of Airbyte.
            reply.headers.push(("clear-site-data".into(), b"\"cache\"".to_vec()));
        }
        Ok(step)
    }

    /// `/.airgate/signed-out`.
    pub(super) fn signed_out(&self, waiter: &Waiter, host: &dyn Host) -> Step {
        let page = page::signed_out(&self.branding, &waiter.request_id);
        self.pages(host).step(200, &page, "signed_out_page", waiter)
    }

    /// `/.airgate/me`.
    pub(super) fn me(&mut self, waiter: &mut Waiter, host: &dyn Host, now: Time) -> Result<Step, Wanting> {
        let sender = match self.sender(waiter, host, now) {
            Err(Wanting::Refused(refusal @ (Refusal::NoCredentials | Refusal::SessionEnded))) => {
                return self.nobody(waiter, refusal, host, now);
            }
            sender => sender?,
        };
        let caller = sender.caller();
        let ends = match &sender {
            Sender::Bearer(caller) => caller.expires,
            Sender::Visitor(visitor) => visitor.ends,
        };
        let role = self.access.role(caller).map(Role::name);
        let me = Me { caller, role, auth: sender.auth().name(), ends };
        if !waiter.request.is_navigation() {
            return Ok(said(200, &me.json(), "me", Some(waiter)));
        }
        let label = self.label(&caller.provider);
        let page = me.page(&self.branding, &label, &waiter.request_id, now);
        Ok(self.pages(host).step(200, &page, "me", waiter))
    }

    /// `POST /.airgate/backchannel-logout`, by the provider.
    pub(super) fn backchannel_logout(
        &mut self,
        waiter: &mut Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let body = self.bodies.of_ours(waiter, Content::Form, MAX_NOTICE)?;
        let fields = read_form(body).unwrap_or_default();
        let mut tokens = fields.iter().filter(|(name, _)| name == "logout_token");
        let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
            return Ok(said(400, &json!({"error": "invalid_request"}), "logout_token_missing", Some(waiter)));
        };
        let Gateway { sign_in: Some(sign_in), authenticator, .. } = self else {
            return Err(Refusal::NotFound.into());
        };
        let refused = |reason| {
            let body = json!({"error": "invalid_request", "error_description": reason});
            Ok(said(400, &body, reason, Some(waiter)))
        };
        match authenticator.check_logout_token(token.as_bytes(), host, now) {
            Checked::Wait(wait) => Err(Wanting::Later(wait)),
            Checked::Unavailable(rest) => Err(Refusal::ProviderUnavailable(rest).into()),
            Checked::Refused(fault) => refused(fault.reason()),
            Checked::Good(token) => match sign_in.end_by_notice(&token, host, now) {
                Ok(()) => Ok(said(200, &json!({"status": "ended"}), "backchannel_logout", Some(waiter))),
                Err(fault) => refused(fault.reason()),
            },
        }
    }

    /// With a cookie, a request that changes something must come from our own
    /// pages.
    pub(super) fn check_origin(&self, request: &Request) -> Result<(), Refusal> {
        let mut urls: Vec<&str> = vec![self.external_url.as_str()];
        urls.extend(self.authenticator.external_urls());
        origin::is_ours(request, &urls).map_err(Refusal::ForeignOrigin)
    }

    /// Refuses a GET that starts work or changes something, unless the browser says
    /// that a page of this origin or the person's own address bar sent it: links of
    /// other sites carry the session's cookie.
    pub(super) fn check_origin_of(&self, request: &Request, operation: &Operation) -> Result<(), Refusal> {
        let acts = operation.effect == Effect::Mutates || operation.slow;
        if acts && matches!(request.method(), "GET" | "HEAD") {
            return origin::is_own_navigation(request).map_err(Refusal::ForeignOrigin);
        }
        Ok(())
    }

    /// What it takes to answer a person.
    pub(super) fn pages<'a>(&'a self, host: &'a dyn Host) -> Pages<'a> {
        Pages { branding: &self.branding, host }
    }

    /// Where a program can tell its user to sign in, and for which rule better
    /// than now.
    pub(super) fn login_url(&self, step_up: Option<&str>) -> Option<String> {
        self.sign_in.as_ref()?;
        let path = match step_up {
            None => "/.airgate/login".to_owned(),
            Some(rule) => page::login_url("/", &[("step_up", rule)]),
        };
        Some([self.external_url.as_str(), &path].concat())
    }

    fn label(&self, provider: &str) -> String {
        self.authenticator.label(provider).unwrap_or(provider).to_owned()
    }

    /// The page for whom the provider signed in, but not as a rule asks. It never
    /// leads on by itself: the rule would ask again at once.
    fn unmet(
        &self,
        unmet: &Unmet,
        provider: &str,
        return_to: &str,
        waiter: &Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Step {
        let label = self.label(provider);
        let trouble = LoginTrouble::StepUp(StepUpTrouble {
            provider: (&label, provider),
            rule: &unmet.step_up.rule,
            demand: &unmet.step_up.demand,
            acr: unmet.acr.as_deref(),
            age: unmet.auth_time.map(|at| now.since(at)),
        });
        self.trouble(403, trouble, return_to, "step_up_unmet", waiter, host)
    }

    fn trouble(
        &self,
        status: u16,
        trouble: LoginTrouble<'_>,
        return_to: &str,
        reason: &'static str,
        waiter: &Waiter,
        host: &dyn Host,
    ) -> Step {
        let page = trouble.page(&self.branding, return_to, &waiter.request_id);
        self.pages(host).step(status, &page, reason, waiter)
    }
}

/// A form that a person posted, rather than a program's call.
fn accepts_html(request: &Request) -> bool {
    match request.headers().first("sec-fetch-mode") {
        Some(mode) => mode == b"navigate",
        None => request.headers().all("accept").any(|accept| accept.windows(9).any(|word| word == b"text/html")),
    }
}

fn redirect(location: String, reason: &'static str, waiter: &Waiter) -> Step {
    redirect_with(302, location, reason, waiter)
}

/// Where the browser goes next, and nothing of where it was goes along.
fn redirect_with(status: u16, location: String, reason: &'static str, waiter: &Waiter) -> Step {
    let headers = vec![
        ("location".into(), location.into_bytes()),
        ("cache-control".into(), b"no-store".to_vec()),
        ("referrer-policy".into(), b"no-referrer".to_vec()),
        ("x-request-id".into(), waiter.request_id.clone().into_bytes()),
    ];
    Step::Reply {
        reply: Reply { status, headers, body: Vec::new() },
        reason,
        cookies: waiter.cookies.clone(),
        record: None,
    }
}
