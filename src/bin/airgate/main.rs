//! `airgate`: what the gateway would do, asked at a desk. The same core as the
//! module's.

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
enum Command {}

fn main() -> ExitCode {
    match Cli::parse().command {}
}
