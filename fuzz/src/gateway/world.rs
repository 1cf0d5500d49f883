//! The world around the gateway: browsers, clients, the provider, the host, and what the host remembers.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use airgate::gateway::{Body, Exchange, Outcome, Step, StreamId};
use airgate::http::{Answer, Call, CallId, Headers, read_form};
use serde_json::{Value, json};

use super::super::promises::{Fate, check_edits, check_record, check_with, is_telling};
use super::super::site::{ISSUER, SECRET, Site, config, discovery_document, head, header, jwk, sign, token};
use super::event::{Affinity, Ask, Content, Credentials, Event, Field, Method, Path, Said, Setup, Text, Upstream};

/// What the agent may touch.
const CONNECTION: &str = "0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30";
/// Streams that live at once; more bring nothing new.
const STREAMS: u8 = 8;

pub struct World {
    site: Site,
    /// Requests without an answer.
    open: HashMap<u32, Open>,
    /// Requests that went on, and whose response is to come.
    exchanges: Vec<Exchange>,
    /// Every call that was made, answered or not.
    calls: Vec<Call>,
    made: HashSet<CallId>,
    browsers: Vec<Browser>,
    logins: Vec<Login>,
    /// The number of the key that the provider signs with.
    key: u8,
    /// The latest moment that it ever was.
    latest: u64,
    /// Whether `Authorization` is between client and Airbyte.
    passes: bool,
    flooded: bool,
    /// Whether anybody was.
    let_in: bool,
}

/// A request without an answer.
struct Open {
    sent: Headers,
    may: May,
    /// Whether it is its body that is waited for.
    reads: bool,
    browser: Option<usize>,
}

/// Who a request may be let in as.
#[derive(Clone, Copy, PartialEq)]
enum May {
    Nobody,
    /// By a token.
    User(&'static str),
    /// By a browser's session, if it has one.
    Visitor,
}

/// A browser's cookies.
#[derive(Default, Clone)]
struct Browser(HashMap<String, String>);

/// A login that began.
struct Login {
    browser: usize,
    state: String,
    nonce: String,
}

impl World {
    pub fn new(setup: &Setup) -> World {
        let site = Site::new(&configured(setup));
        World {
            site,
            open: HashMap::new(),
            exchanges: Vec::new(),
            calls: Vec::new(),
            made: HashSet::new(),
            browsers: vec![Browser::default(); 2],
            logins: Vec::new(),
            key: 1,
            latest: 0,
            passes: matches!(setup.upstream, Upstream::Pass),
            flooded: false,
            let_in: false,
        }
    }

    pub fn meets(&mut self, event: &Event) {
        match event {
            Event::Request(stream, ask) => self.request(u32::from(stream % STREAMS), ask),
            Event::Body(stream, content) => self.body(u32::from(stream % STREAMS), content),
            Event::End(stream) => {
                let stream = u32::from(stream % STREAMS);
                self.open.remove(&stream);
                self.site.gateway.on_stream_end(StreamId(stream));
            }
            Event::Undecided(stream) => self.undecided(u32::from(stream % STREAMS)),
            Event::Answer(call, said) => self.answer(usize::from(*call), said),
            Event::Stranger(id) if self.made.contains(&CallId(*id)) => {}
            Event::Stranger(id) => {
                let site = &mut self.site;
                let outcome = site.gateway.on_called(CallId(*id), &Answer::Failed, &site.host, site.now);
                assert!(outcome.calls.is_empty() && outcome.wakes.is_empty(), "nobody asked");
            }
            Event::Response(which, fields) => self.response(usize::from(*which), fields),
            Event::Tick => self.tick(),
            Event::Later(eighths) => {
                self.site.now = self.site.now.plus(Duration::from_millis(u64::from(*eighths) * 125))
            }
            Event::Earlier(seconds) => {
                let millis = self.site.now.millis().saturating_sub(u64::from(*seconds) * 1000);
                self.site.now = airgate::time::Time::from_millis(millis);
            }
            Event::Refuses(refuses) => self.site.host.refuses.set(*refuses),
            Event::Rotates => self.key = 3 - self.key,
            Event::Flood(bodies) => self.flood(*bodies),
        }
        self.latest = self.latest.max(self.site.now.millis());
    }

    /// Nobody waits for ever: without any answer, all are told so once their time is up.
    pub fn ends(mut self) -> bool {
        // A clock that was set back may have been ahead when a wait began.
        self.site.now = airgate::time::Time::from_millis(self.latest + 120_000);
        self.tick();
        self.tick();
        assert!(self.open.is_empty(), "{} requests wait for ever", self.open.len());
        self.let_in
    }

    fn request(&mut self, stream: u32, ask: &Ask) {
        // A host gives no name twice at once.
        if self.open.contains_key(&stream) {
            return;
        }
        let (sent, may, browser) = self.headers(ask);
        if sent.iter().any(|(name, value)| is_telling(name) || is_telling(value))
            && !matches!(ask.path, Path::Callback(_))
        {
            return;
        }
        let step = self.site.send(stream, sent.clone());
        self.steps(stream, Open { sent, may, reads: false, browser }, step);
    }

    /// As many wait as the gateway says it bears, and no more.
    fn flood(&mut self, bodies: bool) {
        // Once is enough: it takes as long as all else together.
        if std::mem::replace(&mut self.flooded, true) {
            return;
        }
        let authorization = format!("Bearer {}", token(self.key, "alice", self.site.now.seconds()));
        let (method, path) = if bodies { ("POST", "/api/public/v1/jobs") } else { ("GET", "/api/v1/x") };
        let sent = head(method, path, &[("authorization", authorization.as_bytes())]);
        let (mut waits, mut reads) = (0, 0);
        for stream in 1000..1600 {
            match self.site.send(stream, sent.clone()) {
                Step::Await => waits += 1,
                Step::Read { .. } => reads += 1,
                // Where the first does not wait, none does.
                _ if (waits, reads) == (0, 0) => break,
                _ => {}
            }
        }
        // One client: all are of one caller, or of none.
        assert!(waits <= 256 && reads <= 64, "{waits} wait and {reads} are read");
        (1000..1600).for_each(|stream| self.site.gateway.on_stream_end(StreamId(stream)));
    }

    fn body(&mut self, stream: u32, content: &Content) {
        let reads = self.open.get(&stream).is_some_and(|open| open.reads);
        let body = match content {
            Content::TooLong => Body::TooLong,
            content => Body::Whole(self.content(content)),
        };
        let is_empty = matches!(&body, Body::Whole(body) if body.is_empty());
        let site = &mut self.site;
        let step = site.gateway.on_body(StreamId(stream), body, &site.host, site.now);
        if !reads {
            // Nobody asked for it, so it decides nothing.
            assert!(matches!(step, Step::Reply { reason: "body_unexpected", .. }), "{step:?}");
            return;
        }
        let open = self.open.remove(&stream).expect("it is there");
        assert!(!matches!(step, Step::Read { .. }), "a body is asked for once");
        if matches!(step, Step::Forward(_) | Step::Await) {
            let encodings: Vec<&[u8]> = open.sent.all("content-encoding").collect();
            let is_plain = encodings.iter().all(|value| value.eq_ignore_ascii_case(b"identity"));
            assert!(is_plain || is_empty, "a body is judged that Airbyte decodes: {encodings:?}");
        }
        self.steps(stream, Open { reads: false, ..open }, step);
    }

    fn undecided(&mut self, stream: u32) {
        let open = self.open.remove(&stream);
        let site = &mut self.site;
        let record = site.gateway.on_undecided(StreamId(stream), "no_headers", &site.host, site.now);
        if let Some(record) = record {
            check_record(&record);
            site.gateway.on_log(record, || open.map(|open| open.sent), &site.host, || site.now);
        }
    }

    fn answer(&mut self, which: usize, said: &Said) {
        let Some(call) = which.checked_rem(self.calls.len()).and_then(|at| self.calls.get(at)).cloned() else {
            return;
        };
        let answer = self.say(&call, said);
        let site = &mut self.site;
        let outcome = site.gateway.on_called(call.id, &answer, &site.host, site.now);
        self.outcome(outcome);
    }

    fn tick(&mut self) {
        let outcome = self.site.tick();
        self.outcome(outcome);
    }

    fn outcome(&mut self, outcome: Outcome) {
        assert!(outcome.wakes.len() <= 64, "more than a host can bear");
        for call in outcome.calls {
            assert!(self.made.insert(call.id), "an id is given once");
            let known = matches!(
                (call.cluster.as_str(), call.endpoint.authority.as_str()),
                ("idp", "idp.example") | ("airbyte", "airbyte")
            );
            assert!(known, "{call:?}");
            assert!(!call.timeout.is_zero());
            self.calls.push(call);
        }
        for wake in outcome.wakes {
            let open = self.open.remove(&wake.stream.0).expect("only who waits is woken, and once");
            match open.reads {
                true => assert!(matches!(wake.step, Step::Reply { reason: "body_timeout", .. }), "{:?}", wake.step),
                false => assert!(matches!(wake.step, Step::Forward(_) | Step::Reply { .. }), "{:?}", wake.step),
            }
            self.steps(wake.stream.0, open, wake.step);
        }
    }

    fn response(&mut self, which: usize, fields: &[(Field, Text)]) {
        let Some(at) = which.checked_rem(self.exchanges.len()) else {
            return;
        };
        let exchange = self.exchanges.swap_remove(at);
        let fields: Vec<(Vec<u8>, &[u8])> =
            fields.iter().map(|(name, value)| (name_of(name), value.0.as_slice())).collect();
        let odd = |value: &[u8]| is_telling(value) || value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        let clean = !fields.iter().any(|(_, value)| odd(value));
        let headers = Headers::from_pairs(fields.iter().map(|(name, value)| (name, value)));
        let edits = self.site.gateway.on_response(&exchange, || Some(headers), self.site.now);
        if clean {
            check_edits(&edits);
        }
    }

    /// What a step means, and whether it is right.
    fn steps(&mut self, stream: u32, open: Open, step: Step) {
        let fate = check_with(&open.sent, &step, self.passes);
        self.let_in |= fate.is_let_in();
        match (&fate, open.may) {
            (Fate::Waits, _) => {
                self.open.insert(stream, open);
                return;
            }
            (Fate::Reads, _) => {
                self.open.insert(stream, Open { reads: true, ..open });
                return;
            }
            (fate, May::Nobody) => assert!(!fate.is_let_in(), "nobody is let in: {fate:?}"),
            (Fate::Forwarded { user: Some(user), .. }, May::User(may)) => assert_eq!(user, may, "somebody else"),
            (Fate::Forwarded { user: Some(user), .. }, May::Visitor) => {
                assert_eq!(user, "alice", "somebody else");
            }
            _ => {}
        }
        match step {
            Step::Reply { reply, cookies, record, .. } => {
                if let Some(browser) = open.browser {
                    self.take(browser, &cookies);
                    let location = reply.headers.iter().find(|(name, _)| name == "location");
                    if let Some((_, location)) = location {
                        self.login(browser, location);
                    }
                }
                self.log(record, open.sent);
            }
            Step::Forward(forward) => {
                self.log(forward.record, open.sent);
                self.exchanges.push(forward.exchange);
            }
            _ => {}
        }
    }

    fn log(&self, record: Option<airgate::audit::Record>, sent: Headers) {
        if let Some(record) = record {
            self.site.gateway.on_log(record, || Some(sent), &self.site.host, || self.site.now);
        }
    }

    fn take(&mut self, browser: usize, cookies: &[String]) {
        for cookie in cookies {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            match value {
                "" => self.browsers[browser].0.remove(name),
                value => self.browsers[browser].0.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    /// Remembers where a browser was sent.
    fn login(&mut self, browser: usize, location: &[u8]) {
        let Some(query) = location.strip_prefix(b"https://idp.example/auth?") else {
            return;
        };
        let fields: HashMap<String, String> = read_form(query).expect("a query").into_iter().collect();
        let (state, nonce) = (fields["state"].clone(), fields["nonce"].clone());
        self.logins.push(Login { browser, state, nonce });
    }

    /// A request's headers, who may be let in by them, and whose they are.
    fn headers(&self, ask: &Ask) -> (Headers, May, Option<usize>) {
        let method: &[u8] = match &ask.method {
            Method::Get => b"GET",
            Method::Head => b"HEAD",
            Method::Post => b"POST",
            Method::Put => b"PUT",
            Method::Other(text) => &text.0,
        };
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = vec![
            (b":method".into(), method.into()),
            (b":path".into(), self.path(&ask.path)),
            (b":authority".into(), b"airbyte.example".into()),
        ];
        if ask.navigates {
            fields.push((b"sec-fetch-mode".into(), b"navigate".into()));
        }
        if ask.same_origin {
            fields.push((b"sec-fetch-site".into(), b"same-origin".into()));
        }
        fields.extend(ask.fields.iter().map(|(name, value)| (name_of(name), value.0.clone())));
        // A body is declared as what its endpoint takes, unless the script declares it otherwise.
        if matches!(ask.method, Method::Post | Method::Put) && !fields.iter().any(|(name, _)| name == b"content-type") {
            let form = matches!(ask.path, Path::Notice);
            let media = if form { "application/x-www-form-urlencoded" } else { "application/json" };
            fields.push((b"content-type".into(), media.into()));
        }
        let (mut may, mut browser) = self.credentials(&ask.credentials, &mut fields);
        if let Path::Callback(which) = ask.path
            && let Some(login) = self.login_at(which)
            && browser.is_none()
        {
            browser = Some(login.browser);
            fields.push((b"cookie".into(), self.browsers[login.browser].header()));
            may = if may == May::Nobody { May::Visitor } else { may };
        }
        (Headers::from_pairs(fields), may, browser)
    }

    fn credentials(&self, credentials: &Credentials, fields: &mut Vec<(Vec<u8>, Vec<u8>)>) -> (May, Option<usize>) {
        let name: &[u8] = if self.passes { b"proxy-authorization" } else { b"authorization" };
        let now = self.site.now.seconds();
        let user = |who: u8| ["alice", "bob", "bot"][usize::from(who % 3)];
        let mut bearer = |token: &[u8]| fields.push((name.into(), [b"Bearer ", token].concat()));
        let at = |browser: u8| usize::from(browser) % self.browsers.len();
        match credentials {
            Credentials::None => (May::Nobody, None),
            Credentials::Token(who) => {
                bearer(token(self.key, user(*who), now).as_bytes());
                (May::User(user(*who)), None)
            }
            Credentials::OtherKey(who) => {
                // The gateway may hold this key, too: it learns of a rotation later.
                bearer(token(3 - self.key, user(*who), now).as_bytes());
                (May::User(user(*who)), None)
            }
            Credentials::Old(who) => {
                bearer(token(self.key, user(*who), now.saturating_sub(8000)).as_bytes());
                (May::Nobody, None)
            }
            Credentials::Garbled(who, place) => {
                bearer(&garbled(token(self.key, user(*who), now).into_bytes(), *place));
                (May::Nobody, None)
            }
            Credentials::Raw(text) => {
                bearer(&text.0);
                (May::Nobody, None)
            }
            Credentials::Browser(browser) => {
                fields.push((b"cookie".into(), self.browsers[at(*browser)].header()));
                (May::Visitor, Some(at(*browser)))
            }
            Credentials::GarbledBrowser(browser, place) => {
                let mut cookies = self.browsers[at(*browser)].clone();
                if let Some(session) = cookies.0.get_mut("__Host-airgate-session") {
                    *session = String::from_utf8(garbled(session.clone().into_bytes(), *place)).expect("still text");
                }
                fields.push((b"cookie".into(), cookies.header()));
                (May::Nobody, None)
            }
            Credentials::Both(browser, place) => {
                bearer(&garbled(token(self.key, "alice", now).into_bytes(), *place));
                fields.push((b"cookie".into(), self.browsers[at(*browser)].header()));
                (May::Nobody, None)
            }
        }
    }

    fn login_at(&self, which: u8) -> Option<&Login> {
        usize::from(which).checked_rem(self.logins.len()).and_then(|at| self.logins.get(at))
    }

    fn path(&self, path: &Path) -> Vec<u8> {
        let text = match path {
            Path::Page => "/workspaces/1?x=%20y",
            Path::Api => "/api/v1/connections/list",
            Path::Health => "/api/v1/health",
            Path::Job => "/api/public/v1/jobs",
            Path::Delete => "/api/v1/connections/delete",
            Path::Relay => "/api/public/v1/applications/token",
            Path::Login => "/.airgate/login?return=/x",
            Path::Logout => "/.airgate/logout",
            Path::Me => "/.airgate/me",
            Path::Notice => "/.airgate/backchannel-logout",
            Path::OwnLogin => "/api/oauth/access_token",
            Path::Callback(which) => {
                let state = self.login_at(*which).map_or("none", |login| &login.state);
                return format!("/.airgate/callback/corp?code={SECRET}-{which}&state={state}").into_bytes();
            }
            Path::Other(text) => return [b"/", text.0.as_slice()].concat(),
        };
        text.as_bytes().to_vec()
    }

    fn content(&self, content: &Content) -> Vec<u8> {
        let now = self.site.now.seconds();
        match content {
            Content::Nothing | Content::TooLong => Vec::new(),
            Content::Credentials => format!(r#"{{"client_id":"ci","client_secret":"{SECRET}"}}"#).into_bytes(),
            Content::Job => br#"{"jobType":"sync"}"#.to_vec(),
            Content::Agents => format!(r#"{{"jobType":"sync","connectionId":"{CONNECTION}"}}"#).into_bytes(),
            Content::Strangers => {
                br#"{"jobType":"sync","connectionId":"aaaaaaaa-6c1d-4a57-9d6e-2f1c8e7a9b30"}"#.to_vec()
            }
            Content::Notice => {
                let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
                let claims = json!({"iss": ISSUER, "aud": "gateway", "sub": "alice", "iat": now, "exp": now + 60,
                    "jti": "1", "events": event});
                let token = sign(self.key, &header(self.key), claims.to_string().as_bytes());
                format!("logout_token={token}").into_bytes()
            }
            Content::Other(text) => text.0.clone(),
        }
    }

    /// What comes back from a call.
    fn say(&self, call: &Call, said: &Said) -> Answer {
        let response = |status, body: &Value| Answer::Response { status, body: body.to_string().into_bytes() };
        match said {
            Said::Honest => response(200, &self.honest(call, true)),
            Said::Wrong => response(200, &self.honest(call, false)),
            Said::Failed => Answer::Failed,
            Said::TooLarge => Answer::TooLarge,
            Said::Status(status) => response(*status, &json!({"error": "server_error"})),
            Said::InvalidGrant => response(400, &json!({"error": "invalid_grant"})),
            Said::Other(text) => Answer::Response { status: 200, body: text.0.clone() },
        }
    }

    fn honest(&self, call: &Call, right: bool) -> Value {
        let now = self.site.now.seconds();
        let form = call.form.as_ref().map(|form| read_form(form.text().as_bytes()).unwrap_or_default());
        let form: HashMap<String, String> = form.unwrap_or_default().into_iter().collect();
        let secret = format!("{SECRET}-issued");
        match call.endpoint.path.as_str() {
            "/.well-known/openid-configuration" if right => discovery_document(),
            "/keys" => json!({"keys": [if right { jwk(self.key) } else { json!({"kty": "oct", "k": secret}) }]}),
            // Airbyte's own.
            "/api/v1/applications/token" => json!({"access_token": "airbyte-token", "expires_in": 180}),
            "/token" if form.get("grant_type").is_some_and(|grant| grant == "client_credentials") => {
                json!({"access_token": token(self.key, "ci", now), "token_type": "Bearer", "expires_in": 300})
            }
            "/token" => {
                let code = form.get("code").and_then(|code| code.rsplit_once('-')?.1.parse().ok());
                let nonce = code.and_then(|which| self.login_at(which)).map(|login| login.nonce.as_str());
                let nonce = if right { nonce } else { Some("another") };
                let claims = json!({"iss": ISSUER, "aud": "gateway", "sub": "alice", "nonce": nonce, "iat": now,
                    "exp": now + 300});
                let id_token = sign(self.key, &header(self.key), claims.to_string().as_bytes());
                json!({"access_token": secret, "token_type": "Bearer", "id_token": id_token, "refresh_token": secret})
            }
            _ => json!({}),
        }
    }
}

impl Browser {
    fn header(&self) -> Vec<u8> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ").into_bytes()
    }
}

fn configured(setup: &Setup) -> Value {
    let mut config = config();
    match setup.affinity {
        Affinity::Hash => {}
        Affinity::Pin => config["affinity"]["mode"] = "pin".into(),
        Affinity::Off => config["affinity"] = json!({"mode": "off"}),
    }
    match setup.upstream {
        Upstream::None => {}
        Upstream::Pass => config["upstream"] = json!({"mode": "pass"}),
        Upstream::Token => {
            config["upstream"] = json!({"mode": "token", "cluster": "airbyte", "client_id": "a",
                "client_secret": {"env": "AIRBYTE_SECRET"}});
        }
    }
    if setup.policy {
        config["access"]["agents"] = json!([{"name": "bot", "claim": "/sub", "equals": "bot", "preset": "sync-operator",
            "connections": [CONNECTION], "budget": 3}]);
        config["access"]["rules"] = json!([{"name": "fresh", "who": {"user": "alice"},
            "what": {"operation": "deleteConnection"}, "then": "step_up", "step_up": {"max_age": "5m"}}]);
    }
    config["shared_data"] = setup.shared_data.into();
    if setup.pseudonyms {
        config["audit"]["pseudonyms"] = json!({"key": {"env": "PSEUDONYM_KEY"}});
    }
    config
}

fn name_of(field: &Field) -> Vec<u8> {
    let name = match field {
        Field::User => "x-airgate-user",
        Field::UserAgain => "X_Airgate_User",
        Field::Role => "x-airgate-role",
        Field::Pin => "x-airgate-pin",
        Field::Affinity => "x-airgate-affinity",
        Field::Airbyte => "x-airbyte-user-id",
        Field::Cookie => "cookie",
        Field::SetCookie => "set-cookie",
        Field::Authorization => "authorization",
        Field::ProxyAuthorization => "proxy-authorization",
        Field::RequestId => "x-request-id",
        Field::CacheControl => "cache-control",
        Field::Status => ":status",
        Field::ContentType => "content-type",
        Field::Origin => "origin",
        Field::Other(text) => return text.0.clone(),
    };
    name.as_bytes().to_vec()
}

/// Another text: one character of it is changed.
fn garbled(mut text: Vec<u8>, place: u16) -> Vec<u8> {
    let at = usize::from(place) % text.len();
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    text
}
