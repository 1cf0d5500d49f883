//! The `state` parameter: what comes back from the provider as it was sent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::seal::KeyRing;
use crate::time::Time;

/// Where a login was going.
pub(super) struct State {
    /// The id of the attempt: no other browser has it.
    pub attempt: String,
    /// The provider's name: an answer to one provider's redirect URI is not
    /// another's.
    pub provider: String,
    /// A path of ours.
    pub return_path: String,
    /// Whether this login was started because the one before was lost.
    pub again: bool,
}

const PURPOSE: &str = "state";
/// Longer than an attempt: without one a state opens nothing, but it still
/// brings whoever was slow back to where they wanted to go.
const LIFE: Duration = Duration::from_secs(3600);

impl State {
    pub fn seal(&self, keys: &KeyRing, now: Time) -> Option<String> {
        let value = json!({
            "attempt": self.attempt, "provider": self.provider, "return": self.return_path, "again": self.again,
        });
        keys.seal(PURPOSE, &value, now.plus(LIFE))
    }

    pub fn open(sealed: &str, keys: &KeyRing, now: Time) -> Option<State> {
        let value: Value = keys.open(PURPOSE, sealed.as_bytes(), now)?.value;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(State {
            attempt: text("attempt")?,
            provider: text("provider")?,
            return_path: text("return")?,
            again: value.get("again")?.as_bool()?,
        })
    }
}
