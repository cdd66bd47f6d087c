//! Pascal VOC: one XML file an image, `<object>` with `<bndbox>`.
//!
//! Coordinates are read as the VOC development kit defines them: 1-based pixels, both ends within the box, so `xmin`
//! 1 and `xmax` W cover the image. Tools differ: LabelImg and CVAT write edges from 0 (the box comes out one pixel larger to the
//! left and above), the boxes of SIRST v2 end one pixel late (one pixel larger to the right and below).

use std::path::Path;

use invdet_core::ImageSize;
use roxmltree::{Document, Node};

use super::{LabelBox, bad};
use crate::DataError;
use crate::files::read_text;

const WANTED: &str = "a Pascal VOC annotation";

/// The boxes of a file about an image of `size`.
pub(crate) fn read(path: &Path, size: ImageSize) -> Result<Vec<LabelBox>, DataError> {
    let text = read_text(path)?;
    if text.is_empty() {
        return Err(DataError::EmptyFile { path: path.into() });
    }
    let document = Document::parse(&text).map_err(|error| {
        let at = error.pos();
        let place = format!("line {}, column {}", at.row, at.col);
        bad(
            path,
            &place,
            format!("cut off or damaged XML ({error})"),
            WANTED,
        )
    })?;
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        let found = format!("<{}>", root.tag_name().name());
        return Err(bad(path, "root element", found, "<annotation>"));
    }
    check_size(path, &document, size)?;
    let objects = root.children().filter(|n| n.has_tag_name("object"));
    objects
        .enumerate()
        .map(|(at, object)| {
            let line = document.text_pos_at(object.range().start).row;
            read_object(path, object, format!("object {} (line {line})", at + 1))
        })
        .collect()
}

fn read_object(path: &Path, object: Node<'_, '_>, place: String) -> Result<LabelBox, DataError> {
    let bounds = child(object, "bndbox")
        .ok_or_else(|| bad(path, &place, "no <bndbox>", "xmin, ymin, xmax, ymax in it"))?;
    let mut edges = [0.0; 4];
    for (edge, key) in edges.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
        let text = child(bounds, key)
            .and_then(|node| node.text())
            .ok_or_else(|| bad(path, &place, format!("no <{key}>"), "a number of pixels"))?;
        *edge = text.trim().parse().map_err(|_| {
            let found = format!("{key} {:?}", text.trim());
            bad(path, &place, found, "a number of pixels")
        })?;
    }
    edges[0] -= 1.0;
    edges[1] -= 1.0;
    Ok(LabelBox { edges, place })
}

/// `<size>` may lack or be 0, as some tools write it; if it says something it must be the truth.
fn check_size(path: &Path, document: &Document<'_>, size: ImageSize) -> Result<(), DataError> {
    let Some(node) = child(document.root_element(), "size") else {
        return Ok(());
    };
    let side = |key| child(node, key)?.text()?.trim().parse::<u32>().ok();
    match (side("width"), side("height")) {
        (Some(width), Some(height))
            if width > 0 && height > 0 && ImageSize::new(width, height) != size =>
        {
            Err(DataError::LabelSize {
                path: path.into(),
                label_size: ImageSize::new(width, height),
                image_size: size,
            })
        }
        _ => Ok(()),
    }
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|n| n.has_tag_name(name))
}
