//! Everything that can be said of a set at one threshold: what `invdet-train eval --json --full` adds.
//!
//! In: an [`Evaluator`] that has seen the set. Out: counts of every criterion, OPDC with and without phantoms, the pixel
//! metrics by every convention, recall by target size, operating points at budgets of false alarms, reliability of the
//! scores. Percent unless a name says otherwise; `null` where a number does not exist.

use serde::{Deserialize, Serialize};

use crate::area::RecallByArea;
use crate::counts::{Counts, Prf};
use crate::evaluator::Evaluator;
use crate::matching::Criterion;
use crate::opdc::{OpdcRule, OpdcTotals};
use crate::pd_fa::FaArea;
use crate::pixel::MaskMode;
use crate::reliability::Reliability;

/// False objects per pixel that operating points are given for: one in a million pixels, about one in three frames of
/// 640x512, and ten and a hundred times that.
pub const FALSE_ALARM_BUDGETS: [f64; 3] = [1e-6, 1e-5, 1e-4];

/// Everything at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FullReport {
    /// P1 to P4.
    pub criteria: Criteria,
    /// P5 on the thresholded probability maps; `null` without maps.
    pub opdc: Option<OpdcCounts>,
    /// The same with the phantoms of PyIRSTDMetrics.
    pub opdc_compat: Option<OpdcCounts>,
    /// IoU, Pd and Fa as each public code computes them; `null` without maps.
    pub pixel: Option<Conventions>,
    /// Recall of P2 by target area.
    pub recall_by_area: RecallByArea,
    /// P2 at each of [`FALSE_ALARM_BUDGETS`].
    pub operating_points: Vec<OperatingPoint>,
    /// Scores of all detections against P2.
    pub reliability: Reliability,
    /// The same for detections of at least the threshold.
    pub reliability_at_threshold: Reliability,
}

/// Counts under each criterion of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Criteria {
    /// P1.
    pub box_iou50: CriterionCounts,
    /// P2 (Hungarian).
    pub centre_3px: CriterionCounts,
    /// P2, raster-greedy.
    pub centre_3px_raster: CriterionCounts,
    /// P3.
    pub spire_5px: CriterionCounts,
    /// P4.
    pub geo_05: CriterionCounts,
}

/// Counts and ratios under one criterion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CriterionCounts {
    /// At the threshold.
    #[serde(flatten)]
    pub at_threshold: Tally,
    /// At the threshold of highest F1 on these images, which are not those to choose a threshold by; `null` without
    /// targets or detections.
    pub best_f1: Option<AtThreshold>,
    /// Best F1 as EFLNet and YOLO interpolate it over 1000 confidences.
    pub best_f1_interpolated: Option<Interpolated>,
}

/// Counts with their ratios in percent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Targets found.
    #[serde(rename = "TP")]
    pub tp: u64,
    /// Detections without a target.
    #[serde(rename = "FP")]
    pub fp: u64,
    /// Targets not found.
    #[serde(rename = "FN")]
    pub fn_: u64,
    /// Ratios.
    #[serde(flatten)]
    pub prf: Prf,
}

impl From<Counts> for Tally {
    fn from(counts: Counts) -> Self {
        Self {
            tp: counts.tp,
            fp: counts.fp,
            fn_: counts.fn_,
            prf: counts.prf(),
        }
    }
}

/// Counts at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtThreshold {
    /// Detections of at least this score are kept, 0..=1.
    pub threshold: f32,
    /// What they come to.
    #[serde(flatten)]
    pub tally: Tally,
}

/// See [`crate::curve::InterpolatedBest`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interpolated {
    /// A multiple of 1/999.
    pub confidence: f64,
    /// Ratios there.
    #[serde(flatten)]
    pub prf: Prf,
}

/// OPDC with its counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OpdcCounts {
    /// Objects.
    #[serde(flatten)]
    pub tally: Tally,
    /// Mean mask IoU of the pairs, percent.
    #[serde(rename = "seg_IoU")]
    pub seg_iou: f64,
    /// Pairs over all objects, percent.
    #[serde(rename = "loc_IoU")]
    pub loc_iou: f64,
    /// Their product, percent.
    #[serde(rename = "hIoU")]
    pub h_iou: f64,
}

impl From<&OpdcTotals> for OpdcCounts {
    fn from(totals: &OpdcTotals) -> Self {
        Self {
            tally: totals.counts.into(),
            seg_iou: 100.0 * totals.seg_iou(),
            loc_iou: 100.0 * totals.loc_iou(),
            h_iou: 100.0 * totals.h_iou(),
        }
    }
}

/// The pixel metrics by each [`MaskMode`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Conventions {
    /// [`MaskMode::Strict`].
    pub strict: PixelRow,
    /// [`MaskMode::Basic`].
    pub basic: PixelRow,
    /// [`MaskMode::DnaNet`].
    pub dnanet: PixelRow,
    /// [`MaskMode::Acm`].
    pub acm: PixelRow,
}

/// Pixel metrics by one convention.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PixelRow {
    /// Over the set, percent.
    #[serde(rename = "IoU")]
    pub iou: Option<f64>,
    /// Mean of images, percent.
    #[serde(rename = "nIoU")]
    pub n_iou: Option<f64>,
    /// Labelled pixels predicted, percent.
    #[serde(rename = "pixAcc")]
    pub pixel_accuracy: Option<f64>,
    /// Detected targets, percent.
    #[serde(rename = "Pd")]
    pub pd: Option<f64>,
    /// False pixels per million pixels of the images.
    #[serde(rename = "Fa_1e6")]
    pub fa_1e6: Option<f64>,
    /// False pixels per million of 256 x 256 pixels an image, whatever its size: DNANet's denominator.
    #[serde(rename = "Fa_1e6_of_256x256")]
    pub fa_1e6_of_256: Option<f64>,
    /// False objects: predicted components without a target.
    pub false_objects: u64,
}

/// What is found within a budget of false alarms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// The budget: false objects per pixel (objects, not the false *pixels* of Fa).
    pub limit_per_pixel: f64,
    /// The lowest threshold within it; `null` if even the highest score has more false objects, or nothing is detected.
    pub at: Option<Operation>,
}

/// The set at an operating point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Detections of at least this score are kept, 0..=1.
    pub threshold: f32,
    /// False objects per pixel there.
    pub false_per_pixel: f64,
    /// P2 there.
    #[serde(flatten)]
    pub tally: Tally,
    /// Recall of P2 by target area there.
    pub recall_by_area: RecallByArea,
}

impl Evaluator {
    /// P2 at each of `budgets`, false objects per pixel of the images.
    pub fn operating_points(&self, budgets: &[f64]) -> Vec<OperatingPoint> {
        let curve = self.curve(Criterion::Center3Px);
        let at = |limit: f64| {
            let point = curve.threshold_for_false_objects(limit)?;
            Some(Operation {
                threshold: point.threshold,
                false_per_pixel: point.counts.fp as f64 / self.pixels() as f64,
                tally: point.counts.into(),
                recall_by_area: self.recall_by_area(point.threshold),
            })
        };
        budgets
            .iter()
            .map(|&limit_per_pixel| OperatingPoint {
                limit_per_pixel,
                at: at(limit_per_pixel),
            })
            .collect()
    }

    /// Scores of detections of at least `least` against P2.
    pub fn reliability(&self, least: f32) -> Reliability {
        let curve = self.curve(Criterion::Center3Px);
        let verdicts = curve.verdicts().iter().copied();
        Reliability::of(verdicts.filter(|(score, _)| *score >= least))
    }

    /// Everything at the threshold of the options.
    pub fn full(&self) -> FullReport {
        let threshold = self.options().threshold;
        let mapped = self.has_maps();
        FullReport {
            criteria: Criteria {
                box_iou50: self.criterion(Criterion::BoxIou50),
                centre_3px: self.criterion(Criterion::Center3Px),
                centre_3px_raster: self.criterion(Criterion::Center3PxRaster),
                spire_5px: self.criterion(Criterion::Spire5Px),
                geo_05: self.criterion(Criterion::Geo05),
            },
            opdc: mapped.then(|| self.opdc_by(OpdcRule::Fixed).into()),
            opdc_compat: mapped.then(|| self.opdc_by(OpdcRule::Compat).into()),
            pixel: mapped.then(|| Conventions {
                strict: self.pixel_row(MaskMode::Strict),
                basic: self.pixel_row(MaskMode::Basic),
                dnanet: self.pixel_row(MaskMode::DnaNet),
                acm: self.pixel_row(MaskMode::Acm),
            }),
            recall_by_area: self.recall_by_area(threshold),
            operating_points: self.operating_points(&FALSE_ALARM_BUDGETS),
            reliability: self.reliability(0.0),
            reliability_at_threshold: self.reliability(threshold),
        }
    }

    fn criterion(&self, criterion: Criterion) -> CriterionCounts {
        let at_threshold = self.counts(criterion, self.options().threshold).into();
        // Raster-greedy pairing has no curve of its own.
        if criterion == Criterion::Center3PxRaster {
            return CriterionCounts {
                at_threshold,
                best_f1: None,
                best_f1_interpolated: None,
            };
        }
        let curve = self.curve(criterion);
        CriterionCounts {
            at_threshold,
            best_f1: curve.best_f1().map(|p| AtThreshold {
                threshold: p.threshold,
                tally: p.counts.into(),
            }),
            best_f1_interpolated: curve.best_f1_interpolated().map(|b| Interpolated {
                confidence: b.confidence,
                prf: b.prf(),
            }),
        }
    }

    fn pixel_row(&self, mode: MaskMode) -> PixelRow {
        let (pixel, pd_fa) = (self.pixel_by(mode), self.pd_fa_by(mode));
        let scaled = |value: Option<f64>, by: f64| value.map(|v| by * v);
        PixelRow {
            iou: scaled(pixel.iou(), 100.0),
            n_iou: scaled(pixel.n_iou(), 100.0),
            pixel_accuracy: scaled(pixel.pixel_accuracy(), 100.0),
            pd: scaled(pd_fa.pd(), 100.0),
            fa_1e6: scaled(pd_fa.fa(FaArea::SumOfImages), 1e6),
            fa_1e6_of_256: scaled(pd_fa.fa(FaArea::DNANET), 1e6),
            false_objects: pd_fa.totals().false_objects,
        }
    }
}
