//! `invdet-train eval`.

use super::{Outcome, default_threads, input, progress, running};
use anyhow::Context as _;
use clap::Args;
use invdet_data::{Dataset, Split, load_split};
use invdet_metrics::{EvalOptions, Evaluator, FaArea, MaskMode, Prf, Report};
use invdet_net::manifest::Model;
use invdet_train::evaluate::{evaluate, predict};
use serde::Serialize;
use std::path::PathBuf;

/// Examples:
///   invdet-train eval --model models/invdet-s --data NUAA-SIRST --split test
///   invdet-train eval --model models/invdet-s --data NUDT-SIRST --split test --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EvalArgs {
    /// Model folder.
    #[arg(long)]
    model: PathBuf,
    /// Data-set folder.
    #[arg(long)]
    data: PathBuf,
    /// Name of a list in splits/, without ending.
    #[arg(long, default_value = "test")]
    split: String,
    /// Least score; the model's own unless given.
    #[arg(long)]
    threshold: Option<f32>,
    /// Whose rules decide IoU, nIoU, Pd and Fa: strict (mask > 127), basic, dnanet or acm.
    #[arg(long, default_value = "strict", value_parser = ["strict", "basic", "dnanet", "acm"])]
    mode: String,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Threads; all cores unless given.
    #[arg(long)]
    threads: Option<usize>,
}

pub(crate) fn eval(args: &EvalArgs) -> Outcome {
    let model = Model::load(&args.model)
        .with_context(|| {
            format!(
                "--model {}: copy the folder again or name another",
                args.model.display()
            )
        })
        .map_err(input)?;
    let dataset = Dataset::open(&args.data).map_err(input)?;
    let samples = load_split(&dataset, &Split::from(args.split.as_str())).map_err(input)?;
    let bar = progress(samples.len() as u64, "eval");
    let threads = args.threads.unwrap_or_else(default_threads);
    let predictions = predict(&model, &samples, threads, &|| bar.inc(1)).map_err(input)?;
    bar.finish_and_clear();
    let options = EvalOptions {
        threshold: args.threshold.unwrap_or(model.manifest.decode.threshold),
        pixel_threshold: model.manifest.decode.mask_threshold,
        mask_mode: match args.mode.as_str() {
            "basic" => MaskMode::Basic,
            "dnanet" => MaskMode::DnaNet,
            "acm" => MaskMode::Acm,
            _ => MaskMode::Strict,
        },
        fa_area: FaArea::default(),
        ..EvalOptions::default()
    };
    let evaluator = evaluate(&samples, &predictions, options).map_err(running)?;
    let report = evaluator.finish(dataset.name(), &args.split);
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&Printed::from(&report)).map_err(running)?
        );
    } else {
        print(&report, &evaluator);
    }
    Ok(())
}

/// The object that `--json` prints: these keys and no others are promised to programs that read it. Percent; `Fa_1e6` in
/// millionths of pixels; `null` where a metric does not exist.
#[derive(Serialize)]
struct Printed<'a> {
    dataset: &'a str,
    split: &'a str,
    images: u64,
    threshold: f32,
    box_iou50: Prf,
    centre_3px: Prf,
    spire_5px: Prf,
    geo_05: Prf,
    #[serde(rename = "IoU")]
    iou: Option<f64>,
    #[serde(rename = "nIoU")]
    n_iou: Option<f64>,
    #[serde(rename = "Pd")]
    pd: Option<f64>,
    #[serde(rename = "Fa_1e6")]
    fa_1e6: Option<f64>,
}

impl<'a> From<&'a Report> for Printed<'a> {
    fn from(r: &'a Report) -> Self {
        Self {
            dataset: &r.dataset,
            split: &r.split,
            images: r.images,
            threshold: r.threshold,
            box_iou50: r.box_iou50,
            centre_3px: r.centre_3px,
            spire_5px: r.spire_5px,
            geo_05: r.geo_05,
            iou: r.iou,
            n_iou: r.n_iou,
            pd: r.pd,
            fa_1e6: r.fa_1e6,
        }
    }
}

fn print(r: &Report, evaluator: &Evaluator) {
    let number = |x: Option<f64>| x.map_or("-".to_string(), |x| format!("{x:.2}"));
    println!(
        "{} {}, {} images, threshold {:.3}",
        r.dataset, r.split, r.images, r.threshold
    );
    println!("{:<24} {:>7} {:>7} {:>7}", "criterion", "P", "R", "F1");
    for (name, prf) in [
        ("centre < 3 px", r.centre_3px),
        ("box IoU >= 0.5", r.box_iou50),
        ("centre <= 5 px (SPIRE)", r.spire_5px),
        ("S_geo >= 0.5", r.geo_05),
    ] {
        println!(
            "{name:<24} {:>7} {:>7} {:>7}",
            number(prf.p),
            number(prf.r),
            number(prf.f1)
        );
    }
    println!(
        "{:<24} {:>7} {:>7} {:>7}",
        "OPDC (mask)",
        number(r.opdc.p),
        number(r.opdc.r),
        number(r.opdc.f1)
    );
    let (iou, n_iou, pd, fa) = (
        number(r.iou),
        number(r.n_iou),
        number(r.pd),
        number(r.fa_1e6),
    );
    println!(
        "IoU {iou}  nIoU {n_iou}  Pd {pd}  Fa {fa} (1e-6 of pixels)  hIoU {}",
        number(r.opdc.h_iou)
    );
    let rows = &r.recall_by_area;
    for (name, row) in [
        ("up to 9 px", rows.point),
        ("10 to 49 px", rows.spot),
        ("50 px and more", rows.extended),
    ] {
        println!(
            "targets of {name:<13} {:>7} found of {}, {} false",
            number(row.r),
            row.targets,
            row.false_detections
        );
    }
    if let Some(best) = evaluator
        .curve(invdet_metrics::Criterion::Center3Px)
        .best_f1()
    {
        let f1 = number(best.counts.f1().map(|f| 100.0 * f));
        println!(
            "(for information: the best threshold on these images would be {:.3}, F1 {f1})",
            best.threshold
        );
    }
}
