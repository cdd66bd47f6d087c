//! The words of a profile file, not yet checked.
//!
//! Every key is optional and every integer wide, so that what is missing or out of range is found by the check, which
//! names all problems, and not by the reader, which stops at the first.

use invdet_tracker::TrackerConfig;
use serde::Deserialize;

/// A profile as written.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawProfile {
    /// Version of the format.
    pub schema: Option<i64>,
    /// Name of the payload.
    pub name: Option<String>,
    /// `[camera]`.
    pub camera: RawCamera,
    /// `[detector]`.
    pub detector: RawDetector,
    /// `[tracker]`.
    pub tracker: TrackerConfig,
    /// `[link]`.
    pub link: RawLink,
}

/// `[camera]` as written.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawCamera {
    /// Name of the camera.
    pub name: Option<String>,
    /// Columns of the image.
    pub width: Option<i64>,
    /// Rows of the image.
    pub height: Option<i64>,
    /// Significant bits of a count.
    pub bits: Option<i64>,
    /// Frames per second.
    pub fps: Option<f64>,
    /// Focal length, millimetres.
    pub focal_mm: Option<f64>,
    /// Distance of pixel centres, micrometres.
    pub pitch_um: Option<f64>,
    /// `[k1, k2, p1, p2, k3]`.
    pub distortion: Option<Vec<f64>>,
}

/// `[detector]` as written.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawDetector {
    /// Score, in place of the model's threshold.
    pub threshold: Option<f64>,
    /// Threads of the network.
    pub threads: Option<i64>,
}

/// `[link]` as written.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawLink {
    /// MAVLink system id.
    pub system_id: Option<i64>,
    /// MAVLink component id.
    pub component_id: Option<i64>,
    /// Where to send.
    pub endpoints: Option<Vec<String>>,
}
