//! What this machine could do at best: a loop of fused multiply-adds on registers, so that a benchmark can say which
//! share of it a network reaches.

use crate::Engine;
use crate::simd::{Simd, kernel};
use std::time::Instant;

/// Independent sums: enough to hide the latency of the unit.
const CHAINS: usize = 12;
const ROUNDS: usize = 200_000;

pub(crate) struct PeakArgs {
    out: *mut f32,
}

#[inline(always)]
unsafe fn peak_body<S: Simd>(p: &PeakArgs) {
    // SAFETY: `out` holds one vector.
    unsafe {
        // Hidden from the optimizer, which would otherwise know the result.
        let hide = std::hint::black_box::<f32>;
        let (gain, offset) = (S::splat(hide(0.999)), S::splat(hide(0.002)));
        let mut sums = [gain; CHAINS];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = S::splat(hide(i as f32));
        }
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = S::fma(*sum, gain, offset);
            }
        }
        let mut all = sums[0];
        for sum in &sums[1..] {
            all = S::add(all, *sum);
        }
        S::store(p.out, all);
    }
}
kernel! {
    /// # Safety
    /// `out` must hold one vector.
    peak(PeakArgs) = peak_body
}

/// Multiply-accumulates a second that all threads of `engine` reach together on registers; the best of ten tries.
pub fn macs_per_second(engine: &Engine) -> f64 {
    let threads = engine.pool().threads();
    let mut best: f64 = 0.0;
    for _ in 0..10 {
        let start = Instant::now();
        engine.pool().run(threads, &|_| {
            let mut out = [0.0f32; crate::simd::LANES];
            // SAFETY: `out` is one vector; the engine's instruction set was detected.
            unsafe {
                peak(
                    engine.isa(),
                    &PeakArgs {
                        out: out.as_mut_ptr(),
                    },
                )
            };
            std::hint::black_box(out);
        });
        let macs = threads * ROUNDS * CHAINS * crate::simd::LANES;
        best = best.max(macs as f64 / start.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_a_plausible_number() {
        let peak = super::macs_per_second(&crate::Engine::new(1));
        // From an emulator to a machine of the next decade.
        assert!((1e6..1e12).contains(&peak), "{peak:e}");
    }
}
