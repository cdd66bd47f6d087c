use crate::PixelPoint;

/// Most detections kept of one frame (the `K` of the decoder).
pub const MAX_DETECTIONS: usize = 64;

/// One candidate in one frame; it has no identity.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Centre, input pixels.
    pub x: f32,
    /// Centre, input pixels.
    pub y: f32,
    /// Width, input pixels.
    pub w: f32,
    /// Height, input pixels.
    pub h: f32,
    /// Output of the network after the sigmoid, 0..=1.
    pub score: f32,
}

impl Detection {
    /// Centre of the box.
    pub const fn center(&self) -> PixelPoint {
        PixelPoint::new(self.x, self.y)
    }
}

/// The detections of one frame, highest score first; bounded, never allocates.
pub type Detections = heapless::Vec<Detection, MAX_DETECTIONS>;
