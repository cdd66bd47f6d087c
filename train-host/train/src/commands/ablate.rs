//! `invdet-train ablate`.

use super::run_folder::RunFolder;
use super::train::{create, go, start};
use super::{Outcome, default_threads, input, running};
use anyhow::Context as _;
use clap::Args;
use invdet_data::{Dataset, Sample, Split, load_split};
use invdet_metrics::EvalOptions;
use invdet_net::manifest::{Model, write_whole};
use invdet_train::ablation::{
    Ablation, Finished, Planned, Scores, TestScores, csv, markdown, retention,
};
use invdet_train::backend::BackendKind;
use invdet_train::charts;
use invdet_train::config::RunConfig;
use invdet_train::epoch_log;
use invdet_train::evaluate::{evaluate, predict};
use invdet_train::run::RunData;
use std::path::{Path, PathBuf};

/// Trains every row with every seed, one run after another, and compares them. A run that is done is not repeated, one that
/// was interrupted goes on; the table is written anew after each.
///
/// Example: invdet-train ablate --config train-host/ablations/encoder.toml --data DIR --out runs/encoder
///
/// The file:
///   seeds = [1, 2, 3]
///   test = ["NUDT-SIRST"]       # optional: score on these test splits too; never choose by them
///   [base]
///   data = ["NUDT-SIRST"]
///   network = "s"
///   epochs = 20
///   [[row]]
///   name = "det_only"
///   [[row]]
///   name = "dual"
///   set = { reconstruction.encoder_grad = "dual" }
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AblateArgs {
    /// The ablation as TOML.
    #[arg(long)]
    config: PathBuf,
    /// Folder of all runs and of the table: ablation.csv, ablation.md, ablation.png.
    #[arg(long)]
    out: PathBuf,
    /// Folder of the data sets that the file names; the current one unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Threads; all cores unless given. The result does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Who computes forward and backward passes; cuda needs a program built with `--features cuda`.
    #[arg(long, value_enum, default_value_t)]
    backend: BackendKind,
    /// End after this many runs in this call; the same command goes on.
    #[arg(long)]
    stop_after: Option<usize>,
}

pub(crate) fn ablate(args: &AblateArgs) -> Outcome {
    let mut ablation = Ablation::load(&args.config).map_err(input)?;
    let mut runs = ablation.plan().map_err(input)?;
    if let Some(folder) = &args.data {
        let sets = runs.iter_mut().flat_map(|r| &mut r.config.data);
        for set in sets.chain(&mut ablation.test) {
            *set = folder.join(&*set);
        }
    }
    for run in &runs {
        same_settings(run, &folder(args, run)).map_err(input)?;
    }
    let rows: Vec<&str> = ablation.rows.iter().map(|r| r.name.as_str()).collect();
    let mut finished = Vec::new();
    let mut trained = 0;
    let mut data: Option<(RunConfig, RunData)> = None;
    for (i, run) in runs.iter().enumerate() {
        let files = folder(args, run);
        let result = files.path().join("scores.json");
        let scores = match std::fs::read(&result) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{}: damaged; delete it and run again", result.display()))
                .map_err(input)?,
            Err(_) => {
                if args.stop_after.is_some_and(|most| trained >= most) {
                    continue;
                }
                trained += 1;
                eprintln!("run {} of {}: {}", i + 1, runs.len(), run.folder());
                // Runs over the same sets share them in memory.
                let loaded = match data.take() {
                    Some((config, loaded)) if config.data == run.config.data => loaded,
                    _ => RunData::load(&run.config).map_err(input)?,
                };
                let scores = one(run, &files, &loaded, args, &ablation.test).map_err(running)?;
                let text = serde_json::to_vec_pretty(&scores).map_err(running)?;
                write_whole(&result, &text).map_err(running)?;
                data = Some((run.config.clone(), loaded));
                scores
            }
        };
        finished.push(Finished {
            row: run.row.clone(),
            seed: run.seed,
            scores,
        });
        write_table(&args.out, &rows, &finished).map_err(running)?;
    }
    print!("{}", table(&rows, &finished));
    Ok(())
}

fn folder(args: &AblateArgs, run: &Planned) -> RunFolder {
    RunFolder::new(&args.out.join(run.folder()))
}

/// A folder that holds a run of other settings must not be taken for one of this ablation.
fn same_settings(run: &Planned, files: &RunFolder) -> anyhow::Result<()> {
    let path = files.settings();
    if path.exists() {
        let there = RunConfig::resolve(Some(&path), None, &[])?;
        anyhow::ensure!(
            there == run.config,
            "{}: a run of other settings; name another --out, or delete the folder to train this row anew",
            path.display()
        );
    }
    Ok(())
}

fn one(
    planned: &Planned,
    files: &RunFolder,
    data: &RunData,
    args: &AblateArgs,
    test: &[PathBuf],
) -> anyhow::Result<Scores> {
    let threads = args.threads.unwrap_or_else(default_threads);
    let resume = files.checkpoint().exists();
    if !resume {
        create(&planned.config, files)?;
    }
    let run = start(args.backend, planned.config.clone(), files, resume, threads)?;
    go(run, data, files, None)?;
    let rows = epoch_log::read(&files.log())?;
    let last = rows.last().context("the run has no epoch")?;
    let validation = last
        .validation
        .context("the last epoch was not validated")?;
    let mut scores = Scores {
        validation_f1: validation.f1,
        validation_iou: validation.iou,
        seconds: last.seconds,
        ..Scores::default()
    };
    if !test.is_empty() {
        let model = Model::load(&files.model())?;
        for set in test {
            scores.tests.push(score(&model, set, threads)?);
        }
    }
    Ok(scores)
}

/// What the model reaches on the test split of a data set.
fn score(model: &Model, set: &Path, threads: usize) -> anyhow::Result<TestScores> {
    let dataset = Dataset::open(set)?;
    let samples: Vec<Sample> = load_split(&dataset, &Split::from("test"))?;
    let predictions = predict(model, &samples, threads, &|| ())?;
    let options = EvalOptions {
        threshold: model.manifest.decode.threshold,
        pixel_threshold: model.manifest.decode.mask_threshold,
        ..EvalOptions::default()
    };
    let report = evaluate(&samples, &predictions, options)?.finish(dataset.name(), "test");
    Ok(TestScores {
        f1: report.centre_3px.f1.unwrap_or(0.0),
        box_f1: report.box_iou50.f1.unwrap_or(0.0),
        iou: report.iou.unwrap_or(0.0),
        set: report.dataset,
    })
}

/// The table as it is printed and kept.
fn table(rows: &[&str], finished: &[Finished]) -> String {
    let mut text = markdown(rows, finished);
    if let Some(kept) = retention(finished) {
        text += &format!("\nF1 kept on sets that were not trained on: {kept:.1} % on average\n");
    }
    text
}

fn write_table(out: &Path, rows: &[&str], finished: &[Finished]) -> anyhow::Result<()> {
    let write = |name: &str, text: String| {
        let path = out.join(name);
        write_whole(&path, text.as_bytes())
            .with_context(|| format!("{}: the table cannot be written", path.display()))
    };
    write("ablation.csv", csv(finished))?;
    write("ablation.md", table(rows, finished))?;
    charts::write_png(
        &out.join("ablation.png"),
        &charts::ablation(rows, finished)?,
    )
}
