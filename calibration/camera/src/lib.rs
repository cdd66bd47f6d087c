//! Camera model: image points to directions and back.
//!
//! In: a point in image coordinates (`invdet_core`'s convention, pixel centres at `.5`) and a calibration. Out: a unit
//! vector in camera axes (`x` right, `y` down, `z` out of the lens), azimuth and elevation in radians, and the inverse.
//! Refused, by name and at construction: calibrations that are not finite, not positive or not invertible over their
//! own image; and, per point, points the lens cannot have made.
#![forbid(unsafe_code)]

mod distortion;
mod error;
mod model;
mod space;

pub use distortion::Distortion;
pub use error::CameraError;
pub use model::{CameraModel, Intrinsics};
pub use space::{Body, Camera, Direction};
