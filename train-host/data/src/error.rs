use std::io;
use std::path::PathBuf;

use image::ImageError;
use invdet_core::ImageSize;
use thiserror::Error;

/// Why a data set or a setting was refused.
#[derive(Debug, Error)]
pub enum DataError {
    /// There is no such folder.
    #[error("{dir:?} is no folder; wanted that of a data set: images/ with masks/ or boxes")]
    NoFolder {
        /// What was named.
        dir: PathBuf,
    },
    /// No image in the folder.
    #[error("{dir:?} holds no image; wanted PNG, TIFF, BMP or JPEG files")]
    NoImages {
        /// The folder of the images.
        dir: PathBuf,
    },
    /// Images, but no labels of a known layout.
    #[error(
        "{dir:?} has images but no labels; looked for masks/, COCO in annotations/*.json, Pascal VOC in \
         Annotations/*.xml, YOLO in labels/*.txt, IRDST in boxes/*.txt and center/*.txt, lists *.txt of \
         `PATH x1,y1,x2,y2,class`, sequences SEQ.txt beside SEQ/; add one of them"
    )]
    NoLayout {
        /// The data set.
        dir: PathBuf,
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
    #[error("split {split:?} of {set} has no list {path:?}; splits that it has: {known}")]
    NoSplit {
        /// The data set.
        set: String,
        /// The split.
        split: String,
        /// The list that was looked for, or that could be written.
        path: PathBuf,
        /// The splits that there are.
        known: String,
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
    #[error("{set} has no image {name:?}, which a split names; wanted {wanted}")]
    MissingImage {
        /// The data set.
        set: String,
        /// The name.
        name: String,
        /// The file that was looked for.
        wanted: String,
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
    /// No boxes for that image.
    #[error("{set} has no label for image {name:?}; wanted {wanted}")]
    MissingLabel {
        /// The data set.
        set: String,
        /// The name.
        name: String,
        /// What was looked for.
        wanted: String,
    },
    /// A place of a label file cannot be read, or says what cannot be.
    #[error("{path:?}, {place}: {found}; wanted {wanted}")]
    BadLabel {
        /// The file.
        path: PathBuf,
        /// Line or element.
        place: String,
        /// What is there.
        found: String,
        /// What should be there.
        wanted: &'static str,
    },
    /// The label file claims another size than the image has.
    #[error(
        "{path:?} is about an image of {label_size}, its image is {image_size}; wanted equal sizes, so label the \
         image as it is"
    )]
    LabelSize {
        /// The file.
        path: PathBuf,
        /// Size that it claims.
        label_size: ImageSize,
        /// The size of the image.
        image_size: ImageSize,
    },
    /// No pixel of the mask is bright enough for a target, but some are not black.
    #[error(
        "mask {path:?} has values up to {largest} only, and a target is brighter than half of {full}; wanted 0 and \
         {full}, so scale it"
    )]
    FaintMask {
        /// The mask.
        path: PathBuf,
        /// Its largest value.
        largest: u16,
        /// White.
        full: u16,
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
    #[error("{path:?} cannot be decoded as PNG, TIFF, BMP or JPEG")]
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
