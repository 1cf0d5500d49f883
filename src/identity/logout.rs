//! What providers end: OpenID Connect Back-Channel Logout 1.0.

mod ended;
mod notice;
#[cfg(test)]
mod tests;

pub use ended::EndedSessions;
pub use notice::{LogoutFault, LogoutNotice, read_notice};
