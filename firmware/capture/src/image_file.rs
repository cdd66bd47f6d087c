//! One image file to one frame.
//!
//! In: a PNG or TIFF, recognised by its content. Out: counts; 16-bit grey is kept exactly, 8-bit grey keeps its
//! levels, colour and palette become grey by [`luma`], alpha is left out. Refused: empty, cut and foreign files and
//! pixels that are no integers.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader};
use invdet_core::{Frame, FrameFlags, ImageSize, MonoTime};

use crate::CaptureError;

/// Grey of a colour, as PIL's conversion to mode 'L' has it: ITU-R 601 weights in 16-bit fixed point, rounded.
///
/// `red`, `green`, `blue` and the result share one scale, 0..=255 or 0..=65535.
pub const fn luma(red: u16, green: u16, blue: u16) -> u16 {
    ((red as u64 * 19595 + green as u64 * 38470 + blue as u64 * 7471 + 0x8000) >> 16) as u16
}

/// Reads one image of any size; `seq` and time are 0.
///
/// # Errors
/// [`CaptureError`] naming the file if it is missing, unreadable, empty, broken or of no known kind.
pub fn read_image(path: &Path) -> Result<Frame, CaptureError> {
    let mut frame = Frame::default();
    ImageFileReader::default().read_into(path, &mut frame)?;
    frame.seq = 0;
    frame.at = MonoTime::default();
    frame.flags = FrameFlags::default();
    Ok(frame)
}

/// Whether the name ends in `.png`, `.tif` or `.tiff`, in either case.
pub(crate) fn has_image_extension(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    ["png", "tif", "tiff"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// Size of an image, from its header.
pub(crate) fn image_size(path: &Path) -> Result<ImageSize, CaptureError> {
    let (width, height) = open_decoder(path)?.dimensions();
    Ok(ImageSize::new(width, height))
}

/// Reads images into frames through one buffer.
#[derive(Debug, Default)]
pub(crate) struct ImageFileReader {
    bytes: Vec<u8>,
}

impl ImageFileReader {
    /// Overwrites size, counts and bits of `frame`; on error its counts are empty.
    pub(crate) fn read_into(&mut self, path: &Path, frame: &mut Frame) -> Result<(), CaptureError> {
        frame.counts.clear();
        let decoder = open_decoder(path)?;
        let (width, height) = decoder.dimensions();
        let color = decoder.color_type();
        let bytes = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
        // The decoder's own limit (512 MiB) has been checked against the header before this size is taken.
        self.bytes.clear();
        self.bytes.resize(bytes, 0);
        decoder
            .read_image(&mut self.bytes)
            .map_err(|source| CaptureError::BrokenImage {
                path: path.to_owned(),
                source,
            })?;
        fill_counts(&self.bytes, color, &mut frame.counts).map_err(|found| {
            CaptureError::PixelKind {
                path: path.to_owned(),
                found,
            }
        })?;
        frame.size = ImageSize::new(width, height);
        frame.bits = if is_16_bit(color) { 16 } else { 8 };
        Ok(())
    }
}

fn open_decoder(path: &Path) -> Result<impl ImageDecoder, CaptureError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => CaptureError::NotFound {
            path: path.to_owned(),
        },
        _ => CaptureError::Read {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() == 0 {
        return Err(CaptureError::EmptyFile {
            path: path.to_owned(),
        });
    }
    // `ImageReader::new` guesses nothing from the name: only the content counts.
    let reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(unreadable)?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Tiff)) {
        return Err(CaptureError::NotAnImage {
            path: path.to_owned(),
        });
    }
    let broken = |source| CaptureError::BrokenImage {
        path: path.to_owned(),
        source,
    };
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let mut limits = image::Limits::default();
    limits.reserve(decoder.total_bytes()).map_err(broken)?;
    limits.check_dimensions(width, height).map_err(broken)?;
    decoder.set_limits(limits).map_err(broken)?;
    Ok(decoder)
}

const fn is_16_bit(color: ColorType) -> bool {
    matches!(
        color,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16
    )
}

/// Interleaved bytes as the decoder gives them (16 bit in native order) to counts; the kind of pixel if not integers.
fn fill_counts(bytes: &[u8], color: ColorType, counts: &mut Vec<u16>) -> Result<(), String> {
    let wide = |pair: &[u8]| match *pair {
        [low, high] => u16::from_ne_bytes([low, high]),
        _ => 0,
    };
    match color {
        ColorType::L8 => counts.extend(bytes.iter().map(|&level| u16::from(level))),
        ColorType::La8 => counts.extend(bytes.chunks_exact(2).map(|pixel| u16::from(pixel[0]))),
        ColorType::Rgb8 => counts.extend(bytes.chunks_exact(3).map(luma_8)),
        ColorType::Rgba8 => counts.extend(bytes.chunks_exact(4).map(luma_8)),
        ColorType::L16 => counts.extend(bytes.chunks_exact(2).map(wide)),
        ColorType::La16 => counts.extend(bytes.chunks_exact(4).map(|pixel| wide(&pixel[..2]))),
        ColorType::Rgb16 | ColorType::Rgba16 => {
            let channels = 2 * usize::from(color.channel_count());
            counts.extend(
                bytes
                    .chunks_exact(channels)
                    .map(|p| luma(wide(&p[..2]), wide(&p[2..4]), wide(&p[4..6]))),
            );
        }
        other => return Err(format!("{other:?}")),
    }
    Ok(())
}

/// A pixel of at least three 8-bit channels.
fn luma_8(pixel: &[u8]) -> u16 {
    luma(
        u16::from(pixel[0]),
        u16::from(pixel[1]),
        u16::from(pixel[2]),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{DynamicImage, GrayAlphaImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    /// Colours and their grey by PIL 12 (`Image.convert('L')`, the same for modes RGB, RGBA and P).
    const PIL_GREYS: [([u8; 3], u16); 16] = [
        ([0, 0, 0], 0),
        ([255, 255, 255], 255),
        ([255, 0, 0], 76),
        ([0, 255, 0], 150),
        ([0, 0, 255], 29),
        ([1, 2, 3], 2),
        ([10, 200, 30], 124),
        ([127, 128, 129], 128),
        ([250, 3, 77], 85),
        ([33, 66, 99], 60),
        ([254, 255, 253], 254),
        ([2, 1, 0], 1),
        ([90, 91, 92], 91),
        ([17, 230, 201], 163),
        ([199, 5, 250], 91),
        ([128, 0, 127], 53),
    ];

    fn saved(image: &DynamicImage, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(name);
        image.save(&path).expect("written");
        (folder, path)
    }

    #[test]
    fn rgb_and_rgba_become_the_greys_of_pil() {
        let wanted: Vec<u16> = PIL_GREYS.iter().map(|(_, grey)| *grey).collect();
        let rgb = RgbImage::from_fn(16, 1, |x, _| Rgb(PIL_GREYS[x as usize].0));
        let rgba = RgbaImage::from_fn(16, 1, |x, _| {
            let [r, g, b] = PIL_GREYS[x as usize].0;
            Rgba([r, g, b, 100])
        });
        for (image, name) in [
            (DynamicImage::from(rgb.clone()), "a.png"),
            (DynamicImage::from(rgb), "a.tiff"),
            (DynamicImage::from(rgba), "a.png"),
        ] {
            let (_folder, path) = saved(&image, name);
            let frame = read_image(&path).expect("readable");
            assert_eq!((frame.bits, frame.size), (8, ImageSize::new(16, 1)));
            assert_eq!(frame.counts, wanted, "{name}");
        }
    }

    /// A palette PNG written chunk by chunk, since the image crate writes none.
    fn palette_png() -> Vec<u8> {
        fn crc(bytes: &[u8]) -> u32 {
            !bytes.iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |c, _| {
                    (c >> 1) ^ (0xEDB8_8320 & (c & 1).wrapping_neg())
                })
            })
        }
        fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
            out.extend((data.len() as u32).to_be_bytes());
            let body: Vec<u8> = kind.iter().chain(data).copied().collect();
            out.extend(&body);
            out.extend(crc(&body).to_be_bytes());
        }
        let row: Vec<u8> = std::iter::once(0).chain(0..16).collect();
        let adler = row.iter().fold((1u32, 0u32), |(a, b), v| {
            ((a + u32::from(*v)) % 65521, (a + u32::from(*v) + b) % 65521)
        });
        let mut zlib = vec![0x78, 0x01, 0x01, 17, 0, 238, 255];
        zlib.extend(&row);
        zlib.extend((adler.1 << 16 | adler.0).to_be_bytes());
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        chunk(&mut png, b"IHDR", &[0, 0, 0, 16, 0, 0, 0, 1, 8, 3, 0, 0, 0]);
        chunk(
            &mut png,
            b"PLTE",
            &PIL_GREYS.iter().flat_map(|(c, _)| *c).collect::<Vec<u8>>(),
        );
        chunk(&mut png, b"IDAT", &zlib);
        chunk(&mut png, b"IEND", &[]);
        png
    }

    #[test]
    fn palette_becomes_the_greys_of_pil() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("p.png");
        fs::write(&path, palette_png()).expect("written");
        let frame = read_image(&path).expect("readable");
        assert_eq!(
            frame.counts,
            PIL_GREYS.iter().map(|(_, grey)| *grey).collect::<Vec<_>>()
        );
        assert_eq!(frame.bits, 8);
    }

    #[test]
    fn sixteen_bit_counts_are_kept_exactly() {
        let values = [0u16, 1, 255, 256, 6743, 7077, 16383, 32768, 65534, 65535];
        let image =
            ImageBuffer::<Luma<u16>, Vec<u16>>::from_vec(5, 2, values.to_vec()).expect("sized");
        for name in ["a.png", "a.tif"] {
            let (_folder, path) = saved(&DynamicImage::from(image.clone()), name);
            let frame = read_image(&path).expect("readable");
            assert_eq!(
                (frame.bits, frame.size, frame.counts.as_slice()),
                (16, ImageSize::new(5, 2), &values[..])
            );
        }
    }

    #[test]
    fn grey_keeps_its_levels_and_alpha_is_left_out() {
        let image = GrayAlphaImage::from_fn(256, 1, |x, _| image::LumaA([x as u8, 255 - x as u8]));
        let (_folder, path) = saved(&DynamicImage::from(image), "a.png");
        assert_eq!(
            read_image(&path).expect("readable").counts,
            (0..256).collect::<Vec<u16>>()
        );
    }

    #[test]
    fn the_content_counts_not_the_name() {
        let (folder, path) = saved(&DynamicImage::new_luma8(4, 4), "a.png");
        let renamed = folder.path().join("a.tif");
        fs::rename(path, &renamed).expect("renamed");
        assert_eq!(
            read_image(&renamed).expect("readable").size,
            ImageSize::new(4, 4)
        );
    }

    #[test]
    fn truncated_png_is_refused_by_name() {
        let image = ImageBuffer::from_fn(64, 64, |x, y| Luma([(x * 977 + y * 3001) as u16]));
        let (_folder, path) = saved(&DynamicImage::from(image), "cut.png");
        let bytes = fs::read(&path).expect("read");
        for keep in [10, 30, bytes.len() / 2, bytes.len() - 40] {
            fs::write(&path, &bytes[..keep]).expect("cut");
            let error = read_image(&path).expect_err("truncated");
            assert!(
                matches!(error, CaptureError::BrokenImage { .. }),
                "{keep}: {error}"
            );
            assert!(error.to_string().contains("cut.png"), "{error}");
        }
    }

    #[test]
    fn empty_foreign_and_float_files_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("x.png");
        fs::write(&path, b"").expect("written");
        assert!(
            matches!(read_image(&path), Err(CaptureError::EmptyFile { path: named }) if named == path)
        );
        fs::write(&path, b"hello, this is a text").expect("written");
        assert!(
            matches!(read_image(&path), Err(CaptureError::NotAnImage { path: named }) if named == path)
        );
        assert!(matches!(
            read_image(folder.path()),
            Err(CaptureError::Read { .. } | CaptureError::EmptyFile { .. })
        ));
        assert!(matches!(
            read_image(&folder.path().join("none.png")),
            Err(CaptureError::NotFound { .. })
        ));
        let float = folder.path().join("f.tiff");
        DynamicImage::new_rgb32f(3, 3)
            .save(&float)
            .expect("written");
        let error = read_image(&float).expect_err("floats are no counts");
        assert!(
            error.to_string().contains("pixels of kind Rgb32F"),
            "{error}"
        );
    }

    #[test]
    fn header_promising_a_huge_image_is_refused_before_memory_is_taken() {
        let mut png = palette_png();
        png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        // The CRC of the header no longer fits either; both are reasons to refuse, neither may allocate or panic.
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("bomb.png");
        fs::write(&path, png).expect("written");
        assert!(matches!(
            read_image(&path),
            Err(CaptureError::BrokenImage { .. })
        ));
    }
}
