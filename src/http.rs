//! The words everything is said in: headers, path, cookies, edits, replies.

mod caching;
mod call;
mod content;
mod cookies;
mod edits;
mod endpoint;
mod form;
mod headers;
mod path;
mod pattern;
mod reply;
mod request;

pub use caching::{is_for_shared_caches, limits_framing, private};
pub use call::{Answer, Call, CallId, CallIds};
pub use content::{Content, ContentFault};
pub use cookies::{CookieCut, CookieSettings, cookie, cookies_without, set_cookie, set_cookies_without};
pub use edits::{Edit, Edits, Stripped};
pub use endpoint::Endpoint;
pub use form::{Form, read_form, read_query};
pub use headers::{Headers, MalformedHeaders};
pub use path::{PathRefusal, Target};
pub use pattern::PathPattern;
pub use reply::Reply;
pub use request::{Request, RequestRefusal};
