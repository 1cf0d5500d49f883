//! `airgate.wasm`: the whole gateway as one proxy-wasm filter.
//!
//! Thin on purpose: it carries events to [`airgate::gateway::Gateway`] and
//! carries out what comes back. All state hangs on its root context, because a
//! reload may reuse the VM, and with it every static.

mod host;
mod root;
mod shared;
mod stream;
mod structure;

/// The module's entry. Its own room, since the SDK's macro makes a public
/// function without documentation.
mod entry {
    use proxy_wasm::types::LogLevel;

    use crate::root::Root;

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|id| Box::new(Root::new(id)));
    }}
}
