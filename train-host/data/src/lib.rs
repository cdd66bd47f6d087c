//! Readers, splits, targets and augmentation of infrared small-target data sets.
//!
//! * In: a folder of images with masks or boxes, in one of the layouts of [`Layout`]: NUAA-SIRST, NUDT-SIRST, IRSTD-1K,
//!   IRDST, DAUB, COCO, Pascal VOC, YOLO, or one's own images with any of these labels.
//! * Out: [`Sample`]s (raw counts, mask, targets) for evaluation, augmented normalised [`Crop`]s for training, and a
//!   [`Report`] on what is wrong with a folder.
//! * Refuses by name: damaged or missing files, masks that do not fit their image, boxes that cannot be, empty splits,
//!   settings out of range.
//!
//! Nothing here ever trains on a test split: the validation part comes from the train split ([`validation_split`]).
//!
//! ```no_run
//! use invdet_data::{Augment, Augmenter, Dataset, Split, load_split, rng_for, validation_split};
//! use invdet_net::normalise::Normalisation;
//!
//! let dataset = Dataset::open("../shared/data/NUAA-SIRST".as_ref())?;
//! let (train, val) = validation_split(load_split(&dataset, &Split::Train)?);
//! let augmenter = Augmenter::new(Augment::default(), Normalisation::Robust)?;
//! let (seed, epoch, index) = (7, 0, 12);
//! let crop = augmenter.crop(&train, index, &mut rng_for(seed, epoch, index as u64))?;
//! # Ok::<(), invdet_data::DataError>(())
//! ```
#![forbid(unsafe_code)]

mod augment;
mod check;
mod dataset;
mod decode;
mod error;
mod files;
mod find_image;
mod labels;
mod layout;
mod parallel;
mod sample;
mod thumbnail;
mod validation;

pub use augment::{Augment, Augmenter, Crop, rng_for};
pub use check::{Problem, Report, Severity, SplitSummary, check};
pub use dataset::{Dataset, Split};
pub use error::DataError;
pub use layout::Layout;
pub use sample::{Sample, TARGET_ABOVE, Target, load_split};
pub use validation::{is_validation, validation_split};
