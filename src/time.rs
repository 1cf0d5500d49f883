//! Time, as a value that is handed in: the core never asks a clock.

use std::time::Duration;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
///
/// The clock of a host may step back, so every calculation saturates and none
/// assumes that a later call carries a later moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment this many milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Time {
        Time(millis)
    }

    /// The moment this many seconds after the epoch.
    pub const fn from_seconds(seconds: u64) -> Time {
        Time(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as a JWT's NumericDate counts them.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The moment this long after.
    pub fn plus(self, span: Duration) -> Time {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(millis))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
