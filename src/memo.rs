//! What credentials turned out to be, remembered.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher, RandomState};

use lru::LruCache;

/// Values by the whole text of a credential, bounded by entries and by bytes,
/// those of text and value together; the least recently used go first. What a
/// credential says takes more room than its text.
///
/// Only credentials that were found good are to be put in: bad ones are without
/// number, and would push the others out.
pub struct Memo<V> {
    entries: LruCache<Kept, Entry<V>, RandomState>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

/// A value, and what its entry counts.
struct Entry<V> {
    value: V,
    room: usize,
}

/// What an entry takes beside its contents: its places in the list and in the
/// table.
pub const PLACES: usize = 160;

/// A credential's text, wherever it lies.
trait Text {
    fn bytes(&self) -> &[u8];
}

/// The text that is kept.
struct Kept(Box<[u8]>);

impl<V> Memo<V> {
    /// Room for so many entries and bytes.
    pub fn new(max_entries: usize, max_bytes: usize) -> Memo<V> {
        // Without a bound of its own: it would take room for all entries now.
        let entries = LruCache::unbounded_with_hasher(RandomState::new());
        Memo { entries, bytes: 0, max_entries, max_bytes }
    }

    /// What this very text stands for, if that is known.
    pub fn get(&mut self, text: &[u8]) -> Option<&V> {
        self.entries.get(&text as &dyn Text).map(|entry| &entry.value)
    }

    /// Remembers what a text stands for. `room`: about how many bytes the value
    /// takes.
    pub fn insert(&mut self, text: &[u8], value: V, room: usize) {
        let room = text.len().saturating_add(room).saturating_add(PLACES);
        let before = self.entries.put(Kept(text.into()), Entry { value, room });
        self.free(before);
        self.bytes = self.bytes.saturating_add(room);
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((_, entry)) = self.entries.pop_lru() else {
                break;
            };
            self.free(Some(entry));
        }
    }

    /// Forgets a text.
    pub fn remove(&mut self, text: &[u8]) {
        let entry = self.entries.pop(&text as &dyn Text);
        self.free(entry);
    }

    /// Forgets whatever does not pass.
    pub fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|_, entry| {
            let keeps = keep(&entry.value);
            if !keeps {
                *bytes = bytes.saturating_sub(entry.room);
            }
            keeps
        });
    }

    fn free(&mut self, entry: Option<Entry<V>>) {
        self.bytes = self.bytes.saturating_sub(entry.map_or(0, |entry| entry.room));
    }

    /// Entries and bytes in use.
    #[cfg(test)]
    pub fn used(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }
}

impl<V> fmt::Debug for Memo<V> {
    /// Without what it holds: credentials stand in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("entries", &self.entries.len()).field("bytes", &self.bytes).finish()
    }
}

impl Text for Kept {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Text for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<'a> Borrow<dyn Text + 'a> for Kept {
    fn borrow(&self) -> &(dyn Text + 'a) {
        self
    }
}

impl Hash for dyn Text + '_ {
    /// By its end, which is what a signature or a seal makes of all the rest:
    /// whoever could choose it could forge. The hash is seeded besides.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bytes = self.bytes();
        let end = bytes.last_chunk::<32>().map_or(bytes, |end| end.as_slice());
        state.write(end);
    }
}

impl PartialEq for dyn Text + '_ {
    /// Eight bytes at a time: in wasm comparing slices goes byte by byte.
    fn eq(&self, other: &(dyn Text + '_)) -> bool {
        let (these, those) = (self.bytes(), other.bytes());
        if these.len() != those.len() {
            return false;
        }
        let ((these, rest), (those, other_rest)) = (these.as_chunks::<8>(), those.as_chunks::<8>());
        let word = |chunk: &[u8; 8]| u64::from_ne_bytes(*chunk);
        these.iter().zip(those).all(|(one, other)| word(one) == word(other)) && rest == other_rest
    }
}

impl Eq for dyn Text + '_ {}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self as &dyn Text).hash(state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Kept) -> bool {
        (self as &dyn Text) == (other as &dyn Text)
    }
}

impl Eq for Kept {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn only_the_very_text_finds_its_value() {
        let mut memo = Memo::new(10, 10_000);
        let good = b"header.payload.signature-that-is-longer-than-32-bytes".to_vec();
        memo.insert(&good, 1, 0);
        assert_eq!(memo.get(&good), Some(&1));
        for at in 0..good.len() {
            let mut other = good.clone();
            other[at] ^= 1;
            assert_eq!(memo.get(&other), None, "changed at {at}");
            assert_eq!(memo.get(&good[..at]), None, "cut at {at}");
            assert_eq!(memo.get(&good[at + 1..]), None, "cut before {at}");
        }
        assert_eq!(memo.get(&[good.clone(), b"=".to_vec()].concat()), None);
    }

    #[test]
    fn texts_that_end_alike_are_told_apart() {
        let mut memo = Memo::new(10, 10_000);
        let end = [7; 40];
        for first in 0..5_u8 {
            memo.insert(&[&[first], &end[..]].concat(), first, 0);
        }
        for first in 0..5_u8 {
            assert_eq!(memo.get(&[&[first], &end[..]].concat()), Some(&first));
        }
        assert_eq!(memo.get(&end), None);
    }

    #[test]
    fn room_is_bounded_by_entries_and_by_bytes() {
        let each = 4 + 50 + PLACES;
        let mut memo = Memo::new(100, 100 * each);
        for number in 0..1_000_u32 {
            memo.insert(&number.to_le_bytes(), (), 50);
        }
        assert_eq!(memo.used(), (100, 100 * each));
        assert!(memo.get(&900_u32.to_le_bytes()).is_some());
        memo.insert(&[7; 4], (), 50 + each);
        assert_eq!(memo.used(), (99, 100 * each), "one goes for the place, one for the room");
        memo.insert(&[8; 4], (), 99 * each);
        assert_eq!(memo.used().0, 1);
        memo.insert(&[9; 4], (), 100 * each);
        assert_eq!(memo.used(), (0, 0));
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut memo = Memo::new(2, 1_000_000);
        memo.insert(b"a", 1, 0);
        memo.insert(b"b", 1, 0);
        memo.get(b"a");
        memo.insert(b"a", 2, 0);
        assert_eq!(memo.used(), (2, 2 * (1 + PLACES)), "the same text again takes no more room");
        memo.insert(b"c", 1, 0);
        assert_eq!(memo.get(b"a"), Some(&2));
        assert_eq!(memo.get(b"b"), None);
    }

    #[test]
    fn what_is_forgotten_takes_no_room() {
        let mut memo = Memo::new(10, 1_000_000);
        for (text, value) in [(b"aa", 0), (b"bb", 1), (b"cc", 2)] {
            memo.insert(text, value, 0);
        }
        memo.remove(b"bb");
        memo.remove(b"bb");
        assert_eq!(memo.used(), (2, 2 * (2 + PLACES)));
        memo.retain(|value| *value == 2);
        assert_eq!((memo.used(), memo.get(b"cc")), ((1, 2 + PLACES), Some(&2)));
    }
}
