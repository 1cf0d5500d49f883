use std::cell::RefCell;

use serde_json::json;

use super::*;
use crate::host::{Recalled, Version};
use crate::identity::discovery::discovery_endpoint;
use crate::settings;
use crate::testing::test;

/// RFC 8037 appendix A.2.
const JWKS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A host with one place on its shelf and a fixed dice.
#[derive(Default)]
struct OneShelf(RefCell<Option<Vec<u8>>>);

impl Host for OneShelf {
    fn random(&self, bytes: &mut [u8]) -> bool {
        bytes.fill(128);
        true
    }
    fn keep(&self, _: &str, value: &[u8]) {
        *self.0.borrow_mut() = Some(value.to_owned());
    }
    fn recall(&self, _: &str) -> Option<Recalled> {
        self.0.borrow().clone().map(|value| Recalled { value, version: Version(1) })
    }
}

struct Bed {
    store: KeyStore,
    host: OneShelf,
    next: CallIds,
    now: Time,
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const SETTINGS: KeySettings = KeySettings {
    refresh: Duration::from_secs(900),
    stale: Duration::from_secs(3600),
    wait: Duration::from_secs(5),
    timeout: Duration::from_secs(5),
};

impl Bed {
    fn new(jwks_uri: Option<&str>) -> Bed {
        let source = KeySource {
            issuers: vec!["https://idp".into()],
            discovery: discovery_endpoint("https://idp"),
            jwks_uri: jwks_uri.and_then(Endpoint::parse),
            cluster: "idp".into(),
            jwks_cluster: "keys".into(),
        };
        let store = KeyStore::remote(source, SETTINGS, Some("shelf".into()));
        Bed { store, host: OneShelf::default(), next: CallIds::default(), now: Time::from_seconds(1_000_000) }
    }

    fn tick(&mut self) -> Progress {
        self.store.tick(&mut self.next, &self.host, self.now)
    }

    #[track_caller]
    fn call(&mut self) -> Call {
        match self.tick() {
            Progress::Call(call) => call,
            other => panic!("expected a call, found {other:?}"),
        }
    }

    fn answer(&mut self, call: &Call, answer: &Answer) -> Progress {
        self.store.answer(call.id, answer, &mut self.next, &self.host, self.now)
    }

    fn pass(&mut self, span: Duration) -> &mut Bed {
        self.now = self.now.plus(span);
        self
    }
}

fn ok(body: &str) -> Answer {
    Answer::Response { status: 200, body: body.as_bytes().to_vec() }
}

#[test]
fn a_configured_place_needs_no_discovery() {
    let mut bed = Bed::new(Some("https://keys.example/jwks"));
    let call = bed.call();
    assert_eq!(
        (call.cluster.as_str(), call.endpoint.authority.as_str(), call.endpoint.path.as_str()),
        ("keys", "keys.example", "/jwks")
    );
    assert_eq!(bed.answer(&call, &ok(JWKS)), Progress::Fresh);
    assert_eq!(bed.tick(), Progress::None);
}

#[test]
fn no_answer_of_any_kind_costs_the_keys_we_have() {
    let faults = [
        Answer::Failed,
        Answer::TooLarge,
        Answer::Response { status: 500, body: JWKS.into() },
        Answer::Response { status: 302, body: JWKS.into() },
        Answer::Response { status: 204, body: Vec::new() },
        ok(""),
        ok("<html>"),
        ok("{}"),
        ok(r#"{"keys":[]}"#),
        ok(&JWKS[..60]),
        ok("\u{1f}\u{8b}gzip"),
    ];
    for fault in faults {
        let mut bed = Bed::new(Some("https://keys.example/jwks"));
        let call = bed.call();
        bed.answer(&call, &ok(JWKS));
        let call = bed.pass(seconds(900)).call();
        assert!(matches!(bed.answer(&call, &fault), Progress::Failed(_)), "{fault:?}");
        assert!(bed.store.is_ready(bed.now), "{fault:?}");
        bed.pass(seconds(2700));
        assert!(bed.store.is_ready(bed.now), "kept for a stated time");
        bed.pass(Duration::from_millis(1));
        assert!(!bed.store.is_ready(bed.now), "and no longer");
    }
}

#[test]
fn failures_are_spaced_out_and_start_with_discovery_again() {
    let mut bed = Bed::new(None);
    // The dice says half: each wait is its full length less a quarter.
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        let call = bed.call();
        assert_eq!(call.cluster, "idp");
        assert!(matches!(bed.answer(&call, &Answer::Failed), Progress::Failed(_)));
        let wait = seconds(expected) * 3 / 4;
        bed.pass(wait - Duration::from_millis(20));
        assert_eq!(bed.tick(), Progress::None, "before {wait:?}");
        bed.pass(Duration::from_millis(21));
    }
}

#[test]
fn who_needs_keys_of_a_provider_that_failed_is_told_when_it_is_asked_again() {
    let mut bed = Bed::new(None);
    for _ in 0..5 {
        let call = bed.call();
        bed.answer(&call, &Answer::Failed);
        bed.now = bed.store.due;
    }
    let call = bed.call();
    bed.answer(&call, &Answer::Failed);
    let due = bed.store.due;
    assert_eq!(due.since(bed.now), seconds(24), "six failures");
    let rest = due.since(bed.pass(seconds(11)).now);
    assert_eq!(bed.store.outlook(bed.now), Outlook::Unavailable(rest), "the last try is not recent any more");
    assert_eq!(bed.tick(), Progress::None, "who asks brings nothing forward");
    bed.now = due;
    assert_eq!(bed.store.outlook(bed.now), Outlook::Wait, "it is asked now");
    bed.call();
}

#[test]
fn keys_are_not_to_be_too_old_before_they_are_due() {
    let mistakes = |keys: Value| {
        let read = |section: &Section<'_>| Some(KeySettings::read(section));
        let provider = json!({ "keys": keys });
        settings::read(&provider, &|_| None, read).err().map(|found| found[0].path().to_owned())
    };
    for (keys, place) in [
        (json!({"refresh": "1h", "stale": "59m"}), Some("keys.stale")),
        (json!({"refresh": "1h", "stale": "60m"}), None),
        (json!({"refresh": "1h", "stale": "30d"}), None),
        (json!({"refresh": "1h", "stale": "721h"}), Some("keys.stale")),
    ] {
        assert_eq!(mistakes(keys.clone()).as_deref(), place, "{keys}");
    }
}

#[test]
fn an_answer_that_never_comes_is_given_up() {
    let mut bed = Bed::new(None);
    let lost = bed.call();
    assert_eq!(bed.pass(seconds(10)).tick(), Progress::None);
    assert_eq!(bed.pass(seconds(1)).tick(), Progress::Failed(ProviderFault::Unreachable));
    let call = bed.pass(seconds(2)).call();
    assert_eq!(bed.answer(&lost, &ok(JWKS)), Progress::None, "too late");
    assert_ne!(call.id, lost.id);
}

#[test]
fn a_key_that_is_unknown_is_looked_for_once_in_ten_seconds() {
    let mut bed = Bed::new(Some("https://keys.example/jwks"));
    assert_eq!(bed.store.outlook(bed.now), Outlook::Wait);
    let call = bed.call();
    bed.answer(&call, &ok(JWKS));
    assert_eq!(bed.store.outlook(bed.now), Outlook::Final);
    bed.pass(Duration::from_millis(9_999));
    assert_eq!(bed.store.outlook(bed.now), Outlook::Final);
    bed.pass(Duration::from_millis(1));
    assert_eq!(bed.store.outlook(bed.now), Outlook::Wait);
    let call = bed.call();
    assert_eq!(bed.store.outlook(bed.now), Outlook::Wait, "it is on its way");
    bed.answer(&call, &Answer::Failed);
    assert!(matches!(bed.store.outlook(bed.now), Outlook::Unavailable(_)), "nobody knows, so nobody says no");
}

#[test]
fn a_token_from_the_providers_own_hand_is_worth_one_fetch_at_any_time() {
    let mut bed = Bed::new(Some("https://keys.example/jwks"));
    let call = bed.call();
    bed.answer(&call, &ok(JWKS));
    let handed = bed.pass(seconds(1)).now;
    assert_eq!(bed.store.outlook(bed.now), Outlook::Final, "a stranger's is worth none yet");
    assert_eq!(bed.tick(), Progress::None);
    assert_eq!(bed.store.outlook_in_person(handed, bed.now), Outlook::Wait);
    let call = bed.call();
    assert_eq!(bed.store.outlook_in_person(handed, bed.now), Outlook::Wait, "it is on its way");
    bed.answer(&call, &ok(JWKS));
    assert_eq!(bed.store.outlook_in_person(handed, bed.now), Outlook::Final, "once, and not again");
    assert_eq!(bed.tick(), Progress::None);

    let mut inline = KeyStore::inline(KeySet::parse(JWKS.as_bytes()).unwrap(), SETTINGS);
    assert_eq!(inline.outlook_in_person(handed, bed.now), Outlook::Final, "there is nobody to ask");
}

#[test]
fn what_another_worker_fetched_is_not_fetched_again() {
    let mut first = Bed::new(Some("https://keys.example/jwks"));
    let call = first.call();
    first.answer(&call, &ok(JWKS));
    let kept = first.host.0.take();

    let mut second = Bed::new(Some("https://keys.example/jwks"));
    second.host.0.replace(kept.clone());
    second.pass(seconds(60));
    assert_eq!(second.tick(), Progress::Fresh);
    assert_eq!(second.tick(), Progress::None);
    // The refresh counts from the fetch, not from the adoption.
    let call = second.pass(seconds(840)).call();
    assert_eq!(call.endpoint.path, "/jwks", "what the first never discovered changes no place");

    let mut just = Bed::new(Some("https://keys.example/jwks"));
    just.host.0.replace(kept.clone());
    assert_eq!(just.pass(seconds(3600)).tick(), Progress::Fresh);

    let mut late = Bed::new(Some("https://keys.example/jwks"));
    late.host.0.replace(kept.clone());
    late.pass(seconds(3601)).call();

    let mut early = Bed::new(Some("https://keys.example/jwks"));
    early.host.0.replace(kept);
    early.now = Time::from_seconds(999_999);
    early.call();
}

#[test]
fn a_shelf_full_of_rubbish_is_no_shelf() {
    for rubbish in ["", "{}", "null", r#"{"fetched":-1,"jwks":"x"}"#, r#"{"fetched":999999000,"jwks":"x"}"#] {
        let mut bed = Bed::new(None);
        bed.host.0.replace(Some(rubbish.into()));
        bed.call();
    }
}

#[test]
fn a_large_key_set_is_used_but_not_kept() {
    let mut bed = Bed::new(Some("https://keys.example/jwks"));
    let call = bed.call();
    let large = JWKS.replacen('{', &format!("{{\"x\":\"{}\",", "y".repeat(70_000)), 1);
    assert_eq!(bed.answer(&call, &ok(&large)), Progress::Fresh);
    assert!(bed.host.0.borrow().is_none());
}

#[test]
fn inline_keys_never_age_and_never_call() {
    let mut store = KeyStore::inline(KeySet::parse(JWKS.as_bytes()).unwrap(), SETTINGS);
    let now = Time::from_seconds(u64::MAX);
    assert!(store.is_ready(now));
    assert_eq!(store.tick(&mut CallIds::default(), &OneShelf::default(), now), Progress::None);
    assert_eq!(store.outlook(now), Outlook::Final);
}
