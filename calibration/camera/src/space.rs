use std::marker::PhantomData;

/// Camera axes: `x` right, `y` down, `z` out of the lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Camera {}

/// Vehicle axes: `x` forward, `y` right, `z` down (FRD).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {}

/// A unit vector in the axes `F`; directions of different axes do not mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Direction<F> {
    xyz: [f64; 3],
    axes: PhantomData<F>,
}

impl<F> Direction<F> {
    /// The direction of the vector `xyz`, of any length.
    ///
    /// `None` if the vector is zero or not finite: it points nowhere.
    pub fn new(xyz: [f64; 3]) -> Option<Self> {
        // Scaled by the largest component first, so that squares neither overflow nor vanish.
        let largest = xyz.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        if !(largest > 0.0 && xyz.iter().all(|v| v.is_finite())) {
            return None;
        }
        let scaled = xyz.map(|v| v / largest);
        let length = scaled.iter().map(|v| v * v).sum::<f64>().sqrt();
        Some(Self {
            xyz: scaled.map(|v| v / length),
            axes: PhantomData,
        })
    }

    /// Component along the first axis.
    pub fn x(&self) -> f64 {
        self.xyz[0]
    }

    /// Component along the second axis.
    pub fn y(&self) -> f64 {
        self.xyz[1]
    }

    /// Component along the third axis.
    pub fn z(&self) -> f64 {
        self.xyz[2]
    }

    /// Angle to another direction of the same axes, radians, 0..=pi.
    pub fn angle_to(&self, other: &Self) -> f64 {
        let [ax, ay, az] = self.xyz;
        let [bx, by, bz] = other.xyz;
        let cross = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
        // atan2 of sine and cosine: acos alone loses half of the digits at small angles.
        let sine = cross.iter().map(|v| v * v).sum::<f64>().sqrt();
        sine.atan2(ax * bx + ay * by + az * bz)
    }
}

impl Direction<Camera> {
    /// Angle from the optical axis to the right, radians: `atan2(x, z)`.
    pub fn azimuth(&self) -> f64 {
        self.x().atan2(self.z())
    }

    /// Angle upwards from the plane of `x` and `z`, radians: `atan2(-y, hypot(x, z))`.
    pub fn elevation(&self) -> f64 {
        (-self.y()).atan2(self.x().hypot(self.z()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_has_length_one_for_huge_and_tiny_vectors() {
        for scale in [1e-300, 1.0, 1e300] {
            let d = Direction::<Body>::new([3.0 * scale, 0.0, 4.0 * scale]).unwrap();
            assert!(
                (d.x() - 0.6).abs() < 1e-15 && (d.z() - 0.8).abs() < 1e-15,
                "{scale}"
            );
        }
    }

    #[test]
    fn vector_that_points_nowhere_is_refused() {
        for xyz in [[0.0; 3], [f64::NAN, 0.0, 1.0], [0.0, f64::INFINITY, 1.0]] {
            assert_eq!(Direction::<Camera>::new(xyz), None, "{xyz:?}");
        }
    }

    #[test]
    fn right_is_positive_azimuth_and_up_is_positive_elevation() {
        let d = Direction::<Camera>::new([1.0, -1.0, 1.0]).unwrap();
        assert!((d.azimuth() - std::f64::consts::FRAC_PI_4).abs() < 1e-15);
        assert!((d.elevation() - (1.0 / 2.0_f64.sqrt()).atan()).abs() < 1e-15);
    }

    #[test]
    fn small_angles_keep_their_digits() {
        let a = Direction::<Camera>::new([0.0, 0.0, 1.0]).unwrap();
        let b = Direction::<Camera>::new([1e-9, 0.0, 1.0]).unwrap();
        assert!((a.angle_to(&b) - 1e-9).abs() < 1e-20);
    }
}
