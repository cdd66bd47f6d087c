//! Why there is no training on a CUDA device. One line each, with the remedy.

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// `libcuda` is not on this machine.
    #[error(
        "no CUDA driver: libcuda.so.1 is not found; install NVIDIA's driver, or train with --backend cpu"
    )]
    NoDriver,
    /// `libnvrtc` is not on this machine.
    #[error(
        "no NVRTC: libnvrtc.so of CUDA 11 to 13 is not found; install it (package nvidia-cuda-nvrtc or the CUDA toolkit) \
         and name its folder in LD_LIBRARY_PATH, or train with --backend cpu"
    )]
    NoCompiler,
    /// The driver is there, the device is not.
    #[error(
        "CUDA device {wanted} is wanted, the driver finds {found}; check `nvidia-smi`, or train with --backend cpu"
    )]
    NoDevice {
        /// Its ordinal.
        wanted: usize,
        /// Devices there are.
        found: usize,
    },
    /// The driver refused a call.
    #[error(
        "CUDA: {what}: {cause}; check `nvidia-smi` for other users of the device, lower --set batch, or train with \
         --backend cpu"
    )]
    Driver {
        /// What was asked of it.
        what: String,
        /// What it said.
        cause: String,
    },
    /// NVRTC refused the kernels.
    #[error(
        "NVRTC does not compile the kernels for {architecture}: {cause}; install the NVRTC that belongs to the driver"
    )]
    Compile {
        /// For example `compute_87`.
        architecture: String,
        /// First line of its log.
        cause: String,
    },
    /// A tensor that kernels cannot index.
    #[error(
        "{name}: {values} values in one tensor, at most {most} can be indexed; lower --set batch or --set augment.crop",
        most = crate::trainer::MOST_VALUES
    )]
    TooLarge {
        /// Tensor.
        name: String,
        /// Its values.
        values: usize,
    },
    /// A blur that reaches beyond its own reflection.
    #[error(
        "{name}: {h}x{w} pixels, a blur of radius {radius} wants more than {radius} of each; train on larger crops"
    )]
    TooSmall {
        /// Tensor.
        name: String,
        /// Rows.
        h: usize,
        /// Columns.
        w: usize,
        /// Of the blur, pixels.
        radius: usize,
    },
}
