//! `airgate grant`: a token for when the identity provider is down.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use airgate::identity::PrivateKey;
use serde_json::{Value, json};

use crate::check::now_seconds;
use crate::console::{self, Failure};
use crate::keygen::{encode, random};

/// Longer ones are what identity providers are for.
const LONGEST: Duration = Duration::from_secs(3600);

/// Make a short-lived token with a key from the safe (break-glass).
#[derive(clap::Args)]
#[command(after_help = "\
The token goes to the standard output, alone; what it is goes to the standard error. It is for a provider whose `jwks`
holds the public half of the key: docs/break-glass.md has the drill. Besides the claims named here it has iat, exp, jti,
client_id (airgate-grant), break_glass (true) and reason.

Examples:
  airgate keygen --signing break-glass.jwk
  airgate grant --key break-glass.jwk --issuer https://break-glass.example.com --audience airbyte \\
    --subject ana@example.com --reason \"Keycloak is down, sync 4711 must stop\" --for 15m > token
  curl -H \"Authorization: Bearer $(cat token)\" https://airbyte.example.com/.airgate/me")]
pub struct Args {
    /// The private key, a JWK made by `airgate keygen --signing`; - is the standard input
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The provider's issuer
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// One of the provider's audiences
    #[arg(long)]
    audience: String,
    /// Who will use it
    #[arg(long)]
    subject: String,
    /// Their e-mail address, as one that is verified
    #[arg(long)]
    email: Option<String>,
    /// A group that they are in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Why it is needed, for the record
    #[arg(long)]
    reason: String,
    /// How long it is good, at most 1h
    #[arg(long = "for", value_name = "DURATION", default_value = "15m", value_parser = span)]
    span: Duration,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    for (name, text) in [("--subject", &args.subject), ("--reason", &args.reason), ("--audience", &args.audience)] {
        if text.trim().is_empty() || text.len() > 200 || text.contains(char::is_control) {
            return Err(Failure::new(format!("{name}: expected one line of at most 200 bytes")));
        }
    }
    let key = read_key(args)?;
    let claims = claims(args, now_seconds(), &encode(&random::<16>()?));
    let token = key.sign(&claims).ok_or_else(|| Failure::new("the token cannot be signed"))?;
    announce(args, &claims);
    console::print(&format!("{token}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn read_key(args: &Args) -> Result<PrivateKey, Failure> {
    let name = args.key.display();
    #[cfg(unix)]
    if let Ok(found) = std::fs::metadata(&args.key)
        && found.is_file()
        && std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0
    {
        console::note(&format!("airgate: {name}: others can read this key too; chmod 600 it, and think of who did"));
    }
    let text = console::read(&args.key)?;
    // The core knows private keys as variables.
    PrivateKey::read(&text)
        .map_err(|fault| Failure::new(format!("{name}: {}", fault.replace("the variable", "the file"))))
}

fn claims(args: &Args, now: u64, jti: &str) -> Value {
    let mut claims = json!({
        "iss": args.issuer,
        "aud": args.audience,
        "sub": args.subject,
        "iat": now,
        "exp": now.saturating_add(args.span.as_secs()),
        "jti": jti,
        "client_id": "airgate-grant",
        "break_glass": true,
        "reason": args.reason,
    });
    if let Some(members) = claims.as_object_mut() {
        if let Some(email) = &args.email {
            members.insert("email".to_owned(), email.as_str().into());
            members.insert("email_verified".to_owned(), true.into());
        }
        if !args.groups.is_empty() {
            members.insert("groups".to_owned(), args.groups.clone().into());
        }
    }
    claims
}

fn announce(args: &Args, claims: &Value) {
    let end = claims["exp"].as_u64().and_then(|end| UNIX_EPOCH.checked_add(Duration::from_secs(end)));
    let end = end.map(|end| humantime::format_rfc3339_seconds(end).to_string()).unwrap_or_default();
    console::note("*** BREAK-GLASS TOKEN ***");
    console::note(&format!("for:     {}, until {end} ({})", args.subject, humantime::format_duration(args.span)));
    console::note(&format!("reason:  {}", args.reason));
    console::note(&format!("jti:     {}", claims["jti"].as_str().unwrap_or_default()));
    console::note("Whoever has it is this person, and nothing revokes it but taking the provider out. Every request");
    console::note("with it is in the gateway's record. Tell the others now, and change the key afterwards.");
}

fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|_| "expected a duration such as 15m")?;
    match span >= Duration::from_secs(1) && span <= LONGEST {
        true => Ok(Duration::from_secs(span.as_secs())),
        false => Err("expected at least 1s and at most 1h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_the_longest() {
        assert_eq!(span("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(span("1h"), Ok(LONGEST));
        for text in ["61m", "0s", "999ms", "soon", "-1m", ""] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
