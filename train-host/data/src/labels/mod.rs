//! From label files to targets.
//!
//! * In: a mask, or boxes in one of the formats below, and the size of the image.
//! * Out: a [`Truth`]: targets, and a mask that says whether it is one.
//! * Refuses by file and line or element: numbers that are none, boxes without area, boxes outside the image.
//!
//! | format | a box | pixels `[left, right)` |
//! |---|---|---|
//! | [`voc`] | `xmin ymin xmax ymax`, 1-based, both ends within | `[xmin - 1, xmax)` |
//! | [`coco`] | `[x, y, w, h]` | `[x, x + w)` |
//! | [`yolo`] | `class cx cy w h`, fractions of the image | `[(cx - w/2) W, (cx + w/2) W)` |
//! | [`lines`] | IRDST: `[x, y, w, h]` or a centre `[x, y]`; sequences: `frame x y [w h]` | `[x, x + w)` |
//! | [`lists`] | `PATH x1,y1,x2,y2,class ...` | `[x1, x2)` |

pub(crate) mod coco;
pub(crate) mod lines;
pub(crate) mod lists;
pub(crate) mod region;
pub(crate) mod voc;
pub(crate) mod yolo;

use std::path::Path;

use invdet_core::ImageSize;

use crate::sample::{TARGET_ABOVE, Target, fill};
use crate::{DataError, decode::read_mask};

/// Side of the box around a target of which only the point is known, pixels: what users of DAUB, whose labels are
/// points, draw around them (`json/DAUB_instances_*.json` of UESTC-nnLab/SSTNet).
pub(crate) const POINT_BOX_PX: f64 = 8.0;

/// A box as its file has it, in pixels of the image; not yet held against the size of the image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabelBox {
    /// Left, top, right, bottom.
    pub(crate) edges: [f64; 4],
    /// Line or element of the file.
    pub(crate) place: String,
}

impl LabelBox {
    /// Of the upper left corner and the size.
    pub(crate) fn of_corner([x, y, w, h]: [f64; 4], place: String) -> Self {
        Self {
            edges: [x, y, x + w, y + h],
            place,
        }
    }

    /// Of the centre and the size.
    pub(crate) fn of_center([x, y, w, h]: [f64; 4], place: String) -> Self {
        Self::of_corner([x - w / 2.0, y - h / 2.0, w, h], place)
    }
}

/// What the labels say of one image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truth {
    /// As [`crate::Sample::mask`].
    pub(crate) mask: Vec<u8>,
    /// As [`crate::Sample::has_mask`].
    pub(crate) has_mask: bool,
    /// As [`crate::Sample::targets`].
    pub(crate) targets: Vec<Target>,
    /// Boxes that reach over the edge of the image by more than a rounding; their visible part is a target.
    pub(crate) over_edge: usize,
}

impl Truth {
    /// Of mask bytes that fit the image.
    pub(crate) fn of_mask(mask: Vec<u8>, size: ImageSize) -> Self {
        Self {
            targets: Target::of_mask(&mask, size, TARGET_ABOVE),
            mask,
            has_mask: true,
            over_edge: 0,
        }
    }

    /// Of a mask file.
    pub(crate) fn of_mask_file(path: &Path, size: ImageSize) -> Result<Self, DataError> {
        let mask = read_mask(path)?;
        if mask.size != size {
            return Err(DataError::SizeMismatch {
                mask: path.into(),
                mask_size: mask.size,
                image_size: size,
            });
        }
        let is_faint = !mask.bytes.iter().any(|&byte| byte > TARGET_ABOVE);
        if is_faint && mask.largest > 0 {
            return Err(DataError::FaintMask {
                path: path.into(),
                largest: mask.largest,
                full: mask.full,
            });
        }
        Ok(Self::of_mask(mask.bytes, size))
    }

    /// Of the boxes of the file `path`, in its order.
    pub(crate) fn of_boxes(
        path: &Path,
        boxes: &[LabelBox],
        size: ImageSize,
    ) -> Result<Self, DataError> {
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let mut targets = Vec::with_capacity(boxes.len());
        let mut over_edge = 0;
        for LabelBox { edges, place } in boxes {
            let [left, top, right, bottom] = *edges;
            let refuse = |found: String, wanted| Err(bad(path, place, found, wanted));
            if !edges.iter().all(|edge| edge.is_finite()) {
                return refuse(box_text(edges), "finite numbers");
            }
            if !(right > left && bottom > top) {
                return refuse(box_text(edges), "a box wider and higher than 0 pixels");
            }
            let visible = [
                left.max(0.0),
                top.max(0.0),
                right.min(width),
                bottom.min(height),
            ];
            if visible[0] >= visible[2] || visible[1] >= visible[3] {
                let found = format!("{} lies outside the image of {size}", box_text(edges));
                return refuse(found, "a box within it");
            }
            let moved = visible.iter().zip(edges).map(|(a, b)| (a - b).abs());
            // Up to one pixel is rounding, or the corner 0 that some tools write into the 1-based files of VOC.
            over_edge += usize::from(moved.fold(0.0, f64::max) > 1.0);
            targets.push(Target::of_edges(visible.map(|edge| edge as f32)));
        }
        Ok(Self {
            mask: fill(&targets, size, u8::MAX),
            has_mask: false,
            targets,
            over_edge,
        })
    }
}

/// The refusal of one place of a label file.
pub(crate) fn bad(
    path: &Path,
    place: &str,
    found: impl Into<String>,
    wanted: &'static str,
) -> DataError {
    DataError::BadLabel {
        path: path.into(),
        place: place.to_owned(),
        found: found.into(),
        wanted,
    }
}

/// The numbers of a text, separated by blanks or commas, within brackets or not.
pub(crate) fn numbers(text: &str) -> Result<Vec<f64>, &str> {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')'))
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .filter(|field| !field.is_empty())
        .map(|field| field.parse().map_err(|_| field))
        .collect()
}

fn box_text([left, top, right, bottom]: &[f64; 4]) -> String {
    format!("the box from ({left}, {top}) to ({right}, {bottom})")
}
