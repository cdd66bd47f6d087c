//! Pictures to disk: a folder of PNG or an MP4 clip.
//!
//! In: pictures of one size, in order. Out: `000000.png`, `000001.png`, ... in a folder, or an H.264 clip made by an
//! `ffmpeg` child process. Everything is written under another name, synced and renamed, so that what bears its final
//! name is whole. Refused: a folder that already holds numbered pictures, other clip formats, a missing `ffmpeg`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, RgbImage};

const FFMPEG: &str = "ffmpeg";

/// Where overlay pictures go. Call [`close`](Self::close): a clip that is only dropped is thrown away.
#[derive(Debug)]
pub(crate) enum OverlaySink {
    /// One PNG a picture.
    Folder(NumberedFolder),
    /// One clip.
    Clip(ClipWriter),
}

impl OverlaySink {
    /// Opens `*.mp4` as a clip of one picture every `frame_period`, and any other path as a folder, which is made.
    ///
    /// # Errors
    /// If the folder cannot be made or already holds `NNNNNN.png`, if the name is that of another kind of file, if
    /// `ffmpeg` is missing or has no encoder for MP4.
    pub(crate) fn open(path: &Path, frame_period: Duration) -> anyhow::Result<Self> {
        Self::open_with(FFMPEG, path, frame_period)
    }

    fn open_with(ffmpeg: &str, path: &Path, frame_period: Duration) -> anyhow::Result<Self> {
        let extension = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase())
            .unwrap_or_default();
        match extension.as_str() {
            "mp4" => Ok(Self::Clip(ClipWriter::open(ffmpeg, path, frame_period)?)),
            "avi" | "mkv" | "mov" | "webm" | "gif" | "png" | "jpg" | "jpeg" | "tif" | "tiff" => {
                bail!(
                    "overlay {path:?}: .{extension} cannot be written, wanted a folder or a name ending in .mp4"
                )
            }
            _ => Ok(Self::Folder(NumberedFolder::open(path)?)),
        }
    }

    /// Writes the next picture.
    ///
    /// # Errors
    /// If the disk or `ffmpeg` refuses it, or if its size differs from the first one's in a clip.
    pub(crate) fn write(&mut self, picture: &RgbImage) -> anyhow::Result<()> {
        match self {
            Self::Folder(folder) => folder.write(picture),
            Self::Clip(clip) => clip.write(picture),
        }
    }

    /// Finishes the clip and gives it its name; a folder is finished already.
    ///
    /// # Errors
    /// If `ffmpeg` fails or no picture was written.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Clip(clip) => clip.close(),
        }
    }
}

/// Writes one picture as PNG: under another name first, then synced and renamed.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn save_png(path: &Path, picture: &RgbImage) -> anyhow::Result<()> {
    let partial = partial_name(path, "png");
    let written = write_png(&partial, picture).and_then(|()| Ok(fs::rename(&partial, path)?));
    if written.is_err() {
        // The first error is the one to tell; a left-over is hidden and harmless.
        let _ = fs::remove_file(&partial);
    }
    written.with_context(|| {
        format!("{path:?} cannot be written: check the folder, its permissions and free space")
    })
}

fn write_png(path: &Path, picture: &RgbImage) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )?;
    out.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?;
    Ok(())
}

/// A hidden name beside `path` that no other process uses.
fn partial_name(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_stem().unwrap_or_default());
    name.push(format!(".partial-{}.{extension}", std::process::id()));
    path.with_file_name(name)
}

/// A folder of `000000.png`, `000001.png`, ...
#[derive(Debug)]
pub(crate) struct NumberedFolder {
    folder: PathBuf,
    written: u64,
}

impl NumberedFolder {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let failed = || {
            format!(
                "overlay folder {folder:?} cannot be made or read: check the path and its permissions"
            )
        };
        fs::create_dir_all(folder).with_context(failed)?;
        for entry in fs::read_dir(folder).with_context(failed)? {
            let name = entry.with_context(failed)?.file_name();
            // Pictures of an earlier run would be mixed with the new ones, or someone's own frames overwritten.
            if is_numbered_png(&name.to_string_lossy()) {
                bail!(
                    "overlay folder {folder:?} already holds {name:?}: empty it or name another folder"
                );
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            written: 0,
        })
    }

    fn write(&mut self, picture: &RgbImage) -> anyhow::Result<()> {
        save_png(
            &self.folder.join(format!("{:06}.png", self.written)),
            picture,
        )?;
        self.written += 1;
        Ok(())
    }
}

fn is_numbered_png(name: &str) -> bool {
    name.strip_suffix(".png")
        .is_some_and(|stem| stem.len() >= 6 && stem.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A clip on its way through `ffmpeg`.
#[derive(Debug)]
pub(crate) struct ClipWriter {
    ffmpeg: String,
    path: PathBuf,
    partial: PathBuf,
    frames_a_second: String,
    encoder: &'static [&'static str],
    /// Started by the first picture, which has the size.
    encoding: Option<Encoding>,
}

#[derive(Debug)]
struct Encoding {
    size: (u32, u32),
    child: Child,
    pixels: Option<ChildStdin>,
    complaints: Option<JoinHandle<String>>,
}

impl ClipWriter {
    fn open(ffmpeg: &str, path: &Path, frame_period: Duration) -> anyhow::Result<Self> {
        ensure!(
            !path.is_dir(),
            "overlay {path:?} is a folder: name a file that ends in .mp4, or another folder"
        );
        ensure!(
            !frame_period.is_zero(),
            "overlay {path:?}: the source has no frame period, wanted more than 0 s"
        );
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            fs::create_dir_all(parent)
                .with_context(|| format!("folder {parent:?} cannot be made: check the path"))?;
        }
        Ok(Self {
            ffmpeg: ffmpeg.to_owned(),
            path: path.to_owned(),
            partial: partial_name(path, "mp4"),
            frames_a_second: format!("{:.3}", 1.0 / frame_period.as_secs_f64()),
            encoder: encoder_of(ffmpeg)?,
            encoding: None,
        })
    }

    fn write(&mut self, picture: &RgbImage) -> anyhow::Result<()> {
        if self.encoding.is_none() {
            self.encoding = Some(self.start(picture.dimensions())?);
        }
        let Some(Encoding {
            size,
            pixels: Some(pixels),
            ..
        }) = &mut self.encoding
        else {
            bail!("overlay clip {:?} has broken before", self.path);
        };
        ensure!(
            *size == picture.dimensions(),
            "overlay clip {:?} began with {size:?} pixels, now comes {:?}: a clip has one size",
            self.path,
            picture.dimensions()
        );
        match pixels.write_all(picture.as_raw()) {
            Ok(()) => Ok(()),
            // The pipe breaks when ffmpeg gives up: its own words are the reason.
            Err(broken) => match self.encoding.as_mut().map(Encoding::finish) {
                Some(Err(reason)) => Err(reason).with_context(|| self.failure()),
                _ => Err(broken).with_context(|| self.failure()),
            },
        }
    }

    fn start(&self, size: (u32, u32)) -> anyhow::Result<Encoding> {
        let mut child = Command::new(&self.ffmpeg)
            .args([
                "-hide_banner",
                "-v",
                "error",
                "-y",
                "-f",
                "rawvideo",
                "-pix_fmt",
                "rgb24",
            ])
            .args([
                "-s",
                &format!("{}x{}", size.0, size.1),
                "-r",
                &self.frames_a_second,
                "-i",
                "pipe:0",
            ])
            // 4:2:0 wants even sides.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"])
            .args(self.encoder)
            .args([
                "-pix_fmt",
                "yuv420p",
                "-movflags",
                "+faststart",
                "-f",
                "mp4",
            ])
            .arg(file_url(&self.partial))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!(
                    "{:?} cannot be started: apt-get install ffmpeg",
                    self.ffmpeg
                )
            })?;
        let (pixels, errors) = (child.stdin.take(), child.stderr.take());
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut errors) = errors {
                // What came before a broken pipe is still worth telling.
                let _ = errors.read_to_end(&mut text);
            }
            let text = String::from_utf8_lossy(&text);
            text.lines()
                .rev()
                .map(str::trim)
                .find(|line| !line.is_empty())
                .unwrap_or_default()
                .to_owned()
        });
        Ok(Encoding {
            size,
            child,
            pixels,
            complaints: Some(complaints),
        })
    }

    fn close(mut self) -> anyhow::Result<()> {
        let Some(mut encoding) = self.encoding.take() else {
            bail!(
                "overlay clip {:?} was not written: there was no frame",
                self.path
            );
        };
        let finished = encoding.finish().and_then(|()| {
            File::open(&self.partial)?.sync_all()?;
            Ok(fs::rename(&self.partial, &self.path)?)
        });
        self.encoding = finished.is_err().then_some(encoding);
        finished.with_context(|| self.failure())
    }

    fn failure(&self) -> String {
        format!(
            "overlay clip {:?} could not be made: check free space and the installation of ffmpeg",
            self.path
        )
    }
}

impl Drop for ClipWriter {
    fn drop(&mut self) {
        if let Some(encoding) = &mut self.encoding {
            // Both fail only if the child is gone already; the clip is thrown away in any case.
            let _ = encoding.child.kill();
            let _ = encoding.child.wait();
            let _ = fs::remove_file(&self.partial);
        }
    }
}

impl Encoding {
    /// Closes the pipe and waits for `ffmpeg`; its last words if it failed.
    fn finish(&mut self) -> anyhow::Result<()> {
        self.pixels = None;
        let status = self.child.wait()?;
        let said = self
            .complaints
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        ensure!(status.success(), "ffmpeg ended with {status}: {said}");
        Ok(())
    }
}

/// H.264 where this `ffmpeg` has it, else MPEG-4 part 2, which every build has.
fn encoder_of(ffmpeg: &str) -> anyhow::Result<&'static [&'static str]> {
    let output = Command::new(ffmpeg)
        .args(["-hide_banner", "-v", "error", "-encoders"])
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(
                "{ffmpeg:?} was not found, it is needed to write .mp4: apt-get install ffmpeg, or name a folder"
            )
        }
        other => {
            other.with_context(|| format!("{ffmpeg:?} cannot be run: check its installation"))?
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let has = |name: &str| {
        text.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(name))
    };
    if has("libx264") {
        Ok(&["-c:v", "libx264", "-preset", "veryfast", "-crf", "18"])
    } else if has("mpeg4") {
        Ok(&["-c:v", "mpeg4", "-q:v", "3"])
    } else {
        bail!(
            "{ffmpeg:?} has neither encoder libx264 nor mpeg4: install a full ffmpeg, or name a folder"
        )
    }
}

/// Keeps a path from being read as an option or another protocol.
fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

#[cfg(test)]
mod tests;
