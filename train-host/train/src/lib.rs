//! The trainer of InvDet: data to weights.
//!
//! A run is a [`config::RunConfig`]; [`run::Run`] takes steps; [`checkpoint::State`] is all that changes. The network, its
//! kernels and their gradients are those of the runtime (`invdet-cpu`).
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod config;
pub mod evaluate;
pub mod loss;
pub mod optim;
pub mod run;
