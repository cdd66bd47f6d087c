//! What the InvDet network is, independent of who runs it: graph, weights, manifest, pre-processing and decoding.
//!
//! The network is described once, as a static [`graph::Graph`] built by [`arch::build`]; the trainer runs it as it is,
//! the runtime after [`fold::fold`] has merged batch normalisation into the convolutions.
#![forbid(unsafe_code)]

pub mod arch;
pub mod config;
pub mod decode;
pub mod fold;
pub mod graph;
pub mod manifest;
pub mod normalise;
pub mod weights;
