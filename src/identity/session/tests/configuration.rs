use crate::testing::test;
use std::time::Duration;

use super::*;

fn mistakes(settings: Value) -> Vec<String> {
    configured_for(HOST, &settings).err().unwrap_or_default().iter().map(Mistake::to_string).collect()
}

fn with_keys(more: Value) -> Value {
    let mut settings = json!({"keys": keys(&[1])});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

#[test]
fn the_smallest_settings_are_keys() {
    let clocks = |more: Value| {
        let settings = configured_for(HOST, &with_keys(more)).unwrap();
        (settings.idle.as_secs() / 3600, settings.lifetime.as_secs() / 3600, settings.reauth)
    };
    assert_eq!(clocks(json!({})), (8, 24, None));
    assert_eq!(clocks(json!({"lifetime": "2h"})), (2, 2, None));
    assert_eq!(clocks(json!({"lifetime": "400d", "reauth": "1m"})), (8, 9600, Some(Duration::from_secs(60))));
    let settings = configured_for(HOST, &with_keys(json!({}))).unwrap();
    assert!(!settings.keep_id_token && settings.claims.is_empty() && settings.not_before == Time::default());
}

#[test]
fn every_mistake_is_named() {
    let missing = "session.keys: sessions are sealed, so at least one key must be written";
    assert_eq!(mistakes(json!({})), [missing]);
    assert_eq!(mistakes(json!({"keys": []})), [missing]);
    assert_eq!(mistakes(json!({"keys": "k"})), ["session.keys: expected a list"]);
    let longer = "must not be longer than lifetime, which is 24h unless it is written";
    let cases = [
        (json!({"idle": "25h"}), format!("idle: {longer}")),
        (json!({"idle": "2h", "lifetime": "1h"}), format!("idle: {longer}")),
        (json!({"reauth": "25h"}), format!("reauth: {longer}")),
        (json!({"idle": "59s"}), "idle: must be between 60s and 34560000s".to_owned()),
        (json!({"lifetime": "401d"}), "lifetime: must be between 60s and 34560000s".to_owned()),
        (json!({"reauth": "1s"}), "reauth: must be between 60s and 34560000s".to_owned()),
        (json!({"keep_id_token": "yes"}), "keep_id_token: expected true or false".to_owned()),
        (json!({"claims": "/x"}), "claims: expected a list".to_owned()),
        (
            json!({"claims": ["/x", "y"]}),
            "claims[1]: expected a JSON Pointer such as /sub, which begins with a slash".to_owned(),
        ),
        (json!({"lifetme": "8h"}), "lifetme: unknown field; did you mean lifetime?".to_owned()),
    ];
    for (more, expected) in cases {
        assert_eq!(mistakes(with_keys(more.clone())), [format!("session.{expected}")], "{more}");
    }
}

#[test]
fn not_before_is_a_moment_in_one_spelling() {
    let read = |text: &str| {
        configured_for(HOST, &with_keys(json!({"not_before": text}))).ok().map(|settings| settings.not_before.seconds())
    };
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-01T00:00:00Z", 1_793_491_200),
        ("2024-02-29T12:34:56.789Z", 1_709_210_096),
    ] {
        assert_eq!(read(text), Some(seconds), "{text}");
    }
    for text in [
        "",
        "2026-11-01T02:00:00+02:00",
        "2026-11-01",
        "2026-11-01T00:00:00",
        "2026-11-01T00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-01T24:00:00Z",
        "2026-11-01T00:60:00Z",
        "2026-11-1T00:00:00Z",
        "26-11-01T00:00:00Z",
        "02026-11-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        " 2026-11-01T00:00:00Z",
        "2026-11-01T00:00:00Z ",
        "2026-11-01T00:00:00ZZ",
        "2026-11-01T00:00:00+99:00",
        "-2026-11-01T00:00:00Z",
        "1793491200",
        "tomorrow",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
    assert_eq!(mistakes(with_keys(json!({"not_before": 5}))), ["session.not_before: expected a text"]);
    assert_eq!(
        mistakes(with_keys(json!({"not_before": "soon"}))),
        ["session.not_before: expected a date such as 2026-11-01T00:00:00Z"]
    );
}
