//! A header map as raw bytes.

use std::ops::Range;

/// Header fields in the order in which they came, pseudo-headers included.
///
/// Values may hold any byte but are kept as they came; names are compared
/// without regard to ASCII case. All fields lie in one buffer, so that a host
/// hands its own serialisation over without a copy per field.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// A serialised header map whose lengths contradict its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHeaders;

impl Headers {
    /// Reads the form in which proxy-wasm hosts pass maps (ABI 0.2.x): a count,
    /// the two lengths of each field, then each name and value followed by a
    /// zero byte; numbers are 32 bit, little-endian.
    pub fn from_wire(bytes: Vec<u8>) -> Result<Headers, MalformedHeaders> {
        if bytes.is_empty() {
            return Ok(Headers::default());
        }
        let number = |at: usize| -> Option<usize> {
            let word = bytes.get(at..at.checked_add(4)?)?;
            usize::try_from(u32::from_le_bytes(word.try_into().ok()?)).ok()
        };
        let read = || -> Option<Vec<_>> {
            let count = number(0)?;
            let mut position = count.checked_mul(8)?.checked_add(4)?;
            // The lengths alone need eight bytes a field: a count beyond that is a lie.
            if position > bytes.len() {
                return None;
            }
            let mut fields = Vec::with_capacity(count);
            let mut take = |length: usize| -> Option<Range<usize>> {
                let end = position.checked_add(length)?;
                bytes.get(position..end)?;
                let range = position..end;
                position = end.checked_add(1)?;
                Some(range)
            };
            for index in 0..count {
                let at = index.checked_mul(8)?.checked_add(4)?;
                fields.push((take(number(at)?)?, take(number(at.checked_add(4)?)?)?));
            }
            Some(fields)
        };
        let fields = read().ok_or(MalformedHeaders)?;
        Ok(Headers { bytes, fields })
    }

    /// A map of the given fields.
    pub fn from_pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (N, V)>) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in pairs {
            let name = headers.append(name.as_ref());
            let value = headers.append(value.as_ref());
            headers.fields.push((name, value));
        }
        headers
    }

    /// Every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (self.slice(name), self.slice(value)))
    }

    /// The values of every field of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(|(field, _)| self.is(field, name)).map(|(_, value)| self.slice(value))
    }

    /// The value of the first field of this name.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(field, _)| self.is(field, name)).map(|(_, value)| self.slice(value))
    }

    /// Lengths first: they tell nearly all names apart, a dozen fields for each
    /// of a dozen questions.
    #[inline(always)]
    fn is(&self, field: &Range<usize>, name: &str) -> bool {
        field.len() == name.len() && self.slice(field).eq_ignore_ascii_case(name.as_bytes())
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn wire(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = (pairs.len() as u32).to_le_bytes().to_vec();
        for (name, value) in pairs {
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend((value.len() as u32).to_le_bytes());
        }
        for (name, value) in pairs {
            bytes.extend([*name, b"\0", *value, b"\0"].concat());
        }
        bytes
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        let headers = Headers::from_wire(wire(&[(b":path", b"/"), (&all, &all), (b"x", b"")])).unwrap();
        let fields: Vec<_> = headers.iter().collect();
        assert_eq!(fields, [(&b":path"[..], &b"/"[..]), (&all, &all), (b"x", b"")]);
    }

    #[test]
    fn names_are_compared_without_case_and_repeats_are_kept() {
        let headers = Headers::from_pairs([("Cookie", "a"), ("cookie", "b"), ("x-cookie", "c")]);
        assert_eq!(headers.all("COOKIE").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(headers.first("absent"), None);
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let good = wire(&[(b"name", b"value"), (b"x", b"y")]);
        for cut in 1..good.len() - 1 {
            assert!(Headers::from_wire(good[..cut].to_vec()).is_err(), "cut at {cut}");
        }
        for at in [0, 4, 8] {
            let mut lie = good.clone();
            lie[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert!(Headers::from_wire(lie).is_err(), "lie at {at}");
        }
        for nothing in [Vec::new(), vec![0; 4]] {
            assert_eq!(Headers::from_wire(nothing).unwrap().iter().count(), 0);
        }
    }
}
