//! Functions and random numbers that give the same bits on every machine.
//!
//! `sin`, `exp` and the like of the standard library are those of the platform and differ in the last bits from one C
//! library to the next. Here only `+ - * /` and `sqrt`, which IEEE 754 rounds exactly, and PCG integers are used.
//! Errors are below 1e-6, far below a count.

use std::f64::consts::{PI, TAU};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// Sine of an angle in radians, by its Taylor series after folding to a quarter turn.
pub(super) fn sin(angle: f64) -> f64 {
    let turn = angle - TAU * (angle / TAU).round();
    let folded = if turn > PI / 2.0 {
        PI - turn
    } else if turn < -PI / 2.0 {
        -PI - turn
    } else {
        turn
    };
    let square = folded * folded;
    let mut term = folded;
    let mut sum = folded;
    for order in 1..10 {
        let n = f64::from(2 * order);
        term *= -square / (n * (n + 1.0));
        sum += term;
    }
    sum
}

/// Cosine of an angle in radians.
pub(super) fn cos(angle: f64) -> f64 {
    sin(angle + PI / 2.0)
}

/// `exp(-x)` for `x >= 0`: Taylor series of `x / 1024`, squared ten times.
fn exp_negative(x: f64) -> f64 {
    let small = -x.min(700.0) / 1024.0;
    let series = 1.0
        + small
            * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0 * (1.0 + small / 5.0))));
    (0..10).fold(series, |power, _| power * power)
}

/// Integral of the normal distribution from minus infinity to `z` (Abramowitz and Stegun 26.2.17, error < 7.5e-8).
pub(super) fn normal_integral(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = exp_negative(z * z / 2.0) / TAU.sqrt() * series;
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// A stream of random numbers of one seed; streams of different numbers are independent.
#[derive(Debug)]
pub(super) struct Random(Pcg32);

impl Random {
    /// Stream `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(seed, stream))
    }

    /// All 32 bits uniform.
    pub(super) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `low..high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (f64::from(self.bits()) / 4_294_967_296.0)
    }

    /// Uniform in `0..end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.bits()) * end as u64) >> 32) as usize
    }

    /// Nearly normal with mean 0 and variance 1, within +-6: the sum of twelve 16-bit uniforms.
    pub(super) fn normal(&mut self) -> f32 {
        let sum: u32 = (0..6)
            .map(|_| self.bits())
            .map(|bits| (bits >> 16) + (bits & 0xffff))
            .sum();
        (f64::from(sum) / 65_536.0 + 6.0 / 65_536.0 - 6.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_agree_with_the_platform() {
        for step in -2000..2000 {
            let x = f64::from(step) * 0.037;
            assert!((sin(x) - x.sin()).abs() < 1e-9, "sin {x}");
            assert!((cos(x) - x.cos()).abs() < 1e-9, "cos {x}");
            assert!(
                (exp_negative(x.abs()) - (-x.abs()).exp()).abs() < 1e-9,
                "exp {x}"
            );
        }
    }

    #[test]
    fn normal_integral_has_its_known_values() {
        for (z, wanted) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-1.96, 0.024_997_895),
            (3.0, 0.998_650_102),
        ] {
            assert!((normal_integral(z) - wanted).abs() < 1e-7, "{z}");
        }
    }

    #[test]
    fn the_generator_is_pcg_xsh_rr_of_its_paper() {
        // First outputs of pcg32-demo (state 42, stream 54) by O'Neill.
        let mut random = Random::new(42, 54);
        let first: Vec<u32> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(first, [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330]);
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(3, 4);
        let values: Vec<f64> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }
}
