//! What is looked at, one family in each file. A check is a pure function of the facts.

mod admin;
mod affinity;
mod backends;
mod bypass;
mod certificates;
mod clients;
mod clocks;
mod paths;
mod plugin;
mod probes;
mod providers;
mod retries;
#[cfg(test)]
mod testing;
mod timeouts;
mod tls;

use super::facts::Facts;
use super::finding::Finding;

pub use clocks::{Clocks, check as clocks};
pub use probes::{Probes, Stay, check as probes};

/// Everything that the admin interface tells.
pub fn all(facts: &Facts<'_>) -> Vec<Finding> {
    let checks = [
        affinity::check,
        backends::check,
        timeouts::check,
        plugin::check,
        bypass::check,
        retries::check,
        providers::check,
        admin::check,
        tls::check,
        certificates::check,
        paths::check,
        clients::check,
    ];
    checks.iter().flat_map(|check| check(facts)).collect()
}
