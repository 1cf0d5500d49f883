//! Sessions that have been opened before.

use std::hash::RandomState;
use std::rc::Rc;

use lru::LruCache;

use super::Session;
use crate::identity::cache::PLACES;
use crate::seal::Opened;

/// Remembers what is in a sealed session: opening one costs AES over all of it
/// and JSON, and one browser comes many times.
///
/// - The key is the whole text. The hash is seeded: clients choose what is
///   hashed.
/// - At most 4,096 entries and 4 MiB, sealed text and what it says together;
///   the least recently used go first.
/// - Only what opened is put in, so a flood of forgeries pushes nobody out.
/// - Whether it still counts is the reader's question, asked each time.
pub struct Memory {
    entries: LruCache<Box<[u8]>, Opened<Rc<Session>>, RandomState>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new(4096, 4 * 1024 * 1024)
    }
}

impl Memory {
    /// Room for so many entries and bytes.
    pub fn new(max_entries: usize, max_bytes: usize) -> Memory {
        // Without a bound of its own: it would take room for all entries now.
        let entries = LruCache::unbounded_with_hasher(RandomState::new());
        Memory { entries, bytes: 0, max_entries, max_bytes }
    }

    /// What is in this text, if that is known.
    pub fn get(&mut self, sealed: &[u8]) -> Option<&Opened<Rc<Session>>> {
        self.entries.get(sealed)
    }

    /// Remembers a text that was not known.
    pub fn insert(&mut self, sealed: &[u8], opened: Opened<Rc<Session>>) {
        let room = room(sealed, &opened);
        if self.entries.put(sealed.into(), opened).is_none() {
            self.bytes = self.bytes.saturating_add(room);
        }
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((sealed, opened)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(self::room(&sealed, &opened));
        }
    }

    /// Entries and bytes in use.
    #[cfg(test)]
    pub fn used(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }
}

/// What an entry counts: its text, its places in the list and in the table, and
/// its session.
fn room(sealed: &[u8], opened: &Opened<Rc<Session>>) -> usize {
    sealed.len().saturating_add(PLACES).saturating_add(opened.value.room())
}
