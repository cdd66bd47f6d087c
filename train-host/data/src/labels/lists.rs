//! Lists as detectors of the YOLOX family are trained from, and in which DAUB and IRDST sequences go round
//! (`coco_train_DAUB.txt` of UESTC-nnLab/SSTNet): one line an image, `PATH x1,y1,x2,y2,class x1,y1,x2,y2,class ...`.

use std::path::Path;

use super::{LabelBox, bad, numbers};
use crate::DataError;
use crate::files::{IMAGE_ENDINGS, read_text, without_ending};

/// One line.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    /// The image as the list names it.
    pub(crate) image: String,
    pub(crate) boxes: Vec<LabelBox>,
    pub(crate) place: String,
}

/// Whether a text is such a list: some line has an image and a box.
pub(crate) fn is_list(text: &str) -> bool {
    text.lines().any(|line| {
        let (image, boxes) = cut(line);
        without_ending(image, &IMAGE_ENDINGS).len() < image.len() && !boxes.is_empty()
    })
}

/// All lines of a list.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, DataError> {
    const WANTED: &str = "x1,y1,x2,y2,class";
    let text = read_text(path)?;
    let mut lines = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let (image, fields) = cut(text);
        let place = format!("line {line}");
        if image.is_empty() && fields.is_empty() {
            continue;
        }
        if without_ending(image, &IMAGE_ENDINGS).len() == image.len() {
            let wanted = "the path of an image, then x1,y1,x2,y2,class for each target";
            return Err(bad(path, &place, format!("{image:?}"), wanted));
        }
        let mut boxes = Vec::new();
        for field in fields.split_whitespace() {
            let values =
                numbers(field).map_err(|part| bad(path, &place, format!("{part:?}"), WANTED))?;
            let ([x1, y1, x2, y2] | [x1, y1, x2, y2, _]) = values[..] else {
                return Err(bad(path, &place, format!("{field:?}"), WANTED));
            };
            boxes.push(LabelBox {
                edges: [x1, y1, x2, y2],
                place: place.clone(),
            });
        }
        lines.push(Line {
            image: image.to_owned(),
            boxes,
            place,
        });
    }
    Ok(lines)
}

/// The path, which may have blanks in it, and the boxes, each of which has a comma.
fn cut(line: &str) -> (&str, &str) {
    let line = line.trim();
    let mut start = line.len();
    for (at, _) in line.rmatch_indices(char::is_whitespace) {
        let field = line.get(at..start).unwrap_or("").trim();
        if !field.is_empty() && !field.contains(',') {
            break;
        }
        start = at;
    }
    let (image, boxes) = line.split_at(start);
    (image.trim(), boxes.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_cut_between_path_and_boxes() {
        assert_eq!(
            cut("a/0.bmp 67,106,75,114,0"),
            ("a/0.bmp", "67,106,75,114,0")
        );
        assert_eq!(
            cut("my set/1 (2).png 1,2,3,4,0  5,6,7,8,0"),
            ("my set/1 (2).png", "1,2,3,4,0  5,6,7,8,0")
        );
        assert_eq!(cut("a/0.bmp"), ("a/0.bmp", ""));
        assert_eq!(cut("  "), ("", ""));
    }

    #[test]
    fn list_of_names_is_no_list_of_boxes() {
        assert!(!is_list("a\nb\n"));
        assert!(!is_list("images/a.png\nimages/b.png\n"));
        assert!(!is_list("1 0.5,0.5\n"));
        assert!(is_list("images/a.png\nimages/b.png 1,2,3,4,0\n"));
    }
}
