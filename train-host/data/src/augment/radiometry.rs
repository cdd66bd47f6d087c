//! What a sensor does to pixel values: gain, offset, noise, stripes, bad pixels. All in normalised units.

use rand::{Rng as _, RngExt as _};
use rand_pcg::Pcg64Mcg;

/// Width of the normalised range, -8 to 8: what the fractions in the settings refer to.
pub(super) const RANGE: f32 = 2.0 * invdet_net::normalise::CLIP;

/// `gain * value + offset`: 0 is the median of the source image.
pub(super) fn gain_and_offset(image: &mut [f32], gain: f32, offset: f32) {
    for value in image {
        *value = gain * *value + offset;
    }
}

/// Adds independent noise of standard deviation `sigma` to every pixel.
pub(super) fn noise(image: &mut [f32], sigma: f32, rng: &mut Pcg64Mcg) {
    for value in image {
        *value += sigma * normal(rng);
    }
}

/// Adds one offset per column, or per row, of a standard deviation drawn from 0 to `sigma_max`.
pub(super) fn stripes(image: &mut [f32], side: u32, sigma_max: f32, rng: &mut Pcg64Mcg) {
    let sigma = super::uniform(rng, [0.0, sigma_max]);
    let along_columns = super::chance(rng, 0.5);
    let pattern: Vec<f32> = (0..side).map(|_| sigma * normal(rng)).collect();
    for (row, &of_row) in image.chunks_exact_mut(side as usize).zip(&pattern) {
        for (value, &of_column) in row.iter_mut().zip(&pattern) {
            *value += if along_columns { of_column } else { of_row };
        }
    }
}

/// Moves 1 to `most` single pixels up or down by a step drawn from `step`. Pixels of targets are spared.
pub(super) fn bad_pixels(
    image: &mut [f32],
    mask: &[u8],
    most: u32,
    step: [f32; 2],
    rng: &mut Pcg64Mcg,
) {
    for _ in 0..rng.random_range(1..=most) {
        let at = rng.random_range(0..image.len().max(1));
        let sign = if super::chance(rng, 0.5) { 1.0 } else { -1.0 };
        let step = sign * super::uniform(rng, step);
        if let (Some(value), Some(0)) = (image.get_mut(at), mask.get(at)) {
            *value += step;
        }
    }
}

/// Nearly Gaussian, mean 0 and variance 1: the sum of four uniform 16-bit numbers (Irwin-Hall), made of one draw.
///
/// Its tails end at 3.46 standard deviations; for noise in training that costs nothing and it is several times faster
/// than an exact draw.
fn normal(rng: &mut Pcg64Mcg) -> f32 {
    let draw = rng.next_u64();
    let sum: u64 = (0..4).map(|part| draw >> (16 * part) & 0xffff).sum();
    // Mean 2 * 65535; variance of one part (65536^2 - 1) / 12.
    const PER_SIGMA: f32 = 1.732_050_8 / 65536.0;
    (sum as f32 - 131_070.0) * PER_SIGMA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng_for;

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        (
            mean,
            (values
                .iter()
                .map(|&v| (f64::from(v) - mean).powi(2))
                .sum::<f64>()
                / n)
                .sqrt(),
        )
    }

    #[test]
    fn noise_has_the_asked_standard_deviation() {
        let mut image = vec![1.0; 100_000];
        noise(&mut image, 0.25, &mut rng_for(1, 0, 0));
        let (mean, sigma) = moments(&image);
        // Standard errors: 0.0008 and 0.0006.
        assert!(
            (mean - 1.0).abs() < 0.004 && (sigma - 0.25).abs() < 0.003,
            "mean {mean} sigma {sigma}"
        );
    }

    #[test]
    fn stripes_run_along_one_axis() {
        for seed in 0..20 {
            let mut image = vec![0.0; 64 * 64];
            stripes(&mut image, 64, 1.0, &mut rng_for(seed, 0, 0));
            let rows_equal = image.chunks(64).all(|row| row == &image[..64]);
            let rows_flat = image.chunks(64).all(|row| row.iter().all(|v| *v == row[0]));
            assert!(rows_equal != rows_flat, "seed {seed}");
        }
    }

    #[test]
    fn bad_pixels_are_few_and_spare_targets() {
        let mut mask = vec![0; 32 * 32];
        mask[..512].fill(1);
        let mut hit = 0;
        for seed in 0..100 {
            let mut image = vec![0.0; 32 * 32];
            bad_pixels(&mut image, &mask, 5, [2.0, 8.0], &mut rng_for(seed, 0, 0));
            assert!(image[..512].iter().all(|v| *v == 0.0));
            let bad = image.iter().filter(|v| **v != 0.0).count();
            assert!(bad <= 5);
            hit += bad;
        }
        // 300 draws on average, half of them on targets.
        assert!((100..200).contains(&hit), "{hit}");
    }

    #[test]
    fn gain_acts_before_offset() {
        let mut image = [2.0, -1.0];
        gain_and_offset(&mut image, 1.5, 0.25);
        assert_eq!(image, [3.25, -1.25]);
    }
}
