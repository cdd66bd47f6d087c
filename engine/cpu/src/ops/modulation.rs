//! Modulation of latents towards targets, and their quantization, for the backward path of training.

use crate::Engine;
use crate::kernels::modulate::{ModulateArgs, modulate as forward, modulate_grad};
use crate::planes::Map;
use invdet_net::graph::Blur;
use std::ptr::null;
use std::sync::atomic::{AtomicU32, Ordering};

/// Maps of one channel that modulate an operand, and the blur.
#[derive(Clone, Copy)]
pub(crate) struct Maps {
    pub(crate) keep: Map,
    pub(crate) blurred: Option<(Map, Blur)>,
}

/// `out = keep * x - blurred * blur(x)`.
pub(crate) fn modulate(e: &Engine, x: Map, maps: Maps, out: Map) {
    // SAFETY: equal shapes of one graph.
    each_plane(e, x, maps, out, false, &|args| unsafe {
        forward(e.isa, args)
    });
}

/// Input gradient of [`modulate`].
pub(crate) fn modulate_gradient(e: &Engine, d_output: Map, maps: Maps, d_input: Map, add: bool) {
    // SAFETY: equal shapes of one graph.
    each_plane(e, d_output, maps, d_input, add, &|args| unsafe {
        modulate_grad(e.isa, args)
    });
}

fn each_plane(
    e: &Engine,
    x: Map,
    maps: Maps,
    out: Map,
    add: bool,
    run: &(dyn Fn(&ModulateArgs<'_>) + Sync),
) {
    let g = x.geometry;
    let taps = maps.blurred.map_or(&[1.0][..], |(_, blur)| blur.taps());
    e.pool.run(x.images * x.channels, &|task| {
        let (image, c) = (task / x.channels, task % x.channels);
        let mut scratch = vec![0.0f32; 2 * (g.w + taps.len())];
        // SAFETY: image and channel are in range; tasks write disjoint planes.
        let args = unsafe {
            ModulateArgs {
                x: x.at(image, c),
                keep: maps.keep.at(image, 0),
                blurred: maps
                    .blurred
                    .map_or(null(), |(map, _)| map.at(image, 0).cast_const()),
                out: out.at(image, c),
                add,
                rows: g.h,
                columns: g.w,
                row: g.row,
                taps,
                scratch: scratch.as_mut_ptr(),
            }
        };
        run(&args);
    });
}

/// Largest quantized magnitude.
const LEVELS: f32 = 127.0;

/// Symmetric eight-bit quantization with the scale `max |x| / 127` of the whole batch, and back.
pub(crate) fn quantize(e: &Engine, x: Map, out: Map) {
    // Magnitudes are not negative: their bits order as they do.
    let largest = AtomicU32::new(0);
    e.pool.run(x.images, &|image| {
        // SAFETY: the floats belong to the view.
        let values = unsafe {
            let (p, len) = x.flat(image);
            std::slice::from_raw_parts(p, len)
        };
        let max = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        largest.fetch_max(max.to_bits(), Ordering::Relaxed);
    });
    let max = f32::from_bits(largest.into_inner());
    let (scale, inverse) = if max > 0.0 && max.is_finite() {
        (max / LEVELS, LEVELS / max)
    } else {
        (1.0, 1.0)
    };
    e.pool.run(x.images, &|image| {
        // SAFETY: equal shapes; images are disjoint, `x` and `out` are different storages.
        unsafe {
            let (from, len) = x.flat(image);
            let from = std::slice::from_raw_parts(from, len);
            let to = std::slice::from_raw_parts_mut(out.flat(image).0, len);
            for (q, v) in to.iter_mut().zip(from) {
                *q = scale * (v * inverse).round_ties_even();
            }
        }
    });
}
