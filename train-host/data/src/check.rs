//! What is wrong with a data set folder, all at once.
//!
//! * In: a folder.
//! * Out: a [`Report`]: counts, and every [`Problem`] with the name that it is about. Printable and serialisable.
//! * Refuses only what is no data set at all ([`Dataset::open`]); each further fault is a line of the report.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::dataset::{Dataset, Split};
use crate::decode::{Grey, read_grey, read_mask};
use crate::error::DataError;
use crate::sample::{TARGET_ABOVE, Target};
use crate::thumbnail::Thumbnail;

/// Train and test images whose thumbnails correlate above this are near-duplicates.
const NEAR_DUPLICATE: f32 = 0.99;

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// Loading a split would stop here; `reason` is the message of the [`DataError`].
    Refused {
        /// The list or the image.
        name: String,
        /// Why.
        reason: String,
    },
    /// No pixel of the mask is above [`TARGET_ABOVE`].
    EmptyMask {
        /// The image.
        name: String,
    },
    /// The mask belongs to no image.
    StrayMask {
        /// The file.
        file: String,
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
    /// A test image looks like a train image: 32x32 thumbnails correlate above 0.99.
    NearDuplicate {
        /// The train image.
        train: String,
        /// The test image.
        test: String,
        /// Correlation coefficient of the closest train image.
        correlation: f32,
    },
    /// No list names the image.
    InNoSplit {
        /// The image.
        name: String,
    },
}

impl Problem {
    /// Whether a split with this problem cannot be loaded.
    pub fn blocks_loading(&self) -> bool {
        matches!(self, Problem::Refused { .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Refused { name, reason } => write!(f, "{name}: {reason}"),
            Problem::EmptyMask { name } => write!(f, "{name}: no mask pixel above {TARGET_ABOVE}"),
            Problem::StrayMask { file } => write!(f, "{file}: mask of no image"),
            Problem::InTwoSplits {
                name,
                first,
                second,
            } => write!(f, "{name}: in split {first} and in split {second}"),
            Problem::NearDuplicate {
                train,
                test,
                correlation,
            } => {
                write!(
                    f,
                    "{test} (test): nearly a copy of {train} (train), correlation {correlation:.4}"
                )
            }
            Problem::InNoSplit { name } => write!(f, "{name}: in no split"),
        }
    }
}

/// Size of one split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SplitSummary {
    /// Names in the list.
    pub images: usize,
    /// Targets in their masks (8-connected components above [`TARGET_ABOVE`]), as far as the masks can be read.
    pub targets: usize,
}

/// The state of a data set folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Name of the data set.
    pub set: String,
    /// Image files.
    pub images: usize,
    /// Targets of all readable masks.
    pub targets: usize,
    /// Images by storage mode: `L`, `RGB`, `RGBA`, `P`, `LA`, `I;16`, `LA;16`.
    pub modes: BTreeMap<String, usize>,
    /// The lists in `splits/`.
    pub splits: BTreeMap<String, SplitSummary>,
    /// Test images with a near-duplicate in train.
    pub near_duplicates: usize,
    /// All findings.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether every split can be loaded.
    pub fn is_loadable(&self) -> bool {
        !self.problems.iter().any(Problem::blocks_loading)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} images, {} targets",
            self.set, self.images, self.targets
        )?;
        let modes: Vec<String> = self
            .modes
            .iter()
            .map(|(mode, n)| format!("{mode} {n}"))
            .collect();
        writeln!(f, "modes: {}", modes.join(", "))?;
        for (name, split) in &self.splits {
            writeln!(
                f,
                "split {name}: {} images, {} targets",
                split.images, split.targets
            )?;
        }
        writeln!(
            f,
            "near-duplicates between train and test: {}",
            self.near_duplicates
        )?;
        writeln!(f, "problems: {}", self.problems.len())?;
        for problem in &self.problems {
            writeln!(f, "  {problem}")?;
        }
        Ok(())
    }
}

/// What one image contributes to the report.
#[derive(Debug, Default)]
struct Look {
    mode: Option<&'static str>,
    targets: usize,
    thumbnail: Option<Thumbnail>,
    problems: Vec<Problem>,
}

/// Looks at every file of the data set in `dir`.
///
/// # Errors
/// Those of [`Dataset::open`]; all else is in the report.
pub fn check(dir: &Path) -> Result<Report, DataError> {
    let dataset = Dataset::open(dir)?;
    let mut problems = Vec::new();

    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut wanted = vec![Split::Train, Split::Test];
    wanted.extend(
        dataset
            .splits()?
            .into_iter()
            .filter(|split| matches!(split, Split::Named(_))),
    );
    for split in wanted {
        // `names` judges the list, `listed` still yields what it holds.
        if let Err(error) = dataset.names(&split) {
            problems.push(refused(split.as_str(), &error));
        }
        if let Ok(names) = dataset.listed(&split) {
            lists.insert(split.to_string(), names);
        }
    }

    // Listed names without an image are looked at too: they fail by name.
    let mut names: BTreeSet<&str> = dataset.image_names().collect();
    let listed: BTreeSet<&str> = lists.values().flatten().map(String::as_str).collect();
    let unlisted: Vec<&str> = names.difference(&listed).copied().collect();
    names.extend(&listed);
    let mut looks: BTreeMap<&str, Look> = names
        .iter()
        .map(|&name| (name, look(&dataset, name)))
        .collect();

    for look in looks.values_mut() {
        problems.append(&mut look.problems);
    }
    problems.extend(unlisted.into_iter().map(|name| Problem::InNoSplit {
        name: name.to_owned(),
    }));
    let stray = dataset.stray_masks().iter();
    problems.extend(stray.map(|path| Problem::StrayMask {
        file: path.display().to_string(),
    }));
    problems.extend(shared_names(&lists));
    let duplicates = near_duplicates(&lists, &looks);
    let near_duplicate_count = duplicates.len();
    problems.extend(duplicates);

    let mut modes = BTreeMap::new();
    for mode in looks.values().filter_map(|look| look.mode) {
        *modes.entry(mode.to_owned()).or_insert(0) += 1;
    }
    let summary = |names: &Vec<String>| SplitSummary {
        images: names.len(),
        targets: names
            .iter()
            .filter_map(|name| looks.get(name.as_str()))
            .map(|look| look.targets)
            .sum(),
    };
    Ok(Report {
        set: dataset.name().to_owned(),
        images: dataset.image_names().count(),
        targets: looks.values().map(|look| look.targets).sum(),
        modes,
        splits: lists
            .iter()
            .map(|(split, names)| (split.clone(), summary(names)))
            .collect(),
        near_duplicates: near_duplicate_count,
        problems,
    })
}

fn refused(name: &str, error: &DataError) -> Problem {
    Problem::Refused {
        name: name.to_owned(),
        reason: error.to_string(),
    }
}

fn look(dataset: &Dataset, name: &str) -> Look {
    let mut found = Look::default();
    let image = dataset.image(name).and_then(read_grey);
    let mask = dataset
        .mask(name)
        .and_then(|path| Ok((path, read_mask(path)?)));
    match &image {
        Ok(Grey {
            size, counts, mode, ..
        }) => {
            found.mode = Some(mode);
            found.thumbnail = Thumbnail::of(counts, *size);
        }
        Err(error) => found.problems.push(refused(name, error)),
    }
    match mask {
        Ok((path, mask)) => {
            found.targets = Target::of_mask(&mask.bytes, mask.size, TARGET_ABOVE).len();
            if found.targets == 0 {
                found.problems.push(Problem::EmptyMask {
                    name: name.to_owned(),
                });
            }
            if let Ok(image) = &image
                && image.size != mask.size
            {
                let error = DataError::SizeMismatch {
                    mask: path.into(),
                    mask_size: mask.size,
                    image_size: image.size,
                };
                found.problems.push(refused(name, &error));
            }
        }
        // Without an image the missing mask is no news.
        Err(DataError::MissingMask { .. })
            if matches!(image, Err(DataError::MissingImage { .. })) => {}
        Err(error) => found.problems.push(refused(name, &error)),
    }
    found
}

/// Names that lists of one family share. `train`, `val` and `test` are a family, `x_train`, `x_val` and `x_test` are
/// another; lists of other names (`x_trainval`) may overlap with anything.
fn shared_names(lists: &BTreeMap<String, Vec<String>>) -> Vec<Problem> {
    let family = |list: &str| {
        ["train", "val", "test"].iter().find_map(|role| {
            let prefix = list.strip_suffix(role)?;
            (prefix.is_empty() || prefix.ends_with('_')).then(|| prefix.to_owned())
        })
    };
    let mut problems = Vec::new();
    for (at, (first, names)) in lists.iter().enumerate() {
        let names: BTreeSet<&String> = names.iter().collect();
        for (second, others) in lists.iter().skip(at + 1) {
            if family(first).is_none() || family(first) != family(second) {
                continue;
            }
            let others: BTreeSet<&String> = others.iter().collect();
            problems.extend(
                names
                    .intersection(&others)
                    .map(|name| Problem::InTwoSplits {
                        name: (*name).clone(),
                        first: first.clone(),
                        second: second.clone(),
                    }),
            );
        }
    }
    problems
}

/// Each test image with its closest train image, where that is too close.
fn near_duplicates(
    lists: &BTreeMap<String, Vec<String>>,
    looks: &BTreeMap<&str, Look>,
) -> Vec<Problem> {
    let thumbnails = |split: &str| -> Vec<(&str, &Thumbnail)> {
        let names = lists.get(split).into_iter().flatten();
        names
            .filter_map(|name| Some((name.as_str(), looks.get(name.as_str())?.thumbnail.as_ref()?)))
            .collect()
    };
    let train = thumbnails("train");
    let mut problems = Vec::new();
    for (test, thumbnail) in thumbnails("test") {
        let others = train.iter().filter(|(name, _)| *name != test);
        let closest = others.map(|(name, other)| (*name, thumbnail.correlation(other)));
        if let Some((train, correlation)) = closest.max_by(|a, b| a.1.total_cmp(&b.1))
            && correlation > NEAR_DUPLICATE
        {
            problems.push(Problem::NearDuplicate {
                train: train.to_owned(),
                test: test.to_owned(),
                correlation,
            });
        }
    }
    problems
}
