//! An answer that the gateway gives itself.

use std::borrow::Cow;

/// A local reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header fields, at most one `set-cookie` among them: nginx keeps only the
    /// last.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}
