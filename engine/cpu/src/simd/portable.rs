use super::{LANES, Simd};

/// Plain Rust; the compiler vectorises what it can.
#[derive(Clone, Copy)]
pub struct Portable;

type V = [f32; LANES];

#[inline(always)]
fn zip(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: no instruction set is needed; pointers are the caller's contract.
unsafe impl Simd for Portable {
    type V = V;
    const WIDE_REGISTERS: bool = false;

    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V {
        // SAFETY: caller's contract.
        unsafe { p.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_even(p: *const f32) -> V {
        // SAFETY: caller's contract.
        std::array::from_fn(|i| unsafe { *p.add(2 * i) })
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V) {
        // SAFETY: caller's contract.
        unsafe { p.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, v: V, n: usize) {
        for (i, x) in v.iter().take(n).enumerate() {
            // SAFETY: caller's contract.
            unsafe { *p.add(i) = *x }
        }
    }
    #[inline(always)]
    unsafe fn interleave(a: V, b: V) -> (V, V) {
        let pick = |k: usize| {
            if k.is_multiple_of(2) {
                a[k / 2]
            } else {
                b[k / 2]
            }
        };
        (
            std::array::from_fn(pick),
            std::array::from_fn(|i| pick(i + LANES)),
        )
    }
    #[inline(always)]
    unsafe fn fma(a: V, b: V, c: V) -> V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: V, b: V) -> V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn where_positive(x: V, a: V, b: V) -> V {
        std::array::from_fn(|i| if x[i] > 0.0 { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn round(v: V) -> V {
        v.map(f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn exp2_integral(v: V) -> V {
        v.map(|x| f32::from_bits((((x as i32) + 127) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn sum(v: V) -> f32 {
        let mut v = v;
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                v[i] += v[i + half];
            }
        }
        v[0]
    }
}
