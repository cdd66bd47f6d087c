//! Interacting multiple models: a quiet and a manoeuvring constant-velocity filter.
//!
//! In and out as [`crate::filter`]. Blom and Bar-Shalom, "The interacting multiple model algorithm for systems with
//! Markovian switching coefficients", IEEE TAC 33(8), 1988; `i`, `j` are models, `u` their probabilities:
//!
//! ```text
//! mixing:       c_j  = sum_i p_ij u_i                 u_i|j = p_ij u_i / c_j
//!               s0_j = sum_i u_i|j s_i                P0_j  = sum_i u_i|j (P_i + (s_i - s0_j)(s_i - s0_j)')
//! filter:       s_j, P_j, L_j  from  s0_j, P0_j       (predict and update of the filter, L_j = N(v_j; 0, S_j))
//! weights:      u_j  = c_j L_j / sum_k c_k L_k
//! combination:  s    = sum_j u_j s_j                  P     = sum_j u_j (P_j + (s_j - s)(s_j - s)')
//! ```
//!
//! The chain stays in its model with 0.95 a frame. For a step of `t` frames the transition is the matrix power: with
//! two symmetric models `p_jj(t) = (1 + (2 p - 1)^t) / 2`.

use nalgebra::{Matrix4, Vector4};

use crate::filter::{Estimate, Measurement, symmetric};

/// Noise density of the quiet model, px^2/frame^3.
const QUIET: f64 = 0.05;
/// Noise density of the manoeuvring model, px^2/frame^3.
const MANOEUVRING: f64 = 1.0;
/// Probability of staying in a model over one frame.
const STAY: f64 = 0.95;
/// Standard deviation of the speed of a new track along each axis, px/frame: of the 7463 steps of the labels of
/// drone-ir-video (320x256, 30 frames/s) 99 % are below 2.3 px and 99.9 % below 4.1 px.
const BIRTH_SPEED: f64 = 3.0;

/// Noise densities of the models, and how the chain moves between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    pub(crate) q: [f64; 2],
    pub(crate) stay: f64,
}

impl Motion {
    /// The motion of targets as they are tracked.
    pub(crate) const TARGET: Motion = Motion {
        q: [QUIET, MANOEUVRING],
        stay: STAY,
    };
}

/// Both filters and the probability of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Imm {
    motion: Motion,
    models: [Estimate; 2],
    probability: [f64; 2],
}

impl Imm {
    /// A target seen once, at rest as far as is known; the models start with the probabilities given.
    pub(crate) fn new(first: &Measurement, motion: Motion, probability: [f64; 2]) -> Self {
        let speed = BIRTH_SPEED * BIRTH_SPEED;
        let start = Estimate {
            mean: Vector4::new(first.position[0], first.position[1], 0.0, 0.0),
            covariance: Matrix4::from_diagonal(&Vector4::new(
                first.variance,
                first.variance,
                speed,
                speed,
            )),
        };
        Self {
            motion,
            models: [start; 2],
            probability,
        }
    }

    /// Mixes the models and moves both by `frames`.
    pub(crate) fn predict(&mut self, frames: f64) {
        let stay = 0.5 * (1.0 + (2.0 * self.motion.stay - 1.0).powf(frames));
        let before = self.models;
        let mut totals = [0.0; 2];
        for (j, total) in totals.iter_mut().enumerate() {
            let weight = |i: usize| self.probability[i] * if i == j { stay } else { 1.0 - stay };
            *total = weight(0) + weight(1);
            if *total > 0.0 {
                self.models[j] = combine(&before, [weight(0) / *total, weight(1) / *total]);
            }
            self.models[j].predict(frames, self.motion.q[j]);
        }
        self.probability = totals;
    }

    /// Takes in a measurement; a measurement that cannot be compared changes nothing.
    pub(crate) fn update(&mut self, measurement: &Measurement) {
        let [Some(quiet), Some(manoeuvring)] =
            [0, 1].map(|j| self.models[j].innovation(measurement))
        else {
            return;
        };
        let innovations = [quiet, manoeuvring];
        let ln = innovations.map(|v| v.ln_likelihood());
        // Relative to the larger one: far from both models each density alone would underflow to zero.
        let largest = ln[0].max(ln[1]);
        let weights = [0, 1].map(|j| self.probability[j] * (ln[j] - largest).exp());
        let total = weights[0] + weights[1];
        if total > 0.0 && total.is_finite() {
            self.probability = weights.map(|w| w / total);
        }
        for (model, innovation) in self.models.iter_mut().zip(&innovations) {
            model.update(innovation, measurement);
        }
    }

    /// The combined estimate.
    pub(crate) fn estimate(&self) -> Estimate {
        combine(&self.models, self.probability)
    }
}

/// Mean and covariance of the mixture of both models; the weights add up to one.
fn combine(models: &[Estimate; 2], weights: [f64; 2]) -> Estimate {
    let mean = models[0].mean * weights[0] + models[1].mean * weights[1];
    let mut covariance = Matrix4::zeros();
    for (model, weight) in models.iter().zip(weights) {
        let apart = model.mean - mean;
        covariance += (model.covariance + apart * apart.transpose()) * weight;
    }
    Estimate {
        mean,
        covariance: symmetric(covariance),
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector2;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    fn measurement(x: f64, y: f64, variance: f64) -> Measurement {
        Measurement {
            position: Vector2::new(x, y),
            variance,
        }
    }

    /// Uniform in -1..1 times `scale`.
    fn noise(random: &mut Pcg64Mcg, scale: f64) -> f64 {
        random.random_range(-scale..scale)
    }

    /// Textbook filter of one axis, written out in scalars: position `x`, speed `v`, covariance `[[a, b], [b, c]]`.
    struct Scalar {
        x: f64,
        v: f64,
        a: f64,
        b: f64,
        c: f64,
    }

    impl Scalar {
        fn step(&mut self, t: f64, q: f64, z: f64, r: f64) {
            self.x += t * self.v;
            let a = self.a + 2.0 * t * self.b + t * t * self.c + q * t * t * t / 3.0;
            let b = self.b + t * self.c + q * t * t / 2.0;
            let c = self.c + q * t;
            let (k0, k1) = (a / (a + r), b / (a + r));
            let residual = z - self.x;
            self.x += k0 * residual;
            self.v += k1 * residual;
            (self.a, self.b, self.c) = (a - k0 * a, b - k0 * b, c - k1 * b);
        }
    }

    #[test]
    fn one_certain_model_equals_a_plain_kalman_filter() {
        for (probability, q) in [([1.0, 0.0], QUIET), ([0.0, 1.0], MANOEUVRING)] {
            let motion = Motion {
                stay: 1.0,
                ..Motion::TARGET
            };
            let mut random = Pcg64Mcg::seed_from_u64(3);
            let mut imm = Imm::new(&measurement(50.0, 60.0, 2.0), motion, probability);
            let axis = |x| Scalar {
                x,
                v: 0.0,
                a: 2.0,
                b: 0.0,
                c: BIRTH_SPEED * BIRTH_SPEED,
            };
            let (mut h, mut v) = (axis(50.0), axis(60.0));
            for k in 1..200 {
                let t = if k % 7 == 0 { 3.0 } else { 1.0 };
                let r = random.random_range(1.0..30.0);
                let (zx, zy) = (
                    50.0 + f64::from(k) + noise(&mut random, 2.0),
                    60.0 + noise(&mut random, 2.0),
                );
                h.step(t, q, zx, r);
                v.step(t, q, zy, r);
                imm.predict(t);
                imm.update(&measurement(zx, zy, r));
                let got = imm.estimate();
                assert!(
                    (got.mean - Vector4::new(h.x, v.x, h.v, v.v)).norm() < 1e-9,
                    "step {k}"
                );
                let p = got.covariance;
                for (at, want) in [
                    ((0, 0), h.a),
                    ((0, 2), h.b),
                    ((2, 2), h.c),
                    ((1, 3), v.b),
                    ((0, 1), 0.0),
                ] {
                    assert!((p[at] - want).abs() < 1e-9, "step {k} {at:?}");
                }
            }
        }
    }

    #[test]
    fn covariance_stays_symmetric_and_positive_definite_over_10_000_steps() {
        let mut random = Pcg64Mcg::seed_from_u64(5);
        let mut imm = Imm::new(&measurement(0.0, 0.0, 1.0), Motion::TARGET, [0.5, 0.5]);
        let mut place = Vector2::new(0.0, 0.0);
        for step in 0..10_000 {
            let frames = [0.01, 1.0, 1.0, 2.0, 15.0][random.random_range(0..5)];
            imm.predict(frames);
            place += Vector2::new(noise(&mut random, 6.0), noise(&mut random, 6.0));
            if random.random_bool(0.7) {
                imm.update(&measurement(
                    place.x,
                    place.y,
                    random.random_range(1.0..31.0),
                ));
            }
            for estimate in imm.models.iter().chain([&imm.estimate()]) {
                let p = estimate.covariance;
                assert_eq!(p, p.transpose(), "step {step}");
                assert!(
                    p.cholesky().is_some() && estimate.is_finite(),
                    "step {step}: {p}"
                );
            }
            let total: f64 = imm.probability.iter().sum();
            assert!(
                (total - 1.0).abs() < 1e-9 && imm.probability.iter().all(|u| *u > 0.0),
                "step {step}"
            );
        }
    }

    #[test]
    fn turn_raises_the_manoeuvring_model_and_straight_flight_lowers_it() {
        let mut imm = Imm::new(&measurement(0.0, 0.0, 1.0), Motion::TARGET, [0.5, 0.5]);
        let mut x = 0.0;
        for _ in 0..40 {
            x += 2.0;
            imm.predict(1.0);
            imm.update(&measurement(x, 0.0, 1.0));
        }
        let straight = imm.probability[1];
        let mut highest: f64 = 0.0;
        for _ in 0..6 {
            x -= 4.0;
            imm.predict(1.0);
            imm.update(&measurement(x, 0.0, 1.0));
            highest = highest.max(imm.probability[1]);
        }
        assert!(straight < 0.3, "{straight}");
        assert!(highest > 0.9, "{highest}");
    }

    #[test]
    fn transition_over_two_frames_equals_two_transitions() {
        let start = Imm::new(&measurement(0.0, 0.0, 1.0), Motion::TARGET, [0.9, 0.1]);
        let (mut once, mut twice) = (start, start);
        once.predict(2.0);
        twice.predict(1.0);
        twice.predict(1.0);
        assert!((once.probability[0] - twice.probability[0]).abs() < 1e-12);
    }

    #[test]
    fn settled_speed_is_known_to_0_36_px_a_frame() {
        let motion = Motion {
            stay: 1.0,
            ..Motion::TARGET
        };
        let mut imm = Imm::new(&measurement(0.0, 0.0, 1.0), motion, [1.0, 0.0]);
        for _ in 0..100 {
            imm.predict(1.0);
            imm.update(&measurement(0.0, 0.0, 1.0));
        }
        let speed = imm.estimate().covariance[(2, 2)].sqrt();
        assert!((speed - 0.357).abs() < 0.001, "{speed}");
    }
}
