//! What the fuzzer is let loose on: each target is an ordinary function of some bytes that panics where a promise is
//! broken, and answers whether the bytes were good for something: a test that nothing good comes through is no test.
//! The fuzzer calls them with what it makes up, `tests/seeds.rs` with what is kept in `seeds/`.

mod configuration;
mod cookies;
mod discovery;
mod gateway;
mod headers;
mod jwks;
mod login;
mod operations;
mod path;
mod promises;
mod session;
mod site;
mod token;
mod token_answer;

pub use configuration::configuration;
pub use cookies::cookies;
pub use discovery::discovery;
pub use gateway::gateway;
pub use headers::headers;
pub use jwks::jwks;
pub use login::login;
pub use operations::operations;
pub use path::path;
pub use session::session;
pub use token::token;
pub use token_answer::token_answer;
