use invdet_core::{ImageSize, PixelPoint};

use crate::{Camera, CameraError, Direction, Distortion};

/// Focal lengths and principal point of a pinhole camera, all in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intrinsics {
    /// Focal length over the width of a pixel.
    pub fx: f64,
    /// Focal length over the height of a pixel.
    pub fy: f64,
    /// Principal point, to the right; pixel centres at `.5`, so 0.5 more than OpenCV's. May lie outside the image.
    pub cx: f64,
    /// Principal point, downwards; same convention as `cx`.
    pub cy: f64,
}

/// A checked perspective camera with Brown-Conrady [`Distortion`]: what exists can be undone at every pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraModel {
    size: ImageSize,
    intrinsics: Intrinsics,
    distortion: Distortion,
    fold_radius: f64,
}

/// Points a side of the grid on which the constructor tries the inverse.
const CHECKED_POINTS: u32 = 17;

impl CameraModel {
    /// A camera from its calibration.
    ///
    /// # Errors
    /// [`CameraError`] if the image is empty, a focal length is not positive, anything is not finite, or the distortion
    /// cannot be undone somewhere in the image.
    pub fn new(
        size: ImageSize,
        intrinsics: Intrinsics,
        distortion: Distortion,
    ) -> Result<Self, CameraError> {
        if size.width == 0 || size.height == 0 {
            return Err(CameraError::EmptyImage { found: size });
        }
        positive("fx (px)", intrinsics.fx)?;
        positive("fy (px)", intrinsics.fy)?;
        finite("cx (px)", intrinsics.cx)?;
        finite("cy (px)", intrinsics.cy)?;
        for (name, value) in ["k1", "k2", "p1", "p2", "k3"]
            .into_iter()
            .zip(distortion.to_opencv())
        {
            finite(name, value)?;
        }
        let camera = Self {
            size,
            intrinsics,
            distortion,
            fold_radius: distortion.fold_radius(),
        };
        camera.check_inverse()?;
        Ok(camera)
    }

    /// A camera known by its data sheet only: square pixels, principal point in the middle, no distortion.
    ///
    /// * `focal_mm`: focal length of the lens, millimetres.
    /// * `pitch_um`: distance of pixel centres, micrometres.
    ///
    /// # Errors
    /// [`CameraError`] if a length is not finite and positive or the image is empty.
    pub fn from_focal_mm(
        focal_mm: f64,
        pitch_um: f64,
        size: ImageSize,
    ) -> Result<Self, CameraError> {
        positive("focal_mm", focal_mm)?;
        positive("pitch_um", pitch_um)?;
        let focal_px = focal_mm * 1000.0 / pitch_um;
        let intrinsics = Intrinsics {
            fx: focal_px,
            fy: focal_px,
            cx: f64::from(size.width) / 2.0,
            cy: f64::from(size.height) / 2.0,
        };
        Self::new(size, intrinsics, Distortion::default())
    }

    /// The same camera with another distortion.
    ///
    /// # Errors
    /// [`CameraError`] if a coefficient is not finite or the distortion cannot be undone somewhere in the image.
    pub fn with_distortion(&self, distortion: Distortion) -> Result<Self, CameraError> {
        Self::new(self.size, self.intrinsics, distortion)
    }

    /// Size of the image the calibration is true for.
    pub const fn size(&self) -> ImageSize {
        self.size
    }

    /// Focal lengths and principal point, pixels.
    pub const fn intrinsics(&self) -> Intrinsics {
        self.intrinsics
    }

    /// Distortion of the lens.
    pub const fn distortion(&self) -> Distortion {
        self.distortion
    }

    /// Direction in camera axes to what is seen at `point`.
    ///
    /// # Errors
    /// [`CameraError::NoDirection`] if `point` is not finite or lies beyond what the lens images; never for a point in
    /// the image.
    pub fn direction(&self, point: PixelPoint) -> Result<Direction<Camera>, CameraError> {
        self.ray(f64::from(point.x), f64::from(point.y))
            .ok_or(CameraError::NoDirection {
                x: point.x,
                y: point.y,
            })
    }

    /// Azimuth (positive to the right) and elevation (positive upwards) from the optical axis, radians.
    ///
    /// # Errors
    /// As [`CameraModel::direction`].
    pub fn angles(&self, point: PixelPoint) -> Result<(f64, f64), CameraError> {
        let direction = self.direction(point)?;
        Ok((direction.azimuth(), direction.elevation()))
    }

    /// Where the direction is seen, in the image or outside of it.
    ///
    /// `None` if it points behind the camera or beyond where the distortion folds.
    pub fn project(&self, direction: &Direction<Camera>) -> Option<PixelPoint> {
        if direction.z() <= 0.0 {
            return None;
        }
        let (x, y) = (direction.x() / direction.z(), direction.y() / direction.z());
        if x.hypot(y) > self.fold_radius {
            return None;
        }
        let ([x, y], _) = self.distortion.distort(x, y);
        let Intrinsics { fx, fy, cx, cy } = self.intrinsics;
        let point = PixelPoint::new((fx * x + cx) as f32, (fy * y + cy) as f32);
        (point.x.is_finite() && point.y.is_finite()).then_some(point)
    }

    /// Horizontal and vertical field of view, radians: between the middles of opposite edges of the image.
    pub fn fov(&self) -> (f64, f64) {
        let (w, h) = (f64::from(self.size.width), f64::from(self.size.height));
        let between = |a: Option<Direction<Camera>>, b: Option<Direction<Camera>>| match (a, b) {
            (Some(a), Some(b)) => a.angle_to(&b),
            // The constructor tried these points.
            (None, _) | (_, None) => 0.0,
        };
        (
            between(self.ray(0.0, h / 2.0), self.ray(w, h / 2.0)),
            between(self.ray(w / 2.0, 0.0), self.ray(w / 2.0, h)),
        )
    }

    fn ray(&self, x: f64, y: f64) -> Option<Direction<Camera>> {
        let Intrinsics { fx, fy, cx, cy } = self.intrinsics;
        let [x, y] = self
            .distortion
            .undistort((x - cx) / fx, (y - cy) / fy, self.fold_radius)?;
        Direction::new([x, y, 1.0])
    }

    fn check_inverse(&self) -> Result<(), CameraError> {
        let last = f64::from(CHECKED_POINTS - 1);
        for row in 0..CHECKED_POINTS {
            for column in 0..CHECKED_POINTS {
                let x = f64::from(self.size.width) * f64::from(column) / last;
                let y = f64::from(self.size.height) * f64::from(row) / last;
                if self.ray(x, y).is_none() {
                    return Err(CameraError::NotInvertible { x, y });
                }
            }
        }
        Ok(())
    }
}

fn positive(name: &'static str, found: f64) -> Result<(), CameraError> {
    if found.is_finite() && found > 0.0 {
        Ok(())
    } else {
        Err(CameraError::NotPositive { name, found })
    }
}

fn finite(name: &'static str, found: f64) -> Result<(), CameraError> {
    if found.is_finite() {
        Ok(())
    } else {
        Err(CameraError::NotFinite { name, found })
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    fn boson() -> CameraModel {
        CameraModel::from_focal_mm(14.0, 12.0, ImageSize::new(640, 512)).unwrap()
    }

    #[test]
    fn projected_direction_is_the_same_point_within_a_thousandth_of_a_pixel() {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let lenses = [
            [0.0; 5],
            [-0.35, 0.14, 0.0008, -0.0005, -0.02],
            [0.2, -0.05, -0.001, 0.002, 0.01],
            [-0.28, 0.0, 0.0, 0.0, 0.0],
        ];
        for coefficients in lenses {
            let lens = Distortion::from_opencv(coefficients);
            let intrinsics = Intrinsics {
                fx: 700.0,
                fy: 705.0,
                cx: 322.3,
                cy: 250.8,
            };
            let camera = CameraModel::new(ImageSize::new(640, 512), intrinsics, lens).unwrap();
            for _ in 0..2000 {
                let point = PixelPoint::new(
                    random.random_range(0.0..640.0),
                    random.random_range(0.0..512.0),
                );
                let back = camera.project(&camera.direction(point).unwrap()).unwrap();
                assert!(
                    back.distance(point) < 1e-3,
                    "{coefficients:?} {point:?} {back:?}"
                );
            }
        }
    }

    #[test]
    fn middle_of_the_image_looks_along_the_optical_axis() {
        let (az, el) = boson().angles(PixelPoint::new(320.0, 256.0)).unwrap();
        assert!(az.abs() < 1e-12 && el.abs() < 1e-12);
    }

    #[test]
    fn angles_equal_the_arc_tangent_of_pixels_over_focal_length() {
        // 14 mm / 12 um = 1166.67 px
        let focal = 14_000.0 / 12.0;
        let (az, el) = boson().angles(PixelPoint::new(420.0, 256.0)).unwrap();
        assert!((az - (100.0_f64 / focal).atan()).abs() < 1e-12 && el.abs() < 1e-12);
        let (az, el) = boson().angles(PixelPoint::new(320.0, 156.0)).unwrap();
        assert!(az.abs() < 1e-12 && (el - (100.0_f64 / focal).atan()).abs() < 1e-12);
    }

    #[test]
    fn field_of_view_equals_the_data_sheet() {
        // FLIR Boson 640 with the 14 mm lens: 32 degrees horizontally (data sheet, rounded).
        let (horizontal, vertical) = boson().fov();
        assert!((horizontal - 2.0 * (320.0_f64 * 0.012 / 14.0).atan()).abs() < 1e-12);
        assert!((vertical - 2.0 * (256.0_f64 * 0.012 / 14.0).atan()).abs() < 1e-12);
        assert!((horizontal.to_degrees() - 32.0).abs() < 1.5);
    }

    #[test]
    fn principal_point_may_lie_outside_the_image() {
        let intrinsics = Intrinsics {
            fx: 500.0,
            fy: 500.0,
            cx: -40.0,
            cy: 900.0,
        };
        let camera =
            CameraModel::new(ImageSize::new(64, 64), intrinsics, Distortion::default()).unwrap();
        let (az, el) = camera.angles(PixelPoint::new(32.0, 32.0)).unwrap();
        assert!(az > 0.0 && el > 0.0);
    }

    #[test]
    fn illegal_calibrations_are_refused_by_name() {
        let size = ImageSize::new(640, 512);
        let good = Intrinsics {
            fx: 700.0,
            fy: 700.0,
            cx: 320.0,
            cy: 256.0,
        };
        let none = Distortion::default();
        let cases = [
            (ImageSize::new(0, 512), good, none, "0x512"),
            (size, Intrinsics { fx: 0.0, ..good }, none, "fx"),
            (size, Intrinsics { fy: -1.0, ..good }, none, "fy"),
            (
                size,
                Intrinsics {
                    fx: f64::INFINITY,
                    ..good
                },
                none,
                "fx",
            ),
            (
                size,
                Intrinsics {
                    cx: f64::NAN,
                    ..good
                },
                none,
                "cx",
            ),
            (
                size,
                good,
                Distortion {
                    p1: f64::NAN,
                    ..none
                },
                "p1",
            ),
            // Folds at 1 / sqrt(3 * 4) = 0.29, inside the image (corner at 0.59).
            (
                size,
                good,
                Distortion { k1: -4.0, ..none },
                "cannot be undone",
            ),
        ];
        for (size, intrinsics, distortion, word) in cases {
            let error = CameraModel::new(size, intrinsics, distortion).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        for (focal_mm, pitch_um) in [(0.0, 12.0), (14.0, f64::NAN), (-3.0, 12.0)] {
            assert!(CameraModel::from_focal_mm(focal_mm, pitch_um, size).is_err());
        }
    }

    #[test]
    fn directions_behind_the_camera_have_no_pixel() {
        let behind = Direction::new([0.1, 0.0, -1.0]).unwrap();
        let aside = Direction::new([1.0, 0.0, 0.0]).unwrap();
        assert_eq!(boson().project(&behind), None);
        assert_eq!(boson().project(&aside), None);
    }

    #[test]
    fn directions_beyond_the_fold_have_no_pixel() {
        let lens = Distortion {
            k1: -0.3,
            ..Distortion::default()
        };
        let camera = boson().with_distortion(lens).unwrap();
        // Without the check the polynomial would put 60 degrees back into the image.
        let oblique = Direction::new([3.0_f64.sqrt(), 0.0, 1.0]).unwrap();
        assert_eq!(camera.project(&oblique), None);
    }

    #[test]
    fn points_that_are_not_finite_are_refused() {
        let error = boson()
            .direction(PixelPoint::new(f32::NAN, 1.0))
            .unwrap_err();
        assert!(matches!(error, CameraError::NoDirection { .. }));
    }
}
