//! From image files to grey counts and mask bytes.
//!
//! * In: a PNG, TIFF, BMP or JPEG file.
//! * Out: grey counts exactly as Pillow's mode `L` has them (8 bit), or the counts as stored (16-bit grey); for masks the
//!   bytes of channel 0.
//! * Refuses by name: 0-byte and cut-off files, undecodable files, colour of more than 8 bit, floating-point pixels.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use image::{DynamicImage, ImageError, ImageReader, Limits};
use invdet_core::ImageSize;

use crate::DataError;

/// Largest side, pixels: no thermal camera comes near it, and a damaged header is not taken at its word.
const MAX_SIDE: u32 = 16_384;

/// One decoded image.
#[derive(Debug)]
pub(crate) struct Grey {
    pub(crate) size: ImageSize,
    /// Grey counts in raster order.
    pub(crate) counts: Vec<u16>,
    /// 8 or 16.
    pub(crate) bits: u8,
    /// How the file stores its pixels.
    pub(crate) mode: &'static str,
    /// Whether some pixel is not neutral grey: a false-colour picture, or the noise of a colour codec.
    pub(crate) is_coloured: bool,
}

/// One decoded mask.
#[derive(Debug)]
pub(crate) struct MaskBytes {
    pub(crate) size: ImageSize,
    /// Channel 0 in raster order; of 16-bit masks the high byte.
    pub(crate) bytes: Vec<u8>,
    /// Largest value as stored.
    pub(crate) largest: u16,
    /// White as stored: 255 or 65535.
    pub(crate) full: u16,
}

/// Reads an image as grey counts. Alpha is ignored, palettes are resolved.
pub(crate) fn read_grey(path: &Path) -> Result<Grey, DataError> {
    let bytes = read(path)?;
    let image = decode(path, &bytes)?;
    let size = ImageSize::new(image.width(), image.height());
    let mode = mode(&bytes, &image);
    let is_coloured = match &image {
        DynamicImage::ImageRgb8(p) => p.pixels().any(|p| p.0[0] != p.0[1] || p.0[1] != p.0[2]),
        DynamicImage::ImageRgba8(p) => p.pixels().any(|p| p.0[0] != p.0[1] || p.0[1] != p.0[2]),
        _ => false,
    };
    let (counts, bits) = match image {
        DynamicImage::ImageLuma8(p) => (p.into_raw().into_iter().map(u16::from).collect(), 8),
        DynamicImage::ImageLumaA8(p) => (p.pixels().map(|p| u16::from(p.0[0])).collect(), 8),
        DynamicImage::ImageRgb8(p) => (p.pixels().map(|p| luma(p.0)).collect(), 8),
        DynamicImage::ImageRgba8(p) => {
            let counts = p.pixels().map(|p| luma([p.0[0], p.0[1], p.0[2]])).collect();
            (counts, 8)
        }
        DynamicImage::ImageLuma16(p) => (p.into_raw(), 16),
        DynamicImage::ImageLumaA16(p) => (p.pixels().map(|p| p.0[0]).collect(), 16),
        other => return Err(unsupported(path, &other)),
    };
    Ok(Grey {
        size,
        counts,
        bits,
        mode,
        is_coloured,
    })
}

/// Reads a mask as the bytes of its channel 0.
pub(crate) fn read_mask(path: &Path) -> Result<MaskBytes, DataError> {
    let image = decode(path, &read(path)?)?;
    let size = ImageSize::new(image.width(), image.height());
    let stored: Vec<u16> = match &image {
        DynamicImage::ImageLuma8(p) => p.pixels().map(|p| p.0[0].into()).collect(),
        DynamicImage::ImageLumaA8(p) => p.pixels().map(|p| p.0[0].into()).collect(),
        DynamicImage::ImageRgb8(p) => p.pixels().map(|p| p.0[0].into()).collect(),
        DynamicImage::ImageRgba8(p) => p.pixels().map(|p| p.0[0].into()).collect(),
        DynamicImage::ImageLuma16(p) => p.pixels().map(|p| p.0[0]).collect(),
        DynamicImage::ImageLumaA16(p) => p.pixels().map(|p| p.0[0]).collect(),
        DynamicImage::ImageRgb16(p) => p.pixels().map(|p| p.0[0]).collect(),
        DynamicImage::ImageRgba16(p) => p.pixels().map(|p| p.0[0]).collect(),
        other => return Err(unsupported(path, other)),
    };
    let is_deep = image.color().bytes_per_pixel() / image.color().channel_count() > 1;
    let (shift, full) = if is_deep { (8, u16::MAX) } else { (0, 255) };
    Ok(MaskBytes {
        size,
        bytes: stored.iter().map(|&value| (value >> shift) as u8).collect(),
        largest: stored.into_iter().max().unwrap_or(0),
        full,
    })
}

/// Grey level of a colour: ITU-R BT.601 in 16-bit fixed point with rounding, the formula of Pillow's `convert("L")`.
fn luma([r, g, b]: [u8; 3]) -> u16 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u16
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::Io {
        path: path.into(),
        source,
    })?;
    if bytes.is_empty() {
        return Err(DataError::EmptyFile { path: path.into() });
    }
    Ok(bytes)
}

fn decode(path: &Path, bytes: &[u8]) -> Result<DynamicImage, DataError> {
    let undecodable = |source| DataError::Undecodable {
        path: path.into(),
        source,
    };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| undecodable(ImageError::IoError(e)))?;
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    reader.decode().map_err(|source| match &source {
        ImageError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => DataError::Truncated {
            path: path.into(),
            source,
        },
        _ => undecodable(source),
    })
}

fn unsupported(path: &Path, image: &DynamicImage) -> DataError {
    DataError::UnsupportedMode {
        path: path.into(),
        mode: format!("{:?}", image.color()),
    }
}

/// Storage mode, by the name that Pillow gives it where it has one.
fn mode(bytes: &[u8], image: &DynamicImage) -> &'static str {
    // Decoding resolves palettes, so they are read from the header: signature, IHDR, bit depth at 24, colour type at 25.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    if bytes.starts_with(PNG) && bytes.get(25) == Some(&3) {
        return "P";
    }
    match image {
        DynamicImage::ImageLuma8(_) => "L",
        DynamicImage::ImageLumaA8(_) => "LA",
        DynamicImage::ImageRgb8(_) => "RGB",
        DynamicImage::ImageRgba8(_) => "RGBA",
        DynamicImage::ImageLuma16(_) => "I;16",
        DynamicImage::ImageLumaA16(_) => "LA;16",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_equals_pillow_at_hand_computed_colours() {
        // (r*19595 + g*38470 + b*7471 + 32768) >> 16, worked out by hand.
        for (rgb, grey) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([255, 255, 255], 255),
            ([1, 1, 1], 1),
            ([100, 150, 200], 141),
        ] {
            assert_eq!(luma(rgb), grey, "{rgb:?}");
        }
    }

    #[test]
    fn neutral_colours_keep_their_level() {
        for level in 0..=255u8 {
            assert_eq!(luma([level; 3]), u16::from(level));
        }
    }
}
