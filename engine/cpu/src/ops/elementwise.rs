//! Operations on values by themselves, and sums over a channel.

use super::Disjoint;
use crate::Engine;
use crate::kernels::batchnorm::{AffineArgs, affine};
use crate::kernels::elementwise::{
    CoupleGradArgs, FlatArgs, FlatOp, SumArgs, UncoupleGradArgs, couple_grad, flat, sums,
    uncouple_grad,
};
use crate::planes::Map;
use std::ptr::{null, null_mut};

/// Element-wise operation over all images; see [`FlatOp`].
pub(crate) fn flat_op(e: &Engine, op: FlatOp, out: Map, a: Map, b: Option<Map>, c: Option<Map>) {
    let pieces = e.pool.threads();
    e.pool.run(out.images * pieces, &|task| {
        let (image, piece) = (task / pieces, task % pieces);
        // SAFETY: equal shapes; tasks write disjoint pieces of whole vectors.
        unsafe {
            let (out, len) = out.flat(image);
            let vectors = len / 16;
            let (start, end) = (
                piece * vectors / pieces * 16,
                (piece + 1) * vectors / pieces * 16,
            );
            let at = |m: Option<Map>| m.map_or(null(), |m| m.flat(image).0.add(start).cast_const());
            let args = FlatArgs {
                op,
                out: out.add(start),
                a: at(Some(a)),
                b: at(b),
                c: at(c),
                len: end - start,
            };
            flat(e.isa, &args);
        }
    });
}

/// Sets all channels of a view to zero.
pub(crate) fn zero(map: Map) {
    for image in 0..map.images {
        // SAFETY: the floats belong to the view.
        unsafe {
            let (p, len) = map.flat(image);
            std::slice::from_raw_parts_mut(p, len).fill(0.0);
        }
    }
}

/// Gradients of the coupling; `add_high` adds to `d_high` instead of overwriting it.
pub(crate) struct CoupleGradient {
    pub(crate) clamp: f32,
    pub(crate) d_output: Map,
    pub(crate) high: Map,
    pub(crate) scale: Map,
    pub(crate) d_high: Map,
    pub(crate) add_high: bool,
    pub(crate) d_scale: Map,
    pub(crate) d_shift: Map,
}

pub(crate) fn couple_gradient(e: &Engine, g: &CoupleGradient) {
    e.pool.run(g.high.images, &|image| {
        // SAFETY: equal shapes of one graph; images are disjoint.
        unsafe {
            let (dy, len) = g.d_output.flat(image);
            couple_grad(
                e.isa,
                &CoupleGradArgs {
                    clamp: g.clamp,
                    dy,
                    h: g.high.flat(image).0,
                    z: g.scale.flat(image).0,
                    dh: g.d_high.flat(image).0,
                    add_dh: g.add_high,
                    dz: g.d_scale.flat(image).0,
                    dr: g.d_shift.flat(image).0,
                    len,
                },
            );
        }
    });
}

/// Gradients of the inverse coupling; `add_high` adds to `d_high` instead of overwriting it.
pub(crate) struct UncoupleGradient {
    pub(crate) clamp: f32,
    pub(crate) d_output: Map,
    pub(crate) output: Map,
    pub(crate) scale: Map,
    pub(crate) d_high: Map,
    pub(crate) add_high: bool,
    pub(crate) d_scale: Map,
    pub(crate) d_shift: Map,
}

pub(crate) fn uncouple_gradient(e: &Engine, g: &UncoupleGradient) {
    e.pool.run(g.output.images, &|image| {
        // SAFETY: equal shapes of one graph; images are disjoint.
        unsafe {
            let (dx, len) = g.d_output.flat(image);
            uncouple_grad(
                e.isa,
                &UncoupleGradArgs {
                    clamp: g.clamp,
                    dx,
                    x: g.output.flat(image).0,
                    z: g.scale.flat(image).0,
                    dh: g.d_high.flat(image).0,
                    add_dh: g.add_high,
                    dz: g.d_scale.flat(image).0,
                    dr: g.d_shift.flat(image).0,
                    len,
                },
            );
        }
    });
}

/// `[sum p, sum p * q]` of each channel over the batch (`q` may be missing).
pub(crate) fn channel_sums(e: &Engine, p: Map, q: Option<Map>, out: &mut [[f64; 2]]) {
    assert_eq!(out.len(), p.channels, "one pair of sums per channel");
    let out = Disjoint(out.as_mut_ptr());
    e.pool.run(p.channels, &|c| {
        // SAFETY: equal shapes; each task has its own sums.
        unsafe {
            sums(
                e.isa,
                &SumArgs {
                    p: p.plane(0, c),
                    p_image: p.image,
                    q: q.map_or(null(), |q| q.plane(0, c).cast_const()),
                    q_image: q.map_or(0, |q| q.image),
                    images: p.images,
                    len: p.geometry.plane,
                    sum: out.get().add(c),
                },
            );
        }
    });
}

/// Coefficients of [`affine_channels`] for one channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Affine {
    pub(crate) x_gain: f32,
    pub(crate) y_gain: f32,
    pub(crate) offset: f32,
}

/// `out = act(x_gain * x + y_gain * y + offset + residual)` with the coefficients of each channel.
pub(crate) fn affine_channels(
    e: &Engine,
    coefficients: &[Affine],
    x: Map,
    y: Option<Map>,
    residual: Option<Map>,
    out: Map,
    slope: f32,
) {
    let g = out.geometry;
    e.pool.run(out.images * out.channels, &|task| {
        let (image, c) = (task / out.channels, task % out.channels);
        let k = coefficients[c];
        // SAFETY: equal shapes; tasks write disjoint planes.
        unsafe {
            affine(
                e.isa,
                &AffineArgs {
                    x: x.at(image, c),
                    y: y.map_or(null_mut(), |y| y.at(image, c)),
                    residual: residual.map_or(null_mut(), |r| r.at(image, c)),
                    out: out.at(image, c),
                    x_gain: k.x_gain,
                    y_gain: k.y_gain,
                    offset: k.offset,
                    slope,
                    rows: g.h,
                    columns: g.w,
                    row: g.row,
                },
            );
        }
    });
}
