//! One room at a time, for the filters that do one thing.
//!
//! Each removes the client's own copies of what it writes, and nothing that
//! another of them wrote: so they may stand in one chain, in any order. No
//! [`Permit`](crate::access::Permit) is asked for here, since nobody is asked
//! for a role; what the gateway sends on needs one ([`super::Exchange`]).

mod affinity;
mod routing;
#[cfg(test)]
mod tests;
mod tokens;

pub use affinity::AffinityAlone;
pub use routing::RoutingAlone;
pub use tokens::TokensAlone;

use super::Step;
use super::refusal::Refusal;
use crate::decision::Decision;
use crate::host::Host;
use crate::http::{Headers, Stripped};
use crate::upstream::plain;

/// Takes out the client's own copies of these headers, in any spelling.
fn strip(headers: &Headers, names: &[&str]) -> Stripped {
    Stripped::new(headers, |sent| {
        let name = plain(sent);
        names.iter().any(|own| own.as_bytes() == &*name)
    })
}

/// Refuses in JSON, as the gateway does to programs: there are no pages here.
fn refuse<E>(refusal: &Refusal, request_id: &str, host: &dyn Host) -> Step<E> {
    let (reply, reason) = (refusal.reply(request_id, None, None), refusal.reason());
    host.count_decision(Decision::of_status(reply.status), reason);
    Step::Reply { reply, reason, cookies: Vec::new(), record: None }
}
