//! `airgate`: what the gateway would do, asked at a desk. The same core as the
//! module's.

mod doctor;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Check, explain and look after an airgate configuration.
#[derive(Parser)]
#[command(name = "airgate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Doctor(doctor::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Doctor(args) => doctor::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "airgate: {failure}");
        ExitCode::from(2)
    })
}
