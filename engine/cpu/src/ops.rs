//! Operations on whole tensors: kernels over all images, rows and channels, split among threads.
//!
//! Every function takes raw [`Map`](crate::planes::Map)s; the executors hand in views of one graph, so shapes agree by
//! construction and outputs overlap inputs only where an operation says so.

mod convolution;
mod correlation;
mod elementwise;
mod modulation;
mod resampling;

pub(crate) use convolution::{Direction, Epilogue, convolve, depthwise, pack_conv, pack_depthwise};
pub(crate) use correlation::{depthwise_weight_gradient, weight_gradient};
pub(crate) use elementwise::{
    Affine, CoupleGradient, UncoupleGradient, affine_channels, channel_sums, couple_gradient,
    flat_op, uncouple_gradient, zero,
};
pub(crate) use modulation::{Maps, modulate, modulate_gradient, quantize};
pub(crate) use resampling::{haar, haar_gradient, upsample2, upsample2_gradient};

/// Memory of which each task writes its own part.
struct Disjoint<T>(*mut T);

impl<T> Clone for Disjoint<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Disjoint<T> {}
// SAFETY: tasks write disjoint parts.
unsafe impl<T> Send for Disjoint<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Disjoint<T> {}

impl<T> Disjoint<T> {
    fn get(self) -> *mut T {
        self.0
    }
}
