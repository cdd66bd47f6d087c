//! Outlines and run lengths of COCO, as masks.

use invdet_core::ImageSize;

/// One annotated region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Region {
    /// Outlines `x0, y0, x1, y1, ...` in pixels; a pixel belongs to the region if its centre is in one of them.
    Polygons(Vec<Vec<f64>>),
    /// Lengths of runs outside and inside in turn, down the columns, the first outside.
    Runs {
        counts: Vec<u32>,
        /// Height, width.
        size: [u32; 2],
    },
}

impl Region {
    /// Sets the pixels of the region to 255; says what is wrong with it if something is.
    pub(crate) fn paint(&self, mask: &mut [u8], size: ImageSize) -> Result<(), String> {
        match self {
            Region::Polygons(outlines) => {
                for outline in outlines {
                    paint_polygon(outline, mask, size)?;
                }
                Ok(())
            }
            Region::Runs { counts, size: own } => paint_runs(counts, *own, mask, size),
        }
    }
}

/// Runs of COCO's compressed text: numbers in groups of 5 bits from the lowest, each in a character from `0` (48) on
/// with 32 for "more follows"; from the fourth number on the difference to the last but one (`rleFrString` of the COCO
/// API is the definition).
pub(crate) fn runs_of_text(text: &str) -> Result<Vec<u32>, String> {
    let mut counts: Vec<u32> = Vec::new();
    let mut bytes = text.bytes();
    let damaged = || "run-length text is cut off or damaged".to_owned();
    while let Some(first) = bytes.next() {
        let (mut value, mut shift, mut byte) = (0i64, 0u32, first);
        loop {
            let group = i64::from(byte.checked_sub(48).ok_or_else(damaged)?);
            if group > 63 || shift > 30 {
                return Err(damaged());
            }
            value |= (group & 31) << shift;
            shift += 5;
            if group & 32 == 0 {
                if group & 16 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            byte = bytes.next().ok_or_else(damaged)?;
        }
        if let (true, Some(&before)) = (counts.len() > 2, counts.iter().nth_back(1)) {
            value += i64::from(before);
        }
        counts.push(u32::try_from(value).map_err(|_| damaged())?);
    }
    Ok(counts)
}

fn paint_runs(
    counts: &[u32],
    [height, width]: [u32; 2],
    mask: &mut [u8],
    size: ImageSize,
) -> Result<(), String> {
    let own = ImageSize::new(width, height);
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    if own != size || total != size.pixels() as u64 {
        return Err(format!(
            "run lengths of {total} pixels for {own}, the image is {size}"
        ));
    }
    let (width, height) = (size.width as usize, size.height as usize);
    let mut at = 0;
    for (turn, &count) in counts.iter().enumerate() {
        let end = at + count as usize;
        if turn % 2 == 1 {
            for place in at..end {
                if let Some(pixel) = mask.get_mut(place % height * width + place / height) {
                    *pixel = u8::MAX;
                }
            }
        }
        at = end;
    }
    Ok(())
}

fn paint_polygon(outline: &[f64], mask: &mut [u8], size: ImageSize) -> Result<(), String> {
    if outline.len() < 6 || outline.len() % 2 == 1 || outline.iter().any(|v| !v.is_finite()) {
        return Err(format!("an outline of {} numbers", outline.len()));
    }
    let points: Vec<[f64; 2]> = outline.chunks_exact(2).map(|p| [p[0], p[1]]).collect();
    let next = points.iter().cycle().skip(1);
    let edges: Vec<_> = points.iter().zip(next).collect();
    let mut painted = false;
    for (y, row) in mask
        .chunks_exact_mut(size.width.max(1) as usize)
        .enumerate()
    {
        let level = y as f64 + 0.5;
        let mut crossings: Vec<f64> = edges
            .iter()
            .filter(|(a, b)| (a[1] <= level) != (b[1] <= level))
            .map(|(a, b)| a[0] + (level - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
            .collect();
        crossings.sort_by(f64::total_cmp);
        for span in crossings.chunks_exact(2) {
            let column = |edge: f64| (edge - 0.5).ceil().clamp(0.0, f64::from(size.width)) as usize;
            if let Some(inside) = row.get_mut(column(span[0])..column(span[1])) {
                painted |= !inside.is_empty();
                inside.fill(u8::MAX);
            }
        }
    }
    // An outline between the centres of pixels is of a target all the same: the pixel under its middle.
    if !painted {
        let n = points.len() as f64;
        let middle = |axis: usize| points.iter().map(|p| p[axis]).sum::<f64>() / n;
        let (x, y) = (middle(0).floor(), middle(1).floor());
        let inside =
            (0.0..f64::from(size.width)).contains(&x) && (0.0..f64::from(size.height)).contains(&y);
        let at = y as usize * size.width as usize + x as usize;
        match mask.get_mut(at).filter(|_| inside) {
            Some(pixel) => *pixel = u8::MAX,
            None => {
                return Err(format!(
                    "an outline about ({x}, {y}), outside the image of {size}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize {
        width: 6,
        height: 4,
    };

    fn painted(region: &Region) -> Vec<usize> {
        let mut mask = vec![0; SIZE.pixels()];
        region.paint(&mut mask, SIZE).unwrap();
        (0..mask.len()).filter(|&at| mask[at] > 0).collect()
    }

    #[test]
    fn outline_covers_the_pixels_whose_centres_it_holds() {
        // A rectangle from (1, 1) to (4, 3): pixels 1..4 of rows 1 and 2.
        let region = Region::Polygons(vec![vec![1., 1., 4., 1., 4., 3., 1., 3.]]);
        assert_eq!(painted(&region), [7, 8, 9, 13, 14, 15]);
        // The lower left half of a square of 4.
        let region = Region::Polygons(vec![vec![0., 0., 4., 4., 0., 4.]]);
        assert_eq!(painted(&region).len(), 6);
    }

    #[test]
    fn outline_smaller_than_a_pixel_is_one_pixel() {
        let region = Region::Polygons(vec![vec![2.1, 1.1, 2.3, 1.1, 2.3, 1.3]]);
        assert_eq!(painted(&region), [8]);
    }

    #[test]
    fn runs_go_down_the_columns() {
        // 5 outside: column 0 and the first of column 1; then 2 inside: rows 1 and 2 of column 1.
        let region = Region::Runs {
            counts: vec![5, 2, 17],
            size: [4, 6],
        };
        assert_eq!(painted(&region), [7, 13]);
    }

    #[test]
    fn compressed_runs_are_those_of_the_coco_api() {
        // By hand: 5 -> '5', 2 -> '2', 17 = 10001b -> low group 17 with "more" (32) -> 49 + 48 = 'a', then 0 -> '0'.
        assert_eq!(runs_of_text("52a0").unwrap(), [5, 2, 17]);
        // The fourth is a difference to the second: 2 + 1 = 3 -> '1'; the fifth to the third: 17 - 4 -> 28 -> 'L'.
        assert_eq!(runs_of_text("52a01L").unwrap(), [5, 2, 17, 3, 13]);
        for damaged in ["a", "!", "52a0L"] {
            assert!(runs_of_text(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn runs_of_another_size_are_refused() {
        let mut mask = vec![0; SIZE.pixels()];
        for (counts, size) in [
            (vec![24], [6, 4]),
            (vec![23], [4, 6]),
            (vec![u32::MAX, u32::MAX], [4, 6]),
        ] {
            assert!(
                Region::Runs { counts, size }
                    .paint(&mut mask, SIZE)
                    .is_err()
            );
        }
    }
}
