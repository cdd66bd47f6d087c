//! Haar transform and up-sampling, with their gradients.

use crate::Engine;
use crate::kernels::haar::{
    HaarArgs, UpsampleArgs, haar_analysis, haar_synthesis, upsample, upsample_grad,
};
use crate::planes::Map;

/// Haar analysis of every channel, band-major.
pub(crate) fn haar(e: &Engine, input: Map, output: Map, gain: f32) {
    e.pool.run(input.images * input.channels, &|task| {
        // SAFETY: `output` has four times the channels at half the size; tasks write disjoint planes.
        unsafe { haar_analysis(e.isa, &haar_args(input, output, task, gain, false)) }
    });
}

/// Adjoint of [`haar`]: the input gradient from the output gradient.
pub(crate) fn haar_gradient(e: &Engine, d_output: Map, d_input: Map, gain: f32, add: bool) {
    e.pool.run(d_input.images * d_input.channels, &|task| {
        // SAFETY: as in `haar`.
        unsafe { haar_synthesis(e.isa, &haar_args(d_input, d_output, task, gain, add)) }
    });
}

unsafe fn haar_args(fine: Map, bands: Map, task: usize, gain: f32, add: bool) -> HaarArgs {
    let (image, c) = (task / fine.channels, task % fine.channels);
    // SAFETY: the caller's shapes.
    unsafe {
        HaarArgs {
            fine: fine.at(image, c),
            fine_row: fine.geometry.row,
            bands: std::array::from_fn(|k| bands.at(image, k * fine.channels + c)),
            band_row: bands.geometry.row,
            gain,
            rows: bands.geometry.h,
            columns: bands.geometry.w,
            add,
        }
    }
}

/// Nearest up-sampling by two.
pub(crate) fn upsample2(e: &Engine, input: Map, output: Map) {
    e.pool.run(input.images * input.channels, &|task| {
        // SAFETY: `output` has twice the size; tasks write disjoint planes.
        unsafe { upsample(e.isa, &upsample_args(input, output, task, false)) }
    });
}

/// Input gradient of [`upsample2`].
pub(crate) fn upsample2_gradient(e: &Engine, d_output: Map, d_input: Map, add: bool) {
    e.pool.run(d_input.images * d_input.channels, &|task| {
        // SAFETY: as in `upsample2`.
        unsafe { upsample_grad(e.isa, &upsample_args(d_input, d_output, task, add)) }
    });
}

unsafe fn upsample_args(coarse: Map, fine: Map, task: usize, add: bool) -> UpsampleArgs {
    let (image, c) = (task / coarse.channels, task % coarse.channels);
    // SAFETY: the caller's shapes.
    unsafe {
        UpsampleArgs {
            coarse: coarse.at(image, c),
            coarse_row: coarse.geometry.row,
            fine: fine.at(image, c),
            fine_row: fine.geometry.row,
            rows: coarse.geometry.h,
            columns: coarse.geometry.w,
            add,
        }
    }
}
