//! YOLO: one text file an image, one line a target: `class cx cy w h`, fractions of the image's width and height.
//!
//! An empty file, and an image without a file, mean "no target", as ultralytics reads them.

use std::path::Path;

use invdet_core::ImageSize;

use super::{LabelBox, bad, numbers};
use crate::DataError;
use crate::files::read_text;

/// The boxes of a file about an image of `size`.
pub(crate) fn read(path: &Path, size: ImageSize) -> Result<Vec<LabelBox>, DataError> {
    let text = read_text(path)?;
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let mut boxes = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let place = format!("line {line}");
        let values = numbers(text).map_err(|field| {
            bad(
                path,
                &place,
                format!("{field:?}"),
                "numbers: class cx cy w h",
            )
        })?;
        let [_, cx, cy, w, h] = values[..] else {
            let found = format!("{} numbers", values.len());
            return Err(bad(path, &place, found, "5 numbers: class cx cy w h"));
        };
        for (name, value) in [("cx", cx), ("cy", cy), ("w", w), ("h", h)] {
            if !(0.0..=1.0).contains(&value) {
                let found = format!("{name} {value}");
                return Err(bad(path, &place, found, "a fraction of the image, 0 to 1"));
            }
        }
        let center = [cx * width, cy * height, w * width, h * height];
        boxes.push(LabelBox::of_center(center, place));
    }
    Ok(boxes)
}
