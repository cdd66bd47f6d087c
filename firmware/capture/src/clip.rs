//! A video clip, decoded by an `ffmpeg` child process.
//!
//! In: a file that `ffmpeg` reads. Out: every stored frame once and in order, numbered from 0 as labels count them:
//! nothing is dropped, doubled, rotated or scaled. Colour becomes 8-bit grey with `ffmpeg`'s weights (limited-range
//! video is stretched to 0..=255); grey of 10..16 bits keeps its counts. Stamps follow the mean rate of the header.
//! Refused: a missing `ffmpeg`, files that are no video, and clips that break or end early, after the good frames.

mod probe;

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use invdet_core::{Frame, FrameFlags, ImageSize, MonoTime};

use self::probe::{ClipFacts, probe};
use crate::{CaptureError, FrameSource, Next};

/// The programs to call, looked up in `PATH`.
#[derive(Debug, Clone)]
struct Programs {
    ffmpeg: String,
    ffprobe: String,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".to_owned(),
            ffprobe: "ffprobe".to_owned(),
        }
    }
}

/// A clip on its way through `ffmpeg`.
#[derive(Debug)]
pub struct ClipSource {
    path: PathBuf,
    label: String,
    facts: ClipFacts,
    seq: u64,
    bytes: Vec<u8>,
    decoder: Option<Decoder>,
}

impl ClipSource {
    /// Looks at the clip with `ffprobe` and starts `ffmpeg`.
    ///
    /// # Errors
    /// [`CaptureError::NotFound`], [`CaptureError::FfmpegMissing`], [`CaptureError::NotAClip`].
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::open_with(&Programs::default(), path)
    }

    fn open_with(programs: &Programs, path: &Path) -> Result<Self, CaptureError> {
        match std::fs::metadata(path) {
            Ok(found) if found.len() == 0 => {
                return Err(CaptureError::EmptyFile {
                    path: path.to_owned(),
                });
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(CaptureError::NotFound {
                    path: path.to_owned(),
                });
            }
            Err(source) => {
                return Err(CaptureError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        let facts = probe(programs, path)?;
        let decoder = Decoder::start(programs, path, &facts)?;
        Ok(Self {
            path: path.to_owned(),
            label: path.display().to_string(),
            bytes: vec![0; facts.size.pixels() * facts.pixels.bytes()],
            facts,
            seq: 0,
            decoder: Some(decoder),
        })
    }

    /// Why there is no further frame: the plain end, or an error. `got` bytes of a frame were left.
    fn end(&mut self, got: usize) -> Result<Next, CaptureError> {
        let Some(decoder) = self.decoder.take() else {
            return Ok(Next::End);
        };
        let said = decoder
            .finish()
            .map_err(|source| CaptureError::FfmpegStart {
                program: "ffmpeg".to_owned(),
                path: self.path.clone(),
                source,
            })?;
        let broken = |detail: String| CaptureError::BrokenClip {
            path: self.path.clone(),
            frames: self.seq,
            detail,
        };
        match (said, self.facts.frames) {
            (Ended::Complaining(detail), Some(promised)) if self.seq >= promised && got == 0 => {
                log::warn!(
                    "{:?}: all {promised} frames came, but ffmpeg says: {detail}",
                    self.path
                );
                Ok(Next::End)
            }
            (Ended::Failed(detail) | Ended::Complaining(detail), _) => Err(broken(detail)),
            (Ended::Normally, _) if got > 0 => {
                Err(broken(format!("ffmpeg gave {got} bytes of the next frame")))
            }
            (Ended::Normally, Some(promised)) if self.seq < promised => {
                Err(CaptureError::CutClip {
                    path: self.path.clone(),
                    frames: self.seq,
                    promised,
                })
            }
            (Ended::Normally, None) if self.seq == 0 => {
                Err(broken("ffmpeg gave no frame".to_owned()))
            }
            (Ended::Normally, _) => Ok(Next::End),
        }
    }
}

impl FrameSource for ClipSource {
    fn next(&mut self, frame: &mut Frame) -> Result<Next, CaptureError> {
        frame.counts.clear();
        let Some(decoder) = &mut self.decoder else {
            return Ok(Next::End);
        };
        let got = read_full(&mut decoder.pixels, &mut self.bytes).map_err(|source| {
            CaptureError::FfmpegStart {
                program: "ffmpeg".to_owned(),
                path: self.path.clone(),
                source,
            }
        })?;
        if got < self.bytes.len() {
            return self.end(got);
        }
        if self.facts.pixels.bytes() == 1 {
            frame
                .counts
                .extend(self.bytes.iter().map(|&level| u16::from(level)));
        } else {
            frame.counts.extend(
                self.bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]])),
            );
        }
        frame.size = self.facts.size;
        frame.bits = self.facts.pixels.bits;
        frame.seq = self.seq;
        frame.at =
            MonoTime::from_nanos((self.facts.period.as_nanos() as u64).saturating_mul(self.seq));
        frame.flags = FrameFlags::default();
        self.seq += 1;
        Ok(Next::Frame)
    }

    fn size(&self) -> ImageSize {
        self.facts.size
    }

    fn frame_period(&self) -> Duration {
        self.facts.period
    }

    fn len(&self) -> Option<u64> {
        self.facts.frames
    }

    fn label(&self) -> &str {
        &self.label
    }
}

/// How a decoder ended.
enum Ended {
    Normally,
    /// With success and what `ffmpeg` said last: version 5 exits so after frames that it could not decode.
    Complaining(String),
    /// Without success, with what `ffmpeg` said last.
    Failed(String),
}

/// The child process; it never outlives this value.
#[derive(Debug)]
struct Decoder {
    child: Child,
    pixels: ChildStdout,
    /// Empties the error pipe, since a broken clip can write more than the pipe holds.
    complaints: Option<JoinHandle<Vec<u8>>>,
}

impl Decoder {
    fn start(programs: &Programs, path: &Path, facts: &ClipFacts) -> Result<Self, CaptureError> {
        let failed = |source| start_error(&programs.ffmpeg, path, source);
        let mut child = Command::new(&programs.ffmpeg)
            .args([
                "-nostdin",
                "-hide_banner",
                "-v",
                "error",
                "-noautorotate",
                "-i",
            ])
            .arg(input_argument(path))
            .args(["-map", "0:v:0"])
            .args(passthrough(&programs.ffmpeg))
            .args(["-f", "rawvideo", "-pix_fmt", facts.pixels.name, "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(pixels), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed(std::io::Error::other("its pipes are missing")));
        };
        let complaints = std::thread::Builder::new()
            .name("ffmpeg-stderr".to_owned())
            .spawn(move || keep_tail(&mut errors))
            .map_err(failed)?;
        Ok(Self {
            child,
            pixels,
            complaints: Some(complaints),
        })
    }

    /// Waits for an `ffmpeg` that has closed its output.
    fn finish(mut self) -> Result<Ended, std::io::Error> {
        let status = self.child.wait()?;
        let said = self
            .complaints
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        Ok(match (status.success(), last_line(&said)) {
            (true, None) => Ended::Normally,
            (true, Some(line)) => Ended::Complaining(line),
            (false, line) => Ended::Failed(line.unwrap_or_else(|| status.to_string())),
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // Both fail only if the child is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The option that keeps frames as stored: its name changed with ffmpeg 5.1, and JetPack 6 still has 4.4.
fn passthrough(ffmpeg: &str) -> [&'static str; 2] {
    let text = Command::new(ffmpeg)
        .arg("-version")
        .stdin(Stdio::null())
        .output();
    let text = text
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    match version_of(&text) {
        Some(version) if version < (5, 1) => ["-vsync", "passthrough"],
        _ => ["-fps_mode", "passthrough"],
    }
}

/// Major and minor number of `ffmpeg version n4.4.2-...`; none for builds from git.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let word = text
        .strip_prefix("ffmpeg version ")?
        .split_whitespace()
        .next()?;
    let mut numbers = word
        .trim_start_matches('n')
        .split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// `file:` keeps a path from being read as a protocol (`concat:`, `http:`) or an option.
fn input_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(path);
    argument
}

fn start_error(program: &str, path: &Path, source: std::io::Error) -> CaptureError {
    match source.kind() {
        ErrorKind::NotFound => CaptureError::FfmpegMissing {
            program: program.to_owned(),
        },
        _ => CaptureError::FfmpegStart {
            program: program.to_owned(),
            path: path.to_owned(),
            source,
        },
    }
}

/// Fills `buffer` as far as the pipe goes; the number of bytes read.
fn read_full(pipe: &mut impl Read, buffer: &mut [u8]) -> Result<usize, std::io::Error> {
    let mut got = 0;
    while got < buffer.len() {
        match pipe.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// Reads to the end and keeps the last 4 KiB or so.
fn keep_tail(pipe: &mut impl Read) -> Vec<u8> {
    const KEPT: usize = 4096;
    let (mut tail, mut chunk) = (Vec::with_capacity(3 * KEPT), [0; KEPT]);
    while let Ok(got @ 1..) = pipe.read(&mut chunk) {
        tail.extend_from_slice(&chunk[..got]);
        tail.drain(..tail.len().saturating_sub(KEPT));
    }
    tail
}

/// The last line that is not blank.
fn last_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
