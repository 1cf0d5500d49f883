//! What is to be changed in a header map, as a value.

use std::borrow::Cow;

/// One change to a header map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Take out every field of this name. The name is the sender's own
    /// spelling, which may be any bytes.
    Remove(Vec<u8>),
    /// Make this the only field of its name.
    Set(Cow<'static, str>, Cow<'static, [u8]>),
    /// Add a field beside those of the same name (`Set-Cookie`).
    Add(Cow<'static, str>, Cow<'static, [u8]>),
}

impl Edit {
    /// [`Edit::Set`] to a text that does not last.
    pub fn set(name: impl Into<Cow<'static, str>>, value: &str) -> Edit {
        Edit::Set(name.into(), value.as_bytes().to_vec().into())
    }
}

/// Changes to a header map, in order.
pub type Edits = Vec<Edit>;
