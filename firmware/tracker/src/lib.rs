//! Detections to tracks.
//!
//! In: the detections of one frame, its mid-exposure time and its flags. Out: all tracks alive, oldest first, true at
//! that time. Refused: configurations that make no sense, all problems at once; detections that are not finite or
//! have an impossible score or size are passed over.
//!
//! One frame goes through these steps, each in its own file:
//!
//! ```text
//! predict (imm, filter) -> associate (gate, assign) -> update (target) -> count (life) -> merge twins -> give births
//! ```
//!
//! Nothing here reads a clock, does I/O, or allocates after [`Tracker::new`]. The same input gives the same output.
#![forbid(unsafe_code)]

mod assign;
mod config;
mod filter;
mod gate;
mod imm;
mod life;
mod target;
mod tracker;
mod twins;

pub use config::{ConfigProblem, TrackerConfig, TrackerError};
pub use tracker::Tracker;
