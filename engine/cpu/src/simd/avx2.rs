use super::Simd;
use std::arch::x86_64::*;

/// Two 256-bit registers.
#[derive(Clone, Copy)]
pub struct Avx2;

type V = (__m256, __m256);

#[inline(always)]
unsafe fn lane_mask(n: usize, offset: usize) -> __m256i {
    // SAFETY: AVX2 is the caller's contract.
    unsafe {
        let index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32 - offset as i32), index)
    }
}

#[inline(always)]
unsafe fn even(p: *const f32) -> __m256 {
    // SAFETY: caller's contract.
    unsafe {
        let picked =
            _mm256_shuffle_ps::<0b10_00_10_00>(_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8)));
        _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(
            picked,
        )))
    }
}

#[inline(always)]
unsafe fn zip_halves(a: __m256, b: __m256) -> V {
    // SAFETY: caller's contract.
    unsafe {
        let low = _mm256_unpacklo_ps(a, b);
        let high = _mm256_unpackhi_ps(a, b);
        (
            _mm256_permute2f128_ps::<0x20>(low, high),
            _mm256_permute2f128_ps::<0x31>(low, high),
        )
    }
}

macro_rules! both {
    ($f:ident, $a:expr, $b:expr) => {
        unsafe { ($f($a.0, $b.0), $f($a.1, $b.1)) }
    };
}

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each function is a few intrinsics under the trait's contract"
)]
// SAFETY: the caller guarantees AVX2 and FMA.
unsafe impl Simd for Avx2 {
    type V = V;
    const WIDE_REGISTERS: bool = false;

    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        unsafe { (_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V {
        unsafe { (_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))) }
    }
    #[inline(always)]
    unsafe fn load_even(p: *const f32) -> V {
        unsafe { (even(p), even(p.add(16))) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V) {
        unsafe {
            _mm256_storeu_ps(p, v.0);
            _mm256_storeu_ps(p.add(8), v.1);
        }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, v: V, n: usize) {
        unsafe {
            _mm256_maskstore_ps(p, lane_mask(n, 0), v.0);
            _mm256_maskstore_ps(p.add(8), lane_mask(n, 8), v.1);
        }
    }
    #[inline(always)]
    unsafe fn interleave(a: V, b: V) -> (V, V) {
        unsafe { (zip_halves(a.0, b.0), zip_halves(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn fma(a: V, b: V, c: V) -> V {
        unsafe {
            (
                _mm256_fmadd_ps(a.0, b.0, c.0),
                _mm256_fmadd_ps(a.1, b.1, c.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        both!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        both!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        both!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    unsafe fn div(a: V, b: V) -> V {
        both!(_mm256_div_ps, a, b)
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        both!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        both!(_mm256_min_ps, a, b)
    }
    #[inline(always)]
    unsafe fn where_positive(x: V, a: V, b: V) -> V {
        unsafe {
            let zero = _mm256_setzero_ps();
            (
                _mm256_blendv_ps(b.0, a.0, _mm256_cmp_ps::<_CMP_GT_OQ>(x.0, zero)),
                _mm256_blendv_ps(b.1, a.1, _mm256_cmp_ps::<_CMP_GT_OQ>(x.1, zero)),
            )
        }
    }
    #[inline(always)]
    unsafe fn round(v: V) -> V {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        unsafe {
            (
                _mm256_round_ps::<NEAREST>(v.0),
                _mm256_round_ps::<NEAREST>(v.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn exp2_integral(v: V) -> V {
        unsafe {
            let one = |v: __m256| {
                let biased = _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
            };
            (one(v.0), one(v.1))
        }
    }
    #[inline(always)]
    unsafe fn sum(v: V) -> f32 {
        unsafe {
            let v = _mm256_add_ps(v.0, v.1);
            let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
            _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
        }
    }
}
