//! What all filters share: a filter carries the proxy's events to a [`Gate`] of
//! the core, which decides, and carries out what comes back.
//!
//! Thin on purpose. All state hangs on the root context, because a reload may
//! reuse the VM, and with it every static.

mod configuration;
mod host;
mod root;
mod shared;
mod stream;
mod structure;

use airgate::gateway::Gate;
use proxy_wasm::types::LogLevel;

use crate::root::Root;

/// Registers the filter with the SDK; the whole of a module's entry.
pub fn run<G: Gate>() {
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(Root::<G>::new(id)));
}
