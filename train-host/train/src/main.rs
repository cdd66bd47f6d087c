//! `invdet-train`: checks data, trains, evaluates and measures.

mod commands;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Trains and evaluates InvDet models.
#[derive(Parser)]
#[command(name = "invdet-train", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look at data sets before training on them.
    #[command(subcommand)]
    Data(commands::data::DataCommand),
    /// Train a model on one or several data sets.
    Train(commands::train::TrainArgs),
    /// Draw the charts and the worst images of a run, without training.
    Report(commands::report::ReportArgs),
    /// Train rows of settings with several seeds and compare them.
    Ablate(commands::ablate::AblateArgs),
    /// Score a model on a split.
    Eval(commands::eval::EvalArgs),
    /// Measure a training step.
    Bench(commands::bench::BenchArgs),
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let result = match Cli::parse().command {
        Command::Data(commands::data::DataCommand::Check(args)) => commands::data::check(&args),
        Command::Train(args) => commands::train::train(&args),
        Command::Report(args) => commands::report::report(&args),
        Command::Ablate(args) => commands::ablate::ablate(&args),
        Command::Eval(args) => commands::eval::eval(&args),
        Command::Bench(args) => commands::bench::bench(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {:#}", failure.cause);
            ExitCode::from(failure.code)
        }
    }
}
