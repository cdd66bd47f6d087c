//! Detections and targets as the criteria see them: boxes, and what two boxes have to do with each other.
//!
//! In: decoder output and mask components. Out: box IoU, centre distance, `S_geo`. All in pixels of the box frame
//! (pixel `i` covers `[i, i + 1)`), arithmetic in `f64`.

use invdet_core::Detection;

use crate::components::Component;

/// One detection.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct ScoredBox {
    /// Centre, pixels.
    pub x: f32,
    /// Centre, pixels.
    pub y: f32,
    /// Width, pixels.
    pub w: f32,
    /// Height, pixels.
    pub h: f32,
    /// Confidence, 0..=1.
    pub score: f32,
    /// Pixels of the detection's own mask, where it has one. Without it areas are `w * h` on *both* sides of a
    /// comparison: mask area and box area are never mixed.
    pub area: Option<f32>,
}

impl ScoredBox {
    /// Mask area where known, else box area, in square pixels.
    pub fn known_area(&self) -> f64 {
        self.area
            .map_or_else(|| f64::from(self.w) * f64::from(self.h), f64::from)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let fields = [
            self.x,
            self.y,
            self.w,
            self.h,
            self.score,
            self.area.unwrap_or(0.0),
        ];
        fields.iter().all(|v| v.is_finite())
            && self.w >= 0.0
            && self.h >= 0.0
            && self.area.unwrap_or(0.0) >= 0.0
    }

    /// Left, top, right, bottom.
    pub(crate) fn edges(&self) -> [f64; 4] {
        edges(
            f64::from(self.x),
            f64::from(self.y),
            f64::from(self.w),
            f64::from(self.h),
        )
    }
}

impl From<Detection> for ScoredBox {
    fn from(d: Detection) -> Self {
        Self {
            x: d.x,
            y: d.y,
            w: d.w,
            h: d.h,
            score: d.score,
            area: None,
        }
    }
}

/// One target of the ground truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Centre of the box, pixels.
    pub x: f64,
    /// Centre of the box, pixels.
    pub y: f64,
    /// Width, pixels.
    pub w: f64,
    /// Height, pixels.
    pub h: f64,
    /// Pixels of the mask.
    pub area: u32,
}

impl From<&Component> for Target {
    fn from(c: &Component) -> Self {
        let (x, y) = c.box_center();
        Self {
            x,
            y,
            w: f64::from(c.width()),
            h: f64::from(c.height()),
            area: c.area,
        }
    }
}

impl Target {
    /// Intersection over union of the two boxes, 0..=1; 0 when both are empty.
    pub fn box_iou(&self, found: &ScoredBox) -> f64 {
        let [l1, t1, r1, b1] = edges(self.x, self.y, self.w, self.h);
        let [l2, t2, r2, b2] = found.edges();
        let shared = (r1.min(r2) - l1.max(l2)).max(0.0) * (b1.min(b2) - t1.max(t2)).max(0.0);
        let union = self.w * self.h + f64::from(found.w) * f64::from(found.h) - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// Euclidean distance of the centres, pixels.
    pub fn center_distance(&self, found: &ScoredBox) -> f64 {
        let (dx, dy) = (self.x - f64::from(found.x), self.y - f64::from(found.y));
        (dx * dx + dy * dy).sqrt()
    }

    /// `exp(-(d_c / t_center)^2 - (|A_pr - A_gt| / t_area)^2)` with `t_center` the diagonal of the target's box and
    /// `t_area` its area: the geometric part of GCTM. 1 is a perfect hit.
    pub fn s_geo(&self, found: &ScoredBox) -> f64 {
        let (area_found, area) = match found.area {
            Some(mask) => (f64::from(mask), f64::from(self.area)),
            None => (f64::from(found.w) * f64::from(found.h), self.w * self.h),
        };
        let area = area.max(1.0);
        let diagonal = (self.w * self.w + self.h * self.h)
            .sqrt()
            .max(std::f64::consts::SQRT_2);
        let (shift, growth) = (
            self.center_distance(found) / diagonal,
            (area_found - area).abs() / area,
        );
        (-shift * shift - growth * growth).exp()
    }
}

fn edges(x: f64, y: f64, w: f64, h: f64) -> [f64; 4] {
    [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(w: f64) -> Target {
        Target {
            x: 10.0,
            y: 10.0,
            w,
            h: w,
            area: (w * w) as u32,
        }
    }

    fn shifted(w: f32, dx: f32, dy: f32) -> ScoredBox {
        ScoredBox {
            x: 10.0 + dx,
            y: 10.0 + dy,
            w,
            h: w,
            score: 1.0,
            area: None,
        }
    }

    #[test]
    fn s_geo_at_one_two_and_three_pixels_is_as_published() {
        for (w, expected) in [
            (2.0, [0.88, 0.61, 0.33]),
            (3.0, [0.95, 0.80, 0.61]),
            (5.0, [0.98, 0.92, 0.84]),
            (9.0, [0.99, 0.98, 0.95]),
        ] {
            for (shift, want) in [1.0_f32, 2.0, 3.0].into_iter().zip(expected) {
                let got = square(w).s_geo(&shifted(w as f32, shift, 0.0));
                // The table is cut to two digits in places, not rounded.
                assert!((got - want).abs() < 0.01, "w {w} shift {shift}: {got}");
            }
        }
    }

    #[test]
    fn doubling_the_area_costs_a_factor_e() {
        let double = ScoredBox {
            area: Some(50.0),
            ..shifted(5.0, 0.0, 0.0)
        };
        assert!((square(5.0).s_geo(&double) - (-1.0_f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn box_iou_at_a_diagonal_pixel_is_as_published() {
        for (w, want) in [(2.0, 0.14), (3.0, 0.29), (5.0, 0.47), (9.0, 0.65)] {
            let got = square(w).box_iou(&shifted(w as f32, 1.0, 1.0));
            assert!((got - want).abs() < 0.006, "w {w}: {got}");
        }
    }

    #[test]
    fn mask_area_is_not_compared_with_box_area() {
        // A ring-shaped target: 5x5 box, 9 pixels. A detection without a mask compares boxes and scores 1.
        let ring = Target {
            area: 9,
            ..square(5.0)
        };
        assert_eq!(ring.s_geo(&shifted(5.0, 0.0, 0.0)), 1.0);
    }
}
