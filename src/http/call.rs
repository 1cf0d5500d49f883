//! A call that the gateway makes to somebody else.

use std::time::Duration;

use super::{Endpoint, Form};

/// Tells one call from another for as long as the gateway lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub u64);

/// Hands out ids, each once.
#[derive(Debug, Default)]
pub struct CallIds(u64);

impl CallIds {
    /// The next one.
    pub fn take(&mut self) -> CallId {
        let id = CallId(self.0);
        self.0 = self.0.wrapping_add(1);
        id
    }
}

/// A request to be sent by the host: POST with a form, else GET. The answer is
/// asked for as JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Comes back with the answer.
    pub id: CallId,
    /// The host's name for the way there.
    pub cluster: String,
    /// Where to.
    pub endpoint: Endpoint,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub form: Option<Form>,
    /// When the host gives up.
    pub timeout: Duration,
}

/// Without what is secret: codes, verifiers, tokens.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let method = if self.form.is_some() { "POST" } else { "GET" };
        write!(f, "Call {{ {:?}, {method} {:?} by {} }}", self.id, self.endpoint, self.cluster)
    }
}

/// What came back. Redirects are answers like any other: nobody follows them.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// A whole response.
    Response {
        /// The status code.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// A response with status 200 whose body is beyond [`Answer::MAX_BODY`]; it
    /// was not read. With another status the body counts as empty.
    TooLarge,
    /// No response: refused, cut off or timed out.
    Failed,
}

impl Answer {
    /// The longest body that is read, in bytes. The largest key set seen in
    /// the wild has under 100 kB.
    pub const MAX_BODY: usize = 1 << 20;

    /// Whether this is an outage: no response, 429, or 5xx. A proxy answers 503
    /// or 504 itself where it cannot reach the server. Every other response is
    /// the server's own word on what was asked, 408 and 425 included.
    pub fn is_outage(&self) -> bool {
        matches!(self, Answer::Failed | Answer::Response { status: 429 | 500..=599, .. })
    }
}

/// Without the body: it may hold tokens.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Answer::Response { status, body } => write!(f, "Response {{ {status}, {} bytes }}", body.len()),
            Answer::TooLarge => f.write_str("TooLarge"),
            Answer::Failed => f.write_str("Failed"),
        }
    }
}
