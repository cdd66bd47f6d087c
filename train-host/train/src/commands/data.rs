//! `invdet-train data check`.

use super::{Outcome, input, running};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum DataCommand {
    /// Report every problem of data sets: labels that do not fit, boxes outside, names and images in two splits.
    Check(CheckArgs),
}

/// Example: invdet-train data check --data NUAA-SIRST --data my-folder
///
/// Exit 0: no errors (warnings are no errors); 1: errors; 2: a folder that is no data set.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// A data-set folder: images with masks/, COCO, Pascal VOC or YOLO labels, IRDST or DAUB; may be given several times.
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// Print one JSON array instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn check(args: &CheckArgs) -> Outcome {
    let mut reports = Vec::new();
    let mut refused = None;
    for dir in &args.data {
        match invdet_data::check(dir) {
            Ok(report) if args.json => reports.push(report),
            Ok(report) => {
                println!("{report}");
                reports.push(report);
            }
            // The other sets are looked at all the same; the first refusal is the one that is told.
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&reports).map_err(running)?
        );
    }
    if let Some(error) = refused {
        return Err(input(error));
    }
    let broken: Vec<String> = reports
        .iter()
        .filter(|r| r.has_errors())
        .map(|r| format!("{} ({} errors)", r.set, r.errors))
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(running(anyhow::anyhow!(
            "{} cannot be trained on as it is; see the errors above",
            broken.join(", ")
        )))
    }
}
