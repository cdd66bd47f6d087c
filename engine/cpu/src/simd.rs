//! Sixteen `f32` lanes on every machine: the one text of each kernel is generic over [`Simd`], and `kernel!` makes a
//! function that picks the instruction set at run time.
//!
//! A logical vector is always 16 floats wide: one AVX-512 register, two of AVX2, four of NEON, or a plain array. So
//! layouts, tiles and tests are the same everywhere.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub use portable::Portable;

/// Lanes of a logical vector.
pub const LANES: usize = 16;

/// An instruction set the kernels can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, any machine.
    Portable,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// aarch64.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// All that this machine can run, slowest first.
    pub fn available() -> Vec<Isa> {
        #[allow(
            unused_mut,
            reason = "nothing is added on machines without a SIMD back end"
        )]
        let mut isas = vec![Isa::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                isas.push(Isa::Avx2);
            }
            if std::is_x86_feature_detected!("avx512f") {
                isas.push(Isa::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        isas.push(Isa::Neon);
        isas
    }

    /// The fastest that this machine can run.
    pub fn best() -> Isa {
        Self::available().last().copied().unwrap_or(Isa::Portable)
    }

    /// Its name, as benchmarks print it.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
        }
    }
}

/// Operations on a vector of [`LANES`] floats.
///
/// # Safety
/// Every function may only be called where the instruction set is available; pointers must be valid for the lanes
/// touched ([`Simd::load_even`] touches 32 floats).
#[allow(
    clippy::missing_safety_doc,
    reason = "one contract for all functions, stated on the trait"
)]
pub unsafe trait Simd: Copy {
    /// The vector.
    type V: Copy;
    /// Whether a vector is one of 32 registers: decides the register tiles of the kernels.
    const WIDE_REGISTERS: bool;

    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self::V;
    /// Sixteen floats, any alignment.
    unsafe fn load(p: *const f32) -> Self::V;
    /// Elements 0, 2, 4 .. 30.
    unsafe fn load_even(p: *const f32) -> Self::V;
    /// Sixteen floats, any alignment.
    unsafe fn store(p: *mut f32, v: Self::V);
    /// The first `n` lanes only.
    unsafe fn store_first(p: *mut f32, v: Self::V, n: usize);
    /// `a0 b0 a1 b1 ..` as two vectors.
    unsafe fn interleave(a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// `a * b + c`
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a + b`
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// The larger of each pair.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each pair.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `a` where `x > 0`, else `b`.
    unsafe fn where_positive(x: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Nearest integer, ties to even.
    unsafe fn round(v: Self::V) -> Self::V;
    /// `2^v` for integral `v` in -126..=127.
    unsafe fn exp2_integral(v: Self::V) -> Self::V;
    /// Sum of all lanes.
    unsafe fn sum(v: Self::V) -> f32;

    /// `e^v`, relative error below 2e-7 for `v` in -87..=88; clamped outside (Cody-Waite reduction, degree 6).
    #[inline(always)]
    unsafe fn exp(v: Self::V) -> Self::V {
        // SAFETY: the caller's contract is passed on.
        unsafe {
            let v = Self::min(Self::max(v, Self::splat(-87.0)), Self::splat(88.0));
            let n = Self::round(Self::mul(v, Self::splat(std::f32::consts::LOG2_E)));
            let r = Self::fma(n, Self::splat(-0.693_359_4), v);
            let r = Self::fma(n, Self::splat(2.121_944_4e-4), r);
            let mut p = Self::splat(1.0 / 720.0);
            for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
                p = Self::fma(p, r, Self::splat(c));
            }
            Self::mul(p, Self::exp2_integral(n))
        }
    }

    /// `tanh(v / 2) = (e^v - 1) / (e^v + 1)`; beyond |v| = 30 it is 1 in `f32`.
    #[inline(always)]
    unsafe fn tanh_half(v: Self::V) -> Self::V {
        // SAFETY: the caller's contract is passed on.
        unsafe {
            let v = Self::min(Self::max(v, Self::splat(-30.0)), Self::splat(30.0));
            let e = Self::exp(v);
            let one = Self::splat(1.0);
            Self::div(Self::sub(e, one), Self::add(e, one))
        }
    }
}

/// Makes `pub(crate) unsafe fn $name(isa, args)` out of a body generic over [`Simd`].
///
/// The body must be `#[inline(always)]`, so that it is compiled once for each instruction set.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident($args:ty) = $body:ident) => {
        $(#[$doc])*
        pub(crate) unsafe fn $name(isa: $crate::simd::Isa, args: &$args) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2(args: &$args) {
                // SAFETY: the features are enabled here; the rest is the caller's contract.
                unsafe { $body::<$crate::simd::Avx2>(args) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512(args: &$args) {
                // SAFETY: as above.
                unsafe { $body::<$crate::simd::Avx512>(args) }
            }
            // SAFETY: `Isa` values other than `Portable` come from detection; the rest is the caller's contract.
            unsafe {
                match isa {
                    $crate::simd::Isa::Portable => $body::<$crate::simd::Portable>(args),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Avx2 => avx2(args),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Avx512 => avx512(args),
                    #[cfg(target_arch = "aarch64")]
                    $crate::simd::Isa::Neon => $body::<$crate::simd::Neon>(args),
                }
            }
        }
    };
}
pub(crate) use kernel;

#[cfg(test)]
mod tests;
