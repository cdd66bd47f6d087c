//! `invdet-train report`, and the pictures that a training run draws of itself.

use super::run_folder::RunFolder;
use super::tables;
use super::{Outcome, default_threads, input, running};
use anyhow::Context as _;
use clap::Args;
use invdet_data::Sample;
use invdet_metrics::Criterion;
use invdet_net::manifest::Model;
use invdet_train::config::RunConfig;
use invdet_train::epoch_log::{self, EpochRow};
use invdet_train::run::RunData;
use invdet_train::sheet::Judged;
use invdet_train::validation::ValidationPass;
use invdet_train::{cases, charts, sheet};
use std::path::PathBuf;

/// Example: invdet-train report --run runs/s
#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Folder of a run, ended, interrupted or going on; pictures, and the page of its worst cases, are written into it.
    #[arg(long)]
    run: PathBuf,
    /// The data sets of the run, where they have moved.
    #[arg(long)]
    data: Vec<PathBuf>,
    /// Threads; all cores unless given.
    #[arg(long)]
    threads: Option<usize>,
}

pub(crate) fn report(args: &ReportArgs) -> Outcome {
    let folder = RunFolder::new(&args.run);
    let rows = epoch_log::read(&folder.log())
        .with_context(|| {
            format!(
                "{}: wanted the folder of a run, with run.toml and log.csv",
                args.run.display()
            )
        })
        .map_err(input)?;
    let mut config = RunConfig::resolve(Some(&folder.settings()), None, &[]).map_err(input)?;
    if !args.data.is_empty() {
        config.data.clone_from(&args.data);
    }
    draw_log(&folder, &rows).map_err(running)?;
    if let Some(last) = rows.last() {
        println!(
            "{} of {} epochs in {:.0} s, loss {:.4}",
            last.epoch, config.epochs, last.seconds, last.loss.total
        );
    }
    if !folder.model().join("model.toml").exists() {
        println!(
            "no model yet (the first comes after epoch {}): pr.png, reliability.png, worst.png and cases/ wait for it",
            config.validate_every
        );
        return Ok(());
    }
    let model = Model::load(&folder.model()).map_err(input)?;
    let data = RunData::load(&config)
        .context("--data names the sets where they have moved")
        .map_err(input)?;
    let epoch = model
        .manifest
        .training
        .get("epoch")
        .and_then(|e| u32::try_from(e.as_integer()?).ok())
        .unwrap_or(0);
    let threads = args.threads.unwrap_or_else(default_threads);
    let pass = ValidationPass::run(&model, &data.validation, threads, epoch).map_err(running)?;
    draw_pass(&folder, &pass, &data.validation, &model).map_err(running)?;
    let s = pass.scores;
    println!(
        "model of epoch {epoch}: validation F1 {:.2} at {:.3}, IoU {:.2}",
        s.f1, s.threshold, s.iou
    );
    let threshold = model.manifest.decode.threshold;
    print!(
        "{}{}{}",
        tables::recall_by_area(&pass.recall_by_area(threshold)),
        tables::operating_points(&pass.operating_points()),
        tables::calibration(&pass.reliability(0.0), &pass.reliability(threshold))
    );
    let heading = format!("{}, validation images, epoch {epoch}", folder.name());
    let ranked = ranked(&pass, &data.validation, &model);
    cases::write(&folder.cases(), &heading, &model, &ranked, threshold, &[]).map_err(running)?;
    println!(
        "{}: loss.png, validation.png, pr.png, reliability.png, worst.png, cases/index.html",
        folder.path().display()
    );
    Ok(())
}

/// `loss.png`, and `validation.png` once an epoch was validated.
pub(crate) fn draw_log(folder: &RunFolder, rows: &[EpochRow]) -> anyhow::Result<()> {
    charts::write_png(&folder.loss_chart(), &charts::loss(rows)?)?;
    if rows.iter().any(|r| r.validation.is_some()) {
        charts::write_png(&folder.validation_chart(), &charts::validation(rows)?)?;
    }
    Ok(())
}

/// The images of a pass of `model`, worst first, at the model's thresholds.
fn ranked<'a>(pass: &'a ValidationPass, samples: &'a [Sample], model: &Model) -> Vec<Judged<'a>> {
    let decode = model.manifest.decode;
    sheet::rank(
        samples,
        &pass.predictions,
        decode.threshold,
        decode.mask_threshold,
    )
}

/// `worst.png`, `pr.png` and `reliability.png` of a pass of `model`, at the model's thresholds.
pub(crate) fn draw_pass(
    folder: &RunFolder,
    pass: &ValidationPass,
    samples: &[Sample],
    model: &Model,
) -> anyhow::Result<()> {
    let threshold = model.manifest.decode.threshold;
    let ranked = ranked(pass, samples, model);
    charts::write_png(&folder.worst(), &sheet::sheet(&ranked, threshold))?;
    let curves = [
        ("centre < 3 px", pass.curve(Criterion::Center3Px)),
        ("box IoU >= 0.5", pass.curve(Criterion::BoxIou50)),
    ];
    let title = format!(
        "{} validation images, epoch {}",
        samples.len(),
        pass.scores.epoch
    );
    charts::write_png(
        &folder.precision_recall(),
        &charts::precision_recall(&title, &curves, threshold)?,
    )?;
    charts::write_png(
        &folder.reliability(),
        &charts::reliability(&title, &pass.reliability(0.0))?,
    )
}
