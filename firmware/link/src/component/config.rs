//! What a camera component is told once.
//!
//! In: identity and optics. Out: a [`ComponentConfig`] that can be announced. Refused: reserved ids, an empty image,
//! names that do not fit CAMERA_INFORMATION; all problems at once.

use std::time::Duration;

use invdet_core::ImageSize;

/// `MAV_COMP_ID_CAMERA`.
const CAMERA: u8 = 100;

/// Longest name in CAMERA_INFORMATION, bytes.
const NAME_BYTES: usize = 32;

/// Four numbers of a firmware version, as CAMERA_INFORMATION packs them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FirmwareVersion {
    /// Major.
    pub major: u8,
    /// Minor.
    pub minor: u8,
    /// Patch.
    pub patch: u8,
    /// Development build.
    pub dev: u8,
}

impl FirmwareVersion {
    /// `dev << 24 | patch << 16 | minor << 8 | major`.
    pub const fn packed(self) -> u32 {
        u32::from_le_bytes([self.major, self.minor, self.patch, self.dev])
    }
}

/// Whether detections are shown to the operator as moving target indicators.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Mti {
    /// They are not.
    #[default]
    Off,
    /// `CAMERA_CAP_FLAGS_HAS_MTI` and `CAMERA_TRACKING_STATUS_FLAGS_MTI` are set.
    On,
}

/// What is reported while no operator has commanded anything.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum AutoSelect {
    /// Nothing: the operator selects.
    #[default]
    Off,
    /// The oldest confirmed track, as a point; until the first command of an operator.
    OldestConfirmed,
}

/// Identity and optics of a camera component.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentConfig {
    /// The vehicle's system id, 1..=255.
    pub system_id: u8,
    /// 100..=105 for cameras; 1..=6 are reserved for those attached to the autopilot.
    pub component_id: u8,
    /// CAMERA_INFORMATION `vendor_name`, at most 32 bytes.
    pub vendor: String,
    /// CAMERA_INFORMATION `model_name`: the camera profile's name, at most 32 bytes.
    pub model: String,
    /// The thermal image, telemetry rows cut, pixels.
    pub image: ImageSize,
    /// Focal length, mm; NaN if unknown.
    pub focal_mm: f32,
    /// Distance of pixel centres, micrometres; NaN if unknown.
    pub pitch_um: f32,
    /// Of this program.
    pub firmware: FirmwareVersion,
    /// See [`Mti`].
    pub mti: Mti,
    /// See [`AutoSelect`].
    pub auto_select: AutoSelect,
    /// Interval of CAMERA_TRACKING_IMAGE_STATUS from the start on; `None` waits until a ground station asks, as the
    /// camera protocol has it. Zero is every frame.
    pub status_interval: Option<Duration>,
}

/// What is wrong with a [`ComponentConfig`]: all of it, one clause each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("camera component: {}", problems.join("; "))]
pub struct ConfigError {
    /// Each names the field, what was found and what is wanted.
    pub problems: Vec<String>,
}

impl ComponentConfig {
    /// A camera with component id 100, unknown optics and the operator in charge.
    pub fn new(system_id: u8, model: &str, image: ImageSize) -> Self {
        Self {
            system_id,
            component_id: CAMERA,
            vendor: "InvDet".into(),
            model: model.into(),
            image,
            focal_mm: f32::NAN,
            pitch_um: f32::NAN,
            firmware: FirmwareVersion::default(),
            mti: Mti::Off,
            auto_select: AutoSelect::Off,
            status_interval: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        if self.system_id == 0 {
            problems.push("system id is 0, wanted the vehicle's, 1..=255".into());
        }
        if self.component_id <= 6 {
            problems.push(format!(
                "component id is {}, wanted 7..=255, for a camera 100..=105",
                self.component_id
            ));
        }
        for (field, name) in [("vendor", &self.vendor), ("model", &self.model)] {
            if name.len() > NAME_BYTES {
                problems.push(format!(
                    "{field} {name:?} has {} bytes, wanted at most {NAME_BYTES}",
                    name.len()
                ));
            }
        }
        let sides = 1..=u32::from(u16::MAX);
        if !sides.contains(&self.image.width) || !sides.contains(&self.image.height) {
            problems.push(format!(
                "image is {}, wanted 1..=65535 columns and rows",
                self.image
            ));
        }
        for (field, value, unit) in [
            ("focal length", self.focal_mm, "mm"),
            ("pitch", self.pitch_um, "um"),
        ] {
            if !(value.is_nan() || (value.is_finite() && value > 0.0)) {
                problems.push(format!(
                    "{field} is {value} {unit}, wanted more than 0, or nan if unknown"
                ));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { problems })
        }
    }
}
