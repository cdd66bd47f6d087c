use super::Simd;
use std::arch::aarch64::*;

/// Four 128-bit registers.
#[derive(Clone, Copy)]
pub struct Neon;

type V = [float32x4_t; 4];

macro_rules! each {
    ($f:ident, $a:expr, $b:expr) => {
        unsafe {
            [
                $f($a[0], $b[0]),
                $f($a[1], $b[1]),
                $f($a[2], $b[2]),
                $f($a[3], $b[3]),
            ]
        }
    };
}

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each function is a few intrinsics under the trait's contract"
)]
// SAFETY: NEON is part of aarch64.
unsafe impl Simd for Neon {
    type V = V;
    const WIDE_REGISTERS: bool = false;

    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        unsafe { [vdupq_n_f32(x); 4] }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V {
        unsafe {
            [
                vld1q_f32(p),
                vld1q_f32(p.add(4)),
                vld1q_f32(p.add(8)),
                vld1q_f32(p.add(12)),
            ]
        }
    }
    #[inline(always)]
    unsafe fn load_even(p: *const f32) -> V {
        unsafe {
            [
                vld2q_f32(p).0,
                vld2q_f32(p.add(8)).0,
                vld2q_f32(p.add(16)).0,
                vld2q_f32(p.add(24)).0,
            ]
        }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V) {
        unsafe {
            for (i, x) in v.into_iter().enumerate() {
                vst1q_f32(p.add(4 * i), x);
            }
        }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, v: V, n: usize) {
        unsafe {
            let mut lanes = [0.0f32; 16];
            Self::store(lanes.as_mut_ptr(), v);
            for (i, x) in lanes.iter().take(n).enumerate() {
                *p.add(i) = *x;
            }
        }
    }
    #[inline(always)]
    unsafe fn interleave(a: V, b: V) -> (V, V) {
        unsafe {
            let z = |i: usize| [vzip1q_f32(a[i], b[i]), vzip2q_f32(a[i], b[i])];
            let ([p, q], [r, s]) = (z(0), z(1));
            let ([t, u], [v, w]) = (z(2), z(3));
            ([p, q, r, s], [t, u, v, w])
        }
    }
    #[inline(always)]
    unsafe fn fma(a: V, b: V, c: V) -> V {
        unsafe {
            [
                vfmaq_f32(c[0], a[0], b[0]),
                vfmaq_f32(c[1], a[1], b[1]),
                vfmaq_f32(c[2], a[2], b[2]),
                vfmaq_f32(c[3], a[3], b[3]),
            ]
        }
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        each!(vaddq_f32, a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        each!(vsubq_f32, a, b)
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        each!(vmulq_f32, a, b)
    }
    #[inline(always)]
    unsafe fn div(a: V, b: V) -> V {
        each!(vdivq_f32, a, b)
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        each!(vmaxq_f32, a, b)
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        each!(vminq_f32, a, b)
    }
    #[inline(always)]
    unsafe fn where_positive(x: V, a: V, b: V) -> V {
        unsafe {
            let zero = vdupq_n_f32(0.0);
            let pick = |i: usize| vbslq_f32(vcgtq_f32(x[i], zero), a[i], b[i]);
            [pick(0), pick(1), pick(2), pick(3)]
        }
    }
    #[inline(always)]
    unsafe fn round(v: V) -> V {
        unsafe { v.map(|x| vrndnq_f32(x)) }
    }
    #[inline(always)]
    unsafe fn exp2_integral(v: V) -> V {
        unsafe {
            v.map(|x| {
                let biased = vaddq_s32(vcvtnq_s32_f32(x), vdupq_n_s32(127));
                vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
            })
        }
    }
    #[inline(always)]
    unsafe fn sum(v: V) -> f32 {
        unsafe { vaddvq_f32(vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[2], v[3]))) }
    }
}
