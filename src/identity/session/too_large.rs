//! A session that its cookies cannot hold.

use std::fmt;

use super::Session;

/// How much too large, and what makes it so: names and sizes, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Bytes of the sealed session.
    pub bytes: usize,
    /// Bytes at most.
    pub limit: usize,
    /// What takes most room, with its bytes before sealing, the largest first.
    pub largest: Vec<(String, usize)>,
}

impl TooLarge {
    pub(super) fn new(session: &Session, bytes: usize, limit: usize) -> TooLarge {
        let claims = session.claims.iter().map(|(name, value)| (format!("claim {name:?}"), value.to_string().len()));
        let refresh_token = session.refresh_token.iter().map(|token| ("refresh token".to_owned(), token.len()));
        let mut parts: Vec<_> = claims.chain(refresh_token).collect();
        let mut largest = Vec::new();
        while largest.len() < 3
            && let Some((at, _)) = parts.iter().enumerate().max_by_key(|(_, (_, size))| *size)
        {
            largest.push(parts.swap_remove(at));
        }
        TooLarge { bytes, limit, largest }
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session takes {} bytes of at most {}; largest parts:", self.bytes, self.limit)?;
        for (index, (name, size)) in self.largest.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {name} ({size} bytes)")?;
        }
        Ok(())
    }
}

impl std::error::Error for TooLarge {}
