//! A model on labelled images: detections, masks, metrics.
//!
//! In: a model and samples. Out: what the model says of each, and the metrics of all. The images go through the detector
//! of the runtime, so what is scored here is what flies. Refused: images that the detector refuses, by name.

use anyhow::{Context as _, Error};
use invdet_core::{Detections, Frame, ImageSize};
use invdet_data::Sample;
use invdet_detector::{Detector, DetectorOptions};
use invdet_metrics::{EvalOptions, Evaluator, MetricsError, ScoredBox, Target};
use invdet_net::manifest::Model;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Detections below this score are of no use to any threshold.
const LEAST_SCORE: f32 = 0.01;

/// What the model says of one image.
#[derive(Debug, Clone, Default)]
pub struct Prediction {
    /// All detections of at least 0.01, at most as many as a frame of the runtime has, highest score first.
    pub detections: Vec<ScoredBox>,
    /// Probability of each pixel, row by row, size of the image.
    pub probability: Vec<f32>,
}

/// Runs `model` on every sample, images shared out among `threads` threads; `done` is told after each.
///
/// # Errors
/// The first sample, in order, that the detector refuses.
pub fn predict(
    model: &Model,
    samples: &[Sample],
    threads: usize,
    done: &(dyn Fn() + Sync),
) -> anyhow::Result<Vec<Prediction>> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<anyhow::Result<Prediction>>>> =
        samples.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, samples.len().max(1)) {
            scope.spawn(|| {
                let mut worker = None;
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(sample), Some(slot)) = (samples.get(i), results.get(i)) else {
                        return;
                    };
                    let prediction = run(&mut worker, model, sample);
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(prediction);
                    done();
                }
            });
        }
    });
    let mut predictions = Vec::with_capacity(samples.len());
    for (slot, sample) in results.into_iter().zip(samples) {
        let prediction = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        let prediction = prediction.unwrap_or_else(|| Err(Error::msg("was not looked at")));
        predictions.push(prediction.with_context(|| format!("{}/{}", sample.set, sample.name))?);
    }
    Ok(predictions)
}

/// The heat map of each sample, see [`Detector::heat_probability`]: for the few images that a person looks at.
///
/// # Errors
/// The first sample, in order, that the detector refuses.
pub fn heat_maps(model: &Model, samples: &[&Sample]) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut worker = None;
    let heat = |sample: &&Sample| {
        let (detector, _) = detect(&mut worker, model, sample)
            .with_context(|| format!("{}/{}", sample.set, sample.name))?;
        let mut heat = Vec::new();
        detector.heat_probability(&mut heat);
        Ok(heat)
    };
    samples.iter().map(heat).collect()
}

fn run(
    worker: &mut Option<Detector>,
    model: &Model,
    sample: &Sample,
) -> anyhow::Result<Prediction> {
    let (detector, detections) = detect(worker, model, sample)?;
    let mut probability = Vec::with_capacity(ImageSize::pixels(sample.size));
    detector.mask_probability(&mut probability);
    Ok(Prediction {
        detections: detections.iter().map(|d| ScoredBox::from(*d)).collect(),
        probability,
    })
}

/// One image; `worker` is made for the first and kept.
fn detect<'a>(
    worker: &'a mut Option<Detector>,
    model: &Model,
    sample: &Sample,
) -> anyhow::Result<(&'a Detector, Detections)> {
    let detector = match worker {
        Some(detector) => detector,
        // One thread an image: small images gain nothing from being split.
        None => {
            let options = DetectorOptions {
                threads: 1,
                threshold: Some(LEAST_SCORE),
            };
            worker.insert(Detector::new(model, sample.size, options)?)
        }
    };
    let frame = Frame {
        size: sample.size,
        counts: sample.counts.clone(),
        bits: sample.bits,
        ..Frame::default()
    };
    let mut detections = Detections::new();
    detector.detect(&frame, &mut detections)?;
    Ok((detector, detections))
}

/// Feeds predictions to an evaluator.
///
/// # Errors
/// Shapes that disagree.
pub fn evaluate(
    samples: &[Sample],
    predictions: &[Prediction],
    options: EvalOptions,
) -> Result<Evaluator, MetricsError> {
    let mut evaluator = Evaluator::new(options);
    for (s, p) in samples.iter().zip(predictions) {
        if s.has_mask {
            evaluator.add_image(s.size, &p.detections, Some(&p.probability), &s.mask)?;
        } else {
            let targets: Vec<Target> = s.targets.iter().map(labelled).collect();
            evaluator.add_boxes(s.size, &p.detections, &targets)?;
        }
    }
    Ok(evaluator)
}

fn labelled(t: &invdet_data::Target) -> Target {
    Target {
        x: t.x.into(),
        y: t.y.into(),
        w: t.w.into(),
        h: t.h.into(),
        area: t.area,
    }
}
