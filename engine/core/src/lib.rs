//! Nouns of InvDet: time, pixels, frames, detections and tracks.
//!
//! Conventions, used by every crate:
//!
//! * **Pixels.** Pixel `i` covers `[i, i + 1)`: the centre of the top-left pixel is `(0.5, 0.5)` and an image of
//!   width `w` spans `0..w`. `x` grows to the right, `y` downwards. Boxes are centre and size, in input pixels.
//! * **Time.** [`MonoTime`] is `CLOCK_MONOTONIC` in nanoseconds, at mid-exposure; it travels with the frame to the
//!   message. No function here reads a clock.
//! * **Axes.** Camera: `x` right, `y` down, `z` out of the lens. Azimuth and elevation are radians from the optical
//!   axis, positive to the right and *upwards*.
#![forbid(unsafe_code)]

mod detection;
mod frame;
mod pixel;
mod time;
mod track;

pub use detection::{Detection, Detections, MAX_DETECTIONS};
pub use frame::{Frame, FrameFlags};
pub use pixel::{ImageSize, PixelPoint};
pub use time::MonoTime;
pub use track::{MAX_TRACKS, Track, TrackId, TrackState, Tracks};
