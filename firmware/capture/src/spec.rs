//! SOURCE strings: `folder | image.png | clip.mp4 | synthetic[:key=value,...]`.
//!
//! In: one command-line argument. Out: a [`SourceSpec`], checked as far as the string goes; files are looked at when
//! it is opened. Refused by name: recordings and camera nodes, which this version cannot read, and unknown forms.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::image_file::has_image_extension;
use crate::{CaptureError, ClipSource, FolderSource, FrameSource, SyntheticSource, SyntheticSpec};

const CLIP_EXTENSIONS: [&str; 8] = ["mp4", "m4v", "mkv", "avi", "mov", "webm", "mpg", "ts"];

/// A checked SOURCE string.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSpec {
    /// A folder of PNG/TIFF in natural order, or one such image.
    Images(PathBuf),
    /// A video file, read through `ffmpeg`.
    Clip(PathBuf),
    /// A seeded scene with known targets.
    Synthetic(SyntheticSpec),
}

impl SourceSpec {
    /// Opens the source.
    ///
    /// # Errors
    /// [`CaptureError`] if the file, folder or `ffmpeg` is missing or the first look at it fails.
    pub fn open(&self) -> Result<Box<dyn FrameSource>, CaptureError> {
        Ok(match self {
            SourceSpec::Images(path) => Box::new(FolderSource::open(path)?),
            SourceSpec::Clip(path) => Box::new(ClipSource::open(path)?),
            SourceSpec::Synthetic(spec) => Box::new(SyntheticSource::new(spec.clone())),
        })
    }
}

impl FromStr for SourceSpec {
    type Err = CaptureError;

    fn from_str(text: &str) -> Result<Self, CaptureError> {
        if text == "synthetic" {
            return Ok(SourceSpec::Synthetic(SyntheticSpec::default()));
        }
        if let Some(keys) = text.strip_prefix("synthetic:") {
            return Ok(SourceSpec::Synthetic(keys.parse()?));
        }
        if text.starts_with("/dev/video") {
            return Err(CaptureError::NotInThisVersion {
                text: text.to_owned(),
                kind: "camera node",
                remedy: "record the camera to a folder of 16-bit PNG (ffmpeg -f v4l2 -i NODE %06d.png) and name the folder",
            });
        }
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(SourceSpec::Images(path.to_owned()));
        }
        match lower_extension(path).as_deref() {
            Some("mcap") => Err(CaptureError::NotInThisVersion {
                text: text.to_owned(),
                kind: "recording",
                remedy: "name the folder or clip that it was made from",
            }),
            Some(extension) if CLIP_EXTENSIONS.contains(&extension) => {
                Ok(SourceSpec::Clip(path.to_owned()))
            }
            _ if has_image_extension(path) => Ok(SourceSpec::Images(path.to_owned())),
            _ if text.is_empty() || path.exists() => Err(CaptureError::UnknownSource {
                text: text.to_owned(),
            }),
            Some(_) => Err(CaptureError::UnknownSource {
                text: text.to_owned(),
            }),
            None => Err(CaptureError::NotFound {
                path: path.to_owned(),
            }),
        }
    }
}

fn lower_extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<SourceSpec>()
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn each_form_is_recognised() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let dir = folder.path().to_str().expect("utf-8");
        assert_eq!(
            dir.parse::<SourceSpec>().expect("folder"),
            SourceSpec::Images(folder.path().to_owned())
        );
        assert_eq!(
            "a/b.TIFF".parse::<SourceSpec>().expect("image"),
            SourceSpec::Images("a/b.TIFF".into())
        );
        assert_eq!(
            "a/b.MP4".parse::<SourceSpec>().expect("clip"),
            SourceSpec::Clip("a/b.MP4".into())
        );
        let spec = "synthetic".parse::<SourceSpec>().expect("synthetic");
        assert_eq!(spec, SourceSpec::Synthetic(SyntheticSpec::default()));
    }

    #[test]
    fn recordings_and_cameras_are_refused_as_later_work() {
        assert!(refusal("flight.mcap").contains("recording, which this version cannot read"));
        assert!(refusal("/dev/video0").contains("camera node, which this version cannot read"));
    }

    #[test]
    fn unknown_forms_and_missing_paths_are_refused_by_name() {
        assert!(refusal("notes.txt").contains("\"notes.txt\" is of no known form"));
        assert!(refusal("").contains("no known form"));
        assert!(refusal("synthetic_typo").contains("\"synthetic_typo\" does not exist"));
    }

    #[test]
    fn missing_files_are_named_when_opened() {
        for text in ["nowhere/none.png", "nowhere/none.mp4"] {
            let error = text
                .parse::<SourceSpec>()
                .expect("form is fine")
                .open()
                .err()
                .expect("must fail");
            assert!(matches!(error, CaptureError::NotFound { .. }), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
