use crate::{ImageSize, MonoTime};

/// What is known of a frame beside its pixels.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FrameFlags {
    /// The camera is in a flat-field correction: the picture is frozen or meaningless.
    pub ffc: bool,
}

/// One thermal image as raw counts, before any gain control.
///
/// Buffers are reused from frame to frame: a source fills `counts` in place.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Columns and rows; `counts` holds exactly that many values, row by row.
    pub size: ImageSize,
    /// Sensor output, unitless. Images of 8 bit keep their grey levels 0..=255.
    pub counts: Vec<u16>,
    /// Significant bits of a count: 8, 14, 16, ...
    pub bits: u8,
    /// Number of the frame since the source started; gaps are lost frames.
    pub seq: u64,
    /// Mid-exposure time.
    pub at: MonoTime,
    /// See [`FrameFlags`].
    pub flags: FrameFlags,
}
