//! A model on the validation images of a run: the scores that choose the checkpoint, and its thresholds.

use crate::evaluate::{Prediction, evaluate, predict};
use invdet_data::Sample;
use invdet_metrics::{
    Criterion, Curve, EvalOptions, Evaluator, FALSE_ALARM_BUDGETS, OperatingPoint, RecallByArea,
    Reliability,
};
use invdet_net::manifest::Model;

/// A validated epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Epochs done.
    pub epoch: u32,
    /// Best centre-3px F1 over thresholds, percent.
    pub f1: f64,
    /// The threshold it is reached at.
    pub threshold: f32,
    /// Mask IoU, percent.
    pub iou: f64,
    /// Sum of both: the checkpoint with the highest is kept.
    pub score: f64,
}

/// Everything that a look at the validation images showed.
#[derive(Debug, Clone)]
pub struct ValidationPass {
    /// The scores.
    pub scores: Validation,
    /// One an image, in the order of the samples.
    pub predictions: Vec<Prediction>,
    evaluator: Evaluator,
}

impl ValidationPass {
    /// Runs `model`, which has seen `epoch` epochs, on the images.
    ///
    /// # Errors
    /// An image that the detector refuses, or a mask that does not fit.
    pub fn run(
        model: &Model,
        samples: &[Sample],
        threads: usize,
        epoch: u32,
    ) -> anyhow::Result<Self> {
        let predictions = predict(model, samples, threads, &|| {})?;
        let pixel_threshold = model.manifest.decode.mask_threshold;
        let options = EvalOptions {
            pixel_threshold,
            ..EvalOptions::default()
        };
        let evaluator = evaluate(samples, &predictions, options)?;
        let best = evaluator.curve(Criterion::Center3Px).best_f1();
        let (threshold, f1) = best.map_or((0.5, 0.0), |p| {
            (p.threshold, 100.0 * p.counts.f1().unwrap_or(0.0))
        });
        let iou = 100.0 * evaluator.pixel().iou().unwrap_or(0.0);
        // A threshold of 0 or 1 would be refused by the model's reader.
        let threshold = threshold.clamp(0.02, 0.98);
        let scores = Validation {
            epoch,
            f1,
            threshold,
            iou,
            score: f1 + iou,
        };
        Ok(Self {
            scores,
            predictions,
            evaluator,
        })
    }

    /// Counts at every threshold.
    pub fn curve(&self, criterion: Criterion) -> Curve {
        self.evaluator.curve(criterion)
    }

    /// Recall of centre-3px by target area when detections of at least `threshold` are kept.
    pub fn recall_by_area(&self, threshold: f32) -> RecallByArea {
        self.evaluator.recall_by_area(threshold)
    }

    /// Scores of detections of at least `least` against centre-3px.
    pub fn reliability(&self, least: f32) -> Reliability {
        self.evaluator.reliability(least)
    }

    /// Centre-3px at each of [`FALSE_ALARM_BUDGETS`].
    pub fn operating_points(&self) -> Vec<OperatingPoint> {
        self.evaluator.operating_points(&FALSE_ALARM_BUDGETS)
    }

    /// Lowest threshold with at most `limit` false objects (centre-3px) per pixel of the images; `None` if even the
    /// highest score has more.
    pub fn threshold_for_false_objects(&self, limit: f64) -> Option<f32> {
        self.curve(Criterion::Center3Px)
            .threshold_for_false_objects(limit)
            .map(|p| p.threshold)
    }
}
