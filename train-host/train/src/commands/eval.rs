//! `invdet-train eval`.

use super::tables::{self, number};
use super::{Outcome, default_threads, input, progress, running};
use anyhow::Context as _;
use clap::Args;
use invdet_data::{Dataset, Sample, Split, load_split};
use invdet_metrics::{
    Criterion, EvalOptions, Evaluator, FALSE_ALARM_BUDGETS, FaArea, FullReport, MaskMode, Prf,
    Report,
};
use invdet_net::manifest::Model;
use invdet_train::evaluate::{Prediction, evaluate, predict};
use invdet_train::{cases, charts, sheet};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Examples:
///   invdet-train eval --model models/invdet-s --data NUAA-SIRST --split test
///   invdet-train eval --model models/invdet-s --data NUDT-SIRST --split test --json
///   invdet-train eval --model models/invdet-s --data IRSTD-1K --sheet look-at-these
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
    /// With --json: also the counts of every criterion, OPDC, recall by target size, every pixel convention, operating
    /// points and the reliability of the scores.
    #[arg(long, requires = "json")]
    full: bool,
    /// Write a page of the worst misses and false alarms, with precision-recall and reliability charts, into this folder.
    #[arg(long, value_name = "DIR")]
    sheet: Option<PathBuf>,
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
    if let Some(folder) = &args.sheet {
        let heading = format!(
            "{} on {} {}",
            model.manifest.name,
            dataset.name(),
            args.split
        );
        let seen = Seen {
            samples: &samples,
            predictions: &predictions,
            evaluator: &evaluator,
        };
        write_sheet(folder, &heading, &model, seen).map_err(running)?;
    }
    let report = evaluator.finish(dataset.name(), &args.split);
    if args.json {
        let promised = Printed::from(&report);
        let text = if args.full {
            serde_json::to_string(&InFull {
                promised,
                mode: &args.mode,
                full: evaluator.full(),
            })
        } else {
            serde_json::to_string(&promised)
        };
        println!("{}", text.map_err(running)?);
    } else {
        print(&report, &evaluator);
        if let Some(folder) = &args.sheet {
            println!("{}: the worst cases", folder.join("index.html").display());
        }
    }
    Ok(())
}

/// A set and what the model says of it.
struct Seen<'a> {
    samples: &'a [Sample],
    predictions: &'a [Prediction],
    evaluator: &'a Evaluator,
}

fn write_sheet(folder: &Path, heading: &str, model: &Model, seen: Seen<'_>) -> anyhow::Result<()> {
    let EvalOptions {
        threshold,
        pixel_threshold,
        ..
    } = *seen.evaluator.options();
    let judged = sheet::rank(seen.samples, seen.predictions, threshold, pixel_threshold);
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "--sheet {}: the folder cannot be made; name another",
            folder.display()
        )
    })?;
    let curves = [
        ("centre < 3 px", Criterion::Center3Px),
        ("box IoU >= 0.5", Criterion::BoxIou50),
    ]
    .map(|(name, criterion)| (name, seen.evaluator.curve(criterion)));
    let reliability = seen.evaluator.reliability(0.0);
    let mut shown = Vec::new();
    // Without any detection there is neither chart.
    if reliability.detections > 0 {
        let chart = charts::precision_recall(heading, &curves, threshold)?;
        charts::write_png(&folder.join("pr.png"), &chart)?;
        let chart = charts::reliability(heading, &reliability)?;
        charts::write_png(&folder.join("reliability.png"), &chart)?;
        shown = vec![
            cases::Chart {
                file: "pr.png",
                caption: "precision over recall",
            },
            cases::Chart {
                file: "reliability.png",
                caption: "observed precision over predicted score",
            },
        ];
    }
    cases::write(folder, heading, model, &judged, threshold, &shown)
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

/// The object that `--json --full` prints: the promised keys and all the rest.
#[derive(Serialize)]
struct InFull<'a> {
    #[serde(flatten)]
    promised: Printed<'a>,
    /// Whose rules decide `IoU`, `nIoU`, `Pd` and `Fa_1e6` above.
    mode: &'a str,
    #[serde(flatten)]
    full: FullReport,
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
    print!("{}", tables::recall_by_area(&r.recall_by_area));
    let points = evaluator.operating_points(&FALSE_ALARM_BUDGETS);
    print!("{}", tables::operating_points(&points));
    let (all, kept) = (
        evaluator.reliability(0.0),
        evaluator.reliability(r.threshold),
    );
    print!("{}", tables::calibration(&all, &kept));
    if let Some(best) = evaluator.curve(Criterion::Center3Px).best_f1() {
        let f1 = number(best.counts.f1().map(|f| 100.0 * f));
        println!(
            "(for information: the best threshold on these images would be {:.3}, F1 {f1})",
            best.threshold
        );
    }
}
