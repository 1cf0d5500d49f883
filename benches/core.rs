//! The core alone, native: where a request's time goes without any proxy.
//!
//! `cargo bench` prints them all, `cargo bench -- token` some.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark that panics has failed, as it should"
)]

use airgate::access::Operations;
use airgate::config::Settings;
use airgate::gateway::{Gateway, Step, StreamId};
use airgate::host::Host;
use airgate::http::{Headers, Request, Target};
use airgate::seal::KeyRing;
use airgate::time::Time;
use divan::{Bencher, black_box};
use jwt_simple::prelude::{A256KWKey, Claims, ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike};
use serde_json::{Value, json};

const PATH: &str = "/api/public/v1/connections/0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30";
const NOW: u64 = 1_790_000_000;
/// More tokens than divan takes samples, so that none comes again.
const NEVER_SEEN: usize = 1000;

/// Beside each time stands how often memory was asked for.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench]
fn path_reading() -> Target {
    Target::parse(black_box(PATH.as_bytes())).unwrap()
}

#[divan::bench]
fn request_head(bencher: Bencher<'_, '_>) {
    let headers = || headers("a.token.of-no-use");
    bencher.with_inputs(headers).bench_values(|headers| Request::new(headers).unwrap());
}

#[divan::bench]
fn operation_match(bencher: Bencher<'_, '_>) {
    let operations = Operations::builtin();
    bencher.bench_local(|| operations.find(black_box("GET"), black_box(PATH)).is_some());
}

/// The whole way of a request whose token was checked before, past a policy of
/// so many rules, all of them about others.
#[divan::bench(args = [0, 10, 1000])]
fn token_known(bencher: Bencher<'_, '_>, rules: usize) {
    let mut desk = Desk::new(rules);
    let token = desk.keys.token("EdDSA", "alice");
    desk.ask(headers(&token));
    bencher.with_inputs(|| headers(&token)).bench_local_values(|headers| desk.ask(headers));
}

/// The same where the token has to be checked first, in software.
#[divan::bench(args = ["EdDSA", "ES256"], sample_size = 1)]
fn token_never_seen(bencher: Bencher<'_, '_>, algorithm: &str) {
    let mut desk = Desk::new(0);
    let tokens: Vec<String> =
        (0..NEVER_SEEN).map(|number| desk.keys.token(algorithm, &format!("user-{number}"))).collect();
    let mut tokens = tokens.iter().cycle();
    bencher.with_inputs(|| headers(tokens.next().unwrap())).bench_local_values(|headers| desk.ask(headers));
}

#[divan::bench]
fn seal(bencher: Bencher<'_, '_>) {
    let (keys, contents) = (key_ring(), contents());
    bencher.bench_local(|| keys.seal("session", black_box(&contents), tomorrow()).unwrap());
}

#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let keys = key_ring();
    let sealed = keys.seal("session", &contents(), tomorrow()).unwrap();
    bencher.bench_local(|| keys.open::<Value>("session", black_box(sealed.as_bytes()), now()).unwrap());
}

/// A gateway, and the keys of the provider that it trusts.
struct Desk {
    gateway: Gateway,
    keys: Keys,
}

impl Desk {
    fn new(rules: usize) -> Desk {
        let keys = Keys {
            ed25519: Ed25519KeyPair::generate().with_key_id("EdDSA"),
            es256: ES256KeyPair::generate().with_key_id("ES256"),
        };
        let mut config = json!({
            "external_url": "https://airbyte.example.com",
            "providers": [
                {"name": "bench", "issuer": "https://issuer.example.com", "audiences": ["airbyte"], "jwks": keys.jwks()},
            ],
            "access": {"default_role": "none", "roles": [{"role": "admin", "group": "airbyte-admins"}]},
        });
        if rules > 0 {
            config["access"]["rules"] = (0..rules).map(rule).collect();
        }
        let settings = Settings::read(&config, &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        Desk { gateway: Gateway::new(settings, &NoHost), keys }
    }

    fn ask(&mut self, headers: Headers) -> Step {
        let step = self.gateway.on_request(StreamId(1), headers, true, &NoHost, now());
        assert!(matches!(step, Step::Forward(_)), "{step:?}");
        step
    }
}

struct Keys {
    ed25519: Ed25519KeyPair,
    es256: ES256KeyPair,
}

impl Keys {
    fn jwks(&self) -> Value {
        let texts = [self.ed25519.public_key().to_jwk(), self.es256.public_key().to_jwk()];
        json!({"keys": texts.map(|text| serde_json::from_str::<Value>(&text).unwrap())})
    }

    fn token(&self, algorithm: &str, user: &str) -> String {
        let more = json!({"email": "alice@example.com", "name": "Alice Liddell", "groups": ["airbyte-admins", "data"], "azp": "cli"});
        let mut claims = Claims::with_custom_claims(more, jwt_simple::prelude::Duration::from_hours(1))
            .with_issuer("https://issuer.example.com")
            .with_audience("airbyte")
            .with_subject(user);
        claims.issued_at = Some(jwt_simple::prelude::Duration::from_secs(NOW));
        claims.invalid_before = None;
        claims.expires_at = Some(jwt_simple::prelude::Duration::from_secs(NOW + 3600));
        match algorithm {
            "ES256" => self.es256.sign(claims),
            _ => self.ed25519.sign(claims),
        }
        .unwrap()
    }
}

/// One that can do nothing but draw: signatures are checked in software.
struct NoHost;

impl Host for NoHost {
    fn random(&self, bytes: &mut [u8]) -> bool {
        bytes.fill(7);
        true
    }
}

/// One of many rules that are about others; as in candidates.py.
fn rule(number: usize) -> Value {
    let who = match number % 4 {
        0 => json!({"client": format!("ci-{number}-*"), "provider": "bench"}),
        1 => json!({"group": format!("team-{number}"), "provider": "bench"}),
        2 => json!({"user": format!("somebody-{number}"), "provider": "bench"}),
        _ => json!({"claim": "/department", "equals": format!("department-{number}"), "provider": "bench"}),
    };
    let what = match number / 4 % 4 {
        0 => json!({"operation": "get*"}),
        1 => json!({"tag": "connections"}),
        2 => json!({"effect": "reads"}),
        _ => json!({"path": "/api/**"}),
    };
    json!({"name": format!("rule-{number}"), "who": who, "what": what, "then": "deny"})
}

fn headers(token: &str) -> Headers {
    let authorization = format!("Bearer {token}");
    Headers::from_pairs([
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "airbyte.example.com"),
        (":path", PATH),
        ("accept", "application/json"),
        ("user-agent", "bench"),
        ("cookie", "theme=dark"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "8b2c2a52-6a5e-4d0c-8a8b-0d2f6f9f1c11"),
        ("authorization", &authorization),
    ])
}

/// As much as a session holds.
fn contents() -> Value {
    json!({
        "sub": "alice",
        "claims": {"sub": "alice", "email": "alice@example.com", "name": "Alice Liddell", "groups": ["airbyte-admins"]},
        "refresh_token": "r".repeat(43),
        "since": NOW,
    })
}

fn key_ring() -> KeyRing {
    KeyRing::new("https://airbyte.example.com", vec![A256KWKey::from_bytes(&[7; 32]).unwrap().with_key_id("k1")])
}

fn now() -> Time {
    Time::from_seconds(NOW)
}

fn tomorrow() -> Time {
    Time::from_seconds(NOW + 86_400)
}
