//! Augmented crops for training.
//!
//! * In: samples in memory, the index of one of them and a random generator made for (seed, epoch, index).
//! * Out: one square [`Crop`]: normalised pixels, mask and the targets of that mask.
//! * Refuses by name: settings out of range, an index past the samples.
//!
//! Steps, in order: tone (a gain-control curve over the source image) -> window (rescale, reflect, normalise by the *whole* source image) -> flips and transpose -> paste ->
//! gain and offset -> stripes -> noise -> bad pixels -> clip. Every step after the window acts on normalised values, and
//! the clip comes last, as in a sensor. A crop depends on nothing but the settings, the samples and the generator, so a
//! resumed run sees the same crops as an unbroken one.

mod boxes;
mod paste;
mod radiometry;
mod settings;
mod symmetry;
mod tone;
mod window;

use invdet_core::ImageSize;
use invdet_net::normalise::{Affine, CLIP, Normalisation};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sha2::{Digest as _, Sha256};

pub use settings::Augment;

use crate::sample::fill;
use crate::{DataError, Sample, Target};
use window::Window;

/// One training input with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Crop {
    /// Side of the square, pixels.
    pub size: u32,
    /// Normalised values in raster order, within -8..=8.
    pub image: Vec<f32>,
    /// 1 on targets, 0 elsewhere, in raster order. Without `has_mask` the boxes of the targets, filled.
    pub mask: Vec<u8>,
    /// Whether `mask` tells which pixels are of a target; else no mask can be learned from this crop.
    pub has_mask: bool,
    /// Components of `mask`, in crop pixels: what the border cuts off is not in box or area. Without `has_mask` the
    /// labelled boxes, cut at the border; those of which less than a third is left are dropped.
    pub targets: Vec<Target>,
}

/// The generator of one crop: the first 16 bytes of SHA-256 over seed, epoch and index (little-endian) are its seed.
pub fn rng_for(seed: u64, epoch: u64, index: u64) -> Pcg64Mcg {
    let mut hash = Sha256::new();
    for part in [seed, epoch, index] {
        hash.update(part.to_le_bytes());
    }
    let mut state = [0; 16];
    for (to, from) in state.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    Pcg64Mcg::from_seed(state)
}

/// Makes crops; settings are checked once, here.
#[derive(Debug, Clone)]
pub struct Augmenter {
    augment: Augment,
    normalisation: Normalisation,
}

impl Augmenter {
    /// With settings that are in range.
    ///
    /// # Errors
    /// [`DataError::BadAugment`] names the first setting that is not.
    pub fn new(augment: Augment, normalisation: Normalisation) -> Result<Self, DataError> {
        augment.check()?;
        if let Normalisation::Fixed { std, .. } = normalisation
            && !(std.is_finite() && std > 0.0)
        {
            let wanted = "a positive number of counts";
            return Err(DataError::BadAugment {
                field: "normalisation.std",
                value: f64::from(std),
                wanted,
            });
        }
        Ok(Self {
            augment,
            normalisation,
        })
    }

    /// The settings.
    pub fn augment(&self) -> &Augment {
        &self.augment
    }

    /// One crop of `samples[index]`; the others only lend targets to paste.
    ///
    /// # Errors
    /// [`DataError::NoSample`] if there is no such sample.
    pub fn crop(
        &self,
        samples: &[Sample],
        index: usize,
        rng: &mut Pcg64Mcg,
    ) -> Result<Crop, DataError> {
        let sample = samples.get(index).ok_or(DataError::NoSample {
            index,
            samples: samples.len(),
        })?;
        let a = &self.augment;

        // No draw without a wish for it: the sequence of all that follows is that of runs before there was this step.
        let toned =
            (a.tone_prob > 0.0 && chance(rng, a.tone_prob)).then(|| tone::toned(sample, rng));
        let sample = toned.as_ref().unwrap_or(sample);

        let scale = if chance(rng, a.rescale_prob) {
            uniform(rng, a.rescale)
        } else {
            1.0
        };
        let window = Window::draw(sample, a.crop, scale, a.target_prob, a.jitter, rng);
        let mut image = window.image(sample, self.affine(sample));
        let size = ImageSize::new(a.crop, a.crop);
        let (mut mask, mut targets) = if sample.has_mask {
            (window.mask(sample), Vec::new())
        } else {
            let targets = window.targets(sample);
            (fill(&targets, size, 1), targets)
        };

        symmetry::draw(&mut image, &mut mask, &mut targets, a, rng);
        if chance(rng, a.paste_prob) {
            let times = rng.random_range(1..=a.paste_max);
            for _ in 0..times {
                let affine_of = |donor: &Sample| self.affine(donor);
                targets.extend(paste::paste(
                    &mut image, &mut mask, a, samples, affine_of, rng,
                ));
            }
        }
        radiometry::gain_and_offset(&mut image, uniform(rng, a.gain), uniform(rng, a.offset));
        if chance(rng, a.stripe_prob) {
            radiometry::stripes(&mut image, a.crop, a.stripe_max * radiometry::RANGE, rng);
        }
        if chance(rng, a.noise_prob) {
            let sigma = uniform(rng, [0.0, a.noise_max]) * radiometry::RANGE;
            radiometry::noise(&mut image, sigma, rng);
        }
        if chance(rng, a.bad_pixel_prob) {
            radiometry::bad_pixels(&mut image, &mask, a.bad_pixels_max, a.bad_pixel_step, rng);
        }
        for value in &mut image {
            *value = value.clamp(-CLIP, CLIP);
        }

        if sample.has_mask {
            targets = Target::of_mask(&mask, size, 0);
        }
        Ok(Crop {
            size: a.crop,
            image,
            mask,
            has_mask: sample.has_mask,
            targets,
        })
    }

    fn affine(&self, sample: &Sample) -> Affine {
        match self.normalisation {
            Normalisation::Robust => sample.robust,
            Normalisation::Fixed { mean, std } => Affine {
                median: mean,
                scale: std,
            },
        }
    }
}

/// True with a probability that [`Augment::check`] has seen.
fn chance(rng: &mut Pcg64Mcg, probability: f32) -> bool {
    rng.random::<f32>() < probability
}

/// Uniform in `[low, high)`.
fn uniform(rng: &mut Pcg64Mcg, [low, high]: [f32; 2]) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

#[cfg(test)]
mod tests;
