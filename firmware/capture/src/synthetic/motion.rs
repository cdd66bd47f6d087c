//! How the camera drifts.

use super::exact::sin;

/// Pixels of world beyond each edge of the frame; the drift stays below it.
pub(super) const MARGIN: usize = 24;

const DRIFT_PX: f64 = 20.0;

/// Where the top-left corner of the frame is in the world at `time_s`, world pixels: a slow figure, 4 px/s at most.
pub(super) fn camera_offset(time_s: f64) -> (f64, f64) {
    let middle = MARGIN as f64;
    (
        middle + DRIFT_PX * sin(0.197 * time_s),
        middle + 0.6 * DRIFT_PX * sin(0.143 * time_s + 0.7),
    )
}
