//! Probability of detection (per target) and false-alarm rate (false *pixels* per pixel).
//!
//! In: the components of a prediction and of a mask, image by image. Out: fractions. Matching, common to all public
//! codes: targets in raster order; each takes the *first* free predicted component, in raster order, whose centroid
//! is closer than 3 px (exactly 3 is a miss). It is not the nearest one.
//!
//! Fa differs. `Basic` counts the pixels of unmatched components. `DnaNet` forgives an unmatched component if its area
//! equals that of any matched component of the image, so it is never above `Basic`.

use crate::components::Component;
use crate::pixel::MaskMode;

/// Centroids must be closer than this, pixels.
pub const MATCH_RADIUS_PX: f64 = 3.0;

/// What false pixels are divided by.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaArea {
    /// Sum of `height * width` over the images: BasicIRSTD, SCTransNet, PyIRSTDMetrics.
    #[default]
    SumOfImages,
    /// `side * side * images`: MSHNet with its input size; DNANet with 256, whatever the images are.
    Square {
        /// Side of the square, pixels.
        side: u32,
    },
}

impl FaArea {
    /// DNANet's hard-coded 256 x 256.
    pub const DNANET: FaArea = FaArea::Square { side: 256 };
}

/// Targets, hits and false pixels of one image.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PdFaCounts {
    /// Target components.
    pub targets: u64,
    /// Targets matched.
    pub detected: u64,
    /// Pixels of unmatched predicted components.
    pub false_pixels: u64,
    /// The same without components whose area equals that of a matched one.
    pub false_pixels_forgiven: u64,
    /// Unmatched predicted components.
    pub false_objects: u64,
}

impl PdFaCounts {
    /// Counts of one image.
    pub fn of(prediction: &[Component], targets: &[Component]) -> Self {
        let mut taken = vec![false; prediction.len()];
        let mut matched_areas = Vec::new();
        for target in targets {
            let first = prediction
                .iter()
                .zip(&mut taken)
                .find(|(p, taken)| !**taken && p.centroid_distance(target) < MATCH_RADIUS_PX);
            if let Some((found, taken)) = first {
                *taken = true;
                matched_areas.push(found.area);
            }
        }
        let mut counts = Self {
            targets: targets.len() as u64,
            detected: matched_areas.len() as u64,
            ..Self::default()
        };
        for (component, _) in prediction.iter().zip(&taken).filter(|(_, taken)| !**taken) {
            counts.false_objects += 1;
            counts.false_pixels += u64::from(component.area);
            if !matched_areas.contains(&component.area) {
                counts.false_pixels_forgiven += u64::from(component.area);
            }
        }
        counts
    }
}

/// Pd and Fa of a set, fed image by image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PdFa {
    mode: MaskMode,
    totals: PdFaCounts,
    images: u64,
    pixels: u64,
}

impl PdFa {
    /// An empty set. Of the mode only the false-alarm rule matters here; components come in already formed.
    pub fn new(mode: MaskMode) -> Self {
        Self {
            mode,
            totals: PdFaCounts::default(),
            images: 0,
            pixels: 0,
        }
    }

    /// Adds one image of `pixels` pixels.
    pub fn add(&mut self, counts: &PdFaCounts, pixels: u64) {
        self.images += 1;
        self.pixels += pixels;
        self.totals.targets += counts.targets;
        self.totals.detected += counts.detected;
        self.totals.false_pixels += counts.false_pixels;
        self.totals.false_pixels_forgiven += counts.false_pixels_forgiven;
        self.totals.false_objects += counts.false_objects;
    }

    /// Sums over the set.
    pub const fn totals(&self) -> &PdFaCounts {
        &self.totals
    }

    /// Detected targets / targets; `None` when the set has no target.
    pub fn pd(&self) -> Option<f64> {
        (self.totals.targets > 0).then(|| self.totals.detected as f64 / self.totals.targets as f64)
    }

    /// False pixels / pixels, not scaled; `None` when there is nothing to divide by. BasicIRSTD rounds it to `f32`.
    pub fn fa(&self, area: FaArea) -> Option<f64> {
        let pixels = match area {
            FaArea::SumOfImages => self.pixels,
            FaArea::Square { side } => u64::from(side) * u64::from(side) * self.images,
        };
        let wrong = match self.mode {
            MaskMode::DnaNet => self.totals.false_pixels_forgiven,
            MaskMode::Basic | MaskMode::Acm | MaskMode::Strict => self.totals.false_pixels,
        };
        (pixels > 0).then(|| wrong as f64 / pixels as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(x: u32, y: u32, area: u32) -> Component {
        Component {
            area,
            centroid_x: f64::from(x),
            centroid_y: f64::from(y),
            x_min: x,
            y_min: y,
            x_max: x + 1,
            y_max: y + 1,
        }
    }

    #[test]
    fn distance_of_exactly_three_is_a_miss() {
        assert_eq!(PdFaCounts::of(&[dot(3, 0, 1)], &[dot(0, 0, 1)]).detected, 0);
        assert_eq!(PdFaCounts::of(&[dot(2, 2, 1)], &[dot(0, 0, 1)]).detected, 1);
    }

    #[test]
    fn the_first_component_in_raster_order_is_taken_not_the_nearest() {
        let counts = PdFaCounts::of(&[dot(2, 0, 5), dot(0, 0, 7)], &[dot(0, 0, 1)]);
        assert_eq!((counts.detected, counts.false_pixels), (1, 7));
    }

    #[test]
    fn dnanet_forgives_a_false_component_of_the_same_area_as_a_matched_one() {
        let counts = PdFaCounts::of(
            &[dot(0, 0, 4), dot(20, 0, 4), dot(30, 0, 6)],
            &[dot(0, 0, 4)],
        );
        assert_eq!((counts.false_pixels, counts.false_pixels_forgiven), (10, 6));
    }

    #[test]
    fn no_target_has_no_pd_and_no_image_has_no_fa() {
        let mut set = PdFa::new(MaskMode::Basic);
        assert_eq!((set.pd(), set.fa(FaArea::SumOfImages)), (None, None));
        set.add(&PdFaCounts::of(&[dot(0, 0, 4)], &[]), 100);
        assert_eq!((set.pd(), set.fa(FaArea::SumOfImages)), (None, Some(0.04)));
        assert_eq!(set.fa(FaArea::DNANET), Some(4.0 / 65536.0));
    }
}
