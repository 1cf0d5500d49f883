//! `airgate explain`: what would become of one request, and why.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use airgate::caller::{Auth, Caller, Groups};
use airgate::gateway::{Asker, Explained, Inquiry, Step};
use airgate::http::Edit;
use airgate::identity::TokenFault;
use airgate::json;
use airgate::time::Time;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::console::{self, Failure};
use crate::desk::{self, Desk, DeskHost};
use crate::story::Story;

/// Explain what would become of a request: each step of the decision.
#[derive(clap::Args)]
#[command(after_help = "\
The decision is made by the code of the filter. Who asks is told by --claims (what is in the token) or --token (the token
itself; its signature is checked with the configuration's inline jwks or --jwks, and without a key for it that is said).
Without either nobody knows who asks.

With --auth session the request is one of the web app's own pages, unless --header says where it comes from.

Exit codes: 0 it would go on, or the gateway answers it itself; 1 it would be refused; 2 the command could not tell.

Examples:
  airgate explain airgate.yaml --method POST --path /api/v1/connections/sync --claims ana.json --body sync.json
  airgate explain envoy.yaml --path '/api/public/v1/jobs?limit=5' --token token.txt --jwks keys.json --json
  airgate explain airgate.yaml --path / --claims ana.json --auth session --now 2026-12-31T23:59:59Z")]
pub struct Args {
    /// The configuration, as `check` takes it
    config: PathBuf,
    /// The method
    #[arg(long, default_value = "GET")]
    method: String,
    /// Path and query
    #[arg(long)]
    path: String,
    /// A header; may be repeated
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The claims of whoever asks: a file with a JSON object
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    claims: Option<PathBuf>,
    /// The token of whoever asks
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// The keys of the token's provider: a file with a JWK set
    #[arg(long, value_name = "FILE", requires = "token")]
    jwks: Option<PathBuf>,
    /// The provider that vouches for them; needed where their claims have no `iss` and there are several
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// How they are known
    #[arg(long, value_enum, default_value_t = Known::Bearer)]
    auth: Known,
    /// The body
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The moment of asking, RFC 3339; now unless given
    #[arg(long, value_name = "MOMENT")]
    now: Option<String>,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Known {
    Bearer,
    Session,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut desk = Desk::open(&args.config)?;
    let now = desk::moment(args.now.as_deref())?;
    let body = args.body.as_ref().map(|path| console::read_bytes(path)).transpose()?;
    let mut story = Story::default();
    let ending = match who(args, &mut desk, &mut story, now)? {
        Err(fault) => Ending::of_token(fault),
        Ok(sender) => {
            let headers = desk::headers(&desk.authority(), &args.method, &args.path, &sent(args));
            let known = sender.is_some();
            let inquiry = Inquiry { headers, body: body.clone().unwrap_or_default(), sender };
            let explained = desk.gateway.explain(inquiry, &mut story, &DeskHost, now);
            if explained.reads_body {
                let text =
                    if body.is_some() { "is looked into" } else { "would be looked into, and none is given (--body)" };
                story.tell("body", text, json!({"given": body.is_some()}));
            }
            Ending::of(explained, known)
        }
    };
    let request = format!("{} {}", args.method, args.path);
    console::print(&if args.json { ending.json(&request, &story) } else { ending.text(&request, &story) })?;
    Ok(if ending.decision == "deny" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The headers of the request, with those that a client of Airbyte sends unless
/// others are given: the type of a body, and a browser's origin.
fn sent(args: &Args) -> Vec<(String, String)> {
    let mut headers = args.headers.clone();
    let says = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if args.auth == Known::Session && !says("sec-fetch-site") && !says("origin") {
        headers.push(("sec-fetch-site".to_owned(), "same-origin".to_owned()));
    }
    if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers
}

type Sender = Option<(Rc<Caller>, Auth)>;

/// Who asks; the inner error is why the gateway would not believe it.
fn who(args: &Args, desk: &mut Desk, story: &mut Story, now: Time) -> Result<Result<Sender, TokenFault>, Failure> {
    let auth = if args.auth == Known::Bearer { Auth::Bearer } else { Auth::Session };
    let caller = match (&args.claims, &args.token) {
        (Some(path), _) => {
            let claims = object(&console::read_bytes(path)?, path)?;
            let found = desk.gateway.caller_of_claims(args.provider.as_deref(), &claims, now);
            match found.ok_or_else(|| no_provider(desk))? {
                Ok(caller) => Rc::new(caller),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        (None, Some(path)) => {
            let text = console::read(path)?;
            let token = text.trim().trim_start_matches("Bearer ").as_bytes();
            let mut asker = desk.gateway.asker_of_token(token, &DeskHost, now);
            if let (Ok(Asker::Unverified(caller)), Some(jwks)) = (&asker, &args.jwks) {
                pin(desk, &caller.provider, jwks)?;
                asker = desk.gateway.asker_of_token(token, &DeskHost, now);
            }
            match asker {
                Ok(Asker::Verified(caller)) => {
                    story.tell("signature", "good", json!({"checked": true}));
                    caller
                }
                Ok(Asker::Unverified(caller)) => {
                    let text =
                        "NOT CHECKED: the configuration has no key for it (--jwks); what follows believes the token";
                    story.tell("signature", text, json!({"checked": false}));
                    caller
                }
                Err(fault) => return Ok(Err(fault)),
            }
        }
        (None, None) => {
            story.tell("caller", "nobody knows", json!({"known": false}));
            return Ok(Ok(None));
        }
    };
    introduce(&caller, auth, story);
    Ok(Ok(Some((caller, auth))))
}

/// Gives the keys to the provider that the token names.
fn pin(desk: &mut Desk, provider: &str, path: &Path) -> Result<(), Failure> {
    let fault = |text: String| Failure::new(format!("{}: {text}", path.display()));
    let keys = json::parse(&console::read_bytes(path)?).map_err(|error| fault(format!("no valid JSON: {error}")))?;
    desk.gateway.pin_keys(provider, &keys).map_err(|error| fault(error.to_string()))
}

fn no_provider(desk: &Desk) -> Failure {
    let names = desk.gateway.providers().join(", ");
    Failure::new(format!("which provider do the claims come from? Give --provider, one of: {names}"))
}

fn object(text: &[u8], path: &Path) -> Result<Map<String, Value>, Failure> {
    match json::parse(text) {
        Ok(Value::Object(claims)) => Ok(claims),
        _ => Err(Failure::new(format!("{}: expected one JSON object", path.display()))),
    }
}

fn introduce(caller: &Caller, auth: Auth, story: &mut Story) {
    let client = caller.client.as_ref().map(|client| format!(", client {client}")).unwrap_or_default();
    let text = format!("{} of provider {}{client}, known by {}", caller.user, caller.provider, auth.name());
    let fields = json!({
        "provider": caller.provider, "subject": caller.subject, "user": caller.user, "email": caller.email,
        "email_verified": caller.email_verified, "client": caller.client, "auth": auth.name(),
    });
    story.tell("caller", text, fields);
    match &caller.groups {
        Groups::Known(list) if list.is_empty() => {}
        Groups::Known(list) => story.tell("groups", list.join(", "), json!({"groups": list})),
        Groups::Absent => story.tell("groups", "the claims say nothing of groups", json!({"groups": null})),
        Groups::Unknown => {
            story.tell("groups", "not known: the claims only point to them", json!({"groups": "unknown"}))
        }
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME:VALUE")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// How it would end.
pub struct Ending {
    /// `allow`, `deny` or `answer`, as in the record.
    pub decision: &'static str,
    pub reason: String,
    pub status: Option<u16>,
    pub message: Option<String>,
    /// What Airbyte, and the proxy's routes, would see.
    pub headers: Vec<(String, String)>,
}

impl Ending {
    /// `known`: somebody asks whom the gateway knows. Its own addresses look for
    /// credentials themselves, and here are none.
    pub fn of(explained: Explained, known: bool) -> Ending {
        match explained.step {
            Step::Reply { reason: "no_credentials", .. } if explained.is_own && known => Ending::answer("own_address"),
            Step::Forward(forward) => Ending {
                decision: "allow",
                reason: forward.exchange.permit().reason().reason().to_owned(),
                status: None,
                message: None,
                headers: forward.edits.iter().filter_map(told).collect(),
            },
            Step::Reply { reply, reason, .. } => {
                let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
                let message = body.as_ref().and_then(|body| body.get("message")).and_then(Value::as_str);
                Ending {
                    decision: if reply.status >= 400 { "deny" } else { "answer" },
                    reason: reason.to_owned(),
                    status: Some(reply.status),
                    message: message.map(str::to_owned),
                    headers: Vec::new(),
                }
            }
            Step::Await | Step::Read { .. } if explained.is_own => Ending::answer("own_address"),
            Step::Await | Step::Read { .. } => Ending::answer("login_started"),
        }
    }

    fn answer(reason: &str) -> Ending {
        Ending { decision: "answer", reason: reason.to_owned(), status: None, message: None, headers: Vec::new() }
    }

    fn of_token(fault: TokenFault) -> Ending {
        Ending {
            decision: "deny",
            reason: fault.reason().to_owned(),
            status: Some(401),
            message: Some(fault.description().to_owned()),
            headers: Vec::new(),
        }
    }

    fn text(&self, request: &str, story: &Story) -> String {
        let mut text = format!("{request}\n");
        for step in story.steps() {
            text.push_str(&format!("  {:<11} {}\n", step.about, step.text));
        }
        let what = match self.decision {
            "allow" => format!("goes on to Airbyte ({})", self.reason),
            "deny" => format!("refused ({})", self.reason),
            _ => format!("answered by the gateway itself ({})", self.reason),
        };
        let status = self.status.map(|status| format!(" with {status}")).unwrap_or_default();
        text.push_str(&format!("{what}{status}\n"));
        text.extend(self.message.iter().map(|message| format!("  {message}\n")));
        for (name, value) in &self.headers {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        text
    }

    fn json(&self, request: &str, story: &Story) -> String {
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let value = json!({
            "request": request, "steps": story.json(), "decision": self.decision, "reason": self.reason,
            "status": self.status, "message": self.message, "headers": headers,
        });
        format!("{value:#}\n")
    }
}

/// What an edit tells Airbyte or the proxy's routes, but for what differs each
/// time, what is the proxy's, and the gateway's own token.
fn told(edit: Edit<'_>) -> Option<(String, String)> {
    const HIDDEN: [&str; 7] = [
        "authorization",
        "cookie",
        "x-airgate-affinity",
        "x-airgate-pin",
        "x-airgate-request-id",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    let (Edit::Set(name, value) | Edit::Add(name, value)) = edit else {
        return None;
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let hidden = HIDDEN.iter().any(|hidden| hidden.as_bytes() == name);
    (!hidden).then(|| (text(name), text(value)))
}
