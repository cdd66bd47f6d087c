//! Tone-mapping jitter: the curve that a camera's gain control lays over its counts.
//!
//! * In: a sample of 8 or 16 bit.
//! * Out: the same sample with its counts mapped by a random rising curve from its smallest to its largest count, and
//!   the normalisation of the new counts, which is what the runtime would measure on such a picture.
//!
//! Half of the curves are a gamma, half a plateau equalisation (a histogram cut off at a plateau, summed up), which is
//! what thermal cores do to show 14 bit in 8. Each is mixed with the straight line, so that no contrast falls below a
//! fifth of what it was: a target must not vanish while its label stays.

use invdet_net::normalise::Robust;
use rand_pcg::Pcg64Mcg;

use crate::Sample;

/// Smallest and largest part of the curve in the mix.
const BLEND: [f32; 2] = [0.2, 0.8];

/// Gamma is 2 to the power of this, up or down.
const GAMMA_LOG2: f32 = 1.0;

/// The plateau is the mean height of the filled bins times 2 to the power of this, up or down.
const PLATEAU_LOG2: f32 = 2.0;

/// The sample under a random curve. Mask and targets are those of the original.
pub(super) fn toned(sample: &Sample, rng: &mut Pcg64Mcg) -> Sample {
    let mut toned = sample.clone();
    let (Some(&low), Some(&high)) = (sample.counts.iter().min(), sample.counts.iter().max()) else {
        return toned;
    };
    let table = curve(&sample.counts, low, high, rng);
    for count in &mut toned.counts {
        if let Some(&mapped) = table.get(usize::from(*count - low)) {
            *count = mapped;
        }
    }
    toned.robust = Robust::new().measure(&toned.counts);
    toned
}

/// New counts for `low..=high`: rising (equal counts where rounding makes them so), both ends as they were.
fn curve(counts: &[u16], low: u16, high: u16, rng: &mut Pcg64Mcg) -> Vec<u16> {
    let span = f64::from(high - low).max(1.0);
    let blend = f64::from(super::uniform(rng, BLEND));
    let shape: Vec<f64> = if super::chance(rng, 0.5) {
        let gamma = f64::from(super::uniform(rng, [-GAMMA_LOG2, GAMMA_LOG2])).exp2();
        (low..=high)
            .map(|count| (f64::from(count - low) / span).powf(gamma))
            .collect()
    } else {
        let plateau = f64::from(super::uniform(rng, [-PLATEAU_LOG2, PLATEAU_LOG2])).exp2();
        plateau_equalisation(counts, low, high, plateau)
    };
    let values = (low..=high).zip(shape);
    values
        .map(|(count, curved)| {
            let straight = f64::from(count - low) / span;
            let level = straight + blend * (curved - straight);
            low + (level * f64::from(high - low)).round() as u16
        })
        .collect()
}

/// The summed histogram of `low..=high`, bins cut off at `plateau` times the mean of the filled ones, from 0 to 1.
fn plateau_equalisation(counts: &[u16], low: u16, high: u16, plateau: f64) -> Vec<f64> {
    let mut bins = vec![0.0f64; usize::from(high - low) + 1];
    for &count in counts {
        if let Some(bin) = bins.get_mut(usize::from(count - low)) {
            *bin += 1.0;
        }
    }
    let filled = bins.iter().filter(|&&bin| bin > 0.0).count().max(1);
    let most = plateau * counts.len() as f64 / filled as f64;
    // Each bin counts half for the step into it and half for the step out of it, so that the ends are 0 and 1.
    let mut sum = 0.0;
    let mut before = None;
    for bin in &mut bins {
        let height = bin.min(most);
        sum += before.map_or(0.0, |before: f64| (before + height) / 2.0);
        before = Some(height);
        *bin = sum;
    }
    if sum > 0.0 {
        bins.iter_mut().for_each(|bin| *bin /= sum);
    }
    bins
}

#[cfg(test)]
mod tests {
    use invdet_core::ImageSize;

    use super::*;
    use crate::{Target, rng_for};

    /// 64x64 with a noisy ramp of the given depth and one bright target.
    fn sample(bits: u8, low: u16, high: u16) -> Sample {
        let size = ImageSize::new(64, 64);
        let span = u64::from(high - low);
        let at = |i: u64| {
            let noise = i.wrapping_mul(6_364_136_223_846_793_005) >> 56;
            low + ((i * span / 8192) + noise * span / 2048).min(span) as u16
        };
        let mut counts: Vec<u16> = (0..size.pixels() as u64).map(at).collect();
        counts[2080] = high;
        let mut mask = vec![0; counts.len()];
        mask[2080] = 255;
        Sample {
            set: "S".into(),
            name: "s".into(),
            size,
            bits,
            robust: Robust::new().measure(&counts),
            targets: Target::of_mask(&mask, size, 127),
            has_mask: true,
            mask,
            counts,
        }
    }
    fn samples() -> [Sample; 4] {
        [
            sample(8, 0, 255),
            sample(8, 90, 97),
            sample(16, 6743, 8200),
            sample(16, 0, u16::MAX),
        ]
    }

    #[test]
    fn order_of_counts_is_kept_and_the_ends_stay() {
        for sample in samples() {
            for seed in 0..40 {
                let toned = toned(&sample, &mut rng_for(seed, 0, 0));
                let mut pairs: Vec<_> = sample.counts.iter().zip(&toned.counts).collect();
                pairs.sort();
                assert!(pairs.is_sorted_by_key(|(_, after)| **after), "seed {seed}");
                for end in [0, pairs.len() - 1] {
                    assert_eq!(pairs[end].0, pairs[end].1, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn mask_and_targets_stay_and_the_normalisation_is_that_of_the_new_counts() {
        for sample in samples() {
            let mut changed = 0;
            for seed in 0..20 {
                let toned = toned(&sample, &mut rng_for(seed, 0, 0));
                assert_eq!(
                    (&toned.mask, &toned.targets),
                    (&sample.mask, &sample.targets)
                );
                assert_eq!((toned.size, toned.bits), (sample.size, sample.bits));
                assert_eq!(toned.robust, Robust::new().measure(&toned.counts));
                changed += usize::from(toned.counts != sample.counts);
            }
            // Of eight grey levels a mild curve moves none.
            assert!(changed >= 10, "{changed} of 20");
        }
    }

    #[test]
    fn contrast_never_falls_below_a_fifth() {
        let sample = sample(16, 6743, 8200);
        for seed in 0..40 {
            let table = curve(&sample.counts, 6743, 8200, &mut rng_for(seed, 1, 0));
            for step in table.windows(101).step_by(50) {
                // 100 counts become at least 20, less one of rounding.
                assert!(step[100] - step[0] >= 19, "seed {seed}");
            }
        }
    }

    #[test]
    fn plateau_stretches_where_the_pixels_are() {
        // Nine of ten pixels between 0 and 9, the rest between 10 and 99.
        let counts: Vec<u16> = (0..9000u16)
            .map(|i| i % 10)
            .chain((0..1000).map(|i| 10 + i % 90))
            .collect();
        let shape = plateau_equalisation(&counts, 0, 99, 1.0);
        assert!(shape[0] == 0.0 && (shape[99] - 1.0).abs() < 1e-9);
        // Bins of 900 are cut off at 100: 10 * 100 of 1000 + 1000.
        assert!((shape[10] - 0.5).abs() < 0.03, "{}", shape[10]);
    }

    #[test]
    fn flat_image_stays_flat() {
        let mut flat = sample(8, 0, 255);
        flat.counts.fill(77);
        assert_eq!(toned(&flat, &mut rng_for(1, 0, 0)).counts, flat.counts);
    }
}
