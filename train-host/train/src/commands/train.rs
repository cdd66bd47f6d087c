//! `invdet-train train`.

use super::{Outcome, default_threads, input, progress, running};
use anyhow::Context as _;
use clap::Args;
use invdet_net::manifest::write_whole;
use invdet_train::checkpoint::State;
use invdet_train::config::RunConfig;
use invdet_train::run::{Run, RunData, Validation};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
    /// Stop after this many epochs in this call; --resume goes on.
    #[arg(long)]
    stop_after: Option<u32>,
}

pub(crate) fn train(args: &TrainArgs) -> Outcome {
    let files = Files { folder: args.out.clone() };
    let config = settings(args, &files).map_err(input)?;
    let threads = args.threads.unwrap_or_else(default_threads);
    let graph = invdet_net::arch::build(&config.network).map_err(input)?;
    let state =
        if args.resume { Some(State::load(&graph, &files.checkpoint()).map_err(input)?) } else { None };
    let data = RunData::load(&config).map_err(input)?;
    eprintln!(
        "{} training and {} validation images, {} values to learn, {} threads, {}",
        data.train.len(),
        data.validation.len(),
        graph.learned_values(),
        threads,
        invdet_cpu::simd::Isa::best().name()
    );
    let run = Run::new(config, state, threads).map_err(input)?;
    go(run, &data, &files, args.stop_after).map_err(running)
}

/// Where things of a run are.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn settings(&self) -> PathBuf {
        self.folder.join("run.toml")
    }
    fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }
    fn log(&self) -> PathBuf {
        self.folder.join("log.csv")
    }
    fn model(&self) -> PathBuf {
        self.folder.join("model")
    }
}

fn settings(args: &TrainArgs, files: &Files) -> anyhow::Result<RunConfig> {
    let resolved = files.settings();
    if args.resume {
        let mut config = RunConfig::resolve(Some(&resolved), None, &args.set)?;
        if !args.data.is_empty() {
            config.data.clone_from(&args.data);
        }
        return Ok(config);
    }
    anyhow::ensure!(
        !files.checkpoint().exists(),
        "{} holds a run already; go on with --resume or name another --out",
        args.out.display()
    );
    let mut config = RunConfig::resolve(args.config.as_deref(), args.network.as_deref(), &args.set)?;
    if !args.data.is_empty() {
        config.data.clone_from(&args.data);
    }
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    write_whole(&resolved, toml::to_string(&config)?.as_bytes()).with_context(|| resolved.display().to_string())?;
    Ok(config)
}

fn go(mut run: Run, data: &RunData, files: &Files, stop_after: Option<u32>) -> anyhow::Result<()> {
    let first = run.state.progress.epoch;
    let last = stop_after.map_or(run.config.epochs, |n| (first + n).min(run.config.epochs));
    let steps = run.steps_per_epoch(&data.train) as u64;
    let bar = progress(u64::from(run.config.epochs) * steps, "train");
    bar.set_position(u64::from(first) * steps);
    while run.state.progress.epoch < last {
        let mut sums = [0.0f64; 5];
        let mut lr = 0.0;
        run.epoch(&data.train, |step| {
            let l = step.loss;
            for (sum, part) in sums.iter_mut().zip([l.total, l.heat, l.off, l.size, l.mask]) {
                *sum += part / steps as f64;
            }
            lr = step.lr;
            bar.set_message(format!("loss {:.3} norm {:.1}", l.total, step.gradient_norm));
            bar.inc(1);
        })?;
        let epoch = run.state.progress.epoch;
        let due = epoch % run.config.validate_every == 0 || epoch == run.config.epochs;
        let validation = if due { Some(run.validate(&data.validation)?) } else { None };
        if let Some(v) = validation
            && run.state.progress.best.is_none_or(|(best, _)| v.score >= best)
        {
            run.state.progress.best = Some((v.score, epoch));
            save_model(&run, files, &v)?;
        }
        run.state.save(&run.graph, &files.checkpoint())?;
        log_epoch(&files.log(), epoch, &sums, lr, run.state.progress.seconds, validation)?;
        let text = validation.map_or(String::new(), |v| {
            format!(" val F1 {:.2} at {:.2}, IoU {:.2}", v.f1, v.threshold, v.iou)
        });
        bar.suspend(|| {
            eprintln!("epoch {epoch}/{} loss {:.4}{text} {:.0} s", run.config.epochs, sums[0], run.state.progress.seconds);
        });
    }
    bar.finish_and_clear();
    if let Some((score, epoch)) = run.state.progress.best {
        eprintln!("best validation score {score:.2} after epoch {epoch}: {}", files.model().display());
    }
    Ok(())
}

fn save_model(run: &Run, files: &Files, v: &Validation) -> anyhow::Result<()> {
    let name = files.folder.file_name().map_or("model".into(), |n| n.to_string_lossy().into_owned());
    let mut model = run.model(&name, v.threshold);
    let training = &mut model.manifest.training;
    training.insert("epoch".into(), i64::from(v.epoch).into());
    training.insert("epochs".into(), i64::from(run.config.epochs).into());
    training.insert("seed".into(), i64::try_from(run.config.seed)?.into());
    training.insert("validation_centre_3px_f1".into(), v.f1.into());
    training.insert("validation_iou".into(), v.iou.into());
    let sets: Vec<toml::Value> = run
        .config
        .data
        .iter()
        .filter_map(|d| d.file_name())
        .map(|n| n.to_string_lossy().into_owned().into())
        .collect();
    training.insert("data".into(), sets.into());
    model.save(&files.model()).with_context(|| files.model().display().to_string())
}

fn log_epoch(
    path: &Path,
    epoch: u32,
    sums: &[f64; 5],
    lr: f32,
    seconds: f64,
    validation: Option<Validation>,
) -> anyhow::Result<()> {
    let fresh = !path.exists();
    let mut file =
        OpenOptions::new().create(true).append(true).open(path).with_context(|| path.display().to_string())?;
    if fresh {
        writeln!(file, "epoch,loss,heat,off,size,mask,lr,seconds,val_f1,val_threshold,val_iou")?;
    }
    let [total, heat, off, size, mask] = sums;
    let v = validation.map_or(",,".to_string(), |v| format!("{:.4},{:.4},{:.4}", v.f1, v.threshold, v.iou));
    writeln!(file, "{epoch},{total:.6},{heat:.6},{off:.6},{size:.6},{mask:.6},{lr:.3e},{seconds:.1},{v}")?;
    Ok(())
}

