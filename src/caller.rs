//! Who asks, in the words that every room shares.

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::json;
use crate::time::Time;

/// Somebody whom a provider vouches for, a person or a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's own issuer, also where the token came under an alias: one
    /// person stays one person.
    pub issuer: String,
    /// The `sub` claim: unique and lasting within the issuer.
    pub subject: String,
    /// The claim that the settings call the user; `sub` unless they say more.
    pub user: String,
    /// An address with exactly one `@`.
    pub email: Option<String>,
    /// Whether the provider says that the address is theirs.
    pub email_verified: bool,
    /// A name to show, of at most 256 characters.
    pub name: Option<String>,
    /// Group memberships.
    pub groups: Groups,
    /// The client that the token was issued to.
    pub client: Option<String>,
    /// From this moment on the token is not accepted: `exp` plus the leeway.
    pub expires: Time,
    /// All claims, verified.
    pub claims: Map<String, Value>,
    /// What the policy found out about them.
    pub reckoned: Reckoned,
}

/// Which rules of a policy may be about a caller, a bit each: reckoned once for
/// all requests that bring the same token or session. A copy of a caller may be
/// changed into somebody else, so it begins without.
#[derive(Debug, Default)]
pub struct Reckoned(OnceCell<(Rc<()>, Box<[u64]>)>);

impl Reckoned {
    /// The bits for the policy of this mark, reckoned if need be; `None`: they are
    /// another policy's.
    pub fn of(&self, policy: &Rc<()>, reckon: impl FnOnce() -> Box<[u64]>) -> Option<&[u64]> {
        let (mark, bits) = self.0.get_or_init(|| (Rc::clone(policy), reckon()));
        Rc::ptr_eq(mark, policy).then_some(bits)
    }
}

impl Clone for Reckoned {
    fn clone(&self) -> Reckoned {
        Reckoned::default()
    }
}

impl PartialEq for Reckoned {
    fn eq(&self, _: &Reckoned) -> bool {
        true
    }
}

impl Caller {
    /// About how many bytes of memory this takes.
    pub fn room(&self) -> usize {
        let said = [Some(&self.provider), Some(&self.issuer), Some(&self.subject), Some(&self.user)];
        let texts = said.into_iter().chain([self.email.as_ref(), self.name.as_ref(), self.client.as_ref()]).flatten();
        let groups: &[String] = if let Groups::Known(list) = &self.groups { list } else { &[] };
        let listed = groups.iter().map(|group| json::room_of_text(group).saturating_add(size_of::<String>()));
        let texts: usize = texts.map(|text| json::room_of_text(text)).chain(listed).sum();
        size_of::<Caller>().saturating_add(texts).saturating_add(json::room_of_members(&self.claims))
    }
}

/// How a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By the token that came with the request.
    Bearer,
    /// By a session, begun by signing in with a browser.
    Session,
}

impl Auth {
    /// Every word for it in the configuration.
    pub const NAMES: [(&'static str, Auth); 2] = [("bearer", Auth::Bearer), ("session", Auth::Session)];

    /// The word in headers and records.
    pub fn name(self) -> &'static str {
        match self {
            Auth::Bearer => "bearer",
            Auth::Session => "session",
        }
    }
}

/// The groups that a token tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// All of them. A name may hold any character but control characters, a
    /// comma too.
    Known(Vec<String>),
    /// There are groups, but the token does not list them: it points elsewhere
    /// (Entra ID's overage), lists more than 1,000, or what it lists is not all
    /// names. Half a list would be wrong for whatever asks whether somebody is
    /// *not* in a group, so there is none, and whatever asks refuses.
    Unknown,
    /// The token says nothing about groups.
    Absent,
}

impl Groups {
    /// Whether this group is known to be among them.
    pub fn contains(&self, group: &str) -> bool {
        matches!(self, Groups::Known(list) if list.iter().any(|name| name == group))
    }
}
