//! Samples in memory.
//!
//! * In: a [`Dataset`] and a [`Split`].
//! * Out: one [`Sample`] per listed name, in the order of the list: counts, mask, targets.
//! * Refuses the whole split at the first file that is missing, damaged or does not fit.

use std::num::NonZero;
use std::thread;

use invdet_core::ImageSize;
use invdet_metrics::components::{Component, components_where};
use invdet_net::normalise::{Affine, Robust};

use crate::dataset::{Dataset, Split};
use crate::decode::{read_grey, read_mask};
use crate::error::DataError;

/// A mask byte above this is a target pixel: the masks of IRSTD-1K have soft edges.
pub const TARGET_ABOVE: u8 = 127;

/// One target: an 8-connected component of the mask and the smallest box around it.
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
    /// Pixels of the component.
    pub area: u32,
}

impl Target {
    /// The targets of a mask, in the raster order of their first pixel: its components above `above`.
    pub(crate) fn of_mask(mask: &[u8], size: ImageSize, above: u8) -> Vec<Self> {
        let components = components_where(mask, size.width, size.height, |byte| byte > above);
        components.iter().map(Self::from).collect()
    }
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
    /// The mask as stored, channel 0, in raster order; a target pixel is above [`TARGET_ABOVE`].
    pub mask: Vec<u8>,
    /// Targets in the raster order of their first pixel.
    pub targets: Vec<Target>,
    /// Robust normalisation of the whole image, as the runtime measures it.
    pub robust: Affine,
}

impl Sample {
    fn load(dataset: &Dataset, name: &str, robust: &mut Robust) -> Result<Self, DataError> {
        let image = read_grey(dataset.image(name)?)?;
        let mask_path = dataset.mask(name)?;
        let mask = read_mask(mask_path)?;
        if mask.size != image.size {
            return Err(DataError::SizeMismatch {
                mask: mask_path.into(),
                mask_size: mask.size,
                image_size: image.size,
            });
        }
        let targets = Target::of_mask(&mask.bytes, mask.size, TARGET_ABOVE);
        Ok(Self {
            set: dataset.name().to_owned(),
            name: name.to_owned(),
            size: image.size,
            bits: image.bits,
            robust: robust.measure(&image.counts),
            counts: image.counts,
            mask: mask.bytes,
            targets,
        })
    }
}

/// Loads all samples of a split, in the order of its list, on all cores.
///
/// # Errors
/// The first [`DataError`] in the order of the list.
pub fn load_split(dataset: &Dataset, split: &Split) -> Result<Vec<Sample>, DataError> {
    let names = dataset.names(split)?;
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = names.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = names
            .chunks(share)
            .map(|names| {
                scope.spawn(move || {
                    let mut robust = Robust::new();
                    names
                        .iter()
                        .map(|name| Sample::load(dataset, name, &mut robust))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut samples = Vec::with_capacity(names.len());
        for part in parts {
            // A worker has no way to panic on input; should it do so, the panic is a bug and goes on here.
            let loaded = part
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for sample in loaded {
                samples.push(sample?);
            }
        }
        Ok(samples)
    })
}
