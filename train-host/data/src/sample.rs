//! Samples in memory.
//!
//! * In: a [`Dataset`] and a [`Split`].
//! * Out: one [`Sample`] per listed name, in the order of the list: counts, mask, targets.
//! * Refuses the whole split at the first file that is missing, damaged or does not fit.

use invdet_core::ImageSize;
use invdet_metrics::components::{Component, components_where};
use invdet_net::normalise::{Affine, Robust};

use crate::dataset::{Dataset, Split};
use crate::decode::read_grey;
use crate::error::DataError;
use crate::parallel;

/// A mask byte above this is a target pixel: the masks of IRSTD-1K have soft edges.
pub const TARGET_ABOVE: u8 = 127;

/// One target: an 8-connected component of the mask and the smallest box around it, or a labelled box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Centre of the box, pixels; pixel `i` covers `[i, i + 1)`.
    pub x: f32,
    /// Centre of the box, pixels.
    pub y: f32,
    /// Width of the box `[xmin, xmax + 1)`, pixels.
    pub w: f32,
    /// Height of the box, pixels.
    pub h: f32,
    /// Pixels of the component; of a labelled box its area, at least 1.
    pub area: u32,
}

impl Target {
    /// The targets of a mask, in the raster order of their first pixel: its components above `above`.
    pub(crate) fn of_mask(mask: &[u8], size: ImageSize, above: u8) -> Vec<Self> {
        let components = components_where(mask, size.width, size.height, |byte| byte > above);
        components.iter().map(Self::from).collect()
    }

    /// The box from left and top to right and bottom.
    pub(crate) fn of_edges([left, top, right, bottom]: [f32; 4]) -> Self {
        let (w, h) = (right - left, bottom - top);
        Self {
            x: (left + right) / 2.0,
            y: (top + bottom) / 2.0,
            w,
            h,
            area: (w * h).round().max(1.0) as u32,
        }
    }

    /// Left, top, right, bottom.
    pub(crate) fn edges(&self) -> [f32; 4] {
        let (w, h) = (self.w / 2.0, self.h / 2.0);
        [self.x - w, self.y - h, self.x + w, self.y + h]
    }
}

/// A mask with the boxes of `targets` filled with `value`, edges rounded to whole pixels, each at least one pixel.
pub(crate) fn fill(targets: &[Target], size: ImageSize, value: u8) -> Vec<u8> {
    let mut mask = vec![0; size.pixels()];
    // Within the image and at least one pixel long, whatever the rounding says.
    let span = |start: f32, end: f32, length: u32| {
        let first = (start.round().max(0.0) as usize).min((length as usize).saturating_sub(1));
        first..(end.round().max(0.0) as usize).clamp(first + 1, (length as usize).max(first + 1))
    };
    for target in targets {
        let [left, top, right, bottom] = target.edges();
        let columns = span(left, right, size.width);
        for row in span(top, bottom, size.height) {
            let start = row * size.width as usize;
            if let Some(row) = mask.get_mut(start + columns.start..start + columns.end) {
                row.fill(value);
            }
        }
    }
    mask
}

impl From<&Component> for Target {
    fn from(component: &Component) -> Self {
        let (x, y) = component.box_center();
        Self {
            x: x as f32,
            y: y as f32,
            w: component.width() as f32,
            h: component.height() as f32,
            area: component.area,
        }
    }
}

/// One labelled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the data set.
    pub set: String,
    /// Name of the image, without ending.
    pub name: String,
    /// Size of image and mask.
    pub size: ImageSize,
    /// Bits of a count: 8 (grey levels 0..=255) or 16.
    pub bits: u8,
    /// Grey counts in raster order.
    pub counts: Vec<u16>,
    /// The mask as stored, channel 0, in raster order; a target pixel is above [`TARGET_ABOVE`]. Without `has_mask` the
    /// boxes of the targets, filled: where targets are, but not which pixels are theirs.
    pub mask: Vec<u8>,
    /// Whether `mask` is one. False for every image of a set labelled with boxes, also for those without a target, so
    /// that a mask is not learned from empty images alone. Without it nothing that looks at pixels of targets may be
    /// learned or judged.
    pub has_mask: bool,
    /// Targets: of a mask in the raster order of their first pixel, of boxes in the order of the file.
    pub targets: Vec<Target>,
    /// Robust normalisation of the whole image, as the runtime measures it.
    pub robust: Affine,
}

impl Sample {
    fn load(dataset: &Dataset, name: &str, robust: &mut Robust) -> Result<Self, DataError> {
        let image = read_grey(dataset.image(name)?)?;
        let truth = dataset.truth(name, image.size)?;
        Ok(Self {
            set: dataset.name().to_owned(),
            name: name.to_owned(),
            size: image.size,
            bits: image.bits,
            robust: robust.measure(&image.counts),
            counts: image.counts,
            mask: truth.mask,
            has_mask: truth.has_mask,
            targets: truth.targets,
        })
    }
}

/// Loads all samples of a split, in the order of its list, on all cores.
///
/// # Errors
/// The first [`DataError`] in the order of the list.
pub fn load_split(dataset: &Dataset, split: &Split) -> Result<Vec<Sample>, DataError> {
    let names = dataset.names(split)?;
    let load = |robust: &mut Robust, name: &String| Sample::load(dataset, name, robust);
    parallel::map(&names, Robust::new, load)
        .into_iter()
        .collect()
}
