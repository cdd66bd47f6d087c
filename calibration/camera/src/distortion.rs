//! Lens distortion on the plane `z = 1`.
//!
//! In: a point of that plane (unitless, `x` right, `y` down). Out: where the lens puts it, and the inverse. Refused:
//! points beyond the radius where the radial polynomial stops growing, since there two directions share one pixel.
//!
//! Brown-Conrady with OpenCV's names and order (calib3d, "Detailed Description"), `r^2 = x^2 + y^2`:
//!
//! ```text
//! x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2)
//! y' = y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y
//! ```

/// Coefficients of Brown and Conrady in OpenCV's order `k1, k2, p1, p2, k3`; unitless, zero means none.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Distortion {
    /// Radial, `r^2`.
    pub k1: f64,
    /// Radial, `r^4`.
    pub k2: f64,
    /// Tangential.
    pub p1: f64,
    /// Tangential.
    pub p2: f64,
    /// Radial, `r^6`.
    pub k3: f64,
}

/// Newton steps allowed; from a start within the fold four to six are used.
const MAX_STEPS: usize = 32;
/// Residual that counts as converged, on the plane `z = 1`: 1e-8 px at a focal length of 10 000 px.
const CONVERGED: f64 = 1e-12;
/// Radius up to which the search for the fold looks: 84 degrees off axis, more than a perspective lens images.
const FOLD_SEARCH_RADIUS: f64 = 10.0;
const FOLD_SEARCH_STEPS: u32 = 10_000;

impl Distortion {
    /// From OpenCV's array `[k1, k2, p1, p2, k3]`.
    pub const fn from_opencv([k1, k2, p1, p2, k3]: [f64; 5]) -> Self {
        Self { k1, k2, p1, p2, k3 }
    }

    /// As OpenCV's array `[k1, k2, p1, p2, k3]`.
    pub const fn to_opencv(self) -> [f64; 5] {
        [self.k1, self.k2, self.p1, self.p2, self.k3]
    }

    /// Radius on the plane `z = 1` up to which `r (1 + k1 r^2 + k2 r^4 + k3 r^6)` grows, infinite if it always does.
    pub(crate) fn fold_radius(&self) -> f64 {
        let grows = |r: f64| {
            let r2 = r * r;
            1.0 + r2 * (3.0 * self.k1 + r2 * (5.0 * self.k2 + r2 * 7.0 * self.k3)) > 0.0
        };
        let radius =
            |step: u32| FOLD_SEARCH_RADIUS * f64::from(step) / f64::from(FOLD_SEARCH_STEPS);
        (1..=FOLD_SEARCH_STEPS)
            .find(|&step| !grows(radius(step)))
            .map_or(f64::INFINITY, |step| radius(step - 1))
    }

    /// Where the lens puts the point `(x, y)`, and the Jacobian `[dx'/dx, dx'/dy, dy'/dx, dy'/dy]`.
    pub(crate) fn distort(&self, x: f64, y: f64) -> ([f64; 2], [f64; 4]) {
        let Self { k1, k2, p1, p2, k3 } = *self;
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        // d(radial)/d(r^2)
        let slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3);
        let point = [
            x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
            y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
        ];
        let mixed = 2.0 * (x * y * slope + p1 * x + p2 * y);
        let jacobian = [
            radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x,
            mixed,
            mixed,
            radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x,
        ];
        (point, jacobian)
    }

    /// The point that the lens puts at `(xd, yd)`, by Newton's method.
    ///
    /// `None` if the iteration does not converge, or converges beyond `fold_radius` or on a folded sheet.
    pub(crate) fn undistort(&self, xd: f64, yd: f64, fold_radius: f64) -> Option<[f64; 2]> {
        let (mut x, mut y) = (xd, yd);
        // A start beyond the fold would walk away from the wanted root.
        let start = x.hypot(y);
        if start > fold_radius {
            let shrink = 0.95 * fold_radius / start;
            x *= shrink;
            y *= shrink;
        }
        for _ in 0..MAX_STEPS {
            let ([px, py], [a, b, c, d]) = self.distort(x, y);
            let (ex, ey) = (xd - px, yd - py);
            let determinant = a * d - b * c;
            if ex.hypot(ey) <= CONVERGED * (1.0 + xd.hypot(yd)) {
                return (determinant > 0.0 && x.hypot(y) <= fold_radius).then_some([x, y]);
            }
            x += (d * ex - b * ey) / determinant;
            y += (a * ey - c * ex) / determinant;
            if !(x.is_finite() && y.is_finite()) {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARREL: Distortion = Distortion::from_opencv([-0.35, 0.14, 0.0008, -0.0005, -0.02]);

    #[test]
    fn distorted_point_equals_hand_computation() {
        // x = 0.3, y = -0.2: r^2 = 0.13, radial = 1 + 0.1*0.13 + 0.01*0.0169 + 0.001*0.002197 = 1.013171197
        let lens = Distortion::from_opencv([0.1, 0.01, 0.002, -0.003, 0.001]);
        let ([x, y], _) = lens.distort(0.3, -0.2);
        // 2*p1*x*y = -0.00024; p2*(r^2 + 2x^2) = -0.003*0.31; p1*(r^2 + 2y^2) = 0.002*0.21; 2*p2*x*y = 0.00036
        assert!((x - (0.3 * 1.013171197 - 0.00024 - 0.00093)).abs() < 1e-12);
        assert!((y - (-0.2 * 1.013171197 + 0.00042 + 0.00036)).abs() < 1e-12);
    }

    #[test]
    fn jacobian_equals_finite_differences() {
        let h = 1e-6;
        for (x, y) in [(0.0, 0.0), (0.3, -0.2), (-0.5, 0.4)] {
            let (_, jacobian) = BARREL.distort(x, y);
            let at = |x: f64, y: f64| BARREL.distort(x, y).0;
            let dx = [0, 1].map(|i| (at(x + h, y)[i] - at(x - h, y)[i]) / (2.0 * h));
            let dy = [0, 1].map(|i| (at(x, y + h)[i] - at(x, y - h)[i]) / (2.0 * h));
            for (got, want) in jacobian.into_iter().zip([dx[0], dy[0], dx[1], dy[1]]) {
                assert!((got - want).abs() < 1e-8, "{got} {want}");
            }
        }
    }

    #[test]
    fn barrel_folds_where_its_radius_stops_growing() {
        // d/dr (r - r^3/3) = 1 - r^2
        let lens = Distortion {
            k1: -1.0 / 3.0,
            ..Distortion::default()
        };
        assert!((lens.fold_radius() - 1.0).abs() < 2e-3);
        assert_eq!(Distortion::default().fold_radius(), f64::INFINITY);
        // The largest distorted radius is 2/3: nothing is imaged beyond.
        assert!(lens.undistort(0.66, 0.0, lens.fold_radius()).is_some());
        assert_eq!(lens.undistort(0.68, 0.0, lens.fold_radius()), None);
    }

    #[test]
    fn not_a_number_does_not_converge() {
        assert_eq!(BARREL.undistort(f64::NAN, 0.0, BARREL.fold_radius()), None);
    }
}
