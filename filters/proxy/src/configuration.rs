//! The plugin's configuration, whichever form the host hands it over in.

use airgate::settings::{self, Environment, Mistake};
use serde_json::Value;

use crate::{host, structure};

/// Reads the plugin's configuration with `reader`, which names every mistake;
/// each goes to the proxy's log. `None`: there are some, and the host must not
/// start with it.
pub fn read<T>(reader: impl FnOnce(&Value, Environment<'_>) -> Result<T, Vec<Mistake>>) -> Option<T> {
    let environment = |name: &str| std::env::var(name).ok();
    let text = host::configuration();
    let value = structure::read(&text).map_or_else(|| settings::parse(&text), Ok);
    match value.and_then(|value| reader(&value, &environment)) {
        Ok(settings) => Some(settings),
        Err(mistakes) => {
            for mistake in mistakes {
                log::error!("airgate configuration: {mistake}");
            }
            None
        }
    }
}
