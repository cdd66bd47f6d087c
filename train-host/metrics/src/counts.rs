//! True positives, false positives, false negatives, and the ratios made of them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Objects counted under one criterion.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Targets found.
    pub tp: u64,
    /// Detections without a target.
    pub fp: u64,
    /// Targets not found.
    pub fn_: u64,
}

impl Counts {
    /// `tp / (tp + fp)`. A set with targets and no detection has 0, as the field prints it; a set with neither has
    /// nothing to measure and gives `None`.
    pub fn precision(&self) -> Option<f64> {
        match self.tp + self.fp {
            0 if self.fn_ == 0 => None,
            0 => Some(0.0),
            found => Some(self.tp as f64 / found as f64),
        }
    }

    /// `tp / (tp + fn)`, the detection probability of targets; `None` without targets.
    pub fn recall(&self) -> Option<f64> {
        match self.tp + self.fn_ {
            0 => None,
            targets => Some(self.tp as f64 / targets as f64),
        }
    }

    /// `2PR / (P + R)`, 0 when `P + R` is 0; `None` without targets.
    pub fn f1(&self) -> Option<f64> {
        let (p, r) = (self.precision()?, self.recall()?);
        Some(if p + r > 0.0 {
            2.0 * p * r / (p + r)
        } else {
            0.0
        })
    }

    /// The three ratios in percent.
    pub fn prf(&self) -> Prf {
        let percent = |v: Option<f64>| v.map(|v| 100.0 * v);
        Prf {
            p: percent(self.precision()),
            r: percent(self.recall()),
            f1: percent(self.f1()),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.fn_ += other.fn_;
    }
}

/// Precision, recall and F1 in percent; `null` in JSON where the ratio does not exist.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prf {
    /// Precision, percent.
    #[serde(rename = "P")]
    pub p: Option<f64>,
    /// Recall, percent.
    #[serde(rename = "R")]
    pub r: Option<f64>,
    /// F1, percent.
    #[serde(rename = "F1")]
    pub f1: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_target_has_no_recall_and_no_f1() {
        let c = Counts {
            tp: 0,
            fp: 3,
            fn_: 0,
        };
        assert_eq!((c.precision(), c.recall(), c.f1()), (Some(0.0), None, None));
        assert_eq!(Counts::default().precision(), None);
    }

    #[test]
    fn no_detection_has_precision_zero_and_f1_zero() {
        let c = Counts {
            tp: 0,
            fp: 0,
            fn_: 4,
        };
        assert_eq!(
            (c.precision(), c.recall(), c.f1()),
            (Some(0.0), Some(0.0), Some(0.0))
        );
    }

    #[test]
    fn f1_is_the_harmonic_mean() {
        assert_eq!(
            Counts {
                tp: 1,
                fp: 1,
                fn_: 0
            }
            .f1(),
            Some(2.0 / 3.0)
        );
    }
}
