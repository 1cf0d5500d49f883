//! A call that the gateway makes to somebody else.

use std::time::Duration;

/// Tells one call from another for as long as the gateway lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub u64);

/// A GET request to be sent by the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Comes back with the answer.
    pub id: CallId,
    /// The host's name for the way there.
    pub cluster: String,
    /// The `:authority` of the request.
    pub authority: String,
    /// The `:path` of the request.
    pub path: String,
    /// When the host gives up.
    pub timeout: Duration,
}

/// What came back. Redirects are answers like any other: nobody follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A whole response.
    Response {
        /// The status code.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// A response whose body is beyond [`Answer::MAX_BODY`]; it was not read.
    TooLarge,
    /// No response: refused, cut off or timed out.
    Failed,
}

impl Answer {
    /// The longest body that is read, in bytes. The largest key set seen in
    /// the wild has under 100 kB.
    pub const MAX_BODY: usize = 1 << 20;
}
