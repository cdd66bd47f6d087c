//! COCO: one JSON file for many images, `images` and `annotations` with `bbox` and perhaps `segmentation`.
//!
//! An image has a mask if each of its annotations has an outline or run lengths (and some annotation of the file has);
//! an outline that is nothing but the rectangle of its box is none. Annotations of crowds are read as any other, since
//! tools mark every run-length mask so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use invdet_core::ImageSize;
use serde::Deserialize;

use super::region::{Region, runs_of_text};
use super::{LabelBox, Truth, bad};
use crate::DataError;
use crate::files::read;

/// What a file of labels says of one image.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The file.
    pub(crate) path: PathBuf,
    /// Size that the file claims.
    pub(crate) size: Option<ImageSize>,
    pub(crate) boxes: Vec<LabelBox>,
    /// Regions with their places, where they make a mask.
    pub(crate) regions: Option<Vec<(Region, String)>>,
}

impl Entry {
    /// For an image of `size`.
    pub(crate) fn truth(&self, size: ImageSize) -> Result<Truth, DataError> {
        if let Some(label_size) = self.size
            && label_size != size
        {
            return Err(DataError::LabelSize {
                path: self.path.clone(),
                label_size,
                image_size: size,
            });
        }
        let Some(regions) = &self.regions else {
            return Truth::of_boxes(&self.path, &self.boxes, size);
        };
        let mut mask = vec![0; size.pixels()];
        for (region, place) in regions {
            region
                .paint(&mut mask, size)
                .map_err(|found| bad(&self.path, place, found, "a region of the image"))?;
        }
        Ok(Truth::of_mask(mask, size))
    }
}

/// One image of a file.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The image as the file names it.
    pub(crate) file_name: String,
    pub(crate) entry: Entry,
}

/// All images of a file, in its order.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Listed>, DataError> {
    let bytes = read(path)?;
    if bytes.is_empty() {
        return Err(DataError::EmptyFile { path: path.into() });
    }
    let file: File = serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let found = format!("cut off or damaged JSON ({error})");
        bad(path, &place, found, "COCO with images and annotations")
    })?;
    let mut at_id = BTreeMap::new();
    let mut listed = Vec::with_capacity(file.images.len());
    for (at, image) in file.images.into_iter().enumerate() {
        if at_id.insert(image.id, at).is_some() {
            let found = format!("id {}, which an earlier one has", image.id);
            return Err(bad(
                path,
                &format!("images[{at}]"),
                found,
                "an id of its own",
            ));
        }
        let size = match (image.width, image.height) {
            (Some(width), Some(height)) if width > 0 && height > 0 => {
                Some(ImageSize::new(width, height))
            }
            _ => None,
        };
        listed.push(Listed {
            file_name: image.file_name,
            entry: Entry {
                path: path.into(),
                size,
                boxes: Vec::new(),
                regions: Some(Vec::new()),
            },
        });
    }
    let mut any_region = false;
    for (at, annotation) in file.annotations.into_iter().enumerate() {
        let place = match annotation.id {
            Some(id) => format!("annotations[{at}] (id {id})"),
            None => format!("annotations[{at}]"),
        };
        let image = at_id.get(&annotation.image_id);
        let Some(image) = image.and_then(|&at| listed.get_mut(at)) else {
            let found = format!("image_id {}", annotation.image_id);
            return Err(bad(path, &place, found, "the id of one of its images"));
        };
        let region = annotation
            .region()
            .map_err(|found| bad(path, &place, found, "outlines, or run lengths with a size"))?;
        match (region, &mut image.entry.regions) {
            (Some(region), regions) => {
                any_region = true;
                if let Some(regions) = regions {
                    regions.push((region, place.clone()));
                }
            }
            (None, regions) => *regions = None,
        }
        image
            .entry
            .boxes
            .push(LabelBox::of_corner(annotation.bbox, place));
    }
    if !any_region {
        listed
            .iter_mut()
            .for_each(|image| image.entry.regions = None);
    }
    Ok(listed)
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Deserialize)]
struct Annotation {
    id: Option<u64>,
    image_id: u64,
    bbox: [f64; 4],
    segmentation: Option<Segmentation>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Runs { counts: Counts, size: [u32; 2] },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Counts {
    Plain(Vec<u32>),
    Text(String),
}

impl Annotation {
    fn region(&self) -> Result<Option<Region>, String> {
        match &self.segmentation {
            None => Ok(None),
            Some(Segmentation::Polygons(outlines)) => {
                let all = outlines.iter().filter(|outline| !outline.is_empty());
                let kept: Vec<Vec<f64>> = all.cloned().collect();
                let is_box = matches!(&kept[..], [outline] if self.is_box(outline));
                Ok((!kept.is_empty() && !is_box).then_some(Region::Polygons(kept)))
            }
            Some(Segmentation::Runs { counts, size }) => Ok(Some(Region::Runs {
                counts: match counts {
                    Counts::Plain(counts) => counts.clone(),
                    Counts::Text(text) => runs_of_text(text)?,
                },
                size: *size,
            })),
        }
    }

    /// Whether an outline is the rectangle of the box: some tools fill it in so.
    fn is_box(&self, outline: &[f64]) -> bool {
        let [x, y, w, h] = self.bbox;
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        (8..=10).contains(&outline.len())
            && outline.chunks_exact(2).all(|p| {
                (near(p[0], x) || near(p[0], x + w)) && (near(p[1], y) || near(p[1], y + h))
            })
    }
}
