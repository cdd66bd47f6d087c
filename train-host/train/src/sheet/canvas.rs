//! Squares, outlines and text on a dark ground; whatever lies outside is left out.

use font8x8::legacy::BASIC_LEGACY;
use image::{Rgb, RgbImage};

const GROUND: [u8; 3] = [24, 24, 28];
/// Side of a character, screen pixels.
const GLYPH: u32 = 8;

/// Form of the characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyphs {
    /// 8x8, on a dark plate, for writing on pictures.
    Small,
    /// 8x16, for headings.
    Tall,
}

pub(crate) struct Canvas {
    image: RgbImage,
}

impl Canvas {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self {
            image: RgbImage::from_pixel(width, height, Rgb(GROUND)),
        }
    }

    pub(crate) fn into_image(self) -> RgbImage {
        self.image
    }

    fn put(&mut self, x: u32, y: u32, color: [u8; 3]) {
        if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
            pixel.0 = color;
        }
    }

    /// A filled square of `side` pixels.
    pub(crate) fn square(&mut self, x: u32, y: u32, side: u32, color: [u8; 3]) {
        for dy in 0..side {
            (0..side).for_each(|dx| self.put(x + dx, y + dy, color));
        }
    }

    /// The frame `[left, top, right, bottom]`, one pixel thick, as far as it lies inside `clip` (right and bottom not
    /// included).
    pub(crate) fn outline(&mut self, frame: [f64; 4], clip: [u32; 4], color: [u8; 3]) {
        let [left, top, right, bottom] = frame.map(|v| v.round() as i64);
        let [clip_left, clip_top, clip_right, clip_bottom] = clip.map(i64::from);
        let mut put = |x: i64, y: i64| {
            if (clip_left..clip_right).contains(&x)
                && (clip_top..clip_bottom).contains(&y)
                && let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            {
                self.put(x, y, color);
            }
        };
        // Boxes are at most as wide as the decoder lets them be, but clipped first all the same.
        for x in left.max(clip_left)..=right.min(clip_right) {
            put(x, top);
            put(x, bottom);
        }
        for y in top.max(clip_top)..=bottom.min(clip_bottom) {
            put(left, y);
            put(right, y);
        }
    }

    /// Writes from the top left corner on; returns where it ends. What is not ASCII becomes `?`.
    pub(crate) fn text(&mut self, x: u32, y: u32, text: &str, color: [u8; 3], form: Glyphs) -> u32 {
        let rows_a_bit = match form {
            Glyphs::Small => 1,
            Glyphs::Tall => 2,
        };
        let mut left = x;
        for c in text.chars() {
            let glyph = BASIC_LEGACY
                .get(c as usize)
                .or(BASIC_LEGACY.get('?' as usize))
                .copied()
                .unwrap_or_default();
            for dy in 0..GLYPH * rows_a_bit {
                let bits = glyph.get((dy / rows_a_bit) as usize).copied().unwrap_or(0);
                for dx in 0..GLYPH {
                    if bits >> dx & 1 == 1 {
                        self.put(left + dx, y + dy, color);
                    } else if form == Glyphs::Small {
                        self.put(left + dx, y + dy, [0; 3]);
                    }
                }
            }
            left += GLYPH;
        }
        left
    }
}
