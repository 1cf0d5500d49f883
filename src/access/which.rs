//! The ids that an entry of the policy lists.

use super::id_place::IdKind;
#[cfg(not(target_arch = "wasm32"))]
use super::id_place::IdPlaces;
use super::ids::canonical;
use super::words::{quoted, read_words};
use super::{IdFit, Ids};
use crate::settings::Section;

/// Ids by kind; empty if the entry lists none.
#[derive(Default)]
pub(super) struct Which {
    lists: Vec<(IdKind, Vec<String>)>,
}

impl Which {
    /// Reads lists under these names.
    pub fn read(section: &Section<'_>, names: [(&'static str, IdKind); 4]) -> Which {
        let mut lists = Vec::new();
        for (name, kind) in names.into_iter().filter(|(name, _)| section.has(name)) {
            let mut list = Vec::new();
            for word in read_words(section, name) {
                match canonical(word) {
                    Some(id) => list.push(id),
                    None => section.mistake(name, quoted(word, "expected an id of 36 characters, as Airbyte shows it")),
                }
            }
            lists.push((kind, list));
        }
        Which { lists }
    }

    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// For what allows: the request is certain to carry ids of listed kinds, at the
    /// places where its operation takes them, each of them listed, and no other
    /// resource. Ids elsewhere must be listed, too, if they are of a listed kind.
    pub fn gives(&self, ids: &Ids) -> IdFit {
        let listed = self.kinds();
        if self.is_empty() {
            return IdFit::NotAsked;
        }
        let Some(places) = ids.places.filter(|places| places.takes(listed)) else {
            return IdFit::NotCarried;
        };
        let is_other = |(kind, _): &(IdKind, String)| kind.bits() & listed == 0;
        if ids.other_resource || places.demands_other_than(listed) || ids.own.iter().any(is_other) {
            return IdFit::OtherKind;
        }
        let mut all = ids.own.iter().chain(ids.elsewhere.iter().filter(|id| !is_other(id)));
        match () {
            () if ids.unclear & listed != 0 => IdFit::Unclear,
            () if ids.own.is_empty() && !ids.awaited => IdFit::NotCarried,
            () if all.all(|(kind, id)| self.lists(*kind, id)) => IdFit::Listed,
            () => IdFit::NotListed,
        }
    }

    /// For what denies: the request carries a listed id anywhere, or may.
    pub fn takes(&self, ids: &Ids) -> IdFit {
        let listed = self.kinds();
        let mut all = ids.own.iter().chain(&ids.elsewhere);
        let mut of_listed_kind = ids.own.iter().chain(&ids.elsewhere).filter(|(kind, _)| kind.bits() & listed != 0);
        match () {
            () if self.is_empty() => IdFit::NotAsked,
            () if all.any(|(kind, id)| self.lists(*kind, id)) => IdFit::Listed,
            () if ids.unclear & listed != 0 => IdFit::Unclear,
            () if of_listed_kind.next().is_some() => IdFit::NotListed,
            () => IdFit::NotCarried,
        }
    }

    /// Whether some request of an operation can match; `gives` as in [`Which::gives`]
    /// and [`Which::takes`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn can_match(&self, places: IdPlaces, gives: bool) -> bool {
        let listed = self.kinds();
        self.is_empty() || if gives { places.can_stay_inside(listed) } else { places.takes(listed) }
    }

    /// The listed kinds, a bit each.
    fn kinds(&self) -> u8 {
        self.lists.iter().fold(0, |bits, (kind, _)| bits | kind.bits())
    }

    /// Whether an id is listed under a kind that it can have: no two resources share
    /// an id, so one whose kind is told elsewhere may be in any of these lists.
    fn lists(&self, kind: IdKind, id: &str) -> bool {
        self.lists.iter().any(|(listed, list)| kind.bits() & listed.bits() != 0 && list.iter().any(|one| one == id))
    }
}
