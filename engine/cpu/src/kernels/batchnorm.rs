//! Row-wise passes of batch normalisation: these do not map zero to zero, so they keep to the pixels.

use crate::simd::{LANES, Simd, kernel};

/// `out = act(x_gain * x + y_gain * y + offset + residual)` over rows of one channel; `y` and `residual` may be null.
///
/// Forward: `x` = input. Input gradient: `x` = output gradient, `y` = input, `residual` = what is there already.
pub(crate) struct AffineArgs {
    pub(crate) x: *const f32,
    pub(crate) y: *const f32,
    pub(crate) residual: *const f32,
    pub(crate) out: *mut f32,
    pub(crate) x_gain: f32,
    pub(crate) y_gain: f32,
    pub(crate) offset: f32,
    /// Slope for negative values: 1 none, 0 ReLU.
    pub(crate) slope: f32,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Floats from a row to the next, for all pointers.
    pub(crate) row: usize,
}

#[inline(always)]
unsafe fn affine_body<S: Simd>(a: &AffineArgs) {
    // SAFETY: all pointers describe planes of the same geometry.
    unsafe {
        let (x_gain, y_gain) = (S::splat(a.x_gain), S::splat(a.y_gain));
        let (offset, slope) = (S::splat(a.offset), S::splat(a.slope));
        for r in 0..a.rows {
            let mut i = r * a.row;
            let end = i + a.columns;
            while i < end {
                let mut v = S::fma(S::load(a.x.add(i)), x_gain, offset);
                if !a.y.is_null() {
                    v = S::fma(S::load(a.y.add(i)), y_gain, v);
                }
                if !a.residual.is_null() {
                    v = S::add(v, S::load(a.residual.add(i)));
                }
                v = S::max(v, S::mul(v, slope));
                if end - i >= LANES {
                    S::store(a.out.add(i), v)
                } else {
                    S::store_first(a.out.add(i), v, end - i)
                }
                i += LANES;
            }
        }
    }
}
kernel! {
    /// # Safety
    /// Every non-null pointer must be the first pixel of a padded plane of the given rows and columns.
    affine(AffineArgs) = affine_body
}
