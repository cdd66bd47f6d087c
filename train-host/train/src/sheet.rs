//! The worst images of a set on one sheet.
//!
//! In: samples, what the model says of them, the threshold. Out: a picture of pairs: the grey image with truth and
//! detections, and the probability of the mask beside it. Images larger than a pane are cut to where most mistakes are.
//! Refused: nothing; a set of no image gives a sheet of its heading alone.

pub(crate) mod canvas;
pub(crate) mod window;

use crate::evaluate::Prediction;
use canvas::{Canvas, Glyphs};
use image::RgbImage;
use invdet_data::{Sample, TARGET_ABOVE};
use invdet_metrics::components::components_where;
use invdet_metrics::pixel::{PixelCounts, binarise};
use invdet_metrics::{Criterion, MaskMode, Matching, ScoredBox, Target};
use window::Window;

/// Images of a sheet at most.
pub const MOST: usize = 12;

/// Truth.
pub(crate) const GREEN: [u8; 3] = [60, 220, 80];
/// Detections.
pub(crate) const RED: [u8; 3] = [255, 70, 60];
pub(crate) const WHITE: [u8; 3] = [235, 235, 235];

/// Side of the shown part of an image, pixels.
const CROP: u32 = 128;
/// Screen pixels of an image pixel.
const ZOOM: u32 = 2;
const PANE: u32 = CROP * ZOOM;
const GAP: u32 = 10;
const LABEL: u32 = 22;
const COLUMNS: u32 = 3;

/// An image, what was said of it, and how wrong that is.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// The image with its truth.
    pub sample: &'a Sample,
    /// What the model says.
    pub prediction: &'a Prediction,
    /// Targets of its mask.
    pub targets: Vec<Target>,
    /// Indices of targets without a detection closer than 3 px.
    pub missed: Vec<usize>,
    /// Indices of detections, at the threshold, without a target.
    pub false_alarms: Vec<usize>,
    /// Of the mask with the truth, 0..=1; 1 if both are empty.
    pub iou: f64,
}

impl Judged<'_> {
    /// Missed targets and false alarms.
    pub fn mistakes(&self) -> usize {
        self.missed.len() + self.false_alarms.len()
    }

    /// Centres of missed targets and false alarms, pixels.
    fn places(&self) -> Vec<(f64, f64)> {
        let target = |t: &usize| self.targets.get(*t).map(|t| (t.x, t.y));
        let detection = |d: &usize| {
            self.prediction
                .detections
                .get(*d)
                .map(|d| (f64::from(d.x), f64::from(d.y)))
        };
        self.missed
            .iter()
            .filter_map(target)
            .chain(self.false_alarms.iter().filter_map(detection))
            .collect()
    }
}

/// All images, worst first: most mistakes (centre-3px), then lowest mask IoU, then by name.
pub fn rank<'a>(
    samples: &'a [Sample],
    predictions: &'a [Prediction],
    threshold: f32,
    mask_threshold: f32,
) -> Vec<Judged<'a>> {
    let mut all: Vec<Judged<'a>> = samples
        .iter()
        .zip(predictions)
        .map(|(s, p)| judge(s, p, threshold, mask_threshold))
        .collect();
    all.sort_by(|a, b| {
        let name = |j: &Judged<'a>| (&j.sample.set, &j.sample.name);
        b.mistakes()
            .cmp(&a.mistakes())
            .then(a.iou.total_cmp(&b.iou))
            .then_with(|| name(a).cmp(&name(b)))
    });
    all
}

fn judge<'a>(
    sample: &'a Sample,
    prediction: &'a Prediction,
    threshold: f32,
    mask_threshold: f32,
) -> Judged<'a> {
    let components = components_where(&sample.mask, sample.size.width, sample.size.height, |m| {
        m > TARGET_ABOVE
    });
    let targets: Vec<Target> = components.iter().map(Target::from).collect();
    let matching = Matching::of(
        Criterion::Center3Px,
        &targets,
        &prediction.detections,
        threshold,
    );
    let found = |t: &usize| matching.pairs.iter().any(|(target, _)| target == t);
    let counts = PixelCounts::of(
        &binarise(&prediction.probability, mask_threshold),
        &sample.mask,
    );
    let (common, union) = counts.sample_overlap(MaskMode::Strict);
    Judged {
        sample,
        prediction,
        missed: (0..targets.len()).filter(|t| !found(t)).collect(),
        false_alarms: matching.false_detections,
        targets,
        iou: if union == 0 {
            1.0
        } else {
            common as f64 / union as f64
        },
    }
}

/// The sheet of the first [`MOST`] of `ranked`.
pub fn sheet(ranked: &[Judged<'_>], threshold: f32) -> RgbImage {
    let shown = ranked.get(..MOST).unwrap_or(ranked);
    let rows = (shown.len() as u32).div_ceil(COLUMNS);
    let (cell_width, cell_height) = (2 * PANE + 4 + 2 * GAP, PANE + LABEL + GAP);
    let mut canvas = Canvas::new(
        GAP + COLUMNS * cell_width,
        2 * GAP + LABEL + rows * cell_height,
    );
    let heading = format!(
        "worst {} of {} validation images at threshold {threshold:.3}",
        shown.len(),
        ranked.len()
    );
    let end = canvas.text(GAP, GAP, &heading, WHITE, Glyphs::Tall);
    let end = canvas.text(end + 24, GAP, "truth", GREEN, Glyphs::Tall);
    let end = canvas.text(end + 24, GAP, "detection and score", RED, Glyphs::Tall);
    canvas.text(
        end + 24,
        GAP,
        "beside it: probability of the mask",
        WHITE,
        Glyphs::Tall,
    );
    for (i, judged) in (0u32..).zip(shown) {
        let left = GAP + i % COLUMNS * cell_width;
        let top = 2 * GAP + LABEL + i / COLUMNS * cell_height;
        cell(&mut canvas, left, top, judged, threshold);
    }
    canvas.into_image()
}

fn cell(canvas: &mut Canvas, left: u32, top: u32, judged: &Judged<'_>, threshold: f32) {
    let (sample, size) = (judged.sample, judged.sample.size);
    let window = window_of(judged);
    let elsewhere = judged
        .places()
        .iter()
        .filter(|(x, y)| !window.contains(*x, *y))
        .count();
    let label = format!(
        "{}/{}  {} missed  {} false{}  IoU {:.0} %",
        sample.set,
        sample.name,
        judged.missed.len(),
        judged.false_alarms.len(),
        if elsewhere > 0 {
            format!(" ({elsewhere} out of view)")
        } else {
            String::new()
        },
        100.0 * judged.iou
    );
    canvas.text(left, top, &label, WHITE, Glyphs::Tall);
    let (y0, right) = (top + LABEL, left + PANE + 4);
    let grey = window.greys(sample);
    for y in 0..window.height {
        for x in 0..window.width {
            let at = ((window.y + y) * size.width + window.x + x) as usize;
            let count = sample.counts.get(at).copied().unwrap_or(0);
            canvas.square(left + x * ZOOM, y0 + y * ZOOM, ZOOM, [grey(count); 3]);
            let probability = judged
                .prediction
                .probability
                .get(at)
                .copied()
                .unwrap_or(0.0);
            canvas.square(
                right + x * ZOOM,
                y0 + y * ZOOM,
                ZOOM,
                [(255.0 * probability) as u8; 3],
            );
        }
    }
    let screen = |x: f64, origin: u32, corner: u32| {
        f64::from(corner) + (x - f64::from(origin)) * f64::from(ZOOM)
    };
    let mut frame = |corner: u32, [x, y, w, h]: [f64; 4], margin: f64, color| {
        let (cx, cy) = (screen(x, window.x, corner), screen(y, window.y, y0));
        let (half_w, half_h) = (
            0.5 * w * f64::from(ZOOM) + margin,
            0.5 * h * f64::from(ZOOM) + margin,
        );
        let clip = [
            corner,
            y0,
            corner + window.width * ZOOM,
            y0 + window.height * ZOOM,
        ];
        canvas.outline(
            [cx - half_w, cy - half_h, cx + half_w, cy + half_h],
            clip,
            color,
        )
    };
    for t in &judged.targets {
        // Around the target, not over it.
        frame(left, [t.x, t.y, t.w, t.h], 2.0, GREEN);
        frame(right, [t.x, t.y, t.w, t.h], 2.0, GREEN);
    }
    let kept: Vec<&ScoredBox> = judged
        .prediction
        .detections
        .iter()
        .filter(|d| d.score >= threshold)
        .collect();
    for d in &kept {
        frame(left, [d.x, d.y, d.w, d.h].map(f64::from), 4.0, RED);
    }
    for d in kept {
        let x = screen(f64::from(d.x), window.x, left) - 16.0;
        let y = screen(f64::from(d.y + 0.5 * d.h), window.y, y0) + 7.0;
        let (x, y) = (
            x.clamp(f64::from(left), f64::from(left + PANE - 32)),
            y.min(f64::from(y0 + PANE - 9)),
        );
        if window.contains(f64::from(d.x), f64::from(d.y)) {
            canvas.text(
                x as u32,
                y as u32,
                &format!("{:.2}", d.score),
                RED,
                Glyphs::Small,
            );
        }
    }
}

/// Around the mistake, or else the target, that has most mistakes near it.
fn window_of(judged: &Judged<'_>) -> Window {
    let mistakes = judged.places();
    let size = judged.sample.size;
    let targets: Vec<(f64, f64)> = judged.targets.iter().map(|t| (t.x, t.y)).collect();
    let points = if mistakes.is_empty() {
        targets
    } else {
        mistakes
    };
    let inside = |w: &Window| points.iter().filter(|(x, y)| w.contains(*x, *y)).count();
    let around = |&at: &(f64, f64)| Window::around(at, CROP, size);
    // Of equals the first.
    let best = points.iter().map(around).rev().max_by_key(inside);
    best.unwrap_or_else(|| around(&(0.5 * f64::from(size.width), 0.5 * f64::from(size.height))))
}

#[cfg(test)]
mod tests;
