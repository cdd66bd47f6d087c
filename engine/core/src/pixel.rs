use std::fmt;

/// Size of an image in pixels.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl ImageSize {
    /// A size of `width` columns and `height` rows.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A point in image coordinates, in pixels; the centre of the top-left pixel is `(0.5, 0.5)`.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct PixelPoint {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

impl PixelPoint {
    /// The point `(x, y)`.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Euclidean distance in pixels.
    pub fn distance(self, other: PixelPoint) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}
