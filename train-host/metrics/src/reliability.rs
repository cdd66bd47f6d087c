//! Whether a score means what it says: of the detections scored 0.8, are 80 % targets?
//!
//! In: the score of every detection of a set and whether it is a hit. Out: ten bins of score, each with its mean score
//! and observed precision, and the expected calibration error. Refused: nothing; no detection gives empty bins.
//!
//! The error is that of Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), applied to detections as in
//! Kueppers et al., "Multivariate Confidence Calibration for Object Detection" (CVPRW 2020): the mean over detections of
//! |precision - mean score| of their bin. A second detection on one target is false. Detections that were never made
//! (missed targets) do not enter.

use serde::{Deserialize, Serialize};

/// Bins of equal width between scores 0 and 1.
pub const BINS: usize = 10;

/// The detections of a range of scores. Fractions, not percent, so that they compare with scores.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Least score of the bin.
    pub from: f64,
    /// Scores are below this; 1 itself belongs to the last bin.
    pub to: f64,
    /// Detections in it.
    pub detections: u64,
    /// Of them on a target.
    pub hits: u64,
    /// Mean of their scores, 0..=1; `null` without detections.
    pub mean_score: Option<f64>,
    /// `hits / detections`, 0..=1; `null` without detections.
    pub precision: Option<f64>,
}

/// Predicted score against observed precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// [`BINS`] bins by rising score.
    pub bins: Vec<ReliabilityBin>,
    /// Detections in all bins.
    pub detections: u64,
    /// Mean over detections of |precision - mean score| of their bin, 0..=1; `null` without detections.
    pub expected_calibration_error: Option<f64>,
}

impl Reliability {
    /// Of `(score, hit)` pairs; scores outside 0..=1 count in the nearest bin.
    pub fn of(verdicts: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut bins: Vec<ReliabilityBin> = (0..BINS)
            .map(|i| ReliabilityBin {
                from: i as f64 / BINS as f64,
                to: (i + 1) as f64 / BINS as f64,
                ..ReliabilityBin::default()
            })
            .collect();
        let mut sums = [0.0; BINS];
        for (score, hit) in verdicts {
            // In f32, where 0.7 times 10 is 7: a score written as 0.7 belongs to the bin from 0.7 on.
            let at = ((score * BINS as f32).max(0.0) as usize).min(BINS - 1);
            if let (Some(bin), Some(sum)) = (bins.get_mut(at), sums.get_mut(at)) {
                bin.detections += 1;
                bin.hits += u64::from(hit);
                *sum += f64::from(score);
            }
        }
        let (mut detections, mut error) = (0, 0.0);
        for (bin, sum) in bins.iter_mut().zip(sums) {
            if bin.detections == 0 {
                continue;
            }
            let (n, hits) = (bin.detections as f64, bin.hits as f64);
            bin.mean_score = Some(sum / n);
            bin.precision = Some(hits / n);
            detections += bin.detections;
            // n |hits / n - sum / n|
            error += (hits - sum).abs();
        }
        Self {
            bins,
            detections,
            expected_calibration_error: (detections > 0).then(|| error / detections as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_and_error_are_those_computed_by_hand() {
        let verdicts = [
            (0.05, false),
            (0.15, false),
            (0.15, true),
            (0.92, true),
            (0.94, true),
            (0.96, false),
            (0.98, true),
            (1.0, true),
        ];
        let r = Reliability::of(verdicts);
        let filled: Vec<(usize, u64, u64)> = (0..)
            .zip(&r.bins)
            .filter(|(_, b)| b.detections > 0)
            .map(|(i, b)| (i, b.detections, b.hits))
            .collect();
        assert_eq!(filled, [(0, 1, 0), (1, 2, 1), (9, 5, 4)]);
        let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-7;
        assert!(close(r.bins[1].mean_score, 0.15) && close(r.bins[1].precision, 0.5));
        assert!(close(r.bins[9].mean_score, 0.96) && close(r.bins[9].precision, 0.8));
        // (1 * |0 - 0.05| + 2 * |0.5 - 0.15| + 5 * |0.8 - 0.96|) / 8
        assert!(close(r.expected_calibration_error, 1.55 / 8.0));
    }

    #[test]
    fn a_score_on_an_edge_belongs_to_the_bin_above() {
        for tenths in 0..10_u8 {
            let r = Reliability::of([(f32::from(tenths) / 10.0, true)]);
            assert_eq!(r.bins[usize::from(tenths)].detections, 1, "{tenths}");
        }
    }

    #[test]
    fn scores_that_tell_the_truth_have_no_error_and_no_detection_has_none_to_tell() {
        let honest = (0..100).map(|i| (0.25, i % 4 == 0));
        assert_eq!(
            Reliability::of(honest).expected_calibration_error,
            Some(0.0)
        );
        let none = Reliability::of([]);
        assert_eq!(
            (none.detections, none.expected_calibration_error),
            (0, None)
        );
        assert_eq!(none.bins.len(), BINS);
    }
}
