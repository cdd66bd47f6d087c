//! Convolutions by cuDNN, where the library is there. **Not run on a device.**
//!
//! Algorithms are fixed, not chosen by timing: those of index 1 are documented as deterministic, forward and backward.
//! Arithmetic stays in `f32`: no TensorFloat-32.

use crate::CudaError;
use crate::launcher::{ConvLibrary, Map, Put};
use cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionFwdAlgo_t,
    cudnnConvolutionMode_t, cudnnMathType_t, cudnnTensorFormat_t, is_culib_present,
};
use cudarc::cudnn::{
    ConvBackwardData, ConvBackwardFilter, ConvDescriptor, ConvForward, Cudnn, CudnnError,
    FilterDescriptor, TensorDescriptor,
};
use cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceSlice, SyncOnDrop, sys,
};
use invdet_net::graph::ConvKind;
use std::cell::RefCell;
use std::sync::Arc;

/// cuDNN on one stream.
pub(crate) struct CudnnLibrary {
    cudnn: Arc<Cudnn>,
    stream: Arc<CudaStream>,
    /// Grows to the largest that was asked for.
    workspace: RefCell<CudaSlice<u8>>,
}

impl CudnnLibrary {
    /// `None` where there is no library.
    pub(crate) fn find(stream: &Arc<CudaStream>) -> Result<Option<Self>, CudaError> {
        // SAFETY: loads and unloads the library by its well-known names, nothing else.
        if !unsafe { is_culib_present() } {
            return Ok(None);
        }
        let cudnn = Cudnn::new(stream.clone()).map_err(|e| refused("opening cuDNN", e))?;
        Ok(Some(Self {
            cudnn,
            workspace: RefCell::new(workspace(stream, 1)?),
            stream: stream.clone(),
        }))
    }

    fn tensor(&self, map: Map) -> Result<TensorDescriptor<f32>, CudnnError> {
        let dims = [map.images, map.channels, map.h, map.w];
        let strides = [map.image, map.h * map.w, map.w, 1];
        self.cudnn.create_4d_tensor_ex(dims, strides)
    }

    /// Of `[outputs, inputs, k, k]` weights.
    fn filter(
        &self,
        kind: ConvKind,
        outputs: i32,
        inputs: i32,
    ) -> Result<FilterDescriptor<f32>, CudnnError> {
        let size = match kind {
            ConvKind::Pointwise => 1,
            ConvKind::Same3 | ConvKind::Down3 => 3,
            ConvKind::Fold2 | ConvKind::Unfold2 => 2,
        };
        let format = cudnnTensorFormat_t::CUDNN_TENSOR_NCHW;
        let dims = [outputs, inputs, size, size];
        self.cudnn.create_4d_filter(format, dims)
    }

    fn convolution(&self, kind: ConvKind) -> Result<ConvDescriptor<f32>, CudnnError> {
        let (pad, stride) = match kind {
            ConvKind::Pointwise => (0, 1),
            ConvKind::Same3 => (1, 1),
            ConvKind::Down3 => (1, 2),
            ConvKind::Fold2 | ConvKind::Unfold2 => (0, 2),
        };
        let mode = cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let both = |n| [n; 2];
        let mut conv = self
            .cudnn
            .create_conv2d(both(pad), both(stride), both(1), mode)?;
        conv.set_math_type(cudnnMathType_t::CUDNN_FMA_MATH)?;
        Ok(conv)
    }

    fn memory(&self, at: u64) -> Memory<'_> {
        Memory {
            at,
            stream: &self.stream,
        }
    }

    fn reserve(&self, bytes: usize) -> Result<(), CudaError> {
        let mut held = self.workspace.borrow_mut();
        if held.len() < bytes {
            *held = workspace(&self.stream, bytes)?;
        }
        Ok(())
    }
}

fn workspace(stream: &Arc<CudaStream>, bytes: usize) -> Result<CudaSlice<u8>, CudaError> {
    stream.alloc_zeros(bytes).map_err(|e| CudaError::Driver {
        what: format!("{} MiB of memory for cuDNN", bytes >> 20),
        cause: e.to_string(),
    })
}

fn refused(what: &str, cause: CudnnError) -> CudaError {
    CudaError::Driver {
        what: what.into(),
        cause: format!("cuDNN: {:?}", cause.0),
    }
}

/// Scaling factors: the result, and what was there.
fn factors(put: Put) -> (f32, f32) {
    match put {
        Put::Set => (1.0, 0.0),
        Put::Add => (1.0, 1.0),
    }
}

/// Somewhere in memory that others own; as an argument of cudarc's wrappers, which use its address alone.
struct Memory<'a> {
    at: u64,
    stream: &'a Arc<CudaStream>,
}

impl DeviceSlice<f32> for Memory<'_> {
    fn len(&self) -> usize {
        0
    }
    fn stream(&self) -> &Arc<CudaStream> {
        self.stream
    }
}

impl DevicePtr<f32> for Memory<'_> {
    fn device_ptr<'a>(&'a self, _: &'a CudaStream) -> (sys::CUdeviceptr, SyncOnDrop<'a>) {
        (self.at, SyncOnDrop::Sync(None))
    }
}

impl DevicePtrMut<f32> for Memory<'_> {
    fn device_ptr_mut<'a>(&'a mut self, _: &'a CudaStream) -> (sys::CUdeviceptr, SyncOnDrop<'a>) {
        (self.at, SyncOnDrop::Sync(None))
    }
}

impl ConvLibrary for CudnnLibrary {
    unsafe fn forward(
        &self,
        kind: ConvKind,
        input: Map,
        weight: u64,
        output: Map,
        put: Put,
    ) -> Result<(), CudaError> {
        let failed = |e| refused("a convolution", e);
        let operation = ConvForward {
            conv: &self.convolution(kind).map_err(failed)?,
            x: &self.tensor(input).map_err(failed)?,
            w: &self
                .filter(kind, output.channels, input.channels)
                .map_err(failed)?,
            y: &self.tensor(output).map_err(failed)?,
        };
        let algorithm = cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
        self.reserve(operation.get_workspace_size(algorithm).map_err(failed)?)?;
        // SAFETY: descriptors made of the maps themselves; memory by the caller's contract.
        unsafe {
            operation.launch(
                algorithm,
                Some(&mut *self.workspace.borrow_mut()),
                factors(put),
                &self.memory(input.at),
                &self.memory(weight),
                &mut self.memory(output.at),
            )
        }
        .map_err(failed)
    }

    unsafe fn input_gradient(
        &self,
        kind: ConvKind,
        d_output: Map,
        weight: u64,
        d_input: Map,
        put: Put,
    ) -> Result<(), CudaError> {
        let failed = |e| refused("the input gradient of a convolution", e);
        let operation = ConvBackwardData {
            conv: &self.convolution(kind).map_err(failed)?,
            dx: &self.tensor(d_input).map_err(failed)?,
            w: &self
                .filter(kind, d_output.channels, d_input.channels)
                .map_err(failed)?,
            dy: &self.tensor(d_output).map_err(failed)?,
        };
        let algorithm = cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
        self.reserve(operation.get_workspace_size(algorithm).map_err(failed)?)?;
        // SAFETY: as in `forward`.
        unsafe {
            operation.launch(
                algorithm,
                Some(&mut *self.workspace.borrow_mut()),
                factors(put),
                &mut self.memory(d_input.at),
                &self.memory(weight),
                &self.memory(d_output.at),
            )
        }
        .map_err(failed)
    }

    unsafe fn weight_gradient(
        &self,
        kind: ConvKind,
        input: Map,
        d_output: Map,
        d_weight: u64,
    ) -> Result<(), CudaError> {
        let failed = |e| refused("the weight gradient of a convolution", e);
        let operation = ConvBackwardFilter {
            conv: &self.convolution(kind).map_err(failed)?,
            x: &self.tensor(input).map_err(failed)?,
            dw: &self
                .filter(kind, d_output.channels, input.channels)
                .map_err(failed)?,
            dy: &self.tensor(d_output).map_err(failed)?,
        };
        let algorithm = cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
        self.reserve(operation.get_workspace_size(algorithm).map_err(failed)?)?;
        // SAFETY: as in `forward`.
        unsafe {
            operation.launch(
                algorithm,
                Some(&mut *self.workspace.borrow_mut()),
                factors(Put::Add),
                &self.memory(input.at),
                &mut self.memory(d_weight),
                &self.memory(d_output.at),
            )
        }
        .map_err(failed)
    }
}
