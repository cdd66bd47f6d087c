//! What `ffprobe` says of a clip.
//!
//! In: a path. Out: size, rate, promised number of frames and the pixel format to ask for. Refused: files without a
//! video stream, and streams without a size or a rate.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use invdet_core::ImageSize;

use super::{Programs, input_argument, last_line, start_error};
use crate::CaptureError;

/// What has to be known before the first frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClipFacts {
    pub(super) size: ImageSize,
    pub(super) period: Duration,
    /// Frames in the header; not every container has it.
    pub(super) frames: Option<u64>,
    pub(super) pixels: PixelFormat,
}

/// How frames come through the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelFormat {
    /// Word for `-pix_fmt`.
    pub(super) name: &'static str,
    /// Significant bits; above 8 a pixel is two bytes, little-endian.
    pub(super) bits: u8,
}

impl PixelFormat {
    pub(super) const fn bytes(self) -> usize {
        if self.bits > 8 { 2 } else { 1 }
    }

    /// Deep grey (FFV1, PNG-in-AVI) keeps its counts; everything else is grey of 8 bits.
    fn for_stream(name: &str) -> Self {
        let (name, bits) = match name {
            "gray10le" => ("gray10le", 10),
            "gray12le" => ("gray12le", 12),
            "gray14le" => ("gray14le", 14),
            "gray16le" | "gray16be" => ("gray16le", 16),
            _ => ("gray", 8),
        };
        Self { name, bits }
    }
}

/// Asks `ffprobe` about the first video stream.
pub(super) fn probe(programs: &Programs, path: &Path) -> Result<ClipFacts, CaptureError> {
    let output = Command::new(&programs.ffprobe)
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-of",
            "default=noprint_wrappers=1",
        ])
        .args([
            "-show_entries",
            "stream=width,height,avg_frame_rate,r_frame_rate,nb_frames,pix_fmt",
        ])
        .arg(input_argument(path))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| start_error(&programs.ffprobe, path, source))?;
    if !output.status.success() {
        return Err(CaptureError::NotAClip {
            path: path.to_owned(),
            detail: last_line(&output.stderr).unwrap_or_else(|| output.status.to_string()),
        });
    }
    parse(&String::from_utf8_lossy(&output.stdout)).map_err(|detail| CaptureError::NotAClip {
        path: path.to_owned(),
        detail: detail.to_owned(),
    })
}

/// Reads `key=value` lines; a text for what is missing.
fn parse(text: &str) -> Result<ClipFacts, &'static str> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(str::trim)
    };
    let (Some(width), Some(height)) = (value("width"), value("height")) else {
        return Err("it has no video stream");
    };
    let size = match (width.parse::<u32>(), height.parse::<u32>()) {
        (Ok(width @ 1..=16384), Ok(height @ 1..=16384)) => ImageSize::new(width, height),
        _ => return Err("its video stream has no size of 1..=16384 pixels"),
    };
    let period = ["avg_frame_rate", "r_frame_rate"]
        .iter()
        .find_map(|key| period_of(value(key)?))
        .ok_or("its video stream has no frame rate")?;
    Ok(ClipFacts {
        size,
        period,
        frames: value("nb_frames").and_then(|count| count.parse().ok()),
        pixels: PixelFormat::for_stream(value("pix_fmt").unwrap_or_default()),
    })
}

/// The period of a rate such as `30000/1001`, in whole nanoseconds.
fn period_of(rate: &str) -> Option<Duration> {
    let (frames, seconds) = rate.split_once('/')?;
    let (frames, seconds): (u64, u64) = (frames.parse().ok()?, seconds.parse().ok()?);
    let nanos = seconds.checked_mul(1_000_000_000)?.checked_div(frames)?;
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_become_periods_and_nonsense_none() {
        assert_eq!(period_of("30/1"), Some(Duration::from_nanos(33_333_333)));
        assert_eq!(
            period_of("30000/1001"),
            Some(Duration::from_nanos(33_366_666))
        );
        for nonsense in ["0/0", "30/0", "N/A", "", "-1/2", "18446744073709551615/1"] {
            assert_eq!(period_of(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn missing_facts_are_named() {
        let full = "width=320\nheight=256\npix_fmt=yuv420p\nr_frame_rate=25/1\navg_frame_rate=0/0\nnb_frames=N/A\n";
        let facts = parse(full).expect("complete");
        assert_eq!(facts.size, ImageSize::new(320, 256));
        assert_eq!(
            (facts.period, facts.frames),
            (Duration::from_millis(40), None)
        );
        assert_eq!(
            facts.pixels,
            PixelFormat {
                name: "gray",
                bits: 8
            }
        );
        assert_eq!(parse(""), Err("it has no video stream"));
        assert_eq!(
            parse("width=0\nheight=2\n"),
            Err("its video stream has no size of 1..=16384 pixels")
        );
        assert_eq!(
            parse("width=8\nheight=2\n"),
            Err("its video stream has no frame rate")
        );
    }

    #[test]
    fn deep_grey_is_asked_for_as_it_is() {
        assert_eq!(
            PixelFormat::for_stream("gray14le"),
            PixelFormat {
                name: "gray14le",
                bits: 14
            }
        );
        assert_eq!(
            PixelFormat::for_stream("gray16be"),
            PixelFormat {
                name: "gray16le",
                bits: 16
            }
        );
        assert_eq!(PixelFormat::for_stream("yuv420p10le").bytes(), 1);
    }
}
