//! `out = keep * x - blurred * blur(x)` on one plane, and its gradient.
//!
//! `blur` is a separable low-pass with reflected borders (the border pixel is not repeated). Its adjoint sends what fell
//! on reflected pixels back to where they were read.

#![allow(
    clippy::extra_unused_type_parameters,
    reason = "plain loops: the instruction set of the caller vectorises them"
)]

use crate::simd::{Simd, kernel};
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// One channel of one image.
pub(crate) struct ModulateArgs<'a> {
    /// First pixels of planes of one size; `x` is the input, or the output gradient.
    pub(crate) x: *const f32,
    pub(crate) keep: *const f32,
    /// Null: no blur.
    pub(crate) blurred: *const f32,
    pub(crate) out: *mut f32,
    /// The gradient adds to `out` instead of overwriting it.
    pub(crate) add: bool,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Floats from a row to the next.
    pub(crate) row: usize,
    /// Kernel of the blur, odd length.
    pub(crate) taps: &'a [f32],
    /// `2 * (columns + taps)` floats.
    pub(crate) scratch: *mut f32,
}

/// Where `i`, counted from `-reach`, is read: mirrored at the first and the last of `n`.
fn reflected(i: usize, reach: usize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let i = (i + reach * period - reach) % period;
    i.min(period - i)
}

#[inline(always)]
unsafe fn modulate_body<S: Simd>(m: &ModulateArgs<'_>) {
    let (w, taps) = (m.columns, m.taps);
    let reach = taps.len() / 2;
    // SAFETY: rows of `columns` floats in each plane, and the scratch.
    unsafe {
        let row = |plane: *const f32, y: usize| from_raw_parts(plane.add(y * m.row), w);
        let wide = from_raw_parts_mut(m.scratch, w + 2 * reach);
        for y in 0..m.rows {
            let out = from_raw_parts_mut(m.out.add(y * m.row), w);
            let (x, keep) = (row(m.x, y), row(m.keep, y));
            for ((o, x), a) in out.iter_mut().zip(x).zip(keep) {
                *o = a * x;
            }
            if m.blurred.is_null() {
                continue;
            }
            wide.fill(0.0);
            for (k, t) in taps.iter().enumerate() {
                let source = row(m.x, reflected(y + k, reach, m.rows));
                for (v, s) in wide[reach..].iter_mut().zip(source) {
                    *v += t * s;
                }
            }
            for i in (0..reach).chain(w + reach..w + 2 * reach) {
                wide[i] = wide[reach + reflected(i, reach, w)];
            }
            let blurred = row(m.blurred, y);
            for (k, t) in taps.iter().enumerate() {
                for ((o, v), b) in out.iter_mut().zip(&wide[k..]).zip(blurred) {
                    *o -= b * (t * v);
                }
            }
        }
    }
}
kernel! {
    /// # Safety
    /// Pointers must be first pixels of padded planes of the given size, the scratch as long as stated.
    modulate(ModulateArgs<'_>) = modulate_body
}

#[inline(always)]
unsafe fn modulate_grad_body<S: Simd>(m: &ModulateArgs<'_>) {
    let (w, taps) = (m.columns, m.taps);
    let reach = taps.len() / 2;
    // SAFETY: as in `modulate_body`.
    unsafe {
        let row = |plane: *const f32, y: usize| from_raw_parts(plane.add(y * m.row), w);
        let wide = from_raw_parts_mut(m.scratch, w + 2 * reach);
        let column = from_raw_parts_mut(m.scratch.add(w + 2 * reach), w);
        for y in 0..m.rows {
            let out = from_raw_parts_mut(m.out.add(y * m.row), w);
            let (dy, keep) = (row(m.x, y), row(m.keep, y));
            for ((o, d), a) in out.iter_mut().zip(dy).zip(keep) {
                *o = if m.add { *o + a * d } else { a * d };
            }
            if m.blurred.is_null() {
                continue;
            }
            column.fill(0.0);
            for from in y.saturating_sub(2 * reach)..(y + 2 * reach + 1).min(m.rows) {
                for (k, t) in taps.iter().enumerate() {
                    if reflected(from + k, reach, m.rows) == y {
                        let sources = row(m.x, from).iter().zip(row(m.blurred, from));
                        for (v, (d, b)) in column.iter_mut().zip(sources) {
                            *v += t * (b * d);
                        }
                    }
                }
            }
            wide.fill(0.0);
            for (k, t) in taps.iter().enumerate() {
                for (e, v) in wide[k..].iter_mut().zip(column.iter()) {
                    *e += t * v;
                }
            }
            for i in (0..reach).chain(w + reach..w + 2 * reach) {
                let outside = wide[i];
                wide[reach + reflected(i, reach, w)] += outside;
            }
            for (o, e) in out.iter_mut().zip(&wide[reach..]) {
                *o -= e;
            }
        }
    }
}
kernel! {
    /// # Safety
    /// As [`modulate`].
    modulate_grad(ModulateArgs<'_>) = modulate_grad_body
}
