//! What hardware InvDet flies: payload profiles, checked.
//!
//! In: one TOML file per payload (`boards/profiles/*.toml`). Out: a [`Profile`] in which every value is legal. Refused:
//! files with unknown keys, wrong types or values out of range, all problems at once, each with its key.
//!
//! ```toml
//! schema = 1
//! name = "desk"
//! [camera]
//! name = "any"
//! width = 640
//! height = 512
//! bits = 16
//! fps = 30.0
//! focal_mm = 14.0
//! pitch_um = 12.0
//! # distortion = [k1, k2, p1, p2, k3], OpenCV's order; none if left out
//! [detector]
//! # threshold = 0.3: in place of the model's own
//! threads = 2
//! [tracker]
//! # any field of invdet_tracker::TrackerConfig
//! [link]
//! system_id = 1
//! component_id = 100
//! endpoints = ["udpout:127.0.0.1:14550"]
//! ```
#![forbid(unsafe_code)]

mod check;
mod error;
mod load;
mod profile;
mod raw;

pub use error::{ProfileError, ProfileErrors, ProfileProblem};
pub use load::load;
pub use profile::{CameraProfile, DetectorProfile, LinkProfile, Profile, SCHEMA};
pub use raw::{RawCamera, RawDetector, RawLink, RawProfile};
