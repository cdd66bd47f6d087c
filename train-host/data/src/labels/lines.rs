//! Text files of plain pixel numbers: IRDST's one file an image, and one file a sequence.

use std::collections::BTreeMap;
use std::path::Path;

use invdet_core::ImageSize;

use super::{LabelBox, POINT_BOX_PX, bad, numbers};
use crate::DataError;
use crate::files::read_text;

/// IRDST's `boxes/`: one line a target, `[x, y, w, h]`, upper left corner and size in pixels.
pub(crate) fn read_boxes(path: &Path, _: ImageSize) -> Result<Vec<LabelBox>, DataError> {
    let read = |values: &[f64], place: String| match *values {
        [x, y, w, h] => Some(LabelBox::of_corner([x, y, w, h], place)),
        _ => None,
    };
    read_lines(path, "4 numbers: x y w h", read)
}

/// IRDST's `center/`: one line a target, `[x, y]`, centre in pixels; the box is [`POINT_BOX_PX`] wide and high.
pub(crate) fn read_centers(path: &Path, _: ImageSize) -> Result<Vec<LabelBox>, DataError> {
    let read = |values: &[f64], place: String| match *values {
        [x, y] => Some(point(x, y, place)),
        _ => None,
    };
    read_lines(path, "2 numbers: x y", read)
}

/// A sequence: one line a target, `frame x y` (a pixel, counted from 0) or `frame x y w h` (upper left corner and
/// size); `frame` is the number in the name of the image. A first line of words is a heading.
pub(crate) fn read_sequence(path: &Path) -> Result<BTreeMap<u64, Vec<LabelBox>>, DataError> {
    const WANTED: &str = "`frame x y` or `frame x y w h`";
    let text = read_text(path)?;
    let mut frames: BTreeMap<u64, Vec<LabelBox>> = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        let place = format!("line {line}");
        let values = match numbers(text) {
            Ok(values) if values.is_empty() => continue,
            Ok(values) => values,
            Err(_) if line == 1 => continue,
            Err(field) => return Err(bad(path, &place, format!("{field:?}"), WANTED)),
        };
        let (frame, label) = match values[..] {
            // The centre of pixel i is at i + 0.5.
            [frame, x, y] => (frame, point(x + 0.5, y + 0.5, place.clone())),
            [frame, x, y, w, h] => (frame, LabelBox::of_corner([x, y, w, h], place.clone())),
            _ => {
                return Err(bad(
                    path,
                    &place,
                    format!("{} numbers", values.len()),
                    WANTED,
                ));
            }
        };
        if !(0.0..1e9).contains(&frame) || frame.fract() != 0.0 {
            let found = format!("frame {frame}");
            return Err(bad(path, &place, found, "a whole number, 0 or above"));
        }
        frames.entry(frame as u64).or_default().push(label);
    }
    Ok(frames)
}

fn point(x: f64, y: f64, place: String) -> LabelBox {
    LabelBox::of_center([x, y, POINT_BOX_PX, POINT_BOX_PX], place)
}

fn read_lines(
    path: &Path,
    wanted: &'static str,
    read: impl Fn(&[f64], String) -> Option<LabelBox>,
) -> Result<Vec<LabelBox>, DataError> {
    let text = read_text(path)?;
    let mut boxes = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let place = format!("line {line}");
        let values =
            numbers(text).map_err(|field| bad(path, &place, format!("{field:?}"), wanted))?;
        let found = format!("{} numbers", values.len());
        boxes.push(read(&values, place.clone()).ok_or_else(|| bad(path, &place, found, wanted))?);
    }
    Ok(boxes)
}
