//! The words everything is said in: headers, path, cookies, edits, replies.

mod call;
mod cookies;
mod edits;
mod headers;
mod path;
mod pattern;
mod reply;
mod request;

pub use call::{Answer, Call, CallId};
pub use cookies::{CookieCut, CookieSettings, cookie, cookies_without, set_cookie};
pub use edits::{Edit, Edits};
pub use headers::{Headers, MalformedHeaders};
pub use path::{PathRefusal, Target};
pub use pattern::PathPattern;
pub use reply::Reply;
pub use request::{Request, RequestRefusal};
