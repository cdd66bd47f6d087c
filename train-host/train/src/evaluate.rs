//! A model on labelled images: detections, masks, metrics.

use invdet_core::{Detections, ImageSize};
use invdet_cpu::Engine;
use invdet_cpu::inference::Network;
use invdet_data::Sample;
use invdet_metrics::{EvalOptions, Evaluator, ScoredBox};
use invdet_net::decode::{decode, sigmoid};
use invdet_net::manifest::{Decode, Input, Model};
use invdet_net::normalise::Normalisation;
use std::sync::{Mutex, PoisonError};

/// Detections below this score are of no use to any threshold.
const LEAST_SCORE: f32 = 0.01;

/// What the model says of one image.
#[derive(Debug, Clone, Default)]
pub struct Prediction {
    /// All detections of at least 0.01.
    pub detections: Vec<ScoredBox>,
    /// Probability of each pixel, native size.
    pub probability: Vec<f32>,
}

/// How the model normalises its input.
pub fn normalisation(input: Input) -> Normalisation {
    match input {
        Input::Robust => Normalisation::Robust,
        Input::Fixed { mean, std } => Normalisation::Fixed { mean, std },
    }
}

/// Runs `model` on every sample, images shared out among `threads` threads; `done` is told after each.
pub fn predict(model: &Model, samples: &[Sample], threads: usize, done: &(dyn Fn() + Sync)) -> Vec<Prediction> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results: Vec<Mutex<Prediction>> = samples.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                // One image a thread: small images gain nothing from being split.
                let engine = Engine::new(1);
                let mut network = Network::new(&model.graph, &model.weights, 16, 16);
                loop {
                    let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(sample) = samples.get(i) else { return };
                    let prediction = run(&engine, &mut network, model, sample);
                    *results[i].lock().unwrap_or_else(PoisonError::into_inner) = prediction;
                    done();
                }
            });
        }
    });
    results.into_iter().map(|m| m.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn run(engine: &Engine, network: &mut Network, model: &Model, sample: &Sample) -> Prediction {
    let ImageSize { width, height } = sample.size;
    let (w, h) = (width as usize, height as usize);
    network.resize(h, w);
    let affine = match normalisation(model.manifest.input) {
        Normalisation::Robust => sample.robust,
        fixed => fixed.affine(&mut invdet_net::normalise::Robust::new(), &sample.counts),
    };
    let (_, padded_w) = network.size();
    let (padded_h, _) = network.size();
    let input = network.input_mut();
    for y in 0..padded_h {
        let from = &sample.counts[reflect(y, h) * w..][..w];
        let row = input.row_mut(0, 0, y);
        affine.apply_to(from, &mut row[..w]);
        for x in w..padded_w {
            row[x] = row[reflect(x, w)];
        }
    }
    network.run(engine);
    let mut detections = Detections::new();
    let params = Decode { threshold: LEAST_SCORE, ..model.manifest.decode };
    decode(&network.heads(), &params, sample.size, &mut detections);
    let mask = network.mask();
    Prediction {
        detections: detections
            .iter()
            .map(|d| ScoredBox {
                x: d.x.into(),
                y: d.y.into(),
                w: d.w.into(),
                h: d.h.into(),
                score: d.score,
                area: None,
            })
            .collect(),
        probability: (0..h).flat_map(|y| mask.row(y)[..w].iter().map(|x| sigmoid(*x))).collect(),
    }
}

/// Index of pixel `i` mirrored at the end of `length` pixels.
fn reflect(i: usize, length: usize) -> usize {
    if i < length { i } else { (2 * length).saturating_sub(i + 2).min(length - 1) }
}

/// Feeds predictions to an evaluator.
///
/// # Errors
/// Shapes that disagree.
pub fn evaluate(
    samples: &[Sample],
    predictions: &[Prediction],
    options: EvalOptions,
) -> Result<Evaluator, invdet_metrics::MetricsError> {
    let mut evaluator = Evaluator::new(options);
    for (s, p) in samples.iter().zip(predictions) {
        evaluator.add_image(s.size, &p.detections, Some(&p.probability), &s.mask)?;
    }
    Ok(evaluator)
}
