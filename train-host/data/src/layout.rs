//! What kind of data set a folder is: where its images, labels and lists are.
//!
//! * In: a folder.
//! * Out: its [`Layout`], the labels of that layout and the lists that tell train from test.
//! * Refuses a folder without images, and one without labels, naming everything that was looked for.
//!
//! Images lie in `images/`, else in `JPEGImages/`, else in the folder itself, in subfolders or not. The labels are the
//! first of the following that is there, from the one that says most to the one that says least.
//!
//! | layout | where |
//! |---|---|
//! | masks | `masks/NAME.png` or `masks/NAME_SUFFIX.png` (NUAA-SIRST, NUDT-SIRST, IRSTD-1K, IRDST) |
//! | COCO | `annotations/*.json`; `*coco*.json`, `instances*.json` or `annotations*.json` in the folder itself |
//! | Pascal VOC | `Annotations/NAME.xml`, `annotations/NAME.xml`, or `NAME.xml` beside the image |
//! | YOLO | `labels/NAME.txt`, or `NAME.txt` beside the image |
//! | IRDST boxes, centres | `boxes/NAME.txt`, `center/NAME.txt` |
//! | lists of boxes | `*.txt` in the folder itself, lines `PATH x1,y1,x2,y2,class ...` (DAUB as it goes round) |
//! | sequences | images in a folder `SEQ/` each, and `SEQ.txt` beside it or in `labels/`, or `SEQ/gt.txt`: lines `frame x y [w h]` |
//!
//! The lists are the first of: `splits/NAME.txt`; `img_idx/train_SET.txt` (BasicIRSTD); `ImageSets/Main/train.txt`
//! (VOC); those that the labels come in (COCO files and lists with train, val or test in their names);
//! `train.txt`, `test.txt` in the folder itself; folders `train/`, `test/` of the images. Without any, all images are for
//! training and there is no test list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use invdet_core::ImageSize;
use serde::Serialize;

use crate::DataError;
use crate::files::{IMAGE_ENDINGS, Named, by_name, directly_in, read_text, stem};
use crate::find_image::{FindImage, plain_name};
use crate::labels::coco::{self, Entry};
use crate::labels::{LabelBox, bad, lines, lists, voc, yolo};

/// Where the labels of a data set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A mask an image, `masks/`.
    Masks,
    /// COCO JSON.
    Coco,
    /// Pascal VOC XML.
    Voc,
    /// YOLO text files.
    Yolo,
    /// IRDST, `boxes/`.
    IrdstBoxes,
    /// IRDST, `center/`.
    IrdstCenters,
    /// Lists of images with their boxes.
    Lists,
    /// Sequences, a folder each, with a text file each.
    Sequences,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Masks => "masks",
            Layout::Coco => "COCO boxes",
            Layout::Voc => "Pascal VOC boxes",
            Layout::Yolo => "YOLO boxes",
            Layout::IrdstBoxes => "IRDST boxes",
            Layout::IrdstCenters => "IRDST centres",
            Layout::Lists => "lists of boxes",
            Layout::Sequences => "sequences",
        })
    }
}

/// The labels of all images.
#[derive(Debug, Clone)]
pub(crate) enum Labels {
    /// A mask an image, by the name of the image.
    Masks(Named),
    /// A text file an image.
    Boxes { files: Named, read: ReadBoxes },
    /// Files about many images, read already.
    Table(BTreeMap<String, Entry>),
}

/// Reads the file of an image of the given size.
pub(crate) type ReadBoxes = fn(&Path, ImageSize) -> Result<Vec<LabelBox>, DataError>;

/// What tells train from test.
#[derive(Debug, Clone)]
pub(crate) enum Lists {
    /// One text file a list, one name a line.
    Files(BTreeMap<String, PathBuf>),
    /// Names by list.
    Names(OwnLists),
    /// Nothing: all images are for training.
    None,
}

/// Lists that are not files of names: what they were made of, and their names.
pub(crate) type OwnLists = BTreeMap<String, (PathBuf, Vec<String>)>;

/// All that was found.
pub(crate) struct Found {
    pub(crate) layout: Layout,
    pub(crate) images: Named,
    pub(crate) labels: Labels,
    pub(crate) lists: Lists,
    /// Label files of no image.
    pub(crate) stray: Vec<PathBuf>,
    /// The folder of the images below that of the set, with a `/` at its end; empty if it is the same.
    pub(crate) image_folder: &'static str,
}

/// Folders of the set that hold no images of it.
const NO_IMAGES: [&str; 10] = [
    "masks",
    "splits",
    "labels",
    "Annotations",
    "annotations",
    "boxes",
    "center",
    "img_idx",
    "ImageSets",
    "extra",
];

/// Looks through `dir`.
pub(crate) fn look(dir: &Path) -> Result<Found, DataError> {
    let image_folder = ["images/", "JPEGImages/"]
        .into_iter()
        .find(|folder| dir.join(folder).is_dir())
        .unwrap_or("");
    let root = dir.join(image_folder);
    let skip: &[&str] = if image_folder.is_empty() {
        &NO_IMAGES
    } else {
        &[]
    };
    let images = by_name(&root, &IMAGE_ENDINGS, skip)?;
    if images.is_empty() {
        return Err(DataError::NoImages { dir: root });
    }
    let mut own_lists = BTreeMap::new();
    let (layout, labels, stray) = match labels(dir, &root, &images, &mut own_lists)? {
        Some(found) => found,
        None => return Err(DataError::NoLayout { dir: dir.into() }),
    };
    let lists = find_lists(dir, &root, own_lists, layout, &images)?;
    Ok(Found {
        layout,
        images,
        labels,
        lists,
        stray,
        image_folder,
    })
}

type FoundLabels = (Layout, Labels, Vec<PathBuf>);

fn labels(
    dir: &Path,
    root: &Path,
    images: &Named,
    own_lists: &mut OwnLists,
) -> Result<Option<FoundLabels>, DataError> {
    if dir.join("masks").is_dir() {
        let masks = by_name(&dir.join("masks"), &IMAGE_ENDINGS, &[])?;
        let (files, stray) = assign_masks(masks, images);
        return Ok(Some((Layout::Masks, Labels::Masks(files), stray)));
    }
    let coco = coco_files(dir)?;
    if !coco.is_empty() {
        let table = coco_table(&coco, images, own_lists)?;
        return Ok(Some((Layout::Coco, Labels::Table(table), Vec::new())));
    }
    for (layout, read, ending, folders) in [
        (
            Layout::Voc,
            voc::read as ReadBoxes,
            "xml",
            &["Annotations", "annotations", ""][..],
        ),
        (Layout::Yolo, yolo::read, "txt", &["labels", ""]),
        (Layout::IrdstBoxes, lines::read_boxes, "txt", &["boxes"]),
        (
            Layout::IrdstCenters,
            lines::read_centers,
            "txt",
            &["center"],
        ),
    ] {
        for folder in folders {
            let from = if folder.is_empty() {
                root.to_owned()
            } else {
                dir.join(folder)
            };
            if !from.is_dir() {
                continue;
            }
            let found = by_name(
                &from,
                &[ending],
                if folder.is_empty() { &NO_IMAGES } else { &[] },
            )?;
            let (files, others): (Named, Named) = found
                .into_iter()
                .partition(|(name, _)| images.contains_key(name));
            if files.is_empty() {
                continue;
            }
            // Beside the images and in `labels/` lies more than labels: lists, names of classes.
            let is_label = |path: &PathBuf| {
                !(folder.is_empty()
                    || matches!(
                        stem(path),
                        "classes" | "predefined_classes" | "train" | "test" | "val"
                    ))
            };
            let stray = others.into_values().flatten().filter(is_label).collect();
            return Ok(Some((layout, Labels::Boxes { files, read }, stray)));
        }
    }
    let mut texts = Vec::new();
    for path in directly_in(dir, "txt")? {
        if lists::is_list(&read_text(&path)?) {
            texts.push(path);
        }
    }
    if !texts.is_empty() {
        let table = list_table(&texts, images, own_lists)?;
        return Ok(Some((Layout::Lists, Labels::Table(table), Vec::new())));
    }
    let table = sequence_table(dir, root, images)?;
    Ok((!table.is_empty()).then_some((Layout::Sequences, Labels::Table(table), Vec::new())))
}

/// A mask belongs to the image of its own name, or, where no image has that name, to the longest image name that it
/// extends with `_` or `-` (`Misc_1_pixels0.png` belongs to `Misc_1.png`). A mask of the exact name wins, so `a.png`
/// beside `a_preview.png` is no question.
fn assign_masks(masks: Named, images: &Named) -> (Named, Vec<PathBuf>) {
    let mut files = Named::new();
    let mut stray = Vec::new();
    let mut suffixed = Vec::new();
    for (name, paths) in masks {
        if images.contains_key(&name) {
            files.insert(name, paths);
        } else if let Some(owner) = longest_prefix(&name, images) {
            suffixed.push((owner, paths));
        } else {
            stray.extend(paths);
        }
    }
    let exact: BTreeSet<String> = files.keys().cloned().collect();
    for (owner, paths) in suffixed {
        if exact.contains(&owner) {
            stray.extend(paths);
        } else {
            files.entry(owner).or_default().extend(paths);
        }
    }
    (files, stray)
}

/// The longest image name that `name` extends with `_` or `-`.
fn longest_prefix(name: &str, images: &Named) -> Option<String> {
    let cuts = name
        .char_indices()
        .rev()
        .filter(|(_, c)| matches!(c, '_' | '-'));
    let mut prefixes = cuts.filter_map(|(at, _)| name.get(..at));
    prefixes
        .find(|prefix| images.contains_key(*prefix))
        .map(str::to_owned)
}

fn coco_files(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let files = directly_in(&dir.join("annotations"), "json")?;
    if !files.is_empty() {
        return Ok(files);
    }
    let mut files = directly_in(dir, "json")?;
    files.retain(|path| {
        let name = stem(path).to_ascii_lowercase();
        name.contains("coco") || name.starts_with("instances") || name.contains("annotations")
    });
    Ok(files)
}

fn coco_table(
    files: &[PathBuf],
    images: &Named,
    own_lists: &mut OwnLists,
) -> Result<BTreeMap<String, Entry>, DataError> {
    let find = FindImage::new(images.keys().map(String::as_str));
    let mut table = BTreeMap::new();
    for path in files {
        let role = role_of_file(path);
        start(own_lists, role, path);
        for (at, image) in coco::read_all(path)?.into_iter().enumerate() {
            let place = format!("images[{at}]");
            let name = image_name(&find, path, &place, &image.file_name, role)?;
            start(own_lists, role, path).push(name.clone());
            table.insert(name, image.entry);
        }
    }
    Ok(table)
}

fn list_table(
    files: &[PathBuf],
    images: &Named,
    own_lists: &mut OwnLists,
) -> Result<BTreeMap<String, Entry>, DataError> {
    let find = FindImage::new(images.keys().map(String::as_str));
    let mut table = BTreeMap::new();
    for path in files {
        let role = role_of_file(path);
        start(own_lists, role, path);
        for line in lists::read(path)? {
            let name = image_name(&find, path, &line.place, &line.image, role)?;
            start(own_lists, role, path).push(name.clone());
            table.insert(name, boxes_entry(path, line.boxes));
        }
    }
    Ok(table)
}

/// The name of the image that a file of labels means. One that is not there keeps the name that the file gives it, and
/// is missed when it is loaded.
fn image_name(
    find: &FindImage<'_>,
    path: &Path,
    place: &str,
    image: &str,
    role: &str,
) -> Result<String, DataError> {
    match find.find(image, Some(role)) {
        Ok(Some(name)) => Ok(name.to_owned()),
        Ok(None) => Ok(plain_name(image)),
        Err((first, second)) => {
            let found = format!("{image:?}, which could be {first:?} or {second:?}");
            Err(bad(
                path,
                place,
                found,
                "a path that only one image ends in",
            ))
        }
    }
}

/// Sequences, each with its text file. Frames that the file does not speak of have no target.
fn sequence_table(
    dir: &Path,
    root: &Path,
    images: &Named,
) -> Result<BTreeMap<String, Entry>, DataError> {
    let mut sequences: BTreeMap<&str, Vec<(&str, Option<u64>)>> = BTreeMap::new();
    for name in images.keys() {
        if let Some((folder, file)) = name.rsplit_once('/') {
            let members = sequences.entry(folder).or_default();
            members.push((name, trailing_number(file).map(|(_, number)| number)));
        }
    }
    let mut table = BTreeMap::new();
    for (folder, members) in sequences {
        let last = folder.rsplit('/').next().unwrap_or(folder);
        let places = [
            root.join(format!("{folder}.txt")),
            dir.join(format!("{last}.txt")),
            dir.join("labels").join(format!("{last}.txt")),
            root.join(folder).join("gt.txt"),
        ];
        let Some(path) = places.into_iter().find(|path| path.is_file()) else {
            continue;
        };
        let mut frames = lines::read_sequence(&path)?;
        for (name, number) in members {
            let boxes = number.and_then(|number| frames.remove(&number));
            table.insert(
                name.to_owned(),
                boxes_entry(&path, boxes.unwrap_or_default()),
            );
        }
        if let Some((frame, boxes)) = frames.first_key_value() {
            let place = boxes.first().map_or("", |b| &b.place);
            let found = format!("frame {frame}");
            return Err(bad(
                &path,
                place,
                found,
                "the number of an image of the sequence, each once",
            ));
        }
    }
    Ok(table)
}

/// The number at the end of a name and what is before it; a closing bracket may follow it, as in IRDST's `1(814)`.
pub(crate) fn trailing_number(name: &str) -> Option<(&str, u64)> {
    let name = name.strip_suffix(')').unwrap_or(name);
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(prefix.len()..)?.parse().ok()?;
    Some((prefix, number))
}

fn boxes_entry(path: &Path, boxes: Vec<LabelBox>) -> Entry {
    Entry {
        path: path.into(),
        size: None,
        boxes,
        regions: None,
    }
}

fn find_lists(
    dir: &Path,
    root: &Path,
    own_lists: OwnLists,
    layout: Layout,
    images: &Named,
) -> Result<Lists, DataError> {
    let files = |folder: &str, name_of: fn(&str) -> Option<&str>| -> Result<Lists, DataError> {
        let paths = directly_in(&dir.join(folder), "txt")?.into_iter();
        let named = paths.filter_map(|path| Some((name_of(stem(&path))?.to_owned(), path)));
        let named: BTreeMap<_, _> = named.collect();
        Ok(if named.is_empty() {
            Lists::None
        } else {
            Lists::Files(named)
        })
    };
    // An empty `splits/` is a mistake to be named, not a wish for no lists.
    if dir.join("splits").is_dir() {
        return Ok(match files("splits", |name| Some(name))? {
            Lists::None => Lists::Files(BTreeMap::new()),
            found => found,
        });
    }
    for (folder, name_of) in [
        ("img_idx", before_set as fn(&str) -> Option<&str>),
        ("ImageSets/Main", role_name),
    ] {
        match files(folder, name_of)? {
            Lists::None => {}
            found => return Ok(found),
        }
    }
    if !own_lists.is_empty() {
        return Ok(Lists::Names(own_lists));
    }
    if layout != Layout::Sequences
        && let found @ Lists::Files(_) = files("", role_name)?
    {
        return Ok(found);
    }
    let mut by_folder = OwnLists::new();
    for name in images.keys() {
        if let Some((first, _)) = name.split_once('/')
            && let Some(role) = role_name(first)
        {
            start(&mut by_folder, role, &root.join(first)).push(name.clone());
        }
    }
    Ok(if by_folder.is_empty() {
        Lists::None
    } else {
        Lists::Names(by_folder)
    })
}

/// BasicIRSTD's `train_SET.txt` is the list `train`.
fn before_set(name: &str) -> Option<&str> {
    match name.split_once('_') {
        Some((role @ ("train" | "val" | "test"), _)) => Some(role),
        _ => Some(name),
    }
}

/// The names of a list, which there is from now on, if only an empty one.
fn start<'a>(lists: &'a mut OwnLists, role: &str, path: &Path) -> &'a mut Vec<String> {
    let empty = || (path.to_owned(), Vec::new());
    &mut lists.entry(role.to_owned()).or_insert_with(empty).1
}

/// `train`, `trainval`, `val` or `test`, if a name is one of them; a year may follow, as in COCO's `train2017`.
fn role_name(name: &str) -> Option<&str> {
    match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
        role @ ("train" | "trainval" | "val" | "test") => Some(role),
        "valid" => Some("val"),
        _ => None,
    }
}

/// The list that a file of labels stands for, by its name; one that names none is for training.
fn role_of_file(path: &Path) -> &'static str {
    let name = stem(path).to_ascii_lowercase();
    let roles = ["train", "test", "val"];
    roles
        .into_iter()
        .find(|role| name.contains(role))
        .unwrap_or("train")
}

/// Whether `dir` is a folder at all.
pub(crate) fn is_folder(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|data| data.is_dir())
}
