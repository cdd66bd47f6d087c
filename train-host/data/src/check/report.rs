//! What [`check`](super::check) found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::Layout;
use crate::sample::TARGET_ABOVE;

/// Problems of one kind that are printed; JSON has them all.
const PRINTED: usize = 20;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The set cannot be trained on or judged by as it is.
    Error,
    /// Worth a look.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// Loading a split would stop here; `reason` is the message of the [`DataError`](crate::DataError).
    Refused {
        /// The list or the image.
        name: String,
        /// Why.
        reason: String,
    },
    /// A name is in two lists that must be apart.
    InTwoSplits {
        /// The image.
        name: String,
        /// One list.
        first: String,
        /// The other list.
        second: String,
    },
    /// Two images have the same pixels and are in lists that must be apart.
    SameInTwoSplits {
        /// One image.
        first: String,
        /// Its list.
        first_split: String,
        /// The other image.
        second: String,
        /// Its list.
        second_split: String,
    },
    /// Two images have the same pixels.
    Same {
        /// One image.
        first: String,
        /// The other image.
        second: String,
    },
    /// A test image looks like a train image: 32x32 thumbnails correlate above 0.99.
    NearDuplicate {
        /// The train image.
        train: String,
        /// The test image.
        test: String,
        /// Correlation coefficient of the closest train image.
        correlation: f32,
    },
    /// The mask has no target.
    EmptyMask {
        /// The image.
        name: String,
    },
    /// The image has no label file, which means "no target".
    NoLabelFile {
        /// The image.
        name: String,
    },
    /// The label file belongs to no image.
    StrayLabel {
        /// The file.
        file: String,
    },
    /// Boxes reach over the edge of the image; their visible part is the target.
    OverEdge {
        /// The image.
        name: String,
        /// How many boxes.
        boxes: usize,
    },
    /// All pixels are equal.
    Flat {
        /// The image.
        name: String,
    },
    /// Images of 8 and of 16 bit in one set.
    MixedDepth {
        /// Images of 8 bit.
        of_8_bit: usize,
        /// Images of 16 bit.
        of_16_bit: usize,
    },
    /// No list names the image.
    InNoSplit {
        /// The image.
        name: String,
    },
}

impl Problem {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Problem::Refused { .. }
            | Problem::InTwoSplits { .. }
            | Problem::SameInTwoSplits { .. } => Severity::Error,
            Problem::Same { .. }
            | Problem::NearDuplicate { .. }
            | Problem::EmptyMask { .. }
            | Problem::NoLabelFile { .. }
            | Problem::StrayLabel { .. }
            | Problem::OverEdge { .. }
            | Problem::Flat { .. }
            | Problem::MixedDepth { .. }
            | Problem::InNoSplit { .. } => Severity::Warning,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Refused { name, reason } => write!(f, "{name}: {reason}"),
            Problem::InTwoSplits {
                name,
                first,
                second,
            } => write!(f, "{name}: in split {first} and in split {second}"),
            Problem::SameInTwoSplits {
                first,
                first_split,
                second,
                second_split,
            } => write!(
                f,
                "{second} ({second_split}): the same pixels as {first} ({first_split})"
            ),
            Problem::Same { first, second } => write!(f, "{second}: the same pixels as {first}"),
            Problem::NearDuplicate {
                train,
                test,
                correlation,
            } => write!(
                f,
                "{test} (test): nearly a copy of {train} (train), correlation {correlation:.4}"
            ),
            Problem::EmptyMask { name } => write!(f, "{name}: no mask pixel above {TARGET_ABOVE}"),
            Problem::NoLabelFile { name } => {
                write!(
                    f,
                    "{name}: no label file, taken as an image without targets"
                )
            }
            Problem::StrayLabel { file } => write!(f, "{file}: label of no image"),
            Problem::OverEdge { name, boxes } => write!(
                f,
                "{name}: {boxes} boxes over the edge of the image, only what is visible counts"
            ),
            Problem::Flat { name } => write!(f, "{name}: all pixels are equal"),
            Problem::MixedDepth {
                of_8_bit,
                of_16_bit,
            } => write!(
                f,
                "{of_8_bit} images of 8 bit and {of_16_bit} of 16 bit in one set"
            ),
            Problem::InNoSplit { name } => write!(f, "{name}: in no split"),
        }
    }
}

/// Size of one split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SplitSummary {
    /// Names in the list.
    pub images: usize,
    /// Targets of those, as far as they can be read.
    pub targets: usize,
    /// Images without a target.
    pub without_target: usize,
}

/// The state of a data set folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Name of the data set.
    pub set: String,
    /// Where its labels are.
    pub layout: Layout,
    /// Image files.
    pub images: usize,
    /// Targets of all images that can be read.
    pub targets: usize,
    /// Images that have a mask.
    pub masks: usize,
    /// Images by storage mode: `L`, `RGB`, `RGBA`, `P`, `LA`, `I;16`, `LA;16`.
    pub modes: BTreeMap<String, usize>,
    /// Images with pixels that are not neutral grey; their grey is that of ITU-R BT.601.
    pub coloured: usize,
    /// Smallest and largest count of all images.
    pub counts: Option<[u16; 2]>,
    /// The lists; only `train` where there are none.
    pub splits: BTreeMap<String, SplitSummary>,
    /// Whether the folder has lists; else all images are for training.
    pub has_lists: bool,
    /// Images of the train split that training sets aside for validation.
    pub validation: usize,
    /// Test images with a near-duplicate in train.
    pub near_duplicates: usize,
    /// Findings of [`Severity::Error`].
    pub errors: usize,
    /// Findings of [`Severity::Warning`].
    pub warnings: usize,
    /// All findings, errors first.
    #[serde(serialize_with = "with_severity")]
    pub problems: Vec<Problem>,
}

fn with_severity<S: Serializer>(problems: &[Problem], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Finding<'a> {
        severity: Severity,
        #[serde(flatten)]
        problem: &'a Problem,
    }
    serializer.collect_seq(problems.iter().map(|problem| Finding {
        severity: problem.severity(),
        problem,
    }))
}

impl Report {
    /// Whether something is wrong that must be put right before training.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}, {} with a mask)",
            self.set, self.layout, self.masks
        )?;
        writeln!(
            f,
            "  {:<14} {:>7} {:>8} {:>14}",
            "split", "images", "targets", "without target"
        )?;
        for (name, split) in &self.splits {
            writeln!(
                f,
                "  {name:<14} {:>7} {:>8} {:>14}",
                split.images, split.targets, split.without_target
            )?;
        }
        if !self.has_lists {
            writeln!(f, "  no lists: all images are for training, none for test")?;
        }
        writeln!(
            f,
            "  of train, set aside for validation: {} images",
            self.validation
        )?;
        let modes: Vec<String> = self
            .modes
            .iter()
            .map(|(mode, n)| format!("{mode} {n}"))
            .collect();
        let range = self.counts.map_or(String::new(), |[low, high]| {
            format!("; counts {low} to {high}")
        });
        writeln!(
            f,
            "  modes: {}; not neutral grey: {}{range}",
            modes.join(", "),
            self.coloured
        )?;
        for problems in self
            .problems
            .chunk_by(|a, b| std::mem::discriminant(a) == std::mem::discriminant(b))
        {
            for problem in problems.iter().take(PRINTED) {
                let kind = match problem.severity() {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                writeln!(f, "  {kind:<8} {problem}")?;
            }
            if problems.len() > PRINTED {
                let more = problems.len() - PRINTED;
                writeln!(
                    f,
                    "           and {more} more of this kind; --json lists all"
                )?;
            }
        }
        writeln!(
            f,
            "{}: {} images, {} targets, {} errors, {} warnings",
            self.set, self.images, self.targets, self.errors, self.warnings
        )
    }
}
