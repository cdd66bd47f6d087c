//! Which detection may belong to which track, and at what cost.
//!
//! In: the predicted estimate and size of a track, one detection. Out: the cost of the pair, or nothing. Refused: pairs
//! too far apart to be one target.
//!
//! ```text
//! d^2  = v' S^-1 v  <=  9.21                                        (chi-square, 2 degrees of freedom, 99 %)
//! |v|  <=  max(3 sqrt(w^2 + h^2), 8 px) + 0.35 px for each frame unseen
//! cost = d^2 + ln det S + 0.1 |ln(area ratio)|
//! ```
//!
//! `ln det S` makes the cost twice the negative logarithm of the likelihood: by `d^2` alone, a track that has been lost
//! for long and knows little would win detections from the one that is followed. The overlap of boxes is of no use here:
//! a box of 2 px moved by 1 px diagonally overlaps by 0.14.

use invdet_core::Detection;

use crate::filter::{Estimate, Measurement};

/// 99 % of chi-square with two degrees of freedom.
const GATE_D2: f64 = 9.21;
/// Hard gate in diagonals of the track's box.
const GATE_DIAGONALS: f64 = 3.0;
/// Hard gate of the smallest targets, px.
const GATE_MIN_PX: f64 = 8.0;
/// Growth of the hard gate for each frame unseen, px: the standard deviation of the speed of a track followed at score
/// 1 (0.357 px/frame in the quiet model, `settled_speed_is_known_to_0_36_px_a_frame` in `imm`).
const GATE_GROWTH_PX: f64 = 0.35;
const AREA_WEIGHT: f64 = 0.1;

/// Farthest coordinate and largest box believed, px: no sensor is larger.
const MAX_PX: f32 = 65_536.0;

/// Whether a detection can be used at all: finite, in range, with an area and a score above zero.
pub(crate) fn is_usable(detection: &Detection) -> bool {
    let Detection { x, y, w, h, score } = *detection;
    let size = f32::MIN_POSITIVE..=MAX_PX;
    x.abs() <= MAX_PX
        && y.abs() <= MAX_PX
        && size.contains(&w)
        && size.contains(&h)
        && score > 0.0
        && score <= 1.0
}

/// The position of a usable detection as the filters want it.
pub(crate) fn measurement(detection: &Detection) -> Measurement {
    Measurement {
        position: [f64::from(detection.x), f64::from(detection.y)].into(),
        variance: Measurement::variance_of_score(f64::from(detection.score)),
    }
}

/// What the gate must know of a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// Predicted to the time of the detection.
    pub(crate) estimate: Estimate,
    /// Smoothed width, px.
    pub(crate) w: f64,
    /// Smoothed height, px.
    pub(crate) h: f64,
    /// Frames since the last detection.
    pub(crate) unseen: u32,
}

/// Cost of giving the detection to the track; `None` outside of the gates.
pub(crate) fn cost(expected: &Expected, detection: &Detection) -> Option<f64> {
    let innovation = expected.estimate.innovation(&measurement(detection))?;
    let reach = (GATE_DIAGONALS * expected.w.hypot(expected.h)).max(GATE_MIN_PX)
        + GATE_GROWTH_PX * f64::from(expected.unseen);
    let distance2 = innovation.distance2();
    if !(distance2 <= GATE_D2 && innovation.residual.norm() <= reach) {
        return None;
    }
    let area = f64::from(detection.w) * f64::from(detection.h);
    let ratio = (area / (expected.w * expected.h)).ln().abs();
    Some(distance2 + innovation.ln_determinant + AREA_WEIGHT * ratio)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix4, Vector4};

    use super::*;

    fn expected(position_variance: f64) -> Expected {
        Expected {
            estimate: Estimate {
                mean: Vector4::new(100.0, 100.0, 0.0, 0.0),
                covariance: Matrix4::identity() * position_variance,
            },
            w: 3.0,
            h: 3.0,
            unseen: 0,
        }
    }

    fn at(x: f32, w: f32) -> Detection {
        Detection {
            x,
            y: 100.0,
            w,
            h: w,
            score: 1.0,
        }
    }

    #[test]
    fn cost_equals_hand_computation() {
        // S = 2 I: d^2 = 2, ln det S = 2 ln 2, areas 36 / 9.
        let got = cost(&expected(1.0), &at(102.0, 6.0)).unwrap();
        assert!((got - (2.0 + 2.0 * 2.0_f64.ln() + 0.1 * 4.0_f64.ln())).abs() < 1e-9);
    }

    #[test]
    fn distance_beyond_three_sigma_is_gated() {
        // S = 2 I: 9.21 is reached at 4.29 px.
        assert!(cost(&expected(1.0), &at(104.2, 3.0)).is_some());
        assert!(cost(&expected(1.0), &at(104.4, 3.0)).is_none());
    }

    #[test]
    fn hard_gate_holds_however_little_the_track_knows() {
        let vague = expected(1e4);
        // 3 * hypot(3, 3) = 12.73 px
        assert!(cost(&vague, &at(112.7, 3.0)).is_some());
        assert!(cost(&vague, &at(112.8, 3.0)).is_none());
        let small = Expected {
            w: 1.0,
            h: 1.0,
            ..vague
        };
        assert!(cost(&small, &at(107.9, 1.0)).is_some());
        assert!(cost(&small, &at(108.1, 1.0)).is_none());
        let lost = Expected {
            unseen: 10,
            ..small
        };
        assert!(cost(&lost, &at(111.4, 1.0)).is_some());
        assert!(cost(&lost, &at(111.6, 1.0)).is_none());
    }

    #[test]
    fn impossible_detections_are_not_usable() {
        let good = at(10.0, 3.0);
        assert!(is_usable(&good));
        for bad in [
            Detection {
                x: f32::NAN,
                ..good
            },
            Detection {
                y: f32::INFINITY,
                ..good
            },
            Detection { x: -1e9, ..good },
            Detection { w: 0.0, ..good },
            Detection { h: -1.0, ..good },
            Detection {
                w: f32::NAN,
                ..good
            },
            Detection {
                score: f32::NAN,
                ..good
            },
            Detection { score: 0.0, ..good },
            Detection {
                score: 1.01,
                ..good
            },
        ] {
            assert!(!is_usable(&bad), "{bad:?}");
        }
    }
}
