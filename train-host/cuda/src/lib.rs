//! The trainer on a CUDA device: what `invdet_cpu::training::Trainer` does, on `f32` tensors in device memory.
//!
//! **Not run on a device**: no log of a run on CUDA hardware exists yet. What is checked is the arithmetic and the
//! addressing of every kernel (the same `.cu` files, compiled by a C++ compiler, run serially on the CPU), whole networks
//! through the same executor, and that `nvcc` and NVRTC compile every kernel within a budget of registers. Races, launch
//! limits, device rounding, speed and everything of [`Device`] and cuDNN are not.
//!
//! * `kernels/*.cu`: one operation per file, forward and backward.
//! * [`launcher::Launcher`]: what the executor needs of a device: memory, copies, launches.
//! * [`Device`]: a CUDA device, found at run time; nothing of CUDA is needed to compile or start a program.
//! * [`Trainer`]: runs a graph. The loss and the optimizer stay on the host: heads are copied down and their gradients
//!   up, gradients of parameters down and weights up.
#![allow(
    unsafe_code,
    reason = "kernel launches on raw device addresses; each block states its contract"
)]

mod cudnn;
mod device;
mod error;
pub mod launcher;
mod operation;
mod ops;
mod sources;
mod trainer;

pub use device::Device;
pub use error::CudaError;
pub use trainer::Trainer;

/// The trainer on a CUDA device. **Not run on a device.**
pub type CudaTrainer = Trainer<Device>;

#[cfg(test)]
mod tests;
