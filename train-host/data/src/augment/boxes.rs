//! Labelled boxes on their way into a crop: where there is no mask, the targets are carried along themselves.
//!
//! The rules are those of the window: outside the image the source goes on by reflection about its outermost pixel
//! centres, so a box has mirror images there; a box cut by the border of the crop keeps its visible part.

use super::window::Window;
use crate::{Sample, Target};

/// A box of which the border of the crop leaves less than this part is dropped.
const LEAST_VISIBLE: f32 = 1.0 / 3.0;

/// A target of less than this many crop pixels is dropped, as in masks; the rest is rounding.
const LEAST_AREA: f32 = 0.999;

impl Window {
    /// The targets of a sample in crop pixels, with the mirror images that the crop shows.
    pub(super) fn targets(&self, sample: &Sample) -> Vec<Target> {
        let span = self.side as f32 / self.scale;
        let mut targets = Vec::new();
        for target in &sample.targets {
            let [left, top, right, bottom] = target.edges();
            let rows = copies([top, bottom], sample.size.height, self.top, span);
            for columns in copies([left, right], sample.size.width, self.left, span) {
                for &rows in &rows {
                    targets.extend(self.visible(columns, rows));
                }
            }
        }
        targets
    }

    /// What the crop shows of a box in source pixels, if that is enough.
    fn visible(&self, columns: [f32; 2], rows: [f32; 2]) -> Option<Target> {
        let side = self.side as f32;
        let [left, right] = columns.map(|edge| (edge - self.left) * self.scale);
        let [top, bottom] = rows.map(|edge| (edge - self.top) * self.scale);
        let whole = (right - left) * (bottom - top);
        let edges = [
            left.max(0.0),
            top.max(0.0),
            right.min(side),
            bottom.min(side),
        ];
        let (w, h) = (edges[2] - edges[0], edges[3] - edges[1]);
        let enough = w > 0.0 && h > 0.0 && w * h >= LEAST_VISIBLE * whole && whole >= LEAST_AREA;
        enough.then(|| Target::of_edges(edges))
    }
}

/// An interval of `0..length` and its mirror images, those that overlap `[from, from + span)`, rising.
///
/// The reflection takes `x` to `1 - x` and to `2 length - 1 - x`, so it repeats every `2 (length - 1)` pixels. An
/// interval that holds an outermost pixel is one with its mirror image.
fn copies([start, end]: [f32; 2], length: u32, from: f32, span: f32) -> Vec<[f32; 2]> {
    if length < 2 {
        return vec![[from, from + span]];
    }
    let period = 2.0 * (length - 1) as f32;
    let mut found: Vec<[f32; 2]> = Vec::new();
    for [start, end] in [[start, end], [1.0 - end, 1.0 - start]] {
        let first = ((from - end) / period).floor() as i32;
        let last = ((from + span - start) / period).ceil() as i32;
        found.extend((first..=last).map(|k| [start + k as f32 * period, end + k as f32 * period]));
    }
    found.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut merged: Vec<[f32; 2]> = Vec::with_capacity(found.len());
    for interval in found {
        match merged.last_mut() {
            Some(last) if interval[0] < last[1] => last[1] = last[1].max(interval[1]),
            _ => merged.push(interval),
        }
    }
    merged.retain(|interval| interval[1] > from && interval[0] < from + span);
    merged
}

/// Left becomes right.
pub(super) fn flip_columns(targets: &mut [Target], side: f32) {
    targets.iter_mut().for_each(|t| t.x = side - t.x);
}

/// Top becomes bottom.
pub(super) fn flip_rows(targets: &mut [Target], side: f32) {
    targets.iter_mut().for_each(|t| t.y = side - t.y);
}

/// Rows become columns.
pub(super) fn transpose(targets: &mut [Target]) {
    for t in targets {
        (t.x, t.y, t.w, t.h) = (t.y, t.x, t.h, t.w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_has_its_mirror_images_by_hand() {
        // Length 10: pixel 2 also lies at -2, 16 (= 18 - 2) and 20 (= 18 + 2).
        let found = copies([2.0, 3.0], 10, -5.0, 30.0);
        assert_eq!(
            found,
            [[-2.0, -1.0], [2.0, 3.0], [16.0, 17.0], [20.0, 21.0]]
        );
        // Pixels 0 and 1 with their mirror image: -1 to 1.
        assert_eq!(copies([0.0, 2.0], 10, -5.0, 10.0), [[-1.0, 2.0]]);
        assert_eq!(copies([4.0, 6.0], 10, 0.0, 10.0), [[4.0, 6.0]]);
        assert_eq!(copies([0.0, 1.0], 1, -3.0, 8.0), [[-3.0, 5.0]]);
    }
}
