use super::*;
use crate::caller::Groups;
use crate::testing::test;

/// A small generator (Knuth's MMIX), so that every run throws the same dice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

const POINTERS: [&str; 16] = [
    "/sub",
    "/email",
    "/email_verified",
    "/name",
    "/groups",
    "/azp",
    "/client_id",
    "/realm_access",
    "/realm_access/roles",
    "/realm_access/roles/0",
    "/realm_access/deep/x",
    "/realm_access/deep",
    "/amr/0",
    "/https:~1~1x/a~0b",
    "/cid",
    "/_claim_names/groups",
];

const NAMES: [&str; 18] = [
    "sub",
    "email",
    "email_verified",
    "name",
    "groups",
    "azp",
    "client_id",
    "realm_access",
    "amr",
    "https://x/",
    "cid",
    "appid",
    "_claim_names",
    "hasgroups",
    "groups:src1",
    "realm_access:src9",
    "unused",
    "https://x",
];

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!("true"),
        json!("alice"),
        json!("a@example.com"),
        json!(""),
        json!(" x"),
        json!(7),
        json!([]),
        json!(["a", "b"]),
        json!([["a"], {"x": 1}]),
        json!({"groups": "src1"}),
        json!({"roles": ["a", "b"], "other": "o", "deep": {"x": ["a"], "y": 1}}),
        json!({"roles": "a", "deep": null}),
        json!({"roles": {"0": "a"}, "deep": {"x": "alice"}, "a~b": "carol"}),
        json!({"a~b": 1, "realm_access": null}),
    ]
}

#[test]
fn the_caller_is_the_same_from_all_claims_and_from_the_slim_ones() {
    let mut dice = Dice(1);
    let values = values();
    let (mut good, mut smaller, mut required) = (0, 0, 0);
    for round in 0..4000 {
        let names = ["user", "email", "email_verified", "name", "groups", "client"].map(|name| (name, dice.below(3)));
        let names: Map<String, Value> = names
            .into_iter()
            .filter(|(_, written)| *written == 0)
            .map(|(name, _)| (name.to_owned(), dice.one_of(&POINTERS).into()))
            .collect();
        let mut settings = json!({"claims": names});
        if dice.below(3) == 0 {
            settings["required_claims"] = json!({dice.one_of(&POINTERS): ["a", "alice", true, ["a", "b"]]});
        }
        let provider = provider(settings.clone()).unwrap();
        let own = [dice.one_of(&POINTERS), dice.one_of(&POINTERS)];
        let sessions = with(&[1], json!({"claims": own}));
        let rule = Pointer::parse(dice.one_of(&POINTERS)).unwrap();

        let mut all = json!({"sub": "alice"}).as_object().unwrap().clone();
        for _ in 0..dice.below(12) {
            all.insert(dice.one_of(&NAMES).to_owned(), dice.one_of(&values));
        }
        let slim = sessions.slim(&provider, std::slice::from_ref(&rule), &all);
        let story = format!("round {round}: {settings} {own:?} {rule:?} {}", Value::Object(all.clone()));

        let caller = |claims| {
            provider.caller(claims, at(5)).map(|caller| crate::caller::Caller { claims: Map::new(), ..caller })
        };
        assert_eq!(caller(&slim), caller(&all), "{story}");
        for pointer in own.iter().map(|text| Pointer::parse(text).unwrap()).chain([rule.clone()]) {
            assert_eq!(pointer.find(&slim), pointer.find(&all), "{story}");
        }
        assert_eq!(sessions.slim(&provider, &[rule], &slim), slim, "{story}");
        assert!(!slim.contains_key("unused") && !slim.contains_key("https://x/"), "{story}");
        good += u32::from(caller(&all).is_ok());
        required += u32::from(caller(&all) == Err(crate::identity::TokenFault::RequiredClaim));
        smaller += u32::from(slim.len() < all.len());
    }
    assert!(good > 1000 && smaller > 1000 && required > 300, "the dice are worth it: {good} {smaller} {required}");
}

#[test]
fn only_what_is_needed_stays() {
    let claims = json!({
        "iss": "https://idp.example.com", "aud": "airbyte", "exp": 1, "iat": 1, "nonce": "n", "sub": "alice",
        "email": "alice@example.com", "email_verified": true, "name": "Alice", "given_name": "Alice", "azp": "airgate",
        "realm_access": {"roles": ["a", "b"], "more": 1}, "resource_access": {"x": {"roles": ["y"]}}, "amr": ["mfa"],
        "department": "data", "address": {"country": "de", "street": "s"}, "tier": "gold", "picture": "p",
    });
    let provider =
        provider(json!({"claims": {"groups": "/realm_access/roles"}, "required_claims": {"/amr/0": "mfa"}})).unwrap();
    let sessions = with(&[1], json!({"claims": ["/department", "/address/country"]}));
    let slim = sessions.slim(&provider, &[Pointer::parse("/tier").unwrap()], claims.as_object().unwrap());
    let expected = json!({
        "sub": "alice", "email": "alice@example.com", "email_verified": true, "name": "Alice", "azp": "airgate",
        "realm_access": {"roles": ["a", "b"]}, "amr": ["mfa"], "department": "data", "address": {"country": "de"},
        "tier": "gold",
    });
    assert_eq!(Value::Object(slim.clone()), expected);
    let caller = provider.caller(&slim, at(5)).unwrap();
    assert_eq!((caller.expires, caller.groups), (at(5), Groups::Known(vec!["a".into(), "b".into()])));
}

#[test]
fn groups_that_are_elsewhere_stay_unknown() {
    let provider = provider(json!({})).unwrap();
    for more in [
        json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {}}}),
        json!({"_claim_names": null}),
        json!({"hasgroups": null}),
        json!({"hasgroups": true}),
        json!({"groups:src1": "https://graph.example.com"}),
    ] {
        let mut claims = json!({"sub": "alice", "groups": ["a"]}).as_object().unwrap().clone();
        claims.extend(more.as_object().unwrap().clone());
        let slim = sessions().slim(&provider, &[], &claims);
        assert_eq!(provider.caller(&slim, at(5)).unwrap().groups, Groups::Unknown, "{more}");
        assert!(!slim.contains_key("_claim_sources"));
    }
}

#[test]
fn what_the_settings_require_today_counts_for_yesterdays_session() {
    let claims = json!({"sub": "alice", "hd": "example.com"}).as_object().unwrap().clone();
    let slim = sessions().slim(&provider(json!({})).unwrap(), &[], &claims);
    let stricter = provider(json!({"required_claims": {"/hd": "example.com"}})).unwrap();
    assert_eq!(stricter.caller(&slim, at(5)).err(), Some(crate::identity::TokenFault::RequiredClaim));
    let slim = sessions().slim(&stricter, &[], &claims);
    assert!(stricter.caller(&slim, at(5)).is_ok());
}
