//! A frame in, detections out.
//!
//! In: a [`Frame`](invdet_core::Frame) of raw counts of any size from 16x16 on. Out: its
//! [`Detections`](invdet_core::Detections), highest score first, and on demand the probability of each pixel. Refused by
//! name: images too small or too large, counts that do not fit the size, counts of a kind the model was not made for.
//!
//! One frame goes through: normalise and pad ([`Detector`]) -> network (`invdet-cpu`) -> decode (`invdet-net`). After
//! the first frame of a size nothing is allocated.
//!
//! ```
//! use invdet_core::{Detections, Frame, ImageSize};
//! use invdet_detector::{Detector, DetectorOptions};
//! # use invdet_net::{arch, config::NetworkConfig, weights::Weights};
//! # use invdet_net::manifest::{Decode, Input, Manifest, Model, SCHEMA, WeightsFile};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let network = NetworkConfig::named("s")?;
//! # let graph = arch::build(&network)?;
//! # let weights = Weights::neutral(&graph);
//! # let manifest = Manifest {
//! #     schema: SCHEMA,
//! #     name: "example".into(),
//! #     input: Input::Robust,
//! #     decode: Decode { threshold: 0.6, ..Decode::default() },
//! #     weights: WeightsFile { file: "weights.safetensors".into(), sha256: String::new() },
//! #     network,
//! #     training: Default::default(),
//! # };
//! # let model = Model { manifest, graph, weights };
//! // let model = Model::load("models/invdet-s".as_ref())?;
//! let size = ImageSize::new(64, 48);
//! let frame = Frame { size, counts: vec![8000; size.pixels()], bits: 14, ..Frame::default() };
//! let mut detector = Detector::new(&model, size, DetectorOptions::default())?;
//! let mut detections = Detections::new();
//! let timing = detector.detect(&frame, &mut detections)?;
//! assert!(detections.is_empty() && timing.total() > timing.network);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod detector;
mod error;
mod preprocess;

pub use detector::{Detector, DetectorOptions, Timing};
pub use error::DetectError;
pub use preprocess::{MAX_PIXELS, MIN_SIDE};
