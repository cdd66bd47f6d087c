//! 8-connected components of a binary mask.
//!
//! In: pixels row by row and a rule which of them are foreground. Out: components in raster order of their first
//! pixel, the order of scikit-image's `measure.label(connectivity=2)`, which the matching rule of Pd depends on.
//! Refused: nothing; pixels that a short buffer lacks are background.
//!
//! Works on runs (maximal horizontal spans) and a union-find over them, so the cost is one pass over the pixels plus
//! something small per run.

use std::collections::BTreeMap;

/// One 8-connected blob.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Number of pixels.
    pub area: u32,
    /// Mean column index: integer sum divided by `area`, one rounding. Add 0.5 for the box frame.
    pub centroid_x: f64,
    /// Mean row index.
    pub centroid_y: f64,
    /// First column.
    pub x_min: u32,
    /// First row.
    pub y_min: u32,
    /// One past the last column.
    pub x_max: u32,
    /// One past the last row.
    pub y_max: u32,
}

impl Component {
    /// Columns spanned.
    pub const fn width(&self) -> u32 {
        self.x_max - self.x_min
    }

    /// Rows spanned.
    pub const fn height(&self) -> u32 {
        self.y_max - self.y_min
    }

    /// Centre of the bounding box `[x_min, x_max) x [y_min, y_max)`, pixels in the box frame.
    pub fn box_center(&self) -> (f64, f64) {
        (
            f64::from(self.x_min + self.x_max) / 2.0,
            f64::from(self.y_min + self.y_max) / 2.0,
        )
    }

    /// Euclidean distance of the centroids in pixels, `sqrt(dx*dx + dy*dy)`: rounded as NumPy rounds it, so that a
    /// distance of exactly 3 stays exactly 3.
    pub fn centroid_distance(&self, other: &Component) -> f64 {
        let (dx, dy) = (
            self.centroid_x - other.centroid_x,
            self.centroid_y - other.centroid_y,
        );
        (dy * dy + dx * dx).sqrt()
    }
}

/// A horizontal span of foreground pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Row.
    pub y: u32,
    /// First column.
    pub start: u32,
    /// One past the last column.
    pub end: u32,
    /// Index into [`Labelling::components`].
    pub component: u32,
}

/// Components together with the pixels they consist of.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Labelling {
    /// In raster order of the first pixel.
    pub components: Vec<Component>,
    /// In raster order.
    pub runs: Vec<Run>,
}

/// What counts as foreground without being told: `true`, or any byte but 0.
pub trait Foreground: Copy {
    /// Whether the pixel belongs to an object.
    fn is_foreground(self) -> bool;
}

impl Foreground for bool {
    fn is_foreground(self) -> bool {
        self
    }
}

impl Foreground for u8 {
    fn is_foreground(self) -> bool {
        self != 0
    }
}

/// Components of a mask of `bool` or of bytes (0 is background), `width * height` values row by row.
///
/// Masks with grey levels want [`components_where`] with a threshold.
pub fn components<T: Foreground>(mask: &[T], width: u32, height: u32) -> Vec<Component> {
    components_where(mask, width, height, T::is_foreground)
}

/// Components of the pixels for which `foreground` holds, such as `|m| m > 127`.
pub fn components_where<T: Copy>(
    pixels: &[T],
    width: u32,
    height: u32,
    foreground: impl Fn(T) -> bool,
) -> Vec<Component> {
    label_where(pixels, width, height, foreground).components
}

/// Components and their runs.
pub fn label_where<T: Copy>(
    pixels: &[T],
    width: u32,
    height: u32,
    foreground: impl Fn(T) -> bool,
) -> Labelling {
    let mut runs: Vec<Run> = Vec::new();
    // parent[i] <= i: a root is the first run of its component in raster order.
    let mut parent: Vec<u32> = Vec::new();
    if width == 0 {
        return Labelling::default();
    }
    let mut above = 0..0;
    for (y, row) in (0..height).zip(pixels.chunks(width as usize)) {
        let first = runs.len();
        find_runs(row, y, &foreground, &mut runs);
        let here = first..runs.len();
        parent.extend((here.start..here.end).map(|i| i as u32));
        link_rows(&runs, &mut parent, above, here.clone());
        above = here;
    }
    number(runs, &mut parent)
}

fn find_runs<T: Copy>(row: &[T], y: u32, foreground: &impl Fn(T) -> bool, runs: &mut Vec<Run>) {
    let mut open: Option<u32> = None;
    for (x, &value) in (0_u32..).zip(row) {
        match (foreground(value), open) {
            (true, None) => open = Some(x),
            (false, Some(start)) => {
                runs.push(Run {
                    y,
                    start,
                    end: x,
                    component: 0,
                });
                open = None;
            }
            _ => {}
        }
    }
    if let Some(start) = open {
        runs.push(Run {
            y,
            start,
            end: row.len() as u32,
            component: 0,
        });
    }
}

/// Unites the runs of two neighbouring rows that touch, corners included. Both rows are sorted by column.
fn link_rows(
    runs: &[Run],
    parent: &mut [u32],
    above: std::ops::Range<usize>,
    here: std::ops::Range<usize>,
) {
    let (mut a, mut b) = (above.start, here.start);
    while a < above.end && b < here.end {
        let (Some(up), Some(low)) = (runs.get(a), runs.get(b)) else {
            return;
        };
        if up.start <= low.end && low.start <= up.end {
            unite(parent, a as u32, b as u32);
        }
        if up.end < low.end { a += 1 } else { b += 1 }
    }
}

fn root(parent: &mut [u32], mut i: u32) -> u32 {
    while let Some(&up) = parent.get(i as usize) {
        if up == i {
            break;
        }
        // Path halving keeps the trees flat without a second pass.
        let over = parent.get(up as usize).copied().unwrap_or(up);
        if let Some(slot) = parent.get_mut(i as usize) {
            *slot = over;
        }
        i = over;
    }
    i
}

fn unite(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    if let Some(slot) = parent.get_mut(a.max(b) as usize) {
        *slot = a.min(b);
    }
}

#[derive(Clone, Copy)]
struct Sums {
    area: u64,
    x: u64,
    y: u64,
    bounds: [u32; 4],
}

fn number(mut runs: Vec<Run>, parent: &mut [u32]) -> Labelling {
    let mut sums: Vec<Sums> = Vec::new();
    let mut labels: Vec<u32> = Vec::with_capacity(runs.len());
    for (i, run) in (0_u32..).zip(runs.iter_mut()) {
        let top = root(parent, i);
        let label = if top == i {
            sums.push(Sums {
                area: 0,
                x: 0,
                y: 0,
                bounds: [u32::MAX, u32::MAX, 0, 0],
            });
            sums.len() as u32 - 1
        } else {
            labels.get(top as usize).copied().unwrap_or_default()
        };
        labels.push(label);
        run.component = label;
        if let Some(sum) = sums.get_mut(label as usize) {
            let (start, end) = (u64::from(run.start), u64::from(run.end));
            let n = end - start;
            sum.area += n;
            sum.x += (start + end - 1) * n / 2;
            sum.y += u64::from(run.y) * n;
            let [x_min, y_min, x_max, y_max] = sum.bounds;
            sum.bounds = [
                x_min.min(run.start),
                y_min.min(run.y),
                x_max.max(run.end),
                y_max.max(run.y + 1),
            ];
        }
    }
    let components = sums.iter().map(Sums::finish).collect();
    Labelling { components, runs }
}

impl Sums {
    fn finish(&self) -> Component {
        let [x_min, y_min, x_max, y_max] = self.bounds;
        Component {
            area: u32::try_from(self.area).unwrap_or(u32::MAX),
            centroid_x: self.x as f64 / self.area as f64,
            centroid_y: self.y as f64 / self.area as f64,
            x_min,
            y_min,
            x_max,
            y_max,
        }
    }
}

/// Number of pixels that a component of `a` shares with a component of `b`, for the pairs that share any.
pub fn overlaps(a: &Labelling, b: &Labelling) -> BTreeMap<(u32, u32), u64> {
    let mut shared = BTreeMap::new();
    let (mut left, mut right) = (a.runs.iter().peekable(), b.runs.iter().peekable());
    while let (Some(p), Some(q)) = (left.peek(), right.peek()) {
        if p.y == q.y {
            let (start, end) = (p.start.max(q.start), p.end.min(q.end));
            if start < end {
                *shared.entry((p.component, q.component)).or_insert(0) += u64::from(end - start);
            }
        }
        let _passed = if (p.y, p.end) <= (q.y, q.end) {
            left.next()
        } else {
            right.next()
        };
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: &[&str]) -> (Vec<bool>, u32, u32) {
        let pixels = rows
            .iter()
            .flat_map(|r| r.chars().map(|c| c == '#'))
            .collect();
        (pixels, rows[0].len() as u32, rows.len() as u32)
    }

    #[test]
    fn corners_connect() {
        let (pixels, w, h) = picture(&["#..", ".#.", "..#"]);
        let found = components(&pixels, w, h);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].area, 3);
        assert_eq!((found[0].centroid_x, found[0].centroid_y), (1.0, 1.0));
    }

    #[test]
    fn labels_follow_the_first_pixel_in_raster_order_even_when_arms_join_late() {
        // The left arm starts after the right one but both belong to the component that starts first.
        let (pixels, w, h) = picture(&["....#", "#...#", "#.#.#", "####."]);
        let found = components(&pixels, w, h);
        assert_eq!(found.len(), 1);
        let (pixels, w, h) = picture(&["...#.", "#....", "....#"]);
        let found = components(&pixels, w, h);
        assert_eq!(
            found.iter().map(|c| (c.x_min, c.y_min)).collect::<Vec<_>>(),
            [(3, 0), (0, 1), (4, 2)]
        );
    }

    #[test]
    fn bounds_are_half_open_and_touch_the_border() {
        let (pixels, w, h) = picture(&["##", "##"]);
        let c = components(&pixels, w, h)[0];
        assert_eq!((c.x_min, c.y_min, c.x_max, c.y_max), (0, 0, 2, 2));
        assert_eq!(c.box_center(), (1.0, 1.0));
        assert_eq!((c.centroid_x, c.centroid_y), (0.5, 0.5));
    }

    #[test]
    fn empty_and_short_buffers_are_background() {
        assert!(components::<u8>(&[], 0, 0).is_empty());
        assert!(components::<u8>(&[], 4, 4).is_empty());
        assert_eq!(components(&[255_u8, 0, 0], 2, 2).len(), 1);
    }

    #[test]
    fn labelling_agrees_with_a_flood_fill_on_random_masks() {
        let mut state = 7_u64;
        for case in 0..300 {
            let (w, h) = (1 + case % 17, 1 + case % 13);
            let pixels: Vec<bool> = (0..w * h)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    (state >> 40) % 10 < 4
                })
                .collect();
            let flood = flood(&pixels, w as usize, h as usize);
            let labelled = label_where(&pixels, w as u32, h as u32, |p| p);
            let mut map = vec![0_u32; pixels.len()];
            for run in &labelled.runs {
                for x in run.start..run.end {
                    map[(run.y * w as u32 + x) as usize] = run.component + 1;
                }
            }
            assert_eq!(map, flood, "case {case}");
        }
    }

    fn flood(pixels: &[bool], w: usize, h: usize) -> Vec<u32> {
        let mut map = vec![0; pixels.len()];
        let mut next = 0;
        for start in 0..pixels.len() {
            if !pixels[start] || map[start] != 0 {
                continue;
            }
            next += 1;
            map[start] = next;
            let mut stack = vec![start];
            while let Some(i) = stack.pop() {
                let (y, x) = (i / w, i % w);
                for ny in y.saturating_sub(1)..(y + 2).min(h) {
                    for nx in x.saturating_sub(1)..(x + 2).min(w) {
                        let j = ny * w + nx;
                        if pixels[j] && map[j] == 0 {
                            map[j] = next;
                            stack.push(j);
                        }
                    }
                }
            }
        }
        map
    }

    #[test]
    fn overlaps_count_shared_pixels() {
        let (a, w, h) = picture(&["##..#", "##..#", "....."]);
        let (b, _, _) = picture(&[".####", "....#", "....."]);
        let shared = overlaps(&label_where(&a, w, h, |p| p), &label_where(&b, w, h, |p| p));
        assert_eq!(
            shared.into_iter().collect::<Vec<_>>(),
            [((0, 0), 1), ((1, 0), 2)]
        );
    }
}
