use std::time::Duration;

use super::start::Start;
use super::*;
use crate::demand::Demand;
use crate::testing::test;

fn step_up(acr: &[&str], minutes: Option<u64>) -> StepUp {
    let acr = acr.iter().map(|acr| (*acr).to_owned()).collect();
    let max_age = minutes.map(|minutes| Duration::from_secs(minutes * 60));
    StepUp { rule: "strong".into(), demand: Demand { acr, max_age } }
}

fn begun(settings: Value, step_up: Option<&StepUp>, anew: bool) -> Option<Start> {
    let origin = Origin { provider: "corp", return_path: PATH, again: false, step_up, anew };
    let host = TestHost::default();
    start(&login(settings), &endpoints(), &keys(), &Headers::default(), &origin, &host, at(0))
}

#[test]
fn the_demand_is_laid_over_the_settings() {
    let own = json!({"max_age": "1h", "acr_values": ["basic", "pwd"], "prompt": "consent"});
    let (strong, lately, lazy) = (step_up(&["mfa", "phr"], None), step_up(&[], Some(15)), step_up(&["mfa"], Some(600)));
    let cases = [
        (json!({}), None, false, [None, None, None]),
        (json!({}), Some(&strong), false, [Some("mfa phr"), None, None]),
        (json!({}), Some(&lately), false, [None, Some("900"), None]),
        (json!({}), Some(&lately), true, [None, Some("900"), Some("login")]),
        (own.clone(), None, false, [Some("basic pwd"), Some("3600"), Some("consent")]),
        (own.clone(), Some(&strong), false, [Some("mfa phr"), Some("3600"), Some("consent")]),
        (own.clone(), Some(&lately), false, [Some("basic pwd"), Some("900"), Some("consent")]),
        (own.clone(), Some(&lazy), false, [Some("mfa"), Some("3600"), Some("consent")]),
        (own, Some(&lazy), true, [Some("mfa"), Some("3600"), Some("login consent")]),
        (json!({"prompt": "login"}), Some(&lazy), true, [Some("mfa"), Some("36000"), Some("login")]),
    ];
    for (settings, step_up, anew, expected) in cases {
        let story = format!("{settings} {step_up:?} {anew}");
        let sent = parameters(&begun(settings, step_up, anew).unwrap().location);
        let found = ["acr_values", "max_age", "prompt"].map(|name| sent.get(name).map(String::as_str));
        assert_eq!(found, expected, "{story}");
    }
}

#[test]
fn the_attempt_tells_the_callback_what_was_asked() {
    for asked in [None, Some(step_up(&["mfa", "urn:x y"], Some(15))), Some(step_up(&[], Some(1)))] {
        let begun = begun(json!({}), asked.as_ref(), false).unwrap();
        let mut browser = Browser::default();
        browser.take(&begun.set_cookie);
        let state = parameters(&begun.location)["state"].clone();
        assert_eq!(code(browser.come_back(&format!("code=c&state={state}"), at(1))).step_up, asked);
        match browser.come_back(&format!("error=access_denied&state={state}"), at(1)) {
            Callback::Denied { step_up, .. } => assert_eq!(step_up, asked),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_too_long_to_carry_is_not_begun() {
    let half = "a".repeat(256);
    let longest = step_up(&[&half, &half], Some(15));
    let sealed = begun(json!({}), Some(&longest), false).unwrap().set_cookie;
    assert!(sealed.len() < 2048, "{}", sealed.len());
    assert!(begun(json!({}), Some(&step_up(&[&half, &half, "b"], None)), false).is_none());
}

#[test]
fn an_attempt_whose_demand_cannot_be_read_is_none() {
    for value in
        [json!(null), json!({}), json!({"rule": "r", "acr": "mfa", "age": 1}), json!({"rule": "r", "acr": [1]})]
    {
        assert_eq!(StepUp::read(&value), None, "{value}");
    }
}
