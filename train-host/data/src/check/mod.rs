//! What is wrong with a data set folder, all at once.
//!
//! * In: a folder.
//! * Out: a [`Report`]: counts, and every [`Problem`] with the name that it is about. Printable and serialisable.
//! * Refuses only what is no data set at all ([`Dataset::open`]); each further fault is a line of the report.

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::dataset::{Dataset, Split};
use crate::decode::read_grey;
use crate::error::DataError;
use crate::layout::Layout;
use crate::parallel;
use crate::thumbnail::Thumbnail;
use crate::validation::is_validation;

pub use report::{Problem, Report, Severity, SplitSummary};

/// Train and test images whose thumbnails correlate above this are near-duplicates.
const NEAR_DUPLICATE: f32 = 0.99;

/// What one image contributes to the report.
#[derive(Debug, Default)]
struct Look {
    mode: Option<&'static str>,
    bits: u8,
    is_coloured: bool,
    /// Smallest and largest count.
    range: Option<[u16; 2]>,
    /// SHA-256 over size and counts.
    digest: Option<[u8; 32]>,
    thumbnail: Option<Thumbnail>,
    has_mask: bool,
    /// `None` if the labels cannot be read.
    targets: Option<usize>,
    problems: Vec<Problem>,
}

/// Names by list.
type Lists = BTreeMap<String, Vec<String>>;

/// Looks at every file of the data set in `dir`, on all cores.
///
/// # Errors
/// Those of [`Dataset::open`]; all else is in the report.
pub fn check(dir: &Path) -> Result<Report, DataError> {
    let dataset = Dataset::open(dir)?;
    let mut problems = Vec::new();

    let mut lists = Lists::new();
    let mut wanted = dataset.splits();
    if !wanted.contains(&Split::Train) {
        wanted.push(Split::Train);
    }
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
    let names: Vec<&str> = names.into_iter().collect();
    let looked = parallel::map(&names, || (), |(), name| look(&dataset, name));
    let mut looks: BTreeMap<&str, Look> = names.iter().copied().zip(looked).collect();

    for look in looks.values_mut() {
        problems.append(&mut look.problems);
    }
    problems.extend(unlisted.into_iter().map(|name| Problem::InNoSplit {
        name: name.to_owned(),
    }));
    let stray = dataset.stray_labels().iter();
    problems.extend(stray.map(|path| Problem::StrayLabel {
        file: path.display().to_string(),
    }));
    problems.extend(mixed_depth(looks.values()));
    problems.extend(shared_names(&lists));
    problems.extend(equal_images(&lists, &looks));
    let near = near_duplicates(&lists, &looks);
    let near_duplicates = near.len();
    problems.extend(near);
    // Errors first, then kind by kind; the sort keeps the order of names within a kind.
    problems.sort_by_key(|problem| (problem.severity(), kind(problem)));
    let errors = problems
        .iter()
        .filter(|p| p.severity() == Severity::Error)
        .count();

    let mut modes = BTreeMap::new();
    for mode in looks.values().filter_map(|look| look.mode) {
        *modes.entry(mode.to_owned()).or_insert(0) += 1;
    }
    let train = lists.get(Split::Train.as_str()).into_iter().flatten();
    let ranges = looks.values().filter_map(|look| look.range);
    Ok(Report {
        set: dataset.name().to_owned(),
        layout: dataset.layout(),
        images: dataset.image_names().count(),
        targets: looks.values().filter_map(|look| look.targets).sum(),
        masks: looks.values().filter(|look| look.has_mask).count(),
        modes,
        coloured: looks.values().filter(|look| look.is_coloured).count(),
        counts: ranges.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]),
        splits: lists
            .iter()
            .map(|(split, names)| (split.clone(), summary(names, &looks)))
            .collect(),
        has_lists: dataset.has_lists(),
        validation: train
            .filter(|name| is_validation(dataset.name(), name))
            .count(),
        near_duplicates,
        errors,
        warnings: problems.len() - errors,
        problems,
    })
}

fn summary(names: &[String], looks: &BTreeMap<&str, Look>) -> SplitSummary {
    let targets = names
        .iter()
        .filter_map(|name| looks.get(name.as_str())?.targets);
    SplitSummary {
        images: names.len(),
        targets: targets.clone().sum(),
        without_target: targets.filter(|&n| n == 0).count(),
    }
}

fn refused(name: &str, error: &DataError) -> Problem {
    Problem::Refused {
        name: name.to_owned(),
        reason: error.to_string(),
    }
}

fn look(dataset: &Dataset, name: &str) -> Look {
    let mut found = Look::default();
    let own_name = || name.to_owned();
    let image = match dataset.image(name).and_then(read_grey) {
        Ok(image) => image,
        Err(error) => {
            found.problems.push(refused(name, &error));
            // The labels cannot be judged without the image, but that they lack is news if the image does not.
            if !matches!(error, DataError::MissingImage { .. })
                && let Err(error) = dataset.label_file(name)
            {
                found.problems.push(refused(name, &error));
            }
            return found;
        }
    };
    found.mode = Some(image.mode);
    found.bits = image.bits;
    found.is_coloured = image.is_coloured;
    found.range = match (image.counts.iter().min(), image.counts.iter().max()) {
        (Some(&low), Some(&high)) => Some([low, high]),
        _ => None,
    };
    if found.range.is_some_and(|[low, high]| low == high) {
        found.problems.push(Problem::Flat { name: own_name() });
    }
    found.thumbnail = Thumbnail::of(&image.counts, image.size);
    let mut digest = Sha256::new();
    digest.update(image.size.to_string());
    let bytes: Vec<u8> = image.counts.iter().flat_map(|c| c.to_le_bytes()).collect();
    digest.update(bytes);
    found.digest = Some(digest.finalize().into());

    match dataset.truth(name, image.size) {
        Ok(truth) => {
            found.targets = Some(truth.targets.len());
            found.has_mask = truth.has_mask;
            if truth.has_mask && truth.targets.is_empty() && dataset.layout() == Layout::Masks {
                found.problems.push(Problem::EmptyMask { name: own_name() });
            }
            if truth.over_edge > 0 {
                found.problems.push(Problem::OverEdge {
                    name: own_name(),
                    boxes: truth.over_edge,
                });
            }
            if matches!(dataset.label_file(name), Ok(None)) {
                found
                    .problems
                    .push(Problem::NoLabelFile { name: own_name() });
            }
        }
        Err(error) => found.problems.push(refused(name, &error)),
    }
    found
}

fn mixed_depth<'a>(looks: impl Iterator<Item = &'a Look> + Clone) -> Option<Problem> {
    let of = |bits| looks.clone().filter(|look| look.bits == bits).count();
    let (of_8_bit, of_16_bit) = (of(8), of(16));
    (of_8_bit > 0 && of_16_bit > 0).then_some(Problem::MixedDepth {
        of_8_bit,
        of_16_bit,
    })
}

/// Lists that must be apart have the same family: `train`, `val` and `test` are one, `x_train`, `x_val` and `x_test` are
/// another; lists of other names (`x_trainval`) may overlap with anything.
fn family(list: &str) -> Option<&str> {
    ["train", "val", "test"].iter().find_map(|role| {
        let prefix = list.strip_suffix(role)?;
        (prefix.is_empty() || prefix.ends_with('_')).then_some(prefix)
    })
}

/// Names that lists of one family share.
fn shared_names(lists: &Lists) -> Vec<Problem> {
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

/// Images with the pixels of an earlier one.
fn equal_images(lists: &Lists, looks: &BTreeMap<&str, Look>) -> Vec<Problem> {
    let mut list_of: BTreeMap<&str, &str> = BTreeMap::new();
    for list in ["train", "val", "test"] {
        for name in lists.get(list).into_iter().flatten() {
            list_of.entry(name).or_insert(list);
        }
    }
    let mut by_digest: BTreeMap<&[u8; 32], Vec<&str>> = BTreeMap::new();
    for (name, look) in looks {
        if let Some(digest) = &look.digest {
            by_digest.entry(digest).or_default().push(name);
        }
    }
    let mut problems = Vec::new();
    for equal in by_digest.into_values().filter(|names| names.len() > 1) {
        let Some((&first, others)) = equal.split_first() else {
            continue;
        };
        for &second in others {
            // Against any of the equal images in another list, not just the first.
            let own = list_of.get(second);
            let apart = equal.iter().find_map(|name| {
                Some((*name, *list_of.get(name)?)).filter(|(_, l)| Some(l) != own)
            });
            problems.push(match (apart, own) {
                (Some((first, first_split)), Some(second_split)) => Problem::SameInTwoSplits {
                    first: first.to_owned(),
                    first_split: first_split.to_owned(),
                    second: second.to_owned(),
                    second_split: (*second_split).to_owned(),
                },
                _ => Problem::Same {
                    first: first.to_owned(),
                    second: second.to_owned(),
                },
            });
        }
    }
    problems
}

/// Each test image with its closest train image, where that is too close.
fn near_duplicates(lists: &Lists, looks: &BTreeMap<&str, Look>) -> Vec<Problem> {
    let thumbnails = |split: &str| -> Vec<(&str, &Look, &Thumbnail)> {
        let names = lists.get(split).into_iter().flatten();
        let looks = names.filter_map(|name| Some((name.as_str(), looks.get(name.as_str())?)));
        looks
            .filter_map(|(name, look)| Some((name, look, look.thumbnail.as_ref()?)))
            .collect()
    };
    let train = thumbnails("train");
    let closest = |(test, look, thumbnail): &(&str, &Look, &Thumbnail)| {
        // Equal pixels are a finding of their own.
        let others = train
            .iter()
            .filter(|(name, other, _)| name != test && other.digest != look.digest);
        let (train, correlation) = others
            .map(|(name, _, other)| (*name, thumbnail.correlation(other)))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        (correlation > NEAR_DUPLICATE).then(|| Problem::NearDuplicate {
            train: train.to_owned(),
            test: (*test).to_owned(),
            correlation,
        })
    };
    let found = parallel::map(&thumbnails("test"), || (), |(), test| closest(test));
    found.into_iter().flatten().collect()
}

/// Place of a kind of problem in the report.
fn kind(problem: &Problem) -> u8 {
    match problem {
        Problem::Refused { .. } => 0,
        Problem::InTwoSplits { .. } => 1,
        Problem::SameInTwoSplits { .. } => 2,
        Problem::Same { .. } => 3,
        Problem::NearDuplicate { .. } => 4,
        Problem::EmptyMask { .. } => 5,
        Problem::NoLabelFile { .. } => 6,
        Problem::StrayLabel { .. } => 7,
        Problem::OverEdge { .. } => 8,
        Problem::Flat { .. } => 9,
        Problem::MixedDepth { .. } => 10,
        Problem::InNoSplit { .. } => 11,
    }
}
