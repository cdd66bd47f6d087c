//! `invdet-train data check`.

use super::{Outcome, input, running};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum DataCommand {
    /// Report every problem of data sets: masks that do not fit, empty masks, names in two splits, near-duplicates.
    Check(CheckArgs),
}

/// Example: invdet-train data check --data NUAA-SIRST --data NUDT-SIRST
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// A data-set folder (images/, masks/, splits/); may be given several times.
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// Print one JSON array instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn check(args: &CheckArgs) -> Outcome {
    let reports = args
        .data
        .iter()
        .map(|d| invdet_data::check(d))
        .collect::<Result<Vec<_>, _>>()
        .map_err(input)?;
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&reports).map_err(running)?
        );
    } else {
        reports.iter().for_each(|r| println!("{r}"));
    }
    let broken: Vec<&str> = reports
        .iter()
        .filter(|r| !r.is_loadable())
        .map(|r| r.set.as_str())
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(running(anyhow::anyhow!(
            "{} cannot be trained on as it is; see the problems above",
            broken.join(", ")
        )))
    }
}
