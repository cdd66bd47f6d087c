//! What a person sees: the frame in 8 bits with tracks drawn on it.
//!
//! In: a frame of counts and what is known of it ([`Marks`]). Out: an RGB picture ([`Overlay::draw`]), and pictures as
//! a PNG folder or an MP4 clip ([`OverlaySink`]). Display only: nothing here feeds back into detection. Frames
//! narrower than 400 px are shown twice as large. Refused: a frame whose buffer does not fit its size.
//!
//! Green boxes are confirmed tracks, amber ones coast, grey ones are tentative; the line from a box shows where the
//! target will be in 0.3 s, the tail its last 20 positions. Blue brackets are true positions, small crosses
//! detections.

mod canvas;
mod sink;
mod stretch;
mod trail;

use std::fmt::Write as _;

use image::RgbImage;
use invdet_core::{Detection, Frame, ImageSize, Track, TrackState};

use self::canvas::{Canvas, Rgb};
use self::stretch::Stretch;
use self::trail::Trails;

pub(crate) use self::sink::{OverlaySink, save_png};

const CONFIRMED: Rgb = [60, 230, 90];
const COASTING: Rgb = [255, 180, 30];
const TENTATIVE: Rgb = [165, 165, 165];
const LABEL: Rgb = [90, 170, 255];
const DETECTION: Rgb = [255, 90, 200];
const TEXT: Rgb = [235, 235, 235];
const ALARM: Rgb = [255, 70, 60];

/// Frames narrower than this are enlarged, columns.
const NARROW_PX: u32 = 400;
/// Smallest side of a box, input pixels.
const MIN_BOX_PX: f32 = 9.0;
/// Gap between a target and its box, input pixels.
const BOX_GAP_PX: f32 = 2.0;
/// Time that the velocity line looks ahead, seconds.
const AHEAD_S: f32 = 0.3;
/// Longest velocity line, input pixels.
const MAX_AHEAD_PX: f32 = 30.0;

/// A true or labelled target: centre and size, input pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LabelBox {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) w: f32,
    pub(crate) h: f32,
}

/// What is drawn on a frame; each part may be empty.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Marks<'a> {
    pub(crate) tracks: &'a [Track],
    pub(crate) detections: &'a [Detection],
    pub(crate) labels: &'a [LabelBox],
}

/// Draws frames of one size; keeps the stretch and the tails from frame to frame.
#[derive(Debug)]
pub(crate) struct Overlay {
    size: ImageSize,
    canvas: Canvas,
    stretch: Stretch,
    trails: Trails,
    text: String,
}

impl Overlay {
    /// An overlay for frames of `size`.
    pub(crate) fn new(size: ImageSize) -> Self {
        let scale = if size.width < NARROW_PX { 2 } else { 1 };
        Self {
            size,
            canvas: Canvas::new(size, scale),
            stretch: Stretch::new(),
            trails: Trails::default(),
            text: String::with_capacity(64),
        }
    }

    /// Draws one frame; the picture stays valid until the next call.
    ///
    /// # Errors
    /// If the frame has another size than the overlay, or a buffer that does not fit its size.
    pub(crate) fn draw(&mut self, frame: &Frame, marks: Marks<'_>) -> anyhow::Result<&RgbImage> {
        anyhow::ensure!(
            frame.size == self.size && frame.counts.len() == frame.size.pixels(),
            "frame {} is {} with {} counts, the overlay was made for {}: make one overlay a size",
            frame.seq,
            frame.size,
            frame.counts.len(),
            self.size,
        );
        self.stretch.update(frame);
        self.canvas.fill(&frame.counts, &self.stretch);
        for label in marks.labels {
            self.canvas
                .brackets((label.x, label.y), boxed(label.w, label.h), LABEL);
        }
        for detection in marks.detections {
            self.canvas
                .cross((detection.x, detection.y), 2.0, DETECTION);
        }
        self.trails.update(marks.tracks);
        for track in marks.tracks {
            self.draw_track(track);
        }
        self.draw_status(frame, marks.tracks);
        Ok(self.canvas.image())
    }

    fn draw_track(&mut self, track: &Track) {
        let colour = colour_of(track.state);
        let trail = self.trails.of(track.id);
        for (pair, age) in trail.windows(2).zip((0..trail.len()).rev()) {
            if let [from, to] = pair {
                let opacity = 0.9 - 0.7 * age as f32 / trail::LENGTH as f32;
                self.canvas
                    .line((from.x, from.y), (to.x, to.y), colour, opacity);
            }
        }
        let (w, h) = boxed(track.w, track.h);
        self.canvas.rectangle((track.x, track.y), (w, h), colour);
        if let Some((from, to)) = ahead(track, w, h) {
            self.canvas.line(from, to, colour, 1.0);
        }
        self.text.clear();
        // Writing to a String does not fail.
        let _ = write!(self.text, "{} {:.2}", track.id.0, track.score);
        self.canvas
            .label((track.x, track.y), (w, h), &self.text, colour);
    }

    fn draw_status(&mut self, frame: &Frame, tracks: &[Track]) {
        let believed = tracks.iter().filter(|track| track.is_believed()).count();
        let seconds = frame.at.as_nanos() as f64 / 1e9;
        self.text.clear();
        let plural = if believed == 1 { "" } else { "s" };
        let _ = write!(
            self.text,
            "#{} {seconds:.2}s {believed} track{plural}",
            frame.seq
        );
        let end = self.canvas.text((4, 4), &self.text, TEXT);
        if frame.flags.ffc {
            self.canvas.text((end + 12, 4), "FFC", ALARM);
        }
    }
}

const fn colour_of(state: TrackState) -> Rgb {
    match state {
        TrackState::Confirmed => CONFIRMED,
        TrackState::Coasting => COASTING,
        TrackState::Tentative => TENTATIVE,
    }
}

/// Sides of the box to draw around a target, input pixels: it must not cover what it shows.
fn boxed(w: f32, h: f32) -> (f32, f32) {
    (
        (w + 2.0 * BOX_GAP_PX).max(MIN_BOX_PX),
        (h + 2.0 * BOX_GAP_PX).max(MIN_BOX_PX),
    )
}

/// The velocity line from the edge of the box, input pixels; none for a target at rest.
fn ahead(track: &Track, w: f32, h: f32) -> Option<((f32, f32), (f32, f32))> {
    let speed = track.vx.hypot(track.vy);
    if !speed.is_finite() || speed * AHEAD_S < 1.0 {
        return None;
    }
    let length = (speed * AHEAD_S).min(MAX_AHEAD_PX);
    let (ux, uy) = (track.vx / speed, track.vy / speed);
    let edge = (w / 2.0 / ux.abs().max(1e-6)).min(h / 2.0 / uy.abs().max(1e-6));
    let at = |distance: f32| (track.x + ux * distance, track.y + uy * distance);
    Some((at(edge), at(edge + length)))
}

#[cfg(test)]
mod tests;
