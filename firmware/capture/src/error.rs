use std::io;
use std::path::PathBuf;

use image::ImageError;
use invdet_core::ImageSize;

/// What can go wrong between a SOURCE string and a frame.
///
/// Messages are one line; the cause, where there is one, is the [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The SOURCE string has none of the known forms.
    #[error(
        "source {text:?} is of no known form: wanted a folder of PNG/TIFF, an image, a clip (mp4, mkv, avi, mov, webm) or synthetic[:key=value,...]"
    )]
    UnknownSource {
        /// The string as given.
        text: String,
    },
    /// A form of SOURCE that this version does not read.
    #[error("source {text:?} is a {kind}, which this version cannot read: {remedy}")]
    NotInThisVersion {
        /// The string as given.
        text: String,
        /// What the string names.
        kind: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A key that the synthetic scene does not have.
    #[error("synthetic source has no key {key:?}: the keys are {known}")]
    UnknownKey {
        /// The key as given.
        key: String,
        /// All keys, separated by commas.
        known: String,
    },
    /// A key that was given twice.
    #[error("synthetic source has key {key:?} twice: give it once")]
    RepeatedKey {
        /// The key as given.
        key: String,
    },
    /// A value outside its range.
    #[error("synthetic source: {key}={value} is refused: wanted {wanted}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value as given.
        value: String,
        /// The legal values, with their unit.
        wanted: String,
    },
    /// Nothing is at the path.
    #[error("{path:?} does not exist: check the path")]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// The system refused to read.
    #[error("{path:?} cannot be read: check that it is a file and its permissions")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder without a single image.
    #[error(
        "folder {path:?} holds no .png, .tif or .tiff file: name the folder that holds the images itself"
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file of 0 bytes.
    #[error("{path:?} is empty (0 bytes): copy it again")]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The content is neither PNG nor TIFF, whatever the name says.
    #[error("{path:?} is neither PNG nor TIFF by its content: convert it to 8 or 16-bit grey PNG")]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// A PNG or TIFF that cannot be decoded to its end.
    #[error("{path:?} is a broken or truncated image: copy it again or take it out")]
    BrokenImage {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        source: ImageError,
    },
    /// Pixels that are no counts, such as floating point.
    #[error("{path:?} has pixels of kind {found}: wanted 8 or 16-bit grey, RGB or palette")]
    PixelKind {
        /// The file.
        path: PathBuf,
        /// The kind of pixel in the file.
        found: String,
    },
    /// One image of a folder differs in size from the first.
    #[error(
        "{path:?} is {got}, the first image of its folder is {want}: a video folder wants one size"
    )]
    SizeChanged {
        /// The file.
        path: PathBuf,
        /// Its size.
        got: ImageSize,
        /// Size of the first image.
        want: ImageSize,
    },
    /// `ffmpeg` or `ffprobe` is not installed.
    #[error("{program:?} was not found, it is needed to read clips: apt-get install ffmpeg")]
    FfmpegMissing {
        /// The program that was called.
        program: String,
    },
    /// `ffmpeg` or `ffprobe` could not be run or talked to.
    #[error("{program:?} could not be run on {path:?}: check the installation of ffmpeg")]
    FfmpegStart {
        /// The program that was called.
        program: String,
        /// The clip.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file that `ffprobe` does not take for a video.
    #[error("clip {path:?} is not readable as video ({detail}): check the file with ffprobe")]
    NotAClip {
        /// The clip.
        path: PathBuf,
        /// What ffprobe said, or what was missing in its answer.
        detail: String,
    },
    /// Decoding failed on the way.
    #[error("clip {path:?} broke after {frames} frames ({detail}): repair or re-encode it")]
    BrokenClip {
        /// The clip.
        path: PathBuf,
        /// Whole frames delivered before.
        frames: u64,
        /// What ffmpeg said.
        detail: String,
    },
    /// The clip ended before the number of frames that its container promises.
    #[error(
        "clip {path:?} ended after {frames} frames, its header promises {promised}: the file is cut, copy it again"
    )]
    CutClip {
        /// The clip.
        path: PathBuf,
        /// Whole frames delivered.
        frames: u64,
        /// Frames in the header.
        promised: u64,
    },
}
