//! One data set on disk.
//!
//! * In: a folder with `images/`, `masks/` and `splits/*.txt`.
//! * Out: which names a split lists and which files belong to a name.
//! * Refuses by name: missing folders and lists, empty lists, names without a file, two files for one name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::DataError;

/// File endings that count as images, in lower case.
const ENDINGS: [&str; 3] = ["png", "tif", "tiff"];

/// A list of names in `splits/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Split {
    /// `splits/train.txt`.
    Train,
    /// `splits/test.txt`.
    Test,
    /// `splits/NAME.txt`.
    Named(String),
}

impl Split {
    /// The name of the list without `.txt`.
    pub fn as_str(&self) -> &str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
            Split::Named(name) => name,
        }
    }
}

impl From<&str> for Split {
    fn from(name: &str) -> Self {
        match name {
            "train" => Split::Train,
            "test" => Split::Test,
            other => Split::Named(other.to_owned()),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The files of a data set; nothing is decoded yet.
#[derive(Debug, Clone)]
pub struct Dataset {
    name: String,
    dir: PathBuf,
    /// Files by name without ending; more than one if they differ only in the ending.
    images: BTreeMap<String, Vec<PathBuf>>,
    /// Files by the name of the image that they belong to.
    masks: BTreeMap<String, Vec<PathBuf>>,
    /// Masks that belong to no image.
    stray_masks: Vec<PathBuf>,
}

impl Dataset {
    /// Lists the files of `dir`. The last part of the path names the data set.
    ///
    /// A mask belongs to the image of its own name, or, where no image has that name, to the longest image name that it
    /// extends with `_` or `-` (`Misc_1_pixels0.png` belongs to `Misc_1.png`).
    ///
    /// # Errors
    /// [`DataError::NoFolder`], [`DataError::Unnamed`], [`DataError::Io`].
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        for folder in ["images", "masks", "splits"] {
            if !dir.join(folder).is_dir() {
                return Err(DataError::NoFolder {
                    dir: dir.into(),
                    folder,
                });
            }
        }
        let absolute = fs::canonicalize(dir).map_err(|source| DataError::Io {
            path: dir.into(),
            source,
        })?;
        let name = absolute.file_name().and_then(|n| n.to_str());
        let name = name
            .ok_or_else(|| DataError::Unnamed { dir: dir.into() })?
            .to_owned();

        let images = files_by_stem(&dir.join("images"))?;
        let mut masks: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut stray_masks = Vec::new();
        let mut suffixed = Vec::new();
        for (stem, paths) in files_by_stem(&dir.join("masks"))? {
            if images.contains_key(&stem) {
                masks.insert(stem, paths);
            } else if let Some(owner) = longest_prefix(&stem, &images) {
                suffixed.push((owner, paths));
            } else {
                stray_masks.extend(paths);
            }
        }
        // A mask of the exact name wins, so `a.png` beside `a_preview.png` is no question.
        let exact: BTreeSet<String> = masks.keys().cloned().collect();
        for (owner, paths) in suffixed {
            if exact.contains(&owner) {
                stray_masks.extend(paths);
            } else {
                masks.entry(owner).or_default().extend(paths);
            }
        }
        Ok(Self {
            name,
            dir: dir.into(),
            images,
            masks,
            stray_masks,
        })
    }

    /// Name of the data set: its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Names of all images, listed in a split or not, in order.
    pub fn image_names(&self) -> impl Iterator<Item = &str> {
        self.images.keys().map(String::as_str)
    }

    /// Masks that belong to no image, or lose against one of the exact name.
    pub fn stray_masks(&self) -> &[PathBuf] {
        &self.stray_masks
    }

    /// Names of all lists in `splits/`, without `.txt`, in order.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn splits(&self) -> Result<Vec<Split>, DataError> {
        let mut names = Vec::new();
        for path in files(&self.dir.join("splits"))? {
            if path.extension().is_some_and(|e| e == "txt")
                && let Some(stem) = path.file_stem().and_then(|s| s.to_str())
            {
                names.push(Split::from(stem));
            }
        }
        Ok(names)
    }

    /// The names of a split, in the order of the list. Blank lines are skipped and an image ending is dropped.
    ///
    /// # Errors
    /// [`DataError::NoSplit`], [`DataError::EmptySplit`], [`DataError::SplitNotText`], [`DataError::ListedTwice`],
    /// [`DataError::Io`]. Whether the images exist is asked later, by [`Dataset::image`].
    pub fn names(&self, split: &Split) -> Result<Vec<String>, DataError> {
        let path = self.split_path(split);
        let names = self.listed(split)?;
        if names.is_empty() {
            return Err(DataError::EmptySplit { path });
        }
        let mut seen = BTreeSet::new();
        match names.iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(DataError::ListedTwice {
                path,
                name: name.clone(),
            }),
            None => Ok(names),
        }
    }

    /// The lines of a split as they are: possibly none, possibly repeated.
    pub(crate) fn listed(&self, split: &Split) -> Result<Vec<String>, DataError> {
        let path = self.split_path(split);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| DataError::SplitNotText { path })?,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(DataError::NoSplit {
                    set: self.name.clone(),
                    split: split.to_string(),
                    path,
                });
            }
            Err(source) => return Err(DataError::Io { path, source }),
        };
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(|line| without_ending(line).to_owned())
            .collect())
    }

    /// The image file of a name.
    ///
    /// # Errors
    /// [`DataError::MissingImage`], [`DataError::Ambiguous`].
    pub fn image(&self, name: &str) -> Result<&Path, DataError> {
        let missing = || DataError::MissingImage {
            set: self.name.clone(),
            name: name.to_owned(),
        };
        self.only(name, self.images.get(name), missing)
    }

    /// The mask file of a name.
    ///
    /// # Errors
    /// [`DataError::MissingMask`], [`DataError::Ambiguous`].
    pub fn mask(&self, name: &str) -> Result<&Path, DataError> {
        let missing = || DataError::MissingMask {
            set: self.name.clone(),
            name: name.to_owned(),
        };
        self.only(name, self.masks.get(name), missing)
    }

    fn only<'a>(
        &self,
        name: &str,
        paths: Option<&'a Vec<PathBuf>>,
        missing: impl Fn() -> DataError,
    ) -> Result<&'a Path, DataError> {
        match paths.map(Vec::as_slice) {
            Some([path]) => Ok(path),
            Some([first, second, ..]) => Err(DataError::Ambiguous {
                set: self.name.clone(),
                name: name.to_owned(),
                first: first.clone(),
                second: second.clone(),
            }),
            Some([]) | None => Err(missing()),
        }
    }

    fn split_path(&self, split: &Split) -> PathBuf {
        self.dir.join("splits").join(format!("{split}.txt"))
    }
}

/// Files of a folder in the order of their names.
fn files(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io = |source| DataError::Io {
        path: dir.into(),
        source,
    };
    let entries = fs::read_dir(dir).map_err(io)?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

/// Image files of a folder by name without ending; other files are not ours to judge.
fn files_by_stem(dir: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, DataError> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files(dir)? {
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        let stem = without_ending(name);
        if stem.len() < name.len() {
            found.entry(stem.to_owned()).or_default().push(path);
        }
    }
    Ok(found)
}

/// `name` without an image ending; names with other dots stay whole.
fn without_ending(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) => stem,
        _ => name,
    }
}

/// The longest image name that `stem` extends with `_` or `-`.
fn longest_prefix(stem: &str, images: &BTreeMap<String, Vec<PathBuf>>) -> Option<String> {
    let cuts = stem
        .char_indices()
        .rev()
        .filter(|(_, c)| matches!(c, '_' | '-'));
    let mut prefixes = cuts.filter_map(|(at, _)| stem.get(..at));
    prefixes
        .find(|prefix| images.contains_key(*prefix))
        .map(str::to_owned)
}
