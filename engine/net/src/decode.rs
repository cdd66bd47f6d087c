//! Maps to detections: peaks of the heat map, their offsets and sizes.

use crate::manifest::Decode;
use invdet_core::{Detection, Detections, ImageSize, MAX_DETECTIONS};

/// A plane of `h` rows and `w` columns inside a larger buffer.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a> {
    /// First pixel first; rows `stride` floats apart.
    pub data: &'a [f32],
    /// Floats from a row to the next.
    pub stride: usize,
    /// Columns.
    pub w: usize,
    /// Rows.
    pub h: usize,
}

impl Map<'_> {
    /// The value at column `x` of row `y`.
    pub fn at(&self, x: usize, y: usize) -> f32 {
        self.data[y * self.stride + x]
    }

    /// The pixels of a row.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.stride..y * self.stride + self.w]
    }
}

/// The head's outputs, all at half the input's resolution.
#[derive(Debug, Clone, Copy)]
pub struct HeadMaps<'a> {
    /// Logits.
    pub heat: Map<'a>,
    /// Column and row offset of the centre in its cell, cells.
    pub off: [Map<'a>; 2],
    /// `ln(w/2)`, `ln(h/2)`, input pixels.
    pub size: [Map<'a>; 2],
}

/// Cells of the heat map per input pixel.
const CELL_PX: f32 = 2.0;

/// Boxes are clamped to this many pixels, so that a wild logarithm stays a number.
const SIZE_PX: std::ops::RangeInclusive<f32> = 1.0..=128.0;

/// Logistic function.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Detections of one image, highest score first, at most [`MAX_DETECTIONS`].
///
/// A cell is a peak if no neighbour is higher and none before it in raster order is as high. `size` is the image before
/// padding: what lies in the padding is dropped. Map values that are not finite are no peaks.
pub fn decode(maps: &HeadMaps<'_>, params: &Decode, size: ImageSize, out: &mut Detections) {
    out.clear();
    let least = (params.threshold / (1.0 - params.threshold)).ln();
    let heat = &maps.heat;
    for v in 0..heat.h {
        for (u, &logit) in heat.row(v).iter().enumerate() {
            // Written so that NaN is no peak.
            let candidate = logit >= least && logit.is_finite();
            if !candidate || !is_peak(heat, u, v, logit) {
                continue;
            }
            let pixels = |i: usize| {
                let px = 2.0 * maps.size[i].at(u, v).clamp(-10.0, 10.0).exp();
                px.clamp(*SIZE_PX.start(), *SIZE_PX.end())
            };
            let center = |cell: usize, i: usize| CELL_PX * (cell as f32 + maps.off[i].at(u, v));
            let d = Detection {
                x: center(u, 0),
                y: center(v, 1),
                w: pixels(0),
                h: pixels(1),
                score: sigmoid(logit),
            };
            let inside = (0.0..=size.width as f32).contains(&d.x)
                && (0.0..=size.height as f32).contains(&d.y);
            if inside && d.w.is_finite() && d.h.is_finite() {
                insert(out, d);
            }
        }
    }
    drop_duplicates(out, params.min_separation_px);
}

fn is_peak(heat: &Map<'_>, u: usize, v: usize, logit: f32) -> bool {
    for y in v.saturating_sub(1)..(v + 2).min(heat.h) {
        for x in u.saturating_sub(1)..(u + 2).min(heat.w) {
            let other = heat.at(x, y);
            if other > logit || (other == logit && (y, x) < (v, u)) {
                return false;
            }
        }
    }
    true
}

/// Keeps `out` sorted by falling score; of equals the earlier stays ahead. Full: the lowest falls out.
fn insert(out: &mut Detections, d: Detection) {
    let at = out.partition_point(|o| o.score >= d.score);
    if at == MAX_DETECTIONS {
        return;
    }
    if out.len() == MAX_DETECTIONS {
        out.pop();
    }
    // There is room: one was removed if it was full.
    let _ = out.insert(at, d);
}

fn drop_duplicates(out: &mut Detections, separation: f32) {
    let mut i = 0;
    while i < out.len() {
        let c = out[i].center();
        if out[..i].iter().any(|o| o.center().distance(c) < separation) {
            out.remove(i);
        } else {
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(heat: &[f32], off: f32, w: usize) -> Detections {
        let h = heat.len() / w;
        let (offs, sizes) = (vec![off; heat.len()], vec![(1.5f32).ln(); heat.len()]);
        let map = |data| Map {
            data,
            stride: w,
            w,
            h,
        };
        let maps = HeadMaps {
            heat: map(heat),
            off: [map(&offs); 2],
            size: [map(&sizes); 2],
        };
        let mut out = Detections::new();
        decode(
            &maps,
            &Decode::default(),
            ImageSize::new(2 * w as u32, 2 * h as u32),
            &mut out,
        );
        out
    }

    #[test]
    fn one_peak_is_one_detection_in_pixels() {
        let mut heat = [-5.0; 48];
        heat[8 * 2 + 3] = 2.0;
        heat[8 * 2 + 4] = 1.0;
        let d = run(&heat, 0.25, 8);
        assert_eq!(d.len(), 1);
        assert_eq!((d[0].x, d[0].y), (6.5, 4.5));
        assert!((d[0].w - 3.0).abs() < 1e-5 && (d[0].score - sigmoid(2.0)).abs() < 1e-6);
    }

    #[test]
    fn of_a_plateau_the_first_in_raster_order_remains() {
        let mut heat = [-5.0; 48];
        for i in [11, 12, 19, 20] {
            heat[i] = 1.0;
        }
        let d = run(&heat, 0.5, 8);
        assert_eq!(d.len(), 1);
        assert_eq!((d[0].x, d[0].y), (7.0, 3.0));
    }

    #[test]
    fn close_detections_keep_the_stronger_and_far_ones_stay() {
        let mut heat = [-5.0; 64];
        (heat[9], heat[11], heat[40]) = (1.0, 2.0, 1.5);
        assert_eq!(run(&heat, 0.5, 8).len(), 3);
        let scores: Vec<f32> = run(&heat, 0.5, 8).iter().map(|d| d.score).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn not_a_number_and_more_peaks_than_fit_are_harmless() {
        let mut heat = vec![-5.0; 64 * 64];
        heat.iter_mut().step_by(2).enumerate().for_each(|(i, x)| {
            if (i / 32) % 2 == 0 {
                *x = 1.0 + i as f32 * 1e-3;
            }
        });
        heat[5] = f32::NAN;
        heat[7] = f32::INFINITY;
        let d = run(&heat, 0.5, 64);
        assert_eq!(d.len(), MAX_DETECTIONS);
        assert!(d.iter().all(|d| d.score.is_finite() && d.x.is_finite()));
    }
}
