//! Pixel metrics: IoU over a set, nIoU, pixel accuracy.
//!
//! In: a boolean prediction and the raw bytes of a mask, image by image. Out: fractions. Public codes read a mask as
//! `m / 255`, which is not 0 or 1 at anti-aliased edges, and treat the grey levels differently; [`MaskMode`] names
//! whose treatment is meant. On masks of 0 and 255 all modes give the same IoU and nIoU.

/// The epsilon of `np.spacing(1)`, added to unions.
const SPACING: f64 = f64::EPSILON;
/// Masks are binarised above this byte in [`MaskMode::Strict`].
pub const STRICT_THRESHOLD: u8 = 127;

/// How grey mask levels are read, and which false-alarm rule goes with it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaskMode {
    /// BasicIRSTD: a pixel is in the intersection if its byte is 255, but in the label area if it is 128 or more.
    /// Objects are components of byte 255. Fa: predicted pixels outside matched components
    /// (its early revisions have the rule of `DnaNet`).
    Basic,
    /// DNANet, MSHNet, SCTransNet: as `Basic`, but a false component whose area equals that of any matched component
    /// of the image is forgiven.
    DnaNet,
    /// open-acm: labels are cast to integers, so only byte 255 counts, everywhere. Fa as `Basic`.
    Acm,
    /// Ours: the mask is binarised above 127 first. Fa as `Basic`.
    #[default]
    Strict,
}

impl MaskMode {
    /// Whether a mask byte belongs to an object when components are formed.
    pub const fn is_object(self, byte: u8) -> bool {
        match self {
            MaskMode::Basic | MaskMode::DnaNet | MaskMode::Acm => byte == u8::MAX,
            MaskMode::Strict => byte > STRICT_THRESHOLD,
        }
    }
}

/// `p > threshold`, pixel by pixel. Codes that compare logits with 0 mean a threshold of 0.5 here.
pub fn binarise(probability: &[f32], threshold: f32) -> Vec<bool> {
    probability.iter().map(|&p| p > threshold).collect()
}

/// Pixel counts of one image, from which every mode is derived.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PixelCounts {
    /// Predicted pixels.
    pub predicted: u64,
    /// Mask bytes of 255.
    pub full: u64,
    /// Mask bytes of 128 and more: `m / 255` in `[0.5, 1.5]`, and also `m > 127`.
    pub upper: u64,
    /// Mask bytes above 0.
    pub nonzero: u64,
    /// Predicted pixels with mask byte 255.
    pub predicted_full: u64,
    /// Predicted pixels with mask byte 128 or more.
    pub predicted_upper: u64,
}

impl PixelCounts {
    /// Counts of one image. Pixels that either buffer lacks are not counted.
    pub fn of(prediction: &[bool], mask: &[u8]) -> Self {
        let mut c = Self::default();
        for (&p, &m) in prediction.iter().zip(mask) {
            let (p, full, upper) = (
                u64::from(p),
                u64::from(m == u8::MAX),
                u64::from(m > STRICT_THRESHOLD),
            );
            c.predicted += p;
            c.full += full;
            c.upper += upper;
            c.nonzero += u64::from(m > 0);
            c.predicted_full += p & full;
            c.predicted_upper += p & upper;
        }
        c
    }

    /// Intersection and union as summed over a set for IoU.
    pub const fn set_overlap(&self, mode: MaskMode) -> (u64, u64) {
        match mode {
            MaskMode::Basic | MaskMode::DnaNet => (
                self.predicted_full,
                self.predicted + self.upper - self.predicted_full,
            ),
            MaskMode::Acm | MaskMode::Strict => self.sample_overlap(mode),
        }
    }

    /// Intersection and union of this image as used in nIoU.
    pub const fn sample_overlap(&self, mode: MaskMode) -> (u64, u64) {
        match mode {
            MaskMode::Basic | MaskMode::DnaNet | MaskMode::Acm => (
                self.predicted_full,
                self.predicted + self.full - self.predicted_full,
            ),
            MaskMode::Strict => (
                self.predicted_upper,
                self.predicted + self.upper - self.predicted_upper,
            ),
        }
    }
}

/// IoU, nIoU and pixel accuracy of a set, fed image by image.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelTotals {
    mode: MaskMode,
    images: u64,
    inter: u64,
    union: u64,
    sample_iou_sum: f64,
    correct: u64,
    labelled: u64,
}

impl PixelTotals {
    /// An empty set.
    pub const fn new(mode: MaskMode) -> Self {
        Self {
            mode,
            images: 0,
            inter: 0,
            union: 0,
            sample_iou_sum: 0.0,
            correct: 0,
            labelled: 0,
        }
    }

    /// Adds one image.
    pub fn add(&mut self, counts: &PixelCounts) {
        let (inter, union) = counts.set_overlap(self.mode);
        self.images += 1;
        self.inter += inter;
        self.union += union;
        let (inter, union) = counts.sample_overlap(self.mode);
        self.sample_iou_sum += inter as f64 / (SPACING + union as f64);
        let (correct, labelled) = match self.mode {
            MaskMode::Strict => (counts.predicted_upper, counts.upper),
            _ => (counts.predicted_full, counts.nonzero),
        };
        self.correct += correct;
        self.labelled += labelled;
    }

    /// Intersection and union in pixels, over the set.
    pub const fn overlap(&self) -> (u64, u64) {
        (self.inter, self.union)
    }

    /// IoU over the set ("mIoU" in BasicIRSTD, which has one class), 0..=1. 0 when nothing is predicted or labelled,
    /// as in public code; `None` without images.
    pub fn iou(&self) -> Option<f64> {
        (self.images > 0).then(|| self.inter as f64 / (SPACING + self.union as f64))
    }

    /// Mean IoU of images, 0..=1. An image without target and prediction counts as 0, as in public code, so such
    /// images lower it. `None` without images.
    pub fn n_iou(&self) -> Option<f64> {
        (self.images > 0).then(|| self.sample_iou_sum / self.images as f64)
    }

    /// Share of labelled pixels predicted; BasicIRSTD counts every byte above 0 as labelled. `None` without images.
    pub fn pixel_accuracy(&self) -> Option<f64> {
        (self.images > 0).then(|| self.correct as f64 / (SPACING + self.labelled as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_labels_are_in_the_union_of_basic_but_not_in_its_intersection() {
        // m / 255 = 1, 0.6, 0.3, 0 with the first three predicted.
        let counts = PixelCounts::of(&[true, true, true, false], &[255, 153, 76, 0]);
        assert_eq!(counts.set_overlap(MaskMode::Basic), (1, 4));
        assert_eq!(counts.set_overlap(MaskMode::Acm), (1, 3));
        assert_eq!(counts.set_overlap(MaskMode::Strict), (2, 3));
    }

    #[test]
    fn an_image_without_target_and_prediction_lowers_niou_but_not_iou() {
        let mut totals = PixelTotals::new(MaskMode::Basic);
        totals.add(&PixelCounts::of(&[true], &[255]));
        totals.add(&PixelCounts::of(&[false], &[0]));
        // The epsilon in the denominators keeps both a rounding error below 1 and 1/2.
        assert!((totals.iou().unwrap() - 1.0).abs() < 1e-15);
        assert!((totals.n_iou().unwrap() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn no_image_has_no_iou() {
        let totals = PixelTotals::new(MaskMode::Strict);
        assert_eq!(
            (totals.iou(), totals.n_iou(), totals.pixel_accuracy()),
            (None, None, None)
        );
    }
}
