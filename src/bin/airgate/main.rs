//! `airgate`: what the gateway would do, asked at a desk. The same core as the
//! module's.

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "a test that panics has failed, as it should"
    )
)]

mod check;
mod completion;
mod console;
mod desk;
mod doctor;
mod document;
mod explain;
mod grant;
mod keygen;
mod line;
mod operations;
mod replay;
mod schema;
mod secrets;
mod story;
mod warnings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Check, explain and look after an airgate configuration.
///
/// Exit codes: 0 all is well, 1 something was found (a mistake, a refusal, a difference), 2 the command could not do
/// its work.
#[derive(Parser)]
#[command(name = "airgate", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Args),
    Explain(explain::Args),
    Replay(replay::Args),
    Doctor(doctor::Args),
    Operations(operations::Args),
    Schema(schema::Args),
    Keygen(keygen::Args),
    Grant(grant::Args),
    Completion(completion::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Operations(args) => operations::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Grant(args) => grant::run(&args),
        Command::Completion(args) => completion::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        console::note(&format!("airgate: {failure}"));
        ExitCode::from(2)
    })
}
