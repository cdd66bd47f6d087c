//! Linear Kalman filter with constant velocity.
//!
//! In: a time step in frames, a measured position in pixels and its variance. Out: state `s = [x, y, vx, vy]` in px and
//! px/frame with covariance `P`. Refused: updates whose innovation covariance cannot be inverted.
//!
//! White-noise acceleration of density `q` (px^2/frame^3), Bar-Shalom, Li, Kirubarajan, "Estimation with Applications
//! to Tracking and Navigation", 2001, eq. 6.2.2-12; `I` is 2x2, a step takes `t` frames:
//!
//! ```text
//! F = | I  tI |     Q = q | t^3/3 I  t^2/2 I |     H = | I  0 |
//!     | 0   I |           | t^2/2 I    t   I |
//!
//! predict:  s <- F s                P <- F P F' + Q
//! update:   v = z - H s             S = H P H' + r I          K = P H' S^-1
//!           s <- s + K v            P <- (I - K H) P (I - K H)' + r K K'      (Joseph's form: stays positive definite)
//!           ln L = -(v' S^-1 v + ln det S + 2 ln 2 pi) / 2
//! ```

use nalgebra::{Matrix2, Matrix2x4, Matrix4, Matrix4x2, Vector2, Vector4};

/// Mean and covariance of `[x, y, vx, vy]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// px, px, px/frame, px/frame.
    pub(crate) mean: Vector4<f64>,
    /// Symmetric, positive definite.
    pub(crate) covariance: Matrix4<f64>,
}

/// A measured position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measurement {
    /// px.
    pub(crate) position: Vector2<f64>,
    /// px^2, the same along both axes.
    pub(crate) variance: f64,
}

impl Measurement {
    /// Measurement noise of a detection by its score: `R = (0.5 + 0.5 / score)^2` px^2.
    pub(crate) fn variance_of_score(score: f64) -> f64 {
        (0.5 + 0.5 / score).powi(2)
    }
}

/// What a measurement says about an estimate, before it is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Innovation {
    /// `z - H s`, px.
    pub(crate) residual: Vector2<f64>,
    /// `S^-1`, 1/px^2.
    pub(crate) inverse: Matrix2<f64>,
    /// `ln det S`, S in px^2.
    pub(crate) ln_determinant: f64,
}

impl Innovation {
    /// Squared Mahalanobis distance, unitless.
    pub(crate) fn distance2(&self) -> f64 {
        self.residual.dot(&(self.inverse * self.residual))
    }

    /// Logarithm of the Gaussian density of the measurement.
    pub(crate) fn ln_likelihood(&self) -> f64 {
        -0.5 * (self.distance2() + self.ln_determinant) - std::f64::consts::TAU.ln()
    }
}

fn observation() -> Matrix2x4<f64> {
    Matrix2x4::identity()
}

impl Estimate {
    /// Moves the estimate by `frames` with noise density `q`.
    pub(crate) fn predict(&mut self, frames: f64, q: f64) {
        let t = frames;
        let mut transition = Matrix4::identity();
        transition[(0, 2)] = t;
        transition[(1, 3)] = t;
        let mut noise = Matrix4::zeros();
        for axis in 0..2 {
            noise[(axis, axis)] = q * t.powi(3) / 3.0;
            noise[(axis, axis + 2)] = q * t * t / 2.0;
            noise[(axis + 2, axis)] = q * t * t / 2.0;
            noise[(axis + 2, axis + 2)] = q * t;
        }
        self.mean = transition * self.mean;
        self.covariance = symmetric(transition * self.covariance * transition.transpose() + noise);
    }

    /// Compares the estimate with a measurement; `None` if `S` cannot be inverted.
    pub(crate) fn innovation(&self, measurement: &Measurement) -> Option<Innovation> {
        let position: Matrix2<f64> = self.covariance.fixed_view::<2, 2>(0, 0).into();
        let spread = position + Matrix2::identity() * measurement.variance;
        let determinant = spread.determinant();
        if !(determinant.is_finite() && determinant > 0.0) {
            return None;
        }
        Some(Innovation {
            residual: measurement.position - self.mean.fixed_rows::<2>(0),
            inverse: spread.try_inverse()?,
            ln_determinant: determinant.ln(),
        })
    }

    /// Takes in the measurement that `innovation` was made of.
    pub(crate) fn update(&mut self, innovation: &Innovation, measurement: &Measurement) {
        let h = observation();
        let gain: Matrix4x2<f64> = self.covariance * h.transpose() * innovation.inverse;
        let keep = Matrix4::identity() - gain * h;
        self.mean += gain * innovation.residual;
        self.covariance = symmetric(
            keep * self.covariance * keep.transpose()
                + gain * gain.transpose() * measurement.variance,
        );
    }

    /// Whether every number of it can be used.
    pub(crate) fn is_finite(&self) -> bool {
        self.mean
            .iter()
            .chain(self.covariance.iter())
            .all(|v| v.is_finite())
    }
}

/// Removes what rounding leaves of asymmetry, so that it cannot grow.
pub(crate) fn symmetric(p: Matrix4<f64>) -> Matrix4<f64> {
    (p + p.transpose()) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_equals_hand_computation() {
        // One axis: P = diag(2, 1), t = 1, q = 0.6: P- = [[3.2, 1.3], [1.3, 1.6]]; r = 0.8: S = 4, K = [0.8, 0.325].
        let mut estimate = Estimate {
            mean: Vector4::new(10.0, 20.0, 1.0, -1.0),
            covariance: Matrix4::from_diagonal(&Vector4::new(2.0, 2.0, 1.0, 1.0)),
        };
        estimate.predict(1.0, 0.6);
        assert_eq!(estimate.mean, Vector4::new(11.0, 19.0, 1.0, -1.0));
        let measurement = Measurement {
            position: Vector2::new(12.0, 19.0),
            variance: 0.8,
        };
        let innovation = estimate.innovation(&measurement).unwrap();
        assert!((innovation.distance2() - 0.25).abs() < 1e-12);
        let want = -0.125 - (4.0 * std::f64::consts::TAU).ln();
        assert!((innovation.ln_likelihood() - want).abs() < 1e-12);
        estimate.update(&innovation, &measurement);
        let want = Vector4::new(11.8, 19.0, 1.325, -1.0);
        assert!((estimate.mean - want).norm() < 1e-12, "{}", estimate.mean);
        // P+ = P- - K S K': 3.2 - 2.56, 1.3 - 1.04, 1.6 - 0.4225
        let p = estimate.covariance;
        for (at, want) in [
            ((0, 0), 0.64),
            ((0, 2), 0.26),
            ((2, 2), 1.1775),
            ((0, 1), 0.0),
        ] {
            assert!((p[at] - want).abs() < 1e-12, "{at:?} {}", p[at]);
        }
    }

    #[test]
    fn two_half_steps_equal_one_step() {
        let start = Estimate {
            mean: Vector4::new(1.0, 2.0, 3.0, 4.0),
            covariance: Matrix4::from_diagonal(&Vector4::new(1.0, 2.0, 3.0, 4.0)),
        };
        let (mut once, mut twice) = (start, start);
        once.predict(1.0, 0.7);
        twice.predict(0.5, 0.7);
        twice.predict(0.5, 0.7);
        assert!((once.mean - twice.mean).norm() < 1e-12);
        assert!((once.covariance - twice.covariance).norm() < 1e-12);
    }

    #[test]
    fn weak_detections_are_trusted_less() {
        assert_eq!(Measurement::variance_of_score(1.0), 1.0);
        assert!((Measurement::variance_of_score(0.1) - 30.25).abs() < 1e-9);
    }
}
