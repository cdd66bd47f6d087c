//! `invdet-train bench`: time of one training step.

use super::{Outcome, default_threads, input, running};
use clap::Args;
use invdet_cpu::training::Statistics;
use invdet_data::Target;
use invdet_net::config::STRIDE;
use invdet_train::config::RunConfig;
use invdet_train::loss::Truth;
use invdet_train::run::Run;
use serde::Serialize;
use std::time::Instant;

/// Examples:
///   invdet-train bench --network b --batch 8 --size 256 --threads 2 --json
///   invdet-train bench --mode dual
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BenchArgs {
    /// Named network: s or b.
    #[arg(long, default_value = "s")]
    network: String,
    /// Who trains the encoder: det_only, dual, literal, joint or frozen.
    #[arg(long, default_value = "det_only")]
    mode: String,
    /// Images of a step.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Height and width of the images.
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// Threads; all cores unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Timed steps, after three that are not.
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measured {
    model: String,
    batch: usize,
    size: String,
    threads: usize,
    mode: String,
    runs: usize,
    step_median_ms: f64,
    peak_rss_mb: f64,
    gflop_per_image: f64,
}

pub(crate) fn bench(args: &BenchArgs) -> Outcome {
    if args.size == 0 || !args.size.is_multiple_of(STRIDE) || args.batch == 0 || args.runs == 0 {
        return Err(input(anyhow::anyhow!(
            "--size must be a multiple of {STRIDE}, --batch and --runs at least 1"
        )));
    }
    let settings = [
        format!("batch={}", args.batch),
        format!("augment.crop={}", args.size),
        format!("reconstruction.encoder_grad={}", args.mode),
    ];
    let config = RunConfig::resolve(None, Some(&args.network), &settings).map_err(input)?;
    // Past all ramps: everything takes part.
    let epoch = 0.5 * config.epochs as f32;
    let threads = args.threads.unwrap_or_else(default_threads);
    let mut run = Run::new(config, None, threads).map_err(input)?;
    let values: Vec<f32> = (0..args.batch * args.size * args.size)
        .map(|i| (i * 37 % 101) as f32 * 0.02 - 1.0)
        .collect();
    run.set_batch(&values, &vec![truth(args.size); args.batch]);
    let mut times = Vec::with_capacity(args.runs);
    for i in 0..args.runs + 3 {
        let start = Instant::now();
        let step = run.train_step(Statistics::Batch, epoch).map_err(running)?;
        if !step.finite {
            return Err(running(anyhow::anyhow!("step {i} was not finite")));
        }
        if i >= 3 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let macs: u64 = run.graph.macs(args.size, args.size).iter().sum();
    let measured = Measured {
        model: args.network.clone(),
        batch: args.batch,
        size: format!("{0}x{0}", args.size),
        threads,
        mode: args.mode.clone(),
        runs: args.runs,
        step_median_ms: times[times.len() / 2],
        peak_rss_mb: peak_rss_mb(),
        gflop_per_image: 2e-9 * macs as f64,
    };
    if args.json {
        println!("{}", serde_json::to_string(&measured).map_err(running)?);
    } else {
        println!(
            "{} {} batch {} at {}, {} threads: {:.1} ms a step (median of {}), {:.0} MB",
            measured.model,
            measured.mode,
            measured.batch,
            measured.size,
            measured.threads,
            measured.step_median_ms,
            measured.runs,
            measured.peak_rss_mb
        );
    }
    Ok(())
}

/// A target of 3x3 pixels in the middle of an image of `size` x `size`.
fn truth(size: usize) -> Truth {
    let c = size / 2;
    let mut mask = vec![0; size * size];
    for y in c - 1..c + 2 {
        mask[y * size + c - 1..y * size + c + 2].fill(1);
    }
    Truth {
        targets: vec![Target {
            x: c as f32 + 0.5,
            y: c as f32 + 0.5,
            w: 3.0,
            h: 3.0,
            area: 9,
        }],
        mask,
        grey: [20.0, 100.0],
    }
}

/// High-water mark of resident memory, from the kernel; 0 where it does not tell.
fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kb = status.lines().find_map(|l| {
        l.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<f64>()
            .ok()
    });
    kb.unwrap_or(0.0) / 1024.0
}
