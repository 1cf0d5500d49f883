//! What is to be changed in a header map, as a value.

use std::fmt;

use super::Headers;

/// One change to a header map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Take out every field of this name. The name is the sender's own
    /// spelling, which may be any bytes.
    Remove(&'a [u8]),
    /// Make this the only field of its name.
    Set(&'a [u8], &'a [u8]),
    /// Add a field beside those of the same name, if there are any.
    Add(&'a [u8], &'a [u8]),
}

/// Changes to a header map, in order. All texts lie in one buffer: there are a
/// dozen for each request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Edits {
    bytes: Vec<u8>,
    list: Vec<Change>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Change {
    kind: Kind,
    /// Where the name ends and the value, which follows it, does. The name
    /// begins where the value before it ended.
    ends: (usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Remove,
    Set,
    Add,
}

impl Edits {
    /// See [`Edit::Remove`].
    pub fn remove(&mut self, name: &[u8]) {
        self.push(Kind::Remove, name, b"");
    }

    /// See [`Edit::Set`].
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.push(Kind::Set, name.as_bytes(), value.as_ref());
    }

    /// Adds a policy to those that a response has: browsers enforce each of them
    /// (Content Security Policy Level 3 section 2.2).
    pub fn add_policy(&mut self, policy: &str) {
        self.push(Kind::Add, b"content-security-policy", policy.as_bytes());
    }

    /// Adds a cookie, which has a field of its own (RFC 6265 section 3).
    pub fn set_cookie(&mut self, line: impl AsRef<[u8]>) {
        self.push(Kind::Add, b"set-cookie", line.as_ref());
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Edit<'_>> {
        let mut start = 0;
        self.list.iter().map(move |Change { kind, ends: (name_end, end) }| {
            let name = self.bytes.get(start..*name_end).unwrap_or_default();
            let value = self.bytes.get(*name_end..*end).unwrap_or_default();
            start = *end;
            match kind {
                Kind::Remove => Edit::Remove(name),
                Kind::Set => Edit::Set(name, value),
                Kind::Add => Edit::Add(name, value),
            }
        })
    }

    fn push(&mut self, kind: Kind, name: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.list.push(Change { kind, ends: (name_end, self.bytes.len()) });
    }
}

/// Changes to a request from which the sender's own fields of some names are
/// gone. So a field of such a name can be added, which spares the proxy the search
/// that setting it costs; only here is there a way to add one.
pub struct Stripped(Edits);

impl Stripped {
    /// Takes out the fields whose name, in the sender's own spelling, is `gone`.
    pub fn new(headers: &Headers, gone: impl Fn(&[u8]) -> bool) -> Stripped {
        // Room for those of a request.
        let mut edits = Edits { bytes: Vec::with_capacity(1024), list: Vec::with_capacity(24) };
        headers.iter().filter(|(name, _)| gone(name)).for_each(|(name, _)| edits.remove(name));
        Stripped(edits)
    }

    /// Writes a field of one of the names that are gone, which is for the caller to know.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push(Kind::Add, name.as_bytes(), value.as_ref());
    }

    /// For all other changes.
    pub fn edits(&mut self) -> &mut Edits {
        &mut self.0
    }

    /// All of them.
    pub fn finish(self) -> Edits {
        self.0
    }
}

impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
impl<const COUNT: usize> PartialEq<[Edit<'_>; COUNT]> for Edits {
    fn eq(&self, list: &[Edit<'_>; COUNT]) -> bool {
        self.iter().eq(list.iter().copied())
    }
}
