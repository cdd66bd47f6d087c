//! One data set on disk.
//!
//! * In: a folder in one of the layouts of [`Layout`].
//! * Out: which names a split lists and which files belong to a name.
//! * Refuses by name: folders of no known layout, damaged label files, empty lists, names without a file, two files for
//!   one name.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use invdet_core::ImageSize;

use crate::DataError;
use crate::files::Named;
use crate::find_image::plain_name;
use crate::labels::Truth;
use crate::layout::{self, Labels, Layout, Lists};

/// A list of names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Split {
    /// `splits/train.txt`, or what stands for it; all images where a folder has no lists.
    Train,
    /// `splits/test.txt`, or what stands for it.
    Test,
    /// `splits/NAME.txt`, or what stands for it.
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

/// The files of a data set; no image is decoded yet. Files of labels about many images are read.
#[derive(Debug, Clone)]
pub struct Dataset {
    name: String,
    dir: PathBuf,
    layout: Layout,
    images: Named,
    labels: Labels,
    lists: Lists,
    stray_labels: Vec<PathBuf>,
    image_folder: &'static str,
}

impl Dataset {
    /// Lists the files of `dir`. The last part of the path names the data set; what lies in it decides the [`Layout`].
    ///
    /// The name of an image is its path below the folder of the images, without ending: `Misc_1`, `data5/12`.
    ///
    /// # Errors
    /// [`DataError::NoFolder`], [`DataError::Unnamed`], [`DataError::NoImages`], [`DataError::NoLayout`],
    /// [`DataError::Io`]; where one file has the labels of many images also [`DataError::BadLabel`] and
    /// [`DataError::EmptyFile`].
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        if !layout::is_folder(dir) {
            return Err(DataError::NoFolder { dir: dir.into() });
        }
        let absolute = fs::canonicalize(dir).map_err(|source| DataError::Io {
            path: dir.into(),
            source,
        })?;
        let name = absolute.file_name().and_then(|n| n.to_str());
        let name = name.ok_or_else(|| DataError::Unnamed { dir: dir.into() })?;
        let found = layout::look(dir)?;
        Ok(Self {
            name: name.to_owned(),
            dir: dir.into(),
            layout: found.layout,
            images: found.images,
            labels: found.labels,
            lists: found.lists,
            stray_labels: found.stray,
            image_folder: found.image_folder,
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

    /// Where its labels are.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Names of all images, listed in a split or not, in order.
    pub fn image_names(&self) -> impl Iterator<Item = &str> {
        self.images.keys().map(String::as_str)
    }

    /// Label files that belong to no image, and masks that lose against one of the exact name.
    pub fn stray_labels(&self) -> &[PathBuf] {
        &self.stray_labels
    }

    /// All splits, in the order of their names; `train` alone where the folder has no lists.
    pub fn splits(&self) -> Vec<Split> {
        match &self.lists {
            Lists::Files(files) => files.keys().map(|name| Split::from(&**name)).collect(),
            Lists::Names(names) => names.keys().map(|name| Split::from(&**name)).collect(),
            Lists::None => vec![Split::Train],
        }
    }

    /// Whether the folder tells train from test at all.
    pub fn has_lists(&self) -> bool {
        !matches!(self.lists, Lists::None)
    }

    /// The names of a split, in the order of the list. Blank lines are skipped and an image ending is dropped.
    ///
    /// # Errors
    /// [`DataError::NoSplit`], [`DataError::EmptySplit`], [`DataError::SplitNotText`], [`DataError::ListedTwice`],
    /// [`DataError::Io`]. Whether the images exist is asked later, by [`Dataset::image`].
    pub fn names(&self, split: &Split) -> Result<Vec<String>, DataError> {
        let names = self.listed(split)?;
        let path = || self.split_path(split);
        if names.is_empty() {
            return Err(DataError::EmptySplit { path: path() });
        }
        let mut seen = BTreeSet::new();
        match names.iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(DataError::ListedTwice {
                path: path(),
                name: name.clone(),
            }),
            None => Ok(names),
        }
    }

    /// The lines of a split as they are: possibly none, possibly repeated.
    pub(crate) fn listed(&self, split: &Split) -> Result<Vec<String>, DataError> {
        let missing = || DataError::NoSplit {
            set: self.name.clone(),
            split: split.to_string(),
            path: self.dir.join("splits").join(format!("{split}.txt")),
            known: self
                .splits()
                .iter()
                .map(Split::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        };
        let path = match &self.lists {
            Lists::None if *split == Split::Train => {
                return Ok(self.image_names().map(str::to_owned).collect());
            }
            Lists::None => return Err(missing()),
            Lists::Names(names) => {
                let (_, names) = names.get(split.as_str()).ok_or_else(missing)?;
                return Ok(names.clone());
            }
            Lists::Files(files) => files.get(split.as_str()).ok_or_else(missing)?,
        };
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|_| DataError::SplitNotText { path: path.clone() })?,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(missing()),
            Err(source) => {
                return Err(DataError::Io {
                    path: path.clone(),
                    source,
                });
            }
        };
        let lines = text.trim_start_matches('\u{feff}').lines();
        Ok(lines
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let name = plain_name(line);
                // Lists of other tools name the files from the folder of the set on.
                match name.strip_prefix(self.image_folder) {
                    Some(rest) if self.images.contains_key(rest) => rest.to_owned(),
                    _ => name,
                }
            })
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
            wanted: format!("{}{name}.png", self.image_folder),
        };
        self.only(name, self.images.get(name), missing)
    }

    /// The file that labels an image; `None` for an image without one in a layout where that means "no target" (YOLO).
    ///
    /// # Errors
    /// [`DataError::MissingMask`], [`DataError::MissingLabel`], [`DataError::Ambiguous`].
    pub fn label_file(&self, name: &str) -> Result<Option<&Path>, DataError> {
        let missing = || self.missing_label(name);
        match &self.labels {
            Labels::Masks(files) => self.only(name, files.get(name), missing).map(Some),
            Labels::Boxes { files, .. } => match files.get(name) {
                None if self.layout == Layout::Yolo => Ok(None),
                paths => self.only(name, paths, missing).map(Some),
            },
            Labels::Table(table) => {
                let entry = table.get(name).ok_or_else(missing)?;
                Ok(Some(&entry.path))
            }
        }
    }

    /// What the labels say of an image of `size`.
    pub(crate) fn truth(&self, name: &str, size: ImageSize) -> Result<Truth, DataError> {
        let path = self.label_file(name)?;
        match (&self.labels, path) {
            (Labels::Masks(_), Some(path)) => Truth::of_mask_file(path, size),
            (Labels::Boxes { read, .. }, Some(path)) => {
                Truth::of_boxes(path, &read(path, size)?, size)
            }
            (Labels::Table(table), Some(_)) => match table.get(name) {
                Some(entry) => entry.truth(size),
                None => Err(self.missing_label(name)),
            },
            (_, None) => Truth::of_boxes(&self.dir, &[], size),
        }
    }

    fn missing_label(&self, name: &str) -> DataError {
        let (set, name) = (self.name.clone(), name.to_owned());
        let wanted = match self.layout {
            Layout::Masks => return DataError::MissingMask { set, name },
            Layout::Voc => format!("{name}.xml beside those of the other images"),
            Layout::Yolo => format!("labels/{name}.txt"),
            Layout::IrdstBoxes => format!("boxes/{name}.txt"),
            Layout::IrdstCenters => format!("center/{name}.txt"),
            Layout::Coco => "it among the images of a COCO file".to_owned(),
            Layout::Lists => "a line about it in a list".to_owned(),
            Layout::Sequences => "a text file of its sequence".to_owned(),
        };
        DataError::MissingLabel { set, name, wanted }
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

    /// Where a split comes from, for messages.
    fn split_path(&self, split: &Split) -> PathBuf {
        match &self.lists {
            Lists::Files(files) => files.get(split.as_str()).cloned(),
            Lists::Names(names) => names.get(split.as_str()).map(|(path, _)| path.clone()),
            Lists::None => None,
        }
        .unwrap_or_else(|| self.dir.clone())
    }
}
