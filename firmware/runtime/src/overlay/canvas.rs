//! Lines, boxes and text on an RGB picture.
//!
//! In: positions in input pixels (the centre of the top-left pixel is (0.5, 0.5)). Out: screen pixels, `scale` times
//! as many. Whatever lies outside the picture is left out; positions that are no numbers draw nothing.

use font8x8::legacy::BASIC_LEGACY;
use image::RgbImage;
use invdet_core::ImageSize;

use super::stretch::Stretch;

/// Red, green, blue.
pub(super) type Rgb = [u8; 3];

/// Side of a character, screen pixels.
const GLYPH: i32 = 8;
const PLATE: Rgb = [0, 0, 0];

/// A picture of `scale` screen pixels per input pixel and axis.
#[derive(Debug)]
pub(super) struct Canvas {
    image: RgbImage,
    scale: u32,
}

impl Canvas {
    pub(super) fn new(size: ImageSize, scale: u32) -> Self {
        Self {
            image: RgbImage::new(size.width * scale, size.height * scale),
            scale,
        }
    }

    pub(super) fn image(&self) -> &RgbImage {
        &self.image
    }

    /// Overwrites the picture with stretched counts, each pixel repeated `scale` times along both axes.
    pub(super) fn fill(&mut self, counts: &[u16], stretch: &Stretch) {
        let scale = self.scale as usize;
        let columns = self.image.width() as usize / scale;
        if columns == 0 {
            return;
        }
        let bytes_a_row = 3 * scale * columns;
        let lines = self
            .image
            .as_flat_samples_mut()
            .samples
            .chunks_exact_mut(bytes_a_row * scale);
        for (lines, row) in lines.zip(counts.chunks_exact(columns)) {
            let (first, others) = lines.split_at_mut(bytes_a_row);
            for (pixels, count) in first.chunks_exact_mut(3 * scale).zip(row) {
                pixels.fill(stretch.grey(*count));
            }
            others
                .chunks_exact_mut(bytes_a_row)
                .for_each(|line| line.copy_from_slice(first));
        }
    }

    /// A line between two points, `opacity` 0..=1 (Bresenham 1965).
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), colour: Rgb, opacity: f32) {
        let (Some((mut x, mut y)), Some((end_x, end_y))) = (self.screen(from), self.screen(to))
        else {
            return;
        };
        let (dx, dy) = ((end_x - x).abs(), -(end_y - y).abs());
        let (step_x, step_y) = ((end_x - x).signum(), (end_y - y).signum());
        let mut error = dx + dy;
        loop {
            self.blend(x, y, colour, opacity);
            if (x, y) == (end_x, end_y) {
                return;
            }
            let doubled = 2 * error;
            if doubled >= dy {
                error += dy;
                x += step_x;
            }
            if doubled <= dx {
                error += dx;
                y += step_y;
            }
        }
    }

    /// The outline of a box.
    pub(super) fn rectangle(&mut self, center: (f32, f32), size: (f32, f32), colour: Rgb) {
        let Some((left, top, right, bottom)) = self.corners(center, size) else {
            return;
        };
        for x in left..=right {
            self.blend(x, top, colour, 1.0);
            self.blend(x, bottom, colour, 1.0);
        }
        for y in top + 1..bottom {
            self.blend(left, y, colour, 1.0);
            self.blend(right, y, colour, 1.0);
        }
    }

    /// The four corners of a box that is a little larger, so that it can be told from a [`rectangle`](Self::rectangle).
    pub(super) fn brackets(&mut self, center: (f32, f32), size: (f32, f32), colour: Rgb) {
        let Some((left, top, right, bottom)) = self.corners(center, (size.0 + 4.0, size.1 + 4.0))
        else {
            return;
        };
        let (arm_x, arm_y) = ((right - left) / 4, (bottom - top) / 4);
        for along in 0..=arm_x {
            for (x, y) in [
                (left + along, top),
                (right - along, top),
                (left + along, bottom),
                (right - along, bottom),
            ] {
                self.blend(x, y, colour, 1.0);
            }
        }
        for along in 1..=arm_y {
            for (x, y) in [
                (left, top + along),
                (right, top + along),
                (left, bottom - along),
                (right, bottom - along),
            ] {
                self.blend(x, y, colour, 1.0);
            }
        }
    }

    /// An upright cross of arms `arm` input pixels long, its middle left open.
    pub(super) fn cross(&mut self, center: (f32, f32), arm: f32, colour: Rgb) {
        let (Some((x, y)), Some(reach)) = (self.screen(center), self.length(arm)) else {
            return;
        };
        for along in 1..=reach {
            for (x, y) in [
                (x + along, y),
                (x - along, y),
                (x, y + along),
                (x, y - along),
            ] {
                self.blend(x, y, colour, 1.0);
            }
        }
    }

    /// Text beside a box: above its right corner, or wherever else it stays within the picture.
    pub(super) fn label(&mut self, center: (f32, f32), size: (f32, f32), text: &str, colour: Rgb) {
        let Some((left, top, right, bottom)) = self.corners(center, size) else {
            return;
        };
        let length = GLYPH * text.chars().count() as i32;
        let (width, height) = self.bounds();
        let x = if right + 3 + length <= width {
            right + 3
        } else {
            left - 3 - length
        };
        let y = if top - GLYPH >= 0 {
            top - GLYPH + 2
        } else {
            bottom - 2
        };
        self.text(
            (
                x.clamp(0, (width - length).max(0)),
                y.clamp(0, (height - GLYPH).max(0)),
            ),
            text,
            colour,
        );
    }

    /// Text from its top-left corner (screen pixels) on a dark plate; the column after it. Characters beyond ASCII
    /// are `?`.
    pub(super) fn text(&mut self, corner: (i32, i32), text: &str, colour: Rgb) -> i32 {
        let end = corner.0 + GLYPH * text.chars().count() as i32;
        for y in corner.1 - 1..=corner.1 + GLYPH {
            for x in corner.0 - 1..=end {
                self.blend(x, y, PLATE, 0.6);
            }
        }
        for (left, character) in (corner.0..).step_by(GLYPH as usize).zip(text.chars()) {
            self.glyph(left, corner.1, character, colour);
        }
        end
    }

    fn glyph(&mut self, left: i32, top: i32, character: char, colour: Rgb) {
        let Some(rows) = BASIC_LEGACY
            .get(character as usize)
            .or(BASIC_LEGACY.get('?' as usize))
        else {
            return;
        };
        for (y, row) in (top..).zip(rows) {
            for bit in (0..GLYPH).filter(|bit| row >> bit & 1 == 1) {
                self.blend(left + bit, y, colour, 1.0);
            }
        }
    }

    fn blend(&mut self, x: i32, y: i32, colour: Rgb, opacity: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
            for (old, new) in pixel.0.iter_mut().zip(colour) {
                *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * opacity + 0.5) as u8;
            }
        }
    }

    fn bounds(&self) -> (i32, i32) {
        (self.image.width() as i32, self.image.height() as i32)
    }

    /// Left, top, right and bottom screen pixels of a box.
    fn corners(&self, center: (f32, f32), size: (f32, f32)) -> Option<(i32, i32, i32, i32)> {
        let (left, top) = self.screen((center.0 - size.0 / 2.0, center.1 - size.1 / 2.0))?;
        Some((
            left,
            top,
            left + self.length(size.0)?,
            top + self.length(size.1)?,
        ))
    }

    /// The screen pixel that holds a point; none if it is far outside or no number, which also bounds all loops.
    fn screen(&self, point: (f32, f32)) -> Option<(i32, i32)> {
        let (x, y) = (point.0 * self.scale as f32, point.1 * self.scale as f32);
        let near = -20_000.0..20_000.0;
        (near.contains(&x) && near.contains(&y)).then(|| (x.floor() as i32, y.floor() as i32))
    }

    /// A length in screen pixels.
    fn length(&self, input_px: f32) -> Option<i32> {
        let length = input_px * self.scale as f32;
        (0.0..20_000.0)
            .contains(&length)
            .then(|| length.round() as i32)
    }
}
