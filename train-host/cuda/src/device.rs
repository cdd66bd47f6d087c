//! A CUDA device, found at run time. **Not run on a device.**
//!
//! Libraries are looked for before anything of them is called, as `cudarc` panics where one is missing. All work goes to
//! the default stream of one context, so it runs in the order of the calls.

use crate::CudaError;
use crate::cudnn::CudnnLibrary;
use crate::launcher::{Arg, ConvLibrary, Grid, Launcher};
use crate::sources;
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr as _, DeviceRepr, DriverError,
    LaunchConfig, PushKernelArg as _, result, sys,
};
use cudarc::nvrtc::{self, CompileError, CompileOptions, Ptx};
use std::collections::HashMap;
use std::sync::Arc;

/// An open device with the kernels compiled for it.
pub struct Device {
    stream: Arc<CudaStream>,
    functions: HashMap<&'static str, CudaFunction>,
    convolutions: Option<CudnnLibrary>,
    description: String,
}

// SAFETY: `repr(C)` of integers, the twin of `struct Map` in `kernels/map.cuh`.
unsafe impl DeviceRepr for crate::launcher::Map {}

impl Device {
    /// Whether device `ordinal` could be opened, without opening it.
    ///
    /// # Errors
    /// The library or device that is missing.
    pub fn probe(ordinal: usize) -> Result<(), CudaError> {
        // SAFETY: loads and unloads the library by its well-known names, nothing else.
        if !unsafe { sys::is_culib_present() } {
            return Err(CudaError::NoDriver);
        }
        let found = match result::init() {
            Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => Ok(0),
            other => other.and_then(|()| CudaContext::device_count()),
        };
        let found = found.map_err(|e| refused("counting devices", e))?;
        let found = usize::try_from(found).unwrap_or(0);
        if ordinal >= found {
            return Err(CudaError::NoDevice {
                wanted: ordinal,
                found,
            });
        }
        Self::probe_compiler()
    }

    fn probe_compiler() -> Result<(), CudaError> {
        // SAFETY: as in `probe`.
        if unsafe { nvrtc::sys::is_culib_present() } {
            Ok(())
        } else {
            Err(CudaError::NoCompiler)
        }
    }

    /// Opens device `ordinal` and compiles all kernels for it, which takes seconds.
    ///
    /// # Errors
    /// The library or device that is missing, and what driver or compiler refuse.
    pub fn open(ordinal: usize) -> Result<Self, CudaError> {
        Self::probe(ordinal)?;
        let context = CudaContext::new(ordinal).map_err(|e| refused("opening the device", e))?;
        let ask = |e| refused("describing the device", e);
        let (major, minor) = context.compute_capability().map_err(ask)?;
        let name = context.name().map_err(ask)?;
        let bytes = context.total_mem().map_err(ask)?;
        let image = compile(major * 10 + minor)?;
        let module = context
            .load_module(image)
            .map_err(|e| refused("loading the kernels (is NVRTC newer than the driver?)", e))?;
        let mut functions = HashMap::new();
        for kernel in sources::KERNELS {
            let function = module
                .load_function(kernel)
                .map_err(|e| refused(kernel, e))?;
            functions.insert(kernel, function);
        }
        let stream = context.default_stream();
        let convolutions = CudnnLibrary::find(&stream)?;
        let by = match convolutions {
            Some(_) => "cuDNN",
            None => "our own kernels (no libcudnn found)",
        };
        let description = format!(
            "{name}, compute capability {major}.{minor}, {} MiB, convolutions by {by}",
            bytes >> 20
        );
        Ok(Self {
            stream,
            functions,
            convolutions,
            description,
        })
    }

    /// As [`Device::open`], convolutions by our own kernels even where cuDNN is there.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn open_without_cudnn(ordinal: usize) -> Result<Self, CudaError> {
        let mut device = Self::open(ordinal)?;
        device.convolutions = None;
        Ok(device)
    }

    /// For the operator: name, memory, who computes convolutions.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl Launcher for Device {
    type Buffer = CudaSlice<f32>;

    fn zeros(&self, floats: usize) -> Result<Self::Buffer, CudaError> {
        self.stream
            .alloc_zeros(floats)
            .map_err(|e| refused(&format!("{} MiB of memory", (4 * floats) >> 20), e))
    }

    fn address(&self, buffer: &Self::Buffer) -> u64 {
        buffer.device_ptr(&self.stream).0
    }

    fn upload(&self, values: &[f32], to: &mut Self::Buffer) -> Result<(), CudaError> {
        // Pageable memory: the driver has read it all when the call returns.
        self.stream
            .memcpy_htod(values, to)
            .map_err(|e| refused("copying to the device", e))
    }

    fn download(&self, from: &Self::Buffer, to: &mut [f32]) -> Result<(), CudaError> {
        let whole = from.try_slice(..to.len());
        let whole = whole.ok_or_else(|| CudaError::Driver {
            what: "copying from the device".into(),
            cause: format!("{} of {} values wanted", to.len(), from.len()),
        })?;
        self.stream
            .memcpy_dtoh(&whole, to)
            .and_then(|()| self.stream.synchronize())
            .map_err(|e| refused("running kernels and copying from the device", e))
    }

    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<(), CudaError> {
        let function = self
            .functions
            .get(kernel)
            .ok_or_else(|| CudaError::Driver {
                what: kernel.into(),
                cause: "not among the kernels".into(),
            })?;
        let mut launch = self.stream.launch_builder(function);
        for arg in args {
            match arg {
                Arg::Map(map) => launch.arg(map),
                Arg::Address(address) => launch.arg(address),
                Arg::Int(value) => launch.arg(value),
                Arg::Float(value) => launch.arg(value),
            };
        }
        let [x, y] = grid.blocks;
        let config = LaunchConfig {
            grid_dim: (x, y, 1),
            block_dim: (grid.threads, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the caller's contract.
        unsafe { launch.launch(config) }
            .map(drop)
            .map_err(|e| refused(kernel, e))
    }

    fn convolutions(&self) -> Option<&dyn ConvLibrary> {
        self.convolutions.as_ref().map(|c| c as &dyn ConvLibrary)
    }
}

fn refused(what: &str, cause: DriverError) -> CudaError {
    CudaError::Driver {
        what: what.into(),
        cause: cause.to_string(),
    }
}

/// All kernels as PTX for the newest architecture that NVRTC knows and a device of `capability` (10 * major + minor) runs.
pub(crate) fn compile(capability: i32) -> Result<Ptx, CudaError> {
    Device::probe_compiler()?;
    let failed = |architecture: &str, cause: String| CudaError::Compile {
        architecture: architecture.into(),
        cause,
    };
    let newest = architectures()
        .map_err(|cause| failed("any architecture", cause))?
        .into_iter()
        .filter(|a| *a <= capability)
        .max();
    let Some(newest) = newest else {
        let architecture = format!("compute_{capability}");
        return Err(failed(&architecture, "all it knows is newer".into()));
    };
    let architecture = format!("compute_{newest}");
    let options = CompileOptions {
        options: vec![
            format!("--gpu-architecture={architecture}"),
            "--std=c++17".into(),
        ],
        name: Some("invdet.cu".into()),
        ..CompileOptions::default()
    };
    nvrtc::compile_ptx_with_opts(sources::program(), options).map_err(|e| {
        let cause = match &e {
            CompileError::CompileError { log, .. } => {
                let log = log.to_string_lossy();
                let errors = log.lines().find(|l| l.contains("error"));
                errors
                    .or(log.lines().next())
                    .unwrap_or_default()
                    .to_string()
            }
            other => other.to_string(),
        };
        failed(&architecture, cause)
    })
}

/// What NVRTC compiles for.
fn architectures() -> Result<Vec<i32>, String> {
    let mut count = 0;
    // SAFETY: the library is there (probed by the caller); it writes one integer, then `count` of them.
    unsafe {
        nvrtc::sys::nvrtcGetNumSupportedArchs(&raw mut count)
            .result()
            .map_err(|e| e.to_string())?;
        let mut list = vec![0; usize::try_from(count).unwrap_or(0)];
        nvrtc::sys::nvrtcGetSupportedArchs(list.as_mut_ptr())
            .result()
            .map_err(|e| e.to_string())?;
        Ok(list)
    }
}
