//! Who is this? Tokens, keys, and the providers that vouch for them.

mod algorithm;
mod cache;
mod claims;
mod error;
mod keys;
mod signature;
mod token;

pub use algorithm::Algorithm;
