//! airgate's core: what the gateway decides, and nothing about who runs it.
//!
//! ```text
//! config  gateway                                   all rooms together
//!    ├── identity  access  routing  affinity  upstream  audit    one question each
//!    └── page  caller  decision  demand  metrics  algorithm  seal  http  settings  json  memo  pointer  time  host   the words they are said in
//! ```
//!
//! Imports run downwards only; rooms on one floor do not know each other.
//! Nothing here does I/O, reads a clock or panics: values in, values out.

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "a test that panics has failed, as it should"
    )
)]

pub mod access;
mod address;
pub mod affinity;
pub mod algorithm;
pub mod audit;
pub mod caller;
pub mod config;
pub mod decision;
pub mod demand;
pub mod gateway;
pub mod host;
pub mod http;
pub mod identity;
pub mod json;
mod memo;
pub mod metrics;
mod page;
pub mod pointer;
pub mod routing;
pub mod seal;
pub mod settings;
pub mod time;
mod upstream;

#[cfg(test)]
mod testing;
