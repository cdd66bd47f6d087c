//! The JSON object of `invdet-train eval --json`.

use serde::{Deserialize, Serialize};

use crate::area::RecallByArea;
use crate::counts::Prf;
use crate::opdc::OpdcTotals;

/// Metrics of one set at one threshold. Percent, except `Fa_1e6`, which is in millionths; `null` where a metric does
/// not exist (no target in the set, no probability maps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the data set.
    pub dataset: String,
    /// Name of the split.
    pub split: String,
    /// Number of images.
    pub images: u64,
    /// Detections of at least this score were kept, 0..=1.
    pub threshold: f32,
    /// P1 at the threshold.
    pub box_iou50: Prf,
    /// P2 at the threshold (Hungarian). The headline.
    pub centre_3px: Prf,
    /// P3 at the threshold.
    pub spire_5px: Prf,
    /// P4 at the threshold.
    pub geo_05: Prf,
    /// P5 on the thresholded probability maps.
    pub opdc: OpdcReport,
    /// IoU over the set, percent.
    #[serde(rename = "IoU")]
    pub iou: Option<f64>,
    /// Mean IoU of images, percent.
    #[serde(rename = "nIoU")]
    pub n_iou: Option<f64>,
    /// Detected targets, percent.
    #[serde(rename = "Pd")]
    pub pd: Option<f64>,
    /// False pixels per million pixels.
    #[serde(rename = "Fa_1e6")]
    pub fa_1e6: Option<f64>,
    /// Recall of P2 by target area.
    pub recall_by_area: RecallByArea,
}

/// OPDC and hIoU in percent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OpdcReport {
    /// Precision, percent.
    #[serde(rename = "P")]
    pub p: Option<f64>,
    /// Recall, percent.
    #[serde(rename = "R")]
    pub r: Option<f64>,
    /// F1, percent.
    #[serde(rename = "F1")]
    pub f1: Option<f64>,
    /// Hierarchical IoU, percent.
    #[serde(rename = "hIoU")]
    pub h_iou: Option<f64>,
}

impl From<&OpdcTotals> for OpdcReport {
    fn from(totals: &OpdcTotals) -> Self {
        let Prf { p, r, f1 } = totals.counts.prf();
        Self {
            p,
            r,
            f1,
            h_iou: Some(100.0 * totals.h_iou()),
        }
    }
}
