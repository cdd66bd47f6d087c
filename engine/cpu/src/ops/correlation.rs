//! Weight gradients.

use super::Disjoint;
use super::convolution::{CELL, CENTER, WINDOW3, WINDOW5, offsets};
use crate::Engine;
use crate::kernels::wgrad::{CHANNELS, ENTRIES, WgradArgs, wgrad};
use crate::planes::Map;
use invdet_net::graph::ConvKind;

/// Adds the weight gradient of a convolution to `out` (PyTorch's layout).
pub(crate) fn weight_gradient(
    e: &Engine,
    kind: ConvKind,
    input: Map,
    output_grad: Map,
    out: &mut [f32],
) {
    let (a, b) = if kind == ConvKind::Unfold2 {
        (input, output_grad)
    } else {
        (output_grad, input)
    };
    let taps = match kind {
        ConvKind::Pointwise => CENTER,
        ConvKind::Same3 | ConvKind::Down3 => WINDOW3,
        ConvKind::Fold2 | ConvKind::Unfold2 => CELL,
    };
    let step = if matches!(kind, ConvKind::Pointwise | ConvKind::Same3) {
        1
    } else {
        2
    };
    correlate(e, a, b, taps, step, out);
}

/// Adds the weight gradient of a depth-wise convolution to `out`, `[channels, size, size]`.
pub(crate) fn depthwise_weight_gradient(
    e: &Engine,
    size: usize,
    input: Map,
    output_grad: Map,
    out: &mut [f32],
) {
    let taps = if size == 3 { WINDOW3 } else { WINDOW5 };
    let single = Engine {
        pool: crate::pool::Pool::new(1),
        isa: e.isa,
    };
    let out_ptr = Disjoint(out.as_mut_ptr());
    e.pool.run(input.channels, &|c| {
        let one = |m: Map| Map {
            // SAFETY: `c` is a channel of the map.
            start: unsafe { m.plane(0, c) },
            channels: 1,
            ..m
        };
        // SAFETY: each task has its own stretch of `out`.
        let out = unsafe {
            std::slice::from_raw_parts_mut(out_ptr.get().add(c * taps.len()), taps.len())
        };
        correlate(&single, one(output_grad), one(input), taps, 1, out);
    });
}

fn correlate(
    e: &Engine,
    a: Map,
    b: Map,
    taps: &'static [(isize, isize)],
    step: usize,
    out: &mut [f32],
) {
    let entries = b.channels * taps.len();
    assert_eq!(out.len(), a.channels * entries, "gradient of another shape");
    let (tap_offsets, tap_count) = offsets(taps, b.geometry.row);
    let out_ptr = Disjoint(out.as_mut_ptr());
    let (a_tiles, b_tiles) = (a.channels.div_ceil(CHANNELS), entries.div_ceil(ENTRIES));
    // The result of a task does not depend on the number of threads: training is reproducible.
    e.pool.run(a_tiles * b_tiles, &|task| {
        let first = task / b_tiles * CHANNELS;
        let start = task % b_tiles * ENTRIES;
        // SAFETY: as in `convolve`; tasks write disjoint parts of `out`.
        unsafe {
            wgrad(
                e.isa,
                &WgradArgs {
                    a: a.at(0, first),
                    a_row: a.geometry.row,
                    a_plane: a.geometry.plane,
                    a_image: a.image,
                    a_channels: CHANNELS.min(a.channels - first),
                    b: b.at(0, 0),
                    b_row: b.geometry.row,
                    b_plane: b.geometry.plane,
                    b_image: b.image,
                    step,
                    taps: tap_offsets,
                    tap_count,
                    entries: start..(start + ENTRIES).min(entries),
                    images: a.images,
                    rows: a.geometry.h,
                    columns: a.geometry.w,
                    out: out_ptr.get().add(first * entries),
                    out_stride: entries,
                },
            );
        }
    });
}
