//! Where frames come from: folders of images, video clips, a synthetic scene.
//!
//! In: a SOURCE string, parsed into a [`SourceSpec`]. Out: a [`FrameSource`] that fills the caller's
//! [`Frame`](invdet_core::Frame) with raw counts, one image a call, in order, none dropped and none repeated.
//! Refused by name: files that are no thermal image or clip, broken and cut files, a folder whose images differ in
//! size, unknown keys of the synthetic scene, and sources that this version cannot read.
//!
//! ```
//! use invdet_capture::{Next, SourceSpec};
//! use invdet_core::Frame;
//!
//! # fn main() -> Result<(), invdet_capture::CaptureError> {
//! let spec: SourceSpec = "synthetic:seed=7,seconds=0.2,size=96x80".parse()?;
//! let mut source = spec.open()?;
//! let mut frame = Frame::default();
//! let mut frames = 0;
//! while source.next(&mut frame)? == Next::Frame {
//!     frames += 1;
//! }
//! assert_eq!(Some(frames), source.len());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod clip;
mod error;
mod folder;
mod image_file;
mod source;
mod spec;
mod synthetic;

pub use clip::ClipSource;
pub use error::CaptureError;
pub use folder::FolderSource;
pub use image_file::{luma, read_image};
pub use source::{FrameSource, Next};
pub use spec::SourceSpec;
pub use synthetic::{SYNTHETIC_KEYS, Shutter, SyntheticSource, SyntheticSpec, TruthTarget};
