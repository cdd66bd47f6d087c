//! Recall by target size, and false detections by their own size.
//!
//! In: the targets, detections and pairs of one image. Out: one row per size. A target belongs to the bin of its mask
//! area; a false detection has no target, so it belongs to the bin of its own area (mask where known, else box).

use serde::{Deserialize, Serialize};

use crate::boxes::{ScoredBox, Target};
use crate::matching::Matching;

/// Size classes of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AreaBin {
    /// Fewer than 10 pixels with the default limits.
    Point,
    /// 10 to 49 pixels.
    Spot,
    /// 50 pixels and more.
    Extended,
}

impl AreaBin {
    /// Greatest areas of a point and of a spot, square pixels.
    pub const DEFAULT_LIMITS: [u32; 2] = [9, 49];

    /// Bin of an area. A box area between two limits, such as 9.5, is in the lower bin.
    pub fn of(area: f64, limits: [u32; 2]) -> Self {
        let [point, spot] = limits.map(|limit| f64::from(limit) + 1.0);
        if area < point {
            AreaBin::Point
        } else if area < spot {
            AreaBin::Spot
        } else {
            AreaBin::Extended
        }
    }
}

/// One size class.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AreaRow {
    /// Targets of this size.
    pub targets: u64,
    /// Of them found.
    pub found: u64,
    /// `found / targets` in percent; `null` without targets.
    #[serde(rename = "R")]
    pub r: Option<f64>,
    /// False detections of this size.
    pub false_detections: u64,
}

/// All size classes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallByArea {
    /// Area up to the first limit (9).
    pub point: AreaRow,
    /// Area up to the second limit (49).
    pub spot: AreaRow,
    /// Larger.
    pub extended: AreaRow,
}

impl RecallByArea {
    /// Adds one image.
    pub fn add(
        &mut self,
        targets: &[Target],
        detections: &[ScoredBox],
        matching: &Matching,
        limits: [u32; 2],
    ) {
        for (index, target) in targets.iter().enumerate() {
            let found = matching
                .pairs
                .binary_search_by_key(&index, |&(t, _)| t)
                .is_ok();
            let row = self.row(AreaBin::of(f64::from(target.area), limits));
            row.targets += 1;
            row.found += u64::from(found);
        }
        for detection in matching
            .false_detections
            .iter()
            .filter_map(|&d| detections.get(d))
        {
            self.row(AreaBin::of(detection.known_area(), limits))
                .false_detections += 1;
        }
        for row in [&mut self.point, &mut self.spot, &mut self.extended] {
            row.r = (row.targets > 0).then(|| 100.0 * row.found as f64 / row.targets as f64);
        }
    }

    fn row(&mut self, bin: AreaBin) -> &mut AreaRow {
        match bin {
            AreaBin::Point => &mut self.point,
            AreaBin::Spot => &mut self.spot,
            AreaBin::Extended => &mut self.extended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_belong_to_the_smaller_class() {
        let bins = [1.0, 9.0, 10.0, 49.0, 50.0].map(|a| AreaBin::of(a, AreaBin::DEFAULT_LIMITS));
        use AreaBin::{Extended, Point, Spot};
        assert_eq!(bins, [Point, Point, Spot, Spot, Extended]);
    }
}
