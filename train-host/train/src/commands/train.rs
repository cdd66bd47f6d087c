//! `invdet-train train`.

use super::report::{draw_log, draw_pass};
use super::run_folder::RunFolder;
use super::{Outcome, default_threads, input, progress, running};
use anyhow::Context as _;
use clap::Args;
use invdet_net::manifest::{Model, write_whole};
use invdet_train::backend::BackendKind;
use invdet_train::checkpoint::State;
use invdet_train::config::RunConfig;
use invdet_train::early_stop::EarlyStop;
use invdet_train::epoch_log::{self, EpochRow, ValidationRow};
use invdet_train::events::{EventWriter, of_epoch, of_validation};
use invdet_train::loss::LossParts;
use invdet_train::provenance::{commit, data_sha256};
use invdet_train::run::{Run, RunData};
use invdet_train::validation::ValidationPass;
use std::path::PathBuf;
use std::time::SystemTime;

/// Examples:
///   invdet-train train --data NUAA-SIRST --data NUDT-SIRST --data IRSTD-1K --out runs/s
///   invdet-train train --out runs/s --resume
///   invdet-train train --data NUAA-SIRST --network b --set optimizer.lr=0.001 --set epochs=50 --out runs/b
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TrainArgs {
    /// A data-set folder (images/, masks/, splits/); several are trained on jointly.
    #[arg(long)]
    data: Vec<PathBuf>,
    /// Folder of the run: settings, log, checkpoint, model.
    #[arg(long)]
    out: PathBuf,
    /// Settings as TOML; `run.toml` of another run will do.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Named network: s or b.
    #[arg(long)]
    network: Option<String>,
    /// One setting, for example optimizer.lr=0.001; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Go on where an interrupted run stopped.
    #[arg(long)]
    resume: bool,
    /// Threads; all cores unless given. The result does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Who computes forward and backward passes; cuda needs a program built with `--features cuda`. Not part of the
    /// settings: a run may go on elsewhere, where its numbers round differently.
    #[arg(long, value_enum, default_value_t)]
    backend: BackendKind,
    /// Stop after this many epochs in this call; --resume goes on.
    #[arg(long)]
    stop_after: Option<u32>,
}

pub(crate) fn train(args: &TrainArgs) -> Outcome {
    let files = RunFolder::new(&args.out);
    let config = settings(args, &files).map_err(input)?;
    let threads = args.threads.unwrap_or_else(default_threads);
    let data = RunData::load(&config).map_err(input)?;
    let run = start(args.backend, config, &files, args.resume, threads).map_err(input)?;
    eprintln!(
        "{} training and {} validation images, {} values to learn, {} threads, {}",
        data.train.len(),
        data.validation.len(),
        run.graph.learned_values(),
        threads,
        run.backend()
    );
    go(run, &data, &files, args.stop_after).map_err(running)
}

/// A run at its start or at its checkpoint.
pub(super) fn start(
    backend: BackendKind,
    config: RunConfig,
    files: &RunFolder,
    resume: bool,
    threads: usize,
) -> anyhow::Result<Run> {
    let graph = invdet_net::arch::build(&config.network)?;
    let state = resume
        .then(|| State::load(&graph, &files.checkpoint()))
        .transpose()?;
    Run::on(backend, config, state, threads)
}

fn settings(args: &TrainArgs, files: &RunFolder) -> anyhow::Result<RunConfig> {
    let out = args.out.display();
    let resolved = files.settings();
    if args.resume {
        anyhow::ensure!(
            resolved.exists(),
            "{}: there is no run to resume; start it without --resume",
            resolved.display()
        );
        anyhow::ensure!(
            files.checkpoint().exists(),
            "{}: the run ended before its first checkpoint; start it again without --resume",
            files.checkpoint().display()
        );
        let mut config = RunConfig::resolve(Some(&resolved), None, &args.set)?;
        if !args.data.is_empty() {
            config.data.clone_from(&args.data);
        }
        return Ok(config);
    }
    anyhow::ensure!(
        !files.checkpoint().exists() && !files.log().exists(),
        "{out} holds a run already; go on with --resume or name another --out"
    );
    let mut config =
        RunConfig::resolve(args.config.as_deref(), args.network.as_deref(), &args.set)?;
    if !args.data.is_empty() {
        config.data.clone_from(&args.data);
    }
    create(&config, files)?;
    Ok(config)
}

/// Makes the folder of a run, with its settings in it.
pub(super) fn create(config: &RunConfig, files: &RunFolder) -> anyhow::Result<()> {
    let (out, resolved) = (files.path().display(), files.settings());
    std::fs::create_dir_all(files.path()).with_context(|| {
        format!("{out}: the folder of the run cannot be made; name another --out")
    })?;
    write_whole(&resolved, toml::to_string(config)?.as_bytes()).with_context(|| {
        format!(
            "{}: cannot be written; name another --out",
            resolved.display()
        )
    })
}

/// Trains to the end, or for `stop_after` epochs, writing everything that a run leaves.
pub(super) fn go(
    mut run: Run,
    data: &RunData,
    files: &RunFolder,
    stop_after: Option<u32>,
) -> anyhow::Result<()> {
    let first = run.state.progress.epoch;
    let last = stop_after.map_or(run.config.epochs, |n| {
        first.saturating_add(n).min(run.config.epochs)
    });
    let steps = run.steps_per_epoch(&data.train) as u64;
    let bar = progress(u64::from(run.config.epochs) * steps, "train");
    bar.set_position(u64::from(first) * steps);
    let origin = Origin {
        data_sha256: data_sha256(&data.train),
        commit: commit(),
    };
    let data_now = u64::from_str_radix(&origin.data_sha256[..16], 16).ok();
    if run
        .state
        .progress
        .data
        .is_some_and(|began| Some(began) != data_now)
    {
        log::warn!(
            "{}: the training images are not those that the run began with; it goes on with the new ones",
            files.path().display()
        );
    }
    run.state.progress.data = data_now;
    let mut events = EventWriter::new(&files.events(), u64::from(first) + 1);
    let stop = |run: &Run| {
        let done = &run.state.progress;
        let best = done.best.map(|(_, epoch)| epoch);
        EarlyStop::after(
            done.epoch,
            best,
            run.config.validate_every,
            run.config.patience,
        )
        .filter(|_| done.epoch < run.config.epochs)
    };
    // A run that stopped early stays stopped when it is resumed with the same patience.
    let mut stopped = stop(&run);
    while run.state.progress.epoch < last && stopped.is_none() {
        let before = run.state.progress.seconds;
        let mut loss = LossParts::default();
        let (mut lr, mut norm) = (0.0, 0.0);
        run.epoch(&data.train, |step| {
            loss.add(&step.loss, 1.0 / steps as f64);
            lr = f64::from(step.lr);
            norm += step.gradient_norm / steps as f64;
            bar.set_message(format!(
                "loss {:.3} norm {:.1}",
                step.loss.total, step.gradient_norm
            ));
            bar.inc(1);
        })?;
        let epoch = run.state.progress.epoch;
        let due = epoch.is_multiple_of(run.config.validate_every) || epoch == run.config.epochs;
        let pass = if due {
            Some(run.validate(&data.validation)?)
        } else {
            None
        };
        let scores = pass.as_ref().map(|p| p.scores);
        if let Some(pass) = &pass
            && run
                .state
                .progress
                .best
                .is_none_or(|(best, _)| pass.scores.score >= best)
        {
            run.state.progress.best = Some((pass.scores.score, epoch));
            let model = save_model(&run, files, pass, &origin)?;
            or_warn(draw_pass(files, pass, &data.validation, &model));
        }
        run.state.save(&run.graph, &files.checkpoint())?;
        let seconds = run.state.progress.seconds;
        let validation = scores.map(|v| ValidationRow {
            f1: v.f1,
            threshold: v.threshold.into(),
            iou: v.iou,
        });
        let row = EpochRow {
            epoch,
            loss,
            lr,
            seconds,
            validation,
        };
        epoch_log::append(&files.log(), &row)?;
        let mut values = of_epoch(&row, norm, seconds - before);
        values.extend(pass.as_ref().map(of_validation).unwrap_or_default());
        or_warn(events.scalars(u64::from(epoch), SystemTime::now(), &values));
        if due || epoch == last {
            or_warn(epoch_log::read(&files.log()).and_then(|rows| draw_log(files, &rows)));
        }
        let text = scores.map_or(String::new(), |v| {
            format!(
                " val F1 {:.2} at {:.2}, IoU {:.2}",
                v.f1, v.threshold, v.iou
            )
        });
        bar.suspend(|| {
            eprintln!(
                "epoch {epoch}/{} loss {:.4}{text} {seconds:.0} s",
                run.config.epochs, loss.total
            )
        });
        stopped = stop(&run);
    }
    bar.finish_and_clear();
    if let Some(stop) = stopped {
        eprintln!("{stop}");
    }
    if let Some((score, epoch)) = run.state.progress.best {
        eprintln!(
            "best validation score {score:.2} after epoch {epoch}: {}",
            files.model().display()
        );
    }
    Ok(())
}

/// A picture or curve that cannot be drawn is no reason to end a run of hours.
fn or_warn(drawn: anyhow::Result<()>) {
    if let Err(cause) = drawn {
        log::warn!("{cause:#}; training goes on without it");
    }
}

/// What a model of this run comes from.
struct Origin {
    data_sha256: String,
    commit: String,
}

fn save_model(
    run: &Run,
    files: &RunFolder,
    pass: &ValidationPass,
    origin: &Origin,
) -> anyhow::Result<Model> {
    let v = &pass.scores;
    let mut model = run.model(&files.name(), v.threshold);
    let training = &mut model.manifest.training;
    training.insert("epoch".into(), i64::from(v.epoch).into());
    training.insert("epochs".into(), i64::from(run.config.epochs).into());
    training.insert("seed".into(), i64::try_from(run.config.seed)?.into());
    training.insert("validation_centre_3px_f1".into(), v.f1.into());
    training.insert("validation_iou".into(), v.iou.into());
    // False objects per pixel of the validation images. No key: even the highest score has more.
    for (key, limit) in [("threshold_fa_1e6", 1e-6), ("threshold_fa_1e5", 1e-5)] {
        if let Some(threshold) = pass.threshold_for_false_objects(limit) {
            training.insert(key.into(), f64::from(threshold).into());
        }
    }
    let sets: Vec<toml::Value> = run
        .config
        .data
        .iter()
        .filter_map(|d| d.file_name())
        .map(|n| n.to_string_lossy().into_owned().into())
        .collect();
    training.insert("data".into(), sets.into());
    training.insert("data_sha256".into(), origin.data_sha256.clone().into());
    training.insert("commit".into(), origin.commit.clone().into());
    model.save(&files.model()).with_context(|| {
        format!(
            "{}: the model cannot be written; free the path or its disk, then --resume",
            files.model().display()
        )
    })?;
    Ok(model)
}
