use invdet_core::ImageSize;
use thiserror::Error;

/// Why an image was not taken into the evaluation. An image that is refused leaves the totals as they were.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MetricsError {
    /// The mask has another number of pixels than the image.
    #[error(
        "image {image}: mask has {found} pixels, {size} needs {wanted}; crop or resize the mask to the image first"
    )]
    MaskLength {
        /// Number of the image since the evaluator was made, from 0.
        image: usize,
        /// Pixels in the mask.
        found: usize,
        /// Pixels in the image.
        wanted: usize,
        /// Size of the image.
        size: ImageSize,
    },
    /// The probability map has another number of pixels than the image.
    #[error(
        "image {image}: probability map has {found} values, {size} needs {wanted}; crop the network's padding off first"
    )]
    ProbabilityLength {
        /// Number of the image since the evaluator was made, from 0.
        image: usize,
        /// Values in the map.
        found: usize,
        /// Pixels in the image.
        wanted: usize,
        /// Size of the image.
        size: ImageSize,
    },
    /// A value of the probability map is NaN or infinite.
    #[error(
        "image {image}: probability {value} at pixel {index}, a finite number is wanted; check the model's output"
    )]
    ProbabilityNotFinite {
        /// Number of the image since the evaluator was made, from 0.
        image: usize,
        /// Index of the value, row by row.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Some images came with a probability map and some without: set-wide pixel metrics would be of a part of the set.
    #[error(
        "image {image}: {found} a probability map, the images before it {wanted}; pass it for every image or for none"
    )]
    ProbabilityMixed {
        /// Number of the image since the evaluator was made, from 0.
        image: usize,
        /// "with" or "without".
        found: &'static str,
        /// "came with one" or "came without".
        wanted: &'static str,
    },
    /// A detection has a field that is NaN or infinite, or a negative size.
    #[error(
        "image {image}: detection {index} is {x} {y} {w} {h} score {score}, finite numbers and sizes >= 0 are wanted; check the decoder"
    )]
    BadDetection {
        /// Number of the image since the evaluator was made, from 0.
        image: usize,
        /// Index of the detection in the list passed.
        index: usize,
        /// Centre, pixels.
        x: f32,
        /// Centre, pixels.
        y: f32,
        /// Width, pixels.
        w: f32,
        /// Height, pixels.
        h: f32,
        /// Score.
        score: f32,
    },
}
