//! The program on the payload: camera to autopilot.
//!
//! In: a command line. Out: what the command's own file in `commands/` says; exit code 0 done, 1 failed while running,
//! 2 bad arguments, profile, model or input. Errors are one line on stderr.

mod commands;
mod failure;
mod ground_station;
mod latency;
mod overlay;
mod part_file;
mod pictures;
mod pipeline;
mod progress;
mod scoring;
mod summary;
mod tally;
mod tracks_file;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Finds small targets in thermal video and reports their tracks over MAVLink.
#[derive(Debug, Parser)]
#[command(name = "invdet", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say more on stderr; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Detect(commands::detect::Args),
    Replay(commands::replay::Args),
    Bench(commands::bench::Args),
    Profiles(commands::profiles::Args),
    Demo(commands::demo::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = match cli.verbose {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Trace,
    };
    env_logger::Builder::new().filter_level(level).init();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Detect(args) => commands::detect::run(args),
        Command::Replay(args) => commands::replay::run(args),
        Command::Bench(args) => commands::bench::run(args),
        Command::Profiles(args) => commands::profiles::run(args),
        Command::Demo(args) => commands::demo::run(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
