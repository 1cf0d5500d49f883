//! `airgate-routing.wasm`: what kind of traffic a request is.

/// The module's entry. Its own room, since the SDK's macro makes a public
/// function without documentation.
mod entry {
    proxy_wasm::main! {{
        airgate_proxy::run::<airgate::gateway::RoutingAlone>();
    }}
}
