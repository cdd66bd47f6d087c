//! The options that name a network and what runs it.
//!
//! Refused by name: back ends and precisions that this version does not have.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::ValueEnum;
use invdet_net::manifest::Model;

use crate::failure::{Blame as _, Failure};
use crate::pipeline::all_cores;

/// What runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Backend {
    /// The processor.
    Cpu,
    /// Not in this version.
    Tensorrt,
}

/// Kind of number in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Precision {
    /// 32-bit floating point.
    Fp32,
    /// Not in this version.
    Int8,
}

/// `--model` and how it is run.
#[derive(Debug, clap::Args)]
pub(super) struct NetworkArgs {
    /// Model folder: model.toml and weights.safetensors.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// What runs the network; this version has only the CPU.
    #[arg(long, value_enum, default_value = "cpu")]
    backend: Backend,
    /// Kind of number in the network; this version has only fp32.
    #[arg(long, value_enum, default_value = "fp32")]
    precision: Precision,
    /// Threads of the network [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

impl NetworkArgs {
    /// Checks the options and loads the model.
    pub(super) fn load(&self) -> Result<Model, Failure> {
        if self.backend == Backend::Tensorrt {
            return Err(Failure::Input(anyhow!(
                "--backend tensorrt is not in this version, which has only the CPU: leave the option out or write --backend cpu"
            )));
        }
        if self.precision == Precision::Int8 {
            return Err(Failure::Input(anyhow!(
                "--precision int8 is not in this version, which runs fp32 only: leave the option out or write --precision fp32"
            )));
        }
        load_model(&self.model)
    }

    /// Threads of the network.
    pub(super) fn threads(&self) -> usize {
        self.threads.map_or_else(all_cores, usize::from)
    }
}

/// Loads a model folder.
pub(super) fn load_model(folder: &Path) -> Result<Model, Failure> {
    Model::load(folder).blame_input()
}
