//! Operations on each value by itself. They map zero to zero, so they run over whole planes, padding included.

use crate::simd::{LANES, Simd, kernel};

/// What [`flat`] computes for each element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FlatOp {
    /// `out = a`
    Copy,
    /// `out += a`
    Accumulate,
    /// `out *= (a > 0 ? 1 : slope)`: back through an activation whose output was `a`.
    ActivationGrad {
        /// Slope for negative values.
        slope: f32,
    },
    /// `out = a * exp(clamp * tanh(b / 2)) + c` (coupling; algorithm of the affine coupling layer).
    Couple {
        /// Bound of the log scale.
        clamp: f32,
    },
    /// `out = (a - c) * exp(-clamp * tanh(b / 2))` (its inverse).
    Uncouple {
        /// Bound of the log scale.
        clamp: f32,
    },
    /// `out = a - b`
    Subtract,
    /// `out = -a`
    Negate,
}

/// `len` floats; `b` and `c` only where the operation uses them.
pub(crate) struct FlatArgs {
    pub(crate) op: FlatOp,
    pub(crate) out: *mut f32,
    pub(crate) a: *const f32,
    pub(crate) b: *const f32,
    pub(crate) c: *const f32,
    pub(crate) len: usize,
}

#[inline(always)]
unsafe fn flat_body<S: Simd>(f: &FlatArgs) {
    debug_assert_eq!(f.len % LANES, 0, "planes are whole vectors");
    // SAFETY: `len` floats behind each pointer in use.
    unsafe {
        let mut i = 0;
        while i < f.len {
            let a = S::load(f.a.add(i));
            let v = match f.op {
                FlatOp::Copy => a,
                FlatOp::Accumulate => S::add(S::load(f.out.add(i)), a),
                FlatOp::ActivationGrad { slope } => {
                    let g = S::load(f.out.add(i));
                    S::where_positive(a, g, S::mul(g, S::splat(slope)))
                }
                FlatOp::Couple { clamp } => {
                    let scale = S::exp(S::mul(S::splat(clamp), S::tanh_half(S::load(f.b.add(i)))));
                    S::fma(a, scale, S::load(f.c.add(i)))
                }
                FlatOp::Uncouple { clamp } => {
                    let scale = S::exp(S::mul(S::splat(-clamp), S::tanh_half(S::load(f.b.add(i)))));
                    S::mul(S::sub(a, S::load(f.c.add(i))), scale)
                }
                FlatOp::Subtract => S::sub(a, S::load(f.b.add(i))),
                FlatOp::Negate => S::sub(S::splat(0.0), a),
            };
            S::store(f.out.add(i), v);
            i += LANES;
        }
    }
}
kernel! {
    /// # Safety
    /// `len` floats must be valid behind `out`, `a` and the operands the operation uses.
    flat(FlatArgs) = flat_body
}

/// Gradients of the coupling `y = h * exp(clamp * tanh(z / 2)) + r`; each destination is overwritten or added to.
pub(crate) struct CoupleGradArgs {
    pub(crate) clamp: f32,
    pub(crate) dy: *const f32,
    pub(crate) h: *const f32,
    pub(crate) z: *const f32,
    pub(crate) dh: *mut f32,
    pub(crate) add_dh: bool,
    pub(crate) dz: *mut f32,
    pub(crate) dr: *mut f32,
    pub(crate) len: usize,
}

#[inline(always)]
unsafe fn couple_grad_body<S: Simd>(g: &CoupleGradArgs) {
    // SAFETY: `len` floats behind each pointer.
    unsafe {
        let mut i = 0;
        while i < g.len {
            let dy = S::load(g.dy.add(i));
            let t = S::tanh_half(S::load(g.z.add(i)));
            let scale = S::exp(S::mul(S::splat(g.clamp), t));
            let scaled = S::mul(dy, scale);
            // d(clamp * tanh(z/2))/dz = clamp/2 * (1 - t^2)
            let slope = S::mul(S::splat(0.5 * g.clamp), S::sub(S::splat(1.0), S::mul(t, t)));
            S::store(
                g.dz.add(i),
                S::mul(S::mul(scaled, S::load(g.h.add(i))), slope),
            );
            S::store(g.dr.add(i), dy);
            let dh = if g.add_dh {
                S::add(S::load(g.dh.add(i)), scaled)
            } else {
                scaled
            };
            S::store(g.dh.add(i), dh);
            i += LANES;
        }
    }
}
kernel! {
    /// # Safety
    /// `len` floats must be valid behind every pointer.
    couple_grad(CoupleGradArgs) = couple_grad_body
}

/// Gradients of the inverse coupling `x = (h - r) * exp(-clamp * tanh(z / 2))`; `dz` and `dr` are overwritten, `dh` is
/// overwritten or added to.
pub(crate) struct UncoupleGradArgs {
    pub(crate) clamp: f32,
    pub(crate) dx: *const f32,
    pub(crate) x: *const f32,
    pub(crate) z: *const f32,
    pub(crate) dh: *mut f32,
    pub(crate) add_dh: bool,
    pub(crate) dz: *mut f32,
    pub(crate) dr: *mut f32,
    pub(crate) len: usize,
}

#[inline(always)]
unsafe fn uncouple_grad_body<S: Simd>(g: &UncoupleGradArgs) {
    // SAFETY: `len` floats behind each pointer.
    unsafe {
        let zero = S::splat(0.0);
        let mut i = 0;
        while i < g.len {
            let dx = S::load(g.dx.add(i));
            let t = S::tanh_half(S::load(g.z.add(i)));
            let scaled = S::mul(dx, S::exp(S::mul(S::splat(-g.clamp), t)));
            // dx/dz = -x * clamp/2 * (1 - t^2)
            let slope = S::mul(
                S::splat(-0.5 * g.clamp),
                S::sub(S::splat(1.0), S::mul(t, t)),
            );
            S::store(g.dz.add(i), S::mul(S::mul(dx, S::load(g.x.add(i))), slope));
            S::store(g.dr.add(i), S::sub(zero, scaled));
            let dh = if g.add_dh {
                S::add(S::load(g.dh.add(i)), scaled)
            } else {
                scaled
            };
            S::store(g.dh.add(i), dh);
            i += LANES;
        }
    }
}
kernel! {
    /// # Safety
    /// `len` floats must be valid behind every pointer.
    uncouple_grad(UncoupleGradArgs) = uncouple_grad_body
}

/// Sums of one channel over the batch: `sum = [sum p, sum p * q]`.
pub(crate) struct SumArgs {
    pub(crate) p: *const f32,
    pub(crate) p_image: usize,
    /// Null: only the first sum.
    pub(crate) q: *const f32,
    pub(crate) q_image: usize,
    pub(crate) images: usize,
    pub(crate) len: usize,
    pub(crate) sum: *mut [f64; 2],
}

#[inline(always)]
unsafe fn sums_body<S: Simd>(s: &SumArgs) {
    // SAFETY: `len` floats per image behind each pointer in use.
    unsafe {
        let mut total = [0.0f64; 2];
        for image in 0..s.images {
            // Short runs of f32 sums, joined in f64: the mean and variance of a million pixels keep six digits.
            let mut start = 0;
            while start < s.len {
                let end = (start + 64 * LANES).min(s.len);
                let (mut a, mut b) = (S::splat(0.0), S::splat(0.0));
                let mut i = start;
                while i < end {
                    let p = S::load(s.p.add(image * s.p_image + i));
                    a = S::add(a, p);
                    if !s.q.is_null() {
                        b = S::fma(p, S::load(s.q.add(image * s.q_image + i)), b);
                    }
                    i += LANES;
                }
                total[0] += f64::from(S::sum(a));
                total[1] += f64::from(S::sum(b));
                start = end;
            }
        }
        *s.sum = total;
    }
}
kernel! {
    /// # Safety
    /// `len` floats per image must be valid behind `p` and, unless null, `q`; `sum` must be writable.
    sums(SumArgs) = sums_body
}
