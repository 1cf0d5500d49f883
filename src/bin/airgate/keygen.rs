//! `airgate keygen`: keys for the gateway, and for break-glass tokens.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use airgate::identity::PrivateKey;
use clap::ValueEnum;
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use serde_json::{Value, json};

use crate::check::now_seconds;
use crate::console::{self, Failure};

/// Make a key: for session.keys and affinity.keys, or a pair that signs.
#[derive(clap::Args)]
#[command(after_help = "\
Without --signing the key goes to the standard output, alone, and the line for the configuration to the standard error.

With --signing the private key goes into a new file that only you can read, and the public one to the standard output,
as `jwks` of a provider. The file - is the standard output, and the public key then goes to the standard error.

Examples:
  airgate keygen
  export AIRGATE_SESSION_KEY=$(airgate keygen)
  airgate keygen --env AIRGATE_SESSION_KEY_2 >> gateway.env
  airgate keygen --signing break-glass.jwk")]
pub struct Args {
    /// Print NAME=key, for an environment file
    #[arg(long, value_name = "NAME", conflicts_with = "signing")]
    env: Option<String>,
    /// Make a pair of keys that signs, and write the private one to this file
    #[arg(long, value_name = "FILE")]
    signing: Option<PathBuf>,
    /// What the pair signs with
    #[arg(long, value_enum, default_value_t = Algorithm::EdDSA, requires = "signing")]
    algorithm: Algorithm,
    /// The key's id; today's date unless given
    #[arg(long)]
    id: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    #[value(name = "EdDSA")]
    EdDSA,
    #[value(name = "ES256")]
    ES256,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let id = args.id.clone().unwrap_or_else(today);
    if !(1..=32).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(Failure::new("--id: expected at most 32 letters, digits, dots, underscores or dashes"));
    }
    match &args.signing {
        Some(file) => pair(args.algorithm, &id, file)?,
        None => sealing(&id, args.env.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn sealing(id: &str, variable: Option<&str>) -> Result<(), Failure> {
    let key = encode(&random::<32>()?);
    match variable {
        Some(name) => console::print(&format!("{name}={key}\n"))?,
        None => console::print(&format!("{key}\n"))?,
    }
    let name = variable.unwrap_or("AIRGATE_SESSION_KEY");
    console::note(
        "for session.keys or affinity.keys; the first seals, so a new key goes to the end first, everywhere:",
    );
    console::note(&format!("- {{id: \"{id}\", secret: {{env: {name}}}}}"));
    Ok(())
}

fn pair(algorithm: Algorithm, id: &str, file: &Path) -> Result<(), Failure> {
    let (private, public) = make(algorithm, id)?;
    let public = format!("jwks: {}\n", json!({"keys": [public]}));
    if file == Path::new("-") {
        console::print(&format!("{private}\n"))?;
        console::note(public.trim_end());
        return Ok(());
    }
    write_secret(file, &format!("{private}\n"))?;
    console::note(&format!("the private key is in {}; the public one is for a provider:", file.display()));
    console::print(&public)
}

/// A private JWK and its public half.
fn make(algorithm: Algorithm, id: &str) -> Result<(Value, Value), Failure> {
    let d = encode(&random::<32>()?);
    let private = match algorithm {
        Algorithm::EdDSA => json!({"kty": "OKP", "crv": "Ed25519", "d": d, "kid": id}),
        Algorithm::ES256 => json!({"kty": "EC", "crv": "P-256", "d": d, "kid": id}),
    };
    // Of 2^256 numbers some 2^224 are no key of P-256.
    let key = PrivateKey::read(&private.to_string()).map_err(Failure::new)?;
    let public = key.public().ok_or_else(|| Failure::new("the key cannot be written down"))?;
    let members = public.as_object().into_iter().flatten().chain(private.as_object().into_iter().flatten());
    let private = Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect());
    Ok((private, public))
}

/// Never over a file that is there: it may be the key that is in use.
fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(failed)?.write_all(text.as_bytes()).map_err(failed)
}

/// Random bytes of the system.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Failure> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

pub fn encode(bytes: &[u8]) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap_or_default()
}

fn today() -> String {
    let moment = UNIX_EPOCH.checked_add(Duration::from_secs(now_seconds())).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(moment).to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_signs_with_its_private_half_only() {
        for (algorithm, name) in [(Algorithm::EdDSA, "EdDSA"), (Algorithm::ES256, "ES256")] {
            let (private, public) = make(algorithm, "a").unwrap();
            assert!(PrivateKey::read(&private.to_string()).is_ok());
            assert_eq!((&public["alg"], &public["kid"], &public["use"]), (&name.into(), &"a".into(), &"sig".into()));
            assert!(public.get("d").is_none() && private.get("d").is_some());
            assert!(PrivateKey::read(&public.to_string()).is_err());
            assert_ne!(make(algorithm, "a").unwrap().1, public);
        }
    }
}
