//! One case as a picture: image, truth, heat map, side by side.

use super::Case;
use crate::sheet::canvas::{Canvas, Glyphs};
use crate::sheet::window::Window;
use crate::sheet::{GREEN, RED, WHITE};
use image::RgbImage;
use invdet_data::TARGET_ABOVE;

/// Side of the shown part of an image, pixels.
pub(super) const CROP: u32 = 64;
/// Screen pixels of an image pixel.
pub(super) const ZOOM: u32 = 4;
pub(super) const PANE: u32 = CROP * ZOOM;
pub(super) const GAP: u32 = 8;
/// Height of a line of text.
const LINE: u32 = 20;
/// Where the panes begin.
pub(super) const TOP: u32 = GAP + 3 * LINE;

/// Truth is shown in this colour where the mask is, on the darkened image.
const MASK: [u8; 3] = GREEN;

/// The case with what the network's heat map, row by row, says; detections of at least `threshold` in red.
pub(super) fn picture(case: &Case<'_>, heat: &[f32], threshold: f32) -> RgbImage {
    let sample = case.judged.sample;
    let [x, y, ..] = case.place;
    let window = Window::around((x, y), CROP, sample.size);
    let mut canvas = Canvas::new(GAP + 3 * (PANE + GAP), TOP + PANE + GAP);
    canvas.text(GAP, GAP, &case.name(), WHITE, Glyphs::Tall);
    canvas.text(GAP, GAP + LINE, &case.caption(), WHITE, Glyphs::Tall);
    let corners = [0, 1, 2].map(|pane| GAP + pane * (PANE + GAP));
    let [image, truth, heated] = corners;
    let grey = window.greys(sample);
    let mut highest = 0.0_f32;
    for dy in 0..window.height {
        for dx in 0..window.width {
            let at = ((window.y + dy) * sample.size.width + window.x + dx) as usize;
            let level = grey(sample.counts.get(at).copied().unwrap_or(0));
            let is_target = sample.mask.get(at).is_some_and(|m| *m > TARGET_ABOVE);
            let score = heat.get(at).copied().unwrap_or(0.0);
            highest = highest.max(score);
            let mut put = |corner, color| {
                canvas.square(corner + dx * ZOOM, TOP + dy * ZOOM, ZOOM, color);
            };
            put(image, [level; 3]);
            put(truth, if is_target { MASK } else { [level / 3; 3] });
            put(heated, heat_color(score));
        }
    }
    let mut label = |corner, text: &str| {
        canvas.text(corner, GAP + 2 * LINE, text, WHITE, Glyphs::Tall);
    };
    label(image, "image");
    label(truth, "truth, detections");
    label(heated, &format!("heat map, peak {highest:.2}"));

    let screen = |at: f64, origin: u32, corner: u32| {
        f64::from(corner) + (at - f64::from(origin)) * f64::from(ZOOM)
    };
    let mut frame = |corner: u32, [x, y, w, h]: [f64; 4], margin: f64, color| {
        let (cx, cy) = (screen(x, window.x, corner), screen(y, window.y, TOP));
        let (half_w, half_h) = (
            0.5 * w * f64::from(ZOOM) + margin,
            0.5 * h * f64::from(ZOOM) + margin,
        );
        let clip = [
            corner,
            TOP,
            corner + window.width * ZOOM,
            TOP + window.height * ZOOM,
        ];
        canvas.outline(
            [cx - half_w, cy - half_h, cx + half_w, cy + half_h],
            clip,
            color,
        );
    };
    // The image itself stays as it is but for a wide frame around the place in question.
    frame(image, case.place, 20.0, WHITE);
    for t in &case.judged.targets {
        frame(heated, [t.x, t.y, t.w, t.h], 3.0, GREEN);
    }
    let kept: Vec<_> = case
        .judged
        .prediction
        .detections
        .iter()
        .filter(|d| d.score >= threshold)
        .collect();
    for d in &kept {
        let place = [d.x, d.y, d.w, d.h].map(f64::from);
        frame(truth, place, 3.0, RED);
        frame(heated, place, 5.0, RED);
    }
    for d in kept {
        if window.contains(f64::from(d.x), f64::from(d.y)) {
            let left = screen(f64::from(d.x), window.x, truth) - 16.0;
            let top = screen(f64::from(d.y + 0.5 * d.h), window.y, TOP) + 6.0;
            let left = left.clamp(f64::from(truth), f64::from(truth + PANE - 32));
            let top = top.min(f64::from(TOP + PANE - 9));
            let text = format!("{:.2}", d.score);
            canvas.text(left as u32, top as u32, &text, RED, Glyphs::Small);
        }
    }
    canvas.into_image()
}

/// Black over violet, red and yellow to white, by the square root of the score: a weak answer at a missed target is what
/// one looks for.
pub(super) fn heat_color(score: f32) -> [u8; 3] {
    const STOPS: [[f32; 3]; 5] = [
        [0.0, 0.0, 0.0],
        [80.0, 20.0, 110.0],
        [200.0, 50.0, 70.0],
        [250.0, 180.0, 40.0],
        [255.0, 255.0, 230.0],
    ];
    let place = score.clamp(0.0, 1.0).sqrt() * (STOPS.len() - 1) as f32;
    let from = (place as usize).min(STOPS.len() - 2);
    let share = place - from as f32;
    let (Some(a), Some(b)) = (STOPS.get(from), STOPS.get(from + 1)) else {
        return [0; 3];
    };
    let [(r, s), (g, t), (b, u)] = [(a[0], b[0]), (a[1], b[1]), (a[2], b[2])];
    [(r, s), (g, t), (b, u)].map(|(a, b)| (a + share * (b - a)).round() as u8)
}
