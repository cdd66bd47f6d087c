//! What the executor needs of a device, and how kernels see tensors.
//!
//! Two things implement [`Launcher`]: [`crate::Device`], and in the tests the host shim, which runs the same kernels
//! serially on the CPU.

use crate::CudaError;
use invdet_net::graph::ConvKind;

/// Some channels of a tensor `[images, channels of its storage, h, w]` in the memory of a device; `struct Map` of
/// `kernels/map.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// Address of the first pixel of the first channel; 0 where an operand is absent.
    pub at: u64,
    /// Values from an image to the next.
    pub image: i32,
    /// Images.
    pub images: i32,
    /// Channels of this view.
    pub channels: i32,
    /// Rows.
    pub h: i32,
    /// Columns.
    pub w: i32,
}

impl Map {
    /// An absent operand.
    pub const NONE: Map = Map {
        at: 0,
        image: 0,
        images: 0,
        channels: 0,
        h: 0,
        w: 0,
    };

    /// Values of this view.
    pub fn values(&self) -> usize {
        [self.images, self.channels, self.h, self.w]
            .iter()
            .map(|n| *n as usize)
            .product()
    }

    /// Pixels of a channel of an image.
    pub fn pixels(&self) -> usize {
        self.h as usize * self.w as usize
    }

    /// Images, channels, rows, columns.
    pub fn shape(&self) -> [i32; 4] {
        [self.images, self.channels, self.h, self.w]
    }
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub enum Arg {
    /// `Map`
    Map(Map),
    /// A pointer.
    Address(u64),
    /// `int`
    Int(i32),
    /// `float`
    Float(f32),
}

/// Blocks in x and y, and threads of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Blocks.
    pub blocks: [u32; 2],
    /// Threads of each.
    pub threads: u32,
}

/// Memory, copies and launches, in the order in which they are called.
pub trait Launcher {
    /// Owns memory of the device, aligned to 16 bytes at least.
    type Buffer;

    /// `floats` zeros.
    ///
    /// # Errors
    /// No memory left.
    fn zeros(&self, floats: usize) -> Result<Self::Buffer, CudaError>;

    /// Where it begins, in the address space of the device.
    fn address(&self, buffer: &Self::Buffer) -> u64;

    /// Copies `values` to the start of `to`, which holds at least as many.
    ///
    /// # Errors
    /// A failure of the device, of this or of an earlier call.
    fn upload(&self, values: &[f32], to: &mut Self::Buffer) -> Result<(), CudaError>;

    /// Waits for all launches, then copies the start of `from` into all of `to`.
    ///
    /// # Errors
    /// As [`Launcher::upload`].
    fn download(&self, from: &Self::Buffer, to: &mut [f32]) -> Result<(), CudaError>;

    /// Runs the kernel of that name after all that was launched before.
    ///
    /// # Safety
    /// `args` are what the kernel takes, and every address in them is that of memory of this launcher that holds what
    /// the kernel reads and writes there.
    ///
    /// # Errors
    /// As [`Launcher::upload`].
    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<(), CudaError>;

    /// A library that is faster at convolutions than our kernels.
    fn convolutions(&self) -> Option<&dyn ConvLibrary> {
        None
    }
}

impl<L: Launcher> Launcher for &L {
    type Buffer = L::Buffer;

    fn zeros(&self, floats: usize) -> Result<Self::Buffer, CudaError> {
        (**self).zeros(floats)
    }

    fn address(&self, buffer: &Self::Buffer) -> u64 {
        (**self).address(buffer)
    }

    fn upload(&self, values: &[f32], to: &mut Self::Buffer) -> Result<(), CudaError> {
        (**self).upload(values, to)
    }

    fn download(&self, from: &Self::Buffer, to: &mut [f32]) -> Result<(), CudaError> {
        (**self).download(from, to)
    }

    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<(), CudaError> {
        // SAFETY: the same contract.
        unsafe { (**self).launch(kernel, grid, args) }
    }

    fn convolutions(&self) -> Option<&dyn ConvLibrary> {
        (**self).convolutions()
    }
}

/// Whether what was there stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Overwritten.
    Set,
    /// Added to.
    Add,
}

impl Put {
    pub(crate) fn flag(self) -> Arg {
        Arg::Int(i32::from(self == Put::Add))
    }
}

/// Convolutions without bias and activation. All but [`ConvKind::Unfold2`], which is the transposed
/// [`ConvKind::Fold2`] and never asked for.
pub trait ConvLibrary {
    /// `output = conv(input, weight)` or `output += ...`; weight `[output channels, input channels, k, k]`.
    ///
    /// # Safety
    /// Addresses as in [`Launcher::launch`], shapes as `kind` wants them.
    ///
    /// # Errors
    /// What the library refuses.
    unsafe fn forward(
        &self,
        kind: ConvKind,
        input: Map,
        weight: u64,
        output: Map,
        put: Put,
    ) -> Result<(), CudaError>;

    /// The gradient of the input from that of the output.
    ///
    /// # Safety
    /// As [`ConvLibrary::forward`].
    ///
    /// # Errors
    /// As [`ConvLibrary::forward`].
    unsafe fn input_gradient(
        &self,
        kind: ConvKind,
        d_output: Map,
        weight: u64,
        d_input: Map,
        put: Put,
    ) -> Result<(), CudaError>;

    /// Adds the gradient of the weight to `d_weight`.
    ///
    /// # Safety
    /// As [`ConvLibrary::forward`].
    ///
    /// # Errors
    /// As [`ConvLibrary::forward`].
    unsafe fn weight_gradient(
        &self,
        kind: ConvKind,
        input: Map,
        d_output: Map,
        d_weight: u64,
    ) -> Result<(), CudaError>;
}
