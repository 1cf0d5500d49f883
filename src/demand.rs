//! How well, and how lately, somebody must have proved who they are (RFC 9470).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::time::Time;

/// A demand on a sign-in beyond having one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The `acr` must be one of these; empty: any.
    pub acr: Vec<String>,
    /// How long ago the sign-in may have been, by `auth_time`.
    pub max_age: Option<Duration>,
}

impl Demand {
    /// How far the provider's clock may be ahead of ours or behind.
    const LEEWAY: Duration = Duration::from_secs(60);

    /// Whether the claims of a token or session are enough. A claim that is not
    /// there never is.
    pub fn is_met(&self, claims: &Map<String, Value>, now: Time) -> bool {
        let acr = claims.get("acr").and_then(Value::as_str);
        let acr_met = self.acr.is_empty() || acr.is_some_and(|acr| self.acr.iter().any(|good| good == acr));
        let age_met = self.max_age.is_none_or(|limit| {
            let since = claims.get("auth_time").and_then(Value::as_f64);
            since.is_some_and(|since| is_recent(since, limit, now))
        });
        acr_met && age_met
    }
}

/// A moment in the future is no proof of anything, beyond what clocks differ.
fn is_recent(seconds: f64, limit: Duration, now: Time) -> bool {
    // Saturates, and what is no number becomes 1970.
    let since = Time::from_seconds(seconds as u64);
    since <= now.plus(Demand::LEEWAY) && now <= since.plus(limit).plus(Demand::LEEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use serde_json::json;

    fn met(demand: &Demand, claims: Value) -> bool {
        demand.is_met(claims.as_object().unwrap(), Time::from_seconds(10_000))
    }

    #[test]
    fn a_claim_that_is_absent_or_odd_meets_nothing() {
        let lately = Demand { acr: Vec::new(), max_age: Some(Duration::from_secs(600)) };
        for (seconds, good) in
            [(9_999, true), (9_340, true), (9_339, false), (10_060, true), (10_061, false), (0, false)]
        {
            assert_eq!(met(&lately, json!({"auth_time": seconds})), good, "{seconds}");
        }
        for claims in [json!({}), json!({"auth_time": "9999"}), json!({"auth_time": null}), json!({"auth_time": -1})] {
            assert!(!met(&lately, claims.clone()), "{claims}");
        }
        let strongly = Demand { acr: vec!["mfa".into(), "phr".into()], max_age: None };
        assert!(met(&strongly, json!({"acr": "phr"})));
        for claims in [json!({}), json!({"acr": "pwd"}), json!({"acr": ["mfa"]}), json!({"acr": ""})] {
            assert!(!met(&strongly, claims.clone()), "{claims}");
        }
        assert!(met(&Demand::default(), json!({})));
    }
}
