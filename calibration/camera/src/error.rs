use invdet_core::ImageSize;
use thiserror::Error;

/// Why a calibration or a point was refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CameraError {
    /// The image has no pixels.
    #[error("camera image is {found}, wanted at least 1x1")]
    EmptyImage {
        /// What was given.
        found: ImageSize,
    },
    /// A length of the calibration is zero, negative, infinite or not a number.
    #[error("camera {name} is {found}, wanted a finite value above 0")]
    NotPositive {
        /// Field, with its unit.
        name: &'static str,
        /// What was given.
        found: f64,
    },
    /// A coordinate or coefficient is infinite or not a number.
    #[error("camera {name} is {found}, wanted a finite value")]
    NotFinite {
        /// Field.
        name: &'static str,
        /// What was given.
        found: f64,
    },
    /// The distortion folds the image: two directions meet in one point. Wrong coefficients, or in another order.
    #[error(
        "camera distortion cannot be undone at pixel ({x:.1}, {y:.1}), wanted one direction a pixel: check the order k1, k2, p1, p2, k3"
    )]
    NotInvertible {
        /// Pixel, to the right.
        x: f64,
        /// Pixel, downwards.
        y: f64,
    },
    /// No direction through the lens ends in this point: it lies outside of what the distortion reaches, or is not
    /// finite.
    #[error("pixel ({x}, {y}) has no direction, wanted a finite point in or near the image")]
    NoDirection {
        /// Pixel, to the right.
        x: f32,
        /// Pixel, downwards.
        y: f32,
    },
}
