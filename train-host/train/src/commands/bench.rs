//! `invdet-train bench`: time of one training step.

use super::{Outcome, default_threads, input, running};
use clap::Args;
use invdet_cpu::Engine;
use invdet_cpu::training::{Reach, Statistics, Trainer};
use invdet_data::Target;
use invdet_net::config::NetworkConfig;
use invdet_train::loss::{DetectionLoss, Truth};
use invdet_train::optim::{AdamW, Rates, clip, initial_weights};
use serde::Serialize;
use std::time::Instant;

/// Example: invdet-train bench --network b --batch 8 --size 256 --threads 2 --json
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Named network: s or b.
    #[arg(long, default_value = "s")]
    network: String,
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
    mode: &'static str,
    runs: usize,
    step_median_ms: f64,
    peak_rss_mb: f64,
    gflop_per_image: f64,
}

pub(crate) fn bench(args: &BenchArgs) -> Outcome {
    let config = NetworkConfig::named(&args.network).map_err(input)?;
    let graph = invdet_net::arch::build(&config).map_err(input)?;
    if args.size == 0
        || !args.size.is_multiple_of(invdet_net::config::STRIDE)
        || args.batch == 0
        || args.runs == 0
    {
        return Err(input(anyhow::anyhow!(
            "--size must be a multiple of 16, --batch and --runs at least 1"
        )));
    }
    let threads = args.threads.unwrap_or_else(default_threads);
    let engine = Engine::new(threads);
    let mut weights = initial_weights(&graph, 1);
    let mut optimizer = AdamW::new(&graph);
    let mut trainer = Trainer::new(&graph, Reach::Encoder, args.batch, args.size, args.size);
    let values: Vec<f32> = (0..args.batch * args.size * args.size)
        .map(|i| (i * 37 % 101) as f32 * 0.02 - 1.0)
        .collect();
    trainer.input_mut().fill_from(&values);
    let mut truth = Truth {
        targets: Vec::new(),
        mask: vec![0; args.size * args.size],
        ..Truth::default()
    };
    let c = args.size / 2;
    truth.targets.push(Target {
        x: c as f32 + 0.5,
        y: c as f32 + 0.5,
        w: 3.0,
        h: 3.0,
        area: 9,
    });
    for y in c - 1..c + 2 {
        truth.mask[y * args.size + c - 1..y * args.size + c + 2].fill(1);
    }
    let truths = vec![truth; args.batch];
    let mut loss = DetectionLoss::default();
    let mut times = Vec::with_capacity(args.runs);
    for run in 0..args.runs as u64 + 3 {
        let start = Instant::now();
        trainer.forward(&engine, &mut weights, Statistics::Batch);
        loss.run(engine.pool(), &mut trainer, &truths);
        trainer.backward(&engine, &weights, Statistics::Batch);
        clip(trainer.gradients_mut(), 10.0);
        let rates = Rates {
            lr: 1e-4,
            decay: 1e-2,
        };
        optimizer.step(
            &graph,
            &mut weights,
            trainer.gradients(),
            |_| Some(rates),
            run + 1,
        );
        if run >= 3 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let macs: u64 = graph.macs(args.size, args.size).iter().sum();
    let measured = Measured {
        model: args.network.clone(),
        batch: args.batch,
        size: format!("{0}x{0}", args.size),
        threads,
        mode: "det_only",
        runs: args.runs,
        step_median_ms: times[times.len() / 2],
        peak_rss_mb: peak_rss_mb(),
        gflop_per_image: 2e-9 * macs as f64,
    };
    if args.json {
        println!("{}", serde_json::to_string(&measured).map_err(running)?);
    } else {
        println!(
            "{} batch {} at {}, {} threads: {:.1} ms a step (median of {}), {:.0} MB",
            measured.model,
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
