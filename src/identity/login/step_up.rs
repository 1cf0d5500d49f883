//! A login that has to be more than a login (RFC 9470).

use std::time::Duration;

use serde_json::{Value, json};

use crate::demand::Demand;

/// What a rule of the policy asks of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// The rule's name.
    pub rule: String,
    /// What it asks.
    pub demand: Demand,
}

/// Bytes of all values of `acr` together: they travel in a cookie and in a URL.
const MAX_ACR: usize = 512;

impl StepUp {
    /// As the attempt keeps it. `None`: it is too long.
    pub(super) fn to_value(&self) -> Option<Value> {
        let length: usize = self.demand.acr.iter().map(String::len).sum();
        let acr: Value = self.demand.acr.iter().map(String::as_str).collect();
        let age = self.demand.max_age.map(|age| age.as_secs());
        (length <= MAX_ACR).then(|| json!({"rule": self.rule, "acr": acr, "age": age}))
    }

    pub(super) fn read(value: &Value) -> Option<StepUp> {
        let acr = value.get("acr")?.as_array()?.iter().map(|acr| acr.as_str().map(str::to_owned));
        let demand =
            Demand { acr: acr.collect::<Option<_>>()?, max_age: value.get("age")?.as_u64().map(Duration::from_secs) };
        Some(StepUp { rule: value.get("rule")?.as_str()?.to_owned(), demand })
    }
}
