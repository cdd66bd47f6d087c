//! Copy-paste of targets from other samples.
//!
//! A target is taken with a margin and pasted by its *contrast* to its surround, so that the level of its old background
//! does not come along: where the weight is 1 the new pixel is the mean of the new surround plus the contrast, and a
//! Gaussian edge leads from there into the untouched background.

use invdet_net::normalise::Affine;
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::settings::Augment;
use crate::{Sample, TARGET_ABOVE, Target};

/// Draws of a free place before the paste is given up.
const TRIES: u32 = 8;

/// A target with its surround, cut out of its sample.
struct Patch {
    width: usize,
    height: usize,
    /// Centre of the target's box, pixels of the patch.
    target_x: f32,
    target_y: f32,
    /// Normalised values less the mean of the surround.
    contrast: Vec<f32>,
    /// Whether a pixel is of the target.
    is_target: Vec<bool>,
    /// 1 on the target, falling off around it, 0 on the rim.
    weight: Vec<f32>,
}

/// Pastes one target of a random sample to a random place free of targets, and says where; leaves the crop alone if there
/// is none, or if the sample has no mask to cut its targets out with.
pub(super) fn paste(
    image: &mut [f32],
    mask: &mut [u8],
    settings: &Augment,
    samples: &[Sample],
    affine_of: impl Fn(&Sample) -> Affine,
    rng: &mut Pcg64Mcg,
) -> Option<Target> {
    let side = settings.crop as usize;
    let donor = samples.get(rng.random_range(0..samples.len().max(1)))?;
    if donor.targets.is_empty() || !donor.has_mask {
        return None;
    }
    let target = donor
        .targets
        .get(rng.random_range(0..donor.targets.len()))?;
    if target.w.max(target.h) > settings.paste_box_max_px as f32 {
        return None;
    }
    let patch = Patch::cut(donor, target, affine_of(donor), settings.paste_edge_px)?;
    if patch.width > side || patch.height > side {
        return None;
    }
    for _ in 0..TRIES {
        let left = rng.random_range(0..=side - patch.width);
        let top = rng.random_range(0..=side - patch.height);
        let rows = || {
            (top..top + patch.height).map(|row| row * side + left..row * side + left + patch.width)
        };
        if rows().all(|row| {
            mask.get(row)
                .is_some_and(|part| part.iter().all(|&v| v == 0))
        }) {
            patch.blend(image, mask, rows());
            return Some(Target {
                x: left as f32 + patch.target_x,
                y: top as f32 + patch.target_y,
                ..*target
            });
        }
    }
    None
}

impl Patch {
    /// `None` if no pixel of the surround is free of targets.
    fn cut(donor: &Sample, target: &Target, affine: Affine, edge_px: f32) -> Option<Self> {
        // Three standard deviations of the edge, at least 2 px, so that the weight has died away and a surround is left.
        let margin = (3.0 * edge_px).ceil().max(2.0) as u32;
        let (left, top) = (
            (target.x - target.w / 2.0) as u32,
            (target.y - target.h / 2.0) as u32,
        );
        let (right, bottom) = (left + target.w as u32, top + target.h as u32);
        let columns = left.saturating_sub(margin)..(right + margin).min(donor.size.width);
        let rows = top.saturating_sub(margin)..(bottom + margin).min(donor.size.height);
        let (width, height) = (columns.len(), rows.len());

        let mut values = Vec::with_capacity(width * height);
        let mut of_any = Vec::with_capacity(width * height);
        for row in rows.clone() {
            let start = row as usize * donor.size.width as usize;
            let part = start + columns.start as usize..start + columns.end as usize;
            values.extend(
                donor
                    .counts
                    .get(part.clone())?
                    .iter()
                    .map(|&count| affine.apply_unclipped(count)),
            );
            of_any.extend(
                donor
                    .mask
                    .get(part)?
                    .iter()
                    .map(|&byte| byte > TARGET_ABOVE),
            );
        }
        // Neighbouring targets within the margin are left behind: only what lies in the box is taken.
        let in_box = |at: usize| {
            let (x, y) = (
                columns.start + (at % width) as u32,
                rows.start + (at / width) as u32,
            );
            (left..right).contains(&x) && (top..bottom).contains(&y)
        };
        let is_target: Vec<bool> = of_any
            .iter()
            .enumerate()
            .map(|(at, &any)| any && in_box(at))
            .collect();
        let surround = mean(
            values
                .iter()
                .zip(&of_any)
                .filter(|(_, any)| !**any)
                .map(|(value, _)| *value),
        )?;
        let weight = (0..values.len())
            .map(|at| {
                if of_any[at] && !is_target[at] {
                    0.0
                } else {
                    edge_weight(at, width, &is_target, edge_px)
                }
            })
            .collect();
        let contrast = values.iter().map(|value| value - surround).collect();
        Some(Self {
            width,
            height,
            target_x: target.x - columns.start as f32,
            target_y: target.y - rows.start as f32,
            contrast,
            is_target,
            weight,
        })
    }

    fn blend(
        &self,
        image: &mut [f32],
        mask: &mut [u8],
        rows: impl Iterator<Item = std::ops::Range<usize>> + Clone,
    ) {
        let places = rows.flatten();
        let level = mean(places.clone().filter_map(|at| image.get(at).copied())).unwrap_or(0.0);
        for (from, to) in places.enumerate() {
            if let (Some(value), Some(label)) = (image.get_mut(to), mask.get_mut(to)) {
                let weight = self.weight[from];
                *value += weight * (level + self.contrast[from] - *value);
                *label = u8::from(self.is_target[from]);
            }
        }
    }
}

/// `exp(-d^2 / 2 edge^2)` of the distance `d` to the nearest target pixel; 0 from three `edge` on.
fn edge_weight(at: usize, width: usize, is_target: &[bool], edge_px: f32) -> f32 {
    if is_target[at] {
        return 1.0;
    }
    let (x, y) = ((at % width) as i64, (at / width) as i64);
    let reach = (3.0 * edge_px).ceil() as i64;
    let mut nearest = f32::MAX;
    for row in (y - reach).max(0)..=y + reach {
        for column in (x - reach).max(0)..=(x + reach).min(width as i64 - 1) {
            if is_target.get(row as usize * width + column as usize) == Some(&true) {
                nearest = nearest.min(((row - y).pow(2) + (column - x).pow(2)) as f32);
            }
        }
    }
    if nearest < 9.0 * edge_px * edge_px {
        (-nearest / (2.0 * edge_px * edge_px)).exp()
    } else {
        0.0
    }
}

fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, n) = values.fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f32)
}
