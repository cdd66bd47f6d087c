use std::io;
use std::path::PathBuf;

use image::ImageError;
use invdet_core::ImageSize;
use thiserror::Error;

/// Why a data set or a setting was refused.
#[derive(Debug, Error)]
pub enum DataError {
    /// A folder of the layout is missing.
    #[error("{dir:?} has no folder {folder}/; wanted images/, masks/ and splits/")]
    NoFolder {
        /// The data set.
        dir: PathBuf,
        /// The folder that was looked for.
        folder: &'static str,
    },
    /// The folder name, which names the data set, cannot be read.
    #[error(
        "{dir:?} does not end in a readable folder name; it names the data set, so rename the folder"
    )]
    Unnamed {
        /// The data set.
        dir: PathBuf,
    },
    /// The operating system refused a file or a folder.
    #[error("cannot read {path:?}")]
    Io {
        /// What was read.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The split file does not exist.
    #[error("split {split:?} of {set} has no list {path:?}")]
    NoSplit {
        /// The data set.
        set: String,
        /// The split.
        split: String,
        /// The list that was looked for.
        path: PathBuf,
    },
    /// The split file has no name in it.
    #[error("{path:?} lists no image; wanted one name per line")]
    EmptySplit {
        /// The list.
        path: PathBuf,
    },
    /// The split file is not text.
    #[error("{path:?} is not UTF-8 text; wanted one name per line")]
    SplitNotText {
        /// The list.
        path: PathBuf,
    },
    /// A name is twice in one split.
    #[error("{path:?} lists {name:?} twice; remove one of the lines")]
    ListedTwice {
        /// The list.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// No image of that name.
    #[error("{set} has no image {name:?}, which a split names; wanted images/{name}.png")]
    MissingImage {
        /// The data set.
        set: String,
        /// The name.
        name: String,
    },
    /// No mask for that image.
    #[error(
        "{set} has no mask for image {name:?}; wanted masks/{name}.png or masks/{name}_SUFFIX.png"
    )]
    MissingMask {
        /// The data set.
        set: String,
        /// The name.
        name: String,
    },
    /// More than one file could be meant.
    #[error("{name:?} of {set} could be {first:?} or {second:?}; remove one of them")]
    Ambiguous {
        /// The data set.
        set: String,
        /// The name.
        name: String,
        /// One file.
        first: PathBuf,
        /// Another file.
        second: PathBuf,
    },
    /// The mask has another size than the image.
    #[error("mask {mask:?} is {mask_size}, its image is {image_size}; wanted equal sizes")]
    SizeMismatch {
        /// The mask.
        mask: PathBuf,
        /// Its size.
        mask_size: ImageSize,
        /// The size of the image.
        image_size: ImageSize,
    },
    /// The file has no bytes.
    #[error("{path:?} has 0 bytes; copy it again")]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before its pixels do.
    #[error("{path:?} is cut off: it ends before its last pixel; copy it again")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: ImageError,
    },
    /// The file is not a sound image.
    #[error("{path:?} cannot be decoded as PNG or TIFF")]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: ImageError,
    },
    /// Pixels of a kind that has no agreed grey level.
    #[error("{path:?} has {mode} pixels; wanted 8-bit grey, RGB, RGBA or palette, or 16-bit grey")]
    UnsupportedMode {
        /// The file.
        path: PathBuf,
        /// The kind of pixels.
        mode: String,
    },
    /// A setting of the augmentation is out of range.
    #[error("augmentation setting {field} is {value}; wanted {wanted}")]
    BadAugment {
        /// The key.
        field: &'static str,
        /// What it was set to.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
    /// A crop was asked of a sample that does not exist.
    #[error("sample {index} was asked for, there are {samples}; wanted a smaller index")]
    NoSample {
        /// Asked for.
        index: usize,
        /// Loaded.
        samples: usize,
    },
}
