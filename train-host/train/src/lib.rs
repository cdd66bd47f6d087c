//! The trainer of InvDet: data to weights.
//!
//! A run is a [`config::RunConfig`]; [`run::Run`] takes steps; [`checkpoint::State`] is all that changes. The network, its
//! kernels and their gradients are those of the runtime (`invdet-cpu`), or in [`backend`] those of a CUDA device.
#![forbid(unsafe_code)]

pub mod ablation;
pub mod backend;
pub mod cases;
pub mod charts;
pub mod checkpoint;
pub mod config;
pub mod early_stop;
pub mod epoch_log;
pub mod evaluate;
pub mod events;
pub mod guidance;
pub mod loss;
pub mod optim;
pub mod provenance;
pub mod run;
pub mod sheet;
pub mod validation;
