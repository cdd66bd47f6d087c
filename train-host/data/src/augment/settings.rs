use serde::{Deserialize, Serialize};

use crate::DataError;

/// Settings of the augmentation; a missing key has its default.
///
/// Probabilities are 0..=1. Fractions "of range" refer to the width of the normalised range, 16 (from -8 to 8).
/// Flips, transpose and target-centred crops are BasicIRSTD's; the rest is for sensors that the data sets do not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Side of the square crop, pixels. Smaller images are continued by reflection.
    pub crop: u32,
    /// Probability that the crop is laid around a target (if the sample has one) and not anywhere.
    pub target_prob: f32,
    /// A target-centred crop is moved off the target by up to this fraction of its side, each way.
    pub jitter: f32,
    /// Probability of a tone curve over the source image, as a camera's gain control has one: a gamma or a plateau
    /// equalisation, rising, from its smallest to its largest count. At 0 no random number is drawn for it.
    pub tone_prob: f32,
    /// Probability of a mirror image, for each axis.
    pub flip_prob: f32,
    /// Probability of swapping rows and columns.
    pub transpose_prob: f32,
    /// Probability of a change of scale.
    pub rescale_prob: f32,
    /// Smallest and largest scale; below 0.7 targets of 2 px vanish.
    pub rescale: [f32; 2],
    /// Smallest and largest factor on the normalised values.
    pub gain: [f32; 2],
    /// Smallest and largest shift of the normalised values.
    pub offset: [f32; 2],
    /// Probability of added Gaussian noise.
    pub noise_prob: f32,
    /// Largest standard deviation of the noise, fraction of range.
    pub noise_max: f32,
    /// Probability of fixed-pattern stripes along columns or rows.
    pub stripe_prob: f32,
    /// Largest standard deviation of the stripes, fraction of range.
    pub stripe_max: f32,
    /// Probability of bad pixels: single, unlabelled, so that they are not taken for point targets.
    pub bad_pixel_prob: f32,
    /// Most bad pixels of a crop.
    pub bad_pixels_max: u32,
    /// Smallest and largest step of a bad pixel off its neighbourhood, normalised units, up or down.
    pub bad_pixel_step: [f32; 2],
    /// Probability of pasting targets of other samples.
    pub paste_prob: f32,
    /// Most pasted targets of a crop.
    pub paste_max: u32,
    /// Standard deviation of the Gaussian edge around a pasted target, pixels.
    pub paste_edge_px: f32,
    /// Targets wider or higher than this are not pasted, pixels.
    pub paste_box_max_px: u32,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            crop: 256,
            target_prob: 0.5,
            jitter: 0.4,
            tone_prob: 0.1,
            flip_prob: 0.5,
            transpose_prob: 0.5,
            rescale_prob: 0.5,
            rescale: [0.7, 1.5],
            gain: [0.8, 1.25],
            offset: [-0.5, 0.5],
            noise_prob: 0.5,
            noise_max: 0.03,
            stripe_prob: 0.2,
            stripe_max: 0.02,
            bad_pixel_prob: 0.2,
            bad_pixels_max: 8,
            bad_pixel_step: [2.0, 8.0],
            paste_prob: 0.3,
            paste_max: 2,
            paste_edge_px: 1.0,
            paste_box_max_px: 32,
        }
    }
}

impl Augment {
    /// Random crops of a side of `crop` pixels and nothing else.
    pub fn plain(crop: u32) -> Self {
        Self {
            crop,
            target_prob: 0.0,
            jitter: 0.0,
            tone_prob: 0.0,
            flip_prob: 0.0,
            transpose_prob: 0.0,
            rescale_prob: 0.0,
            gain: [1.0; 2],
            offset: [0.0; 2],
            noise_prob: 0.0,
            stripe_prob: 0.0,
            bad_pixel_prob: 0.0,
            paste_prob: 0.0,
            ..Self::default()
        }
    }

    /// Whether every setting is in range. Written so that NaN is not.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let refuse = |field, value: f64, wanted| {
            Err(DataError::BadAugment {
                field,
                value,
                wanted,
            })
        };
        if !(8..=4096).contains(&self.crop) {
            return refuse("crop", f64::from(self.crop), "8 to 4096 pixels");
        }
        for (field, value) in [
            ("target_prob", self.target_prob),
            ("tone_prob", self.tone_prob),
            ("flip_prob", self.flip_prob),
            ("transpose_prob", self.transpose_prob),
            ("rescale_prob", self.rescale_prob),
            ("noise_prob", self.noise_prob),
            ("stripe_prob", self.stripe_prob),
            ("bad_pixel_prob", self.bad_pixel_prob),
            ("paste_prob", self.paste_prob),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return refuse(field, f64::from(value), "a probability, 0 to 1");
            }
        }
        for (field, value, low, high, wanted) in [
            ("jitter", self.jitter, 0.0, 0.5, "0 to 0.5 of the side"),
            ("noise_max", self.noise_max, 0.0, 1.0, "0 to 1 of range"),
            ("stripe_max", self.stripe_max, 0.0, 1.0, "0 to 1 of range"),
            (
                "paste_edge_px",
                self.paste_edge_px,
                0.1,
                8.0,
                "0.1 to 8 pixels",
            ),
        ] {
            if !(low..=high).contains(&value) {
                return refuse(field, f64::from(value), wanted);
            }
        }
        for (field, [low, high], least, most, wanted) in [
            (
                "rescale",
                self.rescale,
                0.25,
                4.0,
                "two rising scales, 0.25 to 4",
            ),
            (
                "gain",
                self.gain,
                0.01,
                100.0,
                "two rising factors, 0.01 to 100",
            ),
            (
                "offset",
                self.offset,
                -16.0,
                16.0,
                "two rising shifts, -16 to 16",
            ),
            (
                "bad_pixel_step",
                self.bad_pixel_step,
                0.0,
                16.0,
                "two rising steps, 0 to 16",
            ),
        ] {
            for value in [low, high] {
                if !(least..=most).contains(&value) {
                    return refuse(field, f64::from(value), wanted);
                }
            }
            if low > high {
                return refuse(field, f64::from(low), wanted);
            }
        }
        for (field, value, most, wanted) in [
            ("bad_pixels_max", self.bad_pixels_max, 10_000, "1 to 10000"),
            ("paste_max", self.paste_max, 100, "1 to 100"),
            (
                "paste_box_max_px",
                self.paste_box_max_px,
                512,
                "1 to 512 pixels",
            ),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(field, f64::from(value), wanted);
            }
        }
        Ok(())
    }
}
