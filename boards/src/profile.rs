use std::num::NonZeroUsize;
use std::time::Duration;

use invdet_camera::CameraModel;
use invdet_core::ImageSize;
use invdet_tracker::TrackerConfig;

/// Version of the profile format this build reads.
pub const SCHEMA: i64 = 1;

/// A payload we fly, every value legal. Made from a file by [`crate::load()`], from words by `TryFrom<RawProfile>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Name of the payload.
    pub name: String,
    /// Camera and lens.
    pub camera: CameraProfile,
    /// How the network is run.
    pub detector: DetectorProfile,
    /// How targets are followed.
    pub tracker: TrackerConfig,
    /// Whom to tell.
    pub link: LinkProfile,
}

/// Camera and lens.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraProfile {
    /// Name of the camera.
    pub name: String,
    /// Image delivered, pixels.
    pub size: ImageSize,
    /// Significant bits of a count, 8..=16.
    pub bits: u8,
    /// Frames per second.
    pub fps: f64,
    /// Focal length, mm.
    pub focal_mm: f64,
    /// Distance of pixel centres, micrometres.
    pub pitch_um: f64,
    /// Geometry, from focal length, pitch and distortion.
    pub model: CameraModel,
}

impl CameraProfile {
    /// Nominal time between two frames.
    pub fn frame_period(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.fps)
    }
}

/// How the network is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectorProfile {
    /// Least score of a detection, above 0 and below 1; `None` is the model's own.
    pub threshold: Option<f32>,
    /// Threads of the network; `None` is one per core.
    pub threads: Option<NonZeroUsize>,
}

/// Whom to tell, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkProfile {
    /// MAVLink system id, that of the vehicle: 1..=255.
    pub system_id: u8,
    /// MAVLink component id, one of `MAV_COMP_ID_CAMERA`..=`MAV_COMP_ID_CAMERA6`: 100..=105.
    pub component_id: u8,
    /// Each `udpout:HOST:PORT`, `udpin:HOST:PORT`, `tcpout:HOST:PORT`, `serial:PATH:BAUD` or `file:OUT.tlog`; may be
    /// empty: nobody is told.
    pub endpoints: Vec<String>,
}
