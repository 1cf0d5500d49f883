//! Places on the host's shelf that several workers change at once.

use crate::host::Host;

/// How often a change is tried. Each failure means that another worker changed
/// the place within the microseconds in between; so many in a row mean a host
/// that cannot compare and swap.
const TRIES: usize = 16;

/// How a change came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The new value lies there.
    Written,
    /// There was nothing to change.
    Left,
    /// There is no such place, or none that can be changed.
    Nowhere,
}

/// Makes a place that is not there.
///
/// Compare-and-swap needs something to compare with, and what makes the first
/// value overwrites blindly. A worker that looks, sees nothing, and writes after
/// another has long made the place and put something there would wipe that
/// out. So places are made while the gateway is configured and never later.
/// Envoy configures the plugin on its main thread before any worker gets it, and
/// never deletes: every worker finds all places made. On a host that lets
/// workers configure themselves side by side, one of them would have to serve a
/// request and see a tick between another's look and its write, two calls in a
/// row; and then a refresh is done twice.
pub(super) fn prepare(name: &str, host: &dyn Host) {
    if host.recall(name).is_none() {
        host.keep(name, b"");
    }
}

/// Changes what lies in a place. `edit` is given the value and answers the new
/// one, if there is to be one; it is called again when another worker was
/// quicker.
pub(super) fn change(name: &str, host: &dyn Host, edit: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Change {
    for _ in 0..TRIES {
        let Some(recalled) = host.recall(name) else {
            return Change::Nowhere;
        };
        let Some(value) = edit(&recalled.value) else {
            return Change::Left;
        };
        if host.replace(name, &value, recalled.version) {
            return Change::Written;
        }
    }
    Change::Nowhere
}
