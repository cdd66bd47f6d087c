//! Robust normalisation of raw counts.
//!
//! * In: the counts of one whole frame (8 to 16 bit).
//! * Out: an [`Affine`] map from counts to the numbers that the network reads, clipped to [`CLIP`] on both sides.
//! * Refuses nothing: an empty or a flat frame gets the floor [`MIN_SCALE`] as its scale, so a flat frame becomes zeros.
//!
//! The network never sees the level or the gain of the sensor: `x' = (x - median) / max(1.4826 MAD, 2 counts)`.
//! 1.4826 makes the median absolute deviation (MAD) of Gaussian noise its standard deviation.

/// Bound of a normalised value on both sides; also bounds the range that INT8 has to cover.
pub const CLIP: f32 = 8.0;

/// Smallest scale, counts: below two grey levels of 8 bit there is only quantisation to stretch.
pub const MIN_SCALE: f32 = 2.0;

/// Standard deviation of Gaussian noise over its MAD: `1 / Phi^-1(3/4)`.
const SIGMA_PER_MAD: f32 = 1.4826;

/// Bins of one histogram: every `u16`.
const BINS: usize = 1 << 16;

/// Histograms filled in turn: neighbours of a thermal image are often equal, and four counters of one value
/// keep the processor from waiting for its own store.
const LANES: usize = 4;

/// From this span of counts on one histogram is used: neighbours are seldom equal, and four would not fit the cache.
const WIDE: usize = 4096;

/// Map from counts to normalised values; invertible except for the clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Counts that become 0.
    pub median: f32,
    /// Counts that become 1; positive.
    pub scale: f32,
}

impl Affine {
    /// Normalised value of one count, within -[`CLIP`]..=[`CLIP`].
    #[inline]
    pub fn apply(self, count: u16) -> f32 {
        self.apply_unclipped(count).clamp(-CLIP, CLIP)
    }

    /// Normalised value of one count without the clip, for steps that work before it (augmentation).
    #[inline]
    pub fn apply_unclipped(self, count: u16) -> f32 {
        (f32::from(count) - self.median) / self.scale
    }

    /// [`Affine::apply`] on each count, in order; stops at the end of the shorter slice.
    pub fn apply_to(self, counts: &[u16], values: &mut [f32]) {
        for (value, &count) in values.iter_mut().zip(counts) {
            *value = self.apply(count);
        }
    }
}

/// How counts become input values of the network.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub enum Normalisation {
    /// Median and MAD of each frame; independent of the sensor.
    #[default]
    Robust,
    /// Constants of a data set, to reproduce a published protocol.
    Fixed {
        /// Mean, counts.
        mean: f32,
        /// Standard deviation, counts; positive.
        std: f32,
    },
}

impl Normalisation {
    /// NUAA-SIRST as BasicIRSTD normalises it, grey levels of 8 bit (also its constants for the three sets joined).
    pub const NUAA_SIRST: Self = Self::Fixed {
        mean: 101.0639,
        std: 34.6196,
    };
    /// NUDT-SIRST as BasicIRSTD normalises it, grey levels of 8 bit.
    pub const NUDT_SIRST: Self = Self::Fixed {
        mean: 107.8091,
        std: 33.0227,
    };
    /// IRSTD-1K as BasicIRSTD normalises it, grey levels of 8 bit.
    pub const IRSTD_1K: Self = Self::Fixed {
        mean: 87.4662,
        std: 39.7195,
    };
    /// IRDST-real as BasicIRSTD normalises it, grey levels of 8 bit.
    pub const IRDST_REAL: Self = Self::Fixed {
        mean: 101.5405,
        std: 56.4986,
    };

    /// The map for one frame; `robust` is scratch that only [`Normalisation::Robust`] uses.
    pub fn affine(self, robust: &mut Robust, counts: &[u16]) -> Affine {
        match self {
            Self::Robust => robust.measure(counts),
            Self::Fixed { mean, std } => Affine {
                median: mean,
                scale: std,
            },
        }
    }
}

/// Measures median and MAD of frames; owns the histograms (1 MiB) so that no call allocates.
#[derive(Debug, Clone)]
pub struct Robust {
    /// [`LANES`] histograms; all zero between calls.
    lanes: Vec<[u32; BINS]>,
}

impl Default for Robust {
    fn default() -> Self {
        Self::new()
    }
}

impl Robust {
    /// Allocates the histograms.
    pub fn new() -> Self {
        Self {
            lanes: vec![[0; BINS]; LANES],
        }
    }

    /// Median and `max(1.4826 MAD, MIN_SCALE)` of all counts of a frame, both exact.
    ///
    /// For an even number of counts the median, of counts and of deviations alike, is the mean of the two middle
    /// values. No counts at all give median 0 and the smallest scale.
    pub fn measure(&mut self, counts: &[u16]) -> Affine {
        let empty = Affine {
            median: 0.0,
            scale: MIN_SCALE,
        };
        let [first, second, third, fourth] = self.lanes.as_mut_slice() else {
            return empty;
        };
        // Two plain folds are vectorised, `Iterator::min` and `max` are not.
        let low = usize::from(counts.iter().fold(u16::MAX, |low, &count| low.min(count)));
        let high = usize::from(counts.iter().fold(0, |high: u16, &count| high.max(count)));
        if counts.is_empty() {
            return empty;
        }
        if high - low < WIDE {
            let (groups, rest) = counts.as_chunks::<LANES>();
            for &[a, b, c, d] in groups {
                first[usize::from(a)] += 1;
                second[usize::from(b)] += 1;
                third[usize::from(c)] += 1;
                fourth[usize::from(d)] += 1;
            }
            for &count in rest {
                first[usize::from(count)] += 1;
            }
            for lane in [second, third, fourth] {
                for (sum, part) in first[low..=high].iter_mut().zip(&mut lane[low..=high]) {
                    *sum += std::mem::take(part);
                }
            }
        } else {
            for &count in counts {
                first[usize::from(count)] += 1;
            }
        }
        let histogram = &mut first[low..=high];
        let total = counts.len() as u64;
        let twice_median = twice_median(histogram, low, total);
        let four_times_mad = four_times_mad(histogram, low, twice_median, total);
        histogram.fill(0);
        // Both quotients are exact: at most 18 significant bits.
        let mad = four_times_mad as f32 / 4.0;
        Affine {
            median: twice_median as f32 / 2.0,
            scale: (SIGMA_PER_MAD * mad).max(MIN_SCALE),
        }
    }
}

/// Twice the median of counts whose histogram starts at bin `low`.
fn twice_median(histogram: &[u32], low: usize, total: u64) -> u64 {
    // The middle values are the ones of rank (n - 1) / 2 and n / 2, from 0.
    let (rank_a, rank_b) = ((total - 1) / 2, total / 2);
    let mut below = 0u64;
    let mut lower_middle = None;
    for (bin, &n) in histogram.iter().enumerate() {
        below += u64::from(n);
        let value = (low + bin) as u64;
        if lower_middle.is_none() && below > rank_a {
            lower_middle = Some(value);
        }
        if below > rank_b {
            return lower_middle.unwrap_or(value) + value;
        }
    }
    0
}

/// Four times the median of `|count - median|`.
///
/// Walks outwards from the median on both sides, always taking the nearer bin: deviations come sorted.
fn four_times_mad(histogram: &[u32], low: usize, twice_median: u64, total: u64) -> u64 {
    let (rank_a, rank_b) = ((total - 1) / 2, total / 2);
    // Index of the first bin not below the median.
    let start = (twice_median.div_ceil(2) as usize)
        .saturating_sub(low)
        .min(histogram.len());
    let (left, right) = histogram.split_at(start);
    let mut left = left
        .iter()
        .enumerate()
        .rev()
        .map(|(bin, &n)| (twice_median - 2 * (low + bin) as u64, n))
        .peekable();
    let mut right = right
        .iter()
        .enumerate()
        .map(|(bin, &n)| (2 * (low + start + bin) as u64 - twice_median, n))
        .peekable();
    let mut below = 0u64;
    let mut lower_middle = None;
    loop {
        let nearer = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) if l.0 <= r.0 => left.next(),
            (Some(_), None) => left.next(),
            (_, Some(_)) => right.next(),
            (None, None) => return 0,
        };
        let Some((twice_deviation, n)) = nearer else {
            return 0;
        };
        below += u64::from(n);
        if lower_middle.is_none() && below > rank_a {
            lower_middle = Some(twice_deviation);
        }
        if below > rank_b {
            return lower_middle.unwrap_or(twice_deviation) + twice_deviation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by sorting, in f64.
    fn by_sorting(counts: &[u16]) -> (f32, f32) {
        fn median(values: &mut [f64]) -> f64 {
            values.sort_by(f64::total_cmp);
            let n = values.len();
            (values[(n - 1) / 2] + values[n / 2]) / 2.0
        }
        let mut values: Vec<f64> = counts.iter().map(|&c| f64::from(c)).collect();
        let center = median(&mut values);
        let mut deviations: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
        (
            center as f32,
            (SIGMA_PER_MAD * median(&mut deviations) as f32).max(MIN_SCALE),
        )
    }

    /// Pseudo-random counts, the same on every run.
    fn counts(seed: u64, n: usize, base: u16, span: u64) -> Vec<u16> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                base + ((state >> 33) % span) as u16
            })
            .collect()
    }

    #[test]
    fn median_and_mad_equal_those_of_sorting() {
        let mut robust = Robust::new();
        for n in [1, 2, 3, 4, 5, 7, 8, 63, 64, 1001] {
            for (base, span) in [(0, 2), (0, 256), (6743, 400), (0, 65536), (65000, 536)] {
                for seed in 0..20 {
                    let counts = counts(seed, n, base, span);
                    let affine = robust.measure(&counts);
                    assert_eq!(
                        (affine.median, affine.scale),
                        by_sorting(&counts),
                        "n {n} base {base} span {span} seed {seed}"
                    );
                }
            }
        }
    }

    #[test]
    fn median_of_two_counts_is_their_mean() {
        let affine = Robust::new().measure(&[10, 21]);
        assert_eq!(affine.median, 15.5);
        assert_eq!(affine.scale, SIGMA_PER_MAD * 5.5);
    }

    #[test]
    fn flat_frame_becomes_zeros() {
        for level in [0, 1, 7000, u16::MAX] {
            let affine = Robust::new().measure(&vec![level; 640 * 512]);
            assert_eq!(
                affine,
                Affine {
                    median: f32::from(level),
                    scale: MIN_SCALE
                }
            );
            assert_eq!(affine.apply(level), 0.0);
        }
    }

    #[test]
    fn empty_frame_gets_the_smallest_scale() {
        assert_eq!(
            Robust::new().measure(&[]),
            Affine {
                median: 0.0,
                scale: MIN_SCALE
            }
        );
    }

    #[test]
    fn a_frame_leaves_no_trace_in_the_next() {
        let (first, second) = (counts(1, 5000, 0, 65536), counts(2, 333, 100, 50));
        let mut reused = Robust::new();
        reused.measure(&first);
        assert_eq!(reused.measure(&second), Robust::new().measure(&second));
        assert!(reused.lanes.iter().flatten().all(|&n| n == 0));
    }

    #[test]
    fn values_are_clipped_at_eight() {
        let affine = Affine {
            median: 100.0,
            scale: 2.0,
        };
        assert_eq!(affine.apply(u16::MAX), CLIP);
        assert_eq!(affine.apply(0), -CLIP);
        assert_eq!(affine.apply(101), 0.5);
        let mut values = [f32::NAN; 3];
        affine.apply_to(&[u16::MAX, 0, 101], &mut values);
        assert_eq!(values, [CLIP, -CLIP, 0.5]);
    }

    #[test]
    fn gain_and_level_of_the_sensor_do_not_matter() {
        let eight_bit = counts(5, 4001, 20, 200);
        let fourteen_bit: Vec<u16> = eight_bit.iter().map(|&c| 3000 + 16 * c).collect();
        let mut robust = Robust::new();
        let (a, b) = (robust.measure(&eight_bit), robust.measure(&fourteen_bit));
        for (&x, &y) in eight_bit.iter().zip(&fourteen_bit) {
            assert!((a.apply(x) - b.apply(y)).abs() < 1e-5);
        }
    }

    #[test]
    fn fixed_normalisation_uses_its_constants() {
        let affine = Normalisation::NUAA_SIRST.affine(&mut Robust::new(), &[1, 2, 3]);
        assert_eq!(
            affine,
            Affine {
                median: 101.0639,
                scale: 34.6196
            }
        );
        let robust = Normalisation::Robust.affine(&mut Robust::new(), &[1, 2, 3]);
        assert_eq!(
            robust,
            Affine {
                median: 2.0,
                scale: MIN_SCALE
            }
        );
    }

    /// Needs a release build: `cargo test --release -p invdet-net -- --ignored --nocapture time_of`.
    #[test]
    #[ignore = "a timing, meaningful in a release build only"]
    fn time_of_measure_at_640x512_is_below_half_a_millisecond() {
        let mut robust = Robust::new();
        let mut values = vec![0.0; 640 * 512];
        for (what, base, span) in [
            ("flat", 7000, 1),
            ("14-bit", 6743, 335),
            ("full 16-bit", 0, 65536),
        ] {
            let counts = counts(3, 640 * 512, base, span);
            let mut best = (f64::MAX, f64::MAX);
            for _ in 0..200 {
                let start = std::time::Instant::now();
                let affine = std::hint::black_box(robust.measure(std::hint::black_box(&counts)));
                best.0 = best.0.min(start.elapsed().as_secs_f64() * 1e3);
                let start = std::time::Instant::now();
                affine.apply_to(&counts, &mut values);
                std::hint::black_box(&values);
                best.1 = best.1.min(start.elapsed().as_secs_f64() * 1e3);
            }
            eprintln!(
                "{what}: measure {:.3} ms, apply_to {:.3} ms",
                best.0, best.1
            );
            assert!(best.0 < 0.5, "{what}: {:.3} ms", best.0);
        }
    }
}
