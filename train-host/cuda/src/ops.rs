//! Kernels as functions: shapes are checked, the grid is chosen, the arguments are listed in the kernel's order.
//!
//! What holds for all of them: the [`Map`]s and addresses lie in live memory of the launcher, which the trainer sees to.

pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
pub(crate) mod modulate;
pub(crate) mod quantize;
pub(crate) mod sums;

use crate::CudaError;
use crate::launcher::{Arg, Grid, Launcher, Map};

/// `BLOCK` of `kernels/map.cuh`.
pub(crate) const BLOCK: u32 = 128;

/// Bytes of a float on the device.
pub(crate) const FLOAT: u64 = 4;

/// Bytes of a double on the device.
const DOUBLE: u64 = 8;

/// What launches kernels.
pub(crate) struct Ops<'a, L> {
    pub(crate) launcher: &'a L,
    /// Memory for one operation at a time: packed weights, or parts of sums.
    pub(crate) scratch: u64,
}

type Done = Result<(), CudaError>;

impl<L: Launcher> Ops<'_, L> {
    fn launch(&self, kernel: &'static str, grid: Grid, args: &[Arg]) -> Done {
        // SAFETY: the wrappers of this module list what the kernel takes (the host shim compares each list with the
        // kernel's signature) and check the shapes; the memory is live, as the module says.
        unsafe { self.launcher.launch(kernel, grid, args) }
    }

    /// One thread for each of `sites`.
    fn for_each(&self, kernel: &'static str, sites: usize, args: &[Arg]) -> Done {
        self.launch(kernel, columns(sites, 1), args)
    }

    /// One thread for each of `parts` parts of each of `rows` sums.
    fn for_parts(&self, kernel: &'static str, rows: usize, parts: usize, args: &[Arg]) -> Done {
        let threads = BLOCK.min(parts as u32);
        let grid = Grid {
            blocks: [rows as u32, (parts as u32).div_ceil(threads)],
            threads,
        };
        self.launch(kernel, grid, args)
    }
}

/// Blocks for `sites` threads in x, `rows` of them in y.
fn columns(sites: usize, rows: usize) -> Grid {
    Grid {
        blocks: [(sites as u32).div_ceil(BLOCK), rows as u32],
        threads: BLOCK,
    }
}

/// Checks that tensors have one shape.
fn assert_shape(a: Map, others: &[Map]) {
    for b in others {
        assert_eq!(a.shape(), b.shape(), "tensors of one shape");
    }
}

/// Checks that `fine` has twice the rows and columns of `coarse`, and `ratio` times as many channels on the coarse side.
fn assert_halved(fine: Map, coarse: Map, ratio: i32) {
    assert_eq!(
        [fine.images, ratio * fine.channels, fine.h, fine.w],
        [coarse.images, coarse.channels, 2 * coarse.h, 2 * coarse.w],
        "a tensor of half the size"
    );
}
